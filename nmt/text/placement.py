"""Puts protected spans back into a translation, where the attention says that they belong.

A *name* goes where the translation of its stand-in stands; a *number* where the same digits stand, or words that say
it, or else other digits or a word read from it. Where the model has dropped them, the span goes before the token that
read most of it. `nmt.text.markup` places what is loose. So every span is in the result exactly once, whatever the model
does.
"""

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.text.markup import place_loose
from nmt.text.masking import Masked, Slot
from nmt.text.protect import shield
from nmt.text.quantities import digit_runs, plain_digits
from nmt.text.reading import Edit, Reading, apply, boundaries, tokens

_SURE = 0.5  # share of attention that makes a token the translation of a stand-in in a spelling we do not know
_LIKELY = 0.15  # share of attention that ties other digits to a number
_COPIED = frozenset(("url", "email", "file", "code", "tag", "placeholder", "entity", "emoji"))
# What a network adds to a number whose span already says it ("20 € Euro"); in small letters.
_UNIT_WORDS = frozenset("ドル 円 ユーロ ポンド ％ % パーセント 時 分 度 キロ メートル グラム ℃ $ €".split())  # noqa: SIM905
_UNIT_WORDS |= frozenset("euro euros dollar dollars dólar dólares dollaro dollari prozent".split())  # noqa: SIM905
_OTHER_UNIT = re.compile(r"[²³]|\s?(?:°\s?[CF]|[℃℉])")
_BETWEEN = " \u00a0:.,：．，-–"  # the parts of a number
_FIRST_UNSPACED = "\u2e80"  # Chinese characters and kana come after it
_PARTICLES = frozenset("にをのがはでともへや")  # of Japanese, often one token with what they follow


@dataclass(frozen=True)
class Restored:
    """A translation with its spans, those of them whose place is a guess, and where each character comes from."""

    text: str
    guessed: tuple[str, ...]
    origins: tuple[int, ...]  # see `nmt.text.reading.apply`


@dataclass(frozen=True)
class _Place:
    """Where in the translation a slot could go."""

    slot: int
    start: int
    end: int
    known: bool  # what stands there is spelled like a translation of the stand-in
    share: float  # of the attention of a token there
    is_word: bool = False  # and not digits

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and start < self.end


def restore(masked: Masked, reading: Reading, uses_spaces: bool, is_whole: bool = True) -> Restored:
    """The translation of a sentence with all its spans.

    Args:
        masked: the sentence.
        reading: its translation.
        uses_spaces: whether the target language divides words by spaces.
        is_whole: whether nothing follows; of the beginning of a translation, only what stands for spans is replaced.
    """
    edits = [Edit(start, end, "") for start, end in _copies(masked, reading.text)]
    guessed = []
    seen = [k for k, slot in enumerate(masked.slots) if slot.end > slot.start]
    places = _places(masked, reading, seen, edits)
    for k in seen:
        slot = masked.slots[k]
        if k in places:
            edits.append(Edit(places[k].start, places[k].end, slot.span.text, order=k, slot=slot))
        elif is_whole:
            guessed.append(slot.span.text)
    for k in seen if is_whole else ():
        if k not in places:
            place = _most_read(reading, k, edits, uses_spaces)
            edits.append(Edit(place, place, masked.slots[k].span.text, order=k, slot=masked.slots[k]))
    edits += place_loose(masked, reading, edits, uses_spaces) if is_whole else []
    text, origins = apply(reading.text, edits, uses_spaces)
    after = masked.after if is_whole else ""
    origins = (*[-1] * len(masked.before), *origins, *[-1] * len(after))
    return Restored(masked.before + text + after, tuple(guessed), origins)


def _copies(masked: Masked, text: str) -> Iterator[tuple[int, int]]:
    """Where the model has itself written what is put in anyway."""
    wanted = {slot.span.text for slot in masked.slots}
    place = 0
    for span in shield(text).spans:
        place = text.index(span.text, place)
        if span.kind in _COPIED and span.text in wanted:
            yield place, place + len(span.text)
        place += len(span.text)


