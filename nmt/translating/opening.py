"""The beginning of a translation as its reader typed it, and as the model is to write it."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

from nmt import languages
from nmt.search.steering import Guide, branch
from nmt.text.casing import calm, shout
from nmt.text.masking import Masked, Slot
from nmt.text.placement import Restored, restore
from nmt.text.reading import Reading
from nmt.tokenizer import Tokenizer
from nmt.translating.spelling import Spellings, Ways

_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2581\ufffd]")  # what no translation has but spaces
_LEAST_OF_SPAN = 3  # characters of a span that make it out


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


def opening(masked: Masked, text: str, tokenizer: Tokenizer, spellings: Spellings, language: str) -> Opening:
    """What it takes to begin the translation of a sentence with `text`, which may have some of its protected spans.

    Args:
        masked: the sentence.
        text: as it was typed.
        tokenizer, spellings: of the target language.
        language: its code.
    """
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
    if masked.is_shouted:
        seen = _calmed(seen, frozenset(origins), language, tokenizer)
    space_follows = languages.language(language).uses_spaces and bool(seen) and view[-1:].isspace()
    ways = spellings.ways(seen, space_follows)
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


def _calmed(seen: str, typed: frozenset[int], language: str, tokenizer: Tokenizer) -> str:
    """What was typed in capitals as the model writes it, which does so in small letters; not what stands for spans."""
    if any(seen[k] != shout(seen[k], language) for k in typed if k >= 0):
        return seen
    quiet = calm(seen, language, lambda word: len(tokenizer.encode(word)))
    return "".join(quiet[k] if k in typed else sign for k, sign in enumerate(seen))


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
