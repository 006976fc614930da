"""The only place that names TensorFlow, JAX or torch: what Keras offers on none or not fast enough.

Each function has a form in `keras.ops` that runs under every backend (`nmt.backend.portable`), and where it pays a
faster one for TensorFlow (`nmt.backend.tensorflow`); a test compares the two. Axis letters: B batch, T time, H units,
V vocabulary, D width.
"""

import contextlib
import contextvars
import importlib
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # Keras may import TensorFlow before `nmt.backend.tensorflow` does
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from nmt.backend.quiet import quietly

# All of `nmt` takes Keras from here, so that TensorFlow starts quietly and as told above.
with quietly():
    import keras as keras
    from keras import ops as ops

# isort: split
import numpy as np

from nmt.backend import portable, updates
from nmt.processors import num_processors

Tensor = Any

BACKEND = keras.backend.backend()
_WITH_GRADIENTS = contextvars.ContextVar("_WITH_GRADIENTS", default=True)

if BACKEND == "tensorflow":
    from nmt.backend import tensorflow as fast  # first: it starts TensorFlow quietly
    from nmt.backend import tensorflow_gru, tensorflow_lstm, tensorflow_scan, tensorflow_simple_rnn
elif BACKEND == "jax":
    from nmt.backend import jax as on_jax
elif BACKEND == "torch":
    from nmt.backend import torch as on_torch


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


def begin() -> None:
    """Start the backend without its greetings; its threads are settled then."""
    if BACKEND == "tensorflow":
        fast.begin()


def limit_threads(num_threads: int) -> None:
    """Use at most so many processor threads; 0 leaves it as it is. Does nothing once the backend has started work."""
    if num_threads > 0 and BACKEND == "tensorflow":
        fast.set_threads(num_threads, num_threads)
    elif num_threads > 0 and BACKEND == "torch":
        on_torch.set_threads(num_threads)


def has_gpu() -> bool:
    """Whether the backend works on a graphics processor."""
    if BACKEND == "tensorflow":
        return bool(fast.num_gpus())
    return on_torch.has_gpu() if BACKEND == "torch" else on_jax.has_gpu()


def shards_for_training(num_threads: int = 0) -> int:
    """Into how many parts a training batch is best cut, each worked on by one thread beside the others.

    The matrix products of a recurrent network are small. Two threads that share each of them wait for one another;
    two that have half a batch each do not (a quarter more tokens per second on two cores). Call it before the backend
    starts work, since it sets the threads.

    Args:
        num_threads: 0 for as many as there are processor cores.
    """
    num_threads = num_threads or num_processors()
    if BACKEND != "tensorflow" or has_gpu() or num_threads == 1:
        return 1
    fast.set_threads(1, num_threads)
    return num_threads


# ---------------------------------------------------------------- recurrence


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
    if BACKEND != "tensorflow" or not _WITH_GRADIENTS.get():
        return _scan(portable.lstm_cell, projected, (h, c), recurrent_kernel)
    outputs, h, c = tensorflow_lstm.scan(projected, recurrent_kernel, h, c)
    return outputs, (h, c)


def gru_scan(
    projected: Tensor, recurrent_kernel: Tensor, recurrent_bias: Tensor, h: Tensor
) -> tuple[Tensor, tuple[Tensor]]:
    """Run a GRU over time, the input projections already made.

    Cho et al. 2014, section 2.3, in the form of cuDNN and of Keras's `reset_after`: the reset gate multiplies what the
    recurrent kernel made of the state, so that a step has one product. Gate order as in Keras: update, reset,
    candidate; an update gate of 1 keeps the state.

    Args:
        projected: (T, B, 3H), input times kernel plus input bias.
        recurrent_kernel: (H, 3H).
        recurrent_bias: (3H,).
        h: (B, H), the state before the first step.

    Returns:
        The outputs (T, B, H) and the state (h,) after the last step.
    """
    if BACKEND != "tensorflow" or not _WITH_GRADIENTS.get():
        return _scan(portable.gru_cell, projected, (h,), recurrent_kernel, recurrent_bias)
    outputs, h = tensorflow_gru.scan(projected, recurrent_kernel, recurrent_bias, h)
    return outputs, (h,)


def simple_rnn_scan(projected: Tensor, recurrent_kernel: Tensor, h: Tensor) -> tuple[Tensor, tuple[Tensor]]:
    """Run a simple recurrent network (Elman 1990) over time: h = tanh(projected + h before times kernel).

    Args:
        projected: (T, B, H), input times kernel plus bias.
        recurrent_kernel: (H, H).
        h: (B, H), the state before the first step.

    Returns:
        The outputs (T, B, H) and the state (h,) after the last step.
    """
    if BACKEND != "tensorflow" or not _WITH_GRADIENTS.get():
        return _scan(portable.simple_rnn_cell, projected, (h,), recurrent_kernel)
    outputs, h = tensorflow_simple_rnn.scan(projected, recurrent_kernel, h)
    return outputs, (h,)


