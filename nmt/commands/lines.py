"""Lines of UTF-8 text, in and out, such that nothing but their words can change."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nmt.errors import NmtError

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Line:
    """One line; before + text + after gives it back exactly."""

    before: str  # the byte-order mark, on a first line that has one
    text: str
    after: str  # "\n", "\r\n", or nothing at the end of the file


def read_lines(stream: BinaryIO, name: str) -> Iterator[Line]:
    """The lines of `stream`, split at line feeds only and read as they are asked for.

    Args:
        name: what an error message calls the stream.

    Raises:
        NmtError: a line is not UTF-8; the message has its number.
    """
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NmtError(
                f"{name}, line {number}: byte 0x{line[error.start]:02x} at position {error.start + 1} is not UTF-8; "
                "convert the text to UTF-8 first, for example with iconv"
            ) from None
        before = _BYTE_ORDER_MARK if number == 1 and text.startswith(_BYTE_ORDER_MARK) else ""
        body = text.removesuffix("\n")
        if body != text:
            body = body.removesuffix("\r")
        yield Line(before, body[len(before) :], text[len(body) :])


def as_one_line(translation: str, source: str) -> str:
    """`translation` without line breaks that `source` does not have: byte pieces let a model make any character."""
    for mark in "\n\r":
        if mark not in source:
            translation = translation.replace(mark, " ")
    return translation


@contextlib.contextmanager
def complete_file(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing so that it appears under its name only when the block ends without an error.

    What is not a regular file, such as /dev/stdout or a named pipe, is written to directly.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
        return
    unfinished = path.with_name(f".nmt-{os.getpid()}.part")
    try:
        stream = unfinished.open("wb")
    except OSError as error:
        raise NmtError(f"cannot write {path}: {error.strerror}") from None
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
