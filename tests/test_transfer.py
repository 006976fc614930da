"""Transfer: rows go where their pieces are, and what was not to change has not changed to the last bit."""

import itertools
import math
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import ConfigError, bundle, tokenizer
from nmt.backend import ops
from nmt.corpora.corpus import Corpus
from nmt.finetuning.adaptation import NearStart, adapt, layers_by_part
from nmt.finetuning.config import PARTS
from nmt.finetuning.start import about_spelling
from nmt.finetuning.transfer import carry, find_origins, shrunk, transfer
from nmt.finetuning.vocabulary import Vocabulary, extended, shared, spelled_in_bytes
from nmt.network.model import TranslationModel
from nmt.tokenizer import Tokenizer

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<0x41>", "<0x42>")


def vocabulary(pieces, scores=None):
    scores = scores or [-float(k + 1) for k in range(len(pieces))]
    return Vocabulary(
        (*SPECIAL, *pieces), (0.0,) * len(SPECIAL) + tuple(scores), (False,) * len(SPECIAL) + (True,) * len(pieces)
    )


pieces = st.lists(st.text("ab▁ßж", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)


def some_weights(source, target, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "source_embedding/table": rng.normal(size=(len(source), 3)).astype("float32"),
        "target_embedding/table": rng.normal(size=(len(target), 3)).astype("float32"),
        "target_embedding/bias": rng.normal(size=len(target)).astype("float32"),
        "encoder_0/forward/kernel": rng.normal(size=(3, 8)).astype("float32"),
    }


# ---------------------------------------------------------------- rows


@given(pieces, pieces)
def test_identical_vocabularies_give_identical_weights(source, target):
    parents = vocabulary(source), vocabulary(target)
    weights = some_weights(*parents)
    made = transfer(weights, parents, parents, seed=1)
    assert made.weights.keys() == weights.keys()
    for name, values in weights.items():
        np.testing.assert_array_equal(made.weights[name], values, err_msg=name)
        assert made.weights[name].dtype == values.dtype and not np.shares_memory(made.weights[name], values)
    assert (made.source.num_copied, made.source.num_composed, made.source.num_drawn) == (len(parents[0]), 0, 0)


@given(pieces, st.randoms(use_true_random=False))
def test_a_permuted_vocabulary_gives_permuted_rows(target, random):
    parent = vocabulary(target)
    order = random.sample(range(len(target)), len(target))
    child = vocabulary([target[k] for k in order], [parent.scores[len(SPECIAL) + k] for k in order])
    weights = some_weights(parent, parent)
    made = transfer(weights, (parent, parent), (parent, child), seed=1).weights
    rows = [*range(len(SPECIAL)), *(len(SPECIAL) + k for k in order)]
    np.testing.assert_array_equal(made["target_embedding/table"], weights["target_embedding/table"][rows])
    np.testing.assert_array_equal(made["target_embedding/bias"], weights["target_embedding/bias"][rows])
    np.testing.assert_array_equal(made["source_embedding/table"], weights["source_embedding/table"])
    np.testing.assert_array_equal(made["encoder_0/forward/kernel"], weights["encoder_0/forward/kernel"])


def test_a_new_piece_starts_from_the_parts_that_the_parent_knows():
    parent, child = vocabulary(["▁ca", "sa", "a"]), vocabulary(["▁casa", "sa", "▁дом"])
    weights = some_weights(parent, parent)
    made = transfer(weights, (parent, parent), (parent, child), seed=1)
    table, old = made.weights["target_embedding/table"], weights["target_embedding/table"]
    first = len(SPECIAL)
    np.testing.assert_allclose(table[first], (old[first] + old[first + 1]) / 2)
    np.testing.assert_array_equal(table[first + 1], old[first + 1])
    assert (made.target.num_copied, made.target.num_composed, made.target.num_drawn) == (first + 1, 1, 1)
    assert str(made.target) == f"{first + 1} copied, 1 composed, 1 new"
    bias = made.weights["target_embedding/bias"]
    assert bias[first] == pytest.approx(weights["target_embedding/bias"][first : first + 2].mean())


def test_what_the_parent_cannot_spell_looks_like_its_other_rows():
    rng = np.random.default_rng(5)
    rows = rng.normal(3.0, 0.5, size=(400, 20)).astype("float32")
    rows[:100] = 50.0  # special ones and bytes, which are no model
    drawn = carry(rows, [[]] * 3000, [False] * 100 + [True] * 300, np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean(axis=0), rows[100:].mean(axis=0), atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), rows[100:].std(axis=0), atol=0.05)
    assert drawn.dtype == rows.dtype and len(np.unique(drawn[:, 0])) > 2900


