"""Training by several processes and on several devices: the weights are those of one."""

import csv
import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nmt import ConfigError, TrainingError, backend
from nmt.backend import processes as backend_processes
from nmt.cli import main
from nmt.training.parallel import Processes
from nmt.training.trainer import train

pytestmark = pytest.mark.usefixtures("compiled_once")
ROOT = Path(__file__).parent.parent
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")

# Noise of every kind: it must be the same, too. Few lengths, so that JAX compiles little.
RECIPE = """
name = "tiny"
source_language = "en"
target_language = "xx"
[data]
train = "train"
dev = "dev"
source_vocab_size = 60
target_vocab_size = 60
[model]
embedding_dim = 8
encoder_layers = 1
encoder_units = 6
decoder_layers = 1
decoder_units = 12
attention_dim = 8
dropout = 0.1
word_dropout = 0.1
weight_drop = 0.1
[training]
batch_tokens = 60
updates = 12
updates_per_round = 4
warmup_updates = 4
learning_rate = 1e-2
ema = 0.8
dev_sentences = 4
precision = "float32"
[search]
beam_size = 1
max_length_extra = 2
"""


def write_data(folder):
    """A hundred pairs of three words, and a recipe."""
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    rng = np.random.default_rng(1)
    rows = [[words[k] for k in rng.integers(0, 10, 3)] for _ in range(100)]
    for name, part in (("dev", rows[:4]), ("train", rows[4:])):
        for code, order in (("en", 1), ("xx", -1)):
            lines = [" ".join(row[::order]) for row in part]
            (folder / f"{name}.{code}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "tiny.toml"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(recipe, run, *flags, **variables):
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]]),
        **variables,
    }
    command = [sys.executable, "-m", "nmt", "train", str(recipe), "--out", str(run), *map(str, flags)]
    with (run.parent / f"{run.name}.log").open("ab") as log:
        return subprocess.Popen(command, env=environment, cwd=run.parent, stdout=log, stderr=subprocess.STDOUT)


def start_two(recipe, folder):
    """The two processes of a run, each told a folder of its own."""
    meeting = ("--processes", 2, "--coordinator", f"127.0.0.1:{free_port()}")
    return [start(recipe, folder / f"run{k}", *meeting, "--process", k) for k in range(2)]


