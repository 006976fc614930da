"""Exported networks, loaded back: the same numbers as the reference, and the page's own examples run."""

import json
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from nmt import BundleError, ConfigError, SearchConfig, backend, bundle, deployment
from nmt.cli import main
from nmt.commands import export as command
from nmt.config import ModelConfig
from nmt.engines.keras import KerasEngine
from nmt.network.model import TranslationModel
from nmt.search.beam import max_lengths, search
from nmt.tokenizer import BOS_ID, EOS_ID, Tokenizer, pad

PAGE = Path(__file__).parent.parent / "docs" / "deployment.md"
LINES = [
    "Good morning!",
    "Yes.",
    "Where is the station? I have to go to sleep.",
    "How much is this?",
]


@pytest.fixture(scope="module")
def engine(tiny_bundle):
    model = TranslationModel(bundle.read_config(tiny_bundle).model)
    model.set_named_weights(bundle.read_weights(tiny_bundle))
    return KerasEngine(model)


@pytest.fixture(scope="module")
def sources(tiny_bundle):
    tokenizer = Tokenizer.load(tiny_bundle / bundle.SOURCE_TOKENIZER)
    rows = [[*ids, EOS_ID] for ids in tokenizer.encode_batch(LINES)]
    assert len({len(row) for row in rows}) > 2
    return rows


@pytest.fixture(scope="module")
def hypotheses(engine, sources, tiny_bundle):
    """What the reference finds greedily."""
    config = SearchConfig(beam_size=1, max_length_extra=bundle.read_config(tiny_bundle).search.max_length_extra)
    longest = max_lengths([len(row) for row in sources], config)
    found = [hypotheses[0].ids for hypotheses in search(engine.step, engine.encode(sources), longest, config)]
    assert len(set(found)) > 1
    return found


@pytest.fixture(scope="module")
def saved(tiny_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed") / "saved_model"
    said = deployment.deploy(tiny_bundle, "saved_model", folder)
    assert str(folder) in said and "tiny as saved_model" in said
    return folder


@pytest.fixture(scope="module")
def lite(tiny_bundle, tmp_path_factory):
    """Exported by the command, into an empty folder that is there already."""
    folder = tmp_path_factory.mktemp("lite")
    options = ["--format", "litert", "--out", str(folder), "--source-tokens", "36", "--weights", "float32"]
    assert main(["export", "--model", str(tiny_bundle), *options]) == 0
    return folder


@pytest.fixture(scope="module")
def network(saved):
    """The two signatures of the SavedModel, as functions of arrays."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(saved / deployment.SAVED_MODEL))

    def signature(name):
        function = loaded.signatures[name]
        return lambda **inputs: {key: value.numpy() for key, value in function(**inputs).items()} | {"keep": loaded}

    return signature("encode"), signature("step")


@pytest.fixture(scope="module")
def halved(tiny_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed") / "half"
    deployment.deploy(tiny_bundle, "litert", folder)
    return folder


def litert_runners(file):
    """The two signatures of a LiteRT file."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow.lite.python.interpreter import Interpreter
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        interpreter = Interpreter(model_path=str(file))
    assert set(interpreter.get_signature_list()) == {"encode", "step"}
    return tuple(interpreter.get_signature_runner(name) for name in ("encode", "step"))


def forced(signatures, source, targets):
    """Feed `targets` (B, T) from BOS on. -> log_probs (B, T, V), attention (B, T, S)"""
    encode, step = signatures
    memory = {name: value for name, value in encode(source=source).items() if name != "keep"}
    states = memory.pop("states")
    log_probs, attention = [], []
    for k in range(targets.shape[1]):
        result = step(tokens=targets[:, k : k + 1], states=states, **memory)
        states = result["states"]
        log_probs.append(result["log_probs"])
        attention.append(result["attention"])
    return np.stack(log_probs, axis=1), np.stack(attention, axis=1)


def forced_reference(engine, source, target):
    """The same for one sentence without padding, by the Keras engine. -> (T, V), (T, S)"""
    state, log_probs, attention = engine.encode([source]), [], []
    first = np.zeros(1, dtype=np.int64)
    for token in target:
        step = engine.step(np.array([[token]]), first, first[None], state, 10**6)
        state = step.state
        row = np.zeros(step.ids.shape[-1], dtype=np.float32)
        row[step.ids[0, 0]] = step.log_probs[0, 0]
        log_probs.append(row)
        attention.append(step.attention[0, 0])
    return np.stack(log_probs), np.stack(attention)


def compare(engine, source, ids, log_probs, attention):
    """One row of `forced` with the reference, and its best tokens with the greedy hypothesis."""
    expected, expected_attention = forced_reference(engine, source, [BOS_ID, *ids[:-1]])
    steps = len(ids)
    np.testing.assert_allclose(log_probs[:steps, EOS_ID:], expected[:, EOS_ID:], atol=1e-4)
    np.testing.assert_allclose(attention[:steps, : len(source)], expected_attention, atol=1e-4)
    assert not attention[:, len(source) :].any()
    assert np.isfinite(log_probs).all() and (log_probs[:, :EOS_ID] < -1e8).all()
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=-1), 1, atol=1e-4)
    best = log_probs[: steps - 1, EOS_ID + 1 :].argmax(axis=-1) + EOS_ID + 1
    assert tuple(best) == ids[:-1]