def _places(masked: Masked, reading: Reading, seen: list[int], taken: Sequence[Edit]) -> dict[int, _Place]:
    """Which part of the translation each slot replaces, where there is such a part; the surest are given away first."""
    used = [(edit.start, edit.end) for edit in taken]
    places: dict[int, _Place] = {}
    candidates = [place for k in seen for place in _candidates(masked, reading, k)]
    for place in sorted(
        candidates, key=lambda p: (not p.known, not p.known and p.is_word, -p.share, p.slot, p.start, p.end)
    ):
        if place.slot in places or any(place.overlaps(*other) for other in used):
            continue
        if masked.slots[place.slot].span.role == "number":
            place = _with_signs(masked.slots[place.slot].span.text, reading.text, place)
        if masked.slots[place.slot].span.kind == "measure":
            place = _widened(masked, reading, place, used)
        places[place.slot] = place
        used.append((place.start, place.end))
    return places


def _candidates(masked: Masked, reading: Reading, k: int) -> Iterator[_Place]:
    slot, text, share = masked.slots[k], reading.text, reading.share(k)

    def place(start: int, end: int, known: bool) -> _Place:
        among = [float(share[t]) for t, low, high in tokens(reading) if low < end and start < high]
        return _Place(k, start, end, known, max(among, default=0.0))

    if slot.span.role == "number":
        for start, end, known in _figures(masked, slot, text):
            found = place(start, end, known)
            if known or found.share >= _LIKELY:
                yield found
        if slot.span.kind != "number":  # which goes nowhere else
            yield from _words(slot, reading, share, place)
        return
    found_at: set[int] = set()  # a longer spelling hides the shorter one that it begins with
    for surface in sorted(slot.surfaces, key=len, reverse=True):
        start = text.find(surface)
        while start >= 0:
            if start not in found_at and not (start and text[start - 1].isalpha() and surface[0].isascii()):
                yield place(start, start + len(surface), True)
            found_at.add(start)
            start = text.find(surface, start + 1)
    for ts, start, end in _units(reading):
        word = text[start:end].lstrip()
        if word.isalpha() and share[ts.start : ts.stop].mean() >= _SURE:
            yield place(end - len(word), end, False)


def _words(
    slot: Slot, reading: Reading, share: np.ndarray, place: Callable[[int, int, bool], _Place]
) -> Iterator[_Place]:
    """Which words a number could stand for."""
    for ts, start, end in _units(reading):  # a part of a word leaves the rest of it behind
        word, shares = reading.text[start:end].lstrip(), share[ts.start : ts.stop]
        is_said = any(word.casefold().startswith(root) for root in slot.surfaces)
        if word.isalpha() and (shares.max() >= _LIKELY if is_said else shares.mean() >= _SURE):
            yield dataclasses.replace(place(end - len(word), end, is_said), is_word=True)


def _figures(masked: Masked, slot: Slot, text: str) -> Iterator[tuple[int, int, bool]]:
    """Where the digits of a number could stand: start, end, whether they are the same digits."""
    wanted = plain_digits(masked.text[slot.start : slot.end])
    others = Counter(
        plain_digits(masked.text[start:end])
        for start, end in digit_runs(masked.text)
        if not slot.start <= start < slot.end
    )
    runs = digit_runs(text)
    written = Counter(plain_digits(text[start:end]) for start, end in runs)
    for i, (start, end) in enumerate(runs):
        digits = plain_digits(text[start:end])
        if digits != wanted and written[digits] > others[digits]:
            yield start, end, False
        for _, last in runs[i:]:  # 12:30 may have become １２時３０分
            digits = plain_digits(text[start:last])
            if digits == wanted:
                yield start, last, True
            if not wanted.startswith(digits) or last - start > 3 * len(wanted) + 3:
                break


def _with_signs(span: str, text: str, place: _Place) -> _Place:
    """A number's place with the signs around it that the span has, too: the minus and the unit of "-5 °C".

    What a network makes of a unit otherwise, "m²" of "m" or "°C" of "°F", goes with it.
    """
    digits = [i for i, sign in enumerate(span) if sign.isdecimal()]
    if place.is_word or not digits:
        return place
    start, end = place.start, place.end
    before, after = span[: digits[0]].strip(), span[digits[-1] + 1 :].strip()
    for signs in filter(None, (before, before[:1], before[-1:])):
        found = re.search(rf"{_spelled(signs)}\s?$", text[:start])
        if found and not _within_word(text, found.start()):
            start = found.start()
            break
    if after:
        found = re.compile(rf"\s?{_spelled(after)}").match(text, end)
        end = found.end() if found and not _within_word(text, found.end()) else end
        found = _OTHER_UNIT.match(text, end)
        end = found.end() if found and not _within_word(text, found.end()) else end
    return dataclasses.replace(place, start=start, end=end)


