"""Updates from several batches, and from the halves of one that does not fit in memory: those of the joint batch."""

import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from nmt import backend
from nmt.config import ModelConfig
from nmt.errors import TrainingError
from nmt.network.model import TranslationModel
from nmt.training.updates import Updates, install

SIZES = ModelConfig(
    source_vocab_size=30,
    target_vocab_size=30,
    embedding_dim=8,
    encoder_layers=1,
    encoder_units=6,
    decoder_layers=1,
    decoder_units=12,
    attention_dim=8,
    dropout=0.0,
    word_dropout=0.0,
    weight_drop=0.0,
)


def make_batch(rng, rows, source, target):
    """Sentences of mixed lengths, so that batches of as many rows have different numbers of tokens."""
    batch = {"source": rng.integers(4, 30, (rows, source)), "labels": rng.integers(4, 30, (rows, target))}
    for values in batch.values():
        for row in values[1:]:
            row[rng.integers(1, values.shape[1] + 1) :] = 0
    batch["target"] = np.concatenate([np.full((rows, 1), 2), batch["labels"][:, :-1]], axis=1)
    return {name: values.astype("int32") for name, values in batch.items()}


def joint(batches):
    """All rows in one batch, filled up to the longest."""
    width = {name: max(batch[name].shape[1] for batch in batches) for name in batches[0]}
    return {
        name: np.concatenate([np.pad(b[name], ((0, 0), (0, width[name] - b[name].shape[1]))) for b in batches])
        for name in width
    }


# ---------------------------------------------------------------- by arithmetic


class Arithmetic:
    """Steps of a network with one weight, whose gradient is the mean of the labels; it holds so many cells at most."""

    def __init__(self, room=10**9):
        self.room, self.applied, self.tried, self.num_whole = room, [], [], 0

    def whole(self, batch):
        gradients = self.gradients(batch, 1.0)
        self.num_whole += 1
        return self.apply(gradients)

    def gradients(self, batch, share):
        x, y = batch
        self.tried.append(x["source"].size + x["target"].size)
        if self.tried[-1] > self.room:
            raise MemoryError
        return [share * y.sum() / np.count_nonzero(y)]

    def apply(self, gradients):
        self.applied.append(gradients[0])
        return {}

    def is_out_of_memory(self, error):
        return isinstance(error, MemoryError)


def as_fed(batch):
    return {name: batch[name] for name in ("source", "target", "labels")}, batch["labels"]


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(20, 200))
def test_however_it_is_cut_the_gradient_is_that_of_all_tokens(seed, count, room):
    rng = np.random.default_rng(seed)
    batches = [make_batch(rng, *rng.integers((1, 1, 1), (12, 9, 9))) for _ in range(count)]
    steps, lines = Arithmetic(room), []
    Updates(steps, lines.append)([as_fed(batch) for batch in batches])
    labels = np.concatenate([batch["labels"].ravel() for batch in batches])
    (gradient,) = steps.applied
    assert gradient == pytest.approx(labels.sum() / np.count_nonzero(labels))
    assert bool(lines) == (max(steps.tried) > room)


def test_a_size_that_did_not_fit_is_not_tried_again():
    rng, steps, lines = np.random.default_rng(1), Arithmetic(room=50), []
    update = Updates(steps, lines.append)
    large, small = (as_fed(make_batch(rng, rows, 5, 5)) for rows in (8, 4))
    update([large])
    assert steps.tried == [80, 40, 40]
    for _ in range(3):
        update([large])
    assert steps.tried[3:] == [40, 40] * 3
    update([small])
    assert steps.num_whole == 1, "smaller ones are updates as ever"
    (line,) = lines
    assert line.startswith("a batch of 8 pairs of up to 5 source and 5 target tokens does not fit in memory")
    assert "\n" not in line


