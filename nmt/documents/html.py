"""HTML: the text between block tags is translated, with inline tags as marks in it, and alt, title and their like.

What scripts, styles, code and <pre> hold, and what is marked translate="no", stays. Where anything was translated, the
page's lang becomes the target language.
"""

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from nmt.documents.files import TextFile
from nmt.documents.inline import Mark, Text
from nmt.documents.parts import Job, Part, fill, slot, units_of
from nmt.documents.runs import Tag, run_parts
from nmt.documents.tags import Event, read_events


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INLINE = _words(
    "a abbr acronym b bdi bdo big cite data del dfn em font i ins mark q s small span strike strong sub sup time tt u"
    " ruby rb img wbr"
)
_UNTOUCHED = _words("script style pre template textarea")
_UNTOUCHED_WORDS = _words("code kbd samp var svg math rt rp")
_ATTRIBUTE = re.compile(r"""\s([^\s=/>"']+)\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)""")
_TRANSLATED_ATTRIBUTES = _words("alt title placeholder aria-label")
_DESCRIPTIONS = _words("description og:title og:description twitter:title twitter:description")
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?([A-Za-z0-9_.:-]+)|<\?xml[^>]+encoding=["']([\w.:-]+)""", re.I)
_HTML_TAG = re.compile(r"<html\b[^>]*>", re.IGNORECASE)
_LANG = re.compile(r"""(\s(?:xml:)?lang\s*=\s*["']?)[A-Za-z-]+""", re.IGNORECASE)


def open_file(job: Job) -> "HtmlDocument":
    return HtmlDocument(TextFile(job.path, _charset, references=True), job)


def _charset(head: bytes) -> str | None:
    found = _CHARSET.search(head)
    return (found[1] or found[2]).decode("ascii") if found else None


class HtmlDocument:
    """A page; all of it is in memory while it is read or written."""

    def __init__(self, file: TextFile, job: Job):
        self._file, self._job, self.translated_suffix = file, job, job.suffix

    def units(self) -> Iterator[str]:
        return units_of(parse(self._file.read()))

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        text = translate_page(self._file.read(), translations, self._job.target_language, self._job.path)
        self._file.write([text], out)


def translate_page(page: str, translations: Iterator[str], language: str, path: Path) -> str:
    """A page with its texts replaced; `language` is that of the translations."""
    translated = "".join(fill(parse(page), translations, path))
    if translated == page:
        return page
    return _HTML_TAG.sub(lambda tag: _LANG.sub(rf"\g<1>{language}", tag.group()), translated)


def parse(page: str) -> Iterator[Part]:
    """The parts of a page."""
    run: list[Text | Mark[Tag]] = []
    untouched = ""  # the element we are in whose content stays
    depth = 0
    held = ""  # what was read of it
    for event in read_events(page):
        if untouched:
            if event.name == untouched and event.kind in ("open", "close"):
                depth += 1 if event.kind == "open" else -1
            ends_early = untouched in _INLINE | _UNTOUCHED_WORDS and _is_block(event) and depth
            if depth and not ends_early:
                held += event.raw
                continue
            held += "" if ends_early else event.raw
            is_word = untouched in _INLINE | _UNTOUCHED_WORDS
            run.append(Mark("single", (held,), is_word=is_word and untouched not in ("rt", "rp")))
            if not is_word:
                yield from _finish(run)
                run = []
            untouched = ""
            if not ends_early:
                continue
        if event.kind == "open" and _stays(event):
            untouched, depth, held = event.name, 1, event.raw
            if event.name not in _INLINE | _UNTOUCHED_WORDS:
                yield from _finish(run)
                run = []
        elif event.kind == "text":
            run.append(Text(html.unescape(event.raw), event.raw))
        elif event.kind == "other" or event.name not in _INLINE:
            yield from _finish(run)
            run = []
            yield from _tag(event)
        else:
            kind: Literal["open", "close", "single"] = "single" if event.kind == "void" else event.kind  # type: ignore[assignment]
            run.append(Mark(kind, _tag(event), event.name))
    yield from _finish(run)
    yield held if untouched else ""


def _is_block(event: Event) -> bool:
    return event.kind in ("open", "close") and event.name not in _INLINE | _UNTOUCHED_WORDS | _UNTOUCHED


def _stays(event: Event) -> bool:
    marked = event.attributes.get("translate", "").lower() == "no"
    return event.name in _UNTOUCHED | _UNTOUCHED_WORDS or (
        (marked or "notranslate" in event.attributes.get("class", "").split()) and event.name not in ("html", "body")
    )


def _tag(event: Event) -> Tag:
    """A tag with the attributes that are read by people as slots."""
    wanted = _TRANSLATED_ATTRIBUTES
    if event.name == "meta" and {event.attributes.get("name"), event.attributes.get("property")} & _DESCRIPTIONS:
        wanted = wanted | {"content"}
    if event.name == "input" and event.attributes.get("type", "").lower() in ("submit", "button", "reset"):
        wanted = wanted | {"value"}
    if not wanted & event.attributes.keys():
        return (event.raw,)
    parts: list[Part] = []
    done = 0
    for match in _ATTRIBUTE.finditer(event.raw):
        if match[1].lower() in wanted:
            quote = match[2][0] if match[2][0] in "\"'" else ""
            parts += [event.raw[done : match.start(2)], _attribute(match[2], quote)]
            done = match.end(2)
    return (*parts, event.raw[done:])


def _attribute(raw: str, quote: str) -> Part:
    value = html.unescape(raw[1:-1] if quote else raw)

    def write(new: str) -> str:
        mark = quote or '"'
        new = html.escape(new, quote=False)
        return mark + new.replace(mark, "&quot;" if mark == '"' else "&#39;") + mark

    return slot(re.sub(r"\s+", " ", value), raw, write)


def _finish(pieces: Sequence[Text | Mark[Tag]]) -> Iterator[Part]:
    """The parts of what stands between two block tags."""
    return run_parts(pieces, _join, lambda text: re.sub(r"[ \t\r\n\f]+", " ", text))


def _join(raw: str, pieces: Sequence[str | Text]) -> str:
    space = "&nbsp;" if "&nbsp;" in raw else "&#160;" if "&#160;" in raw else "\xa0"
    return "".join(
        piece if isinstance(piece, str) else html.escape(piece.text, quote=False).replace("\xa0", space)
        for piece in pieces
    )
