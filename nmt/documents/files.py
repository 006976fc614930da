"""Text from files and back into files, with the byte-order mark, the encoding and the compression they have."""

import codecs
import contextlib
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from nmt.errors import DocumentError
from nmt.text.encoding import UTF16, unmarked_utf16

_MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = 2048  # bytes in which a file names its encoding
_UNDECODED = re.compile("[\udc80-\udcff]")


class TextFile:
    """A text file, maybe compressed, whose line breaks are left as they are.

    Args:
        path: where it is; compressed if its name ends in .gz.
        declared: finds the name of the encoding in the first bytes of a file, for formats that tell.
        references: whether what that encoding cannot write becomes a character reference, &#12354;. Otherwise the
            file is written as UTF-8.

    Raises:
        DocumentError: it cannot be read.
    """

    def __init__(self, path: Path, declared: Callable[[bytes], str | None] | None = None, *, references: bool = False):
        self.path = path
        self._references = references
        self._errors = "replace"  # only for halves of a character
        with self._open() as stream:
            head = stream.read(_HEAD)
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                self._mark, self.encoding = mark, encoding
                return
        self._mark = b""
        if unmarked := unmarked_utf16(head, is_all=len(head) < _HEAD):
            self.encoding = unmarked
            return
        self.encoding = "utf-8"
        name = declared(head) if declared else None
        if name:
            try:
                self.encoding = codecs.lookup(name).name
            except LookupError:
                raise DocumentError(f'{path} says that its encoding is "{name}", which is unknown') from None
            if self.encoding.startswith(("utf-16", "utf-32")):
                self.encoding = "utf-8"  # without a mark it could not have been read so far
            if references:
                self._errors = "xmlcharrefreplace"

    def lines(self) -> Iterator[str]:
        """Each line with its end: LF, CR LF, CR, or nothing at the end of the file."""
        with self._open() as stream:
            stream.read(len(self._mark))
            try:
                with io.TextIOWrapper(stream, self.encoding, newline="") as lines:
                    yield from lines
            except UnicodeDecodeError as error:
                raise self._undecodable(error) from None

    def read(self) -> str:
        """All of it."""
        data = read_bytes(self.path)[len(self._mark) :]
        try:
            return data.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from None

    def write(self, pieces: Iterable[str], out: BinaryIO) -> None:
        """Write text as this file is written."""
        encoding = self.encoding if self._mark or self._references or self.encoding in UTF16 else "utf-8"
        encoded = (piece.encode(encoding, self._errors) for piece in pieces)
        write_bytes(itertools.chain([self._mark], encoded), out, self.path)

    @contextlib.contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with readable(self.path), self.path.open("rb") as stream:
            yield gzip.GzipFile(fileobj=stream) if is_compressed(self.path) else stream  # type: ignore[misc]

    def _undecodable(self, error: UnicodeDecodeError) -> DocumentError:
        """Says in which line; a reader that takes many at a time does not know."""
        place = ""
        with self._open() as stream:
            stream.read(len(self._mark))
            escaping = io.TextIOWrapper(stream, self.encoding, errors="surrogateescape", newline="")
            with escaping as lines, contextlib.suppress(UnicodeDecodeError):
                place = next((f", line {n}" for n, line in enumerate(lines, start=1) if _UNDECODED.search(line)), "")
        name = self.encoding.upper()
        byte = error.object[error.start]
        return DocumentError(
            f"{self.path}{place}: byte 0x{byte:02x} is not {name} ({error.reason}); convert the file to UTF-8 first,"
            " for example with: iconv -f WINDOWS-1252 -t UTF-8"
        )


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked where its name ends in .gz.

    Raises:
        DocumentError: it cannot be read.
    """
    with readable(path):
        data = path.read_bytes()
        return gzip.decompress(data) if is_compressed(path) else data


def write_bytes(chunks: Iterable[bytes], out: BinaryIO, path: Path) -> None:
    """Write what belongs to a file, packed where that file is."""
    if not is_compressed(path):
        out.writelines(chunks)
        return
    # Neither the time nor a name: the same text always gives the same bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as compressed:
        compressed.writelines(chunks)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """What goes wrong when a file is read becomes a DocumentError."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DocumentError(f"{path} is damaged, or not compressed with gzip: {error}") from None
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}") from None


def is_compressed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")
