"""Weight matrices that learn by low-rank updates (LoRA, Hu et al. 2021, section 4.1).

The matrix W stays as it is; what learns are A (rows, r) and B (r, columns), and W + A B is used in its place. Keras
has this for its own layers (`enable_lora`); a layer of ours that derives from `LowRankLayer` has it in the same way and
with the same names, so that one function folds all of them into plain matrices.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from nmt.backend import keras, ops

Tensor = Any


class LowRankLayer(keras.layers.Layer):
    """A layer of which the weights named in `KERNELS` can be given low-rank updates."""

    KERNELS: ClassVar[tuple[str, ...]] = ()

    def enable_lora(self, rank: int) -> None:
        """From now on only the updates of the kernels learn, and no longer they themselves. To be called once."""
        self._tracker.unlock()
        for name in self.KERNELS:
            kernel = getattr(self, name)
            rows, columns = kernel.shape
            # B starts at 0, so that the layer computes the same as before.
            for part, shape, start in (("a", (rows, rank), "he_uniform"), ("b", (rank, columns), "zeros")):
                weight = self.add_weight(name=f"lora_{name}_{part}", shape=shape, initializer=start)
                setattr(self, f"lora_{name}_{part}", weight)
            kernel.trainable = False
        self._tracker.lock()

    def updated(self, name: str) -> Tensor:
        """A kernel as the layer is to use it."""
        kernel = getattr(self, name)
        a, b = (getattr(self, f"lora_{name}_{part}", None) for part in "ab")
        return kernel if a is None else kernel + ops.matmul(a, b)


def folded(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights by name, with low-rank updates added to the matrices that they belong to.

    The update of `encoder_0/forward/kernel` is called `encoder_0/forward/lora_kernel_a` and `…_b`.
    """
    plain = {}
    for name, values in weights.items():
        layer, _, own = name.rpartition("/")
        if own.startswith("lora_"):
            continue
        a, b = (weights.get(f"{layer}/lora_{own}_{part}") for part in "ab")
        plain[name] = values if a is None or b is None else values + a @ b
    return plain
