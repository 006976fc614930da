"""A translation as text and as what the network read for it, and changes to that text.

Axis letters: T target tokens, S source tokens.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.text.masking import Masked, Slot
from nmt.tokenizer import Tokenizer

_SPACE = "\u2581"
_BROAD = frozenset(("url", "email", "file", "code"))  # set off by spaces even where the language has none
_OPENERS = "([{<\"'«„“‘¿¡「『（【〈《-–—/"
_CLOSERS = ")]}>\"'»”’.,;:!?…。、，．！？：；」』）】〉》-–—/"


@dataclass(frozen=True, eq=False)
class Reading:
    """What placing spans in a translation goes by.

    Attributes:
        text: a translation before spans are put back.
        bounds: where each token starts in `text`, and where the last one ends: T + 1 places.
        attention: (T, S).
        columns: of each slot the source tokens, from one on and before another; of a loose one, twice where it stood.
    """

    text: str
    bounds: Sequence[int]
    attention: np.ndarray
    columns: Sequence[tuple[int, int]]

    def share(self, slot: int) -> np.ndarray:
        """How much of its attention each token paid to a slot. -> (T,)"""
        first, last = self.columns[slot]
        return np.asarray(self.attention[:, first:last].sum(1))


@dataclass(frozen=True)
class Edit:
    """`text` instead of what is at start:end; nothing is lost where these are the same."""

    start: int
    end: int
    text: str
    rank: int = 3  # at one place: closing tags (0), loose spans (1), opening tags (2), everything else
    order: int = 0
    slot: Slot | None = None


def columns_of(masked: Masked, ids: Sequence[int], source: Tokenizer) -> list[tuple[int, int]]:
    """Which of the source tokens `ids` each slot of a sentence was read as; see `Reading.columns`."""
    pieces = source.pieces(ids)
    bounds = _bounds(pieces)
    lead = int(bool(pieces) and pieces[0].startswith(_SPACE))
    columns = []
    for slot in masked.slots:
        start = lead + len(source.normalise(masked.text[: slot.start]))
        end = lead + len(source.normalise(masked.text[: slot.end]))
        last = int(np.searchsorted(bounds, end, side="left"))
        first = max(int(np.searchsorted(bounds, start, side="right")) - 1, 0) if slot.end > slot.start else last
        columns.append((min(first, last), last))
    return columns


def read(pieces: Sequence[str], attention: np.ndarray, columns: Sequence[tuple[int, int]]) -> Reading:
    """A translation of these pieces."""
    text, bounds = "", [0]
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for k, piece in enumerate(pieces):
        byte = _byte(piece)
        if byte is None:
            text += piece.replace(_SPACE, " ")
        else:
            is_last = k + 1 == len(pieces) or _byte(pieces[k + 1]) is None
            text += decoder.decode(bytes((byte,)), final=is_last).replace(_SPACE, " ")
        bounds.append(len(text))
    return Reading(text, bounds, attention, columns)


def _byte(piece: str) -> int | None:
    return int(piece[3:5], 16) if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">") else None


def _bounds(pieces: Sequence[str]) -> list[int]:
    """Where each piece starts in the text that they spell, and its end. A character counts at its first byte."""
    bounds = [0]
    for piece in pieces:
        byte = _byte(piece)
        length = len(piece) if byte is None else int(not 0x80 <= byte < 0xC0)
        bounds.append(bounds[-1] + length)
    return bounds


def inside(place: int, edits: Iterable[Edit]) -> bool:
    """Whether a place is within what an edit replaces."""
    return any(edit.start < place < edit.end for edit in edits)


def boundaries(reading: Reading, edits: Sequence[Edit], whole_words: bool) -> list[int]:
    """The tokens before which something can be put, T standing for the end; the end is always among them."""
    num_tokens, text = len(reading.bounds) - 1, reading.text
    free = [t for t in range(num_tokens + 1) if not inside(reading.bounds[t], edits)]
    if not whole_words:
        return free
    return [t for t in free if t in (0, num_tokens) or text[reading.bounds[t] : reading.bounds[t] + 1].isspace()]


def apply(text: str, edits: Iterable[Edit], uses_spaces: bool) -> tuple[str, tuple[int, ...]]:
    """The text after all edits, none of which overlap, with spaces where what is put in needs them.

    Returns:
        The text, and of each of its characters the place that it had in the one given; -1 where it had none, and
        -2 - k where it belongs to an edit whose order is k and whose slot the model has read.
    """
    done, output = 0, ""
    origins: list[int] = []
    spaced: Slot | None = None  # what was put in last, if it asks for a space behind it

    def add(part: str, slot: Slot | None, come_from: Iterable[int]) -> None:
        nonlocal output
        output = _joined(output, spaced, part, slot, uses_spaces)
        origins.extend([-1] * (len(output) - len(part) - len(origins)))
        origins.extend(come_from)

    for edit in sorted(edits, key=lambda e: (e.start, e.end > e.start, e.rank, e.order)):
        kept = text[done : edit.start]
        add(kept, None, range(done, done + len(kept)))
        spaced = None if kept else spaced
        done = max(done, edit.end)
        if edit.rank >= 2 and edit.start == edit.end == done and text[done : done + 1] == " ":
            output += " "  # what opens or is a word stands behind the space before the next word
            done += 1
            spaced = None
        if edit.text:
            mark = -2 - edit.order if edit.slot and edit.slot.end > edit.slot.start else -1
            add(edit.text, edit.slot, [mark] * len(edit.text))
            spaced = edit.slot
    add(text[done:], None, range(done, len(text)))
    start = len(output) - len(output.lstrip())
    stripped = output.strip()
    return stripped, tuple(origins[start : start + len(stripped)])


def _joined(left: str, left_slot: Slot | None, right: str, right_slot: Slot | None, uses_spaces: bool) -> str:
    """Two neighbours, with a space between them where one is a span that must not run into the other."""
    if not left or not right or left[-1].isspace() or right[0].isspace():
        return left + right
    needs = any(_needs_space(slot, left[-1], right[0], uses_spaces) for slot in (left_slot, right_slot) if slot)
    behind = left_slot is not None and left_slot.span.role == "loose" and left_slot.spaces[1]
    ahead = right_slot is not None and right_slot.span.role == "loose" and right_slot.spaces[0]
    if uses_spaces and (behind or ahead) and right[0] not in _CLOSERS and left[-1] not in _OPENERS:
        needs = True
    return f"{left} {right}" if needs else left + right


def _needs_space(slot: Slot, before: str, after: str, uses_spaces: bool) -> bool:
    if slot.span.role not in ("name", "number"):
        return False
    if before.isdecimal() and after.isdecimal():
        return True
    if before in _OPENERS or after in _CLOSERS:
        return False
    if slot.span.kind == "term" and after == "s" and slot.span.text.endswith(before):  # a genitive: "Kakogawas"
        return False
    if slot.span.kind in _BROAD and not uses_spaces:
        return True
    return before.isascii() and after.isascii() and before.isalnum() and after.isalnum()


def tokens(reading: Reading) -> Iterator[tuple[int, int, int]]:
    """Each token with its start and end in the text."""
    for t, (start, end) in enumerate(zip(reading.bounds, reading.bounds[1:], strict=False)):
        yield t, start, end