def _spelled(signs: str) -> str:
    """A pattern for signs beside a number, with spaces of any kind or none.

    A source is read in compatibility composition (NFKC), so a network may write "m2" for "m²".
    """
    forms = dict.fromkeys((signs, unicodedata.normalize("NFKC", signs)))
    return "(?:" + "|".join(r"\s?".join(re.escape(part) for part in form.split()) for form in forms) + ")"


def _within_word(text: str, place: int) -> bool:
    return 0 < place < len(text) and _is_of_word(text[place - 1]) and _is_of_word(text[place])


def _is_of_word(sign: str) -> bool:
    return sign.isalpha() or sign.isdecimal()  # and not "²"


def _widened(masked: Masked, reading: Reading, place: _Place, used: Sequence[tuple[int, int]]) -> _Place:
    """A number's place with what else stands beside it for the number, its unit too, but not the particle behind it.

    That is what was read from the number: words, and digits that the sentence does not have.
    """
    text, share = reading.text, reading.share(place.slot)
    first, last = reading.columns[place.slot]
    surplus = [(low, high) for low, high, _ in _figures(masked, masked.slots[place.slot], text)]
    has_words_before = place.is_word or not masked.slots[place.slot].span.text[0].isdecimal()  # "halb zehn", "$40"
    units = list(_units(reading))

    def belongs(ts: range, low: int, high: int, words: bool) -> bool:
        word = text[low:high].strip()
        if word in _PARTICLES or any(low < end and start < high for start, end in used):
            return False
        is_read = first <= int(np.argmax(reading.attention[ts.start : ts.stop].sum(0))) < last
        if word.isdecimal():
            return is_read and any(low < end and start < high for start, end in surplus)
        is_read = is_read and word.isalpha() and share[ts.start : ts.stop].mean() >= _SURE
        return words and (word.casefold() in _UNIT_WORDS or is_read)

    start, end = place.start, place.end
    reach = end  # over what may stand between
    for ts, low, high in units:
        if low <= reach < high and belongs(ts, reach, high, True):
            end = reach = high - (high - low > 1 and text[high - 1] in _PARTICLES)
        elif low == reach and not text[low:high].strip(_BETWEEN):
            reach = high
    reach = start
    for ts, low, high in reversed(units):
        if high == reach and belongs(ts, low, high, has_words_before):
            start = low + len(text[low:high]) - len(text[low:high].lstrip())
            reach = low
        elif high == reach and (not text[low:high].strip(_BETWEEN) or belongs(ts, low, high, True)):
            reach = low
    return dataclasses.replace(place, start=start, end=end)


def _units(reading: Reading) -> Iterator[tuple[range, int, int]]:
    """The words of a translation, its numbers and its signs: their tokens, their start and end in the text.

    Where a language does not divide words by spaces, each token is one.
    """
    text, found = reading.text, list[tuple[range, int, int]]()
    for t, start, end in tokens(reading):
        if found and 0 < start < end:
            ends = text[start - 1], text[start]
            is_word = all(sign.isalpha() and sign < _FIRST_UNSPACED for sign in ends)
            if is_word or all(sign.isdecimal() for sign in ends):
                found[-1] = (range(found[-1][0].start, t + 1), found[-1][1], end)
                continue
        found.append((range(t, t + 1), start, end))
    yield from found


def _most_read(reading: Reading, k: int, edits: Sequence[Edit], uses_spaces: bool) -> int:
    """Where to put a slot that the model has dropped."""
    text, bounds = reading.text, reading.bounds
    in_number = {t for t, start, _ in tokens(reading) if start and text[start - 1 : start + 1].isdecimal()}
    free = [t for t in boundaries(reading, edits, uses_spaces) if t not in in_number]
    share = reading.share(k)
    seed = int(share.argmax()) if share.size else 0
    return bounds[max((t for t in free if t <= seed), default=free[0])]
