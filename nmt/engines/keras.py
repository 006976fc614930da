"""Search on the Keras model itself: the reference, used while training and for fine-tuning.

Axis letters: B sentences, K beam, S source, M candidates, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nmt import backend
from nmt.batches import pad
from nmt.model import Memory, TranslationModel
from nmt.search import Step
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID

Tensor = Any


class KerasState(NamedTuple):
    """Decoder state of B sentences with K hypotheses each."""

    memory: Memory  # B rows
    states: tuple[tuple[Tensor, Tensor], ...]  # per decoder layer h, c: (B·K, H)
    beam: int  # K


class KerasEngine:
    """Runs a `TranslationModel` for `nmt.search`.

    Args:
        model: with its weights loaded.
    """

    def __init__(self, model: TranslationModel):
        self._model = model
        forbidden = np.zeros(model.config.target_vocab_size, dtype=np.float32)
        forbidden[[PAD_ID, UNKNOWN_ID, BOS_ID]] = -1e9  # never a next token; their share goes to the others
        self._forbidden = forbidden
        self._encode = backend.compiled(self._encode_graph)
        self._step = backend.compiled(self._step_graph)

    def encode(self, sources: Sequence[Sequence[int]]) -> KerasState:
        """See `Engine.encode`."""
        values, keys, mask, states = self._encode(ops.convert_to_tensor(pad(sources), dtype="int32"))
        return KerasState(Memory(values, keys, mask), states, beam=1)

    def step(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: KerasState,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.StepFunction`."""
        num_sentences, beam = tokens.shape
        memory = state.memory
        if len(sentences) < memory.mask.shape[0]:
            memory = Memory(*(ops.take(part, sentences, axis=0) for part in memory))
        rows = (sentences[:, None] * state.beam + parents).reshape(-1).astype("int32")
        result = self._step(
            ops.convert_to_tensor(tokens.reshape(-1, 1).astype("int32")),
            ops.convert_to_tensor(rows),
            ops.convert_to_tensor(np.repeat(np.arange(num_sentences, dtype="int32"), beam)),
            memory,
            state.states,
        )
        log_probs, attention, states = result
        count = min(num_candidates, int(log_probs.shape[-1]))
        top_log_probs, top_ids = ops.top_k(log_probs, count)
        return Step(
            ids=_grid(top_ids, beam),
            log_probs=_grid(top_log_probs, beam),
            end_log_probs=_grid(log_probs[:, EOS_ID], beam),
            attention=_grid(attention, beam),
            state=KerasState(memory, states, beam),
            all_log_probs=_grid(log_probs, beam) if full else None,
        )

    def _encode_graph(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
        memory, states = self._model.encode(source)
        return memory.values, memory.keys, memory.mask, states

    def _step_graph(self, tokens: Tensor, rows: Tensor, owners: Tensor, memory: Memory, states: Any) -> Any:
        states = tuple(tuple(ops.take(part, rows, axis=0) for part in state) for state in states)
        memory = Memory(*(ops.take(part, owners, axis=0) for part in memory))
        decoded = self._model.decode(tokens, memory, states)
        logits = ops.cast(decoded.logits[:, 0], "float32") + self._forbidden
        return ops.log_softmax(logits, axis=-1), decoded.attention[:, 0], decoded.states


def _grid(rows: Tensor, beam: int) -> np.ndarray:
    """(B·K, ...) -> (B, K, ...)."""
    values = ops.convert_to_numpy(rows)
    return np.reshape(values, (-1, beam, *values.shape[1:]))
