"""What holds for every kind of network that is offered: each cell with each attention."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from nmt import bundle, graphs
from nmt.config import ATTENTIONS, CELLS, ModelConfig
from nmt.engines.onnx import OnnxEngine
from nmt.network.model import TranslationModel
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID

SIZES = ModelConfig(
    source_vocab_size=30,
    target_vocab_size=35,
    embedding_dim=8,
    encoder_layers=1,
    encoder_units=6,
    decoder_units=12,  # the width of the memory, as dot attention wants it
    attention_dim=8,
    attention_heads=2,
)
KINDS = list(itertools.product(CELLS, ATTENTIONS))

# One to four sentences of one to six tokens, and the tokens that a translation begins with.
SOURCES = st.lists(st.lists(st.integers(4, 29), min_size=1, max_size=6), min_size=1, max_size=4)
PREFIX = st.lists(st.integers(4, 34), min_size=1, max_size=4)


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def model(request):
    cell, attention = request.param
    keras.utils.set_random_seed(1)
    # Weights that were never trained are small, and biases 0, which would hide what they are multiplied with.
    model = TranslationModel(dataclasses.replace(SIZES, cell=cell, attention=attention))
    rng = np.random.default_rng(2)
    model.set_named_weights(
        {k: v + 0.2 * rng.normal(size=v.shape).astype("float32") for k, v in model.named_weights().items()}
    )
    return model


@pytest.fixture(scope="module")
def engine(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    for name, content in graphs.build(model.config, model.named_weights(), "float32").items():
        (folder / name).write_bytes(content)
    return OnnxEngine(folder / bundle.ENCODER, folder / bundle.DECODER)


def matrix(sources, width=0):
    rows = [[*source, EOS_ID] for source in sources]
    return np.array([row + [PAD_ID] * (max(width, *map(len, rows)) - len(row)) for row in rows], dtype="int32")


def decoded(model, sources, prefix, width=0):
    """Log-probabilities (B, T, V) after each token of BOS and the prefix, and attention (B, T, S), by one call."""
    memory, states = model.encode(matrix(sources, width))
    target = np.tile(np.array([BOS_ID, *prefix], dtype="int32"), (len(sources), 1))
    found = model.decode(target, memory, states)
    forbidden = np.zeros(model.config.target_vocab_size, "float32")
    forbidden[[PAD_ID, UNKNOWN_ID, BOS_ID]] = -1e9
    log_probs = ops.log_softmax(ops.add(found.logits, forbidden), axis=-1)
    return tuple(map(ops.convert_to_numpy, (log_probs, found.attention)))


@given(SOURCES, PREFIX)
@settings(max_examples=3)
def test_step_by_step_is_all_at_once(model, sources, prefix):
    whole, attention = decoded(model, sources, prefix)
    memory, states = model.encode(matrix(sources))
    for t, token in enumerate([BOS_ID, *prefix]):
        step = model.decode(np.full((len(sources), 1), token, dtype="int32"), memory, states)
        states = step.states
        logits = ops.convert_to_numpy(ops.log_softmax(step.logits[:, 0], axis=-1))
        allowed = whole[:, t] > -1e8
        difference = (logits - whole[:, t])[allowed].reshape(len(sources), -1)
        # What is forbidden leaves its share to the others: the same constant for all of a row.
        np.testing.assert_allclose(difference, np.broadcast_to(difference[:, :1], difference.shape), atol=1e-4)
        np.testing.assert_allclose(ops.convert_to_numpy(step.attention)[:, 0], attention[:, t], atol=1e-5)


@given(SOURCES, PREFIX, st.integers(0, 5))
@settings(max_examples=3)
def test_neighbours_and_padding_change_nothing(model, sources, prefix, padding):
    together, attention = decoded(model, sources, prefix, width=7 + padding)
    for k, source in enumerate(sources):
        alone, own = decoded(model, [source], prefix)
        np.testing.assert_allclose(together[k], alone[0], atol=1e-4)
        np.testing.assert_allclose(attention[k, :, : len(source) + 1], own[0], atol=1e-5)
        assert (attention[k, :, len(source) + 1 :] == 0).all()


@given(SOURCES, PREFIX)
@settings(max_examples=3)
def test_the_exported_graphs_say_what_keras_says(model, engine, sources, prefix):
    expected, attention = decoded(model, sources, prefix)
    state = engine.encode([[*source, EOS_ID] for source in sources])
    rows, zeros = np.arange(len(sources)), np.zeros((len(sources), 1), dtype=np.int64)
    for t, token in enumerate([BOS_ID, *prefix]):
        step = engine.step(np.full((len(sources), 1), token), rows, zeros, state, 5, full=True)
        state = step.state
        allowed = expected[:, t] > -1e8
        np.testing.assert_allclose(step.all_log_probs[:, 0][allowed], expected[:, t][allowed], atol=1e-4)
        width = attention.shape[-1]
        np.testing.assert_allclose(step.attention[:, 0, :width], attention[:, t], atol=1e-4)
        assert not step.attention[:, 0, width:].any(), "on what the engine has filled up"


def test_every_kind_is_tried():
    assert len(KINDS) == len(CELLS) * len(ATTENTIONS) == 15
