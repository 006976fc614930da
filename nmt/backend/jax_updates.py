"""An optimizer's updates under JAX, where `fit` hands the values of all variables over; see `nmt.backend.updates`."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import keras

from nmt.backend.updates import Batch, Logs, Update

Tensor = Any
# Values of the trainable, the other, the optimizer's and the metrics' variables.
Values = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]


class Steps:
    """See `nmt.backend.updates.Steps`."""

    def __init__(self, model: keras.Model):
        self._model = model
        model.make_train_function(force=True)
        self._whole = model.train_function  # Keras's own, which knows how the variables are spread over devices
        self._gradients = jax.jit(self._gradients_graph)
        self._apply = jax.jit(self._apply_graph)
        self._values: Values = ([], [], [], [])

    def train_function(self, update: Update) -> Callable[[Values, Iterator[Batch]], tuple[Logs, Values]]:
        """See `nmt.backend.updates.Steps`."""

        def function(values: Values, batches: Iterator[Batch]) -> tuple[Logs, Values]:
            self._values = values
            return update([next(batches) for _ in range(self._model.steps_per_execution)]), self._values

        return function

    def whole(self, batch: Batch) -> Logs:
        """See `nmt.backend.updates.Steps`."""
        logs: Logs
        logs, self._values = self._whole(self._values, iter([batch]))
        return logs

    def gradients(self, batch: Batch, share: float) -> list[Tensor]:
        """See `nmt.backend.updates.Steps`."""
        gradients: list[Tensor]
        gradients, others, metrics = self._gradients(self._values, batch, share)
        self._values = (self._values[0], others, self._values[2], metrics)
        return gradients

    def apply(self, gradients: Sequence[Tensor]) -> Logs:
        """See `nmt.backend.updates.Steps`."""
        logs: Logs
        logs, self._values = self._apply(self._values, list(gradients))
        return logs

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See `nmt.backend.updates.Steps`."""
        # A failed update may have given up the memory of the values it began with: then there is nothing to go on from.
        # Several processes must all do the same, and one alone does not know that another has failed.
        return (
            isinstance(error, jax.errors.JaxRuntimeError)
            and "RESOURCE_EXHAUSTED" in str(error)
            and jax.process_count() == 1
            and not any(value.is_deleted() for value in jax.tree.leaves(self._values))
        )

    def _gradients_graph(
        self, values: Values, batch: Batch, share: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        trainable, others, optimizer, metrics = values
        x, y = batch

        @functools.partial(jax.grad, has_aux=True)
        def gradients_at(trainable: list[Tensor]) -> tuple[Tensor, tuple[list[Tensor], list[Tensor]]]:
            loss, (_, _, others_after, metrics_after) = self._model.compute_loss_and_updates(
                trainable, others, metrics, x, y, None, training=True, optimizer_variables=optimizer
            )
            return share * loss, (others_after, metrics_after)

        gradients, (others, metrics) = gradients_at(trainable)
        return gradients, others, metrics

    def _apply_graph(self, values: Values, gradients: list[Tensor]) -> Any:
        trainable, others, optimizer, metrics = values
        trainable, optimizer = self._model.optimizer.stateless_apply(optimizer, gradients, trainable)
        known = self._model.metrics_variables
        with keras.StatelessScope(state_mapping=list(zip(known, metrics, strict=True))):
            logs = dict(self._model.get_metrics_result())
        return logs, (trainable, others, optimizer, metrics)
