"""Subword regularisation: the same text in other pieces, anew in each pass, and the same ones whenever it is asked."""

import itertools
import threading

import numpy as np
import pytest

from nmt import tokenizer
from nmt.corpora.corpus import Corpus
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID
from nmt.training.batches import BatchPlan, SourceNoise, encode_corpus
from nmt.training.sampling import SubwordSampling


@pytest.fixture(scope="module")
def encoded(sample, tokenizers):
    """English on both sides: a small Japanese vocabulary is of single characters and leaves no choice."""
    return encode_corpus(Corpus(sample.sources, sample.sources), *tokenizers, 60)


@pytest.fixture(scope="module")
def tokenizers(sample):
    return tuple(tokenizer.train(sample.sources, size, side=side) for size, side in ((400, "source"), (500, "target")))


def sampling(source=None, target=None, seed=3, alpha=0.2, max_tokens=60):
    return SubwordSampling(source, target, alpha, 16, max_tokens, seed)


def rows_of(matrix):
    return [[int(i) for i in row if i not in (PAD_ID, BOS_ID, EOS_ID)] for row in matrix]


def test_a_sample_is_the_same_text_and_depends_on_its_seed_alone(tokenizers, sample):
    source = tokenizers[0]
    texts = sample.sources[:40]
    draws = [source.sample(text, 7, alpha=0.2, nbest=16) for text in texts]
    assert [source.decode(ids) for ids in draws] == [source.normalise(text) for text in texts]
    assert draws != source.encode_batch(texts)
    there = []
    thread = threading.Thread(
        target=lambda: there.extend(source.sample(text, 7, alpha=0.2, nbest=16) for text in texts[::-1])
    )
    thread.start()
    thread.join()
    assert there[::-1] == draws, "whatever was drawn before, and in whichever thread"
    assert len({tuple(source.sample(texts[3], seed, alpha=0.2, nbest=16)) for seed in range(30)}) > 3
    assert len({tuple(source.sample(texts[3], seed, alpha=0.2, nbest=2)) for seed in range(60)}) == 2


def test_training_a_tokenizer_before_changes_no_draw(tokenizers, sample):
    """SentencePiece's own random numbers would depend on that, and a run that made its tokenizers on those of none."""
    before = [tokenizers[0].sample(text, 7, alpha=0.2, nbest=16) for text in sample.sources[:40]]
    tokenizer.train(sample.sources, 300, side="source", seed=9)
    assert [tokenizers[0].sample(text, 7, alpha=0.2, nbest=16) for text in sample.sources[:40]] == before


def test_sampling_leaves_plain_encoding_as_it_is(tokenizers, sample):
    before = tokenizers[0].encode_batch(sample.sources[:50])
    for k, text in enumerate(sample.sources[:50]):
        tokenizers[0].sample(text, k, alpha=0.1, nbest=16)
    assert tokenizers[0].encode_batch(sample.sources[:50]) == before


@pytest.mark.parametrize("both", [False, True], ids=["source", "both"])
def test_batches_say_the_same_in_other_pieces(encoded, tokenizers, both):
    plain = BatchPlan(encoded, 300, seed=1)
    sampled = BatchPlan(encoded, 300, seed=1, sampling=sampling(tokenizers[0], tokenizers[1] if both else None))
    different = {"source": 0, "labels": 0}
    for one, other in itertools.islice(zip(plain.batches(), sampled.batches(), strict=False), 20):
        for side, spelled in (("source", tokenizers[0]), ("labels", tokenizers[1])):
            known, drawn = rows_of(one[side]), rows_of(other[side])
            assert [spelled.decode(ids) for ids in drawn] == [spelled.decode(ids) for ids in known]
            different[side] += sum(a != b for a, b in zip(known, drawn, strict=True))
        assert (other["source"].max(axis=1) > 0).all()
        for target, label in zip(other["target"], other["labels"], strict=True):
            length = int((label != PAD_ID).sum())
            assert label[length - 1] == EOS_ID and target[0] == BOS_ID
            np.testing.assert_array_equal(target[1:length], label[: length - 1])
            assert (target[length:] == PAD_ID).all()
        assert {values.dtype for values in other.values()} == {np.dtype("int32")}
    assert different["source"] > 100
    assert (different["labels"] > 100) == both


def test_any_batch_is_drawn_without_those_before_it_and_each_pass_anew(encoded, tokenizers):
    def plan(seed=3):
        noise = SourceNoise(encoded, tokenizers[0], 0.3, 60, 5)
        return BatchPlan(encoded, 300, 1, noise, sampling=sampling(*tokenizers, seed=seed))

    size = len(plan().one_pass(0))
    for first in (0, 5, size + 2):
        expected = next(itertools.islice(plan().batches(), first, None))
        again = next(plan().batches(first))
        for name, values in expected.items():
            np.testing.assert_array_equal(values, again[name])
    draw = sampling(tokenizers[0])
    pairs = np.arange(30)
    matrix = tokenizer.pad([encoded.sources[k] for k in pairs])
    once = rows_of(draw.sources(matrix, 0, pairs))
    assert once == rows_of(draw.sources(matrix, 0, pairs))
    assert once != rows_of(draw.sources(matrix, 1, pairs))
    assert once != rows_of(sampling(tokenizers[0], seed=4).sources(matrix, 0, pairs))
    backwards = rows_of(draw.sources(matrix[::-1], 0, pairs[::-1]))
    assert backwards[::-1] == once, "a pair's pieces do not depend on its batch"


def test_a_sentence_does_not_become_too_long(encoded, tokenizers):
    pairs = np.arange(30)
    matrix = tokenizer.pad([encoded.sources[k] for k in pairs])
    limit = 20
    known = rows_of(matrix)
    wild = rows_of(sampling(tokenizers[0], alpha=0.0, max_tokens=1000).sources(matrix, 0, pairs))
    tame = rows_of(sampling(tokenizers[0], alpha=0.0, max_tokens=limit).sources(matrix, 0, pairs))
    assert any(len(ids) >= limit for ids in wild)
    assert tame == [ids if len(ids) < limit else usual for ids, usual in zip(wild, known, strict=True)]
