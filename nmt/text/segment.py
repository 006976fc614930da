"""Text into sentences, and sentences that are too long into parts, without losing a character.

The rules know English best. They work for other languages that put spaces between sentences, as far as their
abbreviations are listed below or look like ones (z.B., J. R. R.), and for the full stops of Chinese and Japanese.
A place that is as likely inside a sentence as between two is left alone: a translation model is hurt less by two
sentences at once than by half a one.
"""

import functools
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from nmt.errors import ConfigError
from nmt.text.protect import MARK


@dataclass(frozen=True)
class Piece:
    """A stretch of text: a sentence, or what stands between sentences and is kept as it is.

    A sentence has a letter, no line break, and no white space at its ends. Everything else is white space, line
    breaks, list markers, bare numbers and signs, and bare addresses; two such pieces never follow each other.
    """

    text: str
    is_sentence: bool


_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_LETTER = re.compile(r"[^\W\d_]")
_ADDRESS = re.compile(r"<?(?:(?:https?|ftp)://|www\.)[!-~]+|<?(?:mailto:)?[!-?A-~]{1,64}@[!-?A-~]{1,250}")

# White space, then markers of a list, a heading, a quotation or a line of dialogue: "- ", "1. ", "(2) ", "a) ", "> ".
_BEFORE_SENTENCE = re.compile(r"\s*(?:(?:[-–—*•‣▪◦·#>]+|\(?\d{1,3}\)|\d{1,3}\.|\(?[A-Za-z]\))\s+)*")

