"""Beam search that must say given phrases, or must not repeat itself.

The beam is divided into banks by how much of the constraints a hypothesis has met, so that those that have begun to
meet them do not lose to those that have not: dynamic beam allocation (Post & Vilar 2018, section 3). A phrase can have
several spellings, any of which will do (disjunctive constraints, Li et al. 2020, "Guided Generation of Cause and
Effect"), and each hypothesis follows all that it may be in the middle of.

This is for the few sentences that need it. It asks the network for whole distributions and keeps its books in plain
Python; `nmt.search.beam` is for all others.

Axis letters: B sentences, K beam, V vocabulary, S source.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmt.config import SearchConfig
from nmt.search.beam import Hypothesis, State, Step, StepFunction, coverage, length_penalty
from nmt.tokenizer import BOS_ID, EOS_ID

_WIDEST = 24  # what a beam grows to by itself; more banks than that share it
Phrase = tuple[tuple[int, ...], ...]  # the spellings of one phrase, as ids; none of them empty


@dataclass(frozen=True)
class Demands:
    """What the translation of one sentence must say, and which runs of tokens it must not say twice."""

    phrases: tuple[Phrase, ...] = ()
    no_repeat: int = 0  # no run of so many tokens comes twice; 0: any may

    @property
    def size(self) -> int:
        """The number of banks but one: tokens of all phrases, each in its longest spelling."""
        return sum(max(map(len, phrase)) for phrase in self.phrases)


@dataclass(frozen=True, eq=False)
class _Live:
    """A hypothesis that goes on."""

    total: float  # summed log-probability
    ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    attention: tuple[np.ndarray, ...] = ()
    met: frozenset[int] = frozenset()  # phrases it has said
    begun: tuple[tuple[int, int, int], ...] = ()  # phrase, spelling, how many of its tokens have just been said
    slot: int = 0  # in the beam of the step before


@dataclass(frozen=True, eq=False)
class _Found:
    """A hypothesis that has ended."""

    num_met: int
    score: float
    hypothesis: Hypothesis


def constrained_search(
    step: StepFunction,
    state: State,
    longest: np.ndarray,
    config: SearchConfig,
    demands: Sequence[Demands],
    source_lengths: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """Find the best translations of B sentences that meet their demands.

    What is found for a sentence does not depend on the others. Where nothing that says all of its phrases fits into
    the greatest length, those are returned that say the most of them.

    Args:
        step, state, longest: as `nmt.search.beam.search`.
        config: as there; a sentence whose phrases have more tokens than the beam has room gets a wider beam.
        demands: of each sentence.
        source_lengths: as there.
    """
    widths = [max(config.beam_size, min(one.size + 1, _WIDEST)) for one in demands]
    width = max(widths)
    beams = [[_Live(0.0)] for _ in demands]
    found: list[list[_Found]] = [[] for _ in demands]
    live = np.arange(len(demands))
    kept = live
    length = 0
    while live.size:
        length += 1
        columns = 1 if length == 1 else width
        tokens = np.full((len(live), columns), BOS_ID)
        parents = np.zeros((len(live), columns), dtype=np.int64)
        for row, sentence in enumerate(map(int, live)):
            for k, hypothesis in enumerate(beams[sentence]):
                if hypothesis.ids:
                    tokens[row, k], parents[row, k] = hypothesis.ids[-1], hypothesis.slot
        result = step(tokens, kept, parents, state, width + 1, full=True)
        state = result.state
        padded = result.attention.shape[2]
        going_on = np.zeros(len(live), dtype=bool)
        for row, sentence in enumerate(map(int, live)):
            one, last = demands[sentence], bool(longest[sentence] <= length)
            size = padded if source_lengths is None else source_lengths[sentence]
            beam, ends = _advance(beams[sentence], result, row, size, one, widths[sentence], last, config)
            beams[sentence] = beam
            found[sentence] += ends
            going_on[row] = bool(beam) and not _settled(found[sentence], beam, one, length, config)
        kept = np.flatnonzero(going_on)
        live = live[kept]
    return [_best(ends, config.num_alternatives) for ends in found]


def _advance(
    beam: list[_Live],
    result: Step,
    row: int,
    source_length: int,
    demands: Demands,
    width: int,
    last: bool,
    config: SearchConfig,
) -> tuple[list[_Live], list[_Found]]:
    """All that the hypotheses of one sentence could do next: the best that go on, and those that end."""
    if result.all_log_probs is None:
        raise ValueError("a constrained search needs a step function that hands out all log-probabilities")
    candidates: list[tuple[float, int, int]] = []  # total, hypothesis, token
    for k, hypothesis in enumerate(beam):
        log_probs = np.array(result.all_log_probs[row, k], dtype=np.float64)
        may_end = bool(hypothesis.ids) and (last or len(hypothesis.met) == len(demands.phrases))
        if not may_end:
            log_probs[EOS_ID] = -np.inf
        log_probs[_repeats(hypothesis.ids, demands.no_repeat)] = -np.inf
        if last:
            chosen = [EOS_ID]
        else:
            count = min(width + 1, len(log_probs))
            best = np.argpartition(-log_probs, count - 1)[:count]
            chosen = sorted({*map(int, best), *_wanted(hypothesis, demands)})
        for token in chosen:
            if np.isfinite(log_probs[token]) and log_probs[token] > -1e8:
                candidates.append((hypothesis.total + float(log_probs[token]), k, token))
    candidates.sort(key=lambda one: (-one[0], one[1], one[2]))
    going_on: list[_Live] = []
    ends: list[_Found] = []
    for total, k, token in _allocate(candidates, beam, demands, width if not last else len(candidates)):
        log_prob = float(result.all_log_probs[row, k, token])
        grown = _grow(beam[k], token, log_prob, total, result.attention[row, k], k, demands)
        if token != EOS_ID:
            going_on.append(grown)
            continue
        score = total / float(length_penalty(len(grown.ids), config.length_penalty))
        attention = np.array(grown.attention)
        if config.coverage_penalty:
            score += config.coverage_penalty * coverage(attention[:, :source_length])
        whole = Hypothesis(grown.ids, grown.log_probs, score, attention)
        ends.append(_Found(len(grown.met), score, whole))
    return going_on, ends


def _repeats(ids: tuple[int, ...], size: int) -> list[int]:
    """The tokens that would end a run of `size` tokens that has been said before."""
    if not size or len(ids) < size:
        return []
    tail = ids[len(ids) - size + 1 :]
    return [ids[k + size - 1] for k in range(len(ids) - size + 1) if ids[k : k + size - 1] == tail]


def _wanted(hypothesis: _Live, demands: Demands) -> set[int]:
    """The tokens that begin or go on with a phrase that the hypothesis has not said."""
    tokens = {demands.phrases[phrase][spelling][done] for phrase, spelling, done in hypothesis.begun}
    for phrase, spellings in enumerate(demands.phrases):
        if phrase not in hypothesis.met:
            tokens |= {spelling[0] for spelling in spellings}
    return tokens


def _follow(hypothesis: _Live, token: int, demands: Demands) -> tuple[frozenset[int], tuple[tuple[int, int, int], ...]]:
    """Which phrases are said and begun after one more token."""
    met, begun = set(hypothesis.met), []
    starts = [(p, s, 0) for p, spellings in enumerate(demands.phrases) for s in range(len(spellings))]
    for phrase, spelling, done in (*hypothesis.begun, *starts):
        ids = demands.phrases[phrase][spelling]
        if phrase in met or ids[done] != token:
            continue
        if done + 1 == len(ids):
            met.add(phrase)
        else:
            begun.append((phrase, spelling, done + 1))
    return frozenset(met), tuple(one for one in begun if one[0] not in met)


def _grow(
    hypothesis: _Live, token: int, log_prob: float, total: float, attention: np.ndarray, slot: int, demands: Demands
) -> _Live:
    met, begun = _follow(hypothesis, token, demands)
    return _Live(
        total=total,
        ids=(*hypothesis.ids, token),
        log_probs=(*hypothesis.log_probs, log_prob),
        attention=(*hypothesis.attention, attention),
        met=met,
        begun=begun,
        slot=slot,
    )


def _bank(hypothesis: _Live, token: int, demands: Demands) -> int:
    """How many tokens of the constraints are said after one more token."""
    met, begun = _follow(hypothesis, token, demands)
    whole = sum(max(map(len, demands.phrases[phrase])) for phrase in met)
    return whole + max((done for _, _, done in begun), default=0)


def _allocate(
    candidates: list[tuple[float, int, int]], beam: list[_Live], demands: Demands, width: int
) -> list[tuple[float, int, int]]:
    """The candidates that go on: an equal share of the beam for each bank, what a bank cannot use for the fullest."""
    if not demands.phrases or len(candidates) <= width:
        return candidates[:width]
    banks: dict[int, list[int]] = {}
    for place, (_, k, token) in enumerate(candidates):
        banks.setdefault(_bank(beam[k], token, demands), []).append(place)
    share, rest = divmod(width, demands.size + 1)
    chosen = {place for places in banks.values() for place in places[:share]}
    top = banks.get(demands.size, [])
    chosen.update(top[share : share + rest])
    for bank in sorted(banks, reverse=True):  # slots left over go to those that have met the most
        chosen.update(heapq.nsmallest(max(0, width - len(chosen)), (p for p in banks[bank] if p not in chosen)))
    return [candidates[place] for place in sorted(chosen)]


def _settled(found: list[_Found], beam: list[_Live], demands: Demands, length: int, config: SearchConfig) -> bool:
    """Whether so many have ended with all phrases that no live one, ended now at no cost, is better."""
    done = sorted((one.score for one in found if one.num_met == len(demands.phrases)), reverse=True)
    if len(done) < config.num_alternatives:
        return False
    best = max(hypothesis.total for hypothesis in beam)
    return best / float(length_penalty(length, config.length_penalty)) <= done[config.num_alternatives - 1]


def _best(found: list[_Found], num_alternatives: int) -> list[Hypothesis]:
    ranked = sorted(found, key=lambda one: (-one.num_met, -one.score))
    return [one.hypothesis for one in ranked[:num_alternatives] if one.num_met == ranked[0].num_met]
