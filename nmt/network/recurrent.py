"""The recurrent layers: LSTM, GRU and simple RNN, and two of them reading in both directions.

The input projections of all steps are one matrix product; only the recurrence runs step by step. There is no mask: pad
on the right and ignore the outputs there.

Axis letters: B batch, T time, D width, H units.
"""

from typing import Any, ClassVar

from nmt import backend
from nmt.backend import fused, keras, ops
from nmt.network.lowrank import LowRankLayer

Tensor = Any
State = tuple[Tensor, ...]  # each (B, H): h and c of an LSTM, h of the others


class Recurrent(LowRankLayer):
    """What the three have in common.

    Weights as in Keras's layers of the same kind, with G gates: kernel (D, G·H), recurrent_kernel (H, G·H) and bias.

    Args:
        units: H.
        weight_drop: share of the recurrent kernel's entries zeroed while training (Merity et al. 2017, section 2).
    """

    KERNELS = ("kernel", "recurrent_kernel")
    CELL: ClassVar[str]  # as ModelConfig.cell has it
    NUM_GATES: ClassVar[int]
    NUM_STATES: ClassVar[int] = 1

    def __init__(self, units: int, weight_drop: float = 0.0, **options: Any):
        super().__init__(autocast=False, **options)  # the state stays float32 whatever the products are
        self.units = units
        self.weight_drop = backend.dropout(weight_drop, rank=2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = self.NUM_GATES * self.units
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], width))
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, width), initializer="orthogonal"
        )
        self.bias = self.add_bias()

    def add_bias(self) -> Any:
        """The layer's biases, as they are before training."""
        return self.add_weight(name="bias", shape=(self.NUM_GATES * self.units,), initializer="zeros")

    def call(self, inputs: Tensor, state: State | None = None, training: bool = False) -> tuple[Tensor, State]:
        """(B, T, D), state before -> (B, T, H), state after the last step (of the padded length)."""
        inputs = ops.cast(inputs, self.compute_dtype)
        kernel, bias = (ops.cast(weight, self.compute_dtype) for weight in (self.updated("kernel"), self.bias))
        recurrent_kernel = self.weight_drop(
            ops.cast(self.updated("recurrent_kernel"), self.compute_dtype), training=training
        )
        if state is None:
            state = (ops.zeros((ops.shape(inputs)[0], self.units), dtype="float32"),) * self.NUM_STATES
        inputs = ops.transpose(inputs, (1, 0, 2))
        if run := fused.chosen(self.CELL, inputs.shape[0], self.compute_dtype):
            outputs, state = run(inputs, kernel, recurrent_kernel, bias, state)
        else:
            projected = ops.matmul(inputs, kernel)  # -> (T, B, G·H)
            outputs, state = self.scan(projected, recurrent_kernel, bias, state)
        return ops.transpose(outputs, (1, 0, 2)), state

    def scan(self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State) -> tuple[Tensor, State]:
        """Input times kernel (T, B, G·H) -> outputs (T, B, H), state after the last step."""
        raise NotImplementedError


class LSTM(Recurrent):
    """Long short-term memory: Hochreiter & Schmidhuber 1997; Gers et al. 2000.

    Gates in the order input, forget, candidate, output.
    """

    CELL, NUM_GATES, NUM_STATES = "lstm", 4, 2

    def add_bias(self) -> Any:
        """(4H,)"""
        return self.add_weight(name="bias", shape=(4 * self.units,), initializer=_forget_gate_open)

    def scan(self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State) -> tuple[Tensor, State]:
        """See `nmt.backend.lstm_scan`."""
        return backend.lstm_scan(projected + bias, recurrent_kernel, *state)


class GRU(Recurrent):
    """Gated recurrent unit: Cho et al. 2014, in the form of cuDNN (Keras's `reset_after`).

    Gates in the order update, reset, candidate.
    """

    CELL, NUM_GATES = "gru", 3

    def add_bias(self) -> Any:
        """(2, 3H): what is added to the input's part, and to the state's."""
        return self.add_weight(name="bias", shape=(2, 3 * self.units), initializer="zeros")

    def scan(self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State) -> tuple[Tensor, State]:
        """See `nmt.backend.gru_scan`."""
        return backend.gru_scan(projected + bias[0], recurrent_kernel, bias[1], *state)


class SimpleRNN(Recurrent):
    """One tanh layer that sees its own last output (Elman 1990)."""

    CELL, NUM_GATES = "simple_rnn", 1

    def scan(self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: State) -> tuple[Tensor, State]:
        """See `nmt.backend.simple_rnn_scan`."""
        return backend.simple_rnn_scan(projected + bias, recurrent_kernel, *state)


CELLS: dict[str, type[Recurrent]] = {cell.CELL: cell for cell in (LSTM, GRU, SimpleRNN)}


def _forget_gate_open(shape: tuple[int, ...], dtype: Any = None) -> Tensor:
    """Bias 1 on the forget gate, 0 elsewhere (Jozefowicz et al. 2015, section 2.2)."""
    units = shape[0] // 4
    return ops.concatenate(
        [ops.zeros(units, dtype=dtype), ops.ones(units, dtype=dtype), ops.zeros(2 * units, dtype=dtype)]
    )


class Bidirectional(keras.layers.Layer):
    """One layer reading forwards and one backwards, their outputs side by side (Schuster & Paliwal 1997).

    The backward one starts at each sentence's true last word, so padding changes nothing.

    Args:
        cell: the kind of both.
        units: H of each.
        weight_drop: see `Recurrent`.
    """

    def __init__(self, cell: type[Recurrent], units: int, weight_drop: float = 0.0, **options: Any):
        super().__init__(**options)
        self.forward_rnn = cell(units, weight_drop, name="forward")
        self.backward_rnn = cell(units, weight_drop, name="backward")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.forward_rnn.build(input_shape)
        self.backward_rnn.build(input_shape)

    def call(self, inputs: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """(B, T, D), (B,) -> (B, T, 2H)."""
        forwards, _ = self.forward_rnn(inputs, training=training)
        backwards, _ = self.backward_rnn(backend.reverse_by_length(inputs, lengths), training=training)
        return ops.concatenate([forwards, backend.reverse_by_length(backwards, lengths)], axis=-1)
