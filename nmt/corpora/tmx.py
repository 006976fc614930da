"""Translation memories in TMX, the exchange format of translators' programs (LISA, TMX 1.4b, 2005).

A memory holds units, each of which says the same in several languages; a pair is what a unit says in both that are
wanted. What stands within `bpt`, `ept`, `it`, `ph` and `ut` is code of the program that the text comes from, and is
left out.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast
from xml.etree import ElementTree

from nmt.corpora.columns import Wanted, sentences
from nmt.corpora.files import CHUNK, Chunk, unreadable
from nmt.errors import CorpusError

SUFFIX = ".tmx"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_CODE = frozenset(("bpt", "ept", "it", "ph", "ut"))


def tmx_chunks(file: Path, wanted: Wanted) -> Iterator[Chunk]:
    """The pairs of a memory: "en" is "en-US" too, where the unit has no plain "en"; of several variants the first.

    Raises:
        CorpusError: the file is missing or no TMX, or no unit has both languages.
    """
    source, target = wanted.sources[0], wanted.targets[0]
    chunk: Chunk = ([], [])
    languages: dict[str, None] = {}
    found = False
    for unit in _units(file):
        languages |= dict.fromkeys(unit)
        pair = _text(unit, source), _text(unit, target)
        if pair[0] is None or pair[1] is None:
            continue
        found = True
        for side, text in zip(chunk, sentences(pair), strict=True):
            side.append(text)
        if len(chunk[0]) == CHUNK:
            yield chunk
            chunk = ([], [])
    if chunk[0]:
        yield chunk
    if not found:
        said = f"its languages are {', '.join(languages)}" if languages else "it has no units"
        raise CorpusError(f"{file} has no unit in {source} and {target}; {said}")


def tmx_languages(file: Path) -> list[str]:
    """The languages of the first unit, without region; none where it cannot be told."""
    try:
        return list(dict.fromkeys(_base(code) for code in next(_units(file), {})))
    except CorpusError:
        return []


def _units(file: Path) -> Iterator[dict[str, str]]:
    """What each unit says, by language as the file writes it."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            yield from _read(file, cast(IO[bytes], stream))
    except ElementTree.ParseError as error:
        raise CorpusError(f"{file} cannot be read as TMX: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(file, error) from None


def _read(file: Path, stream: IO[bytes]) -> Iterator[dict[str, str]]:
    root = body = None
    for event, element in ElementTree.iterparse(stream, ("start", "end")):
        if root is None:
            root = element
            if _name(root) != "tmx":
                raise CorpusError(f"{file} cannot be read as TMX: it begins with <{_name(root)}> instead of <tmx>")
        if event == "start" and _name(element) == "body":
            body = element
        elif event == "end" and _name(element) == "tu":
            unit: dict[str, str] = {}
            for variant in element.iter():
                if _name(variant) == "tuv":
                    code = variant.get(_LANGUAGE) or variant.get("lang") or ""
                    segment = next((one for one in variant if _name(one) == "seg"), None)
                    unit.setdefault(code, "" if segment is None else " ".join("".join(_said(segment)).split()))
            yield unit
            if body is not None:
                body.clear()  # of the units that have been read, which would fill the memory


def _said(element: ElementTree.Element) -> Iterator[str]:
    """The text of a segment, without code."""
    if _name(element) not in _CODE:
        yield element.text or ""
        for part in element:
            yield from _said(part)
            yield part.tail or ""


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(unit: dict[str, str], wanted: str) -> str | None:
    """What a unit says in a language: as written, else in any of its regions, else without the wanted one's."""
    codes = {code.replace("_", "-").lower(): code for code in reversed(unit)}
    wanted = wanted.lower()
    if wanted in codes:
        return unit[codes[wanted]]
    near = next((own for code, own in reversed(codes.items()) if _base(code) == wanted), None)
    near = codes.get(_base(wanted)) if near is None else near
    return None if near is None else unit[near]


def _base(code: str) -> str:
    return code.replace("_", "-").partition("-")[0].lower()
