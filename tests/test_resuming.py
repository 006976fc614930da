"""Deterministic runs: killed at any moment and started again, they end with the same weights to the last bit."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
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
# TensorFlow takes seconds to be imported; here that is done once, before it starts any work, and each run is a process
# of its own from there on. A line in is a command line; a line out is the process, then another one its end.
SERVER = """
import json, os, sys
import nmt.training.trainer
from nmt.cli import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        log = os.open(os.path.join(os.getcwd(), "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os._exit(main(json.loads(line)))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Server:
    """Starts `nmt` with these arguments, and waits for its end."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, *arguments):
        self.process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        return int(self.process.stdout.readline())


@pytest.fixture
def server(tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    made = Server(tmp_path)
    yield made
    made.process.stdin.close()
    made.process.wait(timeout=60)
    made.process.stdout.close()


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
        if os.path.exists(f"/proc/{child}") is False:
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
def test_kills_at_random_moments_leave_the_weights_as_they_would_be(server, recipe, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    log = tmp_path / "log"
    server.start("train", recipe, "--output", whole)
    assert server.end() == 0, log.read_text(encoding="utf-8")
    rng = random.Random(int(os.environ.get("NMT_TEST_SEED", "7")))
    for number in range(NUM_KILLS):
        child = server.start("train", recipe, "--output", broken)
        if number % 2:  # most of the time goes into starting; every other kill comes after a round
            assert wait_for_checkpoint(broken / "checkpoint.npz", child), f"it ended before kill {number}"
            time.sleep(rng.uniform(0, 0.5))
        else:
            time.sleep(rng.uniform(0, 6))
        os.kill(child, signal.SIGKILL)
        assert server.end() == -signal.SIGKILL, f"it ended before kill {number}"
    server.start("train", recipe, "--output", broken)
    assert server.end() == 0, log.read_text(encoding="utf-8")
    assert_same_outcome(broken, whole)
    assert not list(broken.glob("*.writing"))
