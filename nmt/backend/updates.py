"""What an update of the optimizer is made of, in the same terms under every backend.

`keras.Model.fit` calls a function for each update. Keras's own takes one batch and cannot be asked again when that did
not fit in memory; `Steps` are its parts, from which `nmt.training.updates` puts an update together.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

Tensor = Any
Batch = Any  # what `nmt.backend.feed` yields: (matrices by name, labels), in tensors of the backend
Logs = dict[str, Any]
Update = Callable[[Sequence[Batch]], Logs]


class Steps(Protocol):
    """The parts of an update of one compiled model."""

    def train_function(self, update: Update) -> Callable[..., Any]:
        """What `fit` is to call: it collects the batches of an update, `steps_per_execution` of them."""

    def whole(self, batch: Batch) -> Logs:
        """An update from one batch, by Keras's own step; what `fit` logs after it.

        Raises:
            whatever `is_out_of_memory` knows; nothing has changed then.
        """

    def gradients(self, batch: Batch, share: float) -> list[Tensor]:
        """The gradients of a batch's mean loss, times `share`; raises as `whole` does."""

    def apply(self, gradients: Sequence[Tensor]) -> Logs:
        """The update by these gradients; what `fit` logs after it."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether this says that a batch did not fit in memory and that a smaller one may be tried."""
