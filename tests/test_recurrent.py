"""The recurrent layers: Keras's own numbers, and fast forms that are the plain ones."""

import keras
import numpy as np
import pytest
from keras import ops

from nmt import backend
from nmt.backend import portable
from nmt.network.recurrent import CELLS, Bidirectional

STEPS, BATCH, WIDTH, UNITS = 5, 3, 7, 4
KERAS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}
CELL = pytest.mark.parametrize("cell", CELLS)


def numpy(value):
    return ops.convert_to_numpy(value)


def random(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def made(cell, rng):
    """One of our layers with random weights, biases included."""
    layer = CELLS[cell](UNITS)
    layer.build((None, None, WIDTH))
    layer.set_weights([random(rng, *w.shape) for w in layer.weights])
    return layer


@CELL
def test_the_layer_is_that_of_keras(cell):
    rng = np.random.default_rng(6)
    ours, theirs = made(cell, rng), KERAS[cell](UNITS, return_sequences=True, return_state=True)
    inputs = random(rng, BATCH, STEPS, WIDTH)
    state = [random(rng, BATCH, UNITS) for _ in range(ours.NUM_STATES)]
    theirs(inputs)
    theirs.set_weights(ours.get_weights())
    expected, *expected_state = theirs(inputs, initial_state=state)
    outputs, after = ours(inputs, tuple(ops.convert_to_tensor(part) for part in state))
    np.testing.assert_allclose(numpy(outputs), numpy(expected), atol=1e-5)
    for one, other in zip(after, expected_state, strict=True):
        np.testing.assert_allclose(numpy(one), numpy(other), atol=1e-5)


@CELL
def test_without_a_state_it_starts_from_zeros(cell):
    layer = made(cell, np.random.default_rng(7))
    inputs = random(np.random.default_rng(8), BATCH, STEPS, WIDTH)
    zeros = (ops.zeros((BATCH, UNITS)),) * layer.NUM_STATES
    np.testing.assert_array_equal(numpy(layer(inputs)[0]), numpy(layer(inputs, zeros)[0]))


def scans(cell, rng):
    """The scan, its plain form, and random arguments: projected inputs, recurrent weights, state."""
    gates, states = CELLS[cell].NUM_GATES, CELLS[cell].NUM_STATES
    shapes = [(STEPS, BATCH, gates * UNITS), (UNITS, gates * UNITS), *[(gates * UNITS,)] * (cell == "gru")]

    def plain(projected, *others):
        weights, state = others[:-states], others[-states:]
        return portable.scan(getattr(portable, f"{cell}_cell"), projected, state, *weights)

    arguments = [random(rng, *shape) for shape in (*shapes, *[(BATCH, UNITS)] * states)]
    return getattr(backend, f"{cell}_scan"), plain, arguments


@CELL
@pytest.mark.skipif(not backend.uses_tensorflow(), reason="the other backends have one implementation")
def test_fast_and_portable_forms_agree_with_their_gradients(cell):
    import tensorflow as tf

    rng = np.random.default_rng(7)
    fast, plain, arguments = scans(cell, rng)
    arguments = [tf.constant(one) for one in arguments]
    weights = [random(rng, STEPS, BATCH, UNITS), *(random(rng, BATCH, UNITS) for _ in range(CELLS[cell].NUM_STATES))]

    def gradients(scan):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            outputs, state = scan(*arguments)
            total = sum(tf.reduce_sum(w * v) for w, v in zip(weights, (outputs, *state), strict=True))
        return [outputs, *state, *tape.gradient(total, arguments)]

    for one, other in zip(gradients(fast), gradients(plain), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@CELL
@pytest.mark.parametrize("steps", [1, STEPS])
def test_the_form_without_gradients_gives_the_same(cell, steps):
    fast, _, (projected, *others) = scans(cell, np.random.default_rng(9))
    arguments = [ops.convert_to_tensor(one) for one in (projected[:steps], *others)]
    expected, state = fast(*arguments)
    with backend.without_gradients():
        found, found_state = fast(*arguments)
    np.testing.assert_allclose(numpy(found), numpy(expected), atol=1e-6)
    for one, other in zip(found_state, state, strict=True):
        np.testing.assert_allclose(numpy(one), numpy(other), atol=1e-6)


@CELL
def test_weight_drop_acts_on_the_recurrence_in_training_only(cell):
    layer = CELLS[cell](UNITS, weight_drop=0.9)
    inputs = random(np.random.default_rng(3), BATCH, STEPS, WIDTH)
    layer.build(inputs.shape)
    quiet, noisy = numpy(layer(inputs)[0]), numpy(layer(inputs, training=True)[0])
    np.testing.assert_array_equal(quiet, numpy(layer(inputs)[0]))
    np.testing.assert_allclose(noisy[:, 0], quiet[:, 0], atol=1e-6, err_msg="the first step has no state yet")
    assert np.abs(noisy[:, 1:] - quiet[:, 1:]).max() > 1e-3


@CELL
def test_both_directions_start_at_their_own_end(cell):
    rng = np.random.default_rng(4)
    layer = Bidirectional(CELLS[cell], UNITS)
    inputs, lengths = random(rng, 2, STEPS, WIDTH), np.array([STEPS, 3], dtype="int32")
    layer.build(inputs.shape)
    both = numpy(layer(inputs, lengths))
    alone = numpy(layer(inputs[1:, :3], lengths[1:]))
    np.testing.assert_allclose(both[1, :3], alone[0], atol=1e-6)
    turned, _ = layer.backward_rnn(inputs[:1, ::-1].copy())
    np.testing.assert_allclose(both[0, :, UNITS:], numpy(turned)[0, ::-1], atol=1e-6)


def test_reversal_leaves_padding_on_the_right():
    values = np.arange(1, 11).reshape(2, 5, 1).astype("float32")
    turned = numpy(backend.reverse_by_length(values, np.array([5, 3], dtype="int32")))[..., 0]
    assert turned.tolist() == [[5, 4, 3, 2, 1], [8, 7, 6, 9, 10]]