@given(st.floats(0.01, 1e6), st.lists(st.floats(0.01, 1.0), min_size=1, max_size=3))
def test_a_row_goes_towards_its_counterparts_the_more_often_they_were_seen(seen, shares):
    rng = np.random.default_rng(5)
    rows, ids = rng.normal(size=(6, 4)), np.arange(1, 1 + len(shares))
    counts = seen * np.array(shares) / sum(shares)
    plain = carry(rows, [[0], [2, 3]], [True] * 6, np.random.default_rng(1))
    made = carry(rows, [[0], [2, 3]], [True] * 6, np.random.default_rng(1), {1: (ids, counts)})
    np.testing.assert_array_equal(made[0], plain[0])
    wanted = sum(count * rows[k] for k, count in zip(ids, counts, strict=True)) / counts.sum()
    np.testing.assert_allclose(made[1] - plain[1], seen / (seen + 2) * (wanted - plain[1]), atol=1e-9)


def test_matrices_are_shrunk_and_nothing_else():
    weights = {"kernel": np.full((2, 3), 2.0), "bias": np.ones(3), "norm": np.full(3, 4.0)}
    found = shrunk(weights, 0.25)
    np.testing.assert_array_equal(found["kernel"], np.full((2, 3), 0.5))
    assert found["bias"] is weights["bias"] and found["norm"] is weights["norm"] and weights["kernel"][0, 0] == 2.0


def test_counterparts_are_of_the_target_alone_and_counted():
    parent, child = vocabulary(["▁gato", "▁casa", "a"]), vocabulary(["▁chat", "▁casa", "a"])
    weights, first = some_weights(parent, parent), len(SPECIAL)
    known = {first: (np.array([first]), np.array([1e9])), first + 2: (np.array([first]), np.array([1.0]))}
    made = transfer(weights, (parent, parent), (parent, child), 1, known)
    np.testing.assert_array_equal(made.weights["source_embedding/table"], weights["source_embedding/table"])
    for name in ("target_embedding/table", "target_embedding/bias"):
        np.testing.assert_allclose(made.weights[name][first], weights[name][first], rtol=1e-5)
        np.testing.assert_array_equal(made.weights[name][first + 1], weights[name][first + 1])
        expected = weights[name][first] / 3 + 2 * weights[name][first + 2] / 3
        np.testing.assert_allclose(made.weights[name][first + 2], expected, rtol=1e-5)
        assert made.weights[name].dtype == weights[name].dtype
    assert str(made.target) == f"1 by what they mean, {first + 2} copied, 0 composed, 0 new"
    assert made.source.num_aligned == 0 and "mean" not in str(made.source)


@given(pieces, pieces)
def test_every_row_has_an_origin_that_the_parent_has(first, second):
    parent, child = vocabulary(first), vocabulary(second)
    origins = find_origins(parent, child)
    assert len(origins) == len(child)
    for k, ids in enumerate(origins):
        assert all(0 <= i < len(parent) for i in ids)
        if child.pieces[k] in parent.pieces:
            assert ids == [parent.pieces.index(child.pieces[k])]
        else:  # never from bytes or special ids
            assert all(parent.is_text[i] for i in ids)


# ---------------------------------------------------------------- pieces


