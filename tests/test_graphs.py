"""The ONNX graphs against the Keras model, and 8 bits that do not depend on their neighbours."""

import dataclasses

import keras
import numpy as np
import onnx
import pytest

from nmt import Translator, bundle, graphs
from nmt.config import ModelConfig, SearchConfig
from nmt.engines.keras import KerasEngine
from nmt.engines.onnx import OnnxEngine
from nmt.errors import BundleError
from nmt.network.model import TranslationModel
from nmt.search.beam import max_lengths, search
from nmt.tokenizer import EOS_ID

SIZES = ModelConfig(
    source_vocab_size=60,
    target_vocab_size=70,
    embedding_dim=16,
    encoder_units=12,
    decoder_units=24,
    attention_dim=8,
)
SHAPES = [
    {},
    {"lexical": True},
    {"encoder_layers": 1, "decoder_layers": 1},
    {"cell": "gru", "attention": "multi_head", "bidirectional": False},
    {"cell": "simple_rnn", "attention": "additive"},
]
MORE_SHAPES = [
    {"bidirectional": False},
    {"decoder_layers": 3},
    {"attention": "dot"},
    {"attention": "multi_head", "lexical": True, "bidirectional": False},
    {"attention": "none"},
    {"cell": "gru"},
    {"cell": "simple_rnn", "attention": "none", "bidirectional": False, "decoder_layers": 1},
]
# One of each cell, and of each attention.
KINDS = [
    {},
    {"lexical": True},
    {"attention": "multi_head", "lexical": True},
    {"attention": "multi_head"},
    {"cell": "gru", "attention": "additive"},
    {"cell": "gru", "attention": "none"},
    {"cell": "simple_rnn", "attention": "dot"},
]


def name_of(changes):
    return " ".join(str(value if isinstance(value, str) else name) for name, value in changes.items()) or "default"


def make(folder, precision, **changes):
    """A random model as both engines."""
    keras.utils.set_random_seed(5)
    config = dataclasses.replace(SIZES, **changes)
    model = TranslationModel(config)
    rng = np.random.default_rng(1)
    # A plain recurrence with so large a kernel is chaotic: whatever is rounded grows from step to step.
    tame = "recurrent_kernel" if config.cell == "simple_rnn" else "nothing"
    model.set_named_weights(
        {
            k: (1 if tame in k else 1.7) * v + 0.05 * rng.normal(size=v.shape).astype("float32")
            for k, v in model.named_weights().items()
        }
    )
    for name, content in graphs.build(config, model.named_weights(), precision).items():
        (folder / name).write_bytes(content)
    return KerasEngine(model), OnnxEngine(folder / bundle.ENCODER, folder / bundle.DECODER)


def sentences(count, seed=0):
    rng = np.random.default_rng(seed)
    return [[*rng.integers(4, 60, rng.integers(1, 12)).tolist(), EOS_ID] for _ in range(count)]


def translate(engine, sources, config):
    return search(engine.step, engine.encode(sources), max_lengths([len(s) for s in sources], config), config)


@pytest.mark.parametrize(
    "changes", [*SHAPES, *(pytest.param(one, marks=pytest.mark.slow) for one in MORE_SHAPES)], ids=name_of
)
def test_float32_graphs_find_what_keras_finds(tmp_path, changes):
    reference, engine = make(tmp_path, "float32", **changes)
    config = SearchConfig(beam_size=4, num_alternatives=2, max_length_extra=4)
    sources = sentences(40)
    both = (translate(one, sources, config) for one in (reference, engine))
    for expected, found in zip(*both, strict=True):
        assert [h.ids for h in found] == [h.ids for h in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-4)
            length = len(other.attention[0])
            np.testing.assert_allclose(one.attention[:, :length], other.attention, atol=1e-4)


def first_steps(engine, sources, tokens):
    """Log-probabilities (B, V) of every next token after feeding the same tokens to each sentence."""
    state = engine.encode(sources)
    rows, zeros = np.arange(len(sources)), np.zeros((len(sources), 1), dtype=np.int64)
    for token in tokens:
        step = engine.step(np.full((len(sources), 1), token), rows, zeros, state, 5, full=True)
        state = step.state
    full = step.all_log_probs[:, 0]
    np.testing.assert_array_equal(step.log_probs[:, 0], -np.sort(-full)[:, :5])
    np.testing.assert_array_equal(step.log_probs[:, 0], np.take_along_axis(full, step.ids[:, 0], axis=1))
    np.testing.assert_array_equal(step.end_log_probs[:, 0], full[:, EOS_ID])
    return full


