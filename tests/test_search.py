"""Beam search over tables of probabilities, compared with trying everything."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import SearchConfig
from nmt.search.beam import Step, length_penalty, max_lengths, search
from nmt.tokenizer import BOS_ID, EOS_ID

FIRST = 4  # ids below are special


class Table:
    """A decoder whose next-token distribution is drawn from the sentence's seed and the tokens so far."""

    def __init__(self, seeds, vocab_size=3, sharpness=1.5):
        self.seeds, self.vocab_size, self.sharpness = seeds, vocab_size, sharpness
        self.num_calls = 0

    def log_probs(self, seed, prefix):
        """(V,) over EOS and the ordinary tokens; the others are impossible."""
        rng = np.random.default_rng([seed, *prefix])
        logits = np.full(FIRST + self.vocab_size, -np.inf)
        logits[EOS_ID:] = rng.normal(size=self.vocab_size + 1) * self.sharpness
        return (logits - np.log(np.exp(logits).sum())).astype(np.float32)

    def __call__(self, tokens, sentences, parents, state, num_candidates):
        self.num_calls += 1
        prefixes = state or [[()] for _ in self.seeds]
        owners = self.owners[sentences] if state else np.arange(len(self.seeds))
        self.owners = owners
        grown = [
            [
                (*prefixes[sentence][parent], int(token)) if token != BOS_ID else ()
                for parent, token in zip(parent_row, row, strict=True)
            ]
            for sentence, parent_row, row in zip(sentences, parents, tokens, strict=True)
        ]
        table = np.array(
            [[self.log_probs(self.seeds[owner], p) for p in row] for owner, row in zip(owners, grown, strict=True)]
        )
        ids = np.argsort(-table, axis=-1, kind="stable")[..., :num_candidates]
        attention = np.ones((*tokens.shape, 2), dtype=np.float32) / 2
        return Step(ids, np.take_along_axis(table, ids, axis=-1), table[..., EOS_ID], attention, grown)


def everything(table, seed, longest, alpha):
    """Every translation of up to `longest` tokens with its score, best first."""
    ordinary = range(FIRST, FIRST + table.vocab_size)
    found = []
    for length in range(1, longest):
        for body in itertools.product(ordinary, repeat=length):
            total = sum(float(table.log_probs(seed, body[:k])[body[k]]) for k in range(length))
            total += float(table.log_probs(seed, body)[EOS_ID])
            found.append((total / float(length_penalty(length + 1, alpha)), (*body, EOS_ID)))
    return sorted(found, reverse=True)


def run(seeds, config, longest=4, **options):
    return search(Table(seeds, **options), None, np.full(len(seeds), longest), config)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.6, 1.0, 2.0]))
def test_a_wide_beam_finds_what_exhaustive_search_finds(seed, alpha):
    config = SearchConfig(beam_size=120, num_alternatives=5, length_penalty=alpha)
    found = run([seed], config)[0]
    best = everything(Table([seed]), seed, 4, alpha)[:5]
    assert [h.ids for h in found] == [ids for _, ids in best]
    assert [h.score for h in found] == pytest.approx([score for score, _ in best], abs=1e-5)


@given(st.integers(0, 10_000), st.integers(2, 9))
def test_a_beam_of_one_is_greedy_search(seed, longest):
    table = Table([seed], vocab_size=6)
    body = []
    while len(body) < longest - 1:
        log_probs = table.log_probs(seed, tuple(body)).copy()
        if not body:
            log_probs[EOS_ID] = -np.inf  # never an empty translation
        best = int(np.argmax(log_probs))
        if best == EOS_ID:
            break
        body.append(best)
    found = run([seed], SearchConfig(beam_size=1), longest, vocab_size=6)[0]
    assert [h.ids for h in found] == [(*body, EOS_ID)]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=7), st.integers(1, 6), st.integers(2, 8))
def test_a_sentence_does_not_see_its_neighbours(seeds, beam, longest):
    config = SearchConfig(beam_size=beam, num_alternatives=beam)
    together = run(seeds, config, longest)
    for seed, hypotheses in zip(seeds, together, strict=True):
        alone = run([seed], config, longest)[0]
        assert [(h.ids, h.score, h.log_probs) for h in hypotheses] == [(h.ids, h.score, h.log_probs) for h in alone]


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 9))
def test_every_hypothesis_is_whole(seed, beam, longest):
    config = SearchConfig(beam_size=beam, num_alternatives=beam, length_penalty=0.8)
    found = run([seed], config, longest)[0]
    assert 1 <= len(found) <= beam
    assert len({h.ids for h in found}) == len(found)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    for h in found:
        assert 2 <= len(h.ids) <= longest, "never empty, never too long"
        assert h.ids.count(EOS_ID) == 1 and h.ids[-1] == EOS_ID, "nothing grows past its end"
        assert len(h.log_probs) == len(h.ids) == len(h.attention)
        assert h.score == pytest.approx(sum(h.log_probs) / ((5 + len(h.ids)) / 6) ** 0.8, abs=1e-6)


def test_a_longer_limit_is_kept_per_sentence():
    # Ending is all but impossible, so each sentence runs to its own limit.
    class Endless(Table):
        def log_probs(self, seed, prefix):
            values = super().log_probs(seed, prefix)
            values[EOS_ID] = -50
            return values

    found = search(Endless([1, 2, 3]), None, np.array([2, 9, 5]), SearchConfig(beam_size=3))
    assert [len(hypotheses[0].ids) for hypotheses in found] == [2, 9, 5]


def test_search_stops_when_nothing_can_overtake():
    class Certain(Table):
        def log_probs(self, seed, prefix):
            values = np.full(FIRST + self.vocab_size, -20.0, dtype=np.float32)
            values[:EOS_ID] = -np.inf
            values[EOS_ID if len(prefix) == 3 else FIRST] = -1e-6
            return values

    table = Certain([1])
    found = search(table, None, np.array([500]), SearchConfig(beam_size=4))
    assert found[0][0].ids == (FIRST, FIRST, FIRST, EOS_ID)
    assert table.num_calls < 20


def test_length_penalty_is_that_of_the_paper():
    assert float(length_penalty(1, 0.7)) == 1.0
    assert float(length_penalty(7, 1.0)) == 2.0
    assert float(length_penalty(19, 0.5)) == pytest.approx(math.sqrt(4))


def test_length_bounds_grow_with_the_source():
    assert max_lengths([1, 10], SearchConfig(max_length_factor=1.5, max_length_extra=8)).tolist() == [9, 23]
