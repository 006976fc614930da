"""Faster forms for TensorFlow, and what only TensorFlow has. `nmt.backend` documents what each one does."""

import ctypes
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's greetings are not for our users
# oneDNN's matrix products are up to twice as fast where an operand is transposed; off by default on some processors.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from nmt.backend import portable

Tensor = Any


def set_threads(within: int, between: int) -> bool:
    """Threads within an operation, and operations at once. False where TensorFlow has begun work and takes no more."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(within)
        tf.config.threading.set_inter_op_parallelism_threads(between)
    except RuntimeError:
        return False
    return True


def num_gpus() -> int:
    """Graphics processors that TensorFlow sees."""
    return len(tf.config.list_physical_devices("GPU"))


# ---------------------------------------------------------------- recurrence


@tf.custom_gradient
def lstm_scan(projected: Tensor, recurrent_kernel: Tensor, h0: Tensor, c0: Tensor) -> Any:
    """-> outputs (T, B, H), h (B, H), c (B, H).

    Autodiff through a while loop would add to the (H, 4H) kernel gradient at every step and keep every intermediate;
    written by hand, the loops hold only what depends on the step before, and the kernel gradient is one product over
    all steps.
    """
    dtype = projected.dtype
    h0, c0 = tf.cast(h0, tf.float32), tf.cast(c0, tf.float32)
    # A product with few rows and a power of two of columns is nearly twice as fast by the transposed kernel.
    transposed = tf.transpose(recurrent_kernel)
    hs, cs, gates = _forward(projected, transposed, h0, c0)

    def gradient(d_outputs: Tensor, d_h: Tensor, d_c: Tensor) -> Any:
        i, f, g, o = tf.split(gates, 4, axis=-1)
        tanh_c = tf.tanh(cs)
        c_before = tf.concat([c0[None], cs[:-1]], axis=0)
        h_before = tf.concat([h0[None], hs[:-1]], axis=0)
        # d z / d c for the first three gates, d z / d h for the output gate.
        slopes = tf.concat([g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)], axis=-1)
        through_output = o * (1 - tanh_c * tanh_c)
        d_zs, d_h0, d_c0 = _backward(
            recurrent_kernel, dtype, tf.cast(d_outputs, tf.float32), (d_h, d_c), slopes, through_output, f
        )
        d_zs = tf.cast(d_zs, dtype)
        units = recurrent_kernel.shape[0]
        d_kernel = tf.matmul(
            tf.reshape(tf.cast(h_before, dtype), (-1, units)), tf.reshape(d_zs, (-1, 4 * units)), transpose_a=True
        )
        return d_zs, d_kernel, d_h0, d_c0

    return (tf.cast(hs, dtype), hs[-1], cs[-1]), gradient


def _array(num_steps: Tensor) -> Any:
    return tf.TensorArray(tf.float32, size=num_steps, element_shape=(None, None))


def _forward(projected: Tensor, transposed: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """-> h and c after each step (T, B, H), and the gates there (T, B, 4H)."""
    num_steps = tf.shape(projected)[0]

    def step(t: Tensor, h: Tensor, c: Tensor, hs: Any, cs: Any, gates: Any) -> Any:
        product = tf.matmul(tf.cast(h, projected.dtype), transposed, transpose_b=True)
        i, f, g, o = tf.split(tf.cast(projected[t] + product, tf.float32), 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * c + i * g
        h = o * tf.tanh(c)
        return t + 1, h, c, hs.write(t, h), cs.write(t, c), gates.write(t, tf.concat([i, f, g, o], axis=-1))

    arrays = _array(num_steps), _array(num_steps), _array(num_steps)
    _, _, _, hs, cs, gates = tf.while_loop(
        lambda t, *_: t < num_steps, step, (0, h0, c0, *arrays), parallel_iterations=1
    )
    return hs.stack(), cs.stack(), gates.stack()


def _backward(
    recurrent_kernel: Tensor,
    dtype: Any,
    d_outputs: Tensor,
    d_last: tuple[Tensor, Tensor],
    slopes: Tensor,
    through_output: Tensor,
    forget: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """-> the gradients of the gates before their activation (T, B, 4H), and of the state before the first step."""
    num_steps = tf.shape(d_outputs)[0]

    def step(t: Tensor, d_h: Tensor, d_c: Tensor, d_zs: Any) -> Any:
        d_h = d_h + d_outputs[t]
        d_c = d_c + d_h * through_output[t]
        d_z = tf.concat([d_c, d_c, d_c, d_h], axis=-1) * slopes[t]
        d_h = tf.cast(tf.matmul(tf.cast(d_z, dtype), recurrent_kernel, transpose_b=True), tf.float32)
        return t - 1, d_h, d_c * forget[t], d_zs.write(t, d_z)

    d_h, d_c = (tf.cast(part, tf.float32) for part in d_last)
    _, d_h, d_c, d_zs = tf.while_loop(
        lambda t, *_: t >= 0, step, (num_steps - 1, d_h, d_c, _array(num_steps)), parallel_iterations=1
    )
    return d_zs.stack(), d_h, d_c


def lstm_scan_forward(projected: Tensor, recurrent_kernel: Tensor, h: Tensor, c: Tensor) -> Any:
    """`lstm_scan` that keeps nothing for a gradient.

    LiteRT needs the shapes of what a loop collects, and one step is no loop.
    """
    recurrent_kernel = ops.convert_to_tensor(recurrent_kernel)
    h, c = ops.cast(h, "float32"), ops.cast(c, "float32")
    if projected.shape[0] == 1:
        h, c = portable.lstm_cell(projected[0], recurrent_kernel, h, c)
        return ops.cast(h, projected.dtype)[None], h, c

    def step(t: Tensor, h: Tensor, c: Tensor, hs: Any) -> Any:
        h, c = portable.lstm_cell(projected[t], recurrent_kernel, h, c)
        return t + 1, h, c, hs.write(t, h)

    num_steps = tf.shape(projected)[0]
    hs = tf.TensorArray(tf.float32, size=num_steps, element_shape=h.shape)
    _, h, c, hs = tf.while_loop(lambda t, *_: t < num_steps, step, (0, h, c, hs), parallel_iterations=1)
    return tf.cast(hs.stack(), projected.dtype), h, c


def reverse_by_length(inputs: Tensor, lengths: Tensor) -> Tensor:
    """See `nmt.backend.reverse_by_length`."""
    return tf.reverse_sequence(inputs, lengths, seq_axis=1, batch_axis=0)


# ---------------------------------------------------------------- vocabulary


@tf.custom_gradient
def embed(table: Tensor, ids: Tensor) -> Any:
    """See `nmt.backend.embed`."""

    def gradient(upstream: Tensor) -> Any:
        flat = tf.reshape(upstream, (-1, table.shape[1]))
        return tf.math.unsorted_segment_sum(flat, tf.reshape(ids, (-1,)), table.shape[0]), None

    return tf.gather(table, ids), gradient


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Any:
    """See `nmt.backend.smoothed_cross_entropy`. One softmax serves loss and gradient; autodiff would keep several."""

    @tf.custom_gradient
    def loss(logits: Tensor) -> Any:
        values = tf.cast(logits, tf.float32)
        shifted = values - tf.reduce_max(values, axis=-1, keepdims=True)
        exponentials = tf.exp(shifted)
        total = tf.reduce_sum(exponentials, axis=-1, keepdims=True)
        picked = tf.gather(shifted, labels, batch_dims=1)
        result = tf.math.log(total[:, 0]) - (1 - smoothing) * picked - smoothing * tf.reduce_mean(shifted, axis=-1)

        def gradient(upstream: Tensor) -> Tensor:
            # (softmax - smoothed label) × upstream, the scaling folded into one factor for each row.
            size = tf.cast(tf.shape(values)[-1], tf.float32)
            rows = tf.range(tf.shape(values)[0])
            flat = exponentials * (upstream[:, None] / total) - upstream[:, None] * (smoothing / size)
            places = tf.stack([rows, tf.cast(labels, tf.int32)], axis=-1)
            return tf.cast(tf.tensor_scatter_nd_sub(flat, places, upstream * (1.0 - smoothing)), logits.dtype)

        return result, gradient

    return loss(logits)


# ---------------------------------------------------------------- training


class Adam(keras.optimizers.Adam):
    """Keras's Adam, a variable updated by one operation instead of a dozen that each pass over its memory."""

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """See `keras.optimizers.Optimizer.update_step`."""
        k = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[k]),
            v=_handle(self._velocities[k]),
            beta1_power=ops.power(ops.cast(self.beta_1, variable.dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, variable.dtype), step),
            lr=ops.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=ops.cast(gradient, variable.dtype),
        )