@pytest.mark.parametrize("changes", KINDS, ids=name_of)
def test_8_bits_stay_close_to_float32(tmp_path, changes):
    reference, engine = make(tmp_path, "int8", **changes)
    sources = sentences(30)
    expected = first_steps(reference, sources, [2, 9, 30])
    found = first_steps(engine, sources, [2, 9, 30])
    possible = expected > -1e3
    error = np.abs(found - expected)[possible].max()
    assert 0 < error < 0.1 * np.ptp(expected[possible])


@pytest.mark.parametrize("precision", graphs.PRECISIONS)
@pytest.mark.parametrize("changes", KINDS, ids=name_of)
def test_a_row_does_not_see_its_neighbours(tmp_path, precision, changes):
    _, engine = make(tmp_path, precision, **changes)
    sources = sentences(24)
    together = first_steps(engine, sources, [2, 9, 30])
    for number in (0, 7, 23):
        alone = first_steps(engine, [sources[number]], [2, 9, 30])
        np.testing.assert_allclose(together[number], alone[0], atol=1e-5)


def test_8_bits_are_the_same_to_the_last_bit_beside_a_longer_sentence():
    """Sums that differ in the last bit go unseen until one of them is rounded to the next of 255 steps, as here."""
    translator, greedy = Translator.load("en-de", num_threads=1), SearchConfig(beam_size=1)
    text = "We want the cat at home, number 3386. https://x.org/3386"
    longer = "I want your old friend in the morning, number 119. https://x.org/119"
    (alone,), (beside, _) = (translator.translate_batch(texts, greedy) for texts in ([text], [text, longer]))
    log_probs = [one.sentences[0].alternatives[0].log_probs for one in (alone, beside)]
    np.testing.assert_array_equal(*log_probs)


@pytest.mark.parametrize("kept", ["encoder", "decoder", "none"])
def test_graphs_that_are_not_of_a_translator_are_refused(tmp_path, kept):
    make(tmp_path, "float32")
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, [None]) for name in ("source", "values")]
    node = onnx.helper.make_node("Identity", ["source"], ["values"])
    graph = onnx.helper.make_graph([node], "other", value[:1], value[1:])
    opsets = [onnx.helper.make_opsetid("", 17)]
    for name in {bundle.ENCODER, bundle.DECODER} - {getattr(bundle, kept.upper(), "")}:
        onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / name)
    with pytest.raises(BundleError, match="not the graphs of a translator"):
        OnnxEngine(tmp_path / bundle.ENCODER, tmp_path / bundle.DECODER)


def test_forbidden_tokens_have_no_share(tmp_path):
    for precision in graphs.PRECISIONS:
        _, engine = make(tmp_path, precision)
        log_probs = first_steps(engine, sentences(3), [2])
        assert (log_probs[:, :3] < -1e8).all()
        np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [({}, (7, 5)), ({"cell": "gru", "attention": "multi_head"}, (7, 6)), ({"attention": "none"}, (6, 5))],
    ids=["default", "gru multi_head", "none"],
)
def test_weights_stay_within_what_every_processor_adds_exactly(tmp_path, changes, counts):
    # Two products of an unsigned and a signed byte must fit 16 bits: 2 · 255 · 63 < 32,768.
    make(tmp_path, "int8", **changes)
    for name, count in zip((bundle.ENCODER, bundle.DECODER), counts, strict=True):
        graphs_within = [onnx.load(tmp_path / name).graph]
        graphs_within += [a.g for node in graphs_within[0].node for a in node.attribute if a.name == "body"]
        kernels = []
        for graph in graphs_within:
            constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
            kernels += [constants[node.input[1]] for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
        assert len(kernels) == count
        assert all(kernel.dtype == np.int8 and np.abs(kernel).max() <= 63 for kernel in kernels)


def test_8_bits_take_a_quarter_of_the_room():
    weights = TranslationModel(dataclasses.replace(SIZES, decoder_units=256, encoder_units=128)).named_weights()
    config = dataclasses.replace(SIZES, decoder_units=256, encoder_units=128)
    small, large = (sum(map(len, graphs.build(config, weights, p).values())) for p in graphs.PRECISIONS)
    assert small < 0.3 * large
