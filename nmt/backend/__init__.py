"""The only place that names TensorFlow, JAX or torch: what Keras offers on none or not fast enough.

Each function has a form in `keras.ops` that runs under every backend (`nmt.backend.portable`), and where it pays a
faster one for TensorFlow (`nmt.backend.tensorflow`); a test compares the two. Axis letters: B batch, T time, H units,
V vocabulary, D width.
"""

import contextlib
import contextvars
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # Keras may import TensorFlow before `nmt.backend.tensorflow` does
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
from keras import ops

from nmt.backend import portable

Tensor = Any

BACKEND = keras.backend.backend()
_WITH_GRADIENTS = contextvars.ContextVar("_WITH_GRADIENTS", default=True)

if BACKEND == "tensorflow":
    from nmt.backend import tensorflow as fast


# ---------------------------------------------------------------- the machine


def uses_tensorflow() -> bool:
    """Whether Keras runs on TensorFlow here."""
    return bool(BACKEND == "tensorflow")


def processor_multiplies_bfloat16() -> bool:
    """Whether bfloat16 products are faster than float32 ones here: AMX or AVX512-BF16, by the processor's flags."""
    if platform.system() != "Linux" or not Path("/proc/cpuinfo").exists():
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return " amx_bf16" in flags or " avx512_bf16" in flags


def limit_threads(num_threads: int) -> None:
    """Use at most so many processor threads; 0 leaves it as it is. Does nothing once the backend has started work."""
    if num_threads > 0 and BACKEND == "tensorflow":
        fast.set_threads(num_threads, num_threads)


def shards_for_training(num_threads: int = 0) -> int:
    """Into how many parts a training batch is best cut, each worked on by one thread beside the others.

    The matrix products of a recurrent network are small. Two threads that share each of them wait for one another;
    two that have half a batch each do not (a quarter more tokens per second on two cores). Call it before the backend
    starts work, since it sets the threads.

    Args:
        num_threads: 0 for as many as there are processor cores.
    """
    if not num_threads:
        num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if BACKEND != "tensorflow" or fast.num_gpus() or num_threads == 1:
        return 1
    fast.set_threads(1, num_threads)
    return num_threads


# ---------------------------------------------------------------- recurrence


lstm_scan_portable = portable.lstm_scan


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
        scan = fast.lstm_scan if _WITH_GRADIENTS.get() else fast.lstm_scan_forward
        outputs, h, c = scan(projected, recurrent_kernel, h, c)
        return outputs, (h, c)
    return portable.lstm_scan(projected, recurrent_kernel, h, c)


def reverse_by_length(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the first `lengths[b]` steps of each row; padding stays on the right. (B, T, D), (B,) -> (B, T, D)."""
    form = fast if BACKEND == "tensorflow" else portable
    return form.reverse_by_length(inputs, lengths)


# ---------------------------------------------------------------- vocabulary


def embed(table: Tensor, ids: Tensor) -> Tensor:
    """Look rows up in `table` (V, D), with a dense gradient.

    Adam turns TensorFlow's sparse gradients into dense ones anyhow, and clipping by global norm squares them before
    duplicate rows are merged, so the norm would be wrong.
    """
    if BACKEND == "tensorflow" and _WITH_GRADIENTS.get():
        return fast.embed(ops.convert_to_tensor(table), ids)
    return ops.take(table, ids, axis=0)


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy against labels smoothed uniformly over the vocabulary (Szegedy et al. 2016, section 7), in nats.

    Args:
        logits: (N, V); labels: (N,) integers; smoothing: probability mass spread over all V.

    Returns:
        (N,) float32.
    """
    form = fast if BACKEND == "tensorflow" else portable
    return form.smoothed_cross_entropy(logits, labels, smoothing)


# ---------------------------------------------------------------- training


def adam(learning_rate: float, **options: Any) -> keras.optimizers.Optimizer:
    """`keras.optimizers.Adam` (Kingma & Ba 2015), by the fastest form that there is."""
    kind = fast.Adam if BACKEND == "tensorflow" else keras.optimizers.Adam
    return kind(learning_rate, **options)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of tensors as one compiled graph where the backend has such; the result is the same."""
    return fast.compiled(function) if BACKEND == "tensorflow" else function


def feed(batches: Iterable[dict[str, np.ndarray]]) -> Any:
    """Batches of integer matrices, in the form that `keras.Model.fit` takes without fixing their shapes."""
    return fast.feed(batches) if BACKEND == "tensorflow" else ((batch, batch["labels"]) for batch in batches)


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
    return fast.litert(saved_model, signatures, half)
