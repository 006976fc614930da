"""The encoder as an ONNX graph. Axis letters as in `nmt.graphs`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from nmt.config import ModelConfig
from nmt.graphs.attention import attention_of, memory_types
from nmt.graphs.builder import STEPS, STORED_STEPS, ZERO, Graph, Norm, Weights, float_type, norm, quantize
from nmt.graphs.cells import CellWeights, cell_of, h_type, kept, state_types
from nmt.tokenizer import PAD_ID


def encoder_graph(config: ModelConfig, weights: Weights, precision: str = "int8") -> bytes:
    """The encoder: source (B, S) int64 -> values (B, S, H), keys (B, H, S), mask (B, 1, S), h_l and c_l (B, H).

    `values` is the memory as its projection adds it to the decoder's output, `keys` as it meets the first layer's
    output; `mask` is 0 on real tokens and -1e9 on padding; h and c are the decoder's state before its first step. So it
    is for LSTMs and general attention; `nmt.graphs.attention` says how values and keys differ for other kinds.
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
        ways = [cell_of(config).weights(weights, name) for name in names]
        kernel, bias = (np.concatenate([way[n] for way in ways], axis=-1) for n in (0, 2))
        if k == 0:
            gates = _read_words(g, config, weights, steps, kernel, bias)
        else:
            gates = g.normed_product(x, *norms[k - 1].absorbed(kernel, bias))  # -> (S, B, W·G·H)
        y = _recurrence(g, config, gates, ways, real)
        if k:
            y = g.add("Add", y, g.affine(x, norms[k - 1]))
        x = g.unit_norm(y, config.memory_dim)  # -> (S, B, D)
    attention_of(config).write(g, config, weights, x, norms[-1])
    _write_first_states(g, config, weights, x, norms[-1], real)
    return g.model(
        "encoder",
        [helper.make_tensor_value_info("source", TensorProto.INT64, ["B", "S"])],
        [*memory_types(config), *state_types(config, g.int8, "{}", "B")],
    )


def _read_words(
    g: Graph, config: ModelConfig, weights: Weights, steps: str, kernel: np.ndarray, bias: np.ndarray
) -> str:
    """What words give to the gates of the first layer (S, B, W·G·H); with `lexical`, the output `words` (B, S, E)."""
    if not config.lexical:
        return _source_product(g, config, weights, steps, kernel, bias)
    kernel = np.concatenate([kernel, weights["lexical/kernel"]], axis=-1)
    bias = np.concatenate([bias, np.zeros(config.embedding_dim, np.float32)])
    both = _source_product(g, config, weights, steps, kernel, bias)
    widths = g.constant([len(bias) - config.embedding_dim, config.embedding_dim], np.int64)
    gates, words = g.add("Split", both, widths, outputs=2, axis=-1)
    g.named("Transpose", "words", words, perm=[1, 0, 2])
    return str(gates)


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


def _recurrence(g: Graph, config: ModelConfig, gates: str, ways: Sequence[CellWeights], real: str) -> str:
    """Run one layer, or one forwards and one backwards, over gates (S, B, G·H each) -> (S, B, H each).

    An ONNX Scan; both directions are rows of one batch. Backwards, padding comes first and leaves the state at zero.
    """
    count, units, cell = len(ways), config.encoder_units, cell_of(config)
    has_c = "c" in config.state_parts
    of_each = g.add("Split", gates, outputs=2, axis=-1, num_outputs=2) if count == 2 else [gates]
    one_state = g.add("Slice", of_each[0], *(g.constant([n], np.int64) for n in (0, units, 2)))  # -> (S, B, H)
    zeros = g.add("Mul", g.add("Gather", one_state, g.constant(0, np.int64)), g.constant(0, np.float32))  # -> (B, H)
    if count == 2:
        ones = g.add("Add", g.add("Mul", real, g.constant(0, np.float32)), g.constant(1, np.float32))
        real = g.add("Concat", ones, real, axis=1)  # -> (S, 2B, 1)
    first = kept(g, cell, zeros)
    c_first = [g.joined([zeros] * count)] if has_c else []
    num_states = count + len(c_first)
    found = g.add(
        "Scan",
        *([first] * count),
        *c_first,
        *of_each,
        *([real] if count == 2 else []),
        outputs=num_states + count,
        body=_one_step(g, config, ways, f"{of_each[0]}_body_"),
        num_scan_inputs=3 if count == 2 else 1,
        scan_input_directions=[0, 1, 1] if count == 2 else [0],
        scan_output_directions=list(range(count)),
    )
    return str(g.add("Concat", *found[num_states:], axis=-1) if count == 2 else found[-1])


def _one_step(g: Graph, config: ModelConfig, ways: Sequence[CellWeights], prefix: str) -> Any:
    """The body of the Scan: states, what the input gives to the gates, mask -> states, h of each way."""
    body, cell, numbers = Graph(g.int8, prefix=prefix), cell_of(config), range(len(ways))
    gates, both = [f"gates_{n}" for n in numbers], len(ways) == 2
    mask = "mask" if both else ""
    h = cell.step(body, gates, [f"h_{n}" for n in numbers], "c", ways, "c_after", mask)
    outputs = body.add("Split", h, outputs=2, axis=0, num_outputs=2) if both else [h]
    after = outputs
    if cell.keeps_integers:
        integers = body.bounded(h)
        after = body.add("Split", integers, outputs=2, axis=0, num_outputs=2) if both else [integers]
    for n in numbers:
        body.named("Identity", f"h_{n}_after", after[n])
        body.named("Identity", f"y_{n}", outputs[n])

    kind, has_c = h_type(config, g.int8), "c" in config.state_parts
    states = [helper.make_tensor_value_info(f"h_{n}", kind, None) for n in numbers]
    states_after = [helper.make_tensor_value_info(f"h_{n}_after", kind, None) for n in numbers]
    return body.graph(
        "step",
        [
            *states,
            *([float_type("c")] if has_c else []),
            *(float_type(name) for name in [*gates, *([mask] if both else [])]),
        ],
        [
            *states_after,
            *([float_type("c_after")] if has_c else []),
            *(float_type(f"y_{n}") for n in numbers),
        ],
    )


def _write_first_states(g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm, real: str) -> None:
    """Outputs h_l, and c_l of LSTMs: the mean of x (S, B, D) starts the first layer, zeros the rest."""
    axis = g.constant([0], np.int64)
    mean = g.add("ReduceSum", g.add("Mul", x, real), axis, keepdims=0)
    mean = g.add("Div", mean, g.add("ReduceSum", real, axis, keepdims=0))  # -> (B, D)
    kernel, bias = norm.absorbed(weights["initial_state/kernel"], weights["initial_state/bias"])
    first = g.add("MatMul", mean, g.stored(kernel, (0,)))
    first = g.add("Tanh", g.add("Add", first, g.constant(bias, np.float32)))
    zeros = g.add("Mul", first, g.constant(0, np.float32))
    for k in range(config.decoder_layers):
        g.named("Identity", f"h_{k}", kept(g, cell_of(config), zeros if k else first))
        if "c" in config.state_parts:
            g.named("Identity", f"c_{k}", zeros)
