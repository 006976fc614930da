"""What the model reads of a sentence that has protected spans.

It depends on what a span does in the sentence:

- a *name* (address, placeholder, code, a word of the user's own list) stands where a noun would: the model reads a
  very common first name instead, which even a small network translates and places well;
- a *number* with its unit is read as it is, as digits are; a placeholder for a number is read as a number;
- what is *loose* (emoji, tags, entities) is no word: the model does not see it at all.

What is loose at either end of a sentence never enters it, nor does a name set off by a colon there.
"""

import dataclasses
import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nmt.text import casing
from nmt.text.protect import MARK, Span, reveal, tag_name
from nmt.text.quantities import digit_runs, plain_digits, words_for
from nmt.text.typos import Typos

_LETTER = re.compile(r"[^\W\d_]")
_LONGEST = 24  # characters of a number that the model reads itself
_AFTER_CUT = re.compile(r"\s*(?:[:：]\s*)?")


@dataclass(frozen=True)
class Slot:
    """A span of a sentence and what the model reads for it: `Masked.text[start:end]`, nothing where it is loose."""

    span: Span
    start: int
    end: int
    surfaces: tuple[str, ...] = ()  # what the translation of a stand-in looks like, the most telling first
    partner: int = -1  # of a tag: the place of its partner among the slots
    spaces: tuple[bool, bool] = (False, False)  # whether white space stood before and after it


@dataclass(frozen=True)
class Masked:
    """A sentence as the model reads it."""

    source: str  # the sentence
    text: str  # what the model reads
    before: str = ""  # spans cut off at its ends, with the white space around them
    after: str = ""
    slots: tuple[Slot, ...] = ()
    is_shouted: bool = False  # the sentence is in capitals, which `text` is not
    is_capitalised: bool = False  # it begins with a capital that its translation gets as well
    read_as: tuple[tuple[str, str], ...] = ()  # misspelled words, and what `text` has for each

    @property
    def has_spans(self) -> bool:
        """Whether there is anything to put back."""
        return bool(self.slots or self.before or self.after)


# First names that corpora of everyday sentences are full of: in Latin letters, and as each language spells them.
_PEOPLE: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "": ("Tom",), "ja": ("トム",), "zh": ("汤姆", "湯姆"), "ko": ("톰",), "el": ("Τομ",), "ar": ("توم",),
        "ru": ("Томом", "Тома", "Тому", "Томе", "Том"), "uk": ("Томом", "Тома", "Тому", "Томі", "Том"),
        "he": ("תום", "טום"), "hi": ("टॉम",), "th": ("ทอม",),
    },
    {
        "": ("Mary", "Marie", "Maria", "María"), "ja": ("メアリー", "メアリ", "マリー"), "zh": ("玛丽", "瑪麗"),
        "ko": ("메리",), "el": ("Μαίρη", "Μαρία"), "ar": ("ماري",), "ru": ("Мэри",), "uk": ("Мері",), "he": ("מרי",),
        "hi": ("मैरी",), "th": ("แมรี่", "แมรี"),
    },
    {
        "": ("John", "Juan", "João"), "ja": ("ジョン",), "zh": ("约翰", "約翰"), "ko": ("존",), "el": ("Τζον",),
        "ar": ("جون",), "ru": ("Джоном", "Джона", "Джону", "Джон"), "uk": ("Джоном", "Джона", "Джону", "Джон"),
        "he": ("ג'ון", "ג׳ון"), "hi": ("जॉन",), "th": ("จอห์น",),
    },
)  # fmt: skip
# Behind "Mr." and the like, where a first name would be odd.
_TITLED = {"": ("Jackson",), "ja": ("ジャクソン",), "zh": ("杰克逊", "傑克遜"), "ko": ("잭슨",), "ru": ("Джексон",)}
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Sr|Sra|M|Mme|Herr|Frau)\.?\s+$")
_FIGURES = ("25", "48", "36", "74")


