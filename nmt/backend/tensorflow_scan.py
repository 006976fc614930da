"""Loops over time under TensorFlow. Axis letters as in `nmt.backend`."""

from typing import Any

import tensorflow as tf

from nmt.backend.portable import Cell, State

Tensor = Any


def array(num_steps: Tensor) -> Any:
    """What a loop fills step by step with (B, ...) float32 rows."""
    return tf.TensorArray(tf.float32, size=num_steps, element_shape=(None, None))


def scan_forward(cell: Cell, projected: Tensor, state: State, *weights: Tensor) -> tuple[Tensor, State]:
    """`nmt.backend.portable.scan` that keeps nothing for a gradient.

    LiteRT needs the shapes of what a loop collects, and one step is no loop.
    """
    weights = tuple(tf.convert_to_tensor(weight) for weight in weights)
    state = tuple(tf.cast(part, tf.float32) for part in state)
    if projected.shape[0] == 1:
        state = cell(projected[0], state, *weights)
        return tf.cast(state[0], projected.dtype)[None], state

    def step(t: Tensor, state: State, outputs: Any) -> Any:
        state = cell(projected[t], state, *weights)
        return t + 1, state, outputs.write(t, state[0])

    num_steps = tf.shape(projected)[0]
    outputs = tf.TensorArray(tf.float32, size=num_steps, element_shape=state[0].shape)
    _, state, outputs = tf.while_loop(lambda t, *_: t < num_steps, step, (0, state, outputs), parallel_iterations=1)
    return tf.cast(outputs.stack(), projected.dtype), state
