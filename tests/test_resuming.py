"""Deterministic runs: killed at any moment and started again, they end with the same weights to the last bit."""

import contextlib
import json
import os
import random
import time

import numpy as np
import pytest

from nmt.corpora.corpus import Corpus, write_pair_files
from nmt.training.checkpoint import load_arrays

NUM_KILLS = 20
# Everything whose state or chance could be lost on the way: noise of every kind, both sides' subwords, accumulation,
# the learning rate of a plateau, the average of the weights.
RECIPE = """
name = "tiny"
source_language = "en"
target_language = "de"
[data]
train = "train"
dev = "dev"
source_vocab_size = 300
target_vocab_size = 300
[model]
embedding_dim = 16
encoder_layers = 1
encoder_units = 12
decoder_layers = 1
decoder_units = 24
attention_dim = 16
[training]
deterministic = true
batch_tokens = 120
accumulate = 2
updates = 200
updates_per_round = 4
warmup_updates = 4
learning_rate = 1e-2
final_learning_rate = 1e-4
schedule = "plateau"
plateau_patience = 1
patience = 1000
ema = 0.8
source_noise = 0.3
subword_sampling = "both"
[search]
beam_size = 2
max_length_extra = 4
"""


@pytest.fixture
def recipe(tmp_path, sample):
    texts = sample.sources[:86]
    for name, part in (("dev", texts[:6]), ("train", texts[6:])):
        backwards = [" ".join(reversed(text.split())) for text in part]
        write_pair_files(Corpus(part, backwards), tmp_path / f"{name}.en", tmp_path / f"{name}.de")
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def stamp(path):
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime_ns


def wait_for_checkpoint(path, child):
    """Until there is a new one; returns whether there is before the process ends."""
    before = stamp(path)
    while stamp(path) in (None, before):
        if child.poll() is not None:
            return False
        time.sleep(0.002)
    return True


def assert_same_outcome(run, expected):
    for name in ("best.npz", "checkpoint.npz"):
        found, wanted = load_arrays(run / name), load_arrays(expected / name)
        assert found.keys() == wanted.keys()
        for key in wanted.keys() - {"progress"}:  # it says how long things took
            np.testing.assert_array_equal(found[key], wanted[key], err_msg=f"{name} {key}")
    timing = ("seconds", "history")
    states = [json.loads(str(load_arrays(each / "checkpoint.npz")["progress"])) for each in (run, expected)]
    assert {k: v for k, v in states[0].items() if k not in timing} == {
        k: v for k, v in states[1].items() if k not in timing
    }
    assert states[1]["num_reductions"] > 0, "the plateau has had its part in this"
    for name in ("weights.safetensors", "encoder.onnx", "decoder.onnx"):
        assert (run / "bundle" / name).read_bytes() == (expected / "bundle" / name).read_bytes(), name


@pytest.mark.slow
def test_kills_at_random_moments_leave_the_weights_as_they_would_be(forks, recipe, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    forks.start(tmp_path, "train", recipe, "--out", whole).succeed()
    rng = random.Random(int(os.environ.get("NMT_TEST_SEED", "7")))
    for number in range(NUM_KILLS):
        child = forks.start(tmp_path, "train", recipe, "--out", broken)
        if number % 2:  # most of the time goes into starting; every other kill comes after a round
            assert wait_for_checkpoint(broken / "checkpoint.npz", child), f"it ended before kill {number}"
            time.sleep(rng.uniform(0, 0.5))
        else:
            time.sleep(rng.uniform(0, 6))
        assert child.kill(), f"it ended before kill {number}"
    forks.start(tmp_path, "train", recipe, "--out", broken).succeed()
    assert_same_outcome(broken, whole)
    assert not list(broken.glob("*.writing"))