def mask(part: str, spans: Sequence[Span], source_language: str, target_language: str) -> Masked | None:
    """What the model reads of a sentence.

    Args:
        part: a sentence of a skeleton.
        spans: those its marks stand for.
        source_language, target_language: their codes.

    Returns:
        None where there are only spans and signs: nothing to translate.
    """
    source = reveal(part, iter(spans))
    if not spans:
        return Masked(source, source)
    partners = _partners(spans)
    lead, trail = _ends(part, spans, partners)
    marks = [match.start() for match in re.finditer(MARK, part)]
    start, end = 0, len(part)
    if lead:  # what is cut off takes the white space beside it along, and the colon behind a name
        start = marks[lead - 1] + 1
        start += len(_AFTER_CUT.match(part, start)[0])  # type: ignore[index]
    if trail:
        end = start + len(part[start : marks[-trail]].rstrip())
    gaps = part[start:end].split(MARK)
    if not _LETTER.search("".join(gaps)):
        return None
    kept = range(lead, len(spans) - trail)
    text, slots = _render(gaps, [spans[k] for k in kept], source_language, target_language)
    placed = tuple(
        dataclasses.replace(slot, partner=partners[k] - lead if partners.get(k) in kept else -1)
        for k, slot in zip(kept, slots, strict=True)
    )
    before, after = reveal(part[:start], iter(spans)), reveal(part[end:], iter(spans[len(spans) - trail :]))
    return Masked(source, text, before, after, placed)


def calmed(
    masked: Masked, source_language: str, num_tokens: Callable[[str], int], knows_capitals: bool = True
) -> Masked:
    """The same sentence with the capitals that the model has learned; what stands for spans stays as it is.

    Args:
        masked: the sentence.
        source_language: its code.
        num_tokens: how many subwords a text has.
        knows_capitals: whether the model has learned from text with capitals; otherwise it reads small letters.
    """
    parts, done = [], 0
    for slot in masked.slots:
        parts.append(masked.text[done : slot.start])
        done = slot.end
    parts.append(masked.text[done:])
    own = " ".join(parts).strip()
    is_shouted, is_heading = casing.is_shouted(own), knows_capitals and casing.is_heading(own)
    if knows_capitals:
        rewrite = casing.calm if is_shouted or casing.is_hurried(own) else casing.unstressed
        text = rewrite(masked.text, source_language, num_tokens)
        text = casing.unheaded(text, source_language, num_tokens) if is_heading else text
    else:
        text = casing.lower(masked.text, source_language)
    begins = is_heading or (knows_capitals and casing.begins(own) and not is_shouted)
    if text == masked.text:
        return dataclasses.replace(masked, is_capitalised=True) if begins else masked
    for slot in masked.slots:
        text = text[: slot.start] + masked.text[slot.start : slot.end] + text[slot.end :]
    return dataclasses.replace(masked, text=text, is_shouted=is_shouted, is_capitalised=begins)


def mended(masked: Masked, typos: Typos, is_kept: Callable[[str], bool]) -> Masked:
    """The same sentence with what was meant by misspelled words; what stands for spans stays as it is.

    Args:
        masked: the sentence.
        typos: of the language.
        is_kept: tells of a word in small letters whether it is read as it is.
    """
    found = [
        (start, end, meant)
        for start, end, meant in typos.mended(masked.text, is_kept)
        if not any(slot.start < end and start < slot.end for slot in masked.slots)
    ]
    if not found:
        return masked
    text, slots = masked.text, list(masked.slots)
    for start, end, meant in reversed(found):
        text = text[:start] + meant + text[end:]
        shift = len(meant) - (end - start)
        slots = [
            dataclasses.replace(slot, start=slot.start + shift, end=slot.end + shift) if slot.start >= end else slot
            for slot in slots
        ]
    read_as = tuple((masked.text[start:end], meant) for start, end, meant in found)
    return dataclasses.replace(masked, text=text, slots=tuple(slots), read_as=masked.read_as + read_as)


