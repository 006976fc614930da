"""What a translation is: texts of sentences of alternatives."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Word:
    """A piece of a translation that a reader points at: `Alternative.text[start:end]`, without white space.

    Where the target language has spaces, it is what stands between them, punctuation included; elsewhere a subword.

    Attributes:
        text: the word.
        start, end: where it stands, in characters.
        probability: 0 … 1, that the model writes it after what is before it; None where the model has not written it:
            a protected span, or what a user typed in its place.
        source: places in `Sentence.source_tokens` that it was read from, the strongest first.
    """

    text: str
    start: int
    end: int
    probability: float | None
    source: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Alternative:
    """One way to translate a sentence.

    Attributes:
        text: the translation.
        score: length-normalised log-probability; higher is better.
        tokens: the subwords that the model wrote. Protected spans of `text` are not among them.
        log_probs: of each token, in nats.
        attention: (len(tokens), len(source_tokens)), where each token read; rows sum to 1.
        find_words: tells `words` when somebody first asks for them: the translation of a file does not.
    """

    text: str
    score: float
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]
    attention: np.ndarray
    find_words: Callable[[], tuple[Word, ...]] = tuple

    @functools.cached_property
    def words(self) -> tuple[Word, ...]:
        """The words of `text`, in order; what is between them is white space."""
        return self.find_words()


def untranslated(text: str, num_source_tokens: int, score: float = 0.0) -> Alternative:
    """What stands for a translation where the model has none to give."""
    attention = np.zeros((0, num_source_tokens), dtype=np.float32)
    return Alternative(text, score, (), (), attention, functools.partial(_unwritten, text))


def _unwritten(text: str) -> tuple[Word, ...]:
    return tuple(Word(match[0], match.start(), match.end(), None) for match in re.finditer(r"\S+", text))


@dataclass(frozen=True, eq=False)
class Sentence:
    """A translated sentence.

    Attributes:
        source: the sentence.
        source_tokens: what the model has read, `</s>` at the end; stand-ins where `source` has protected spans.
        alternatives: its translations, best first, never empty.
        problems: what still looks wrong with the best of them, each as a few words such as "missing number: 12".
        missed_terms: the terms of the glossary that are in `source` and whose translations are not in the best one.
        read_as: misspelled words of `source`, each with the word that the model has read for it.
    """

    source: str
    source_tokens: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    problems: tuple[str, ...] = ()
    missed_terms: tuple[str, ...] = ()
    read_as: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Translation:
    """A translated text. `score` is the mean of its sentences' scores, 0.0 where there was nothing to translate."""

    source: str
    text: str
    score: float
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Choice:
    """What could stand next in a translation.

    Attributes:
        word: the word, or the rest of one where the text before it ends within it.
        text: the best whole translation with it.
        probability: 0 … 1, that the model writes the word there.
    """

    word: str
    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class Partial:
    """A translation in the making.

    Attributes:
        text: what there is of it.
        done: whether that is all.
        translation: the whole, once it is done.
    """

    text: str
    done: bool = False
    translation: Translation | None = None
