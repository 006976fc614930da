"""Word documents: paragraphs of the text, tables, text boxes, headers, footers and notes.

The formatting that most of a text has is that of its translation; words that are formatted otherwise, and links, are
marks in it and keep theirs. Pictures, fields and numbers of notes stay. A tab or a line break ends a text.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from nmt.documents.archive import Archive
from nmt.documents.docx_runs import PARAGRAPH, Segment, segments
from nmt.documents.parts import Job, check_finished, take
from nmt.documents.xml_runs import read_xml, write_xml
from nmt.errors import DocumentError

_TYPES = "[Content_Types].xml"
_MAIN = (
    "wordprocessingml.document.main+xml",
    "wordprocessingml.template.main+xml",
    "ms-word.document.macroEnabled.main+xml",
    "ms-word.template.macroEnabledTemplate.main+xml",
)
_TEXT_TYPES = (*_MAIN, *(f"wordprocessingml.{name}+xml" for name in ("header", "footer", "footnotes", "endnotes")))


def open_file(job: Job) -> "DocxDocument":
    return DocxDocument(Archive(job.path, "a Word document", _TYPES), job)


class DocxDocument:
    """A document, of which one part (the text, a header) is in memory at a time."""

    def __init__(self, archive: Archive, job: Job):
        self._archive, self._path, self.translated_suffix = archive, job.path, job.suffix
        types = read_xml(archive.read(_TYPES), job.path, _TYPES).getroot()
        parts = {element.get("PartName", "").removeprefix("/"): element.get("ContentType", "") for element in types}
        if not any(kind.endswith(_MAIN) for kind in parts.values()):
            raise DocumentError(f"{job.path} is not a Word document but another kind of file; check its name")
        self._names = frozenset(name for name, kind in parts.items() if kind.endswith(_TEXT_TYPES))

    def units(self) -> Iterator[str]:
        for name in self._archive.names():
            if name in self._names:
                tree = read_xml(self._archive.read(name), self._path, name)
                yield from (segment.text for segment in _segments(tree))

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        def change(name: str, data: bytes) -> bytes:
            if name not in self._names:
                return data
            tree = read_xml(data, self._path, name)
            found = _segments(tree)
            new = take(translations, len(found), self._path)
            if all(segment.text == text for segment, text in zip(found, new, strict=True)):
                return data
            for segment, text in zip(found, new, strict=True):
                segment.replace(text)
            return write_xml(tree, data)

        self._archive.write(out, change)
        check_finished(translations, self._path)


def _segments(tree: Any) -> list[Segment]:
    """All texts of a part, those of a text box after those of the paragraph it is in."""
    return [segment for paragraph in list(tree.iter(PARAGRAPH)) for segment in segments(paragraph)]
