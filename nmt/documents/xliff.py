"""XLIFF 1.2 and 2: empty targets are filled, with the tags of the source in them."""

from collections.abc import Iterator
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
        for _, run in self._waiting(tree.getroot()):
            yield run.text

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        tree, data = self._read()
        root = tree.getroot()
        waiting = list(self._waiting(root))
        for source, run in waiting:
            pieces = [*run.before, *run.restore(take(translations, 1, self._path)[0]), *run.after]
            _fill(source, pieces)
        check_finished(translations, self._path)
        holders = [root] if _is_version_2(root) else [file for file in root.iter() if local_name(file) == "file"]
        for holder in holders if waiting else []:
            holder.set("trgLang" if _is_version_2(root) else "target-language", self._language)
        write_bytes([write_xml(tree, data) if waiting else data], out, self._path)

    def _read(self) -> tuple[Any, bytes]:
        data = read_bytes(self._path)
        return read_xml(data, self._path), data

    def _waiting(self, root: Any) -> Iterator[tuple[Any, Run[Any]]]:
        """Each source that is to be translated."""
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
            run = Run(list(_pieces(source)))
            if run.text:
                yield source, run

    def _is_ours(self, source: Any, root: Any) -> bool:
        holder = root if _is_version_2(root) else next(source.iterancestors("{*}file"), root)
        language = holder.get("trgLang" if _is_version_2(root) else "target-language", "")
        return language.lower().partition("-")[0] in ("", self._language.lower().partition("-")[0])


def _is_version_2(root: Any) -> bool:
    return str(root.get("version", "")).startswith("2")


def _is_translatable(source: Any) -> bool:
    said = (element.get("translate") for element in source.iterancestors())
    return next((word for word in said if word), "yes") != "no"


def _pieces(element: Any) -> Iterator[Piece]:
    if element.text:
        yield Text(element.text, element.text)
    for child in element:
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
