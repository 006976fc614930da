"""Lines of UTF-8 text, in and out, such that nothing but their words can change."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nmt.errors import NmtError
from nmt.jobs.chunks import as_one_line

__all__ = ["Line", "as_one_line", "names_folder", "read_lines"]

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


def names_folder(out: str | None) -> bool:
    """Whether the place to write to is a folder, there or to be made."""
    return out is not None and (out.endswith(("/", os.sep)) or Path(out).is_dir())
