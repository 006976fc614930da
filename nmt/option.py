"""Options as dataclasses: fields that say what they mean, so that a recipe can be printed with every option explained,
and the reading of values into them.
"""

import dataclasses
import difflib
import typing
from dataclasses import Field, dataclass, field
from typing import Any, TypeVar

from nmt.errors import ConfigError

T = TypeVar("T")
_KEY = "documentation"


@dataclass(frozen=True)
class Documentation:
    """What a reader should know of a field."""

    meaning: str
    useful: tuple[Any, ...] = ()  # of a number: from and to; of a text: the choices; empty: whatever its type allows
    rare: bool = False  # seldom worth changing: only `nmt config --full` shows it
    example: Any = None  # for a field without a default


def option(default: T, meaning: str, useful: tuple[Any, ...] = (), *, rare: bool = False) -> T:
    """A field with a default; see `Documentation`."""
    made: T = field(default=default, metadata=documented(meaning, useful, rare=rare))
    return made


def documented(
    meaning: str, useful: tuple[Any, ...] = (), *, rare: bool = False, example: Any = None
) -> dict[str, Documentation]:
    """The `metadata` of a field; see `Documentation`."""
    return {_KEY: Documentation(meaning, useful, rare, example)}


def documentation(of: "Field[Any]") -> Documentation | None:
    """What was said about a field; None where nothing was."""
    return of.metadata.get(_KEY)


def check_seed(seed: int, name: str) -> None:
    """Refuse what one of the generators that are seeded does not take."""
    check(0 <= seed < 2**32, f"{name} must be from 0 to {2**32 - 1:,}, not {seed:,}")


def check(condition: bool, message: str) -> None:
    """Refuse a value that an option cannot have.

    Raises:
        ConfigError: with the message, where the condition does not hold.
    """
    if not condition:
        raise ConfigError(message)


def from_dict(kind: type, values: dict[str, Any], where: str) -> Any:
    """Build the dataclass `kind` from `values`, checking every key and type.

    Args:
        kind: a dataclass.
        values: its fields by name; nested dataclasses are dictionaries.
        where: what an error message calls the place, such as `en-ja.toml [model]`.

    Raises:
        ConfigError: an unknown key (the nearest known one is named), a missing one, or a value of another type.
    """
    hints = typing.get_type_hints(kind)
    result: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known: {', '.join(hints)}"
            raise ConfigError(f'{where}: unknown key "{key}"{hint}')
        wanted = hints[key]
        if dataclasses.is_dataclass(wanted):
            if not isinstance(value, dict):
                raise ConfigError(f'{where}: "{key}" must be a table')
            result[key] = from_dict(typing.cast(type, wanted), value, f"{where} [{key}]")
        elif typing.get_origin(wanted) is tuple:
            # one value stands for a list of one, and an empty text for none
            items = value if isinstance(value, list | tuple) else [value] if value != "" else []
            item = typing.get_args(wanted)[0]
            result[key] = tuple(_checked(item, one, where, f'every item of "{key}"') for one in items)
        else:
            result[key] = _checked(wanted, value, where, f'"{key}"')
    missing = [
        f.name
        for f in dataclasses.fields(kind)
        if f.name not in result and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing {', '.join(missing)}")
    return kind(**result)


def _checked(wanted: type, value: Any, where: str, what: str) -> Any:
    if wanted is float and type(value) in (int, float):
        return float(value)
    if type(value) is not wanted:
        raise ConfigError(f"{where}: {what} must be {wanted.__name__}, not {value!r}")
    return value
