"""Several networks that translate together.

Axis letters: B sentences, K beam, S source, M candidates, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np

from nmt.engines import Engine
from nmt.search.beam import State, Step
from nmt.tokenizer import EOS_ID


class EnsembleEngine:
    """Gives each next token the mean of the probabilities that the networks give it, as if it were one network.

    Args:
        engines: at least one, all with the same vocabularies.
    """

    def __init__(self, engines: Sequence[Engine]):
        if not engines:
            raise ValueError("an ensemble needs at least one engine")
        self._engines = tuple(engines)

    def encode(self, sources: Sequence[Sequence[int]]) -> tuple[State, ...]:
        """See `Engine.encode`."""
        return tuple(engine.encode(sources) for engine in self._engines)

    def step(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: tuple[State, ...],
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.beam.StepFunction`."""
        steps = [
            engine.step(tokens, sentences, parents, own, num_candidates, full=True)
            for engine, own in zip(self._engines, state, strict=True)
        ]
        log_probs = _mean([_all_log_probs(step) for step in steps])
        count = min(num_candidates, log_probs.shape[2])
        ids = np.sort(np.argpartition(-log_probs, count - 1, axis=2)[:, :, :count], axis=2)
        values = np.take_along_axis(log_probs, ids, axis=2)
        order = np.argsort(-values, axis=2, kind="stable")
        return Step(
            ids=np.take_along_axis(ids, order, axis=2),
            log_probs=np.take_along_axis(values, order, axis=2),
            end_log_probs=log_probs[:, :, EOS_ID],
            attention=np.mean([step.attention for step in steps], axis=0),
            state=tuple(step.state for step in steps),
            all_log_probs=log_probs if full else None,
        )


def _all_log_probs(step: Step) -> np.ndarray:
    if step.all_log_probs is None:
        raise ValueError("an ensemble needs engines that hand out all log-probabilities")
    return step.all_log_probs


def _mean(log_probs: Sequence[np.ndarray]) -> np.ndarray:
    """Logarithm of the mean of probabilities. (B, K, V) each -> (B, K, V)"""
    top = np.maximum.reduce(log_probs)
    total = sum(np.exp(one - top) for one in log_probs)
    return np.asarray(top + np.log(total / len(log_probs)), dtype=np.float32)
