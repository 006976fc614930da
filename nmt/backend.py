"""The only module that names TensorFlow, JAX or torch: what Keras offers on none or not fast enough.

Each function has an implementation in `keras.ops` that runs under every backend, and a faster one for TensorFlow;
a test compares the two. Axis letters: B batch, T time, H units, V vocabulary, D width.
"""

import contextlib
import contextvars
import ctypes
import functools
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's greetings are not for our users

import keras
import numpy as np
from keras import ops

Tensor = Any

BACKEND = keras.backend.backend()
_WITH_GRADIENTS = contextvars.ContextVar("_WITH_GRADIENTS", default=True)

if BACKEND == "tensorflow":
    import tensorflow as tf


def processor_multiplies_bfloat16() -> bool:
    """Whether bfloat16 products are faster than float32 ones here: AMX or AVX512-BF16, by the processor's flags."""
    if platform.system() != "Linux" or not Path("/proc/cpuinfo").exists():
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return " amx_bf16" in flags or " avx512_bf16" in flags


def limit_threads(num_threads: int) -> None:
    """Use at most so many processor threads; 0 leaves it as it is. Does nothing once the backend has started work."""
    if num_threads > 0 and BACKEND == "tensorflow":
        try:
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
            tf.config.threading.set_inter_op_parallelism_threads(num_threads)
        except RuntimeError:
            pass


# ---------------------------------------------------------------- recurrence


