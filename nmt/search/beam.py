"""Beam search over a step function; it knows no network.

Axis letters: B sentences, K beam, M candidates per hypothesis, S source, N hypotheses returned.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from nmt.config import SearchConfig
from nmt.search.trellis import Hypothesis, Trellis
from nmt.tokenizer import BOS_ID, EOS_ID

__all__ = ["Hypothesis", "State", "Step", "StepFunction", "Watch", "length_penalty", "max_lengths", "search"]

_LEAST_ATTENTION = 1e-6  # a source token that was not read at all costs much, but not everything

State = Any  # whatever the step function makes of it


class Step(NamedTuple):
    """What one step says about every live hypothesis."""

    ids: np.ndarray  # (B, K, M) int, the most probable next tokens, best first
    log_probs: np.ndarray  # (B, K, M) float32, theirs, in nats
    end_log_probs: np.ndarray  # (B, K) float32, of EOS, whether or not it is among `ids`
    attention: np.ndarray  # (B, K, S) float32, where the source was read
    state: State  # after this step, rows in the order of these (B, K)
    all_log_probs: np.ndarray | None = None  # (B, K, V) float32, of every token, where asked for


class StepFunction(Protocol):
    """One step of a decoder for B sentences with K hypotheses each."""

    def __call__(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: State,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """Feed one token to every hypothesis.

        Args:
            tokens: (B, K) ids, the newest token of each hypothesis.
            sentences: (B,) which sentences of the previous call go on (in the first call: 0 … B-1).
            parents: (B, K) which of that sentence's previous hypotheses each one continues.
            state: of the previous call, or of the encoder.
            num_candidates: M; fewer are returned where the vocabulary is smaller.
            full: also hand out `Step.all_log_probs`, for a search with constraints.
        """


def length_penalty(length: int | np.ndarray, alpha: float) -> Any:
    """((5 + length) / 6) ** alpha: Wu et al. 2016, section 7, equation 14. `length` counts EOS."""
    return ((5.0 + np.asarray(length)) / 6.0) ** alpha


def coverage(attention: np.ndarray) -> float:
    """Sum over the source tokens of log min(attention paid to one, 1): Wu et al. 2016, section 7, equation 15.

    Args:
        attention: (T, S) of a translation, without padding.
    """
    paid = attention.sum(axis=0, dtype=np.float64)
    return float(np.log(np.clip(paid, _LEAST_ATTENTION, 1.0)).sum())


def max_lengths(source_lengths: Sequence[int], config: SearchConfig) -> np.ndarray:
    """The largest number of tokens, EOS included, that a translation of each source may have. -> (B,)"""
    factor, extra = config.max_length_factor, config.max_length_extra
    return np.array([max(2, int(factor * length) + extra) for length in source_lengths], dtype=np.int64)


class _End(NamedTuple):
    """A hypothesis that has ended, as its place in the trellis; most never need to be spelled out."""

    score: float
    length: int  # steps taken, the end included
    parent: int  # the hypothesis of the step before that it ends
    log_prob: float  # of EOS


# Told the number of a sentence and the best hypothesis for it that goes on; False gives the sentence up.
Watch = Callable[[int, Hypothesis], bool]


def search(
    step: StepFunction,
    state: State,
    longest: np.ndarray,
    config: SearchConfig,
    source_lengths: Sequence[int] | None = None,
    watches: Sequence[Watch | None] = (),
) -> list[list[Hypothesis]]:
    """Find the best translations of B sentences by beam search; with a beam of 1 this is greedy search.

    A sentence is done when K hypotheses have ended and the N-th best of them is as good as the best live one would be
    if it ended now at no cost; when no live one can still overtake the N-th best at all; or at its greatest length,
    where all live ones end. K endings alone are not enough: among peaked distributions the second-best candidate is
    often a premature end. What is found for a sentence does not depend on the others.

    Args:
        step: the decoder.
        state: what its first call takes.
        longest: (B,) greatest number of tokens, EOS included, at least 2.
        config: beam size K, length and coverage penalty, number of alternatives N.
        source_lengths: of each sentence, for the coverage penalty; all of S where None.
        watches: of each sentence, who wants to see each step of its search; none where empty.

    Returns:
        For each sentence one to N hypotheses, best first, all different, none of them empty; fewer, or none, where it
        was given up or the step function allows no more.
    """
    num_sentences, beam = len(longest), config.beam_size
    trellis = Trellis(num_sentences, beam)
    ended: list[list[_End]] = [[] for _ in range(num_sentences)]
    live = np.arange(num_sentences)  # the sentences still searched
    kept = live  # their rows in the previous call
    tokens = np.full((num_sentences, 1), BOS_ID)
    parents = np.zeros((num_sentences, 1), dtype=np.int64)
    totals = np.zeros((num_sentences, 1), dtype=np.float64)  # summed log-probability of each live hypothesis

    length, any_ended = 0, False
    while live.size:
        length += 1
        result = step(tokens, kept, parents, state, beam + 1)
        state = result.state
        trellis.saw(result.attention, live)
        last = longest[live] <= length
        ends, totals_next, picks = _candidates(result, totals, length, last, beam)

        for row, parent, total in ends:
            score = total / float(length_penalty(length, config.length_penalty))
            if np.isfinite(score):
                any_ended, sentence = True, int(live[row])
                if config.coverage_penalty:
                    read = trellis.read(sentence, length, parent)
                    read = read if source_lengths is None else read[:, : source_lengths[sentence]]
                    score += config.coverage_penalty * coverage(read)
                ended[sentence].append(_End(score, length, parent, float(result.end_log_probs[row, parent])))
        going_on = ~last & np.isfinite(totals_next[:, 0])
        if any_ended:
            going_on &= ~_settled([ended[b] for b in live], totals_next[:, 0], length, longest[live], config)

        parents, candidates = np.divmod(picks, result.ids.shape[2])
        rows = np.arange(len(live))[:, None]
        tokens = result.ids[rows, parents, candidates]
        trellis.took(live, tokens, parents, result.log_probs[rows, parents, candidates])
        for place in np.flatnonzero(going_on) if watches else ():
            watch, sentence = watches[live[place]], int(live[place])
            going_on[place] = watch is None or watch(sentence, trellis.beginning(sentence, 0))
        kept = np.flatnonzero(going_on)
        # Where all sentences must begin in few ways, few hypotheses are alive: no others are fed.
        columns = int(np.isfinite(totals_next[kept]).sum(axis=1).max(initial=1))
        live, totals = live[kept], totals_next[kept, :columns]
        tokens, parents = tokens[kept, :columns], parents[kept, :columns]

    return [
        [trellis.ended(sentence, end.length, end.parent, end.log_prob, end.score) for end in best]
        for sentence, best in enumerate(_best(ends, config.num_alternatives) for ends in ended)
    ]


def _candidates(
    result: Step, totals: np.ndarray, length: int, last: np.ndarray, beam: int
) -> tuple[list[tuple[int, int, float]], np.ndarray, np.ndarray]:
    """Rank what every live hypothesis could do next.

    Returns:
        The hypotheses that end now, as (row, parent, summed log-probability); the totals (B, K) of those that go on,
        best first, -inf where there are fewer than K; and their places (B, K) in the flattened (K before × M)
        candidates.
    """
    num_rows, num_before, num_candidates = result.ids.shape
    flat = (totals[:, :, None] + result.log_probs).astype(np.float64).reshape(num_rows, -1)
    flat_end = (result.ids == EOS_ID).reshape(num_rows, -1)
    rows = np.arange(num_rows)[:, None]
    ends: list[tuple[int, int, float]] = []
    if length > 1 and (last.any() or flat_end.any()):  # an empty translation is not one
        # M is about K: a few dozen numbers per sentence. A stable sort makes ties fall the same way always.
        order = np.argsort(-flat, axis=1, kind="stable")[:, :beam]
        for row, rank in np.argwhere(flat_end[rows, order] & ~last[:, None]):
            place = order[row, rank]
            ends.append((int(row), int(place) // num_candidates, float(flat[row, place])))
        for row in np.flatnonzero(last):
            for parent in range(num_before):
                ends.append((int(row), parent, float(totals[row, parent] + result.end_log_probs[row, parent])))
    flat[flat_end] = -np.inf
    picks = np.argsort(-flat, axis=1, kind="stable")[:, :beam]
    totals_next = flat[rows, picks]
    if missing := beam - picks.shape[1]:  # fewer candidates than the beam holds: repeat the first as a dead hypothesis
        picks = np.concatenate([picks, np.repeat(picks[:, :1], missing, axis=1)], axis=1)
        dead = np.full((num_rows, missing), -np.inf)
        totals_next = np.concatenate([totals_next, dead], axis=1)
    return ends, totals_next, picks


def _settled(
    ended: list[list[_End]],
    best_totals: np.ndarray,
    length: int,
    longest: np.ndarray,
    config: SearchConfig,
) -> np.ndarray:
    """Which sentences need no further step. -> (B,) bool"""
    # A log-probability only falls as a hypothesis grows, and the penalty is largest at the greatest length.
    bounds = best_totals / length_penalty(longest, config.length_penalty)
    as_they_are = best_totals / length_penalty(length, config.length_penalty)
    settled = np.zeros(len(ended), dtype=bool)
    for row, ends in enumerate(ended):
        if len(ends) >= config.num_alternatives:
            enough = sorted((end.score for end in ends), reverse=True)[config.num_alternatives - 1]
            bound = as_they_are[row] if len(ends) >= config.beam_size else bounds[row]
            settled[row] = bound <= enough
    return settled


def _best(ends: list[_End], num_alternatives: int) -> list[_End]:
    return sorted(ends, key=lambda end: -end.score)[:num_alternatives]  # stable: the one found first wins a tie
