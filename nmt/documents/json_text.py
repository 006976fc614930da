"""JSON and JSON Lines: strings are replaced where they stand, and everything between them stays."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

from nmt.documents.files import TextFile
from nmt.documents.parts import Job, Part, TextDocument, slot
from nmt.errors import DocumentError

Place = tuple[str | int, ...]  # the keys and indices that lead to a value

_TOKEN = re.compile(r'[{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ESCAPED_LETTER = re.compile(r"\\u(?!00[0-7])[0-9a-fA-F]{4}")
_HALF = re.compile("[\ud800-\udfff]")
_MAX_LISTED = 20


def open_file(job: Job) -> TextDocument:
    file = TextFile(job.path)
    records = _lines if job.format == "jsonl" else _whole
    return TextDocument(file, job.suffix, lambda: _parts(job, records(file)))


def _whole(file: TextFile) -> Iterator[tuple[int, str]]:
    yield 0, file.read()


def _lines(file: TextFile) -> Iterator[tuple[int, str]]:
    yield from enumerate(file.lines())


def _parts(job: Job, records: Iterator[tuple[int, str]]) -> Iterator[Part]:
    """The parts of each record, which begins so many lines below the first."""
    patterns = tuple(tuple(field.split(".")) for field in job.options.fields)
    found: set[tuple[str, ...]] = set()
    listed: dict[str, None] = {}
    for line, text in records:
        if text.strip():
            _check(text, line, job.path)
        done = 0
        ascii_only = text.isascii() and _ESCAPED_LETTER.search(text) is not None
        for start, end, place in _strings(text):
            matching = {pattern for pattern in patterns if _matches(pattern, place)}
            found |= matching
            if len(found) < len(patterns) and len(listed) < _MAX_LISTED:
                listed[".".join("*" if isinstance(step, int) else step for step in place)] = None
            if matching or not patterns:
                yield text[done:start]
                yield _value(text[start:end], ascii_only)
                done = end
        yield text[done:]
    missing = [".".join(pattern) for pattern in patterns if pattern not in found]
    if missing and listed:
        raise DocumentError(f'{job.path} has no text at "{missing[0]}"; it has texts at: {", ".join(listed)}')


def _value(raw: str, ascii_only: bool) -> Part:
    def write(new: str) -> str:
        written = json.dumps(new, ensure_ascii=ascii_only or _HALF.search(new) is not None)
        return written.replace("/", "\\/") if "\\/" in raw else written

    return slot(_HALF.sub("\ufffd", json.loads(raw)), raw, write)


def _check(text: str, line: int, path: Path) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {line + error.lineno}, column {error.colno}"
        raise DocumentError(f"{path}, {place}: this is not JSON: {error.msg}; correct it there") from None
    except RecursionError:
        raise DocumentError(f"{path}, line {line + 1}: this JSON is nested too deeply to be read") from None
    except ValueError as error:  # a number of thousands of digits
        raise DocumentError(f"{path}, line {line + 1}: this JSON cannot be read: {error}") from None


def _strings(text: str) -> Iterator[tuple[int, int, Place]]:
    """Where the strings of a JSON text that are values begin and end, and the places they have."""
    place: list[str | int] = []
    in_object: list[bool] = []
    is_key = False
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in ("{", "["):
            place.append("" if sign == "{" else 0)
            in_object.append(sign == "{")
            is_key = sign == "{"
        elif sign in ("}", "]"):
            place.pop()
            in_object.pop()
            is_key = False
        elif sign == ",":
            last = place[-1]
            is_key = isinstance(last, str)
            if isinstance(last, int):
                place[-1] = last + 1
        elif sign == ":":
            is_key = False
        elif is_key and in_object[-1]:
            place[-1] = str(json.loads(sign))
        else:
            yield *token.span(), tuple(place)


@functools.lru_cache(maxsize=10_000)
def _matches(pattern: tuple[str, ...], place: Place) -> bool:
    """Whether the pattern leads to this place; it may pass over indices. A key with dots is several of its parts."""
    reached = {0}  # so many parts of the pattern can lead to here
    for step in place:
        on = {k + 1 for k in reached if pattern[k : k + 1] == ("*",)}
        on |= {k + n for k in reached for n in [str(step).count(".") + 1] if ".".join(pattern[k : k + n]) == str(step)}
        reached = on | reached if isinstance(step, int) else on
    return len(pattern) in reached
