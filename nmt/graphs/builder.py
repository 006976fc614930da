"""What both graphs are made with: nodes, constants, and products in either precision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 20, 10  # ONNX Runtime 1.20 and later
MICROSOFT = "com.microsoft"
PRECISIONS = ("int8", "float32")
STEPS = 63  # of an 8-bit weight, to each side
STORED_STEPS = 127  # of a weight that is only stored in 8 bits
ZERO = 128  # of unsigned 8-bit activations
NORM_STEP = 1 / 16  # of normalised values: they have variance 1, and what lies beyond ±8 is cut

Weights = Mapping[str, np.ndarray]


@dataclass
class Graph:
    """An ONNX graph in the making. Methods return the names of what they add."""

    int8: bool
    prefix: str = ""
    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)

    def add(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{self.prefix}{kind.lower()}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def named(self, kind: str, output: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, values: Any, dtype: Any = None) -> str:
        name = f"{self.prefix}constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def unpacked(self, integers: str, scales: np.ndarray) -> str:
        """Float32 values of 8-bit constants; ONNX Runtime computes what depends on constants alone once, on loading."""
        return str(self.add("Mul", self.add("Cast", integers, to=TensorProto.FLOAT), self.constant(scales)))

    def stored(self, values: np.ndarray, axes: tuple[int, ...]) -> str:
        """A float32 constant, kept in 8 bits with one scale along `axes`."""
        if not self.int8:
            return self.constant(values, np.float32)
        integers, scales = quantize(values, axes, STORED_STEPS)
        return self.unpacked(self.constant(integers), scales)

    def bounded(self, x: str) -> str:
        """Values within ±1 as products want them: unsigned 8 bits in steps of 1/127, or as they are."""
        if not self.int8:
            return x
        return str(self.add("QuantizeLinear", x, self.constant(1 / 127, np.float32), self.constant(ZERO, np.uint8)))

    def bounded_product(self, x: str, kernel: np.ndarray, bias: np.ndarray | None = None) -> str:
        """What `bounded` gave, (N, D), times `kernel` (D, M), plus bias (M,) -> float32 (N, M)."""
        if self.int8:
            integers, scales = quantize(kernel, (0,), STEPS)
            return self.integer_product(x, 1 / 127, self.constant(integers), scales, bias)
        product = self.add("MatMul", x, self.constant(kernel, np.float32))
        return str(product if bias is None else self.add("Add", product, self.constant(bias, np.float32)))

    def normed_product(self, x: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """What `unit_norm` gave, (N, D), times `kernel` (D, M), plus bias -> (N, M)."""
        if not self.int8:
            return self.bounded_product(x, kernel, bias)
        integers, scales = quantize(kernel, (0,), STEPS)
        scale, zero = self.constant(NORM_STEP, np.float32), self.constant(ZERO, np.uint8)
        return self.integer_product(
            self.add("QuantizeLinear", x, scale, zero), NORM_STEP, self.constant(integers), scales, bias
        )

    def integer_product(
        self, x: str, scale: float, integers: str, scales: np.ndarray, bias: np.ndarray | None = None
    ) -> str:
        """Unsigned 8-bit (N, D) times 8-bit (D, M) with a scale for each of M columns, plus bias -> float32 (N, M)."""
        return str(
            self.add(
                "MatMulIntegerToFloat",
                x,
                integers,
                self.constant(scale, np.float32),
                self.constant(scales.reshape(-1)),
                self.constant(ZERO, np.uint8),
                self.constant(np.zeros(scales.size, np.int8)),
                *([] if bias is None else [self.constant(bias, np.float32)]),
                domain=MICROSOFT,
            )
        )

    def joined(self, rows: Sequence[str]) -> str:
        """(N, D) each -> (sum of N, D)."""
        return str(self.add("Concat", *rows, axis=0) if len(rows) > 1 else rows[0])

    def unit_norm(self, x: str, width: int) -> str:
        """(..., D) with mean 0 and variance 1; the gain and the bias of the layer go into what follows."""
        ones = self.constant(np.ones(width), np.float32)
        return str(self.add("LayerNormalization", x, ones, axis=-1, epsilon=1e-5))

    def affine(self, x: str, norm: "Norm") -> str:
        product = self.add("Mul", x, self.constant(norm.gain, np.float32))
        return str(self.add("Add", product, self.constant(norm.bias, np.float32)))

    def graph(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        return helper.make_graph(self.nodes, name, list(inputs), list(outputs), self.initializers)

    def model(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
        graph = self.graph(name, inputs, outputs)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nmt")
        onnx.checker.check_model(made)
        return bytes(made.SerializeToString())


@dataclass(frozen=True)
class Norm:
    """Gain and bias (D,) of a layer normalisation."""

    gain: np.ndarray
    bias: np.ndarray

    def absorbed(self, kernel: np.ndarray, bias: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (D, M) and bias (M,) that do on normalised values what the given ones do after gain and bias."""
        return self.gain[:, None] * kernel, self.bias @ kernel + bias


def norm(weights: Weights, name: str) -> Norm:
    return Norm(weights[f"{name}/gamma"], weights[f"{name}/beta"])


def quantize(values: np.ndarray, axes: tuple[int, ...], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest integers within ±steps, and the scales (float32, `axes` of length 1) that give the values back."""
    scales = np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-12) / steps
    return np.round(values / scales).astype(np.int8), scales.astype(np.float32)


# ---------------------------------------------------------------- types of inputs and outputs


def float_type(name: str, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape) or None)


def integer_type(name: str, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.INT64, list(shape))
