"""Fields of a dataclass that say what they mean, so that a recipe can be printed with every option explained."""

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


def check(condition: bool, message: str) -> None:
    """Refuse a value that an option cannot have.

    Raises:
        ConfigError: with the message, where the condition does not hold.
    """
    if not condition:
        raise ConfigError(message)
