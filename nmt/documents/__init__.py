"""Files of many formats as texts to translate, and the same files again with the translations in their place.

Example:
    document = open_document(Path("novel.txt"), source_language="en", target_language="ja")
    translations = (translate(text) for text in document.units())
    with open("novel" + document.translated_suffix, "wb") as out:
        document.assemble(translations, out)
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from nmt.documents.parts import DocumentOptions, Job
from nmt.errors import DocumentError

__all__ = ["FORMATS", "Document", "DocumentOptions", "format_of", "open_document", "split_name"]

FORMATS: dict[str, str] = {
    "txt": "plain text, line by line",
    "md": "Markdown",
    "csv": "comma-separated table",
    "tsv": "tab-separated table",
    "json": "JSON",
    "jsonl": "JSON Lines",
    "parquet": "Parquet table",
    "srt": "SubRip subtitles",
    "vtt": "WebVTT subtitles",
    "po": "gettext catalogue",
    "pot": "gettext template",
    "xliff": "XLIFF 1.2 or 2",
    "html": "HTML page",
    "docx": "Word document",
    "epub": "EPUB book",
}
_ALIASES = {
    "text": "txt",
    "markdown": "md",
    "tab": "tsv",
    "ndjson": "jsonl",
    "xlf": "xliff",
    "htm": "html",
    "xhtml": "html",
}
_MODULES = {
    "txt": "plain",
    "md": "markdown",
    "csv": "table",
    "tsv": "table",
    "json": "json_text",
    "jsonl": "json_text",
    "srt": "subtitles",
    "vtt": "subtitles",
    "po": "gettext",
    "pot": "gettext",
}
_CONTAINERS = ("docx", "epub", "parquet")  # compressed by themselves


class Document(Protocol):
    """One file. Nothing is read before it is asked for, and every pass reads the file anew."""

    translated_suffix: str
    """What the name of the translated file ends in, instead of the end that `split_name` finds."""

    def units(self) -> Iterator[str]:
        """Every text to translate, in order; the same ones each time. None is empty or has white space at its ends.

        A unit can hold several sentences. One of HTML, Markdown, XLIFF, DOCX or subtitles can hold tags such as <x1>,
        </x1> and <x2/>, which stand for formatting and should come back in the translation; those that are lost are
        put where they do the least harm.

        Raises:
            DocumentError: the file is not what it should be; the message says where.
        """

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        """Write the whole file again with each unit replaced; all else, and what does not change, stays as it is.

        Args:
            translations: one for each unit, in order; taken one after the other as they are needed.
            out: only ever written to, from front to back.

        Raises:
            DocumentError: as for `units`, or there are more or fewer translations than units.
        """


def split_name(name: str, format: str = "") -> tuple[str, str]:
    """The name of a file as what stays of it and its end: novel.txt -> (novel, .txt), data.csv.gz -> (data, .csv.gz).

    An end that is of no known format is cut off too. `format`, in place of the end, does not change what is cut.
    """
    body, gz = (name[:-3], name[-3:]) if name.lower().endswith(".gz") else (name, "")
    suffix = Path(body).suffix
    return body.removesuffix(suffix), suffix + gz


def open_document(
    path: Path, options: DocumentOptions | None = None, *, source_language: str, target_language: str
) -> Document:
    """Open a file as the format that its name, or `options.format`, tells; see `FORMATS`.

    Text is UTF-8, or UTF-16 with a byte-order mark; HTML, XLIFF and gettext can name another encoding. Every format
    but DOCX, EPUB and Parquet may be compressed: its name ends in .gz.

    Raises:
        DocumentError: there is no such file, its format is not known, or a column or field that is not in it.
        MissingExtraError: the format needs a package that is not installed.
    """
    options = options or DocumentOptions()
    if path.is_dir() or not path.exists():
        what = "is a folder; name the files in it" if path.is_dir() else "does not exist"
        raise DocumentError(f"{path} {what}")
    if not path.is_file():
        raise DocumentError(f"{path} is not a regular file; save it as one first")
    _, end = split_name(path.name)
    kind = format_of(path, options, source_language)
    if kind in _CONTAINERS and end.lower().endswith(".gz"):
        raise DocumentError(f"{path}: a {kind} file is compressed already; unpack it first, with gunzip")
    known = end.lower().removesuffix(".gz").removeprefix(".") in FORMATS | _ALIASES or options.format
    shown = end if known and end.lower() not in ("", ".gz") else ".txt" + end[-3:] * end.lower().endswith(".gz")
    suffix = f".{target_language}{shown}"
    if kind == "pot":
        suffix = suffix.replace(".pot", ".po").replace(".POT", ".po")
    job = Job(path, kind, options, source_language, target_language, suffix)
    document: Document = importlib.import_module(f"nmt.documents.{_MODULES.get(kind, kind)}").open_file(job)
    return document


def format_of(path: Path, options: DocumentOptions, source_language: str) -> str:
    """The key in `FORMATS` that a file's name, or `options.format`, tells.

    Raises:
        DocumentError: it tells no known one.
    """
    _, end = split_name(path.name)
    name = options.format.lower().removeprefix(".") or end.lower().removesuffix(".gz").removeprefix(".")
    if not options.format and name in ("", source_language.lower()):
        return "txt"  # notes, train.en
    kind = _ALIASES.get(name, name)
    if kind not in FORMATS:
        raise DocumentError(
            f'{path}: "{name}" is no format that can be translated; these can: {", ".join(FORMATS)}.'
            " If the file is text of one of them, name that as the format"
        )
    return kind
