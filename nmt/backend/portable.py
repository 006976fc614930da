"""The forms in `keras.ops` alone, which run under every backend. `nmt.backend` documents what each one does."""

from typing import Any

from keras import ops

Tensor = Any


def lstm_cell(x: Tensor, recurrent_kernel: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step: (B, 4H), (H, 4H), and the state before -> the state after, each (B, H)."""
    z = ops.cast(x, "float32") + ops.cast(ops.matmul(ops.cast(h, x.dtype), recurrent_kernel), "float32")
    i, f, g, o = ops.split(z, 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


def lstm_scan(
    projected: Tensor, recurrent_kernel: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """See `nmt.backend.lstm_scan`."""

    def step(state: tuple[Tensor, Tensor], x: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        state = lstm_cell(x, recurrent_kernel, *state)
        # Keras's scan under TensorFlow wants outputs of the same structure as the state.
        return state, state

    (h, c), (outputs, _) = ops.scan(step, (ops.cast(h, "float32"), ops.cast(c, "float32")), projected)
    return ops.cast(outputs, projected.dtype), (h, c)


def reverse_by_length(inputs: Tensor, lengths: Tensor) -> Tensor:
    """See `nmt.backend.reverse_by_length`."""
    steps = ops.arange(ops.shape(inputs)[1], dtype="int32")[None]
    index = ops.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return ops.take_along_axis(inputs, index[:, :, None], axis=1)


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """See `nmt.backend.smoothed_cross_entropy`."""
    logits = ops.cast(logits, "float32")
    exact = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
    return (1 - smoothing) * exact + smoothing * uniform
