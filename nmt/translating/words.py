"""The words of a translation: where they stand, how sure the model was of them, and what it read for them.

Axis letters: T target tokens, S source tokens.
"""

import itertools
import math
import re
from collections.abc import Sequence

from nmt.text.reading import Reading
from nmt.translation import Word

_WORD = re.compile(r"\S+")
_LEAST_SHARE = 0.15  # of the attention of a word that makes a source token worth showing
_MOST_SOURCES = 4


def aligned(text: str, origin: str) -> tuple[int, ...]:
    """Of each character of `text` its place in `origin`, which differs in nothing but white space; -1 for that.

    Where they differ in more, -1 from there on.
    """
    start = len(origin) - len(origin.lstrip())
    if origin[start : start + len(text)] == text:
        return tuple(range(start, start + len(text)))
    places, place = [], 0
    for sign in text:
        while place < len(origin) and origin[place] != sign and origin[place].isspace():
            place += 1
        if sign.isspace():
            places.append(-1)
        elif place < len(origin) and origin[place] == sign:
            places.append(place)
            place += 1
        else:
            return (*places, *[-1] * (len(text) - len(places)))
    return tuple(places)


def words(
    text: str, origins: Sequence[int], reading: Reading, log_probs: Sequence[float], uses_spaces: bool
) -> tuple[Word, ...]:
    """The words of a translation.

    Args:
        text: the translation with everything in place.
        origins: of each of its characters the place in `reading.text`, or what `nmt.text.reading.apply` says instead.
        reading: what the model has written.
        log_probs: (T,) of its tokens.
        uses_spaces: whether spaces part its words; otherwise each subword is one.
    """
    owners = _owners(origins, reading)
    spans = [match.span() for match in _WORD.finditer(text)]
    if not uses_spaces:
        spans = [part for span in spans for part in _runs(owners, *span)]
    attention = reading.attention[:, :-1].tolist()  # a few dozen numbers: NumPy would take longer
    found = []
    for (start, end), tokens in zip(spans, _tokens(spans, owners, reading), strict=True):
        if tokens:
            probability = min(1.0, math.exp(math.fsum(log_probs[t] for t in tokens)))
            found.append(Word(text[start:end], start, end, probability, _most_read([attention[t] for t in tokens])))
        else:
            slots = sorted({-2 - owner for owner in owners[start:end] if owner < -1})
            source = tuple(column for k in slots for column in range(*reading.columns[k]))
            found.append(Word(text[start:end], start, end, None, source))
    return tuple(found)


def _owners(origins: Sequence[int], reading: Reading) -> list[int]:
    """Of each character the token that wrote it, or what is negative of its origin."""
    writers: list[int] = []
    for t, (start, end) in enumerate(itertools.pairwise(reading.bounds)):
        writers += [t] * (end - start)
    return [writers[origin] if origin >= 0 else origin for origin in origins]


def _runs(owners: Sequence[int], start: int, end: int) -> list[tuple[int, int]]:
    """Where the owner changes within start:end."""
    cuts = [start, *(k for k in range(start + 1, end) if owners[k] != owners[k - 1]), end]
    return list(itertools.pairwise(cuts))


def _tokens(spans: Sequence[tuple[int, int]], owners: Sequence[int], reading: Reading) -> list[list[int]]:
    """The tokens of each word; those that spell nothing to be seen, or a part of a character, go with the next one."""
    word_of: dict[int, int] = {}
    for number, (start, end) in enumerate(spans):
        for owner in owners[start:end]:
            if owner >= 0:
                word_of.setdefault(owner, number)
    found: list[list[int]] = [[] for _ in spans]
    following: int | None = len(spans) - 1 if spans else None  # what is behind the last word goes with it
    bounds = reading.bounds
    for t in range(len(bounds) - 2, -1, -1):
        seen = reading.text[bounds[t] : bounds[t + 1]].strip()
        following = word_of.get(t) if seen else following
        if following is not None:
            found[following].append(t)
    return [tokens[::-1] for tokens in found]


def _most_read(rows: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """The source tokens with much of the attention of the tokens of a word; a row for each of those."""
    shares = rows[0] if len(rows) == 1 else [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    order = sorted((-share, k) for k, share in enumerate(shares) if share >= _LEAST_SHARE)
    return tuple(k for _, k in order[:_MOST_SOURCES])
