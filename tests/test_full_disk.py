"""A disk that is full: one clear line, and what was written before stays as it was.

A limit on the size of files stands for the disk: a write beyond it fails as one on a full disk does.
"""

import contextlib

import numpy as np
import pytest

from nmt import bundle
from nmt.bundle import BundleConfig
from nmt.config import ModelConfig
from nmt.errors import BundleError, TrainingError
from nmt.training.checkpoint import load_arrays, save_arrays
from nmt.training.run_folder import kept_tokenizers, write_whole

resource = pytest.importorskip("resource", reason="needs limits on file sizes")
ROOM = 20_000  # bytes


@contextlib.contextmanager
def full_disk():
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noise(size):
    return np.random.default_rng(size).normal(size=size).astype("float32")


def test_a_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_arrays(path, {"0000": noise(100)})
    with (
        full_disk(),
        pytest.raises(TrainingError, match=r"cannot write .*checkpoint\.npz: .*same command again") as error,
    ):
        save_arrays(path, {"0000": noise(ROOM)})
    assert "\n" not in str(error.value)
    np.testing.assert_array_equal(load_arrays(path)["0000"], noise(100))
    assert list(tmp_path.iterdir()) == [path], "what was begun does not take the space that is missing"
    save_arrays(path, {"0000": noise(ROOM)})
    np.testing.assert_array_equal(load_arrays(path)["0000"], noise(ROOM))


def test_the_log(tmp_path):
    path = tmp_path / "log.csv"
    write_whole(path, "update\n5\n")
    with full_disk(), pytest.raises(TrainingError, match=r"cannot write .*log\.csv: "):
        write_whole(path, "update\n" + "5\n" * ROOM)
    assert path.read_text(encoding="utf-8") == "update\n5\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_tokenizers(tmp_path, tokenizers):
    assert len(tokenizers[0].model) > ROOM
    with full_disk(), pytest.raises(TrainingError, match=r"cannot write .*source\.model: "):
        kept_tokenizers(tmp_path, lambda: tokenizers)
    assert not list(tmp_path.iterdir())
    assert kept_tokenizers(tmp_path, lambda: tokenizers)[0].vocab_size == tokenizers[0].vocab_size


@pytest.mark.parametrize("what", ["weights", "file"])
def test_the_bundle(tmp_path, what):
    def write(size):
        weights = {"table": noise(size if what == "weights" else 10)}
        files = {"source.model": bytes(size if what == "file" else 10)}
        bundle.write(tmp_path / "bundle", BundleConfig("tiny", "en", "ja", ModelConfig()), files, weights, "# tiny\n")

    write(20)
    before = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    with full_disk(), pytest.raises(BundleError, match=r"cannot write .*bundle: .*same command again") as error:
        write(2 * ROOM)
    assert "\n" not in str(error.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_curves(tmp_path):
    from nmt import backend

    if not backend.uses_tensorflow():
        pytest.skip("only TensorFlow writes them")
    (curves,) = backend.curves(tmp_path / "tensorboard")
    model = backend.keras.Sequential()
    model.compile("sgd", "mse")
    curves.set_model(model)
    with (
        full_disk(),
        pytest.raises(TrainingError, match=r"cannot write the curves in .*tensorboard: File too") as error,
    ):
        for epoch in range(ROOM // 30):
            curves.on_epoch_end(epoch, {"loss": 1.0})
    assert "\n" not in str(error.value)
