"""Translations drawn by chance instead of searched for: each token with the probability that the network gives it.

Axis letters: B sentences, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.config import SearchConfig
from nmt.search.beam import State, Step, StepFunction
from nmt.tokenizer import EOS_ID


def chances(seed: int, sources: Sequence[Sequence[int]], draws: Sequence[int], longest: np.ndarray) -> np.ndarray:
    """What decides each draw: numbers from 0 to 1 that depend on nothing but the seed, the sentence and the draw.

    Args:
        seed: any number from 0 on.
        sources: ids of the sentences.
        draws: which translation of its sentence each one is: 0, 1, …
        longest: (B,) tokens of each.

    Returns:
        (B, longest.max()).
    """
    table = np.zeros((len(sources), int(longest.max(initial=0))))
    for row, ids, draw, length in zip(table, sources, draws, longest, strict=True):
        row[:length] = np.random.default_rng([seed, draw, *ids]).random(length)
    return table


class _SampledState(NamedTuple):
    inner: State
    owners: np.ndarray  # (B,) the rows of `chances` of the sentences that go on
    length: int


class Sampled:
    """A step function with one candidate, drawn by chance; for a search with a beam of 1.

    The log-probability of a token is the network's own, whatever the temperature.

    Args:
        step: the decoder.
        config: temperature, top_k and top_p.
        chances: see the function of this name.
    """

    def __init__(self, step: StepFunction, config: SearchConfig, chances: np.ndarray):
        self._step, self._config, self._chances = step, config, chances

    def start(self, state: State) -> _SampledState:
        """What the first call takes, made of what the decoder's own takes."""
        return _SampledState(state, np.arange(len(self._chances)), 0)

    def __call__(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: _SampledState,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.beam.StepFunction`."""
        result = self._step(tokens, sentences, parents, state.inner, 1, full=True)
        if result.all_log_probs is None:
            raise ValueError("sampling needs a step function that hands out all log-probabilities")
        owners = state.owners[sentences]
        log_probs = result.all_log_probs[:, 0]
        ids = np.empty((len(owners), 1, 1), dtype=np.int64)
        for row, owner in enumerate(owners):
            shares = probabilities(log_probs[row], self._config, may_end=state.length > 0)
            place = np.searchsorted(np.cumsum(shares), self._chances[owner, state.length], side="right")
            ids[row] = min(int(place), int(np.flatnonzero(shares)[-1]))  # the sum may fall short of 1 by rounding
        return result._replace(
            ids=ids,
            log_probs=np.take_along_axis(log_probs[:, None], ids, axis=2),
            state=_SampledState(result.state, owners, state.length + 1),
        )


def probabilities(log_probs: np.ndarray, config: SearchConfig, may_end: bool = True) -> np.ndarray:
    """What the next token is drawn from: float64 (V,), whose sum is 1.

    First the temperature, then top_k, then top_p of what is left. Tokens of equal probability go by their ids.
    """
    values = log_probs.astype(np.float64)
    if not may_end:
        values[EOS_ID] = -np.inf
    with np.errstate(over="ignore"):  # at a temperature near 0 all but the most probable become impossible
        shares = np.exp((values - values.max()) / config.temperature)
    if (config.top_k and config.top_k < len(shares)) or config.top_p < 1:
        order = np.argsort(-shares, kind="stable")
        shares[order[config.top_k or len(order) :]] = 0
        before = np.cumsum(shares[order]) - shares[order]
        shares[order[before >= config.top_p * shares.sum()]] = 0
    return np.asarray(shares / shares.sum())
