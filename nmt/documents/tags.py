"""Where the tags, the texts and the comments of an HTML page begin and end."""

import itertools
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Literal, NamedTuple

VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
Kind = Literal["open", "close", "void", "text", "other"]


class Event(NamedTuple):
    """A tag, a text, or something else such as a comment; attributes have their references resolved."""

    kind: Kind
    name: str
    raw: str
    attributes: dict[str, str]


class _Reader(HTMLParser):
    """Where each tag, text and comment begins."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[tuple[int, int], Kind, str, dict[str, str]]] = []

    def _add(self, kind: Kind, name: str = "", attributes: Sequence[tuple[str, str | None]] = ()) -> None:
        self.found.append((self.getpos(), kind, name, {key: value or "" for key, value in attributes}))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add("void" if tag in VOID else "open", tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add("void", tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._add("close", tag)

    def handle_data(self, data: str) -> None:
        self._add("text")

    def handle_comment(self, data: str) -> None:
        self._add("other")

    def handle_decl(self, decl: str) -> None:
        self._add("other")

    def unknown_decl(self, data: str) -> None:
        self._add("other")

    def handle_pi(self, data: str) -> None:
        self._add("other")


def read_events(page: str) -> Iterator[Event]:
    """What the page consists of; the raw texts together are the page."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    line_starts = [0, *(match.end() for match in re.finditer("\n", page))]
    starts = [line_starts[line - 1] + column for (line, column), *_ in reader.found]
    if starts and starts[0]:
        yield Event("other", "", page[: starts[0]], {})
    for (start, end), (_, kind, name, attributes) in zip(
        itertools.pairwise([*starts, len(page)]), reader.found, strict=True
    ):
        yield Event(kind, name, page[start:end], attributes)
