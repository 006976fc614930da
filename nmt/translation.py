"""What a translation is: texts of sentences of alternatives."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Alternative:
    """One way to translate a sentence.

    Attributes:
        text: the translation.
        score: length-normalised log-probability; higher is better.
        tokens: the subwords that the model wrote. Protected spans of `text` are not among them.
        log_probs: of each token, in nats.
        attention: (len(tokens), len(source_tokens)), where each token read; rows sum to 1.
    """

    text: str
    score: float
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]
    attention: np.ndarray


@dataclass(frozen=True, eq=False)
class Sentence:
    """A translated sentence.

    Attributes:
        source: the sentence.
        source_tokens: what the model has read, `</s>` at the end; stand-ins where `source` has protected spans.
        alternatives: its translations, best first, never empty.
        problems: what still looks wrong with the best of them, each as a few words such as "missing number: 12".
        missed_terms: the terms of the glossary that are in `source` and whose translations are not in the best one.
    """

    source: str
    source_tokens: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    problems: tuple[str, ...] = ()
    missed_terms: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Translation:
    """A translated text. `score` is the mean of its sentences' scores, 0.0 where there was nothing to translate."""

    source: str
    text: str
    score: float
    sentences: tuple[Sentence, ...]
