"""Checkpoints: all that the next update depends on, in a file that is never half written."""

import dataclasses
import errno
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from nmt.config import ModelConfig
from nmt.errors import TrainingError
from nmt.network.model import TranslationModel
from nmt.training import checkpoint
from nmt.training.checkpoint import Progress, load_arrays, load_checkpoint, save_arrays, save_checkpoint

SIZES = ModelConfig(
    source_vocab_size=30,
    target_vocab_size=30,
    embedding_dim=8,
    encoder_layers=1,
    encoder_units=6,
    decoder_layers=1,
    decoder_units=12,
    attention_dim=8,
    dropout=0.2,
    word_dropout=0.2,
    weight_drop=0.2,
)
PROGRESS = Progress(7, 1.5, 12.25, 5, 2, [{"update": 7, "hours": 0.1, "loss": 3.5, "dev chrF": 12.25}])


def make_model(seed=1, ema=0.9, sizes=SIZES):
    keras.utils.set_random_seed(seed)
    model = TranslationModel(sizes)
    optimizer = keras.optimizers.Adam(1e-2, use_ema=ema > 0, ema_momentum=ema)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, run_eagerly=True)
    return model


def update(model, number):
    rng = np.random.default_rng(number)
    source, target = rng.integers(4, 30, (2, 3, 5)).astype("int32")
    model.train_on_batch({"source": source, "target": target, "labels": target}, target)


def state(model):
    """Everything that the model and its optimizer hold, in one order whatever Keras called it this time."""
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    variables = [v for v in [*model.variables, *model.optimizer.variables] if id(v) not in metrics]
    return {f"{k} {v.path}": ops.convert_to_numpy(ops.convert_to_tensor(v)) for k, v in enumerate(variables)}


def assert_equal(one, other):
    for (name, a), b in zip(one.items(), other.values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.fixture(scope="module")
def trained():
    model = make_model()
    for number in range(3):
        update(model, number)
    return model


def test_everything_comes_back_bit_for_bit(trained, tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, trained, PROGRESS)
    fresh = make_model(seed=2)
    before = state(fresh)
    assert load_checkpoint(path, fresh) == PROGRESS
    assert_equal(state(trained), state(fresh))
    # Each kind of state was another one before, so that the comparison means something.
    for kind in ("table", "seed_generator_state", "momentum", "velocity", "average", "iteration"):
        changed = [name for name, value in state(fresh).items() if not np.array_equal(value, before[name])]
        assert any(kind in name for name in changed), kind


def test_the_next_updates_are_the_same(trained, tmp_path):
    """The noise included: a seed that was not restored would show here."""
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, trained, PROGRESS)
    runs = []
    for seed in (2, 3):
        model = make_model(seed)
        load_checkpoint(path, model)
        for number in (3, 4):
            update(model, number)
        runs.append(state(model))
    assert_equal(*runs)
    assert any(not np.array_equal(a, b) for a, b in zip(state(trained).values(), runs[0].values(), strict=True))


def test_no_file_is_no_progress(tmp_path):
    assert load_checkpoint(tmp_path / "checkpoint.npz", make_model()) is None


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_named(trained, tmp_path, share):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, trained, PROGRESS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(TrainingError, match=r"cannot read .*checkpoint\.npz"):
        load_checkpoint(path, make_model())


def test_a_changed_byte_is_noticed(trained, tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, trained, PROGRESS)
    content = bytearray(path.read_bytes())
    content[content.index(b"\x93NUMPY") + 200] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="cannot read"):
        load_checkpoint(path, make_model())


@pytest.mark.parametrize(
    ("ema", "sizes"),
    [
        (0.9, dataclasses.replace(SIZES, decoder_units=16)),
        (0.9, dataclasses.replace(SIZES, target_vocab_size=31)),
        (0.9, dataclasses.replace(SIZES, encoder_layers=2)),
        (0.0, SIZES),
    ],
    ids=["wider", "vocabulary", "deeper", "no average"],
)
def test_a_file_of_another_network_is_refused(trained, tmp_path, ema, sizes):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, trained, PROGRESS)
    other = make_model(ema=ema, sizes=sizes)
    before = state(other)
    with pytest.raises(TrainingError, match=r"checkpoint\.npz is of another network"):
        load_checkpoint(path, other)
    assert_equal(before, state(other))


def test_arrays_under_other_names_are_refused(trained, tmp_path):
    path = tmp_path / "checkpoint.npz"
    arrays = [np.zeros(1)] * (len(state(trained)) + 1)
    save_arrays(path, {f"other {k}": value for k, value in enumerate(arrays)})
    with pytest.raises(TrainingError, match="of another network"):
        load_checkpoint(path, trained)


def full_disk(file, **arrays):
    file.write(b"PK\x03\x04" + b"\0" * 1000)
    file.flush()
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_file_whole(trained, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, trained, PROGRESS)
    content = path.read_bytes()
    monkeypatch.setattr(checkpoint.np, "savez", full_disk)
    with pytest.raises(TrainingError, match=r"cannot write .*checkpoint\.npz: No space left on device"):
        save_checkpoint(path, make_model(seed=2), Progress(8))
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path], "what was begun does not take the space that is missing"


def test_what_a_kill_left_behind_is_ignored(trained, tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, trained, PROGRESS)
    half = path.with_suffix(".writing")
    half.write_bytes(path.read_bytes()[:1000])
    assert load_checkpoint(path, make_model()) == PROGRESS
    save_checkpoint(path, trained, Progress(9))
    assert load_checkpoint(path, make_model()) == Progress(9)
    assert not half.exists()


def test_a_missing_folder_is_an_error_of_ours(tmp_path):
    with pytest.raises(TrainingError, match="cannot write"):
        save_arrays(tmp_path / "nowhere" / "best.npz", {"a": np.zeros(3)})


def test_arrays_come_back_by_name(tmp_path):
    arrays = {"encoder_0/forward/kernel": np.arange(6, dtype="float32").reshape(2, 3), "bias": np.zeros(0)}
    save_arrays(Path(tmp_path) / "best.npz", arrays)
    loaded = load_arrays(tmp_path / "best.npz")
    assert loaded.keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(loaded[name], values)
        assert loaded[name].dtype == values.dtype


def test_progress_counts_rounds_without_gain():
    progress = Progress()
    gains = []
    for score in (5.0, 7.0, 7.0, 6.0, 7.5):
        progress.update += 10
        progress.seconds += 2.0
        progress.record(3.0, {"chrF": score}, 100.0)
        gains.append(progress.rounds_without_gain)
    assert gains == [0, 0, 1, 2, 0]
    assert (progress.best_score, progress.best_update) == (7.5, 50)
    assert [row["update"] for row in progress.history] == [10, 20, 30, 40, 50]
    assert {row["target_tokens_per_second"] for row in progress.history} == {500.0}


def test_a_first_round_without_any_match_counts_as_the_best_so_far():
    progress = Progress(update=10)
    progress.record(9.0, {"chrF": 0.0}, 100.0)
    assert (progress.rounds_without_gain, progress.best_update) == (0, 10)