@given(pieces, st.text("ab▁", max_size=7))
def test_a_text_is_split_the_most_probable_way(known, text):
    rng = np.random.default_rng(len(text))
    one = vocabulary(known, [float(-x) for x in rng.uniform(1, 9, len(known))])
    ids = one.split(text)

    def all_ways(rest):
        if not rest:
            yield []
        for k, piece in enumerate(one.pieces):
            if one.is_text[k] and rest.startswith(piece):
                yield from ([k, *way] for way in all_ways(rest[len(piece) :]))

    ways = list(all_ways(text))
    if ways:
        assert "".join(one.pieces[k] for k in ids) == text
        best = max(math.fsum(one.scores[k] for k in way) for way in ways)
        assert math.fsum(one.scores[k] for k in ids) == pytest.approx(best)
    else:
        assert sum(len(one.pieces[k]) for k in ids) < len(text)


def test_the_split_is_that_of_sentencepiece(tokenizers, sample):
    for one, texts in zip(tokenizers, (sample.sources, sample.targets), strict=True):
        mine = Vocabulary.of(one)
        assert len(mine) == one.vocab_size
        for text in texts[:40]:
            ids = one.encode(text)
            if all(mine.is_text[k] for k in ids):
                scores = [sum(mine.scores[k] for k in way) for way in (mine.split("".join(one.pieces(ids))), ids)]
                assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_an_extended_tokenizer_keeps_its_ids_and_spells_the_new_text_shorter(tokenizers):
    _, target = tokenizers
    texts = ["量子力学の講義を聴講する", "量子計算と量子通信", "講義の録音", "量子の講義"] * 30
    own = tokenizer.train(texts, 330, side="target", uses_spaces=False)
    wide = extended(target, own, texts, 12)
    assert target.vocab_size < wide.vocab_size <= target.vocab_size + 12
    assert wide.pieces(range(target.vocab_size)) == target.pieces(range(target.vocab_size))
    assert sum(map(len, wide.encode_batch(texts))) < 0.7 * sum(map(len, target.encode_batch(texts)))
    assert spelled_in_bytes(wide, texts) < spelled_in_bytes(target, texts)
    for text in texts[:4]:
        assert wide.decode(wide.encode(text)) == text
    again = Tokenizer(wide.model)
    assert again.encode_batch(texts) == wide.encode_batch(texts)
    assert extended(target, own, texts, 0).vocab_size == target.vocab_size


def test_what_is_spelled_in_bytes_is_answered_by_what_has_not_been_tried(tokenizers):
    source, target = tokenizers
    texts = ["量子力学の講義を聴講する", "量子計算と量子通信", "講義の録音", "量子の講義"] * 30
    corpus = Corpus(["Hello."] * len(texts), texts)
    other = tokenizer.train(["まったく別の文だけ"] * 30, 300, side="target", uses_spaces=False)
    wide = extended(target, tokenizer.train(texts, 330, side="target", uses_spaces=False), texts, 1)
    parent = types.SimpleNamespace(tokenizers=tokenizers)
    for child, remedy in (
        (target, "extend adds them"),
        (wide, "more --extra-pieces"),
        (other, "a larger --vocab-size"),
    ):
        (said,) = about_spelling(parent, (source, child), corpus)
        assert "of the target tokens are single bytes" in said and remedy in said
    assert about_spelling(parent, tokenizers, Corpus(["Hello."], ["おはよう。"])) == []


def test_shared_pieces_are_counted_by_how_often_they_are_used(tokenizers, sample):
    source, target = tokenizers
    assert shared(Vocabulary.of(source), source, sample.sources) > 0.9
    assert shared(Vocabulary.of(target), source, sample.sources) < 0.6


# ---------------------------------------------------------------- the network


@pytest.fixture(scope="module")
def parent(tiny_bundle):
    return bundle.read_config(tiny_bundle).model, bundle.read_weights(tiny_bundle)