def wait(processes, folder):
    try:
        done = [process.wait(timeout=600) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    said = "\n".join(path.read_text(encoding="utf-8", errors="replace")[-3000:] for path in folder.glob("*.log"))
    assert not any(done), said


def wait_for(path, processes):
    until = time.monotonic() + 600  # other work on the machine can make it wait long
    while not path.exists() and time.monotonic() < until:
        assert all(process.poll() is None for process in processes), f"one ended before there was a {path.name}"
        time.sleep(0.05)
    assert path.exists(), f"no {path.name} in ten minutes"


def losses(run):
    with (run / "log.csv").open(newline="", encoding="utf-8") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def assert_same_training(run, expected):
    assert len(losses(expected)) == 3
    np.testing.assert_allclose(losses(run), losses(expected), atol=1e-3)
    with np.load(run / "checkpoint.npz") as found, np.load(expected / "checkpoint.npz") as wanted:
        assert sorted(found.files) == sorted(wanted.files)
        for name in set(found.files) - {"progress"}:
            np.testing.assert_allclose(found[name], wanted[name], atol=2e-4, err_msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The recipe, and the run of one process with one device."""
    folder = tmp_path_factory.mktemp("alone")
    recipe = write_data(folder)
    wait([start(recipe, folder / "run")], folder)
    return recipe, folder / "run"


@pytest.fixture(scope="module")
def forsaken(tmp_path_factory):
    """One of two processes, and its folder, after the other was killed. It takes JAX minutes to notice that: other
    tests run meanwhile."""
    folder = tmp_path_factory.mktemp("forsaken")
    recipe = write_data(folder)
    endless = recipe.read_text(encoding="utf-8").replace("updates = 12", "updates = 1_000_000")
    recipe.write_text(endless, encoding="utf-8")
    pair = start_two(recipe, folder)
    try:
        wait_for(folder / "run0" / "checkpoint.npz", pair)
        pair[1].kill()
        yield pair[0], folder
    finally:
        for process in pair:
            process.kill()
            process.wait()


@needs_jax
@pytest.mark.slow
@pytest.mark.usefixtures("forsaken")
def test_two_processes_killed_and_started_again_give_the_weights_of_one(alone, tmp_path):
    recipe, expected = alone
    processes = start_two(recipe, tmp_path)
    wait_for(tmp_path / "run0" / "checkpoint.npz", processes)
    for process in processes:
        process.kill()
        process.wait()
    with np.load(tmp_path / "run0" / "checkpoint.npz") as saved:
        assert '"update": 12' not in str(saved["progress"]), "the run was over before it was killed"
    wait(start_two(recipe, tmp_path), tmp_path)
    assert_same_training(tmp_path / "run0", expected)
    assert (tmp_path / "run0" / "bundle" / "config.json").exists()
    assert not (tmp_path / "run1").exists(), "only the first process writes"
    assert "The model is in" in (tmp_path / "run0.log").read_text(encoding="utf-8", errors="replace")
    assert "The model is in" not in (tmp_path / "run1.log").read_text(encoding="utf-8", errors="replace")


@needs_jax
@pytest.mark.slow
def test_two_devices_of_one_process_give_the_weights_of_one(alone, tmp_path):
    recipe, expected = alone
    wait([start(recipe, tmp_path / "run", XLA_FLAGS="--xla_force_host_platform_device_count=2")], tmp_path)
    assert_same_training(tmp_path / "run", expected)


@needs_jax
@pytest.mark.slow
def test_other_text_in_one_process_is_said_by_both(alone, tmp_path):
    recipe, _ = alone
    other = tmp_path / "other"
    other.mkdir()
    changed = write_data(other)
    (other / "train.en").write_text((other / "train.en").read_text(encoding="utf-8").replace("one", "won"), "utf-8")
    meeting = ("--processes", 2, "--coordinator", f"127.0.0.1:{free_port()}")
    pair = [start(path, tmp_path / f"run{k}", *meeting, "--process", k) for k, path in enumerate((recipe, changed))]
    try:
        assert [process.wait(timeout=300) for process in pair] == [1, 1]
    finally:
        for process in pair:
            process.kill()
            process.wait()
    for k in range(2):
        said = (tmp_path / f"run{k}.log").read_text(encoding="utf-8", errors="replace")
        assert "nmt: error: process 1 of 2 has another recipe, or other train or dev text, than process 0" in said
        assert "Traceback" not in said


@needs_jax
@pytest.mark.slow
def test_where_one_ends_the_other_says_so_and_ends(forsaken):
    process, folder = forsaken
    assert process.wait(timeout=200) != 0
    said = (folder / "run0.log").read_text(encoding="utf-8", errors="replace")
    assert "nmt: error: another process has ended or cannot be reached" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0,), "number of processes must be at least 1, not 0"),
        ((2, 2, "host:7800"), "one's number is 0 to 1, not 2"),
        ((2, -1, "host:7800"), "one's number is 0 to 1, not -1"),
        ((1, 1), "one's number is 0 to 0, not 1"),
        ((2, 0), "need the coordinator as HOST:PORT"),
        ((2, 0, "host"), 'HOST:PORT, such as localhost:7800, not "host"'),
    ],
)
def test_processes_that_cannot_be_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Processes(*values)


def test_the_command_says_so_in_one_line(tmp_path, capsys):
    assert main(["train", str(write_data(tmp_path)), "--processes", "2"]) == 1
    assert capsys.readouterr().err.startswith("nmt: error: 2 processes need the coordinator as HOST:PORT")


@pytest.mark.skipif(not backend.uses_tensorflow(), reason="JAX does train on several processes")
def test_other_backends_refuse_several_processes(tmp_path):
    with pytest.raises(TrainingError, match="under JAX only: set KERAS_BACKEND=jax"):
        train(write_data(tmp_path), output=tmp_path / "run", processes=Processes(2, 0, "localhost:7800"))
    assert not (tmp_path / "run").exists()


def test_a_coordinator_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(backend_processes, "_MEETING", 0.1)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(TrainingError, match=f"process 0 does not answer at {address} .*start it"):
        backend_processes.wait_for(address)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        backend_processes.wait_for(f"127.0.0.1:{listening.getsockname()[1]}")


def test_alone_everything_stays_as_it_is():
    assert backend_processes.count() == backend_processes.num_devices() == 1
    assert backend_processes.is_first()
    assert backend_processes.number_of_first(0.1) == 0.1
    assert backend_processes.from_first(b"abc") == b"abc"
    assert backend_processes.all_of(b"abc") == [b"abc"]
    rows = np.arange(6)
    assert backend_processes.own_rows(rows) is rows
    backend_processes.leave()
