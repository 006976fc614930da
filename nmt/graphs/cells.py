"""One step of each cell, for the decoder (one way) and for the encoder's recurrence (one or two ways).

With two ways, each has its own recurrent weights, and their rows are one batch from the gates on: B rows of the first
way, then B of the second. Axis letters as in `nmt.graphs`; W ways, G gates.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from nmt.config import ModelConfig
from nmt.graphs.builder import Graph, Weights


class CellWeights(NamedTuple):
    """Of one layer in one direction."""

    kernel: np.ndarray  # (D, G·H)
    recurrent_kernel: np.ndarray  # (H, G·H)
    bias: np.ndarray  # (G·H,), added to the input's part
    recurrent_bias: np.ndarray | None  # (G·H,), added to the state's part


class LstmCell:
    """Gates in the order input, forget, output, candidate."""

    keeps_integers = True  # h only meets products, so it is kept as they want it

    def weights(self, weights: Weights, layer: str) -> CellWeights:
        """From Keras's order i f c o."""

        def reordered(values: np.ndarray) -> np.ndarray:
            i, f, c, o = np.split(values, 4, axis=-1)
            return np.concatenate([i, f, o, c], axis=-1)

        kernel, recurrent, bias = (reordered(weights[f"{layer}/{w}"]) for w in ("kernel", "recurrent_kernel", "bias"))
        return CellWeights(kernel, recurrent, bias, None)

    def step(
        self,
        g: Graph,
        gates: Sequence[str],
        h: Sequence[str],
        c: str,
        ways: Sequence[CellWeights],
        c_after: str,
        mask: str = "",
    ) -> str:
        """One step.

        Args:
            gates: per way what the input gives, (B, G·H).
            h: per way the h before as it is kept, (B, H).
            c: of all ways, (W·B, H), of a cell that has one.
            ways: the weights of each.
            c_after: what the c after is to be called.
            mask: (W·B, 1); where it is 0, the state after is too.

        Returns:
            The h after of all ways, float32 (W·B, H).
        """
        total, units = _sums(g, gates, h, ways), ways[0].recurrent_kernel.shape[0]
        three, candidate = g.add("Split", total, g.constant([3 * units, units], np.int64), outputs=2, axis=-1)
        i, f, o = g.add("Split", g.add("Sigmoid", three), outputs=3, axis=-1, num_outputs=3)
        kept, written = g.add("Mul", f, c), g.add("Mul", i, g.add("Tanh", candidate))
        if mask:
            g.named("Mul", c_after, g.add("Add", kept, written), mask)
        else:
            g.named("Add", c_after, kept, written)
        return str(g.add("Mul", o, g.add("Tanh", c_after)))


class SimpleRnnCell:
    """See `LstmCell`; no gates but the one, and no c."""

    keeps_integers = True

    def weights(self, weights: Weights, layer: str) -> CellWeights:
        """As Keras has them."""
        kernel, recurrent_kernel, bias = (weights[f"{layer}/{w}"] for w in ("kernel", "recurrent_kernel", "bias"))
        return CellWeights(kernel, recurrent_kernel, bias, None)

    def step(
        self,
        g: Graph,
        gates: Sequence[str],
        h: Sequence[str],
        c: str,
        ways: Sequence[CellWeights],
        c_after: str,
        mask: str = "",
    ) -> str:
        """See `LstmCell.step`."""
        after = g.add("Tanh", _sums(g, gates, h, ways))
        return str(g.add("Mul", after, mask) if mask else after)


class GruCell:
    """See `LstmCell`; gates in the order update, reset, candidate, and no c."""

    keeps_integers = False  # h is what it remembers: rounded anew at every step, small changes would be lost

    def weights(self, weights: Weights, layer: str) -> CellWeights:
        """As Keras has them, the two biases apart."""
        kernel, recurrent, bias = (weights[f"{layer}/{w}"] for w in ("kernel", "recurrent_kernel", "bias"))
        return CellWeights(kernel, recurrent, bias[0], bias[1])

    def step(
        self,
        g: Graph,
        gates: Sequence[str],
        h: Sequence[str],
        c: str,
        ways: Sequence[CellWeights],
        c_after: str,
        mask: str = "",
    ) -> str:
        """See `LstmCell.step`."""
        units = ways[0].recurrent_kernel.shape[0]
        products = [
            g.bounded_product(g.bounded(one), way.recurrent_kernel, way.recurrent_bias)
            for one, way in zip(h, ways, strict=True)
        ]
        sizes = g.constant([2 * units, units], np.int64)
        x_two, x_candidate = g.add("Split", g.joined(gates), sizes, outputs=2, axis=-1)
        h_two, h_candidate = g.add("Split", g.joined(products), sizes, outputs=2, axis=-1)
        two = g.add("Sigmoid", g.add("Add", x_two, h_two))
        update, reset = g.add("Split", two, outputs=2, axis=-1, num_outputs=2)
        candidate = g.add("Tanh", g.add("Add", x_candidate, g.add("Mul", reset, h_candidate)))
        kept = g.add("Mul", update, g.add("Sub", g.joined(h), candidate))
        after = g.add("Add", candidate, kept)
        return str(g.add("Mul", after, mask) if mask else after)


Cell = LstmCell | SimpleRnnCell | GruCell


def cell_of(config: ModelConfig) -> Cell:
    """The cell that the configuration names."""
    cells: dict[str, Cell] = {"lstm": LstmCell(), "gru": GruCell(), "simple_rnn": SimpleRnnCell()}
    return cells[config.cell]


def h_type(config: ModelConfig, int8: bool) -> int:
    """As what h is kept from step to step."""
    return TensorProto.UINT8 if int8 and cell_of(config).keeps_integers else TensorProto.FLOAT  # type: ignore[no-any-return]


def kept(g: Graph, cell: Cell, h: str) -> str:
    """A float32 h as it is kept."""
    return g.bounded(h) if cell.keeps_integers else h


def state_types(config: ModelConfig, int8: bool, name: str, rows: str) -> list[Any]:
    """The parts of the state of each decoder layer in turn; `name` is a format of their names."""
    kinds = {"h": h_type(config, int8), "c": TensorProto.FLOAT}
    return [
        helper.make_tensor_value_info(name.format(f"{part}_{k}"), kinds[part], [rows, config.decoder_units])
        for k in range(config.decoder_layers)
        for part in config.state_parts
    ]


def _sums(g: Graph, gates: Sequence[str], h: Sequence[str], ways: Sequence[CellWeights]) -> str:
    """What input and state give to the gates, (W·B, G·H)."""
    return g.joined(
        [
            g.add("Add", x, g.bounded_product(one, way.recurrent_kernel))
            for x, one, way in zip(gates, h, ways, strict=True)
        ]
    )
