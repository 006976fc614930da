"""Each kind of attention: what the encoder hands over of the memory, and how the decoder reads it.

Axis letters as in `nmt.graphs`; A attention width, n heads.
"""

from typing import Any

import numpy as np

from nmt.config import ModelConfig
from nmt.graphs.builder import Graph, Norm, Weights, float_type


class BilinearAttention:
    """General attention, query and key kernels as one product: values (B, S, H), keys (B, H, S)."""

    def types(self, config: ModelConfig) -> list[Any]:
        """What the encoder hands over, beside the mask."""
        units = config.decoder_units
        return [float_type("values", "B", "S", units), float_type("keys", "B", units, "S")]

    def write(self, g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm) -> None:
        """The encoder's outputs, from the last layer's normalised x (S, B, D) and its gain and bias."""
        key = weights["attention/key_kernel"] @ weights["attention/query_kernel"].T * config.attention_dim**-0.5
        kernel = np.concatenate([key, weights["context_projection/kernel"]], axis=-1)
        both = g.normed_product(x, *norm.absorbed(kernel))
        keys, values = g.add("Split", both, outputs=2, axis=-1, num_outputs=2)
        g.named("Transpose", "keys", keys, perm=[1, 2, 0])
        g.named("Transpose", "values", values, perm=[1, 0, 2])

    def read(self, g: Graph, config: ModelConfig, weights: Weights, h: str) -> str:
        """The projected context (N, H) for the first layer's output h (N, H); writes the output `attention` (N, S)."""
        last = g.constant([-1], np.int64)
        query = g.add("Reshape", h, g.add("Concat", "beams", last, axis=0))  # -> (B, K, H)
        scores = g.add("Add", g.add("MatMul", query, "keys"), "mask")  # -> (B, K, S)
        return _context(g, g.add("Softmax", scores, axis=-1), last)


class DotAttention(BilinearAttention):
    """The keys are the memory itself, scaled: in float32, as there is no product."""

    def write(self, g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm) -> None:
        """See `BilinearAttention.write`."""
        scale = np.float32(config.memory_dim**-0.5)
        keys = g.affine(x, Norm(norm.gain * scale, norm.bias * scale))
        values = g.normed_product(x, *norm.absorbed(weights["context_projection/kernel"]))
        g.named("Transpose", "keys", keys, perm=[1, 2, 0])
        g.named("Transpose", "values", values, perm=[1, 0, 2])


class AdditiveAttention(BilinearAttention):
    """Values (B, S, H), keys (B, S, A) with the bias."""

    def types(self, config: ModelConfig) -> list[Any]:
        """See `BilinearAttention.types`."""
        return [
            float_type("values", "B", "S", config.decoder_units),
            float_type("keys", "B", "S", config.attention_dim),
        ]

    def write(self, g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm) -> None:
        """See `BilinearAttention.write`."""
        width, units = config.attention_dim, config.decoder_units
        kernel = np.concatenate([weights["attention/key_kernel"], weights["context_projection/kernel"]], axis=-1)
        bias = np.concatenate([weights["attention/bias"], np.zeros(units, np.float32)])
        both = g.normed_product(x, *norm.absorbed(kernel, bias))
        keys, values = g.add("Split", both, g.constant([width, units], np.int64), outputs=2, axis=-1)
        g.named("Transpose", "keys", keys, perm=[1, 0, 2])
        g.named("Transpose", "values", values, perm=[1, 0, 2])

    def read(self, g: Graph, config: ModelConfig, weights: Weights, h: str) -> str:
        """See `BilinearAttention.read`."""
        last = g.constant([-1], np.int64)
        query = g.bounded_product(g.bounded(h), weights["attention/query_kernel"])  # -> (N, A)
        shape = g.add("Concat", "beams", g.constant([1], np.int64), last, axis=0)
        query = g.add("Reshape", query, shape)  # -> (B, K, 1, A)
        keys = g.add("Unsqueeze", "keys", g.constant([1], np.int64))  # -> (B, 1, S, A)
        hidden = g.add("Tanh", g.add("Add", query, keys))
        scores = g.add("MatMul", hidden, g.constant(weights["attention/score_kernel"][:, 0], np.float32))
        return _context(g, g.add("Softmax", g.add("Add", scores, "mask"), axis=-1), last)


