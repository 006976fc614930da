"""The inspection in NumPy against the Keras model: the same numbers, for every shape of network."""

import dataclasses
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import keras
import numpy as np
import pytest

import nmt
from nmt import bundle, graphs, inspection
from nmt.bundle import BundleConfig
from nmt.config import ModelConfig, SearchConfig
from nmt.network.forward import GATES, forward
from nmt.network.model import TranslationModel
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID, Tokenizer

ROOT = Path(__file__).parent.parent
SENTENCE, TRANSLATION = "Where is the station?", "駅はどこですか。"
LONG = "My older sister lives in a small town near the sea and I visit her every summer."
SHAPES = [
    {},
    {"encoder_layers": 1, "decoder_layers": 1},
    {"encoder_layers": 3, "decoder_layers": 2, "bidirectional": False},
    {"lexical": True},
    {"decoder_layers": 4, "encoder_layers": 3, "attention": "none"},
    {"cell": "gru", "attention": "additive"},
    {"cell": "gru", "attention": "dot", "decoder_units": 24},
    {"cell": "simple_rnn", "attention": "multi_head", "bidirectional": False},
]
LIMIT = 1e-4


@pytest.fixture(scope="module", params=SHAPES, ids=lambda changes: " ".join(map(str, changes.values())) or "default")
def random_bundle(request, tmp_path_factory, tokenizers):
    """A bundle without graphs, of any kind of network."""
    return write(tmp_path_factory.mktemp("random") / "one", sizes_for(tokenizers, **request.param), tokenizers)


@pytest.fixture(scope="module")
def exact_bundle(tmp_path_factory, tokenizers):
    """A bundle whose graphs are not rounded to 8 bits."""
    return write(tmp_path_factory.mktemp("exact") / "one", sizes_for(tokenizers), tokenizers, with_graphs=True)


def sizes_for(tokenizers, **changes):
    source, target = tokenizers
    sizes = ModelConfig(
        source_vocab_size=source.vocab_size,
        target_vocab_size=target.vocab_size,
        embedding_dim=20,
        encoder_units=12,
        decoder_units=28,
        attention_dim=8,
    )
    return dataclasses.replace(sizes, **changes)