def _partners(spans: Sequence[Span]) -> dict[int, int]:
    """Which tags belong together; a tag that closes another than the last opened one belongs to none."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for place, span in enumerate(spans):
        if span.role == "open":
            opened.append(place)
        elif span.role == "close" and any(tag_name(spans[k]) == tag_name(span) for k in opened):
            while tag_name(spans[other := opened.pop()]) != tag_name(span):
                pass
            found[other], found[place] = place, other
    return found


def _ends(part: str, spans: Sequence[Span], partners: dict[int, int]) -> tuple[int, int]:
    """How many spans at the start and at the end of a sentence are no part of it."""
    gaps = part.split(MARK)
    lead = trail = 0
    while lead < len(spans) and not gaps[lead].strip():
        names_what_follows = re.match(r"\s*[:：]", gaps[lead + 1])
        if spans[lead].role in ("name", "number") and not names_what_follows:
            break
        lead += 1
        if names_what_follows:
            break
    while trail < len(spans) - lead and not gaps[-1 - trail].strip():
        follows_colon = re.search(r"[:：]\s*$", gaps[-2 - trail])
        if spans[-1 - trail].role in ("name", "number") and not follows_colon:
            break
        trail += 1
    while True:  # a tag stays with its partner
        cut = {*range(lead), *range(len(spans) - trail, len(spans))}
        alone = {k for k in cut if k in partners and partners[k] not in cut}
        if not alone:
            return lead, trail
        lead = min([lead, *(k for k in alone if k < lead)])
        trail = min([trail, *(len(spans) - 1 - k for k in alone if k >= len(spans) - trail)])


def _render(gaps: list[str], spans: list[Span], source_language: str, target_language: str) -> tuple[str, list[Slot]]:
    around = " ".join(gaps)
    people = iter(_stand_ins(around, source_language, target_language))
    figures = iter([figure for figure in _FIGURES if figure not in around] * len(spans) or _FIGURES * len(spans))
    text, slots = gaps[0], []
    for before, span, after in zip(gaps, spans, gaps[1:], strict=False):
        spaces = (before[-1:].isspace(), after[:1].isspace())
        start = len(text)
        surfaces: tuple[str, ...] = ()
        if span.role == "name":
            titled = _TITLE.search(text) and "Jackson" not in around + text
            stand_in, surfaces = _as_written(_TITLED, source_language, target_language) if titled else next(people)
        elif span.role == "number":
            stand_in = span.text if span.kind == "measure" and len(span.text) <= _LONGEST else next(figures)
            surfaces = _spelled(stand_in, target_language)
        else:
            stand_in = _unseen(span, before, after)
        text += stand_in
        end = len(text) if span.role in ("name", "number") else start
        slots.append(Slot(span, start, end, surfaces, spaces=spaces))
        text += after
    return text, slots


def _stand_ins(around: str, source_language: str, target_language: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names that the sentence does not have, over and over."""
    free = [person for person in _PEOPLE if not any(name in around for name in _in(person, source_language))]
    while True:
        for person in free or _PEOPLE:
            yield _as_written(person, source_language, target_language)


def _as_written(
    person: dict[str, tuple[str, ...]], source_language: str, target_language: str
) -> tuple[str, tuple[str, ...]]:
    """A name in the one language, and how it may look in the other."""
    target = _in(person, target_language)
    # A model may also leave a foreign name as it is.
    return _in(person, source_language)[0], (*target, *(name for name in person[""] if name not in target))


def _in(person: dict[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    return person.get(language.partition("-")[0], person[""])


def _spelled(number: str, language: str) -> tuple[str, ...]:
    """What a number, or the first of a time or a range, has in it where it is written in words.

    Nothing for 1, whose word is an article in many languages.
    """
    first = digit_runs(number)[:1]
    digits = plain_digits(number[slice(*first[0])]) if first else ""
    return words_for(int(digits), language) if 0 < len(digits) <= 6 and int(digits) > 1 else ()


def _unseen(span: Span, before: str, after: str) -> str:
    """What keeps the words on both sides apart; in a word, an entity is the letter or sign it stands for."""
    inside_word = bool(before[-1:].strip() and after[:1].strip())
    if span.kind == "entity":
        return html.unescape(span.text) if inside_word else " "
    return " " if inside_word and span.role == "loose" else ""


def with_numbers(masked: Masked, numbers: Sequence[str]) -> Masked:
    """The same sentence, as the model has read it, with the first of each of these plain numbers protected as well."""
    slots = list(masked.slots)
    waiting = list(numbers)
    for start, end in digit_runs(masked.text):
        run = masked.text[start:end]
        if run in waiting and not any(slot.start < end and start < slot.end for slot in slots):
            waiting.remove(run)
            slots.append(Slot(Span(run, "number", "number"), start, end))
    return dataclasses.replace(masked, slots=tuple(slots))
