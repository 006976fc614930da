"""What JAX needs: every new shape is compiled anew, and compiled functions get the values of variables as arguments."""

import functools
import os
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np

from nmt.backend import portable, processes
from nmt.errors import ConfigError

_FINEST = 4


def has_gpu() -> bool:
    """See `nmt.backend.has_gpu`."""
    return bool(jax.default_backend() == "gpu")


def rounded(size: int) -> int:
    """The next of 4, 6, 8, 12, 16, 24, 32, 48, 64, …: at most a third is padding, and there are few of them."""
    step = _FINEST
    while size > step:
        if size <= step * 3 // 2:
            return step * 3 // 2
        step *= 2
    return step


def filled_up(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A batch in one of few shapes: columns of padding, and rows without labels, which cost nothing.

    Where several devices share it, each has equally many rows; this process gets those of its own.
    """
    devices = processes.num_devices()
    rows = -(-rounded(len(batch["source"])) // devices) * devices
    width = {"source": rounded(batch["source"].shape[1]), "target": rounded(batch["target"].shape[1])}
    made = {}
    for name, values in batch.items():
        columns = width["source" if name == "source" else "target"]
        made[name] = np.zeros((rows, columns), dtype=values.dtype)
        made[name][: len(values), : values.shape[1]] = values
        if name == "source":  # a sentence without a token would have no mean
            made[name][len(values) :] = made[name][0]
        made[name] = processes.own_rows(made[name])
    return made


def check_deterministic() -> None:
    """See `nmt.backend.deterministic`; XLA reads the flag when it starts, before anyone can ask for it here."""
    flag = "--xla_gpu_deterministic_ops=true"
    if jax.default_backend() != "cpu" and flag not in os.environ.get("XLA_FLAGS", ""):
        raise ConfigError(f"deterministic training on this device needs the environment variable XLA_FLAGS={flag}")


@functools.partial(jax.jit, static_argnums=0)
def scan(cell: portable.Cell, projected: Any, state: portable.State, *weights: Any) -> tuple[Any, portable.State]:
    """`portable.scan`, compiled once for each shape and not at each call."""
    return portable.scan(cell, projected, state, *weights)


def compiled(function: Callable[..., Any], model: keras.Model) -> Callable[..., Any]:
    """See `nmt.backend.compiled`."""

    @jax.jit
    def stateless(values: list[Any], *arguments: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(model.weights, values, strict=True))):
            return function(*arguments)

    return lambda *arguments: stateless([processes.local(variable.value) for variable in model.weights], *arguments)