class MultiHeadAttention(BilinearAttention):
    """Values (B, n, S, A/n), keys (B, n, A/n, S); the projection of the context is in float32."""

    def types(self, config: ModelConfig) -> list[Any]:
        """See `BilinearAttention.types`."""
        heads, width = config.attention_heads, config.attention_dim // config.attention_heads
        return [float_type("values", "B", heads, "S", width), float_type("keys", "B", heads, width, "S")]

    def write(self, g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm) -> None:
        """See `BilinearAttention.write`."""
        heads, width = config.attention_heads, config.attention_dim // config.attention_heads
        key, value = weights["attention/key_kernel"] * width**-0.5, weights["attention/value_kernel"]
        both = g.normed_product(x, *norm.absorbed(np.concatenate([key, value], axis=-1)))
        parts = g.add("Split", both, outputs=2, axis=-1, num_outputs=2)
        shape = g.constant([0, 0, heads, width], np.int64)  # 0: as it was
        keys, values = (g.add("Reshape", part, shape) for part in parts)  # -> (S, B, n, A/n)
        g.named("Transpose", "keys", keys, perm=[1, 2, 3, 0])
        g.named("Transpose", "values", values, perm=[1, 2, 0, 3])

    def read(self, g: Graph, config: ModelConfig, weights: Weights, h: str) -> str:
        """See `BilinearAttention.read`."""
        heads, width = config.attention_heads, config.attention_dim // config.attention_heads
        last = g.constant([-1], np.int64)
        query = g.bounded_product(g.bounded(h), weights["attention/query_kernel"])  # -> (N, A)
        shape = g.add("Concat", "beams", g.constant([heads, width], np.int64), axis=0)
        query = g.add("Transpose", g.add("Reshape", query, shape), perm=[0, 2, 1, 3])  # -> (B, n, K, A/n)
        mask = g.add("Unsqueeze", "mask", g.constant([1], np.int64))
        of_heads = g.add("Softmax", g.add("Add", g.add("MatMul", query, "keys"), mask), axis=-1)  # -> (B, n, K, S)
        _write_attention(g, g.add("ReduceMean", of_heads, g.constant([1], np.int64), keepdims=0), last)
        contexts = g.add("Transpose", g.add("MatMul", of_heads, "values"), perm=[0, 2, 1, 3])  # -> (B, K, n, A/n)
        context = g.add("Reshape", contexts, g.constant([-1, heads * width], np.int64))
        return str(g.add("MatMul", context, g.stored(weights["context_projection/kernel"], (0,))))


class NoAttention(BilinearAttention):
    """Nothing is handed over but the mask; the output `attention` is the same on all real tokens."""

    def types(self, config: ModelConfig) -> list[Any]:
        """See `BilinearAttention.types`."""
        return []

    def write(self, g: Graph, config: ModelConfig, weights: Weights, x: str, norm: Norm) -> None:
        """Nothing."""

    def read(self, g: Graph, config: ModelConfig, weights: Weights, h: str) -> str:
        """No context: the empty name."""
        last, one = g.constant([-1], np.int64), g.constant([1], np.int64)
        shares = g.add("Softmax", "mask", axis=-1)  # -> (B, 1, S)
        _write_attention(g, g.add("Expand", shares, g.add("Concat", "beams", one, axis=0)), last)
        return ""


def memory_types(config: ModelConfig) -> list[Any]:
    """All that the encoder hands over of the memory."""
    words = [float_type("words", "B", "S", config.embedding_dim)] if config.lexical else []
    return [*attention_of(config).types(config), *words, float_type("mask", "B", 1, "S")]


def read_words(g: Graph, config: ModelConfig) -> str:
    """With `lexical`: (N, E), the words that `attention` is paid to, as they are added to the projection."""
    last = g.constant([-1], np.int64)
    shares = g.add("Reshape", "attention", g.add("Concat", "beams", last, axis=0))  # -> (B, K, S)
    width = g.constant([-1, config.embedding_dim], np.int64)
    return str(g.add("Reshape", g.add("MatMul", shares, "words"), width))


def attention_of(config: ModelConfig) -> BilinearAttention:
    """The attention that the configuration names."""
    kinds: dict[str, type[BilinearAttention]] = {
        "general": BilinearAttention,
        "dot": DotAttention,
        "additive": AdditiveAttention,
        "multi_head": MultiHeadAttention,
        "none": NoAttention,
    }
    return kinds[config.attention]()


def _write_attention(g: Graph, attention: str, last: str) -> None:
    """(B, K, S) as the output `attention` (N, S)."""
    g.named("Reshape", "attention", attention, g.add("Concat", last, g.add("Shape", "mask", start=2), axis=0))


def _context(g: Graph, attention: str, last: str) -> str:
    """Shares (B, K, S) of values (B, S, H) -> (N, H); the shares are written as an output."""
    _write_attention(g, attention, last)
    context = g.add("MatMul", attention, "values")  # -> (B, K, H)
    return str(g.add("Reshape", context, g.add("Concat", last, g.add("Shape", "values", start=2), axis=0)))
