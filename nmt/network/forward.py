"""The network of `nmt.network.model` on one sentence in plain NumPy, with every number in between kept.

It follows the model line by line; a test compares the two. There is no batch and so no padding.

Axis letters: S source tokens, T target tokens, N either, D width, H units, G gates, A attention width, V vocabulary.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nmt.config import ModelConfig

# Of each kind of cell, in the order of its weights.
GATES = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("update", "reset", "candidate"),
    "simple_rnn": ("candidate",),
}
_EPSILON = 1e-5  # of the layer normalisation

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Layer:
    """What one recurrent layer held at each token.

    Attributes:
        name: such as "encoder 1 forwards", "encoder 2" (of a network that reads one way only) or "decoder 1".
        side: "source", where row n is after reading source token n (of a backward layer: from the end back to it), or
            "target", where row n is when target token n is about to be written.
        hidden: (N, H), what the layer says, within ±1.
        cell: (N, H), what an LSTM remembers, without bounds; None of the others, whose state is their memory.
        gates: by name, each (N, H). Of an LSTM input, forget, candidate and output: the cell at n is
            forget · cell at n-1 + input · candidate, and hidden is output · tanh(cell). Of a GRU update, reset and
            candidate: hidden at n is update · hidden at n-1 + (1 - update) · candidate. A simple RNN has none. The
            candidate is within ±1, the others within 0 and 1.
    """

    name: str
    side: str
    hidden: np.ndarray
    cell: np.ndarray | None
    gates: Mapping[str, np.ndarray]

    @property
    def backwards(self) -> bool:
        """Whether it reads from the end to the start."""
        return self.name.endswith("backwards")


class Forward(NamedTuple):
    """What `forward` returns."""

    layers: tuple[Layer, ...]  # of the encoder, then of the decoder, from the first one up
    attention: np.ndarray  # (T, S)
    logits: np.ndarray  # (T, V)


def forward(config: ModelConfig, weights: Weights, source: Sequence[int], target: Sequence[int]) -> Forward:
    """Read a source sentence and predict what follows each target token.

    Args:
        config: kind and sizes.
        weights: by the names of `TranslationModel.named_weights`, float32.
        source: S ids, EOS last.
        target: T ids, from BOS on.
    """
    root = np.float32(config.embedding_dim**0.5)
    layers: list[Layer] = []
    words = x = weights["source_embedding/table"][source] * root
    for k in range(config.encoder_layers):
        ways = (" forwards", " backwards") if config.bidirectional else ("",)
        found = [_layer(config, weights, f"encoder {k + 1}{way}", "source", x) for way in ways]
        layers += found
        y = np.concatenate([layer.hidden for layer in found], axis=-1)
        x = _norm(weights, f"encoder_norm_{k}", y + x if k else y)
    memory = x

    first = np.tanh(memory.mean(axis=0) @ weights["initial_state/kernel"] + weights["initial_state/bias"])
    x = weights["target_embedding/table"][target] * root
    for k in range(config.decoder_layers):
        layers.append(_layer(config, weights, f"decoder {k + 1}", "target", x, np.zeros_like(first) if k else first))
        y = layers[-1].hidden
        if k == 0:
            context, attention = _attend(config, weights, y, memory)
            if config.attention != "none":
                y = y + context @ weights["context_projection/kernel"]
        x = _norm(weights, f"decoder_norm_{k}", y + x if k else y)
    x = x @ weights["output_projection/kernel"] + weights["output_projection/bias"]
    if config.lexical:
        x = x + attention @ words @ weights["lexical/kernel"]
    vectors = np.tanh(x)
    logits = vectors @ weights["target_embedding/table"].T + weights["target_embedding/bias"]
    return Forward(tuple(layers), attention, logits)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Shares along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)  # without overflow


def _norm(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """Layer normalisation (Ba et al. 2016, section 3.1) of x (N, D)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + np.float32(_EPSILON))
    return np.asarray(centred / scale * weights[f"{name}/gamma"] + weights[f"{name}/beta"])


# ---------------------------------------------------------------- recurrence


def _layer(
    config: ModelConfig, weights: Weights, name: str, side: str, x: np.ndarray, first: np.ndarray | None = None
) -> Layer:
    """A layer over x (N, D) that starts from the state `first` (H,), or zeros; rows in the order of x."""
    part, number, *way = name.split()
    prefix = f"{part}_{int(number) - 1}" + "".join(f"/{one.removesuffix('s')}" for one in way)
    kernel, recurrent, bias = (weights[f"{prefix}/{one}"] for one in ("kernel", "recurrent_kernel", "bias"))
    order = slice(None, None, -1 if way == ["backwards"] else 1)
    h = np.zeros(len(recurrent), np.float32) if first is None else first
    hidden, cell, gates = _CELLS[config.cell](x[order] @ kernel, recurrent, bias, h)
    parts = [] if config.cell == "simple_rnn" else np.split(gates, len(GATES[config.cell]), axis=1)
    named = dict(zip(GATES[config.cell], (values[order] for values in parts), strict=False))
    return Layer(name, side, hidden[order], None if cell is None else cell[order], named)


# Input times kernel (N, G·H), recurrent kernel (H, G·H), bias and state before -> hidden (N, H), cell (N, H), gates.
_Held = tuple[np.ndarray, np.ndarray | None, np.ndarray]


