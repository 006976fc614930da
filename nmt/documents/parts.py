"""A text file as what stays and what is translated."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nmt.documents.files import TextFile
from nmt.errors import DocumentError


@dataclass(frozen=True)
class DocumentOptions:
    """What of a file to translate, and how to read it.

    Args:
        columns: names of the columns of a table that are translated.
        fields: of JSON, the paths of the values that are translated, such as "title", "meta.title" or "items.*.text",
            where * is any key or index, and an index may also be left out; every text where empty.
        unwrap: whether a paragraph of plain text that is broken into lines is translated, and written, as one line.
        format: a format's name, in place of the end of the file's name.
    """

    columns: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    unwrap: bool = False
    format: str = ""


@dataclass(frozen=True)
class Job:
    """What a format's module needs to know to open a file."""

    path: Path
    format: str
    options: DocumentOptions
    source_language: str
    target_language: str
    suffix: str


@dataclass(frozen=True)
class Slot:
    """A place of translated text.

    Attributes:
        texts: its units.
        raw: how it is written in the file.
        render: how it is written with other texts, as many as there were.
    """

    texts: tuple[str, ...]
    raw: str
    render: Callable[[Sequence[str]], str]


Part = str | Slot  # a string stays as it is


class TextDocument:
    """A document whose parts, one after the other, are the text of the file."""

    def __init__(self, file: TextFile, suffix: str, parse: Callable[[], Iterable[Part]]):
        self._file, self._parse, self.translated_suffix = file, parse, suffix

    def units(self) -> Iterator[str]:
        return units_of(self._parse())

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        self._file.write(fill(self._parse(), translations, self._file.path), out)


def units_of(parts: Iterable[Part]) -> Iterator[str]:
    """The texts of all slots."""
    for part in parts:
        if isinstance(part, Slot):
            yield from part.texts


def fill(parts: Iterable[Part], translations: Iterator[str], path: Path) -> Iterator[str]:
    """The parts as text, with every slot filled; what does not change is written as it was."""
    for part in parts:
        if isinstance(part, str):
            yield part
        else:
            new = take(translations, len(part.texts), path)
            yield part.raw if new == part.texts else part.render(new)
    check_finished(translations, path)


def take(translations: Iterator[str], number: int, path: Path) -> tuple[str, ...]:
    """The next translations.

    Raises:
        DocumentError: there are not that many.
    """
    new = tuple(itertools.islice(translations, number))
    if len(new) < number:
        raise DocumentError(f"{path}: there are fewer translations than texts; did the file change meanwhile?")
    return new


def check_finished(translations: Iterator[str], path: Path) -> None:
    """Raise DocumentError where a translation is left over."""
    if next(translations, None) is not None:
        raise DocumentError(f"{path}: there are more translations than texts; did the file change meanwhile?")


def margins(text: str) -> tuple[str, str, str]:
    """White space, what is between, white space."""
    core = text.strip()
    start = text.index(core) if core else len(text)
    return text[:start], core, text[start + len(core) :]


def slot(text: str, raw: str, write: Callable[[str], str]) -> Part:
    """One text that is written as `raw`, as a part; white space at its ends is no part of its unit."""
    before, core, after = margins(text)
    if not core:
        return raw
    return Slot((core,), raw, lambda new: write(before + new[0] + after))


_BREAK = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def one_line(translation: str, source: str = "") -> str:
    """The translation without line breaks of a kind that `source` does not have."""
    return _BREAK.sub(lambda match: match.group() if match.group() in source else " ", translation)
