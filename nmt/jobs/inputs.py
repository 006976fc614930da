"""The files that a job reads: checked before it starts, and what their translations are called."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nmt.documents import Document, DocumentOptions, open_document, split_name
from nmt.errors import NmtError
from nmt.jobs.chunks import count_words


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


def name_outputs(
    inputs: Iterable[Input], out: Path | None, into_folder: bool, others: Iterable[Path] = ()
) -> list[tuple[Input, Path]]:
    """Each input, once, with the file that its translation goes to.

    Args:
        inputs: the files to be translated.
        out: where to; beside each input where None.
        into_folder: whether `out` is a folder, which is made where it is missing.
        others: files that are written as well.

    Raises:
        NmtError: something would be overwritten.
    """
    if out is not None and into_folder and out.exists() and not out.is_dir():
        raise NmtError(f"{out} is a file, but several translations go into a folder: name one with --out")
    if out is not None and not into_folder and not out.parent.is_dir():
        raise NmtError(f"there is no folder {out.parent} for {out.name}; make it, or choose another --out")
    sources = {source.path.resolve(): source for source in inputs}
    taken: dict[Path, Path] = {}
    pairs = []
    for source in sources.values():
        if out is None or into_folder:
            stem, _ = split_name(source.path.name, source.options.format)
            target = (out or source.path.parent) / (stem + source.document.translated_suffix)
        else:
            target = out
        if target.resolve() in sources:
            raise NmtError(f"{target} would be overwritten by the translation of {source.path}; choose another --out")
        other = taken.setdefault(target.resolve(), source.path)
        if other != source.path:
            raise NmtError(f"{other} and {source.path} would both be written to {target}; translate them one at a time")
        pairs.append((source, target))
    for path in others:
        if path.resolve() in sources or path.resolve() in taken:
            raise NmtError(f"{path} is read or written as well; choose another name for the report or the scores")
    if out is not None and into_folder:
        out.mkdir(parents=True, exist_ok=True)
    return pairs


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