def logits(model, seed=1):
    rng = np.random.default_rng(seed)
    source = ops.convert_to_tensor(rng.integers(4, 300, (3, 6)).astype("int32"))
    target = ops.convert_to_tensor(rng.integers(4, 300, (3, 5)).astype("int32"))
    memory, states = model.encode(source)
    return ops.convert_to_numpy(model.decode(target, memory, states).logits)


def made_from(config, weights, **options):
    model = TranslationModel(config)
    adapt(model, weights, **options)
    return model


def test_the_same_vocabulary_gives_the_same_logits(parent, tokenizers):
    config, weights = parent
    own = tuple(Vocabulary.of(one) for one in tokenizers)
    made = transfer(weights, own, own, seed=1).weights
    np.testing.assert_array_equal(logits(made_from(config, made)), logits(made_from(config, weights)))


def test_low_rank_updates_begin_at_nothing_and_fold_into_plain_weights(parent):
    config, weights = parent
    model = made_from(config, weights, low_rank=2)
    np.testing.assert_allclose(logits(model), logits(made_from(config, weights)), atol=1e-6)
    for name, values in model.named_weights().items():
        np.testing.assert_array_equal(values, weights[name], err_msg=name)
    learned = [v for v in model.trainable_variables if "lora" in v.path]
    kernels = [name for name in weights if name.endswith("kernel")]
    assert len(learned) == 2 * len(kernels)
    assert not any(v.path.endswith("/kernel") for v in model.trainable_variables)

    rng = np.random.default_rng(0)
    for variable in learned:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    folded = model.named_weights()
    assert folded.keys() == weights.keys()
    for name in kernels:
        assert np.linalg.matrix_rank(folded[name] - weights[name], tol=1e-4) == 2, name
    np.testing.assert_allclose(logits(made_from(config, folded)), logits(model), atol=2e-5)
    assert np.abs(logits(model) - logits(made_from(config, weights))).max() > 0.01


def test_every_weight_is_in_one_part(parent):
    config, weights = parent
    model = made_from(config, weights)
    parts = layers_by_part(model)
    assert tuple(parts) == PARTS
    counted = [id(v) for layers in parts.values() for layer in layers for v in layer.weights]
    assert sorted(counted) == sorted(id(v) for v in model.weights)


@pytest.mark.parametrize("frozen", [("encoder",), ("source_embedding", "attention"), ("decoder", "target_embedding")])
def test_frozen_parts_do_not_learn(parent, frozen):
    model = made_from(*parent, freeze=frozen, low_rank=2)
    kept = {id(v) for part in frozen for layer in layers_by_part(model)[part] for v in layer.weights}
    assert not kept & {id(v) for v in model.trainable_variables}
    assert model.named_weights().keys() == parent[1].keys()


def test_nothing_left_to_learn_is_refused(parent):
    with pytest.raises(ConfigError, match="nothing is left to learn"):
        made_from(*parent, freeze=PARTS)


def test_the_pull_to_the_start_is_the_squared_distance(parent):
    config, weights = parent
    near, plain = made_from(config, weights, near=0.01), made_from(config, weights)
    rng = np.random.default_rng(2)
    ids = ops.convert_to_tensor(rng.integers(4, 300, (2, 5)).astype("int32"))
    distance = 0.0
    for one, other in zip(near.trainable_variables, plain.trainable_variables, strict=True):
        move = rng.normal(0, 0.02, one.shape).astype("float32")
        for variable in (one, other):
            variable.assign(variable + move)
        distance += float((move.astype("float64") ** 2).sum())
    losses = [
        float(model.compute_loss(y=ids, y_pred=ops.convert_to_tensor(logits(plain)[:2]), training=training))
        for model, training in itertools.product((near, plain), (True, False))
    ]
    assert losses[0] - losses[2] == pytest.approx(0.01 * distance, rel=1e-2)
    assert losses[1] == losses[3], "what is evaluated has no penalty"
    assert float(NearStart(np.ones(3, "float32"), 0.5)(ops.ones(3) * 3)) == pytest.approx(6.0)
