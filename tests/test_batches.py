"""Batches: every pair once a pass, little padding, and any batch without those before it."""

import hashlib
import itertools

import numpy as np
import pytest

from nmt.corpora.corpus import Corpus
from nmt.corpora.rows import Rows
from nmt.errors import CorpusError
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, pad
from nmt.training.batches import BatchPlan, EncodedCorpus, SourceNoise, encode_corpus


def make_corpus(count=2000, seed=0):
    rng = np.random.default_rng(seed)
    sources = [rng.integers(4, 90, rng.integers(2, 30)).astype("int32") for _ in range(count)]
    targets = [rng.integers(4, 90, max(1, len(s) + rng.integers(-3, 4))).astype("int32") for s in sources]
    texts = [" ".join(f"Word{k}" for k in ids) + "." for ids in sources]
    return EncodedCorpus(Rows.of(sources), Rows.of(targets), texts, np.empty(0, dtype=np.int64))


def test_a_pass_holds_every_pair_once_within_the_limit():
    corpus = make_corpus()
    batches = BatchPlan(corpus, 300, seed=1).one_pass(0)
    assert sorted(np.concatenate(batches)) == list(range(len(corpus)))
    for batch in batches:
        longest = max(len(corpus.targets[k]) + 1 for k in batch)
        assert len(batch) == 1 or longest * len(batch) <= 300


def test_padding_is_rare():
    assert BatchPlan(make_corpus(), 400, seed=1).padding_share() < 0.05


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


class ByteTokenizer:
    """A byte is a token, so that no vocabulary is to be trained."""

    def encode_batch(self, texts):
        return [[4 + byte for byte in text.encode()] for text in texts]


def digest(batches):
    found = hashlib.sha256()
    for batch in batches:
        for name in ("source", "target", "labels"):
            found.update(f"{batch[name].dtype}{batch[name].shape}".encode() + batch[name].tobytes())
    return found.hexdigest()


@pytest.mark.parametrize(
    ("seed", "noise", "first", "expected"),
    [
        (1, False, 0, "784beb663e3dcaa2153dda96c07dc1875b685249e7ada43ea23ac7bf2f4651db"),
        (1, False, 400, "13eeddec39239e9abda427e04c99ea11d2969e851edbe82e0ec85de41a22d45b"),
        (7, False, 0, "a1a57d5e626e95a671e1cfb562ac16448929ffb5657ba76f88dbb6ac4dec7fb5"),
        (1, True, 0, "e2e573a45eaf4a92d7e2f8615b6aa6b1f0a4f88ae1d1e9ff4da872f1a8e5163c"),
        (1, True, 400, "4754090c0eaaf6f044f7a0fce70285a51e436ff6ca6285567b0f08bf235c5e88"),
    ],
)
def test_batches_stay_what_they_are(seed, noise, first, expected):
    """A run in progress goes on with the batches it would have had; these digests may change where that is worth it."""
    corpus = make_corpus()
    source_noise = SourceNoise(corpus, ByteTokenizer(), 0.3, 120, seed=5) if noise else None
    plan = BatchPlan(corpus, 300, seed, source_noise)
    assert digest(itertools.islice(plan.batches(first), 50)) == expected


def test_a_sentence_longer_than_a_batch_is_one_of_its_own():
    corpus = EncodedCorpus(
        Rows.of([[5, EOS_ID]] * 3), Rows.of([[5] * 2, [5] * 40, [5] * 30]), ["x"] * 3, np.empty(0, dtype=np.int64)
    )
    assert sorted(map(sorted, (batch.tolist() for batch in BatchPlan(corpus, 20, seed=1).one_pass(0)))) == [
        [0],
        [1],
        [2],
    ]


def test_what_was_left_out_is_known_by_its_place(tokenizers):
    source, target = tokenizers
    texts = ["", "Good morning!", "Yes.", "Hello " * 60, "No.", "", "Thank you."]
    encoded = encode_corpus(Corpus(texts, ["はい。"] * 7), source, target, max_tokens=40)
    assert encoded.left_out.tolist() == [0, 3, 5]
    assert encoded.texts_of(np.arange(4)) == ["Good morning!", "Yes.", "No.", "Thank you."]
    assert [[*source.encode(text), EOS_ID] for text in encoded.texts_of(np.array([3, 1]))] == [
        encoded.sources[3].tolist(),
        encoded.sources[1].tolist(),
    ]
    assert encoded.sizes([1, 3, 3]) == (0, 2, 2)
    both = encoded.followed_by(encoded)
    assert (len(both), both.num_left_out) == (8, 6)
    assert both.texts_of(np.arange(8)) == encoded.texts_of(np.arange(4)) * 2
    assert [row.tolist() for row in both.targets] == [row.tolist() for row in encoded.targets] * 2
