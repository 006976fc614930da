"""ONNX graphs of a model, made node by node from its named weights.

Two graphs: the encoder, and one step of the decoder with attention, softmax and the choice of the best tokens inside.
They do what `nmt.model` does; a test compares the two.

In 8 bits, weights have one scale per output channel and 63 steps to each side: processors without VNNI add pairs of
8-bit products in 16 bits and would saturate with more. Activations are scaled row by row, so what a sentence gives
does not depend on its neighbours: LSTM outputs by 1/127 (they are within ±1), embeddings by the scale that their row of
the table has anyhow, everything else by its largest value. No calibration data is needed.

Axis letters: B sentences, K beam, N = B·K, S source, D memory width, A attention width, H units, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nmt.bundle import DECODER, ENCODER
from nmt.config import ModelConfig
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID

OPSET, IR_VERSION = 20, 10  # ONNX Runtime 1.20 and later
MICROSOFT = "com.microsoft"
PRECISIONS = ("int8", "float32")
_STEPS = 63  # of an 8-bit weight, to each side
_STORED_STEPS = 127  # of a weight that is only stored in 8 bits

Weights = Mapping[str, np.ndarray]


@dataclass
class _Graph:
    """An ONNX graph in the making. Methods return the names of what they add."""

    int8: bool
    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)

    def add(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind.lower()}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def named(self, kind: str, output: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, values: Any, dtype: Any = None) -> str:
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def stored(self, values: np.ndarray, axes: tuple[int, ...]) -> str:
        """A float32 constant, kept in 8 bits with one scale along `axes`; ONNX Runtime unpacks it once, on loading."""
        if not self.int8:
            return self.constant(values, np.float32)
        integers, scales = quantize(values, axes, _STORED_STEPS)
        as_floats = self.add("Cast", self.constant(integers), to=TensorProto.FLOAT)
        return str(self.add("Mul", as_floats, self.constant(scales)))

    def quantized_rows(self, x: str) -> tuple[str, str]:
        """(N, D) -> unsigned 8-bit values around 128, and the factor (N, 1) that makes ±127 the largest of each row."""
        largest = self.add("ReduceMax", self.add("Abs", x), self.constant([-1], np.int64), keepdims=1)
        largest = self.add("Max", largest, self.constant(1e-6, np.float32))
        return self.quantized(self.add("Div", x, largest), 1 / 127), largest

    def quantized(self, x: str, scale: float) -> str:
        zero = self.constant(128, np.uint8)
        return str(self.add("QuantizeLinear", x, self.constant(scale, np.float32), zero))

    def product(self, x: str, scale: float, integers: str, scales: np.ndarray, bias: np.ndarray | None = None) -> str:
        """Quantized (N, D) times 8-bit (D, M) with a scale for each of M columns, plus bias (M,) -> float32 (N, M)."""
        biases = [] if bias is None else [self.constant(bias, np.float32)]
        zeros = self.constant(np.zeros(scales.size, np.int8))
        return str(
            self.add(
                "MatMulIntegerToFloat",
                x,
                integers,
                self.constant(scale, np.float32),
                self.constant(scales.reshape(-1)),
                self.constant(128, np.uint8),
                zeros,
                *biases,
                domain=MICROSOFT,
            )
        )

    def linear(self, x: str, kernel: np.ndarray) -> str:
        """Any float32 (N, D) times `kernel` (D, M)."""
        if not self.int8:
            return str(self.add("MatMul", x, self.constant(kernel, np.float32)))
        rows, factor = self.quantized_rows(x)
        integers, scales = quantize(kernel, (0,), _STEPS)
        return str(self.add("Mul", self.product(rows, 1 / 127, self.constant(integers), scales), factor))

    def bounded_linear(self, x: str, kernel: np.ndarray, bias: np.ndarray | None = None) -> str:
        """`linear` for values within ±1, such as LSTM outputs."""
        if not self.int8:
            y = self.linear(x, kernel)
            return y if bias is None else str(self.add("Add", y, self.constant(bias, np.float32)))
        integers, scales = quantize(kernel, (0,), _STEPS)
        return self.product(self.quantized(x, 1 / 127), 1 / 127, self.constant(integers), scales, bias)

    def norm(self, x: str, weights: Weights, name: str) -> str:
        scale, shift = (self.constant(weights[f"{name}/{part}"], np.float32) for part in ("gamma", "beta"))
        return str(self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-5))

    def model(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
        graph = helper.make_graph(self.nodes, name, list(inputs), list(outputs), self.initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nmt")
        onnx.checker.check_model(made)
        return bytes(made.SerializeToString())


def quantize(values: np.ndarray, axes: tuple[int, ...], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest integers within ±steps, and the scales (float32, `axes` of length 1) that give the values back."""
    scales = np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-12) / steps
    return np.round(values / scales).astype(np.int8), scales.astype(np.float32)


