"""Batches: every pair once a pass, little padding, and any batch without those before it."""

import itertools

import numpy as np
import pytest

from nmt.batches import BatchPlan, EncodedCorpus, encode_corpus, pad
from nmt.corpus import Corpus
from nmt.errors import CorpusError
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID


def make_corpus(count=2000, seed=0):
    rng = np.random.default_rng(seed)
    sources = [rng.integers(4, 90, rng.integers(2, 30)).astype("int32") for _ in range(count)]
    targets = [rng.integers(4, 90, max(1, len(s) + rng.integers(-3, 4))).astype("int32") for s in sources]
    return EncodedCorpus(sources, targets, 0)


def test_a_pass_holds_every_pair_once_within_the_limit():
    corpus = make_corpus()
    batches = BatchPlan(corpus, 300, seed=1).one_pass(0)
    assert sorted(np.concatenate(batches)) == list(range(len(corpus)))
    for batch in batches:
        longest = max(len(corpus.targets[k]) + 1 for k in batch)
        assert len(batch) == 1 or longest * len(batch) <= 300


def test_padding_is_rare():
    assert BatchPlan(make_corpus(), 400, seed=1).padding_share() < 0.08


def test_passes_differ_and_seeds_differ():
    corpus = make_corpus()
    plan = BatchPlan(corpus, 300, seed=1)
    assert not np.array_equal(plan.one_pass(0)[0], plan.one_pass(1)[0])
    assert not np.array_equal(plan.one_pass(0)[0], BatchPlan(corpus, 300, seed=2).one_pass(0)[0])


@pytest.mark.parametrize("first", [0, 1, 17, 400])
def test_batch_k_needs_no_batch_before_it(first):
    plan = BatchPlan(make_corpus(300), 200, seed=3)
    assert len(plan.one_pass(0)) < 400, "the last case is in a later pass"
    expected = next(itertools.islice(plan.batches(), first, None))
    again = next(BatchPlan(make_corpus(300), 200, seed=3).batches(first=first))
    for name in ("source", "target", "labels"):
        np.testing.assert_array_equal(expected[name], again[name])


def test_the_target_is_the_label_shifted_behind_bos():
    plan = BatchPlan(make_corpus(50), 200, seed=1)
    for batch in itertools.islice(plan.batches(), 20):
        for target, label in zip(batch["target"], batch["labels"], strict=True):
            length = int((label != PAD_ID).sum())
            assert label[length - 1] == EOS_ID
            assert target[0] == BOS_ID
            np.testing.assert_array_equal(target[1:length], label[: length - 1])
            assert (target[length:] == PAD_ID).all()


def test_long_and_empty_pairs_are_left_out_and_counted(tokenizers):
    source, target = tokenizers
    corpus = Corpus(["Good morning!", "", "Hello " * 60, "Yes."], ["おはよう", "はい", "こんにちは", "はい。"])
    encoded = encode_corpus(corpus, source, target, max_tokens=40)
    assert (len(encoded), encoded.num_left_out) == (2, 2)
    assert all(ids[-1] == EOS_ID for ids in encoded.sources)
    with pytest.raises(CorpusError, match="no pair"):
        encode_corpus(Corpus([""], ["x"]), source, target, max_tokens=40)


def test_padding_is_on_the_right():
    assert pad([[1, 2, 3], [4]]).tolist() == [[1, 2, 3], [4, 0, 0]]
