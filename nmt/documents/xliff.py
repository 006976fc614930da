"""XLIFF 1.2 and 2: empty targets are filled, with the tags of the source in them.

Where a tool has cut the source into sentences (`seg-source` of version 1.2), each is translated on its own and has its
place in the target.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from nmt.documents.files import read_bytes, write_bytes
from nmt.documents.inline import Mark, Run, Text
from nmt.documents.parts import Job, check_finished, take
from nmt.documents.xml_runs import Piece, fill_element, local_name, read_xml, shell, write_xml
from nmt.errors import DocumentError

_PAIRS = frozenset(("g", "pc", "mrk"))
# Two elements that belong together: those that open, those that close, and the attributes with what they share.
_OPENING = {"bpt": ("rid", "id"), "bx": ("rid", "id"), "sc": ("id",)}
_CLOSING = {"ept": ("rid", "id"), "ex": ("rid", "id"), "ec": ("startRef", "id")}
_NEW_STATES = frozenset(("", "initial", "new", "needs-translation", "needs-l10n"))
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


@dataclass(frozen=True, eq=False)
class _Segment:
    """A part of a source that is translated on its own, and the mark around it."""

    run: Run[Any]
    mark: Any = None

    def pieces(self, translations: Iterator[str], path: Path) -> list[Piece]:
        """What the target has for it; its translation is the next one, if it has any text."""
        run = self.run
        inner = run.restore(take(translations, 1, path)[0]) if run.text else run.pieces
        pieces = [*run.before, *inner, *run.after]
        if self.mark is None:
            return pieces
        name = f"seg {id(self)}"
        return [Mark("open", self.mark, name), *pieces, Mark("close", self.mark, name)]


def open_file(job: Job) -> "XliffDocument":
    document = XliffDocument(job)
    document.check()
    return document


class XliffDocument:
    """A file of translation units; all of it is in memory while it is read or written."""

    def __init__(self, job: Job):
        self._path, self._language, self.translated_suffix = job.path, job.target_language, job.suffix

    def check(self) -> None:
        """Raise DocumentError where the file is no XLIFF."""
        root = self._read()[0].getroot()
        if local_name(root) != "xliff":
            raise DocumentError(f"{self._path} is not XLIFF: its root element is <{local_name(root)}> and not <xliff>")

    def units(self) -> Iterator[str]:
        tree, _ = self._read()
        for _, segments in self._waiting(tree.getroot()):
            yield from (segment.run.text for segment in segments if segment.run.text)

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        tree, data = self._read()
        root = tree.getroot()
        waiting = list(self._waiting(root))
        for source, segments in waiting:
            _fill(source, [piece for one in segments for piece in one.pieces(translations, self._path)])
        check_finished(translations, self._path)
        holders = [root] if _is_version_2(root) else [file for file in root.iter() if local_name(file) == "file"]
        for holder in holders if waiting else []:
            holder.set("trgLang" if _is_version_2(root) else "target-language", self._language)
        write_bytes([write_xml(tree, data) if waiting else data], out, self._path)

    def _read(self) -> tuple[Any, bytes]:
        data = read_bytes(self._path)
        return read_xml(data, self._path), data

    def _waiting(self, root: Any) -> Iterator[tuple[Any, Sequence[_Segment]]]:
        """Each source that is to be translated, in its segments."""
        for source in root.iter("{*}source"):
            parent = source.getparent()
            if local_name(parent) not in ("trans-unit", "segment") or not _is_translatable(source):
                continue
            # A file in another language is translated from the start, so that it does not become half of each.
            is_ours = self._is_ours(source, root)
            target = next(parent.iterchildren("{*}target"), None)
            state = parent if local_name(parent) == "segment" else target
            is_new = state is not None and state.get("state", "" if target is None else "translated") in _NEW_STATES
            if is_ours and not is_new and target is not None and "".join(target.itertext()).strip():
                continue
            segments = _segments(source)
            if any(segment.run.text for segment in segments):
                yield source, segments

    def _is_ours(self, source: Any, root: Any) -> bool:
        holder = root if _is_version_2(root) else next(source.iterancestors("{*}file"), root)
        language = holder.get("trgLang" if _is_version_2(root) else "target-language", "")
        return language.lower().partition("-")[0] in ("", self._language.lower().partition("-")[0])


def _is_version_2(root: Any) -> bool:
    return str(root.get("version", "")).startswith("2")


def _is_translatable(source: Any) -> bool:
    said = (element.get("translate") for element in source.iterancestors())
    return next((word for word in said if word), "yes") != "no"


def _segments(source: Any) -> list[_Segment]:
    cut = next(source.getparent().iterchildren("{*}seg-source"), None)
    if cut is None or not any(_is_segment(child) for child in cut):
        return [_Segment(Run(list(_pieces(source))))]
    segments = list[_Segment]()
    between: list[Piece] = [Text(cut.text, cut.text)] if cut.text else []
    for child in cut:
        if _is_segment(child):
            segments += [_Segment(Run(between)), _Segment(Run(list(_pieces(child))), shell(child))]
            between = [Text(child.tail, child.tail)] if child.tail else []
        else:
            between += _piece(child)
    return [*segments, _Segment(Run(between))]


def _is_segment(element: Any) -> bool:
    return local_name(element) == "mrk" and element.get("mtype") == "seg"


def _pieces(element: Any) -> Iterator[Piece]:
    if element.text:
        yield Text(element.text, element.text)
    for child in element:
        yield from _piece(child)


def _piece(child: Any) -> Iterator[Piece]:
    """An element within a source, and the text behind it."""
    name = local_name(child)
    protected = child.get("translate") == "no" or child.get("mtype") == "protected"
    if name in _PAIRS and not protected:
        empty, key = shell(child), f"{name} {len(child)} {id(child)}"
        yield Mark("open", empty, key)
        yield from _pieces(child)
        yield Mark("close", empty, key)
    elif name in _OPENING or name in _CLOSING:
        keys = (child.get(key) for key in _OPENING.get(name) or _CLOSING[name])
        key = next((key for key in keys if key), "")
        yield Mark("open" if name in _OPENING else "close", child, key)
    else:
        yield Mark("single", child, is_word=name in ("x", "ph", "mrk", "g", "pc"))
    if child.tail:
        yield Text(child.tail, child.tail)


def _fill(source: Any, pieces: list[Piece]) -> None:
    """Put pieces into the target of a source, which follows it, and is made where there is none."""
    from lxml import etree

    parent = source.getparent()
    target = next(parent.iterchildren("{*}target"), None)
    if target is None:
        before = next(parent.iterchildren("{*}seg-source"), source)
        target = etree.Element(source.tag[: -len("source")] + "target", nsmap=source.nsmap)
        parent.insert(parent.index(before) + 1, target)
        last = before.getprevious()
        target.tail, before.tail = before.tail, parent.text if last is None else last.tail
        if source.get(_SPACE):
            target.set(_SPACE, source.get(_SPACE))
    else:
        for child in list(target):
            target.remove(child)
        target.text = None
    fill_element(target, pieces, _PAIRS)
    for holder in (parent, target):
        if holder.get("state") in _NEW_STATES - {""}:
            holder.set("state", "translated")