def _lstm(gates: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, h: np.ndarray) -> _Held:
    units = len(h)
    c = np.zeros_like(h)
    gates = gates + bias
    states = np.empty((2, len(gates), units), np.float32)
    for n, row in enumerate(gates):
        row += h @ recurrent
        candidate = np.tanh(row[2 * units : 3 * units])
        row[:] = _sigmoid(row)
        row[2 * units : 3 * units] = candidate
        c = row[units : 2 * units] * c + row[:units] * candidate
        h = row[3 * units :] * np.tanh(c)
        states[0, n], states[1, n] = h, c
    return states[0], states[1], gates


def _gru(gates: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, h: np.ndarray) -> _Held:
    units = len(h)
    gates = gates + bias[0]
    hidden = np.empty((len(gates), units), np.float32)
    for n, row in enumerate(gates):
        from_state = h @ recurrent + bias[1]
        row[: 2 * units] = _sigmoid(row[: 2 * units] + from_state[: 2 * units])
        update, reset, candidate = row.reshape(3, units)
        candidate[:] = np.tanh(candidate + reset * from_state[2 * units :])
        h = candidate + update * (h - candidate)
        hidden[n] = h
    return hidden, None, gates


def _simple_rnn(gates: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, h: np.ndarray) -> _Held:
    hidden = gates + bias
    for row in hidden:
        row[:] = np.tanh(row + h @ recurrent)
        h = row
    return hidden, None, hidden


_CELLS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], _Held]] = {
    "lstm": _lstm,
    "gru": _gru,
    "simple_rnn": _simple_rnn,
}


# ---------------------------------------------------------------- attention


def _attend(
    config: ModelConfig, weights: Weights, query: np.ndarray, memory: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What queries (T, H) read in the memory (S, D): context (T, its width) and attention (T, S); see `attention`.

    With several heads, the attention is the mean over them.
    """
    if config.attention == "none":
        return memory[:0], np.full((len(query), len(memory)), 1 / len(memory), np.float32)
    if config.attention == "dot":
        attention = softmax(_scaled_product(query, memory))
        return attention @ memory, attention
    queries, keys = query @ weights["attention/query_kernel"], memory @ weights["attention/key_kernel"]
    if config.attention == "multi_head":
        heads = config.attention_heads
        parts = (np.split(one, heads, axis=1) for one in (queries, keys))
        shares = [softmax(_scaled_product(one, other)) for one, other in zip(*parts, strict=True)]
        values = np.split(memory @ weights["attention/value_kernel"], heads, axis=1)
        contexts = [share @ value for share, value in zip(shares, values, strict=True)]
        return np.concatenate(contexts, axis=1), np.mean(shares, axis=0)
    if config.attention == "additive":
        sums = np.tanh(queries[:, None] + keys + weights["attention/bias"])  # -> (T, S, A)
        attention = softmax((sums @ weights["attention/score_kernel"])[..., 0])
    else:
        attention = softmax(_scaled_product(queries, keys))
    return attention @ memory, attention


def _scaled_product(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    return np.asarray(queries @ keys.T * np.float32(keys.shape[1] ** -0.5))


# ---------------------------------------------------------------- weights


def shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The name and the shape of every weight that `forward` reads."""
    wide, units, width = config.memory_dim, config.decoder_units, config.embedding_dim
    yield "source_embedding/table", (config.source_vocab_size, width)
    yield "target_embedding/table", (config.target_vocab_size, width)
    yield "target_embedding/bias", (config.target_vocab_size,)
    for k in range(config.encoder_layers):
        for way in ("/forward", "/backward") if config.bidirectional else ("",):
            yield from _layer_shapes(config.cell, f"encoder_{k}{way}", wide if k else width, config.encoder_units)
        yield from ((f"encoder_norm_{k}/{part}", (wide,)) for part in ("gamma", "beta"))
    for k in range(config.decoder_layers):
        yield from _layer_shapes(config.cell, f"decoder_{k}", units if k else width, units)
        yield from ((f"decoder_norm_{k}/{part}", (units,)) for part in ("gamma", "beta"))
    yield "initial_state/kernel", (wide, units)
    yield "initial_state/bias", (units,)
    if config.attention != "none":
        yield from _attention_shapes(config)
    if config.lexical:
        yield "lexical/kernel", (width, width)
    yield "output_projection/kernel", (units, width)
    yield "output_projection/bias", (width,)


def _layer_shapes(cell: str, name: str, width: int, units: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    wide = len(GATES[cell]) * units
    yield f"{name}/kernel", (width, wide)
    yield f"{name}/recurrent_kernel", (units, wide)
    yield f"{name}/bias", (2, wide) if cell == "gru" else (wide,)


def _attention_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    wide, width = config.memory_dim, config.attention_dim
    if config.attention != "dot":
        yield "attention/query_kernel", (config.decoder_units, width)
        yield "attention/key_kernel", (wide, width)
    if config.attention == "additive":
        yield "attention/bias", (width,)
        yield "attention/score_kernel", (width, 1)
    if config.attention == "multi_head":
        yield "attention/value_kernel", (wide, width)
    yield "context_projection/kernel", (width if config.attention == "multi_head" else wide, config.decoder_units)
