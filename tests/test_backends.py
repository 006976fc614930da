"""The same network on TensorFlow, JAX and torch, each in a process of its own; what is not installed is skipped."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from beside import two_at_a_time

pytestmark = pytest.mark.usefixtures("compiled_once")
ROOT = Path(__file__).parent.parent
BACKENDS = ("tensorflow", "jax", "torch")
INSTALLED = [name for name in BACKENDS if importlib.util.find_spec(name)]
OTHERS = [
    pytest.param(name, marks=pytest.mark.skipif(name not in INSTALLED, reason=f"{name} is not installed"))
    for name in BACKENDS[1:]
]
# JAX compiles every shape anew: there each cell and each attention are tried, not all pairs of them.
SOME_KINDS = "lstm-general or gru-dot or simple_rnn-additive or gru-multi_head or lstm-none"
# The tests of the network that every backend must pass.
CORE = (
    *("test_recurrent.py", "test_fused.py", "test_attention.py", "test_model.py", "test_kinds.py", "test_graphs.py"),
    "test_checkpoint.py",
    "test_soft_targets.py",
)

# What one backend makes of the weights and batches in a folder: logits, the loss of each update, hypotheses.
WORK = '''
import json, sys
import numpy as np
from nmt import backend
from nmt.backend import keras, ops
from nmt.config import ModelConfig, SearchConfig
from nmt.engines.keras import KerasEngine
from nmt.network.model import TranslationModel
from nmt.search.beam import max_lengths, search

folder = sys.argv[1]
config = ModelConfig(**json.loads(open(f"{folder}/config.json").read()))
weights, data = np.load(f"{folder}/weights.npz"), np.load(f"{folder}/batches.npz")
model = TranslationModel(config, label_smoothing=0.1)
model.set_named_weights({name: weights[name] for name in weights.files})
batches = [{part: data[f"{part}_{k}"] for part in ("source", "target", "labels")} for k in range(4)]
engine = KerasEngine(model)


def hypotheses():
    config, rows = SearchConfig(beam_size=3, num_alternatives=2, max_length_extra=4), []
    sources = [[int(i) for i in row if i] for batch in batches[:2] for row in batch["source"]]
    for found in search(engine.step, engine.encode(sources), max_lengths([len(s) for s in sources], config), config):
        rows.append([[h.ids, sum(h.log_probs), h.attention.shape[1]] for h in found])
    return rows


class Rates(keras.callbacks.Callback):
    """Another learning rate before every update, as nmt.training.rounds sets it, and the loss of each batch alone."""

    losses = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()
        self.model.optimizer.learning_rate = 0.02 / (1 + batch)

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


results = {"logits": ops.convert_to_numpy(model(batches[0])).tolist(), "before": hypotheses()}
optimizer = backend.adam(0.5, beta_2=0.98, global_clipnorm=1.0, use_ema=True, ema_momentum=0.9)
optimizer.build(model.trainable_variables)
model.compile(optimizer=optimizer, jit_compile=backend.compiles_updates())
model.fit(backend.feed(batches * 2), steps_per_epoch=4, epochs=2, shuffle=False, verbose=0, callbacks=[Rates()])
results |= {"losses": Rates.losses, "after": hypotheses(), "backend": keras.backend.backend()}
np.savez(f"{folder}/trained_{keras.backend.backend()}.npz", **model.named_weights())
print("RESULT" + json.dumps(results))
'''
SIZES = {
    "source_vocab_size": 40,
    "target_vocab_size": 50,
    "embedding_dim": 12,
    "encoder_units": 8,
    "decoder_units": 16,
    "attention_dim": 8,
    "dropout": 0.0,
    "word_dropout": 0.0,
    "weight_drop": 0.0,
}


def python(backend, *command, timeout=900):
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def make_batch(rng, rows, source, target):
    lengths = rng.integers(2, (source, target), (rows, 2), endpoint=True)
    lengths[0] = source, target
    batch = {name: np.zeros((rows, n), "int32") for name, n in (("source", source), ("target", target))}
    batch["labels"] = batch["target"].copy()
    for row, (s, t) in enumerate(lengths):
        batch["source"][row, :s] = rng.integers(4, 40, s)
        batch["labels"][row, :t] = rng.integers(4, 50, t)
        batch["target"][row, :t] = [2, *batch["labels"][row, : t - 1]]
    return batch


@pytest.fixture(scope="module", params=[{}, {"cell": "gru", "attention": "multi_head"}], ids=["default", "gru"])
def reference(request, tmp_path_factory):
    """A folder with weights and batches, and what TensorFlow makes of them."""
    import keras

    from nmt.config import ModelConfig
    from nmt.network.model import TranslationModel

    if "tensorflow" not in INSTALLED:
        pytest.skip("tensorflow is not installed")
    folder, config, rng = tmp_path_factory.mktemp("backends"), {**SIZES, **request.param}, np.random.default_rng(1)
    keras.utils.set_random_seed(1)
    weights = TranslationModel(ModelConfig(**config)).named_weights()
    np.savez(
        folder / "weights.npz", **{k: v + 0.1 * rng.normal(size=v.shape).astype("float32") for k, v in weights.items()}
    )
    shapes = [(5, 7, 6), (3, 9, 5), (7, 4, 11), (5, 6, 7)]
    batches = [make_batch(rng, *shape) for shape in shapes]
    np.savez(folder / "batches.npz", **{f"{n}_{k}": v for k, batch in enumerate(batches) for n, v in batch.items()})
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder, work("tensorflow", folder)


def work(backend, folder):
    results = json.loads(python(backend, "-c", WORK, folder).split("RESULT")[1])
    assert results["backend"] == backend
    return results


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
def test_weights_losses_and_hypotheses_are_those_of_tensorflow(backend, reference):
    folder, expected = reference
    found = work(backend, folder)
    np.testing.assert_allclose(found["logits"], expected["logits"], atol=1e-4)
    assert len(expected["losses"]) == 8
    assert expected["losses"][7] < expected["losses"][0]
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-3)
    for moment in ("before", "after"):
        for one, other in zip(found[moment], expected[moment], strict=True):
            assert [h[0] for h in one] == [h[0] for h in other]
            np.testing.assert_allclose([h[1] for h in one], [h[1] for h in other], atol=1e-2)
            assert [h[2] for h in one] == [h[2] for h in other]
    assert expected["before"] != expected["after"], "the engine reads the weights as they are now"
    weights = [np.load(folder / f"trained_{name}.npz") for name in ("tensorflow", backend)]
    for name in weights[0].files:
        np.testing.assert_allclose(weights[1][name], weights[0][name], atol=3e-3, err_msg=name)


def run_core(backend, file):
    some = ("-k", SOME_KINDS) if (backend, file) == ("jax", "test_kinds.py") else ()
    options = ("-q", "-m", "not slow", "-p", "no:cacheprovider")
    return python(backend, "-m", "pytest", *options, ROOT / "tests" / file, *some)


@pytest.fixture(scope="module")
def core(request, compiled_once):
    with two_at_a_time(request, "test_the_core_of_the_suite_passes", run_core) as said:
        yield said


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("file", CORE)
def test_the_core_of_the_suite_passes(backend, file, core):
    assert " passed" in core(backend=backend, file=file)


RECIPE = """
name = "small"
source_language = "en"
target_language = "ja"
[data]
train = "pairs.tsv"
dev = "pairs.tsv"
source_vocab_size = 200
target_vocab_size = 200
[model]
embedding_dim = 8
encoder_layers = 1
encoder_units = 8
decoder_layers = 1
decoder_units = 16
attention_dim = 8
[training]
updates = 4
updates_per_round = 2
batch_tokens = 300
dev_sentences = 4
hours = {hours}
learning_rate = 0.5
warmup_updates = 100000
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
def test_a_recipe_trains_is_resumed_and_makes_a_bundle_that_translates(backend, tmp_path, sample):
    rows = [f"{s}\t{t}" for s, t in zip(sample.sources[:60], sample.targets[:60], strict=True)]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = tmp_path / "run"
    for hours in (1e-9, 0.0):  # over after one update, and then as far as the recipe says
        (tmp_path / "small.toml").write_text(RECIPE.format(hours=hours), encoding="utf-8")
        python(backend, "-m", "nmt", "train", tmp_path / "small.toml", "--out", run)
    rounds = list(csv.DictReader((run / "log.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["update"]) for row in rounds] == [1, 3, 4]
    # The learning rate is that of the warm-up; at the one that the optimizer was made with, the loss would leap.
    losses = [float(row["loss"]) for row in rounds]
    assert max(losses) - min(losses) < 0.3
    said = python(backend, "-m", "nmt", "translate", "--model", run / "bundle", "--text", "Good morning!")
    assert said.endswith("\n")


@pytest.mark.parametrize("backend", OTHERS[:1])
def test_batches_are_filled_up_to_few_shapes(backend):
    from nmt.backend import jax

    assert [jax.rounded(n) for n in (1, 4, 5, 6, 7, 9, 13, 16, 17, 33, 49, 65)] == [
        4, 4, 6, 6, 8, 12, 16, 16, 24, 48, 64, 96
    ]  # fmt: skip
    assert all(n <= jax.rounded(n) <= max(4, 1.5 * n) for n in range(1, 3000))
    batch = make_batch(np.random.default_rng(3), 5, 7, 9)
    filled = jax.filled_up(batch)
    assert {name: values.shape for name, values in filled.items()} == {
        "source": (6, 8),
        "target": (6, 12),
        "labels": (6, 12),
    }
    for name, values in batch.items():
        np.testing.assert_array_equal(filled[name][:5, : values.shape[1]], values)
    assert not filled["labels"][5:].any(), "what is filled up costs nothing"
    assert filled["source"][5:, 0].all(), "no source sentence is empty"
