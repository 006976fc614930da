"""The texts of a paragraph of a Word document."""

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.documents.inline import Mark, Run, Text
from nmt.documents.xml_runs import local_name, shell

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PARAGRAPH = _W + "p"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_CONTAINERS = frozenset(("hyperlink", "ins", "smartTag"))  # of runs, within a text
_OUTER_CONTAINERS = frozenset(("sdt", "sdtContent", "customXml"))  # of runs that are a text of their own
_BREAKS = frozenset(("tab", "br", "cr", "ptab"))
_RANGE_STARTS = frozenset(("bookmarkStart", "commentRangeStart", "permStart"))
_RANGE_ENDS = frozenset(("bookmarkEnd", "commentRangeEnd", "permEnd"))
_IGNORED = frozenset(("proofErr", "lastRenderedPageBreak", "softHyphen"))
_NO_FORMAT = frozenset(("lang", "noProof"))
_WORDS = frozenset(("fldSimple", "oMath", "sym", "noBreakHyphen"))


@dataclass(frozen=True)
class _Payload:
    """Elements that stay; or, of a pair, the formatting of the text between, and maybe the element around it."""

    elements: tuple[Any, ...] = ()
    format: Any = None
    container: Any = None


_Pieces = list[Text | Mark[_Payload]]


class Segment:
    """Neighbours among the children of an element that are one text."""

    def __init__(self, children: list[Any]):
        self._children = children
        self._starts = [child for child in children if local_name(child) in _RANGE_STARTS]
        self._ends = [child for child in children if local_name(child) in _RANGE_ENDS]
        self._format = _main_format(children)
        self._run = Run(_pieces(children, self._format))
        self.text = self._run.text

    def replace(self, translation: str) -> None:
        """Put the translation in the place of the text."""
        if translation == self.text:
            return
        parent = self._children[0].getparent()
        position = parent.index(self._children[0])
        for child in self._children:
            parent.remove(child)
        holder = shell(parent)
        pieces = [*self._run.before, *self._run.restore(translation), *self._run.after]
        _fill(holder, pieces, self._format)
        for k, child in enumerate([*self._starts, *holder, *self._ends]):
            parent.insert(position + k, child)


def segments(container: Any) -> Iterator[Segment]:
    """The texts of a paragraph, in order."""
    _separate(container)
    children: list[Any] = []
    for child in [*container, None]:
        if child is not None and not _is_end(child):
            children.append(child)
            continue
        segment = Segment(children) if children else None
        if segment and segment.text:
            yield segment
        children = []
        if child is not None and local_name(child) in _CONTAINERS | _OUTER_CONTAINERS:
            yield from segments(child)


def _is_end(child: Any) -> bool:
    """Whether a text ends before this child of a paragraph, which is not part of it."""
    name = local_name(child)
    if name == "r":
        return any(local_name(part) in _BREAKS for part in child)
    if name in _CONTAINERS:
        return any(local_name(part) in _BREAKS for run in child.iter(_W + "r") for part in run)
    return name in _OUTER_CONTAINERS or name == "pPr"


def _separate(container: Any) -> None:
    """Cut runs so that each holds text only, or one thing that is no text."""
    for run in list(container.iterchildren(_W + "r")):
        contents = [part for part in run if local_name(part) != "rPr"]
        for part in contents[1:]:
            if local_name(part) == local_name(part.getprevious()) == "t":
                continue
            new = shell(run)
            if _format_of(run) is not None:
                new.append(copy.deepcopy(_format_of(run)))
            for moved in [part, *part.itersiblings()]:
                new.append(moved)
            run.addnext(new)
            run = new
    for child in container.iterchildren(*(_W + name for name in _CONTAINERS)):
        _separate(child)