@pytest.mark.parametrize("extra", [0, 7])
def test_a_saved_model_takes_any_batch_and_any_padding(network, engine, sources, hypotheses, extra):
    source = np.pad(pad(sources), ((0, 0), (0, extra)))
    log_probs, attention = forced(network, source, pad([[BOS_ID, *ids[:-1]] for ids in hypotheses]))
    for k, ids in enumerate(hypotheses):
        compare(engine, sources[k], ids, log_probs[k], attention[k])


def test_a_litert_file_takes_one_sentence(lite, engine, sources, hypotheses):
    runners = litert_runners(lite / deployment.LITERT)
    for source, ids in zip(sources, hypotheses, strict=True):
        padded = np.pad(pad([source]), ((0, 0), (0, 36 - len(source))))
        log_probs, attention = forced(runners, padded, pad([[BOS_ID, *ids[:-1]]]))
        compare(engine, source, ids, log_probs[0], attention[0])


def test_a_litert_file_with_half_weights_is_small_and_close(lite, halved, sources, hypotheses, tiny_bundle):
    files = [folder / deployment.LITERT for folder in (lite, halved)]
    parameters = bundle.read_config(tiny_bundle).num_parameters
    saved = files[0].stat().st_size - files[1].stat().st_size
    assert 1.8 * parameters < saved < 2.2 * parameters, "two bytes of every weight"
    ids, results = hypotheses[0], []
    for file, size in zip(files, (36, 40), strict=True):
        source = np.pad(pad(sources[:1]), ((0, 0), (0, size - len(sources[0]))))
        results.append(forced(litert_runners(file), source, pad([[BOS_ID, *ids[:-1]]]))[0][..., EOS_ID:])
    np.testing.assert_allclose(results[1], results[0], atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "gru", "attention": "additive"},
        {"cell": "simple_rnn", "attention": "multi_head"},
        {"cell": "gru", "attention": "none", "decoder_layers": 1},
        {"attention": "dot", "encoder_units": 16, "decoder_units": 32, "lexical": True},
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values()),
)
def test_other_cells_and_attentions_are_deployed_too(changes, tmp_path):
    import tensorflow as tf

    sizes = {"source_vocab_size": 60, "target_vocab_size": 70, "encoder_units": 12, "decoder_units": 24}
    model = TranslationModel(ModelConfig(**{**sizes, "embedding_dim": 16, "attention_dim": 16, **changes}))
    engine, source, ids = KerasEngine(model), [7, 20, 33, 9, EOS_ID], (11, 30, 8, EOS_ID)
    (tmp_path / "lite").write_bytes(deployment.litert(model, 9, "float32"))
    assert b"Flex" not in (tmp_path / "lite").read_bytes()
    deployment.save_model(model, tmp_path / "saved")
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    signatures = [
        lambda name=name, **inputs: {key: value.numpy() for key, value in loaded.signatures[name](**inputs).items()}
        for name in ("encode", "step")
    ]
    expected, expected_attention = forced_reference(engine, source, [BOS_ID, *ids[:-1]])
    for runners in (litert_runners(tmp_path / "lite"), signatures):
        log_probs, attention = forced(runners, np.pad(pad([source]), ((0, 0), (0, 4))), pad([[BOS_ID, *ids[:-1]]]))
        np.testing.assert_allclose(log_probs[0, :, EOS_ID:], expected[:, EOS_ID:], atol=1e-4)
        np.testing.assert_allclose(attention[0, :, : len(source)], expected_attention, atol=1e-4)
        assert not attention[:, :, len(source) :].any()


def test_a_litert_file_needs_no_other_operations(lite, halved):
    for folder in (lite, halved):
        assert b"Flex" not in (folder / deployment.LITERT).read_bytes()


@pytest.mark.parametrize("kind", ["saved", "lite"])
def test_the_folder_is_complete(kind, request, tiny_bundle):
    folder = request.getfixturevalue(kind)
    about = json.loads((folder / deployment.DESCRIPTION).read_text(encoding="utf-8"))
    assert about["special_ids"] == {"pad": 0, "unknown": 1, "bos": 2, "eos": 3}
    assert (about["source_language"], about["target_language"], about["max_length_extra"]) == ("en", "ja", 6)
    assert about["max_source_tokens"] == (40 if kind == "saved" else 36)
    assert {"licence", "data_credit"} <= about.keys()
    for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER, bundle.CARD):
        assert (folder / name).read_bytes() == (tiny_bundle / name).read_bytes()
    network = deployment.SAVED_MODEL if kind == "saved" else deployment.LITERT
    tokenizers = {bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER}
    assert {path.name for path in folder.iterdir()} == {network, *tokenizers, bundle.CARD, deployment.DESCRIPTION}
    assert not list(folder.parent.glob("*.writing"))


