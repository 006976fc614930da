"""Slips of the finger in what people type: words that are none, read as the words that were meant.

A network of subwords reads a misspelled word as other words: "wihch" is "w", "ih", "ch". Here a word in small letters
that is in no list of the language's words is read as one that is, where a single slip makes the one of the other, the
vocabulary spells it in fewer pieces, and it is usual enough: as in Church & Gale 1991, "Probability scoring for
spelling correction", by the probability of the word, here that of its subwords, times that of the slip, here a guess.

Measured on the dev parts, greedy, chrF (`benchmarks/robustness.py`), one word of each sentence misspelled: en-de 46.8
before and 55.1 with it, en-ja 19.4 and 23.7; as they were written, 57.3 and 24.8 with and without. It changes 6 of
their 28,900 words, and of 21,800 of the Python documentation 31, nearly all of them code.
"""

import functools
import gzip
import importlib.resources
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

# A word that stands alone: not part of an address, a file's name, a compound with hyphens, or a name in code.
_WORD = re.compile(r"(?<![\w.@/\\'’#$%&+-])[^\W\d_]+(?:['’][^\W\d_]+)*(?![\w@/\\#$%&+(=]|[.'’:-]\w)")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {row[k]: row[max(0, k - 1) : k] + row[k + 1 : k + 2] for row in _ROWS for k in range(len(row))}
_SHORTEST, _LONGEST = 3, 24
# How much more usual than any other slip, as factors; the first letter is seldom wrong (Pollock & Zamora 1984).
_SWAPPED, _DOUBLED, _NOT_DOUBLED, _LEFT_OUT, _BESIDE_IT, _OTHER_KEY = 8.0, 8.0, 20.0, 3.0, 4.0, 0.5
_FIRST = 0.1
# Log-probabilities that a word times its slip must have; that of "library" is -9. At the start of a sentence a capital
# may be that of a name.
_LEAST, _LEAST_CAPITALISED = -16.0, -9.0
_FEW, _MOST = 3, 0.6  # more unknown words than so many, and than this share of a sentence, are another language


@dataclass(frozen=True)
class Vocabulary:
    """What the model knows of a word.

    Attributes:
        num_pieces: how many subwords it has.
        log_prob: of its subwords, together.
    """

    num_pieces: Callable[[str], int]
    log_prob: Callable[[str], float]


@dataclass(frozen=True)
class _Reading:
    """Whether a word is one of the language, and what is read for it; empty: what it is."""

    is_known: bool
    meant: str = ""


_KNOWN = _Reading(True)


