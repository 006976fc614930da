"""Checkpoints: everything that the rest of a training run depends on, in one file that is replaced as a whole."""

import dataclasses
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nmt.backend import ops
from nmt.errors import TrainingError


@dataclass
class Progress:
    """Where a run is."""

    update: int = 0
    seconds: float = 0.0
    best_score: float = -1.0  # dev chrF
    best_update: int = 0
    rounds_without_gain: int = 0
    history: list[dict[str, float]] = field(default_factory=list)  # a record per round
    num_reductions: int = 0  # of the learning rate, with the schedule "plateau"
    rounds_on_plateau: int = 0  # since the last gain or reduction

    def record(self, loss: float, scores: Mapping[str, float], tokens_per_update: float) -> None:
        """Note the end of a round."""
        self.rounds_without_gain += 1
        if scores["chrF"] > self.best_score:
            self.best_score, self.best_update, self.rounds_without_gain = scores["chrF"], self.update, 0
        speed = tokens_per_update * self.update / max(self.seconds, 1e-9)
        self.history.append(
            {
                "update": self.update,
                "hours": round(self.seconds / 3600, 4),
                "loss": round(loss, 4),
                "target_tokens_per_second": round(speed, 1),
                **{f"dev {name}": round(value, 3) for name, value in scores.items()},
            }
        )

    def watch_plateau(self, patience: int) -> None:
        """Lower the learning rate if the score of `record` is the last of so many without a gain."""
        self.rounds_on_plateau = self.rounds_on_plateau + 1 if self.rounds_without_gain else 0
        if self.rounds_on_plateau >= patience:
            self.num_reductions, self.rounds_on_plateau = self.num_reductions + 1, 0


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays so that `path` is at every moment the old file or the new one, whole.

    Raises:
        TrainingError: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_suffix(".writing")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **dict(arrays))  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> TrainingError:
    """What to say when a file of a run could not be written."""
    return TrainingError(
        f"cannot write {path}: {error.strerror or error}; mend that and run the same command again: "
        "it continues from the last checkpoint"
    )


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read what `save_arrays` wrote.

    Raises:
        TrainingError: missing or damaged.
    """
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"cannot read {path}: {error}; restore the file, or delete the folder {path.parent} to start again"
        ) from None


def snapshot(model: Any) -> list[np.ndarray]:
    """All that training changes in a compiled model, for `restore`."""
    return [ops.convert_to_numpy(ops.convert_to_tensor(variable)).copy() for variable in _variables(model)]


def is_finite(model: Any) -> bool:
    """Whether all that training changes in a compiled model is still numbers."""
    return all(bool(np.isfinite(value).all()) for value in snapshot(model) if np.issubdtype(value.dtype, np.floating))


def restore(model: Any, values: list[np.ndarray]) -> None:
    """Undo what has been trained since the snapshot."""
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)


def save_checkpoint(path: Path, model: Any, progress: Progress) -> None:
    """Save weights, random states, optimizer (with its averages) and progress."""
    tensors = map(ops.convert_to_tensor, _variables(model))
    arrays = {f"{k:04d}": ops.convert_to_numpy(tensor) for k, tensor in enumerate(tensors)}
    arrays["progress"] = np.array(json.dumps(dataclasses.asdict(progress)))
    save_arrays(path, arrays)


def load_checkpoint(path: Path, model: Any) -> Progress | None:
    """Put a saved state back into a compiled model; None where there is none.

    Raises:
        TrainingError: the file is damaged or of another network.
    """
    if not path.exists():
        return None
    arrays = load_arrays(path)
    variables = {f"{k:04d}": variable for k, variable in enumerate(_variables(model))}
    fits = arrays.keys() == {*variables, "progress"} and all(
        arrays[name].shape == tuple(variable.shape) for name, variable in variables.items()
    )
    if not fits:
        raise TrainingError(f"{path} is of another network, or of other vocabularies; choose another folder with --out")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return Progress(**json.loads(str(arrays["progress"])))


def _variables(model: Any) -> list[Any]:
    """All that training changes: weights, seeds of the noise, optimizer."""
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    return [v for v in model.variables if id(v) not in metrics] + list(model.optimizer.variables)