def build(config: ModelConfig, weights: Weights, precision: str = "int8") -> dict[str, bytes]:
    """Both graphs under the names that they have in a bundle."""
    return {
        ENCODER: encoder_graph(config, weights, precision),
        DECODER: decoder_graph(config, weights, precision),
    }


def encoder_graph(config: ModelConfig, weights: Weights, precision: str = "int8") -> bytes:
    """The encoder: source (B, S) int64 -> memory (B, S, D), keys (B, A, S), mask (B, 1, S), h (B, H).

    `mask` is 0 on real tokens and -1e9 on padding; `h` is the first decoder layer's state, the others start from zeros.
    """
    g = _Graph(int8=precision == "int8")
    real = g.add("Cast", g.add("Not", g.add("Equal", "source", g.constant(PAD_ID, np.int64))), to=TensorProto.FLOAT)
    count = g.add("ReduceSum", real, g.constant([1], np.int64), keepdims=1)  # -> (B, 1)
    lengths = g.add("Cast", g.add("Squeeze", count, g.constant([1], np.int64)), to=TensorProto.INT32)

    table = weights["source_embedding/table"] * config.embedding_dim**0.5
    steps = g.add("Transpose", "source", perm=[1, 0])
    x = g.add("Gather", g.stored(table, (1,)), steps)  # -> (S, B, E)
    directions = ("forward", "backward") if config.bidirectional else ("",)
    for k in range(config.encoder_layers):
        parts = [_lstm_weights(weights, f"encoder_{k}", direction) for direction in directions]
        kernel, recurrent, bias = (np.stack(arrays) for arrays in zip(*parts, strict=True))
        y = g.add(
            "LSTM",
            x,
            g.stored(kernel, (2,)),
            g.stored(recurrent, (2,)),
            g.constant(bias, np.float32),
            lengths,
            direction="bidirectional" if config.bidirectional else "forward",
            hidden_size=config.encoder_units,
        )  # -> (S, directions, B, H)
        shape = g.constant([0, 0, -1], np.int64)
        y = g.add("Reshape", g.add("Transpose", y, perm=[0, 2, 1, 3]), shape)  # -> (S, B, D)
        x = g.norm(g.add("Add", y, x) if k else y, weights, f"encoder_norm_{k}")
    memory = g.named("Transpose", "memory", x, perm=[1, 0, 2])
    keys = g.add("MatMul", memory, g.stored(weights["attention/key_kernel"], (0,)))
    g.named("Transpose", "keys", keys, perm=[0, 2, 1])
    outside = g.add("Mul", g.add("Sub", real, g.constant(1, np.float32)), g.constant(1e9, np.float32))
    g.named("Unsqueeze", "mask", outside, g.constant([1], np.int64))
    weighted = g.add("Mul", memory, g.add("Unsqueeze", real, g.constant([2], np.int64)))
    mean = g.add("Div", g.add("ReduceSum", weighted, g.constant([1], np.int64), keepdims=0), count)
    first = g.add("MatMul", mean, g.stored(weights["initial_state/kernel"], (0,)))
    g.named("Tanh", "h", g.add("Add", first, g.constant(weights["initial_state/bias"], np.float32)))
    memory_dim = config.encoder_units * len(directions)
    return g.model(
        "encoder",
        [helper.make_tensor_value_info("source", TensorProto.INT64, ["B", "S"])],
        [
            _floats("memory", "B", "S", memory_dim),
            _floats("keys", "B", config.attention_dim, "S"),
            _floats("mask", "B", 1, "S"),
            _floats("h", "B", config.decoder_units),
        ],
    )


