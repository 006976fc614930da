"""The recipe that `nmt config` prints: every option with its default, meaning and useful range."""

import dataclasses
import inspect
import json
import textwrap
import typing
from dataclasses import Field
from typing import Any

from nmt.config import Recipe
from nmt.option import documentation

_HEAD = """\
A recipe: everything that makes one model. Train it with: nmt train FILE

What is left out has the default that stands here."""


def recipe_text(full: bool = False) -> str:
    """A TOML recipe with every default; read back, it is the default recipe with the languages of an example.

    Args:
        full: also the options that are seldom worth changing.
    """
    lines = [*_comment(_HEAD), ""]
    tables = []
    hints = typing.get_type_hints(Recipe)
    for field in dataclasses.fields(Recipe):
        if dataclasses.is_dataclass(hints[field.name]):
            tables.append((field.name, typing.cast(type, hints[field.name])))
        elif _is_shown(field, full):
            lines += _entry(field)
    for name, kind in tables:
        fields = dataclasses.fields(kind)
        shown = [field for field in fields if _is_shown(field, full)]
        lines += ["", *_comment(inspect.cleandoc(kind.__doc__ or "")), f"[{name}]"]
        for field in shown:
            lines += _entry(field)
        if hidden := [field.name for field in fields if field not in shown]:
            lines += _comment(f"Seldom changed, see nmt config --full: {', '.join(hidden)}")
    return "\n".join(lines) + "\n"


def _is_shown(field: "Field[Any]", full: bool) -> bool:
    about = documentation(field)
    return full or about is None or not about.rare


def _entry(field: "Field[Any]") -> list[str]:
    about = documentation(field)
    value = about.example if about and field.default is dataclasses.MISSING else field.default
    said = [about.meaning] if about else []
    if about and about.useful:
        said.append(_range(value, about.useful))
    elif isinstance(value, bool):
        said.append("true or false")
    return [*_comment("; ".join(said)), f"{field.name} = {toml(value)}"]


def _range(value: Any, useful: tuple[Any, ...]) -> str:
    if isinstance(value, str):
        return f"one of {', '.join(map(toml, useful))}"
    return f"useful: {useful[0]:g} to {useful[1]:g}"


def _comment(text: str) -> list[str]:
    paragraphs = [textwrap.wrap(paragraph, 98) for paragraph in text.split("\n\n")]
    lines = [line for paragraph in paragraphs for line in ["", *paragraph]][1:]
    return [f"# {line}".rstrip() for line in lines]


def toml(value: Any) -> str:
    """A value as TOML spells it.

    Raises:
        TypeError: a kind of value that no recipe has.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    raise TypeError(f"a recipe cannot hold {value!r}")