def test_rows_that_fill_a_batch_up_are_passed_over():
    """Under JAX there are rows without labels; the mean loss of a half without any would be no number."""
    batch = make_batch(np.random.default_rng(2), 8, 4, 4)
    batch["labels"][2:] = 0
    steps = Arithmetic(room=20)
    Updates(steps, lambda line: None)([as_fed(batch)])
    assert steps.applied[0] == pytest.approx(batch["labels"].sum() / np.count_nonzero(batch["labels"]))


def test_a_pair_that_does_not_fit_ends_the_run():
    batch = as_fed(make_batch(np.random.default_rng(3), 3, 7, 6))
    with pytest.raises(
        TrainingError, match=r"a single pair of 7 source and 6 target tokens.*lower \[data\] max_tokens"
    ):
        Updates(Arithmetic(room=12), lambda line: None)([batch])


def test_other_errors_go_through():
    class Broken(Arithmetic):
        def whole(self, batch):
            raise ZeroDivisionError

        gradients = None

    with pytest.raises(ZeroDivisionError):
        Updates(Broken(), lambda line: None)([as_fed(make_batch(np.random.default_rng(4), 3, 3, 3))])


# ---------------------------------------------------------------- by a network


class OutOfMemory(Exception):
    """Stands for what a backend raises."""


def make_model(accumulate=1, sizes=SIZES, shards=1, lines=None):
    keras.utils.set_random_seed(1)
    model = TranslationModel(sizes, label_smoothing=0.1, shards=shards)
    optimizer = backend.adam(1e-2, beta_2=0.98, global_clipnorm=1.0, use_ema=True, ema_momentum=0.8)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=backend.compiles_updates())
    install(model, accumulate, (lines if lines is not None else []).append)
    return model


def trained(model, batches, accumulate=1):
    """All that training has changed, and the losses."""
    losses = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(float(logs["loss"])))
    model.fit(backend.feed(batches), steps_per_epoch=len(batches), epochs=1, shuffle=False, verbose=0, callbacks=[note])
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    variables = [v for v in [*model.variables, *model.optimizer.variables] if id(v) not in metrics]
    assert len(losses) == len(batches) // accumulate
    return {f"{k} {v.path}": ops.convert_to_numpy(ops.convert_to_tensor(v)) for k, v in enumerate(variables)}, losses


def assert_close(one, other):
    # Adam divides by the size of the gradient, so where that is all rounding (and processors round differently) weights
    # may part by some of a step, which is 1e-2 here; other gradients would part them by much of one.
    for (name, a), b in zip(one.items(), other.values(), strict=True):
        moment = "momentum" in name or "velocity" in name
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6 if moment else 2e-5, err_msg=name)


@pytest.fixture(scope="module")
def batches():
    rng = np.random.default_rng(5)
    return [make_batch(rng, *shape) for shape in [(6, 5, 7), (2, 9, 4), (8, 3, 3), (4, 6, 6), (3, 3, 8), (9, 4, 5)]]


@pytest.fixture(scope="module")
def on_joint_batches(batches):
    return trained(make_model(), [joint(batches[:3]), joint(batches[3:])])


def test_accumulated_updates_are_those_of_the_joint_batches(batches, on_joint_batches):
    weights, losses = trained(make_model(accumulate=3, shards=2), batches, accumulate=3)
    assert_close(on_joint_batches[0], weights)
    assert losses == pytest.approx(on_joint_batches[1], rel=1e-5)


def test_each_token_counts_alike_in_the_loss_that_is_logged():
    """However many rows its batch has, and however many rows fill it up."""
    rng = np.random.default_rng(6)
    batches = [make_batch(rng, 9, 3, 3), make_batch(rng, 2, 5, 12)]
    batches[1]["labels"][:] = 5
    model = make_model(sizes=dataclasses.replace(SIZES, dropout=0.0, word_dropout=0.0, weight_drop=0.0))
    means, counts = [], []
    for batch in batches:
        logits = model({name: batch[name] for name in ("source", "target")}, training=True)
        means.append(float(ops.convert_to_numpy(model.compute_loss(batch, batch["labels"], logits))))
        counts.append(np.count_nonzero(batch["labels"]))
    model.optimizer.learning_rate = 0.0
    _, losses = trained(model, batches)
    assert losses[0] == pytest.approx(means[0], rel=1e-4)
    assert losses[-1] == pytest.approx(np.average(means, weights=counts), rel=1e-4)
    rows = [len(batch["labels"]) for batch in batches]
    assert losses[-1] != pytest.approx(np.average(means, weights=rows), rel=1e-4), "else it would show nothing"


