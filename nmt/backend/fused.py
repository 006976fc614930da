"""Whole recurrent layers in one call of a library: cuDNN on a graphics processor, torch's own on other ones.

Under torch always, and torch calls cuDNN where the layer is on a graphics processor. Under JAX for LSTMs on a single
graphics processor: `jax.experimental.rnn` has no other cell, and its call to cuDNN cannot be divided among devices.
Under TensorFlow never: the loops there are as fast on a processor. A layer of one step, as in search, is a plain
product; and in half precision the libraries would keep the state in it, too. Both go the other way.

Keras's layers of the same kinds would not do: they leave this path where there is a mask or dropout on the recurrence.
Here padding is on the right without a mask, and what is dropped are entries of the kernel, which is an argument.
"""

from collections.abc import Callable
from typing import Any

import keras

from nmt.backend import processes

Tensor = Any
State = tuple[Tensor, ...]
Run = Callable[[Tensor, Tensor, Tensor, Tensor, State], tuple[Tensor, State]]

BACKEND = keras.backend.backend()
if BACKEND == "torch":
    import torch
elif BACKEND == "jax":
    import jax.numpy as jnp
    from jax.experimental import rnn

    from nmt.backend.jax import has_gpu


def chosen(cell: str, num_steps: int | None, dtype: str) -> Run | None:
    """What runs such a layer in one call; None where there is nothing for it.

    Args:
        cell: as `ModelConfig.cell` has it.
        num_steps: None where it is not known.
        dtype: of the products.

    Returns:
        A function of inputs (T, B, D), kernel (D, G·H), recurrent kernel (H, G·H), bias and state before; it returns
        the outputs (T, B, H) and the state after.
    """
    if num_steps is None or num_steps == 1 or dtype != "float32":
        return None
    if BACKEND == "torch":
        return _TORCH[cell]
    if BACKEND == "jax" and cell == "lstm" and _on_gpu() and processes.num_devices() == 1:
        return _jax_lstm
    return None


def _on_gpu() -> bool:
    return has_gpu()


# ---------------------------------------------------------------- JAX


def _jax_lstm(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State
) -> tuple[Tensor, State]:
    steps, rows, width = inputs.shape
    parts = kernel.T, recurrent_kernel.T, bias, jnp.zeros_like(bias)  # cuDNN adds two biases
    outputs, *after = rnn.lstm(
        jnp.swapaxes(inputs, 0, 1),
        *(part[None] for part in state),
        jnp.concatenate([part.ravel() for part in parts]),
        jnp.full((rows,), steps, dtype="int32"),
        input_size=width,
        hidden_size=recurrent_kernel.shape[0],
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    return jnp.swapaxes(outputs, 0, 1), tuple(part[0] for part in after)


# ---------------------------------------------------------------- torch


def _torch_lstm(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State
) -> tuple[Tensor, State]:
    weights = [kernel.T, recurrent_kernel.T, bias, torch.zeros_like(bias)]
    outputs, *after = torch.lstm(inputs, tuple(part[None] for part in state), weights, *_options())
    return outputs, tuple(part[0] for part in after)


def _torch_gru(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State
) -> tuple[Tensor, State]:
    weights = [_reset_first(part.T) for part in (kernel, recurrent_kernel)] + [_reset_first(part) for part in bias]
    outputs, after = torch.gru(inputs, state[0][None], weights, *_options())
    return outputs, (after[0],)


def _torch_simple_rnn(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State
) -> tuple[Tensor, State]:
    weights = [kernel.T, recurrent_kernel.T, bias, torch.zeros_like(bias)]
    outputs, after = torch.rnn_tanh(inputs, state[0][None], weights, *_options())
    return outputs, (after[0],)


def _reset_first(gates: Tensor) -> Tensor:
    """(3H, ...) in the order update, reset, candidate -> reset, update, candidate."""
    update, reset, candidate = torch.chunk(gates, 3)
    return torch.cat([reset, update, candidate])


def _options() -> tuple[bool, int, float, bool, bool, bool]:
    """Biases, one layer, no dropout, whether gradients will be asked for, one direction, steps before rows."""
    return True, 1, 0.0, torch.is_grad_enabled(), False, False


_TORCH: dict[str, Run] = {"lstm": _torch_lstm, "gru": _torch_gru, "simple_rnn": _torch_simple_rnn}
