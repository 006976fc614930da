"""When a recurrent layer is one call of a library, and that it gives what the loop gives."""

import numpy as np
import pytest
from keras import ops

from nmt import backend
from nmt.backend import fused
from nmt.network.recurrent import CELLS

STEPS, BATCH, WIDTH, UNITS = 5, 3, 7, 4
under = {
    name: pytest.mark.skipif(name != backend.BACKEND, reason=f"for {name}; tests/test_backends.py runs it there")
    for name in ("jax", "torch")
}


@pytest.mark.parametrize(
    ("name", "gpu", "devices", "cell", "steps", "dtype", "expected"),
    [
        ("tensorflow", True, 1, "lstm", 5, "float32", False),
        ("torch", False, 1, "lstm", 5, "float32", True),
        ("torch", True, 1, "gru", 5, "float32", True),
        ("torch", True, 1, "simple_rnn", 5, "float32", True),
        ("torch", True, 1, "lstm", 1, "float32", False),
        ("torch", True, 1, "lstm", 5, "bfloat16", False),
        ("jax", True, 1, "lstm", 5, "float32", True),
        ("jax", False, 1, "lstm", 5, "float32", False),
        ("jax", True, 2, "lstm", 5, "float32", False),
        ("jax", True, 1, "gru", 5, "float32", False),
        ("jax", True, 1, "simple_rnn", 5, "float32", False),
        ("jax", True, 1, "lstm", 1, "float32", False),
        ("jax", True, 1, "lstm", None, "float32", False),
        ("jax", True, 1, "lstm", 5, "float16", False),
    ],
)
def test_the_choice(monkeypatch, name, gpu, devices, cell, steps, dtype, expected):
    monkeypatch.setattr(fused, "BACKEND", name)
    monkeypatch.setattr(fused, "_on_gpu", lambda: gpu)
    monkeypatch.setattr(fused.processes, "num_devices", lambda: devices)
    assert (fused.chosen(cell, steps, dtype) is not None) == expected


def random(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def layer_and_arguments(cell):
    rng = np.random.default_rng(6)
    layer = CELLS[cell](UNITS)
    layer.build((None, None, WIDTH))
    layer.set_weights([random(rng, *w.shape) for w in layer.weights])
    state = tuple(ops.convert_to_tensor(random(rng, BATCH, UNITS)) for _ in range(layer.NUM_STATES))
    return layer, ops.convert_to_tensor(random(rng, BATCH, STEPS, WIDTH)), state


def counted(monkeypatch, place, name, instead=None):
    """The calls of a function from now on."""
    calls, original = [], instead or getattr(place, name)

    def noting(*arguments, **options):
        calls.append(name)
        return original(*arguments, **options)

    monkeypatch.setattr(place, name, noting)
    return calls


@under["torch"]
@pytest.mark.parametrize("cell", CELLS)
def test_under_torch_it_has_outputs_and_gradients_of_the_loop(monkeypatch, cell):
    import torch

    layer, inputs, state = layer_and_arguments(cell)

    def everything():
        for variable in layer.trainable_variables:
            variable.value.grad = None
        with torch.enable_grad():
            taped = inputs.detach().clone().requires_grad_()
            outputs, after = layer(taped, state)
            (sum((part**2).sum() for part in after) + (outputs**3).sum()).backward()
        gradients = [variable.value.grad for variable in layer.trainable_variables]
        return [one.detach().cpu().numpy().copy() for one in (outputs, *after, taped.grad, *gradients)]

    calls = counted(monkeypatch, torch, {"lstm": "lstm", "gru": "gru", "simple_rnn": "rnn_tanh"}[cell])
    found = everything()
    assert len(calls) == 1
    monkeypatch.setattr(fused, "chosen", lambda *what: None)
    expected = everything()
    assert len(calls) == 1
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@under["jax"]
def test_under_jax_the_call_to_cudnn_means_what_the_loop_does(monkeypatch):
    """On JAX's own description of what cuDNN does, since there need be no graphics processor here."""
    from jax.experimental import rnn

    def described(x, h, c, weights, lengths, *, input_size, hidden_size, num_layers, dropout, bidirectional):
        sizes = (input_size, hidden_size, num_layers)
        parts = rnn.unpack_lstm_weights(weights, *sizes, bidirectional)
        return rnn.lstm_ref(x, h, c, *parts, lengths, *sizes, dropout, bidirectional)

    layer, inputs, state = layer_and_arguments("lstm")
    expected, expected_state = layer(inputs, state)
    monkeypatch.setattr(fused, "_on_gpu", lambda: True)
    calls = counted(monkeypatch, rnn, "lstm", described)
    found, found_state = layer(inputs, state)
    assert len(calls) == 1
    for one, other in zip((found, *found_state), (expected, *expected_state), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