def test_halves_make_the_update_of_the_whole(batches, on_joint_batches, monkeypatch):
    """With memory for 100 cells, of which the joint batches have more than twice as many."""
    lines, tried = [], []
    steps_of = backend.steps

    def with_little_memory(model):
        steps = steps_of(model)
        for name in ("whole", "gradients"):
            monkeypatch.setattr(steps, name, limited(getattr(steps, name)))
        monkeypatch.setattr(steps, "is_out_of_memory", lambda error: isinstance(error, OutOfMemory))
        return steps

    def limited(step):
        def run(batch, *rest):
            cells = batch[0]["source"].shape[0] * (batch[0]["source"].shape[1] + batch[0]["target"].shape[1])
            tried.append(cells)
            if cells > 100:
                raise OutOfMemory
            return step(batch, *rest)

        return run

    monkeypatch.setattr(backend, "steps", with_little_memory)
    weights, losses = trained(make_model(lines=lines), [joint(batches[:3]), joint(batches[3:])])
    assert_close(on_joint_batches[0], weights)
    assert losses == pytest.approx(on_joint_batches[1], rel=1e-4)
    assert max(tried) > 200 and len(lines) == len([cells for cells in tried if cells > 100])


def test_the_backends_own_error_is_known_and_leaves_the_noise_as_it_was(batches):
    """A network with dropout, whose seeds a step in vain must not move: else a resumed run would end elsewhere."""
    sizes = dataclasses.replace(SIZES, dropout=0.2, word_dropout=0.1)
    model = make_model(sizes=sizes)
    steps = backend.steps(model)
    if not hasattr(steps, "_with_seeds"):
        pytest.skip("under JAX a step in vain changes nothing at all")
    errors = {"tensorflow": lambda tf: tf.errors.ResourceExhaustedError(None, None, "no room"), "torch": None}
    make = errors[keras.backend.backend()]
    error = make(pytest.importorskip("tensorflow")) if make else pytest.importorskip("torch").OutOfMemoryError()
    assert steps.is_out_of_memory(error) and not steps.is_out_of_memory(ValueError())
    seeds = [v for v in model.variables if "seed_generator_state" in v.path]
    assert seeds
    before = [ops.convert_to_numpy(ops.convert_to_tensor(seed)).copy() for seed in seeds]

    def fail():
        for seed in seeds:
            seed.assign(seed + 1)
        raise error

    with pytest.raises(type(error)):
        steps._with_seeds(fail)
    for seed, value in zip(seeds, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(ops.convert_to_tensor(seed)), value)


def test_the_way_to_an_update_changes_none_of_its_numbers(batches):
    """Without accumulation it is Keras's own step, noise included."""
    sizes = dataclasses.replace(SIZES, dropout=0.2, word_dropout=0.1)
    model = make_model(sizes=sizes)
    model.make_train_function(force=True)
    plain, losses = trained(model, batches[:4])
    found, others = trained(make_model(sizes=sizes), batches[:4])
    assert_close(plain, found)
    assert losses == pytest.approx(others, rel=1e-5)


def test_deterministic_operations_are_for_a_run_and_not_for_ever():
    if not backend.uses_tensorflow():
        pytest.skip("the other backends are asked otherwise")
    config = pytest.importorskip("tensorflow.python.framework.config")
    with pytest.raises(KeyboardInterrupt), backend.deterministic():
        assert config.is_op_determinism_enabled()
        raise KeyboardInterrupt
    assert not config.is_op_determinism_enabled()
