"""An optimizer's updates under torch; see `nmt.backend.updates`."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import torch

from nmt.backend.updates import Batch, Logs, Update

Tensor = Any


class Steps:
    """See `nmt.backend.updates.Steps`."""

    def __init__(self, model: keras.Model):
        self._model = model
        self._seeds = [v for v in model.variables if "seed_generator_state" in v.path]

    def train_function(self, update: Update) -> Callable[[Sequence[Batch]], Logs]:
        """See `nmt.backend.updates.Steps`."""
        return update

    def whole(self, batch: Batch) -> Logs:
        """See `nmt.backend.updates.Steps`."""
        return self._with_seeds(self._model.train_step, batch)  # type: ignore[no-any-return]

    def gradients(self, batch: Batch, share: float) -> list[Tensor]:
        """See `nmt.backend.updates.Steps`."""
        return self._with_seeds(self._gradients, batch, share)  # type: ignore[no-any-return]

    def apply(self, gradients: Sequence[Tensor]) -> Logs:
        """See `nmt.backend.updates.Steps`."""
        with torch.no_grad():
            self._model.optimizer.apply(list(gradients), self._model.trainable_weights)
        return dict(self._model.get_metrics_result())

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See `nmt.backend.updates.Steps`."""
        return isinstance(error, torch.OutOfMemoryError)

    def _gradients(self, batch: Batch, share: float) -> list[Tensor]:
        x, y = batch
        loss = share * self._model.compute_loss(x, y, self._model(x, training=True), training=True)
        weights = [variable.value for variable in self._model.trainable_weights]
        found = torch.autograd.grad(loss, weights, allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for g, w in zip(found, weights, strict=True)]

    def _with_seeds(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Compute; what runs out of memory may have taken from the noise, which is given back."""
        before = [seed.value.clone() for seed in self._seeds]
        try:
            return function(*arguments)
        except torch.OutOfMemoryError:
            for seed, value in zip(self._seeds, before, strict=True):
                seed.assign(value)
            raise