def decoder_graph(config: ModelConfig, weights: Weights, precision: str = "int8") -> bytes:
    """One decoder step for N = B·K hypotheses.

    Inputs: tokens (N,) int64; rows (N,) int64, which row of the states each continues; beams (2,) int64 = [B, K];
    num_candidates (1,) int64, M; memory, keys, mask from the encoder; h_l, c_l (N before, H).

    Outputs: ids (N, M) int64, log_probs (N, M), end_log_probs (N, 1), attention (N, S), the states after, and
    on request all_log_probs (N, V).
    """
    g = _Graph(int8=precision == "int8")
    last = g.constant([-1], np.int64)
    # In 8 bits the table is stored once, as the output wants it, (E, V); its columns are the embeddings.
    integers, scales = quantize(weights["target_embedding/table"], (1,), _STEPS)
    columns = g.constant(np.ascontiguousarray(integers.T)) if g.int8 else ""
    x = ""
    for k in range(config.decoder_layers):
        from_input = g.linear(x, weights[f"decoder_{k}/kernel"]) if k else _from_tokens(g, weights, columns, scales)
        h = _cell(g, weights, k, from_input)
        if k == 0:
            context = _attend(g, config, weights, h, last)
            y = g.add("Add", h, g.linear(context, weights["context_projection/kernel"]))
        else:
            y = g.add("Add", h, x)
        x = g.norm(y, weights, f"decoder_norm_{k}")

    bias = g.constant(weights["output_projection/bias"], np.float32)
    vectors = g.add("Add", g.linear(x, weights["output_projection/kernel"]), bias)
    log_probs = _log_probs(g, weights, vectors, columns, scales)
    g.nodes.append(helper.make_node("TopK", [log_probs, "num_candidates"], ["log_probs", "ids"], axis=-1))
    start, stop, axis = (g.constant([number], np.int64) for number in (EOS_ID, EOS_ID + 1, 1))
    g.named("Slice", "end_log_probs", log_probs, start, stop, axis)
    return g.model("decoder", _decoder_inputs(config), _decoder_outputs(config))


def _from_tokens(g: _Graph, weights: Weights, columns: str, scales: np.ndarray) -> str:
    """What the newest tokens give to the gates of the first layer: (N, 4H)."""
    kernel, table = weights["decoder_0/kernel"], weights["target_embedding/table"]
    root = table.shape[1] ** 0.5
    if not g.int8:
        return g.linear(g.add("Gather", g.constant(table * root, np.float32), "tokens"), kernel)
    rows = g.add("Cast", g.add("Transpose", g.add("Gather", columns, "tokens", axis=1)), to=TensorProto.FLOAT)
    integers, kernel_scales = quantize(kernel, (0,), _STEPS)
    product = g.product(g.quantized(rows, 1.0), 1.0, g.constant(integers), kernel_scales)
    return str(g.add("Mul", product, g.add("Gather", g.constant(scales.reshape(-1, 1) * root), "tokens")))


def _cell(g: _Graph, weights: Weights, k: int, from_input: str) -> str:
    """One step of layer k; writes its outputs h_k_after and c_k_after and returns the first."""
    h, c = (g.add("Gather", f"{part}_{k}", "rows") for part in "hc")
    recurrent, bias = (weights[f"decoder_{k}/{name}"] for name in ("recurrent_kernel", "bias"))
    gates = g.add("Add", from_input, g.bounded_linear(h, recurrent, bias))
    i, f, candidate, o = g.add("Split", gates, outputs=4, axis=-1, num_outputs=4)
    kept = g.add("Mul", g.add("Sigmoid", f), c)
    written = g.add("Mul", g.add("Sigmoid", i), g.add("Tanh", candidate))
    c = g.named("Add", f"c_{k}_after", kept, written)
    return g.named("Mul", f"h_{k}_after", g.add("Sigmoid", o), g.add("Tanh", c))


