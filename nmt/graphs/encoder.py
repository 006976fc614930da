"""The encoder as an ONNX graph. Axis letters as in `nmt.graphs`."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto, helper

from nmt.config import ModelConfig
from nmt.graphs.builder import (
    STEPS,
    STORED_STEPS,
    ZERO,
    Graph,
    Norm,
    Weights,
    float_type,
    gate_weights,
    memory_types,
    norm,
    quantize,
    state_types,
)
from nmt.tokenizer import PAD_ID


def encoder_graph(config: ModelConfig, weights: Weights, precision: str = "int8") -> bytes:
    """The encoder: source (B, S) int64 -> values (B, S, H), keys (B, H, S), mask (B, 1, S), h_l and c_l (B, H).

    `values` is the memory as its projection adds it to the decoder's output, `keys` as it meets the first layer's
    output; `mask` is 0 on real tokens and -1e9 on padding; h and c are the decoder's state before its first step.
    """
    g = Graph(int8=precision == "int8")
    real = g.add("Cast", g.add("Not", g.add("Equal", "source", g.constant(PAD_ID, np.int64))), to=TensorProto.FLOAT)
    outside = g.add("Mul", g.add("Sub", real, g.constant(1, np.float32)), g.constant(1e9, np.float32))
    g.named("Unsqueeze", "mask", outside, g.constant([1], np.int64))

    steps = g.add("Transpose", "source", perm=[1, 0])
    real = g.add("Unsqueeze", g.add("Transpose", real, perm=[1, 0]), g.constant([2], np.int64))  # -> (S, B, 1)
    x = ""
    norms = [norm(weights, f"encoder_norm_{k}") for k in range(config.encoder_layers)]
    for k in range(config.encoder_layers):
        names = [f"encoder_{k}/{way}" for way in ("forward", "backward")] if config.bidirectional else [f"encoder_{k}"]
        parts = [gate_weights(weights, name) for name in names]
        kernel, bias = (np.concatenate([part[n] for part in parts], axis=-1) for n in (0, 2))
        if k == 0:
            gates = _source_product(g, config, weights, steps, kernel, bias)
        else:
            gates = g.normed_product(x, *norms[k - 1].absorbed(kernel, bias))  # -> (S, B, 4H or 8H)
        y = _recurrence(g, gates, [part[1] for part in parts], real)
        if k:
            y = g.add("Add", y, g.affine(x, norms[k - 1]))
        x = g.unit_norm(y, len(parts) * config.encoder_units)  # -> (S, B, D)
    _write_memory(g, config, weights, x, norms[-1])
    _write_first_states(g, config, weights, x, norms[-1], real)
    return g.model(
        "encoder",
        [helper.make_tensor_value_info("source", TensorProto.INT64, ["B", "S"])],
        [*memory_types(config), *state_types(config, g.int8, "{}", "B")],
    )


def _source_product(
    g: Graph, config: ModelConfig, weights: Weights, steps: str, kernel: np.ndarray, bias: np.ndarray
) -> str:
    """Embeddings of token ids (S, B) times kernel (E, M), plus bias -> (S, B, M)."""
    table = weights["source_embedding/table"] * config.embedding_dim**0.5
    if not g.int8:
        return g.bounded_product(g.add("Gather", g.constant(table, np.float32), steps), kernel, bias)
    integers, scales = quantize(table, (1,), STORED_STEPS)
    rows = g.add("Gather", g.constant((integers.astype(np.int16) + ZERO).astype(np.uint8)), steps)
    kernel_integers, kernel_scales = quantize(kernel, (0,), STEPS)
    product = g.integer_product(rows, 1.0, g.constant(kernel_integers), kernel_scales)
    product = g.add("Mul", product, g.add("Gather", g.constant(scales), steps))
    return str(g.add("Add", product, g.constant(bias, np.float32)))


def _recurrence(g: Graph, gates: str, kernels: Sequence[np.ndarray], real: str) -> str:
    """Run one LSTM, or one forwards and one backwards, over gates (S, B, 4H each) -> (S, B, H each).

    An ONNX Scan; both directions are rows of one batch. Backwards, padding comes first and leaves the state at zero.
    """
    count, units = len(kernels), kernels[0].shape[0]
    ways = list(range(count))
    of_each = g.add("Split", gates, outputs=2, axis=-1, num_outputs=2) if count == 2 else [gates]
    one_state = g.add("Slice", of_each[0], *(g.constant([n], np.int64) for n in (0, units, 2)))  # -> (S, B, H)
    zeros = g.add("Mul", g.add("Gather", one_state, g.constant(0, np.int64)), g.constant(0, np.float32))  # -> (B, H)
    body = Graph(g.int8, prefix=f"{of_each[0]}_body_")
    sums = [body.add("Add", f"gates_{n}", body.bounded_product(f"h_{n}", kernels[n])) for n in ways]
    scanned = [*(f"gates_{n}" for n in ways)]
    mask = ""
    if count == 2:
        scanned.append("mask")
        mask, sums = "mask", [body.add("Concat", *sums, axis=0)]
        ones = g.add("Add", g.add("Mul", real, g.constant(0, np.float32)), g.constant(1, np.float32))
        real = g.add("Concat", ones, real, axis=1)  # -> (S, 2B, 1)
    h = body.cell(sums[0], "c", units, "c_after", mask)
    outputs = body.add("Split", h, outputs=2, axis=0, num_outputs=2) if count == 2 else [h]
    integers = body.bounded(h)
    after = body.add("Split", integers, outputs=2, axis=0, num_outputs=2) if count == 2 else [integers]
    for n in ways:
        body.named("Identity", f"h_{n}_after", after[n])
        body.named("Identity", f"y_{n}", outputs[n])

    kind = TensorProto.UINT8 if g.int8 else TensorProto.FLOAT
    h_types = [helper.make_tensor_value_info(f"h_{n}", kind, None) for n in ways]
    after_types = [helper.make_tensor_value_info(f"h_{n}_after", kind, None) for n in ways]
    graph = body.graph(
        "step",
        [*h_types, float_type("c"), *(float_type(name) for name in scanned)],
        [*after_types, float_type("c_after"), *(float_type(f"y_{n}") for n in ways)],
    )
    first = g.bounded(zeros)
    found = g.add(
        "Scan",
        *([first] * count),
        g.add("Concat", zeros, zeros, axis=0) if count == 2 else zeros,
        *of_each,
        *([real] if count == 2 else []),
        outputs=2 * count + 1,
        body=graph,
        num_scan_inputs=len(scanned),
        scan_input_directions=[0, 1, 1][: len(scanned)],
        scan_output_directions=ways,
    )
    return str(g.add("Concat", *found[count + 1 :], axis=-1) if count == 2 else found[-1])


def _write_memory(g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm) -> None:
    """Outputs `keys` and `values` from the last layer's normalised x (S, B, D)."""
    key = weights["attention/key_kernel"] @ weights["attention/query_kernel"].T * config.attention_dim**-0.5
    kernel = np.concatenate([key, weights["context_projection/kernel"]], axis=-1)
    both = g.normed_product(x, *norm.absorbed(kernel))
    keys, values = g.add("Split", both, outputs=2, axis=-1, num_outputs=2)
    g.named("Transpose", "keys", keys, perm=[1, 2, 0])
    g.named("Transpose", "values", values, perm=[1, 0, 2])


def _write_first_states(g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm, real: str) -> None:
    """Outputs h_l and c_l: the mean of x (S, B, D) starts the first layer, zeros the rest."""
    axis = g.constant([0], np.int64)
    mean = g.add("ReduceSum", g.add("Mul", x, real), axis, keepdims=0)
    mean = g.add("Div", mean, g.add("ReduceSum", real, axis, keepdims=0))  # -> (B, D)
    kernel, bias = norm.absorbed(weights["initial_state/kernel"], weights["initial_state/bias"])
    first = g.add("MatMul", mean, g.stored(kernel, (0,)))
    first = g.add("Tanh", g.add("Add", first, g.constant(bias, np.float32)))
    zeros = g.add("Mul", first, g.constant(0, np.float32))
    for k in range(config.decoder_layers):
        g.named("Identity", f"h_{k}", g.bounded(zeros if k else first))
        g.named("Identity", f"c_{k}", zeros)