_CLOSERS = r"""(?:["'”’“»›)\]}*_]|\[\d{1,3}\]|[ \xa0\u202f][»›](?=[\s,.;:]|$))*"""
_END = re.compile(
    # ends a sentence only where white space follows; French writes a space before ? and !
    rf"(?P<stop>[.!?…؟۔।॥]+(?:[ \xa0\u202f]?[!?…]+)*)(?P<closers>{_CLOSERS})"
    # ends a sentence by itself
    r"|(?P<wide>(?:[。｡！？‼⁇⁈⁉]|．(?![\d０-９A-Za-z]))[。｡．！？‼⁇⁈⁉!?…]*)(?P<wide_closers>[」』）】〉》〗〕］｣”’)]*)"
)
_OPENERS = r"""["'“„‘«»‹›(\[{¿¡*_<]"""
# What follows the end of a sentence, up to its first telling character.
_NEXT = re.compile(rf"\s+(?:[-–—•]+\s+)?{_OPENERS}*")
_WIDE_OPENERS = frozenset("「『（【〈《〖〔［｢“‘(")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Before a name or an explanation: the sentence always goes on.
_TITLES = _words(
    "mr mrs ms mx messrs dr drs prof mt ft vs v cf viz approx e.g i.e mme mlle sra srta dra bzw z.b d.h u.a p.ej"
    " Gen Sen Rep Gov Capt Cpt Lt Col Sgt Cpl Maj Adm Rev Hon Pres Fr"
)
# Before a number: the sentence goes on.
_NUMBERED = _words(
    "no nos nr núm vol p pp fig figs ch chap sec sect art eq ex tel ext ca c"
    " jan feb mar apr jun jul aug sep sept oct nov dec"
)
# Within a name or at the end of a sentence: it ends where the next word is one that begins sentences.
_NAME_PARTS = _words("st ave blvd rd inc ltd co corp jr sr bros dept univ est al ph.d usw ud uds")
_STARTER = re.compile(
    r"(?:He|She|It|They|We|You|I|The|This|That|These|Those|There|Then|But|And|So|Or|What|When|Where|Why|Who|How|If|My"
    r"|His|Her|Its|Our|Their|Your|In|On|At|For|After|Before|However|Is|Are|Was|Do|Does|Did|Please|Yes|No|Not|Now)"
    r"(?=[\s'’,])|A\s"
)
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")
# Behind a.m. and p.m. these go on with the time: 5 p.m. Monday, 5 p.m. EST.
_AFTER_TIME = re.compile(r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|[A-Z]{2,5}\b")
_SAID = re.compile(
    r"(?:I|[A-Z]\w+(?: [A-Z]\w+)?|The \w+) (?:said|says|asked|asks|replied|answered|cried|called|shouted|yelled"
    r"|screamed|whispered|exclaimed|wondered|thought|added)\b"
)


def split_text(text: str) -> list[Piece]:
    """Sentences and what stands between them; the texts of all pieces together are exactly `text`.

    Sentences end at . ! ? … and their full-width forms, with the quotes and brackets that close behind them, and at
    every line break. Splitting a sentence again gives it back whole.
    """
    pieces: list[Piece] = []
    done = 0
    for line in _LINE.finditer(text):
        for start, end in _sentences(line.group().rstrip()):
            start, end = start + line.start(), end + line.start()
            if start > done:
                pieces.append(Piece(text[done:start], False))
            pieces.append(Piece(text[start:end], True))
            done = end
    if done < len(text):
        pieces.append(Piece(text[done:], False))
    return pieces


def joint(space: str, target_uses_spaces: bool) -> str:
    """What to put between two translated sentences for the text `space` between their sources.

    A single plain space is dropped where the target language does not use spaces; everything else is kept.
    """
    return "" if space == " " and not target_uses_spaces else space


def split_long(text: str, max_length: int, length: Callable[[str], int]) -> list[str]:
    """Cut a sentence into parts of like size that are short enough; the parts together are exactly `text`.

    It is cut behind ; : — ! ?, behind a comma, before a conjunction or at a bracket, at white space, or between any
    two characters, in this order of preference, weighed against how unequal the parts become. White space at a cut
    stays at the end of the part before it.

    Args:
        text: the sentence.
        max_length: the greatest length of a part; only a single character may be longer.
        length: measures a text, for example in subword tokens; at least 0.

    Raises:
        ConfigError: max_length is below 1.
    """
    if max_length < 1:
        raise ConfigError(f"max_length must be at least 1, not {max_length}")
    parts: list[str] = []
    waiting = [text]
    while waiting:
        part = waiting.pop()
        size = length(part)
        if size <= max_length or len(part) < 2:
            parts.append(part)
            continue
        # A little more parts than needed at the least leave room to choose where to cut.
        num_parts = min(max(2, math.ceil(size / (_FILL * max_length))), len(part))
        cut = _best_cut(part, len(part) / num_parts, num_parts // 2)
        waiting += [part[cut:], part[:cut]]
    return parts


def _sentences(line: str) -> list[tuple[int, int]]:
    """Where the sentences of one line, which has no white space at its end, start and end."""
    spans: list[tuple[int, int]] = []
    start = 0
    while True:
        start = _end_of(_BEFORE_SENTENCE, line, start)
        if start >= len(line):
            return spans
        end = _sentence_end(line, start)
        sentence = line[start:end].rstrip()
        if _LETTER.search(sentence) and not _ADDRESS.fullmatch(sentence):
            spans.append((start, start + len(sentence)))
        start = end


def _sentence_end(line: str, start: int) -> int:
    """Where the sentence that starts at `start` ends. Looks at nothing before `start`."""
    for match in _END.finditer(line, start):
        if match["wide"]:
            follower = line[match.end() : match.end() + 1]
            if not match["wide_closers"] or not follower or follower.isspace() or follower in _WIDE_OPENERS:
                return match.end()
        elif match.end() == len(line) or (line[match.end()].isspace() and _ends_here(line, start, match)):
            return match.end()
    return len(line)


def _ends_here(line: str, start: int, match: re.Match[str]) -> bool:
    """Whether . ! ? or …, matched by `_END` and followed by white space, ends the sentence."""
    after = _end_of(_NEXT, line, match.end())
    follower = line[after : after + 1]
    stop, closers = match["stop"], match["closers"]
    if stop == "." and not closers:
        words = line[max(start, match.start() - 24) : match.start()].rsplit(maxsplit=2)
        before = line[match.start() - 1] if match.start() > start else " "
        verdict = None if before.isspace() else _after_abbreviation(words, line, after)
        if verdict is not None:
            return verdict
        # Who writes "i am here. are you?" begins no sentence with a capital letter.
        return not follower.islower() or _begins_lower(line, start, match.start())
    if follower.islower():
        return not closers and stop[-1] in "!?؟" and not stop.startswith(".")
    if stop in ("...", "…") and re.match(r"I\b", line[after : after + 2]):
        return False
    return not (closers and stop[-1] in "!?" and _SAID.match(line, after))


def _after_abbreviation(words: list[str], line: str, after: int) -> bool | None:
    """Whether a sentence ends at the full stop behind the last of `words`; None where that is no abbreviation."""
    word = words[-1].lstrip("\"'“‘«(¿¡[{")
    lower = word.lower()
    follower = line[after : after + 1]
    if word in _TITLES or lower in _TITLES:
        return False
    if lower in _NUMBERED and (follower.isdigit() or follower == MARK):  # which mostly stands for a number
        return False
    if lower in ("etc", "a.m", "p.m"):
        return not (follower.islower() or (lower != "etc" and _AFTER_TIME.match(line, after)))
    if word == "I" and len(words) > 1 and words[-2].islower():
        return True  # "So do I." is no initial
    is_initial = len(word) == 1 and word.isupper()
    if is_initial or lower in _NAME_PARTS or _DOTTED.fullmatch(word):
        return not follower or _STARTER.match(line, after) is not None
    return None


def _begins_lower(line: str, start: int, end: int) -> bool:
    letter = _LETTER.search(line, start, end)
    return letter is not None and letter.group().islower()


def _end_of(pattern: re.Pattern[str], line: str, start: int) -> int:
    match = pattern.match(line, start)
    return match.end() if match else start


_FILL = 0.85  # how full the parts of a long sentence are meant to be
_REACH = 0.6  # how far from the ideal cut another is looked for, as a share of a part
_CONJUNCTIONS = (
    "and|or|but|nor|yet|so|because|although|though|unless|until|while|whereas|when|where|which|who|whose|that|if|since"
    "|after|before|und|oder|aber|weil|dass|et|ou|mais|que|qui|y|o|pero|porque|e|ma|mas|en|of|maar|och|men|и|но|что"
)
# Each kind of place to cut, and what it costs in parts of distance from the ideal cut. The cut is behind the match.
# What looks back keeps a run of signs or spaces from being tried from each of its characters.
_CUTS = (
    (0.0, re.compile(r"(?<![;:—–!?…])[;:—–!?…]+[\"'”’»)\]]*\s+|\s[-–—]\s+|[；：。！？]+[」』）”’]*|[—…]+")),
    (0.15, re.compile(r",[\"'”’»)\]]*\s+|[，、،؛]\s*")),
    (0.3, re.compile(rf"(?<!\s)\s+(?=(?:{_CONJUNCTIONS})\s)", re.IGNORECASE)),
    (0.3, re.compile(r"(?<!\s)\s+(?=[(\[{“„«¿¡])|[)\]}”»]\s+|[」』）】》]|(?=[「『（【《])")),
    (0.55, re.compile(r"\s+")),
)


def _best_cut(text: str, part: float, num_before: int) -> int:
    """Where to cut `text`: near `num_before` times `part` characters, and at neither end."""
    ideal = min(max(round(part * num_before), 1), len(text) - 1)
    reach = max(1, int(_REACH * part))
    low, high = max(1, ideal - reach), min(len(text) - 1, ideal + reach)
    candidates = (
        (cost + abs(match.end() - ideal) / part, match.end())
        for cost, pattern in _CUTS
        for match in pattern.finditer(text, low, high)
    )
    best = min(candidates, default=None)
    return best[1] if best else _between_characters(text, ideal)


def _between_characters(text: str, ideal: int) -> int:
    """The place at or soon after `ideal` that tears no accent or joined emoji from its character."""
    for cut in range(ideal, min(ideal + 16, len(text))):
        if not (_joins(text[cut]) or text[cut - 1] == "\u200d"):
            return cut
    return ideal


@functools.lru_cache(maxsize=4096)
def _joins(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf", "Sk") and character != "\u200b"