def _log_probs(g: _Graph, weights: Weights, vectors: str, columns: str, scales: np.ndarray) -> str:
    """Log-probabilities (N, V) of the next token; writes the output all_log_probs."""
    if g.int8:
        rows, factor = g.quantized_rows(vectors)
        scores = g.add("Mul", g.product(rows, 1 / 127, columns, scales), factor)
    else:
        table = np.ascontiguousarray(weights["target_embedding/table"].T)
        scores = g.add("MatMul", vectors, g.constant(table, np.float32))
    bias = weights["target_embedding/bias"].astype(np.float32)
    bias[[PAD_ID, UNKNOWN_ID, BOS_ID]] = -1e9  # never a next token; their share goes to the others
    return g.named("LogSoftmax", "all_log_probs", g.add("Add", scores, g.constant(bias)), axis=-1)


def _attend(g: _Graph, config: ModelConfig, weights: Weights, h: str, last: str) -> str:
    """Context (N, D) for queries h (N, H); writes the output `attention` (N, S)."""
    query = g.bounded_linear(h, weights["attention/query_kernel"] * config.attention_dim**-0.5)
    query = g.add("Reshape", query, g.add("Concat", "beams", last, axis=0))  # -> (B, K, A)
    scores = g.add("Add", g.add("MatMul", query, "keys"), "mask")  # -> (B, K, S)
    attention = g.add("Softmax", scores, axis=-1)
    num_source = g.add("Shape", "mask", start=2)
    g.named("Reshape", "attention", attention, g.add("Concat", last, num_source, axis=0))
    context = g.add("MatMul", attention, "memory")  # -> (B, K, D)
    memory_dim = g.add("Shape", "memory", start=2)
    return str(g.add("Reshape", context, g.add("Concat", last, memory_dim, axis=0)))


def _lstm_weights(weights: Weights, layer: str, direction: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keras's (D, 4H), (H, 4H), (4H,) in gates i f c o as ONNX's (4H, D), (4H, H), (8H,) in gates i o f c."""
    prefix = f"{layer}/{direction}" if direction else layer

    def reordered(values: np.ndarray) -> np.ndarray:
        i, f, c, o = np.split(values, 4, axis=-1)
        return np.concatenate([i, o, f, c], axis=-1)

    kernel, recurrent, bias = (reordered(weights[f"{prefix}/{w}"]) for w in ("kernel", "recurrent_kernel", "bias"))
    return kernel.T, recurrent.T, np.concatenate([bias, np.zeros_like(bias)])


def _floats(name: str, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _integers(name: str, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.INT64, list(shape))


def _decoder_inputs(config: ModelConfig) -> list[Any]:
    memory_dim = config.encoder_units * (2 if config.bidirectional else 1)
    return [
        _integers("tokens", "N"),
        _integers("rows", "N"),
        _integers("beams", 2),
        _integers("num_candidates", 1),
        _floats("memory", "B", "S", memory_dim),
        _floats("keys", "B", config.attention_dim, "S"),
        _floats("mask", "B", 1, "S"),
        *(_floats(f"{p}_{k}", "before", config.decoder_units) for k in range(config.decoder_layers) for p in "hc"),
    ]


def _decoder_outputs(config: ModelConfig) -> list[Any]:
    return [
        _integers("ids", "N", "M"),
        _floats("log_probs", "N", "M"),
        _floats("end_log_probs", "N", 1),
        _floats("attention", "N", "S"),
        *(_floats(f"{p}_{k}_after", "N", config.decoder_units) for k in range(config.decoder_layers) for p in "hc"),
        _floats("all_log_probs", "N", config.target_vocab_size),
    ]
