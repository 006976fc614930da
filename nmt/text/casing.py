"""Sentences in capitals, which models read badly: their letters are in few of the subwords.

Such a sentence is read in small letters, and its translation is put into capitals where the target language has any.
"""

import re

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LEAST_WORDS = 3  # "OK!" and "NASA HQ" are written so by people who do not shout
_ALWAYS_CAPITAL = re.compile(r"\bi\b(?=[ '’.,!?]|$)")  # English


def is_shouted(text: str) -> bool:
    """Whether a sentence of three words or more is in capitals from beginning to end."""
    letters = [c for c in text if c.isalpha()]
    return len(_WORD.findall(text)) >= _LEAST_WORDS and all(c.isupper() for c in letters)


def calm(text: str, language: str) -> str:
    """A shouted sentence as it would be written in a text, but for its names; of the same length."""
    lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    if language == "en":
        lowered = _ALWAYS_CAPITAL.sub("I", lowered)
    first = re.search(r"[^\W\d_]", lowered)
    if first is None:
        return lowered
    k = first.start()
    capital = lowered[k].upper()
    return lowered[:k] + (capital if len(capital) == 1 else lowered[k]) + lowered[k + 1 :]


def shout(text: str) -> str:
    """A translation in capitals, of the same length: "ß" stays, whose capital few fonts have."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)
