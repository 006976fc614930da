"""Updates of the optimizer from one batch or several, also where a batch does not fit in memory.

The loss is a mean over target tokens. Of batches that make one update together, each counts by its share of their
tokens, so that the update is that of the joint batch; the same holds for the halves of a batch.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nmt import backend
from nmt.backend import keras, ops, processes
from nmt.backend.updates import Batch, Logs, Steps
from nmt.errors import ConfigError, TrainingError
from nmt.tokenizer import PAD_ID


class Updates:
    """Makes updates; it remembers from which size on a batch does not fit in memory.

    Args:
        steps: the parts of an update.
        tell: takes a line for the reader, where a batch is halved for the first time at its size.
    """

    def __init__(self, steps: Steps, tell: Callable[[str], None]):
        self._steps, self._tell = steps, tell
        self._too_many = math.inf  # cells

    def __call__(self, batches: Sequence[Batch]) -> Logs:
        """One update from all of these batches.

        Raises:
            TrainingError: a single pair does not fit in memory.
        """
        if len(batches) == 1 and _num_cells(batches[0]) < self._too_many:
            try:
                return self._steps.whole(batches[0])
            except Exception as error:
                self._remember(batches[0], error)
        return self._from_parts(batches)

    def _from_parts(self, batches: Sequence[Batch]) -> Logs:
        num_tokens = sum(map(_num_tokens, batches))
        waiting = list(reversed(batches))
        total: list[Any] = []
        while waiting:
            batch = waiting.pop()
            count = _num_tokens(batch)
            if not count:  # rows that fill a batch up
                continue
            if _num_cells(batch) >= self._too_many and _num_rows(batch) > 1:
                waiting += reversed(_halves(batch))
                continue
            try:
                gradients = self._steps.gradients(batch, count / num_tokens)
            except Exception as error:
                self._remember(batch, error)
                waiting.append(batch)
                continue
            total = [a + b for a, b in zip(total, gradients, strict=True)] if total else gradients
        return self._steps.apply(total)

    def _remember(self, batch: Batch, error: Exception) -> None:
        """Note a size that does not fit; raise the error again where it says something else."""
        if not self._steps.is_out_of_memory(error):
            raise error
        rows, source, target = _shape(batch)
        if rows == 1:
            raise TrainingError(
                f"not even a single pair of {source} source and {target} target tokens fits in memory; "
                "lower [data] max_tokens, or the sizes in [model]"
            ) from None
        self._too_many = min(self._too_many, _num_cells(batch))
        self._tell(
            f"a batch of {rows} pairs of up to {source} source and {target} target tokens does not fit in memory: it "
            "and others of its size are halved, which changes nothing but the time; a lower batch_tokens avoids it"
        )


def install(model: keras.Model, batches_per_update: int, tell: Callable[[str], None]) -> None:
    """Let `fit` make a compiled model's updates in this way."""
    if batches_per_update > 1 and processes.count() > 1:
        raise ConfigError(
            "several processes share each batch and do not accumulate: set accumulate = 1, and batch_tokens to the "
            "target tokens of an update"
        )
    steps = backend.steps(model)
    model.steps_per_execution = batches_per_update
    model.train_function = steps.train_function(Updates(steps, tell))


def _shape(batch: Batch) -> tuple[int, int, int]:
    """Rows, columns of the source, columns of the target."""
    x, _ = batch
    return x["source"].shape[0], x["source"].shape[1], x["target"].shape[1]


def _num_rows(batch: Batch) -> int:
    return _shape(batch)[0]


def _num_cells(batch: Batch) -> int:
    rows, source, target = _shape(batch)
    return rows * (source + target)


def _num_tokens(batch: Batch) -> int:
    """Of the target; padding is none."""
    return int(np.count_nonzero(ops.convert_to_numpy(batch[1]) != PAD_ID))


def _halves(batch: Batch) -> list[Batch]:
    x, y = batch
    middle = _num_rows(batch) // 2
    return [({name: rows[part] for name, rows in x.items()}, y[part]) for part in (slice(middle), slice(middle, None))]
