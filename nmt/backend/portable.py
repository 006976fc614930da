"""The forms in `keras.ops` alone, which run under every backend. `nmt.backend` documents what each one does.

A cell is a function of what the input gives to its gates at one step, of the state before, and of its recurrent
weights. It returns the state after, of which the first part is what the layer says. States are float32.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

Tensor = Any
State = tuple[Tensor, ...]
Cell = Callable[..., State]


def lstm_cell(x: Tensor, state: State, recurrent_kernel: Tensor) -> State:
    """(B, 4H), h and c (B, H) each, (H, 4H) -> h, c."""
    h, c = state
    i, f, g, o = ops.split(_sum(x, h, recurrent_kernel), 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


def gru_cell(x: Tensor, state: State, recurrent_kernel: Tensor, recurrent_bias: Tensor) -> State:
    """(B, 3H), h (B, H), (H, 3H), (3H,) -> h."""
    (h,) = state
    from_state = ops.matmul(ops.cast(h, x.dtype), recurrent_kernel) + recurrent_bias
    x_z, x_r, x_g = ops.split(ops.cast(x, "float32"), 3, axis=-1)
    h_z, h_r, h_g = ops.split(ops.cast(from_state, "float32"), 3, axis=-1)
    g = ops.tanh(x_g + ops.sigmoid(x_r + h_r) * h_g)
    return (g + ops.sigmoid(x_z + h_z) * (h - g),)


def simple_rnn_cell(x: Tensor, state: State, recurrent_kernel: Tensor) -> State:
    """(B, H), h (B, H), (H, H) -> h."""
    return (ops.tanh(_sum(x, state[0], recurrent_kernel)),)


def _sum(x: Tensor, h: Tensor, recurrent_kernel: Tensor) -> Tensor:
    return ops.cast(x, "float32") + ops.cast(ops.matmul(ops.cast(h, x.dtype), recurrent_kernel), "float32")


def scan(cell: Cell, projected: Tensor, state: State, *weights: Tensor) -> tuple[Tensor, State]:
    """Run a cell over time: (T, B, ...), state before -> outputs (T, B, H), state after the last step."""

    def step(state: State, x: Tensor) -> tuple[State, State]:
        state = cell(x, state, *weights)
        # Keras's scan under TensorFlow wants outputs of the same structure as the state.
        return state, state

    state, outputs = ops.scan(step, tuple(ops.cast(part, "float32") for part in state), projected)
    return ops.cast(outputs[0], projected.dtype), state


def reverse_by_length(inputs: Tensor, lengths: Tensor) -> Tensor:
    """See `nmt.backend.reverse_by_length`."""
    steps = ops.arange(ops.shape(inputs)[1], dtype="int32")[None]
    lengths = ops.convert_to_tensor(lengths)[:, None]
    index = ops.where(steps < lengths, lengths - 1 - steps, steps)
    return ops.take_along_axis(inputs, index[:, :, None], axis=1)


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """See `nmt.backend.smoothed_cross_entropy`."""
    logits = ops.cast(logits, "float32")
    exact = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
    return (1 - smoothing) * exact + smoothing * uniform


def soft_cross_entropy(logits: Tensor, ids: Tensor, probabilities: Tensor) -> Tensor:
    """See `nmt.backend.soft_cross_entropy`."""
    logits = ops.cast(logits, "float32")
    known = ops.sum(probabilities * ops.take_along_axis(logits, ids, axis=-1), axis=-1)
    rest = 1 - ops.sum(probabilities, axis=-1)
    return ops.logsumexp(logits, axis=-1) - known - rest * ops.mean(logits, axis=-1)


# ---------------------------------------------------------------- training


class ShortAverage:
    """For an optimizer of Keras: its average of the weights forgets the first of them however short the run is.

    With a momentum of 0.999, a tenth of the average after 2,300 updates would be the weights of the first one. So after
    n updates the momentum is (1 + n) / (10 + n) at most, as in `tf.train.ExponentialMovingAverage`: the average is over
    a ninth of the run, until that is more than the momentum asks for.
    """

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[Any]) -> None:
        momentum: float = self.ema_momentum  # type: ignore[has-type]
        n = ops.cast(self.iterations, "float32")  # type: ignore[attr-defined]
        self.ema_momentum = ops.minimum(momentum, (1.0 + n) / (10.0 + n))
        try:
            super()._update_model_variables_moving_average(trainable_variables)  # type: ignore[misc]
        finally:
            self.ema_momentum = momentum


class Adam(ShortAverage, keras.optimizers.Adam):
    """Keras's, with that average."""