class Typos:
    """Finds what was meant.

    Args:
        language: code of a language that `has_words`.
        vocabulary: of the model that is to read it.
    """

    def __init__(self, language: str, vocabulary: Vocabulary):
        self._language, self._vocabulary = language, vocabulary
        self._meant = functools.lru_cache(maxsize=10_000)(self._search)

    def mended(self, text: str, is_kept: Callable[[str], bool] = lambda word: False) -> Sequence[tuple[int, int, str]]:
        """The misspelled words of a sentence: where each starts and ends, and what to read for it.

        Args:
            text: the sentence.
            is_kept: tells of a word in small letters whether it is read as it is, whatever it is.

        Returns:
            None of them where most words are none: then the sentence is in another language.
        """
        without_case = text.islower() or text.isupper()  # then a name cannot be told from a word
        found, num_words, num_unknown = [], 0, 0
        for match in _WORD.finditer(text):
            word = match.group()
            small = word.lower()
            num_words += 1
            is_capitalised = word[0].isupper() and word[1:].islower()
            if is_capitalised and any(c.isalnum() for c in text[: match.start()]):
                continue  # a name
            if not (word.islower() or is_capitalised or without_case) or is_kept(small):
                continue
            reading = self._meant(small.replace("’", "'"), is_capitalised)
            num_unknown += not reading.is_known
            if reading.meant:
                meant = reading.meant
                alike = meant[:1].upper() + meant[1:] if is_capitalised else meant if word.islower() else meant.upper()
                found.append((match.start(), match.end(), alike))
        is_other_language = num_unknown > max(_FEW, _MOST * num_words)
        return [] if is_other_language else found

    def _search(self, word: str, is_capitalised: bool) -> _Reading:
        num_pieces = self._vocabulary.num_pieces
        long = _shorthand(self._language).get(word)
        if long and (len(word) < _SHORTEST or num_pieces(word) > 1):  # "gonna" a model may know
            return _Reading(True, long)
        if not _SHORTEST <= len(word) <= _LONGEST or min(num_pieces(word), num_pieces(word.capitalize())) < 2:
            return _KNOWN
        words = _words(self._language)
        if _is_known(word, words):
            return _KNOWN
        for k in range(len(word) - 1, 0, -1):  # "dont", which is no slip but haste
            if (contracted := f"{word[:k]}'{word[k:]}") in words:
                return _Reading(True, contracted)
        is_short = len(word) == _SHORTEST  # nearly all words of three letters are beside another one
        rated = [
            (self._vocabulary.log_prob(other) + math.log(factor), other)
            for other, factor in _one_slip_away(word, _letters(self._language))
            if other in words and not (is_short and sorted(other) != sorted(word))
        ]
        least = _LEAST_CAPITALISED if is_capitalised else _LEAST
        value, best = max(rated, default=(-math.inf, ""))
        is_meant = value >= least and num_pieces(best) < num_pieces(word)
        return _Reading(False, best if is_meant else "")


def has_words(language: str) -> bool:
    """Whether there is a list of the words of a language, by its code."""
    return _file(language).is_file()


def _file(language: str, end: str = ".txt.gz") -> Traversable:
    return importlib.resources.files("nmt.text") / "words" / f"{language.partition('-')[0]}{end}"


@functools.lru_cache(maxsize=4)
def _words(language: str) -> frozenset[str]:
    words = gzip.decompress(_file(language).read_bytes()).decode().split("\n")
    also = _file(language, "-also.txt")  # what is in no dictionary and no slip: names in code, and what people chat
    return frozenset([*words, *(also.read_text(encoding="ascii").split() if also.is_file() else ())])


@functools.lru_cache(maxsize=4)
def _shorthand(language: str) -> dict[str, str]:
    """What people in a hurry write for other words, and those words."""
    file = _file(language, "-short.txt")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else ()
    return {short: long for short, _, long in (line.partition(" ") for line in lines)}


@functools.lru_cache(maxsize=4)
def _letters(language: str) -> str:
    return "".join({letter: None for word in _words(language) for letter in word})


def _is_known(word: str, words: frozenset[str]) -> bool:
    stem = word[:-2] if word.endswith("'s") else word.removesuffix("'")
    return word in words or stem in words


def _one_slip_away(word: str, letters: str) -> Iterator[tuple[str, float]]:
    """What could have been meant by a word, each with the factor of that slip."""
    found: dict[str, float] = {}

    def note(other: str, factor: float, place: int) -> None:
        factor *= _FIRST if place == 0 else 1.0
        found[other] = max(factor, found.get(other, 0.0))

    for k in range(len(word) + 1):
        before, after = word[:k], word[k:]
        if after:
            note(before + after[1:], _DOUBLED if before[-1:] == after[0] else 1.0, k)
        if len(after) > 1:
            note(before + after[1] + after[0] + after[2:], _SWAPPED, k)
        for letter in letters:
            if after:
                note(before + letter + after[1:], _BESIDE_IT if letter in _BESIDE.get(after[0], "") else _OTHER_KEY, k)
            note(before + letter + after, _NOT_DOUBLED if before[-1:] == letter else _LEFT_OUT, k)
    found.pop(word, None)
    return iter(found.items())