@pytest.mark.parametrize("kind", ["saved", "lite"])
def test_the_example_on_the_page_translates(kind, request, hypotheses, tiny_bundle, tmp_path):
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (example,) = (code for code in examples if ("saved_model.load" in code) == (kind == "saved"))
    assert "nmt" not in re.findall(r"\w+", example)
    (tmp_path / "translate.py").write_text(example, encoding="utf-8")
    folder = request.getfixturevalue(kind)
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "translate.py", str(folder), *LINES],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    target = Tokenizer.load(tiny_bundle / bundle.TARGET_TOKENIZER)
    assert done.stdout == "".join(target.decode(ids).strip() + "\n" for ids in hypotheses)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "litert"], "needs --out"),
        (["--format", "saved_model"], "needs --out"),
        (["--format", "onnx", "--out", "new"], "--out goes with --format saved_model or litert"),
        (["--out", "new"], "--out goes with --format saved_model or litert"),
        (["--source-tokens", "20"], "--source-tokens goes with --format litert, not with onnx"),
        (["--weights", "float16"], "--weights goes with --format litert, not with onnx"),
        (["--format", "saved_model", "--out", "new", "--weights", "float16"], "--weights goes with --format litert"),
        (["--format", "litert", "--out", "new", "--precision", "int8"], "--precision goes with --format onnx"),
        (["--format", "litert", "--out", "new", "--source", "a.en"], "--source goes with --format onnx"),
        (["--format", "litert", "--out", "new", "--reference", "a.ja"], "--reference goes with --format onnx"),
        (["--format", "saved_model", "--out", "new", "--force"], "--force goes with --format onnx"),
        (["--format", "saved_model", "--out", "new", "--source-tokens", "9"], "--source-tokens goes with"),
        (["--format", "litert", "--out", "new", "--source-tokens", "1"], "at least 2"),
        (["--format", "torch", "--out", "new"], "invalid choice"),
    ],
)
def test_options_that_do_not_go_together(options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["export", "--model", "absent", *options])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_names_the_formats():
    assert set(command.FORMATS) == {"onnx", *deployment.FORMATS}
    assert set(command.WEIGHTS) == {*deployment.WEIGHTS}


def test_a_folder_in_use_is_left_alone(tiny_bundle, tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    for place in (tmp_path, tmp_path / "letter.txt"):
        options = ["--format", "saved_model", "--out", str(place)]
        assert main(["export", "--model", str(tiny_bundle), *options]) == 1
        assert "is not an empty folder" in capsys.readouterr().err
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["mine"]


def test_a_bundle_without_its_weights(tiny_bundle, tmp_path, capsys):
    own = shutil.copytree(tiny_bundle, tmp_path / "own")
    (own / bundle.WEIGHTS).unlink()
    options = ["--format", "litert", "--out", str(tmp_path / "new")]
    assert main(["export", "--model", str(own), *options]) == 1
    assert "has no training weights" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_a_bundle_with_a_damaged_tokenizer_leaves_nothing(tiny_bundle, tmp_path, monkeypatch):
    own = shutil.copytree(tiny_bundle, tmp_path / "own")
    (own / bundle.TARGET_TOKENIZER).write_bytes(b"")
    monkeypatch.setattr(deployment, "save_model", lambda network, folder: folder.mkdir())
    with pytest.raises(BundleError, match="is damaged"):
        deployment.deploy(own, "saved_model", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_what_cannot_be_made_is_said(tiny_bundle, tmp_path, monkeypatch):
    new = tmp_path / "new"
    with pytest.raises(ConfigError, match="format must be one of"):
        deployment.deploy(tiny_bundle, "onnx", new)
    for deployment_format, source_tokens in (("litert", 1), ("litert", -3), ("saved_model", 9)):
        with pytest.raises(ConfigError, match="source_tokens is for litert"):
            deployment.deploy(tiny_bundle, deployment_format, new, source_tokens=source_tokens)
    with pytest.raises(ConfigError, match="weights must be one of float16, float32"):
        deployment.deploy(tiny_bundle, "litert", new, weights="int3")
    monkeypatch.setattr(backend, "uses_tensorflow", lambda: False)
    with pytest.raises(ConfigError, match="set KERAS_BACKEND=tensorflow"):
        deployment.deploy(tiny_bundle, "saved_model", new)
    assert not list(tmp_path.iterdir())
