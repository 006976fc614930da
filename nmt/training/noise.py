"""Sentences as people type them in a hurry, made from clean ones, so that a model learns to read both.

Belinkov & Bisk 2018 ("Synthetic and natural noise both break neural machine translation") found that a model trained
on clean text alone breaks on a few typing errors, and that training on such errors mends it.
"""

import re
from collections.abc import Callable

import numpy as np

# The keys beside each letter on the most common keyboard.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {row[k]: row[max(0, k - 1) : k] + row[k + 1 : k + 2] for row in _ROWS for k in range(len(row))}
_FINAL_MARK = re.compile(r"\s*[.!?。！？]+$")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
_WORD = re.compile(r"[^\W\d_]{4,}")


def lower_case(text: str, rng: np.random.Generator) -> str:
    """Without capitals."""
    return text.lower()


def no_final_mark(text: str, rng: np.random.Generator) -> str:
    """Without full stop, question or exclamation mark at the end."""
    return _FINAL_MARK.sub("", text)


def hasty(text: str, rng: np.random.Generator) -> str:
    """Without capitals, apostrophes and final mark: "dont worry"."""
    return _APOSTROPHE.sub("", _FINAL_MARK.sub("", text.lower()))


def no_apostrophe(text: str, rng: np.random.Generator) -> str:
    """ "don't" as "dont"."""
    return _APOSTROPHE.sub("", text)


def shouted(text: str, rng: np.random.Generator) -> str:
    """One word in capitals."""
    return _in_one_word(text, rng, lambda word, _: word.upper())


def misspelled(text: str, rng: np.random.Generator) -> str:
    """One word with one letter swapped, left out, doubled, or of the key beside it."""
    return _in_one_word(text, rng, _misspell)


# The more usual, the more often.
_KINDS = (
    (lower_case, 0.25),
    (no_final_mark, 0.25),
    (misspelled, 0.25),
    (hasty, 0.1),
    (no_apostrophe, 0.1),
    (shouted, 0.05),
)


def noisy(text: str, rng: np.random.Generator) -> str:
    """The text with one such slip, where it has a place for it; never without any text left."""
    kinds, shares = zip(*_KINDS, strict=True)
    changed = kinds[rng.choice(len(kinds), p=shares)](text, rng)
    return changed if changed.strip() else text


def _in_one_word(text: str, rng: np.random.Generator, change: Callable[[str, np.random.Generator], str]) -> str:
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = words[rng.integers(len(words))]
    return text[: word.start()] + change(word.group(), rng) + text[word.end() :]


def _misspell(word: str, rng: np.random.Generator) -> str:
    k = int(rng.integers(1, len(word) - 1))  # first letters are seldom wrong
    kind = rng.integers(4)
    if kind == 0:
        return word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    if kind == 1:
        return word[:k] + word[k + 1 :]
    if kind == 2:
        return word[: k + 1] + word[k:]
    keys = _BESIDE.get(word[k], word[k])
    return word[:k] + keys[rng.integers(len(keys))] + word[k + 1 :]
