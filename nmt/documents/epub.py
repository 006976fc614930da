"""EPUB: the pages of a book, as HTML, and its table of contents. The book's language becomes the target language."""

import itertools
import re
from collections.abc import Iterator
from typing import BinaryIO

from nmt.documents.archive import Archive
from nmt.documents.html import parse, translate_page
from nmt.documents.parts import Job, check_finished, units_of
from nmt.errors import DocumentError

_PAGES = (".xhtml", ".html", ".htm", ".ncx")
_LANGUAGE = re.compile(rb"(<dc:language[^>]*>)[^<]*(</dc:language>)")


def open_file(job: Job) -> "EpubDocument":
    return EpubDocument(Archive(job.path, "an EPUB book", "META-INF/container.xml"), job)


class EpubDocument:
    """A book, of which one page is in memory at a time."""

    def __init__(self, archive: Archive, job: Job):
        self._archive, self._job, self.translated_suffix = archive, job, job.suffix

    def units(self) -> Iterator[str]:
        for name in self._archive.names():
            if name.lower().endswith(_PAGES):
                yield from units_of(parse(self._text(name, self._archive.read(name))))

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        language = self._job.target_language

        def change(name: str, data: bytes) -> bytes:
            if name.lower().endswith(".opf"):
                return _LANGUAGE.sub(rb"\g<1>" + language.encode() + rb"\g<2>", data)
            if not name.lower().endswith(_PAGES):
                return data
            page = self._text(name, data)
            count = sum(1 for _ in units_of(parse(page)))
            return translate_page(page, itertools.islice(translations, count), language, self._job.path).encode()

        self._archive.write(out, change)
        check_finished(translations, self._job.path)

    def _text(self, name: str, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise DocumentError(f"{self._job.path}: {name} in it is not UTF-8; convert the book with Calibre") from None