def _handle(variable: Any) -> Tensor:
    """Of a Keras variable, or of the TensorFlow one in it, which is what Keras hands to optimizers."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """See `nmt.backend.compiled`."""
    return tf.function(function, reduce_retracing=True)  # type: ignore[no-any-return]


def feed(batches: Iterable[dict[str, np.ndarray]]) -> Any:
    """See `nmt.backend.feed`."""
    names = ("source", "target", "labels")
    matrix = tf.TensorSpec((None, None), tf.int32)
    signature = ({name: matrix for name in names}, matrix)

    def pairs() -> Iterator[Any]:
        for batch in batches:
            _keep_freed_memory()
            yield batch, batch["labels"]

    return tf.data.Dataset.from_generator(pairs, output_signature=signature).prefetch(4)


@functools.cache
def _keep_freed_memory() -> None:
    """Let the C library keep freed blocks for the next step.

    A TensorFlow dataset over a Python generator sets glibc's trim threshold to 128 kB, so every large tensor is handed
    back to the system and faulted in again: a third of a training step went there (665 against 1,008 tokens/s).
    """
    try:
        library = ctypes.CDLL("libc.so.6")
        trim_threshold, mmap_threshold = -1, -3
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(mmap_threshold, 2**25)
    except (OSError, AttributeError):  # another C library has no such habit
        pass


# ---------------------------------------------------------------- deploying


def litert(saved_model: Path, signatures: Sequence[str], half: bool) -> bytes:
    """See `nmt.backend.litert`."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())
