"""Noise on sources: every kind does what it says, nothing is emptied, and a pass has the same noise each time."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.training import noise
from nmt.training.batches import BatchPlan, SourceNoise, encode_corpus

CLEAN = "I don't think that Tom's sister is coming."


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (noise.lower_case, "i don't think that tom's sister is coming."),
        (noise.no_final_mark, "I don't think that Tom's sister is coming"),
        (noise.no_apostrophe, "I dont think that Toms sister is coming."),
        (noise.hasty, "i dont think that toms sister is coming"),
    ],
)
def test_each_kind(kind, expected):
    assert kind(CLEAN, rng()) == expected


@given(st.integers(0, 10_000))
def test_a_slip_changes_one_word_of_four_letters_or_more(seed):
    for kind in (noise.misspelled, noise.shouted):
        before, after = CLEAN.split(), kind(CLEAN, rng(seed)).split()
        different = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert len(different) <= 1  # doubling or swapping may give the same letters
        for a, b in different:
            assert a[0].lower() == b[0].lower()
            assert abs(len(a) - len(b)) <= 1


@given(st.text(max_size=40), st.integers(0, 100))
def test_noise_empties_nothing_and_takes_any_text(text, seed):
    changed = noise.noisy(text, rng(seed))
    assert bool(changed.strip()) == bool(text.strip())


def test_all_kinds_come_up():
    assert len({noise.noisy(CLEAN, rng(seed)) for seed in range(200)}) > 20


def test_a_share_of_the_sources_of_each_pass_is_noisy_and_the_targets_are_not(sample, tokenizers):
    source, target = tokenizers
    encoded = encode_corpus(sample, source, target, 60)
    noisy = SourceNoise(encoded, source, 0.3, 60, seed=5)
    first, again, second = noisy.of_pass(0), noisy.of_pass(0), noisy.of_pass(1)
    assert 0.2 < len(first) / len(encoded) < 0.4
    assert first.keys() == again.keys() != second.keys()
    for k, ids in first.items():
        np.testing.assert_array_equal(ids, again[k])
    assert sum(not np.array_equal(ids, encoded.sources[k]) for k, ids in first.items()) > 0.7 * len(first)

    clean, plan = BatchPlan(encoded, 300, seed=1), BatchPlan(encoded, 300, seed=1, source_noise=noisy)
    size = len(plan.one_pass(0))
    batches = list(itertools.islice(plan.batches(), size + 3))
    different = 0
    for one, other in zip(batches, clean.batches(), strict=False):
        np.testing.assert_array_equal(one["labels"], other["labels"])
        different += one["source"].shape != other["source"].shape or bool((one["source"] != other["source"]).any())
    assert different > size / 2
    later = next(plan.batches(first=size + 2))
    np.testing.assert_array_equal(later["source"], batches[size + 2]["source"])