def _scan(cell: portable.Cell, projected: Tensor, state: portable.State, *weights: Tensor) -> Any:
    """See `nmt.backend.portable.scan`; under TensorFlow without gradients."""
    if BACKEND == "jax":
        return on_jax.scan(cell, projected, state, *weights)
    scan = tensorflow_scan.scan_forward if BACKEND == "tensorflow" else portable.scan
    return scan(cell, projected, state, *weights)


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


def soft_cross_entropy(logits: Tensor, ids: Tensor, probabilities: Tensor) -> Tensor:
    """Cross-entropy against a distribution of which K tokens are known and the rest is uniform, in nats.

    Args:
        logits: (N, V); ids, probabilities: (N, K) integers and floats, of the tokens that are known; what their
            probabilities lack of 1 is spread over all V.

    Returns:
        (N,) float32.
    """
    return portable.soft_cross_entropy(logits, ids, probabilities)


# ---------------------------------------------------------------- training


def dropout(rate: float, rank: int) -> keras.layers.Dropout:
    """`keras.layers.Dropout` for tensors of so many axes, whose noise follows from the state that the layer keeps.

    Keras's short way under torch draws from torch's own generator, which no checkpoint holds; a shape leads around it.
    """
    return keras.layers.Dropout(rate, noise_shape=(None,) * rank if BACKEND == "torch" else None)


def adam(learning_rate: float, **options: Any) -> keras.optimizers.Optimizer:
    """Adam (Kingma & Ba 2015) by the fastest form that there is; its options are those of `keras.optimizers.Adam`.

    With `use_ema` the average of the weights is over a ninth of the run, unless its momentum asks for less.
    """
    form = fast if BACKEND == "tensorflow" else on_torch if BACKEND == "torch" else portable
    return form.Adam(learning_rate, **options)


def steps(model: keras.Model) -> "updates.Steps":
    """The parts of an update of a compiled model; see `nmt.backend.updates`."""
    form = {"tensorflow": "tensorflow_updates", "jax": "jax_updates", "torch": "torch_updates"}[BACKEND]
    made: updates.Steps = importlib.import_module(f"nmt.backend.{form}").Steps(model)
    return made


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Inside, the same operations give the same results to the last bit, where they would not anyhow (on processors).

    Raises:
        ConfigError: JAX on a graphics processor has not been told so by the environment.
    """
    if BACKEND == "jax":
        on_jax.check_deterministic()
        yield
        return
    set_deterministic = fast.set_deterministic if BACKEND == "tensorflow" else on_torch.set_deterministic
    set_deterministic(True)
    try:
        yield
    finally:
        set_deterministic(False)


def curves(folder: Path) -> list[keras.callbacks.Callback]:
    """What writes the curves of a run for TensorBoard, where the backend can."""
    return [fast.Curves(folder, write_graph=False)] if BACKEND == "tensorflow" else []


def compiles_updates() -> bool:
    """What `keras.Model.compile` is to be told as `jit_compile`: JAX needs it, for TensorFlow it would be slower."""
    return bool(BACKEND == "jax")


def compiled(function: Callable[..., Any], model: keras.Model) -> Callable[..., Any]:
    """A function of tensors that only predicts, as fast as the backend runs it; the result is the same.

    Args:
        function: to be compiled, where the backend does that, for each new shape of its arguments.
        model: whose variables it reads; their values at the time of the call count.
    """
    if BACKEND == "jax":
        return on_jax.compiled(function, model)
    return fast.compiled(function) if BACKEND == "tensorflow" else on_torch.without_gradients(function)


def rounded(size: int) -> int:
    """To how many rows or columns so many are best filled up: more of them where every new shape is compiled anew."""
    return on_jax.rounded(size) if BACKEND == "jax" else size


def feed(batches: Iterable[dict[str, np.ndarray]]) -> Any:
    """Batches of integer matrices, in the form that `keras.Model.fit` takes without fixing their shapes.

    Args:
        batches: "source" and "target" without a row that is all padding, "labels"; 0 is padding. Under JAX they are
            filled up to few different shapes; the loss is the same.
    """
    if BACKEND == "tensorflow":
        return fast.feed(batches)
    few_shapes = map(on_jax.filled_up, batches) if BACKEND == "jax" else batches
    return ((batch, batch["labels"]) for batch in few_shapes)


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
