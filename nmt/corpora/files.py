"""Lines of text files, plain or compressed with gzip, checked while they are read."""

import gzip
import shutil
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from nmt.errors import CorpusError
from nmt.text.encoding import unmarked_utf16

CHUNK = 10_000  # pairs read at a time
Chunk = tuple[list[str], list[str]]  # sources and their translations

_BOM = "\ufeff".encode()


def suffix_of(file: Path) -> str:
    """The ending that tells the format: ".tsv" of `a.tsv` and of `a.tsv.gz`."""
    return Path(file.stem).suffix if file.suffix == ".gz" else file.suffix


def existing(file: Path) -> Path:
    """`file`, or the same with .gz where only that is there."""
    packed = file.with_name(f"{file.name}.gz")
    return packed if packed.is_file() and not file.exists() else file


def lines(file: Path) -> Iterator[str]:
    """The lines of a file. Only a newline ends one; a carriage return before it and a byte order mark are dropped.

    Raises:
        CorpusError: the file is missing, empty, not UTF-8, or ends in .gz and is not gzip.
    """
    number = 0
    try:
        with gzip.open(file) if file.suffix == ".gz" else open(file, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if number == 1:
                    line = line.removeprefix(_BOM)
                    if not line:
                        raise _empty(file)
                    if unmarked_utf16(line):
                        raise CorpusError(f"{file}, line 1: not UTF-8 but, it seems, UTF-16; convert the file to UTF-8")
                yield line.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{file}, line {number:,}: not UTF-8 (byte 0x{error.object[error.start]:02x}); convert the file to UTF-8"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(file, error) from None
    if not number:
        raise _empty(file)


def pair_chunks(source_file: Path, target_file: Path) -> Iterator[Chunk]:
    """The pairs of two files whose lines translate each other.

    Raises:
        CorpusError: a file that is missing, empty or not UTF-8, or files of different lengths.
    """
    sides = lines(source_file), lines(target_file)
    num_read = 0
    while True:
        sources, targets = (list(islice(side, CHUNK)) for side in sides)
        if len(sources) != len(targets):
            counts = [
                num_read + len(texts) + sum(1 for _ in side)
                for texts, side in zip((sources, targets), sides, strict=True)
            ]
            raise CorpusError(
                f"{source_file} has {counts[0]:,} lines and {target_file} has {counts[1]:,}; "
                "line n of one must translate line n of the other"
            )
        if not sources:
            return
        yield sources, targets
        num_read += len(sources)


def unpacked(file: Path, folder: Path) -> Path:
    """The file itself, or what gzip packed into it, unpacked into `folder`.

    Raises:
        CorpusError: it ends in .gz and is not gzip, or cannot be read.
    """
    if file.suffix != ".gz":
        return file
    plain = folder / f"unpacked{suffix_of(file)}"
    try:
        with gzip.open(file) as packed, open(plain, "wb") as stream:
            shutil.copyfileobj(packed, stream, 1 << 20)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(file, error) from None
    return plain


def _empty(file: Path) -> CorpusError:
    return CorpusError(f"{file} is empty")


def unreadable(file: Path, error: Exception) -> CorpusError:
    """What is to be said of a file that the system, or gzip, could not read."""
    if isinstance(error, FileNotFoundError):
        return CorpusError(f"no such file: {file}")
    if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
        return CorpusError(f"{file} cannot be unpacked: {error}; is it gzip, and whole?")
    return CorpusError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}")
