"""Plain text: every line is a unit, or every paragraph."""

import re
from collections.abc import Iterator

from nmt import languages
from nmt.documents.files import TextFile
from nmt.documents.parts import Job, Part, Slot, TextDocument, margins, one_line
from nmt.documents.wrapping import join_lines

_LIST_ITEM = re.compile(r"\s*(?:[-*•–]|\(?(?:\d{1,3}|[A-Za-z])[.)])\s")


def open_file(job: Job) -> TextDocument:
    file = TextFile(job.path)
    if job.options.unwrap:
        uses_spaces = languages.language(job.source_language).uses_spaces
        return TextDocument(file, job.suffix, lambda: _paragraphs(file.lines(), uses_spaces))
    return TextDocument(file, job.suffix, lambda: _lines(file.lines()))


def _lines(lines: Iterator[str]) -> Iterator[Part]:
    for line in lines:
        yield from _line(line)


def _line(line: str) -> Iterator[Part]:
    before, core, after = margins(line)
    yield before
    if core:
        yield Slot((core,), core, lambda new: one_line(new[0], core))
    yield after


def _paragraphs(lines: Iterator[str], uses_spaces: bool) -> Iterator[Part]:
    """Lines up to an empty one, or to one that begins an item of a list, are one."""
    waiting: list[str] = []
    for line in lines:
        if waiting and (not line.strip() or _LIST_ITEM.match(line)):
            yield from _paragraph(waiting, uses_spaces)
            waiting = []
        if line.strip():
            waiting.append(line)
        else:
            yield line
    if waiting:
        yield from _paragraph(waiting, uses_spaces)


def _paragraph(lines: list[str], uses_spaces: bool) -> Iterator[Part]:
    before, _, _ = margins(lines[0])
    _, _, after = margins(lines[-1])
    text = join_lines([line.strip() for line in lines], uses_spaces)
    yield before
    yield Slot((text,), text, lambda new: one_line(new[0], text))
    yield after
