"""An optimizer's updates under TensorFlow; see `nmt.backend.updates`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from nmt.backend.updates import Batch, Logs, Update

Tensor = Any


class Steps:
    """See `nmt.backend.updates.Steps`."""

    def __init__(self, model: keras.Model):
        self._model = model
        self._seeds = [v for v in model.variables if "seed_generator_state" in v.path]
        # Graphs, made when the first batch shows its form; they are for batches of every shape.
        self._whole: Callable[..., Logs] | None = None
        self._gradients: Callable[..., Any] | None = None
        self._apply = tf.function(self._apply_graph, autograph=False)

    def train_function(self, update: Update) -> Callable[[Iterator[Batch]], Logs]:
        """See `nmt.backend.updates.Steps`."""
        count = self._model.steps_per_execution
        return lambda batches: update([next(batches) for _ in range(count)])

    def whole(self, batch: Batch) -> Logs:
        """See `nmt.backend.updates.Steps`."""
        if self._whole is None:
            self._whole = self._graph(self._model.train_step, batch)
        return self._with_seeds(self._whole, batch)

    def gradients(self, batch: Batch, share: float) -> list[Tensor]:
        """See `nmt.backend.updates.Steps`."""
        if self._gradients is None:
            self._gradients = self._graph(self._gradients_graph, batch, tf.TensorSpec((), tf.float32))
        return self._with_seeds(self._gradients, batch, tf.constant(share, tf.float32))  # type: ignore[no-any-return]

    def apply(self, gradients: Sequence[Tensor]) -> Logs:
        """See `nmt.backend.updates.Steps`."""
        return self._apply(list(gradients))  # type: ignore[no-any-return]

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See `nmt.backend.updates.Steps`."""
        return isinstance(error, tf.errors.ResourceExhaustedError)

    def _graph(self, function: Callable[..., Any], batch: Batch, *others: Any) -> Callable[..., Any]:
        specs = tf.nest.map_structure(lambda part: tf.TensorSpec([None] * part.shape.rank, part.dtype), batch)
        made: Callable[..., Any] = tf.function(
            function, input_signature=(specs, *others), autograph=False, jit_compile=self._model.jit_compile or None
        )
        return made

    def _with_seeds(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a graph; one that runs out of memory may have taken from the noise, which is given back."""
        before = [tf.identity(seed.value) for seed in self._seeds]
        try:
            return function(*arguments)
        except tf.errors.ResourceExhaustedError:
            for seed, value in zip(self._seeds, before, strict=True):
                seed.assign(value)
            raise

    def _gradients_graph(self, batch: Batch, share: Tensor) -> list[Tensor]:
        x, y = batch
        with tf.GradientTape() as tape:
            loss = share * self._model.compute_loss(x, y, self._model(x, training=True), training=True)
        weights = self._model.trainable_weights
        found: list[Tensor] = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return found

    def _apply_graph(self, gradients: list[Tensor]) -> Logs:
        self._model.optimizer.apply(gradients, self._model.trainable_weights)
        return dict(self._model.get_metrics_result())
