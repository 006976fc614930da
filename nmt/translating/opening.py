"""The beginning of a translation as its reader typed it, and as the model is to write it."""

import bisect
import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nmt.search.steering import Guide, branch
from nmt.text.masking import Masked, Slot
from nmt.text.placement import Restored, restore
from nmt.text.reading import Reading
from nmt.tokenizer import EOS_ID, Tokenizer

SPACE = "\u2581"
_SPECIAL = re.compile(r"<0x[0-9A-F]{2}>|<pad>|<unk>|</?s>")
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2581\ufffd]")  # what no translation has but spaces
_LEAST_OF_SPAN = 3  # characters of a span that make it out


# Token sequences, and which tokens may follow each; None: any.
Ways = Mapping[tuple[int, ...], tuple[int, ...] | None]


class Spellings:
    """The ways to spell the beginning of a text whose end is not yet known."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        ordinary = sorted((piece, k) for k, piece in enumerate(pieces) if not _SPECIAL.fullmatch(piece))
        self._pieces, self._ids = [piece for piece, _ in ordinary], [k for _, k in ordinary]
        self._longest = max(map(len, self._pieces))
        self._id_of = {piece: k for k, piece in enumerate(pieces)}
        self._leads = pieces[tokenizer.encode("a")[0]].startswith(SPACE)

    def ids(self, tokens: Sequence[str]) -> tuple[int, ...]:
        """The ids of tokens of this vocabulary."""
        return tuple(self._id_of[token] for token in tokens)

    def ways(self, text: str, space_follows: bool) -> Ways:
        """How to spell a text whose last token may spell more than that.

        All but the last token are as the tokenizer spells them: that is how the model has learned to write.

        Args:
            text: as `Tokenizer.normalise` gives it.
            space_follows: whether a new word, or the end, comes next.
        """
        if not text:
            return {(): None}
        whole = tuple(self._tokenizer.encode(text))
        if space_follows:
            return {whole: (*self._beginning_with(SPACE), EOS_ID)}
        found: dict[tuple[int, ...], tuple[int, ...] | None] = {whole: None}
        spelled = (SPACE if self._leads else "") + text.replace(" ", SPACE)
        for start in range(max(0, len(spelled) - self._longest), len(spelled)):
            longer = self._beginning_with(spelled[start:], and_longer=True)
            if longer:
                found.setdefault(self._spelled(spelled[:start]), longer)
        return found

    def _spelled(self, spelled: str) -> tuple[int, ...]:
        """The ids of what is not all of a text, so that a space can stand at its end."""
        ids = tuple(self._tokenizer.encode(spelled.replace(SPACE, " ")))
        return (*ids, self._id_of[SPACE]) if spelled.endswith(SPACE) and SPACE in self._id_of else ids

    def _beginning_with(self, start: str, and_longer: bool = False) -> tuple[int, ...]:
        first = bisect.bisect_left(self._pieces, start)
        last = bisect.bisect_left(self._pieces, start + "\U0010ffff", lo=first)
        return tuple(self._ids[k] for k in range(first, last) if not and_longer or self._pieces[k] != start)


@dataclass(frozen=True, eq=False)
class Opening:
    """What a translation begins with.

    Attributes:
        text: exactly what was typed.
        rest: what is missing of a protected span whose beginning is at the end of `text`.
        origins: of each character of both the place in `seen`; -1 where the model does not write it, -2 - k where it
            belongs to slot k of the sentence.
        seen: what the model is to write for both, as a tokenizer gives it back.
        ways: how the model can write it.
        left: the sentence with those of its spans that are not in `text`.
        slots_left: which these are.
    """

    text: str
    rest: str
    origins: tuple[int, ...]
    seen: str
    ways: Ways
    left: Masked
    slots_left: tuple[int, ...]

    @property
    def guide(self) -> Guide | None:
        """Keeps a search to these ways."""
        paths: list[tuple[int, ...]] = []
        for start, followers in self.ways.items():
            paths += [start] if followers is None else [(*start, token) for token in followers]
        return branch(paths)

    def finish(self, reading: Reading, uses_spaces: bool) -> Restored:
        """The whole translation, of which the model has written `reading`."""
        lead = len(reading.text) - len(reading.text.lstrip())
        cut = min(lead + len(self.seen), len(reading.text)) if self.seen else 0
        new = _behind(reading, cut)
        if self.left.has_spans:
            new = dataclasses.replace(new, columns=[reading.columns[k] for k in self.slots_left])
            restored = restore(self.left, new, uses_spaces)
        else:
            start = len(new.text) - len(new.text.lstrip())
            text = new.text.strip()
            restored = Restored(text, (), tuple(range(start, start + len(text))))
        written = self.text + self.rest
        joint = ""
        if restored.text and new.text[:1].isspace() and written and not written[-1].isspace():
            joint = " "
        moved = (self._moved(origin, cut) for origin in restored.origins)
        typed = (lead + o if o >= 0 and lead + o < cut else min(o, -1) for o in self.origins)
        origins = (*typed, *[-1] * len(joint), *moved)
        return Restored(written + joint + restored.text, restored.guessed, origins)

    def _moved(self, origin: int, cut: int) -> int:
        """An origin behind the cut as one of the whole."""
        if origin >= 0:
            return origin + cut
        return origin if origin == -1 else -2 - self.slots_left[-2 - origin]


def _behind(reading: Reading, cut: int) -> Reading:
    """The reading from a place in its text on, with the token that it cuts through."""
    first = next((t for t, end in enumerate(reading.bounds[1:]) if end > cut), len(reading.bounds) - 1)
    bounds = [max(bound - cut, 0) for bound in reading.bounds[first:]]
    return Reading(reading.text[cut:], bounds, reading.attention[first:], reading.columns)


def opening(masked: Masked, text: str, tokenizer: Tokenizer, spellings: Spellings, uses_spaces: bool) -> Opening:
    """What it takes to begin the translation of a sentence with `text`, which may have some of its protected spans."""
    if masked.before.startswith(text):
        left = dataclasses.replace(masked, before=masked.before[len(text) :])
        return Opening(text, "", (-1,) * len(text), "", {(): None}, left, tuple(range(len(masked.slots))))
    found = _spans_in(masked, text)
    rest = ""
    if half := _half_a_span(masked, text, found):
        found.append(half)
        rest = masked.slots[half.slot].span.text[len(text) - half.start :]
    found.sort(key=lambda one: one.start)
    written = text + rest
    view, places = _view(masked, written, found)
    seen = tokenizer.normalise(view)
    origins = _origins(view, places, seen, len(written))
    for one in found:
        mark = -2 - one.slot if one.slot >= 0 and masked.slots[one.slot].end > masked.slots[one.slot].start else -1
        origins[one.start : one.end] = [mark] * (one.end - one.start)
    ways = spellings.ways(seen, uses_spaces and bool(seen) and view[-1:].isspace())
    left, slots_left = _left(masked, found)
    return Opening(text, rest, tuple(origins), seen, ways, left, slots_left)


@dataclass(frozen=True)
class _SpanAt:
    """A span in what was typed: `slot` of the sentence, or -1 and -2 for what was cut off before and behind it."""

    start: int
    end: int
    slot: int


def _spans_in(masked: Masked, text: str) -> list[_SpanAt]:
    """The spans of a sentence that are in what was typed; each counts once."""
    found: list[_SpanAt] = []
    if masked.before and text.startswith(masked.before):
        found.append(_SpanAt(0, len(masked.before), -1))
    after = masked.after.strip()
    if after and (start := text.rfind(after)) >= (found[0].end if found else 0):
        found.append(_SpanAt(start, start + len(after), -2))
    for k in sorted(range(len(masked.slots)), key=lambda k: (-len(masked.slots[k].span.text), k)):
        span = masked.slots[k].span.text
        start = text.find(span)
        while start >= 0 and any(start < one.end and one.start < start + len(span) for one in found):
            start = text.find(span, start + 1)
        if start >= 0:
            found.append(_SpanAt(start, start + len(span), k))
    return found


def _half_a_span(masked: Masked, text: str, found: Sequence[_SpanAt]) -> _SpanAt | None:
    """A span of which the text ends with no more than the beginning."""
    done = max((one.end for one in found), default=0)
    for k, slot in enumerate(masked.slots):
        if any(one.slot == k for one in found) or slot.span.role not in ("name", "number"):
            continue
        for length in range(min(len(slot.span.text) - 1, len(text) - done), _LEAST_OF_SPAN - 1, -1):
            if text.endswith(slot.span.text[:length]):
                return _SpanAt(len(text) - length, len(text) + len(slot.span.text) - length, k)
    return None


def _view(masked: Masked, written: str, found: Sequence[_SpanAt]) -> tuple[str, list[int]]:
    """What the model is to write for it, and of each character of that its place in `written`, -1 within spans."""
    view, done = "", 0
    places: list[int] = []
    for one in found:
        view += written[done : one.start]
        places += range(done, one.start)
        instead = _instead(masked.slots[one.slot], masked) if one.slot >= 0 else ""
        view += instead
        places += [-1] * len(instead)
        done = one.end
    return _UNSEEN.sub(" ", view + written[done:]), [*places, *range(done, len(written))]


def _instead(slot: Slot, masked: Masked) -> str:
    """What the model writes for a span."""
    if slot.surfaces:
        return slot.surfaces[0]
    return masked.text[slot.start : slot.end]


def _origins(view: str, places: Sequence[int], seen: str, length: int) -> list[int]:
    """Of each character that was typed its place in `seen`, which is `view` but for white space."""
    origins, place = [-1] * length, 0
    for sign, typed in zip(view, places, strict=True):
        if sign.isspace():
            continue
        while place < len(seen) and seen[place] != sign and seen[place].isspace():
            place += 1
        if place >= len(seen) or seen[place] != sign:
            break  # a character that a tokenizer does not keep
        if typed >= 0:
            origins[typed] = place
        place += 1
    return origins


def _left(masked: Masked, found: Sequence[_SpanAt]) -> tuple[Masked, tuple[int, ...]]:
    """The sentence with the spans that are still to be placed, and which of its slots these are."""
    placed = {one.slot for one in found}
    kept = tuple(k for k in range(len(masked.slots)) if k not in placed)
    slots = tuple(
        dataclasses.replace(
            masked.slots[k], partner=kept.index(masked.slots[k].partner) if masked.slots[k].partner in kept else -1
        )
        for k in kept
    )
    return dataclasses.replace(masked, before="", after="" if -2 in placed else masked.after, slots=slots), kept
