"""Runs of text with marks as children of an XML element."""

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nmt.documents.inline import Mark, Text
from nmt.errors import DocumentError, MissingExtraError

Piece = Text | Mark[Any]  # the payload is an element; that of a pair, one without content

_OTHER = rb"\s|<\?.*?\?>|<!--.*?-->"
_BEFORE_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?(?:" + _OTHER + rb"|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*", re.DOTALL)
_AFTER_ROOT = re.compile(rb">((?:" + _OTHER + rb")*)\Z", re.DOTALL)


def read_xml(data: bytes, path: Path, part: str = "") -> Any:
    """An element tree; nothing outside of the data is read for it.

    Raises:
        DocumentError: it is not well-formed; the message says where.
        MissingExtraError: lxml is not installed.
    """
    try:
        from lxml import etree
    except ImportError:
        raise MissingExtraError(f"Reading {path.suffix.removeprefix('.').upper()} files", "documents") from None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)
    try:
        return etree.fromstring(data, parser).getroottree()
    except etree.XMLSyntaxError as error:
        place = f", line {error.lineno}" if error.lineno else ""
        inside = f" ({part})" if part else ""
        raise DocumentError(
            f"{path}{inside}{place}: this is not well-formed XML: {error.msg}; correct it there"
        ) from None


def write_xml(tree: Any, data: bytes) -> bytes:
    """The tree as bytes, in the encoding, with the line breaks, and between the declarations that `data` has."""
    from lxml import etree

    encoding = tree.docinfo.encoding or "UTF-8"
    if encoding.upper().startswith(("UTF-16", "UTF-32")):
        written: bytes = etree.tostring(tree, encoding=encoding, xml_declaration=True)
        return written
    written = etree.tostring(tree.getroot(), encoding=encoding, xml_declaration=False, with_tail=False)
    if b"\r\n" in data:
        written = written.replace(b"\n", b"\r\n")
    before, after = _BEFORE_ROOT.match(data), _AFTER_ROOT.search(data)
    return (before.group() if before else b"") + written + (after[1] if after else b"")


def shell(element: Any) -> Any:
    """A copy of an element without content."""
    from lxml import etree

    return etree.Element(element.tag, dict(element.attrib), nsmap=element.nsmap)


def fill_element(element: Any, pieces: Iterable[Piece], nesting: frozenset[str]) -> None:
    """Append pieces to an element.

    Args:
        element: of which they become children.
        pieces: text and marks, whose pairs are nested.
        nesting: names of the elements that hold what is between the two marks of a pair; others stand beside it.
    """
    stack = [element]
    for piece in pieces:
        if isinstance(piece, Text):
            _append_text(stack[-1], piece.text)
            continue
        nests = local_name(piece.payload) in nesting and piece.kind != "single"
        if nests and piece.kind == "close":
            stack.pop()
            continue
        child = copy.deepcopy(piece.payload)
        child.tail = None
        stack[-1].append(child)
        if nests:
            stack.append(child)


def local_name(element: Any) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def _append_text(element: Any, text: str) -> None:
    # What no XML can hold.
    text = "".join(character for character in text if character >= " " or character in "\t\n\r")
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
