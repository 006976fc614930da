"""What only torch has."""

import os
from collections.abc import Callable
from typing import Any

import keras
import torch

from nmt.backend import portable

# Keras's own for torch, which updates all variables by a few operations. It takes that for its Adam itself, but not for
# a class made from it.
_KerasAdam: Any = type(keras.optimizers.Adam())


class Adam(portable.ShortAverage, _KerasAdam):  # type: ignore[misc]
    """The same as `nmt.backend.portable.Adam`."""


def set_threads(number: int) -> None:
    """Threads within an operation."""
    torch.set_num_threads(number)


def has_gpu() -> bool:
    """See `nmt.backend.has_gpu`."""
    return torch.cuda.is_available()


def set_deterministic(wanted: bool) -> None:
    """Take only operations whose result is the same each time, or any again."""
    # On a graphics processor torch refuses products without it; cuBLAS reads it when it makes its first one.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted)


def without_gradients(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors that keeps nothing for a gradient."""
    return torch.no_grad()(function)  # type: ignore[no-any-return]
