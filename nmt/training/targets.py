"""Several target languages in one network, each named to it by a token (Johnson et al. 2017, section 3).

Johnson et al. put the token before the source sentence. Here it is what the decoder reads first, in the place of
BOS, so that a finished network needs no such token any more: with the token's embedding for that of BOS it is a model
of one direction like any other, and is written as a bundle for each language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.config import Recipe
from nmt.engines import Engine
from nmt.search.beam import State, Step
from nmt.tokenizer import BOS_ID, Tokenizer

_TABLE = "target_embedding/table"


@dataclass(frozen=True)
class Target:
    """A language to translate into.

    Attributes:
        language: its code.
        start: id of the token that the decoder reads first.
    """

    language: str
    start: int = BOS_ID


def language_tokens(recipe: Recipe) -> tuple[str, ...]:
    """The pieces that name the target languages, which no text has; none where there is one language only."""
    return tuple(f"<2{code}>" for code in recipe.target_languages) if recipe.other_targets else ()


def targets_of(recipe: Recipe, target: Tokenizer) -> tuple[Target, ...]:
    """The recipe's target languages, by the ids that the target tokenizer has for their tokens."""
    tokens = language_tokens(recipe)
    if not tokens:
        return (Target(recipe.target_language),)
    pairs = zip(recipe.target_languages, tokens, strict=True)
    return tuple(Target(code, target.id_of(token)) for code, token in pairs)


def weights_for(target: Target, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of a network that begins with BOS as the trained one does with the language's token."""
    table = weights[_TABLE].copy()
    table[BOS_ID] = table[target.start]
    return {**weights, _TABLE: table}


class TargetEngine:
    """An engine that begins with a language's token where the search begins with BOS.

    Args:
        engine: of a network of several target languages.
        target: the one to translate into.
    """

    def __init__(self, engine: Engine, target: Target):
        self._engine, self._start = engine, target.start

    def encode(self, sources: Sequence[Sequence[int]]) -> State:
        """See `Engine.encode`."""
        return self._engine.encode(sources)

    def step(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: State,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.beam.StepFunction`."""
        tokens = np.where(tokens == BOS_ID, self._start, tokens)
        return self._engine.step(tokens, sentences, parents, state, num_candidates, full)
