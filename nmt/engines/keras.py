"""Search on the Keras model itself: the reference, used while training and for fine-tuning.

Axis letters: B sentences, K beam, S source, M candidates, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nmt import backend
from nmt.backend import ops
from nmt.network.model import Memory, TranslationModel
from nmt.network.recurrent import State
from nmt.search.beam import Step
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID, pad

Tensor = Any


class KerasState(NamedTuple):
    """Decoder state of B sentences with K hypotheses each. There may be more rows and columns, filled with anything."""

    memory: Memory  # B rows, S columns
    states: tuple[State, ...]  # per decoder layer h, and c of LSTMs: (B·K, H)
    num_sentences: int  # B
    beam: int  # K
    source_length: int  # S


class KerasEngine:
    """Runs a `TranslationModel` for `nmt.search.beam`.

    Args:
        model: with its weights loaded.
    """

    def __init__(self, model: TranslationModel):
        self._model = model
        forbidden = np.zeros(model.config.target_vocab_size, dtype=np.float32)
        forbidden[[PAD_ID, UNKNOWN_ID, BOS_ID]] = -1e9  # never a next token; their share goes to the others
        self._forbidden = forbidden
        self._encode = backend.compiled(self._encode_graph, model)
        self._step = backend.compiled(self._step_graph, model)

    def encode(self, sources: Sequence[Sequence[int]]) -> KerasState:
        """See `Engine.encode`."""
        source = pad(sources)
        num_sentences, length = source.shape
        source = _filled(source, backend.rounded(num_sentences))
        source = np.pad(source, ((0, 0), (0, backend.rounded(length) - length)), constant_values=PAD_ID)
        memory, states = self._encode(ops.convert_to_tensor(source, dtype="int32"))
        return KerasState(Memory(*memory), states, num_sentences, 1, length)

    def step(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: KerasState,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.beam.StepFunction`."""
        num_sentences, beam = tokens.shape
        num_rows, memory = backend.rounded(num_sentences), state.memory
        if num_sentences < state.num_sentences:
            kept = _filled(sentences, num_rows)
            memory = Memory(*(ops.take(part, kept, axis=0) for part in memory))
        parents = sentences[:, None] * state.beam + parents
        result = self._step(
            ops.convert_to_tensor(_filled(tokens, num_rows).reshape(-1, 1).astype("int32")),
            ops.convert_to_tensor(_filled(parents, num_rows).reshape(-1).astype("int32")),
            ops.convert_to_tensor(np.repeat(np.arange(num_rows, dtype="int32"), beam)),
            memory,
            state.states,
        )
        log_probs, attention, states = result
        count = min(num_candidates, int(log_probs.shape[-1]))
        top_log_probs, top_ids = ops.top_k(log_probs, count)

        def grid(rows: Tensor) -> np.ndarray:
            """(B·K, ...) and what fills up -> (B, K, ...)."""
            values = ops.convert_to_numpy(rows)
            return np.reshape(values, (-1, beam, *values.shape[1:]))[:num_sentences]

        return Step(
            ids=grid(top_ids),
            log_probs=grid(top_log_probs),
            end_log_probs=grid(log_probs[:, EOS_ID]),
            attention=grid(attention)[:, :, : state.source_length],
            state=KerasState(memory, states, num_sentences, beam, state.source_length),
            all_log_probs=grid(log_probs) if full else None,
        )

    def _encode_graph(self, source: Tensor) -> tuple[tuple[Tensor, ...], tuple[State, ...]]:
        memory, states = self._model.encode(source)
        return tuple(memory), states

    def _step_graph(
        self, tokens: Tensor, rows: Tensor, owners: Tensor, memory: Memory, states: tuple[State, ...]
    ) -> Any:
        states = tuple(tuple(ops.take(part, rows, axis=0) for part in state) for state in states)
        memory = Memory(*(ops.take(part, owners, axis=0) for part in memory))
        decoded = self._model.decode(tokens, memory, states)
        logits = ops.cast(decoded.logits[:, 0], "float32") + ops.convert_to_tensor(self._forbidden)
        return ops.log_softmax(logits, axis=-1), decoded.attention[:, 0], decoded.states


def _filled(rows: np.ndarray, count: int) -> np.ndarray:
    """`rows` and, up to `count` of them, the first again."""
    if len(rows) == count:
        return rows
    return np.concatenate([rows, np.repeat(rows[:1], count - len(rows), axis=0)])
