"""The files that a job reads: checked before it starts, and what their translations are called."""

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nmt.documents import Document, DocumentOptions, open_document, split_name
from nmt.errors import NmtError
from nmt.jobs.chunks import count_words
from nmt.jobs.journal import is_stream, real


@dataclass(frozen=True)
class Input:
    """A file that can be read from its first text to its last."""

    path: Path
    document: Document
    options: DocumentOptions
    sha256: str
    num_texts: int
    num_words: int


def check_input(path: Path, options: DocumentOptions, source_language: str, target_language: str) -> Input:
    """Read a file through once, so that what is wrong with it is found before an hour of translating.

    Raises:
        NmtError: it cannot be read as its format; the message says why.
        OSError: it cannot be read at all.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise NmtError(f"{path} is not a regular file; pipe it to standard input instead")
    document = open_document(path, options, source_language=source_language, target_language=target_language)
    sha256 = sha256_of(path)
    num_texts = num_words = 0
    for text in document.units():
        num_texts, num_words = num_texts + 1, num_words + count_words(text)
    return Input(path, document, options, sha256, num_texts, num_words)


def name_outputs(inputs: Iterable[Input], out: Path | None, into_folder: bool) -> list[tuple[Input, Path]]:
    """Each input, once, with the file that its translation goes to.

    Args:
        inputs: the files to be translated.
        out: where to; beside each input where None.
        into_folder: whether `out` is a folder, which is made where it is missing.

    Raises:
        NmtError: something would be overwritten.
    """
    if out is not None and into_folder and out.exists() and not out.is_dir():
        raise NmtError(f"{out} is a file, but several translations go into a folder: name one with --out")
    if out is not None and not into_folder and not out.parent.is_dir():
        raise NmtError(f"there is no folder {out.parent} for {out.name}; make it, or choose another --out")
    by_name = {os.path.abspath(source.path): source for source in inputs}  # two links to one file have a name each
    sources = {real(source.path) for source in by_name.values()}
    taken: dict[Path, Path] = {}
    pairs = []
    for source in by_name.values():
        if out is None or into_folder:
            stem, _ = split_name(source.path.name, source.options.format)
            target = (out or source.path.parent) / (stem + source.document.translated_suffix)
        else:
            target = out
        if real(target) in sources:
            raise NmtError(f"{target} would be overwritten by the translation of {source.path}; choose another --out")
        other = taken.setdefault(real(target), source.path)
        if other != source.path:
            raise NmtError(f"{other} and {source.path} would both be written to {target}; translate them one at a time")
        pairs.append((source, target))
    if out is not None and into_folder:
        out.mkdir(parents=True, exist_ok=True)
    return pairs


def check_written(written: Mapping[str, Path], read: Iterable[Path]) -> None:
    """Refuse outputs that would replace what is read, or one another.

    Args:
        written: paths by what a user calls them, such as "--report".
        read: everything that the job reads.

    Raises:
        NmtError: that is so.
    """
    reads = {real(path): path for path in read}
    names: dict[Path, str] = {}
    for name, path in written.items():
        if path.is_dir():
            raise NmtError(f"{path} is a folder; {name} needs the name of a file")
        if is_stream(path):
            continue
        if real(path) in reads or any(_is_same_file(path, other) for other in reads.values()):
            raise NmtError(f"{path} is read as well and would be replaced; choose another name for {name}")
        other = names.setdefault(real(path), name)
        if other != name:
            raise NmtError(f"{other} and {name} are both {path}; give each a name of its own")


def standard_input() -> list[Path]:
    """The file that standard input is, where it is one and the system tells."""
    try:
        link = Path(f"/proc/self/fd/{sys.stdin.fileno()}")
    except OSError:  # no stream of the system
        return []
    return [real(link)] if link.is_file() else []


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one is not there
        return False


def explain(error: NmtError | OSError) -> str:
    """An error as one line."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return f"{error.filename}: {reason}" if error.filename else reason
    return " ".join(str(error).split())


def sha256_of(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
