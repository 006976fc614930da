"""Search on ONNX Runtime: what serving uses. Needs neither Keras nor TensorFlow.

Axis letters: B sentences, K beam, N = B·K, S source, H units, M candidates.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# ONNX Runtime's Linux builds collect usage events (from 1.31 on) and would send them; read when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from nmt.errors import BundleError
from nmt.search.beam import Step


@dataclass(frozen=True, eq=False)
class OnnxState:
    """Decoder state of B sentences with K hypotheses each."""

    memory: tuple[np.ndarray, ...]  # what the encoder hands over for the attention, each with B rows
    states: tuple[np.ndarray, ...]  # h (and c of LSTMs) of each decoder layer in turn, each (B·K, H)
    beam: int  # K


class OnnxEngine:
    """Runs the graphs of a bundle for `nmt.search.beam`, each call in the thread of its caller.

    Args:
        encoder, decoder: the graph files.

    Raises:
        BundleError: a file is not a graph of ours.
    """

    def __init__(self, encoder: Path, decoder: Path):
        self._encoder, self._decoder = _session(encoder), _session(decoder)
        inputs = {one.name: one.shape for one in self._decoder.get_inputs()}
        after = {one.name for one in self._decoder.get_outputs()}
        given = {one.name for one in self._encoder.get_outputs()}
        asked = {one.name for one in self._encoder.get_inputs()}
        # What the decoder hands back is its state; what else it takes from the encoder is the memory.
        self._state_names = [name for name in inputs if f"{name}_after" in after]
        self._memory_names = [name for name in inputs if name in given and name not in self._state_names]
        own = {"tokens", "rows", "beams", "num_candidates"}
        if asked != {"source"} or not {"mask", "h_0"} <= inputs.keys() <= given | own or "h_0" not in self._state_names:
            raise BundleError(f"{decoder.parent}: {encoder.name} and {decoder.name} are not the graphs of a translator")
        self.decoder_units = int(inputs["h_0"][1])
        self.vocab_size = int(next(o.shape[1] for o in self._decoder.get_outputs() if o.name == "all_log_probs"))
        self._encoder_outputs = [*self._memory_names, *self._state_names]
        self._outputs = ["ids", "log_probs", "end_log_probs", "attention", *(f"{n}_after" for n in self._state_names)]

    def encode(self, sources: Sequence[Sequence[int]]) -> OnnxState:
        """See `Engine.encode`."""
        # ONNX Runtime sums an odd number of terms for a single row in another order than those and a zero: with an even
        # width a sentence's context, and all that follows from it, is the same beside a longer one to the last bit.
        width = max(map(len, sources))
        source = np.zeros((len(sources), width + width % 2), dtype=np.int64)
        for row, ids in zip(source, sources, strict=True):
            row[: len(ids)] = ids
        found = self._encoder.run(self._encoder_outputs, {"source": source})
        count = len(self._memory_names)
        return OnnxState(tuple(found[:count]), tuple(found[count:]), beam=1)

    def step(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: OnnxState,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.beam.StepFunction`."""
        num_sentences, beam = tokens.shape
        memory = state.memory
        if num_sentences < len(memory[0]):
            memory = tuple(part[sentences] for part in memory)
        feeds: dict[str, Any] = {
            "tokens": tokens.reshape(-1).astype(np.int64, copy=False),
            "rows": (sentences[:, None] * state.beam + parents).reshape(-1).astype(np.int64, copy=False),
            "beams": np.array([num_sentences, beam], dtype=np.int64),
            "num_candidates": np.array([min(num_candidates, self.vocab_size)], dtype=np.int64),
            **dict(zip(self._memory_names, memory, strict=True)),
            **dict(zip(self._state_names, state.states, strict=True)),
        }
        wanted = [*self._outputs, "all_log_probs"] if full else self._outputs
        ids, log_probs, end_log_probs, attention, *rest = self._decoder.run(wanted, feeds)
        states, of_all = rest[: len(self._state_names)], rest[len(self._state_names) :]
        grid = (num_sentences, beam)
        return Step(
            ids=ids.reshape(*grid, -1),
            log_probs=log_probs.reshape(*grid, -1),
            end_log_probs=end_log_probs.reshape(grid),
            attention=attention.reshape(*grid, -1),
            state=OnnxState(memory, tuple(states), beam),
            all_log_probs=of_all[0].reshape(*grid, -1) if full else None,
        )


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one step is too small to share; two batches side by side gain far more
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from None
    except Exception as error:  # ONNX Runtime raises its own kinds, all derived from Exception alone
        raise BundleError(f"{path} is damaged or not an ONNX graph: {error}") from None