def _pieces(children: Sequence[Any], main: Any) -> _Pieces:
    pieces: _Pieces = []
    waiting = list(children)
    while waiting:
        child = waiting.pop(0)
        name = local_name(child)
        if name in _RANGE_STARTS | _RANGE_ENDS | _IGNORED:
            continue
        if _field_sign(child) == "begin":
            field = [child]
            while waiting and _field_sign(field[-1]) != "end":
                field.append(waiting.pop(0))
            pieces.append(Mark("single", _Payload(tuple(field)), is_word=_field_sign(field[-1]) == "end"))
        elif name == "r" and _is_text(child):
            text = "".join(part.text or "" for part in child.iterchildren(_W + "t"))
            pieces += _formatted(text, _format_of(child), main)
        elif name in _CONTAINERS:
            payload = _Payload(format=_main_format(child), container=shell(child))
            key = f"{name} {len(pieces)}"
            inside = _pieces(list(child), payload.format)
            pieces += [Mark("open", payload, key), *inside, Mark("close", payload, key)]
        else:
            is_word = bool({local_name(child), *map(local_name, child)} & _WORDS)
            pieces.append(Mark("single", _Payload((child,)), is_word=is_word))
    return _merged(pieces)


def _formatted(text: str, format: Any, main: Any) -> _Pieces:
    if not text.strip() or _key(format) == _key(main):
        return [Text(text, text)]
    payload, key = _Payload(format=format), _key(format)
    return [Mark("open", payload, key), Text(text, text), Mark("close", payload, key)]


def _merged(pieces: _Pieces) -> _Pieces:
    """Without the joint between two neighbours that are formatted alike."""
    merged: _Pieces = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if isinstance(last, Text) and isinstance(piece, Text):
            merged[-1] = Text(last.text + piece.text, (last.raw or "") + (piece.raw or ""))
        elif (
            isinstance(last, Mark)
            and isinstance(piece, Mark)
            and (last.kind, piece.kind) == ("close", "open")
            and last.name == piece.name
            and last.payload.container is None
        ):
            merged.pop()
        else:
            merged.append(piece)
    return merged


def _fill(holder: Any, pieces: _Pieces, main: Any) -> None:
    stack = [(holder, main)]
    for piece in pieces:
        parent, format = stack[-1]
        if isinstance(piece, Text):
            parent.append(_new_run(piece.text, format))
        elif piece.kind == "close":
            stack.pop()
        elif piece.kind == "single":
            for element in piece.payload.elements:
                parent.append(element)
        else:
            inner = parent
            if piece.payload.container is not None:
                inner = copy.deepcopy(piece.payload.container)
                parent.append(inner)
            stack.append((inner, piece.payload.format))


def _new_run(text: str, format: Any) -> Any:
    from lxml import etree

    run = etree.Element(_W + "r")
    if format is not None:
        run.append(copy.deepcopy(format))
    content = etree.SubElement(run, _W + "t")
    content.text = "".join(character for character in text if character >= " ")
    content.set(_SPACE, "preserve")
    return run


def _main_format(children: Any) -> Any:
    """The formatting that most of the letters have."""
    formats: dict[str, Any] = {}
    lengths: Counter[str] = Counter()
    for child in children:
        if local_name(child) == "r" and _is_text(child):
            key = _key(_format_of(child))
            formats.setdefault(key, _format_of(child))
            lengths[key] += sum(len((part.text or "").strip()) for part in child.iterchildren(_W + "t"))
    return formats[lengths.most_common(1)[0][0]] if lengths else None


def _is_text(run: Any) -> bool:
    names = [local_name(part) for part in run if local_name(part) not in ("rPr", *_IGNORED)]
    return bool(names) and set(names) == {"t"}


def _format_of(run: Any) -> Any:
    return next(run.iterchildren(_W + "rPr"), None)


def _key(format: Any) -> str:
    """The same for formats that look the same."""
    from lxml import etree

    parts = [] if format is None else [part for part in format if local_name(part) not in _NO_FORMAT]
    return "".join(sorted(etree.tostring(part, method="c14n", with_tail=False).decode() for part in parts))


def _field_sign(child: Any) -> str:
    sign = next(child.iterchildren(_W + "fldChar"), None) if local_name(child) == "r" else None
    return "" if sign is None else str(sign.get(_W + "fldCharType", ""))
