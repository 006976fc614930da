"""A run of text with marks in it (formatting, links, code) as one text with short tags, and back again.

The word `here` of a link in a sentence comes to the translator as `Click <x1>here</x1> now.`; what stands for a whole
word, such as code, as `Run <x2/> first.` Marks around the whole text, and those at its ends that stand for no word,
are left out of it. Whatever comes back, each mark is in the result exactly once, and pairs are nested.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from nmt.documents.parts import margins

T = TypeVar("T")
_SPACE = " \t\r\n\f\v"


@dataclass(frozen=True)
class Text:
    """Text and how the file writes it; None where it is new."""

    text: str
    raw: str | None


@dataclass(frozen=True, eq=False)
class Mark(Generic[T]):
    """What is no text.

    Attributes:
        kind: "open" and "close" belong together where the name is the same; "single" stands alone.
        payload: what the format needs in order to write it.
        name: of a pair.
        is_word: whether it stands for a word of the sentence, such as code or a formula. A pair of which that is true
            is kept in the text even where all of the text is between the two.
    """

    kind: Literal["open", "close", "single"]
    payload: T
    name: str = ""
    is_word: bool = False


class Run(Generic[T]):
    """Pieces of text and marks as one text.

    Attributes:
        before, after: what is not part of the text.
        pieces: what is.
        text: what to translate, with tags; empty where there is nothing.
    """

    def __init__(self, pieces: Sequence[Text | Mark[T]], normalise: Callable[[str], str] = str):
        pieces = [part for piece in pieces for part in _without_margins(piece)]
        partner = _partners(pieces)
        start, end = _core(pieces, partner)
        self.before, self.pieces, self.after = pieces[:start], pieces[start:end], pieces[end:]
        letter = "x"
        while any(isinstance(piece, Text) and re.search(rf"<\s*/?\s*{letter}\d", piece.text, re.I) for piece in pieces):
            letter += "x"
        self._pattern = re.compile(rf"<\s*(?P<close>/?)\s*(?P<name>{letter}\d+)\s*/?\s*>", re.IGNORECASE)
        self._marks: dict[str, Mark[T]] = {}
        self._pairs: list[tuple[str, str]] = []  # the outer ones first
        output: list[str] = []
        names: dict[int, str] = {}
        for k, piece in enumerate(pieces[start:end], start):
            if isinstance(piece, Text):
                output.append(normalise(piece.text))
                continue
            other = partner.get(k, k)
            name = names[other] if other < k else f"{letter}{len(names) + 1}"
            if other >= k:
                names[k] = name
            tag = f"<{name}/>" if other == k else f"<{name}>" if other > k else f"</{name}>"
            if other > k:
                self._pairs.append((tag, f"</{name}>"))
            self._marks[tag] = piece
            output.append(tag)
        has_text = any(isinstance(piece, Text) and piece.text.strip() for piece in self.pieces)
        self._margin_before, self.text, self._margin_after = margins("".join(output) if has_text else "")

    def restore(self, translation: str) -> list[Text | Mark[T]]:
        """The pieces of a translated text.

        A pair of tags that was lost goes around the whole of it, a single one to its end.
        """
        tokens = self._tokens(self._margin_before + translation + self._margin_after)
        present = set(tokens)
        lost = [pair for pair in self._pairs if pair[0] not in present]
        tokens = [pair[0] for pair in lost] + tokens + [pair[1] for pair in reversed(lost)]
        for tag, mark in self._marks.items():
            if tag.endswith("/>") and tag not in present:
                space = " " if mark.is_word and not "".join(tokens[-1:]).endswith(" ") else ""
                tokens += [space, tag]
        return [self._marks.get(token) or Text(token, None) for token in tokens if token]

    def _tokens(self, translation: str) -> list[str]:
        """Text and tags, without tags that are unknown, come again, lack their partner, or cross others."""
        tokens: list[str] = []
        place: dict[str, int] = {}
        done = 0
        for match in self._pattern.finditer(translation):
            tokens.append(translation[done : match.start()])
            done = match.end()
            name = match["name"].lower()
            tag = f"<{name}/>" if f"<{name}/>" in self._marks else f"<{match['close']}{name}>"
            if tag in self._marks and tag not in place:
                place[tag] = len(tokens)
                tokens.append(tag)
        tokens.append(translation[done:])
        bad = {
            tag
            for opening, closing in self._pairs
            for tag in (opening, closing)
            if not place.get(opening, len(tokens)) < place.get(closing, -1)
        }
        opening_of = {closing: opening for opening, closing in self._pairs}
        waiting: list[str] = []
        for token in (token for token in tokens if token in place and token not in bad):
            if token in opening_of:
                if waiting[-1] != opening_of[token]:
                    bad |= {token, opening_of[token]}
                waiting.remove(opening_of[token])
            elif not token.endswith("/>"):
                waiting.append(token)
        return [token for token in tokens if token not in bad]


def _without_margins(piece: Text | Mark[T]) -> list[Text | Mark[T]]:
    """Text with the white space at its ends as pieces of their own."""
    if isinstance(piece, Mark) or piece.raw is None:
        return [piece]
    core = piece.raw.strip(_SPACE)
    start = piece.raw.index(core) if core else len(piece.raw)
    before, after = piece.raw[:start], piece.raw[start + len(core) :]
    if not piece.text.startswith(before) or not piece.text.endswith(after):  # written as references
        return [piece]
    middle = piece.text[len(before) : len(piece.text) - len(after)]
    return [part for part in (Text(before, before), Text(middle, core), Text(after, after)) if part.raw]


def _partners(pieces: Sequence[Text | Mark[T]]) -> dict[int, int]:
    """For each mark of a pair where the other is."""
    partner: dict[int, int] = {}
    waiting: list[int] = []
    for k, piece in enumerate(pieces):
        if isinstance(piece, Mark) and piece.kind == "open":
            waiting.append(k)
        elif isinstance(piece, Mark) and piece.kind == "close":
            for depth in range(len(waiting) - 1, -1, -1):
                opening = pieces[waiting[depth]]
                if isinstance(opening, Mark) and opening.name == piece.name:
                    partner[k], partner[waiting[depth]] = waiting[depth], k
                    del waiting[depth:]
                    break
    return partner


def _core(pieces: Sequence[Text | Mark[T]], partner: dict[int, int]) -> tuple[int, int]:
    """What is left without white space and marks at both ends."""
    start, end = 0, len(pieces)

    def is_word(k: int) -> bool:
        piece = pieces[k]
        return isinstance(piece, Mark) and piece.is_word

    def is_dispensable(k: int) -> bool:
        piece = pieces[k]
        return not piece.text.strip(_SPACE) if isinstance(piece, Text) else k not in partner and not piece.is_word

    while start < end:
        if is_dispensable(start):
            start += 1
        elif is_dispensable(end - 1):
            end -= 1
        elif partner.get(start) == start + 1:
            start += 2
        elif partner.get(end - 1) == end - 2:
            end -= 2
        elif partner.get(start) == end - 1 and not is_word(start):
            start, end = start + 1, end - 1
        else:
            break
    return start, end
