"""What the Python reference has to know of how docstrings and options are written here."""

import ast
import re
import textwrap
from typing import Any

import griffe


class ExampleCode(griffe.Extension):
    """Shows the examples of docstrings as code."""

    def on_instance(self, *, obj: griffe.Object, **about: Any) -> None:
        """Called by Griffe for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = re.sub(
                r"^Example:\n((?: {4}.*(?:\n|\Z)|\n)+)", _fenced, obj.docstring.value, flags=re.M
            )


def _fenced(example: re.Match[str]) -> str:
    return f"\n```python\n{textwrap.dedent(example[1]).strip()}\n```\n"


class OptionFields(griffe.Extension):
    """Reads `option(default, "meaning", useful)` as a default and a docstring, without importing anything."""

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, **about: Any) -> None:
        """Called by Griffe for every attribute of a class."""
        call = getattr(node, "value", None)
        if not isinstance(node, ast.AnnAssign) or not isinstance(call, ast.Call):
            return
        if getattr(call.func, "id", "") == "option" and len(call.args) >= 2:
            attr.docstring = griffe.Docstring(_meaning(call.args), parent=attr)
            attr.value = ast.unparse(call.args[0])
        elif getattr(call.func, "id", "") == "field":
            attr.value = None


def _meaning(arguments: list[ast.expr]) -> str:
    meaning = str(ast.literal_eval(arguments[1]))
    try:
        useful = ast.literal_eval(arguments[2]) if len(arguments) > 2 else ()
    except ValueError:  # a name: the meaning lists the choices, or the class checks them
        useful = ()
    said = f"{meaning[0].upper()}{meaning[1:]}."
    if useful and isinstance(useful[0], int | float):
        said += f" Useful: {useful[0]:g} to {useful[1]:g}."
    elif useful:
        said += f" One of {', '.join(map(str, useful))}."
    return said
