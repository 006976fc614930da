"""What runs a network while searching: Keras under any backend, or ONNX Runtime."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nmt.search.beam import State, Step


class Engine(Protocol):
    """A trained network, ready to translate. Safe to share between threads: all state is in the arguments."""

    def encode(self, sources: Sequence[Sequence[int]]) -> State:
        """Read B source sentences (ids, EOS last, none empty) into the state before the first step."""

    def step(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: State,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """One step, as `nmt.search.beam.StepFunction`."""
