"""One step of the decoder as an ONNX graph. Axis letters as in `nmt.graphs`."""

import numpy as np
from onnx import helper

from nmt.config import ModelConfig
from nmt.graphs.attention import attention_of, memory_types, read_words
from nmt.graphs.builder import STEPS, Graph, Weights, float_type, integer_type, norm, quantize
from nmt.graphs.cells import CellWeights, cell_of, kept, state_types
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID


def decoder_graph(config: ModelConfig, weights: Weights, precision: str = "int8") -> bytes:
    """One decoder step for N = B·K hypotheses.

    Inputs: tokens (N,) int64; rows (N,) int64, which row of the states each continues; beams (2,) int64 = [B, K];
    num_candidates (1,) int64, M; values, keys, mask from the encoder; h_l, c_l (N before, H), the latter of LSTMs.

    Outputs: ids (N, M) int64, log_probs (N, M), end_log_probs (N, 1), attention (N, S), the states after, and
    on request all_log_probs (N, V). In 8 bits, h is kept as the products want it, unless it is a GRU's.
    """
    g = Graph(int8=precision == "int8")
    # In 8 bits the table is stored once, as the output wants it, (E, V); its columns are the embeddings.
    integers, scales = quantize(weights["target_embedding/table"], (1,), STEPS)
    columns = g.constant(np.ascontiguousarray(integers.T)) if g.int8 else ""
    x = ""
    norms = [norm(weights, f"decoder_norm_{k}") for k in range(config.decoder_layers)]
    cell = cell_of(config)
    for k in range(config.decoder_layers):
        way = cell.weights(weights, f"decoder_{k}")
        before = {part: g.add("Gather", f"{part}_{k}", "rows") for part in config.state_parts}
        if k == 0:
            gates = g.add("Gather", _token_gates(g, config, weights, columns, scales, way), "tokens")
        else:
            gates = g.normed_product(x, *norms[k - 1].absorbed(way.kernel, way.bias))
        h = cell.step(g, [gates], [before["h"]], before.get("c", ""), [way], f"c_{k}_after")
        g.named("Identity", f"h_{k}_after", kept(g, cell, h))
        more = g.affine(x, norms[k - 1]) if k else attention_of(config).read(g, config, weights, h)
        x = g.unit_norm(g.add("Add", h, more) if more else h, config.decoder_units)

    output = norms[-1].absorbed(weights["output_projection/kernel"], weights["output_projection/bias"])
    x = g.normed_product(x, *output)
    if config.lexical:
        x = g.add("Add", x, read_words(g, config))
    vectors = g.bounded(g.add("Tanh", x))
    _write_log_probs(g, weights, vectors, columns, scales)
    inputs = [
        integer_type("tokens", "N"),
        integer_type("rows", "N"),
        integer_type("beams", 2),
        integer_type("num_candidates", 1),
        *memory_types(config),
        *state_types(config, g.int8, "{}", "before"),
    ]
    outputs = [
        integer_type("ids", "N", "M"),
        float_type("log_probs", "N", "M"),
        float_type("end_log_probs", "N", 1),
        float_type("attention", "N", "S"),
        *state_types(config, g.int8, "{}_after", "N"),
        float_type("all_log_probs", "N", config.target_vocab_size),
    ]
    return g.model("decoder", inputs, outputs)


def _token_gates(
    g: Graph,
    config: ModelConfig,
    weights: Weights,
    columns: str,
    scales: np.ndarray,
    way: CellWeights,
) -> str:
    """What each token gives to the gates of the first layer, with their bias: (V, G·H), made on loading."""
    root = config.embedding_dim**0.5
    if g.int8:
        table = g.add("Transpose", g.unpacked(columns, scales.reshape(1, -1) * np.float32(root)), perm=[1, 0])
    else:
        table = g.constant(weights["target_embedding/table"] * root, np.float32)
    return str(g.add("Add", g.add("MatMul", table, g.stored(way.kernel, (0,))), g.constant(way.bias, np.float32)))


def _write_log_probs(g: Graph, weights: Weights, vectors: str, columns: str, scales: np.ndarray) -> None:
    """Outputs all_log_probs (N, V) of the next token, and the best of them."""
    bias = weights["target_embedding/bias"].astype(np.float32)
    bias[[PAD_ID, UNKNOWN_ID, BOS_ID]] = -1e9  # never a next token; their share goes to the others
    if g.int8:
        scores = g.integer_product(vectors, 1 / 127, columns, scales, bias)
    else:
        scores = g.bounded_product(vectors, np.ascontiguousarray(weights["target_embedding/table"].T), bias)
    log_probs = g.named("LogSoftmax", "all_log_probs", scores, axis=-1)
    g.nodes.append(helper.make_node("TopK", [log_probs, "num_candidates"], ["log_probs", "ids"], axis=-1))
    start, stop, axis = (g.constant([number], np.int64) for number in (EOS_ID, EOS_ID + 1, 1))
    g.named("Slice", "end_log_probs", log_probs, start, stop, axis)
