"""Faster forms for TensorFlow, and what only TensorFlow has. `nmt.backend` documents what each one does."""

import contextlib
import ctypes
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's greetings are not for our users
# oneDNN's matrix products are up to twice as fast where an operand is transposed; off by default on some processors.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from nmt.backend.quiet import quietly

with quietly():
    import tensorflow as tf
    from tensorflow.python.framework import config as framework_config  # only there can it be taken back

# isort: split
import keras
import numpy as np
from keras import ops

from nmt.backend import portable
from nmt.errors import TrainingError

Tensor = Any


def set_threads(within: int, between: int) -> bool:
    """Threads within an operation, and operations at once. False where TensorFlow has begun work and takes no more."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(within)
        tf.config.threading.set_inter_op_parallelism_threads(between)
    except RuntimeError:
        return False
    begin()
    return True


@functools.cache
def begin() -> None:
    """Start TensorFlow's work, after which its threads are settled."""
    with quietly():
        tf.config.list_logical_devices()


def num_gpus() -> int:
    """Graphics processors that TensorFlow sees."""
    return len(tf.config.list_physical_devices("GPU"))


# ---------------------------------------------------------------- recurrence


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


class Adam(portable.Adam):
    """The same, a variable updated by one operation instead of a dozen that each pass over its memory."""

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


class Curves(keras.callbacks.TensorBoard):
    """Keras's curves of a run for TensorBoard; a disk that is full is said in one line."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add a point to each curve."""
        with self._writing():
            super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the files."""
        with self._writing():
            super().on_train_end(logs)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            reason = str(error.message).partition("; ")[2].partition("\n")[0]  # after the file's name
            raise TrainingError(
                f"cannot write the curves in {self.log_dir}: {reason or error.message}; mend that and run the same "
                "command again: it continues from the last checkpoint"
            ) from None


def set_deterministic(wanted: bool) -> None:
    """Take only operations whose result is the same each time, or any again."""
    if wanted:
        tf.config.experimental.enable_op_determinism()
    else:
        framework_config.disable_op_determinism()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """See `nmt.backend.compiled`."""
    return tf.function(function, reduce_retracing=True)  # type: ignore[no-any-return]


def feed(batches: Iterable[dict[str, np.ndarray]]) -> Any:
    """See `nmt.backend.feed`."""
    coming = iter(batches)
    first = next(coming)
    coming = itertools.chain([first], coming)
    matrix = tf.TensorSpec((None, None), tf.int32)
    signature = (dict.fromkeys(first, matrix), matrix)

    def pairs() -> Iterator[Any]:
        for batch in coming:
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