def lstm_scan_portable(
    projected: Tensor, recurrent_kernel: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """`lstm_scan` in `keras.ops` alone."""

    def step(state: tuple[Tensor, Tensor], x: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        state = _lstm_cell(x, recurrent_kernel, *state)
        # Keras's scan under TensorFlow wants outputs of the same structure as the state.
        return state, state

    (h, c), (outputs, _) = ops.scan(step, (ops.cast(h, "float32"), ops.cast(c, "float32")), projected)
    return ops.cast(outputs, projected.dtype), (h, c)


def _lstm_cell(x: Tensor, recurrent_kernel: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step: (B, 4H), (H, 4H), and the state before -> the state after, each (B, H)."""
    z = ops.cast(x, "float32") + ops.cast(ops.matmul(ops.cast(h, x.dtype), recurrent_kernel), "float32")
    i, f, g, o = ops.split(z, 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


def lstm_scan(
    projected: Tensor, recurrent_kernel: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run an LSTM over time, the input projections already made.

    Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000. Gate order as in Keras: input, forget,
    candidate, output. The state is float32 whatever the precision of the products.

    Args:
        projected: (T, B, 4H), input times kernel plus bias.
        recurrent_kernel: (H, 4H).
        h, c: (B, H), the state before the first step.

    Returns:
        The outputs (T, B, H) and the state (h, c) after the last step, each (B, H).
    """
    if BACKEND == "tensorflow":
        scan = _tf_lstm_scan if _WITH_GRADIENTS.get() else _tf_lstm_scan_forward
        outputs, h, c = scan(projected, recurrent_kernel, h, c)
        return outputs, (h, c)
    return lstm_scan_portable(projected, recurrent_kernel, h, c)


def reverse_by_length(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the first `lengths[b]` steps of each row; padding stays on the right. (B, T, D), (B,) -> (B, T, D)."""
    if BACKEND == "tensorflow":
        return tf.reverse_sequence(inputs, lengths, seq_axis=1, batch_axis=0)
    steps = ops.arange(ops.shape(inputs)[1], dtype="int32")[None]
    index = ops.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return ops.take_along_axis(inputs, index[:, :, None], axis=1)


def embed(table: Tensor, ids: Tensor) -> Tensor:
    """Look rows up in `table` (V, D), with a dense gradient.

    Adam turns TensorFlow's sparse gradients into dense ones anyhow, and clipping by global norm squares them before
    duplicate rows are merged, so the norm would be wrong.
    """
    if BACKEND == "tensorflow" and _WITH_GRADIENTS.get():
        return _tf_embed(ops.convert_to_tensor(table), ids)
    return ops.take(table, ids, axis=0)


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy against labels smoothed uniformly over the vocabulary (Szegedy et al. 2016, section 7), in nats.

    Args:
        logits: (N, V); labels: (N,) integers; smoothing: probability mass spread over all V.

    Returns:
        (N,) float32.
    """
    if BACKEND == "tensorflow":
        return _tf_smoothed_cross_entropy(logits, labels, smoothing)
    logits = ops.cast(logits, "float32")
    exact = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
    return (1 - smoothing) * exact + smoothing * uniform


if BACKEND == "tensorflow":

    @tf.custom_gradient
    def _tf_lstm_scan(projected: Tensor, recurrent_kernel: Tensor, h0: Tensor, c0: Tensor) -> Any:
        # Autodiff through a while loop would add to the (H, 4H) kernel gradient at every step and keep every
        # intermediate; written by hand, the loops hold only what depends on the step before, and the kernel
        # gradient is one product over all steps.
        dtype = projected.dtype
        h0, c0 = tf.cast(h0, tf.float32), tf.cast(c0, tf.float32)
        num_steps = tf.shape(projected)[0]
        units = recurrent_kernel.shape[0]

        def array() -> Any:
            return tf.TensorArray(tf.float32, size=num_steps, element_shape=(None, None))

        def forward(t: Tensor, h: Tensor, c: Tensor, hs: Any, cs: Any, gates: Any) -> Any:
            z = tf.cast(projected[t], tf.float32) + tf.cast(tf.matmul(tf.cast(h, dtype), recurrent_kernel), tf.float32)
            i, f, g, o = tf.split(z, 4, axis=-1)
            i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
            c = f * c + i * g
            h = o * tf.tanh(c)
            return t + 1, h, c, hs.write(t, h), cs.write(t, c), gates.write(t, tf.concat([i, f, g, o], axis=-1))

        _, h, c, hs, cs, gates = tf.while_loop(
            lambda t, *_: t < num_steps, forward, (0, h0, c0, array(), array(), array()), parallel_iterations=1
        )
        hs, cs, gates = hs.stack(), cs.stack(), gates.stack()

        def gradient(d_outputs: Tensor, d_h: Tensor, d_c: Tensor) -> Any:
            i, f, g, o = tf.split(gates, 4, axis=-1)
            tanh_c = tf.tanh(cs)
            c_before = tf.concat([c0[None], cs[:-1]], axis=0)
            h_before = tf.concat([h0[None], hs[:-1]], axis=0)
            # d z / d c for the first three gates, d z / d h for the output gate.
            slopes = tf.concat(
                [g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)], axis=-1
            )
            through_output = o * (1 - tanh_c * tanh_c)
            d_outputs = tf.cast(d_outputs, tf.float32)

            def backward(t: Tensor, d_h: Tensor, d_c: Tensor, d_zs: Any) -> Any:
                d_h = d_h + d_outputs[t]
                d_c = d_c + d_h * through_output[t]
                d_z = tf.concat([d_c, d_c, d_c, d_h], axis=-1) * slopes[t]
                d_h = tf.cast(tf.matmul(tf.cast(d_z, dtype), recurrent_kernel, transpose_b=True), tf.float32)
                return t - 1, d_h, d_c * f[t], d_zs.write(t, d_z)

            _, d_h0, d_c0, d_zs = tf.while_loop(
                lambda t, *_: t >= 0,
                backward,
                (num_steps - 1, tf.cast(d_h, tf.float32), tf.cast(d_c, tf.float32), array()),
                parallel_iterations=1,
            )
            d_zs = tf.cast(d_zs.stack(), dtype)
            d_kernel = tf.matmul(
                tf.reshape(tf.cast(h_before, dtype), (-1, units)), tf.reshape(d_zs, (-1, 4 * units)), transpose_a=True
            )
            return d_zs, d_kernel, d_h0, d_c0

        return (tf.cast(hs, dtype), h, c), gradient

    def _tf_lstm_scan_forward(projected: Tensor, recurrent_kernel: Tensor, h: Tensor, c: Tensor) -> Any:
        # Keeps nothing for a gradient; LiteRT needs the shapes of what a loop collects, and one step is no loop.
        recurrent_kernel = ops.convert_to_tensor(recurrent_kernel)
        h, c = ops.cast(h, "float32"), ops.cast(c, "float32")
        if projected.shape[0] == 1:
            h, c = _lstm_cell(projected[0], recurrent_kernel, h, c)
            return ops.cast(h, projected.dtype)[None], h, c

        def forward(t: Tensor, h: Tensor, c: Tensor, hs: Any) -> Any:
            h, c = _lstm_cell(projected[t], recurrent_kernel, h, c)
            return t + 1, h, c, hs.write(t, h)

        num_steps = tf.shape(projected)[0]
        hs = tf.TensorArray(tf.float32, size=num_steps, element_shape=h.shape)
        _, h, c, hs = tf.while_loop(lambda t, *_: t < num_steps, forward, (0, h, c, hs), parallel_iterations=1)
        return tf.cast(hs.stack(), projected.dtype), h, c

    @tf.custom_gradient
    def _tf_embed(table: Tensor, ids: Tensor) -> Any:
        def gradient(upstream: Tensor) -> Any:
            flat = tf.reshape(upstream, (-1, table.shape[1]))
            return tf.math.unsorted_segment_sum(flat, tf.reshape(ids, (-1,)), table.shape[0]), None

        return tf.gather(table, ids), gradient

    def _tf_smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Any:
        # One softmax serves loss and gradient; autodiff would keep several (N, V) arrays.
        @tf.custom_gradient
        def loss(logits: Tensor) -> Any:
            values = tf.cast(logits, tf.float32)
            shifted = values - tf.reduce_max(values, axis=-1, keepdims=True)
            exponentials = tf.exp(shifted)
            total = tf.reduce_sum(exponentials, axis=-1, keepdims=True)
            picked = tf.gather(shifted, labels, batch_dims=1)
            result = tf.math.log(total[:, 0]) - (1 - smoothing) * picked - smoothing * tf.reduce_mean(shifted, axis=-1)

            def gradient(upstream: Tensor) -> Tensor:
                size = tf.shape(values)[-1]
                rows = tf.range(tf.shape(values)[0])
                flat = exponentials / total - smoothing / tf.cast(size, tf.float32)
                places = tf.stack([rows, tf.cast(labels, tf.int32)], axis=-1)
                flat = tf.tensor_scatter_nd_sub(flat, places, tf.fill(tf.shape(rows), 1.0 - smoothing))
                return tf.cast(flat * upstream[:, None], logits.dtype)

            return result, gradient

        return loss(logits)


# ---------------------------------------------------------------- deploying


@contextlib.contextmanager
def without_gradients() -> Iterator[None]:
    """Inside, graphs are traced that only predict: smaller, faster, and without what LiteRT cannot hold."""
    token = _WITH_GRADIENTS.set(False)
    try:
        yield
    finally:
        _WITH_GRADIENTS.reset(token)


def litert(saved_model: Path, signatures: Sequence[str], half: bool) -> bytes:
    """A LiteRT file with these signatures of a SavedModel of fixed shapes.

    TensorFlow only. Just built-in operations are allowed, so that every LiteRT interpreter can run it.

    Args:
        half: store constants as float16; computing stays in float32.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


# ---------------------------------------------------------------- compiling and feeding


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of tensors as one compiled graph where the backend has such; the result is the same."""
    if BACKEND == "tensorflow":
        return tf.function(function, reduce_retracing=True)  # type: ignore[no-any-return]
    return function


def feed(batches: Iterable[dict[str, np.ndarray]]) -> Any:
    """Batches of integer matrices, in the form that `keras.Model.fit` takes without fixing their shapes."""
    if BACKEND != "tensorflow":
        return ((batch, batch["labels"]) for batch in batches)

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


def uses_tensorflow() -> bool:
    """Whether Keras runs on TensorFlow here."""
    return bool(BACKEND == "tensorflow")
