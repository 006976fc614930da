"""Soft targets: the network as it is has nothing to learn from what it says itself."""

import keras
import numpy as np
import pytest
from keras import ops
from test_updates import SIZES

from nmt import backend
from nmt.corpora.rows import Rows
from nmt.network.model import TranslationModel
from nmt.tokenizer import EOS_ID
from nmt.training import soft_targets as module
from nmt.training.batches import BatchPlan, EncodedCorpus
from nmt.training.soft_targets import soft_targets

V = SIZES.target_vocab_size


@pytest.fixture
def corpus():
    rng = np.random.default_rng(1)
    sides = [[rng.integers(4, V, rng.integers(1, 9)) for _ in range(40)] for _ in range(2)]
    sources = [np.append(ids, EOS_ID) for ids in sides[0]]
    return EncodedCorpus(Rows.of(sources), Rows.of(sides[1]), [""] * 40, np.empty(0, dtype=np.int64))


@pytest.fixture
def model():
    made = TranslationModel(SIZES, label_smoothing=0.1, shards=2)
    made.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=backend.compiles_updates())
    return made


def softmax(logits):
    powers = np.exp(logits.astype("float64"))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_loss_against_a_distribution_that_is_known_in_part():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(6, 20)).astype("float32")
    ids = np.argsort(rng.random((6, 20)), axis=1)[:, :5].astype("int32")
    probabilities = (0.8 * rng.dirichlet(np.ones(5), 6)).astype("float32")
    wanted = np.full((6, 20), 0.2 / 20)
    np.put_along_axis(wanted, ids, np.take_along_axis(wanted, ids, 1) + probabilities, 1)
    found = backend.soft_cross_entropy(*map(ops.convert_to_tensor, (logits, ids, probabilities)))
    np.testing.assert_allclose(ops.convert_to_numpy(found), -(wanted * np.log(softmax(logits))).sum(1), rtol=1e-5)


def test_they_are_what_the_network_holds_likely_at_their_places(model, corpus, monkeypatch):
    monkeypatch.setattr(module, "_BATCH_TOKENS", 30)  # several batches
    found = soft_targets(model, corpus)
    assert found.ids.shape == found.probabilities.shape == (int((corpus.targets.lengths + 1).sum()), module.NUM_KEPT)
    for k in (0, 7, 39):
        alone = EncodedCorpus(corpus.sources[k : k + 1], corpus.targets[k : k + 1], [""], corpus.left_out)
        batch = next(BatchPlan(alone, 99, 0).batches())
        x = {name: ops.convert_to_tensor(batch[name]) for name in ("source", "target")}
        expected = softmax(ops.convert_to_numpy(model(x, training=False))[0])
        rows = slice(found.first[k], found.first[k] + len(expected))
        likeliest = np.take_along_axis(expected, found.ids[rows], axis=-1)
        np.testing.assert_allclose(found.probabilities[rows], likeliest, rtol=1e-4)
        np.testing.assert_allclose(likeliest, -np.sort(-expected, axis=-1)[:, : module.NUM_KEPT], rtol=1e-4)


def test_of_pieces_that_it_has_not_learned_the_network_says_nothing(model, corpus):
    known = V - 3
    found = soft_targets(model, corpus, known)
    assert sum(int(ids.max()) >= known for ids in corpus.targets) > 3
    for k, ids in enumerate(corpus.targets):
        alone = EncodedCorpus(corpus.sources[k : k + 1], corpus.targets[k : k + 1], [""], corpus.left_out)
        batch = next(BatchPlan(alone, 99, 0).batches())
        x = {name: ops.convert_to_tensor(batch[name]) for name in ("source", "target")}
        expected = softmax(ops.convert_to_numpy(model(x, training=False))[0][:, :known])
        for n, label in enumerate([*ids, EOS_ID]):
            likely = dict(zip(found.ids[found.first[k] + n], found.probabilities[found.first[k] + n], strict=True))
            if label >= known:
                assert likely[label] == pytest.approx(0.9) and sum(likely.values()) == pytest.approx(0.9)
            else:
                assert max(likely) < known
                np.testing.assert_allclose(list(likely.values()), expected[n][list(likely)], rtol=1e-4)


def test_batches_name_the_places_of_the_pairs_that_have_some(corpus):
    first = np.full(len(corpus), -1)
    first[20:] = 1000 * np.arange(20)
    plan = BatchPlan(corpus, 60, 1, soft=first)
    plain = BatchPlan(corpus, 60, 1)
    for numbers, batch, without in zip(plan.one_pass(0), plan.batches(), plain.batches(), strict=False):
        assert without.keys() | {"soft"} == batch.keys()
        assert all(np.array_equal(batch[name], values) for name, values in without.items())
        for number, labels, soft in zip(numbers, batch["labels"], batch["soft"], strict=True):
            length = corpus.targets.lengths[number] + 1
            expected = 1 + first[number] + np.arange(length) if number >= 20 else np.zeros(length)
            np.testing.assert_array_equal(soft[:length], expected)
            assert not soft[length:].any() and not labels[length:].any()


def learned(model, batch):
    """The loss of a batch, and how far a step against its gradient takes any weight; the model is as before."""
    before = model.named_weights()
    history = model.fit(backend.feed(iter([batch])), steps_per_epoch=1, epochs=1, shuffle=False, verbose=0)
    after = model.named_weights()
    model.set_named_weights(before)
    return history.history["loss"][0], max(float(np.abs(after[name] - before[name]).max()) for name in before)


def test_a_network_learns_nothing_from_what_it_says_itself(model, corpus, monkeypatch):
    monkeypatch.setattr(module, "NUM_KEPT", V)  # all that it says
    soft = soft_targets(model, corpus)
    model.remember(soft.ids, soft.probabilities)
    batch = next(BatchPlan(corpus, 200, 1, soft=soft.first).batches())
    assert learned(model, batch)[1] < 1e-5
    batch["soft"][:] = 0
    assert learned(model, batch)[1] > 0.01


def test_pairs_without_them_are_learned_as_ever(model, corpus):
    soft = soft_targets(model, corpus)
    model.remember(soft.ids, soft.probabilities)
    batch = next(BatchPlan(corpus, 100, 1, soft=np.full(len(corpus), -1)).batches())
    found = learned(model, batch)
    other = TranslationModel(SIZES, label_smoothing=0.1)
    other.set_named_weights(model.named_weights())
    other.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=backend.compiles_updates())
    del batch["soft"]
    np.testing.assert_allclose(found, learned(other, batch), rtol=1e-4)
