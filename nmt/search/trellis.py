"""What a search remembers: the tokens taken at each step, and the way back from each of them.

Axis letters: B sentences, K beam, S source.
"""

from dataclasses import dataclass

import numpy as np

from nmt.tokenizer import EOS_ID


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One finished translation of one sentence, or the beginning of one where a search is watched.

    Attributes:
        ids: its tokens; EOS is the last of a finished one.
        log_probs: of each of them, in nats.
        score: their sum over the length penalty, less the coverage penalty; higher is better.
        attention: (len(ids), S), rows sum to 1.
    """

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    score: float
    attention: np.ndarray


class Trellis:
    """The tokens taken at each step by up to K hypotheses of B sentences."""

    def __init__(self, num_sentences: int, beam_size: int):
        self._shape = (num_sentences, beam_size)
        self._tokens: list[np.ndarray] = []  # per step (B, K)
        self._parents: list[np.ndarray] = []  # per step (B, K)
        self._log_probs: list[np.ndarray] = []  # per step (B, K)
        self._attention: list[np.ndarray] = []  # per step (live B, K before, S), with
        self._places: list[np.ndarray] = []  # per step (B,), the row of each sentence in it

    def saw(self, attention: np.ndarray, live: np.ndarray) -> None:
        """Keep where the hypotheses of the `live` sentences read before taking their next token."""
        place = np.full(self._shape[0], -1)
        place[live] = np.arange(len(live))
        self._attention.append(attention)
        self._places.append(place)

    def took(self, live: np.ndarray, tokens: np.ndarray, parents: np.ndarray, log_probs: np.ndarray) -> None:
        """Keep the step that all live hypotheses took. Each array is (live B, K)."""
        for store, values in ((self._tokens, tokens), (self._parents, parents), (self._log_probs, log_probs)):
            full = np.zeros(self._shape, dtype=values.dtype)
            full[live] = values
            store.append(full)

    def read(self, sentence: int, length: int, parent: int) -> np.ndarray:
        """Where the hypothesis that a step `length` continues has read, that step included. -> (length, S)"""
        rows = [self._attention[length - 1][self._places[length - 1][sentence], parent]]
        for depth in range(length - 2, -1, -1):
            parent = int(self._parents[depth][sentence, parent])
            rows.append(self._attention[depth][self._places[depth][sentence], parent])
        return np.array(rows[::-1])

    def ended(self, sentence: int, length: int, parent: int, log_prob: float, score: float) -> Hypothesis:
        """The hypothesis that ended at step `length` after `parent`."""
        ids, log_probs = self._path(sentence, length - 1, parent)
        attention = self.read(sentence, length, parent)
        return Hypothesis((*ids, EOS_ID), (*log_probs, log_prob), score, attention)

    def beginning(self, sentence: int, slot: int) -> Hypothesis:
        """The live hypothesis in a slot of the beam after the newest step."""
        length = len(self._tokens)
        ids, log_probs = self._path(sentence, length, slot)
        parent = int(self._parents[-1][sentence, slot])
        return Hypothesis(ids, log_probs, sum(log_probs), self.read(sentence, length, parent))

    def _path(self, sentence: int, length: int, slot: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """The first `length` tokens of the hypothesis that took its last one into `slot`, and their log_probs."""
        ids, log_probs = [], []
        for depth in range(length - 1, -1, -1):
            ids.append(int(self._tokens[depth][sentence, slot]))
            log_probs.append(float(self._log_probs[depth][sentence, slot]))
            slot = int(self._parents[depth][sentence, slot])
        return tuple(ids[::-1]), tuple(log_probs[::-1])
