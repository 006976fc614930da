"""What an update of the optimizer is made of, in the same terms under every backend.

`keras.Model.fit` calls a function for each update. Keras's own takes one batch and cannot be asked again when that did
not fit in memory; `Steps` are its parts, from which `nmt.training.updates` puts an update together.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras

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

    def gradients(self, batch: Batch, share: float) -> tuple[Tensor, list[Tensor]]:
        """The mean loss of a batch and its gradients, both times `share`; raises as `whole` does."""

    def apply(self, gradients: Sequence[Tensor], loss: Tensor, num_rows: int) -> Logs:
        """The update by these gradients; the loss is logged with the weight of so many rows."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether this says that a batch did not fit in memory and that a smaller one may be tried."""


def loss_tracker(model: keras.Model) -> Any:
    """Keras's running mean of the loss of a round."""
    return next(metric for metric in model.metrics if metric.name == "loss")