def write(folder, sizes, tokenizers, seed=5, with_graphs=False):
    """Write a bundle whose weights, biases and gains included, are random."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    weights = {
        name: (1.7 * values + 0.3 * rng.normal(size=values.shape)).astype(np.float16).astype(np.float32)
        for name, values in TranslationModel(sizes).named_weights().items()
    }
    config = BundleConfig("one", "en", "ja", sizes, SearchConfig(beam_size=2, max_length_extra=4), max_source_tokens=80)
    folder.parent.mkdir(exist_ok=True)
    models = graphs.build(sizes, weights, "float32") if with_graphs else {}
    for name, tokenizer in zip((bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER), tokenizers, strict=True):
        tokenizer.save(folder.parent / name)
        models[name] = (folder.parent / name).read_bytes()
    return bundle.write(folder, config, models, weights, "# one\n")


@dataclasses.dataclass
class Reference:
    """What the Keras model says about one sentence."""

    logits: np.ndarray
    attention: np.ndarray
    hidden: list[np.ndarray]  # per layer and direction
    cells: list[np.ndarray]  # of the decoder of LSTMs


def reference(folder, source, target):
    """Token ids with EOS -> what the model itself computes, layer by layer, the decoder step by step."""
    config = bundle.read_config(folder)
    model = TranslationModel(config.model)
    model.set_named_weights(bundle.read_weights(folder))
    ids, lengths = np.array([source]), np.array([len(source)])
    hidden = []
    x = model.source_embedding(ids)
    for k, (rnn, norm) in enumerate(zip(model.encoder_rnns, model.encoder_norms, strict=True)):
        y = rnn(x, lengths) if config.model.bidirectional else rnn(x)[0]
        hidden += np.split(np.array(y)[0], 2 if config.model.bidirectional else 1, axis=-1)
        x = norm(y + x if k else y)
    memory, states = model.encode(ids)
    steps = []
    for token in [BOS_ID, *target[:-1]]:
        decoded = model.decode(np.array([[token]]), memory, states)
        states = decoded.states
        steps.append((decoded.logits[0, 0], decoded.attention[0, 0], *(np.array(s)[:, 0] for s in states)))
    logits, attention, *layers = (np.array(part) for part in zip(*steps, strict=True))
    hidden += [layer[:, 0] for layer in layers]
    cells = [layer[:, 1] for layer in layers] if config.model.cell == "lstm" else []
    return Reference(logits, attention, hidden, cells)


def ids_of(folder, sentence, translation):
    source, target = (Tokenizer.load(folder / name) for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER))
    return [*source.encode(sentence), EOS_ID], [*target.encode(translation), EOS_ID]


def check(folder, sentence, translation):
    source, target = ids_of(folder, sentence, translation)
    expected = reference(folder, source, target)
    found = nmt.inspect(folder, sentence, translation)
    config = bundle.read_config(folder).model
    logits = forward(config, bundle.read_weights(folder), source, [BOS_ID, *target[:-1]]).logits
    np.testing.assert_allclose(logits, expected.logits, atol=LIMIT)
    np.testing.assert_allclose(found.attention, expected.attention, atol=LIMIT)
    assert len(found.layers) == len(expected.hidden)
    for layer, hidden in zip(found.layers, expected.hidden, strict=True):
        np.testing.assert_allclose(layer.hidden, hidden, atol=LIMIT, err_msg=layer.name)
    for layer, cell in zip(found.layers[-config.decoder_layers :], expected.cells, strict=False):
        np.testing.assert_allclose(layer.cell, cell, atol=LIMIT, err_msg=layer.name)

    scores = expected.logits.astype(np.float64)
    scores[:, [PAD_ID, UNKNOWN_ID, BOS_ID]] = -np.inf
    shares = np.exp(scores - np.log(np.exp(scores).sum(1, keepdims=True)))
    np.testing.assert_allclose(found.probabilities, shares[np.arange(len(target)), target], atol=LIMIT)
    for row, candidates in zip(shares, found.candidates, strict=True):
        np.testing.assert_allclose([p for _, p in candidates], -np.sort(-row)[:8], atol=LIMIT)
    return found


def test_it_is_the_keras_model(random_bundle):
    check(random_bundle, SENTENCE, TRANSLATION)


def test_it_is_the_keras_model_on_the_tiny_bundle(tiny_bundle):
    check(tiny_bundle, SENTENCE, TRANSLATION)


def test_it_is_the_keras_model_on_the_shipped_one():
    found = check(bundle.find("en-ja"), SENTENCE, TRANSLATION)
    assert found.candidates[0][0] == ("駅", found.probabilities[0])


def test_gates_explain_the_states(random_bundle):
    found = nmt.inspect(random_bundle, LONG, TRANSLATION)
    cell = found.network.cell
    for layer in found.layers:
        assert tuple(layer.gates) == (GATES[cell] if cell != "simple_rnn" else ())
        assert layer.hidden.shape[0] == len(found.tokens(layer.name))
        for name, values in layer.gates.items():
            assert values.shape == layer.hidden.shape
            assert (np.abs(values) <= 1).all() and (name == "candidate" or (values >= 0).all())
        way = -1 if layer.backwards else 1
        hidden, gates = layer.hidden[::way], {name: values[::way] for name, values in layer.gates.items()}
        if cell == "lstm":
            memory = layer.cell[::way]
            before = np.vstack([0 * memory[:1], memory[:-1]])
            expected = gates["forget"] * before + gates["input"] * gates["candidate"]
            np.testing.assert_allclose(memory, expected, atol=1e-5, err_msg=layer.name)
            np.testing.assert_allclose(hidden, gates["output"] * np.tanh(memory), atol=1e-5)
        else:
            assert layer.cell is None
        if cell == "gru":
            expected = gates["update"][1:] * hidden[:-1] + (1 - gates["update"][1:]) * gates["candidate"][1:]
            np.testing.assert_allclose(hidden[1:], expected, atol=1e-5, err_msg=layer.name)


def test_gates_come_from_their_own_weights(random_bundle):
    config, weights = bundle.read_config(random_bundle).model, bundle.read_weights(random_bundle)
    source, _ = ids_of(random_bundle, SENTENCE, TRANSLATION)
    layer = nmt.inspect(random_bundle, SENTENCE, TRANSLATION).layers[0]
    prefix = "encoder_0/forward" if config.bidirectional else "encoder_0"
    kernel, recurrent, bias = (weights[f"{prefix}/{one}"] for one in ("kernel", "recurrent_kernel", "bias"))
    biases = bias if config.cell == "gru" else (bias, 0 * bias)
    from_input = weights["source_embedding/table"][source[1]] * config.embedding_dim**0.5 @ kernel + biases[0]
    from_state = layer.hidden[0] @ recurrent + biases[1]
    names = GATES[config.cell]
    for name, one, other in zip(names, *(np.split(part, len(names)) for part in (from_input, from_state)), strict=True):
        if name != "candidate":
            expected = 1 / (1 + np.exp(-one - other))
        else:
            expected = np.tanh(one + other * layer.gates["reset"][1] if config.cell == "gru" else one + other)
        found = layer.hidden if config.cell == "simple_rnn" else layer.gates[name]
        np.testing.assert_allclose(found[1], expected, atol=1e-5, err_msg=name)


def test_layers_have_names_and_sides(random_bundle):
    config = bundle.read_config(random_bundle).model
    found = nmt.inspect(random_bundle, SENTENCE, TRANSLATION)
    ways = [" forwards", " backwards"] if config.bidirectional else [""]
    encoder = [f"encoder {k + 1}{way}" for k in range(config.encoder_layers) for way in ways]
    decoder = [f"decoder {k + 1}" for k in range(config.decoder_layers)]
    assert [layer.name for layer in found.layers] == [*encoder, *decoder]
    assert [layer.side for layer in found.layers] == ["source"] * len(encoder) + ["target"] * len(decoder)
    assert found.source_tokens[-1] == found.target_tokens[-1] == "</s>"
    assert found.attention.shape == (len(found.target_tokens), len(found.source_tokens))
    np.testing.assert_allclose(found.attention.sum(1), 1, atol=1e-5)
    with pytest.raises(nmt.ConfigError, match='no layer "attic": there are encoder 1'):
        found.layer("attic")


def test_without_a_translation_it_takes_the_translators_own(exact_bundle):
    translator = nmt.Translator.load(exact_bundle)
    expected = translator.translate(SENTENCE).sentences[0]
    for found in (nmt.inspect(exact_bundle, SENTENCE), translator.inspect(SENTENCE)):
        assert found.source_tokens == expected.source_tokens
        assert found.target_tokens[:-1] == expected.alternatives[0].tokens
        np.testing.assert_allclose(found.attention[:-1], expected.alternatives[0].attention, atol=LIMIT)
        np.testing.assert_allclose(np.log(found.probabilities[:-1]), expected.alternatives[0].log_probs, atol=1e-3)


def test_what_the_translator_protects_was_not_read():
    translator = nmt.Translator.load("en-ja")
    text = "Please send it to bob@example.com."
    config = dataclasses.replace(translator.search, num_alternatives=translator.search.beam_size)
    sentence = translator.translate(text, config).sentences[0]
    assert not any("example" in token for token in sentence.source_tokens)
    for alternative in sentence.alternatives:
        found = translator.inspect(text, alternative.text)
        assert found.source_tokens == sentence.source_tokens
        assert found.target_tokens == (*alternative.tokens, "</s>")


def test_states_of_a_beginning_do_not_know_the_rest(random_bundle):
    one, two = (nmt.inspect(random_bundle, f"I have to go {end}", "はい") for end in ("to sleep.", "now."))
    forwards, same = one.layers[0].name, 4
    distances = one.distances(two, forwards)
    assert distances.shape == (len(one.source_tokens), len(two.source_tokens))
    np.testing.assert_allclose(np.diag(distances)[:same], 0, atol=1e-5)
    assert distances[-2, -2] > 1e-3
    np.testing.assert_allclose(distances, two.distances(one, forwards).T, atol=1e-5)
    np.testing.assert_array_equal(np.argmin(one.distances(one, forwards), axis=1), np.arange(len(one.source_tokens)))


def test_the_most_active_units_vary_most(random_bundle):
    found = nmt.inspect(random_bundle, LONG, TRANSLATION)
    for layer in found.layers:
        units = found.most_active(layer.name, 5)
        rest = sorted(set(range(layer.hidden.shape[1])) - set(units))
        spread = layer.hidden.std(axis=0)
        assert list(spread[list(units)]) == sorted(spread[list(units)], reverse=True)
        assert spread[list(units)].min() >= spread[rest].max()
        assert sorted(found.most_active(layer.name, 10_000)) == list(range(layer.hidden.shape[1]))


@pytest.mark.parametrize(
    ("sentence", "translation", "message"),
    [
        ("", None, "nothing to translate"),
        (" \n", "はい", "the sentence is empty"),
        ("Yes. No.", None, "one sentence at a time: this text is translated as 2"),
        ("Yes " * 50, "はい", r"the sentence has \d+ tokens, at most 40 can be inspected"),
        ("Yes", "はい" * 90, r"the translation has \d+ tokens, at most 86 can be inspected"),
    ],
)
def test_what_is_no_sentence_is_refused(tiny_bundle, sentence, translation, message):
    for inspect in (nmt.Translator.load(tiny_bundle).inspect, lambda *texts: nmt.inspect(tiny_bundle, *texts)):
        with pytest.raises(nmt.ConfigError, match=message):
            inspect(sentence, translation)


def test_an_empty_translation_ends_at_once(random_bundle):
    found = nmt.inspect(random_bundle, SENTENCE, "")
    assert found.target_tokens == ("</s>",)
    assert found.layers[-1].hidden.shape[0] == 1


def test_bundles_that_cannot_be_inspected(tmp_path, tiny_bundle, monkeypatch):
    def copy(name):
        return shutil.copytree(tiny_bundle, tmp_path / name)

    info = dataclasses.replace(bundle.read_info(tiny_bundle), folder=type(tmp_path)())
    with pytest.raises(nmt.BundleError, match="in no folder yet"):
        nmt.inspect(info, SENTENCE, TRANSLATION)
    with pytest.raises(nmt.BundleError, match="no model"):
        nmt.inspect("en-tlh", SENTENCE, TRANSLATION)
    (copy("lean") / bundle.WEIGHTS).unlink()
    with pytest.raises(nmt.BundleError, match="has no training weights"):
        nmt.inspect(tmp_path / "lean", SENTENCE, TRANSLATION)
    text = (copy("wide") / bundle.CONFIG).read_text(encoding="utf-8")
    (tmp_path / "wide" / bundle.CONFIG).write_text(text.replace('"decoder_units": 32', '"decoder_units": 33'))
    with pytest.raises(nmt.BundleError, match=r"weights.safetensors: decoder_0/kernel is \(24, 128\)"):
        nmt.inspect(tmp_path / "wide", SENTENCE, TRANSLATION)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(nmt.MissingExtraError, match=r"pip install '\.\[ui\]'"):
        nmt.inspect(copy("bare"), SENTENCE, TRANSLATION)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert any(package.startswith("safetensors") for package in extras["ui"])


def test_a_bundle_written_again_is_read_again(tmp_path, tiny_bundle, tokenizers):
    folder = shutil.copytree(tiny_bundle, tmp_path / "one")
    before = nmt.inspect(folder, SENTENCE, TRANSLATION)
    assert nmt.inspect(bundle.read_info(folder), SENTENCE, TRANSLATION).probabilities == before.probabilities
    write(folder, bundle.read_config(folder).model, tokenizers, seed=8)
    assert nmt.inspect(folder, SENTENCE, TRANSLATION).probabilities != before.probabilities


def test_it_is_quick_and_light():
    code = f"""
import sys, time, nmt
nmt.inspect("en-ja", {SENTENCE!r}, {TRANSLATION!r})
heavy = sorted({{"keras", "tensorflow", "torch", "onnx", "onnxruntime"}} & set(sys.modules))
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    translation = nmt.inspect("en-ja", LONG).target_tokens
    seconds = []
    for _ in range(7):
        start = time.thread_time()  # not what others do meanwhile
        found = nmt.inspect("en-ja", LONG, "".join(translation[:-1]))
        seconds.append(time.thread_time() - start)
    assert len(found.source_tokens) + len(found.target_tokens) > 25
    assert min(seconds) < 0.1


def test_few_models_stay_in_memory(tmp_path, tiny_bundle):
    for k in range(4):
        nmt.inspect(shutil.copytree(tiny_bundle, tmp_path / str(k)), "Yes", "はい")
    assert inspection._open.cache_info().currsize <= 2
