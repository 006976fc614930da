"""How the decoder reads the source: the kinds of attention.

All have one form. `read` turns the encoder's memory into keys, which are compared with the decoder's queries, and
values, of which the context is made; both are made once per sentence. A call gives context and attention. Scores are in
float32 and scaled by the root of the width that they are summed over (Vaswani et al. 2017, section 3.2.1) where that
is a product. Unlike in Luong et al. 2015 and Bahdanau et al. 2015, the queries are outputs of the first decoder layer
(see `nmt.network.model`).

Axis letters: B batch, S source, T target, D memory width, H units of the decoder, A attention width, N heads.
"""

from typing import Any, ClassVar

from nmt.backend import ops
from nmt.config import ModelConfig
from nmt.network.lowrank import LowRankLayer

Tensor = Any


class Attention(LowRankLayer):
    """Bilinear ("general") attention through a narrow space.

    score(query, memory) = (query Wq) · (memory Wk) / √A: Luong et al. 2015, section 3.1, with W = Wq Wkᵀ of rank A. A
    step costs S × A.

    Args:
        attention_dim: A.
    """

    KERNELS: ClassVar[tuple[str, ...]] = ("query_kernel", "key_kernel")

    def __init__(self, attention_dim: int, **options: Any):
        super().__init__(**options)
        self.attention_dim = attention_dim

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        self.query_kernel = self.add_weight(name="query_kernel", shape=(query_shape[-1], self.attention_dim))
        self.key_kernel = self.add_weight(name="key_kernel", shape=(memory_shape[-1], self.attention_dim))

    def context_dim(self, memory_dim: int) -> int:
        """Width of the context, by the width of the memory."""
        return memory_dim

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> values (B, S, context width), keys (B, S, A)."""
        return memory, self.product(memory, "key_kernel")

    def call(self, query: Tensor, values: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read where the memory answers `query`.

        Args:
            query: (B, T, H). values, keys: from `read`.
            mask: (B, S), true on real source tokens.

        Returns:
            context (B, T, context width) and attention (B, T, S): rows sum to 1, 0 on padding.
        """
        attention = shares(self.scores(query, keys), mask[:, None, :])
        return ops.matmul(ops.cast(attention, values.dtype), values), attention

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """(B, T, H), (B, S, A) -> (B, T, S) float32."""
        return scaled_product(self.product(query, "query_kernel"), keys)

    def product(self, x: Tensor, kernel: str) -> Tensor:
        """x times a kernel of the layer."""
        return ops.matmul(x, ops.cast(self.updated(kernel), x.dtype))


def scaled_product(queries: Tensor, keys: Tensor) -> Tensor:
    """(..., T, A), (..., S, A) -> (..., T, S) float32."""
    last = len(keys.shape) - 1
    scores = ops.matmul(queries, ops.transpose(keys, (*range(last - 1), last, last - 1)))
    return ops.cast(scores, "float32") * keys.shape[-1] ** -0.5


def shares(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the source, where the mask is true. (..., T, S) each, or what fits -> (..., T, S)"""
    return ops.softmax(ops.where(mask, scores, -1e9), axis=-1)


class DotAttention(Attention):
    """score(query, memory) = query · memory / √D: Luong et al. 2015, section 3.1. No weights; H and D must be equal."""

    KERNELS: ClassVar[tuple[str, ...]] = ()

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        pass

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> the same twice."""
        return memory, memory

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """(B, T, D), (B, S, D) -> (B, T, S) float32."""
        return scaled_product(query, keys)


class AdditiveAttention(Attention):
    """score(query, memory) = v · tanh(query Wq + memory Wk + b): Bahdanau et al. 2015, section A.1.2.

    A step costs S × A evaluations of tanh, and training keeps B × T × S × A numbers.
    """

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        super().build(query_shape, memory_shape)
        self.bias = self.add_weight(name="bias", shape=(self.attention_dim,), initializer="zeros")
        self.score_kernel = self.add_weight(name="score_kernel", shape=(self.attention_dim, 1))

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> values (B, S, D), keys (B, S, A)."""
        return memory, self.product(memory, "key_kernel") + ops.cast(self.bias, memory.dtype)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """(B, T, H), (B, S, A) -> (B, T, S) float32."""
        hidden = ops.tanh(self.product(query, "query_kernel")[:, :, None, :] + keys[:, None, :, :])
        return ops.cast(ops.matmul(hidden, ops.cast(self.score_kernel, hidden.dtype)), "float32")[..., 0]


class MultiHeadAttention(Attention):
    """N attentions side by side, each on A / N columns of queries, keys and values: Vaswani et al. 2017, section 3.2.2.

    The attention that it returns is the mean over the heads.

    Args:
        attention_dim: A, a multiple of N.
        num_heads: N.
    """

    KERNELS: ClassVar[tuple[str, ...]] = ("query_kernel", "key_kernel", "value_kernel")

    def __init__(self, attention_dim: int, num_heads: int, **options: Any):
        super().__init__(attention_dim, **options)
        self.num_heads = num_heads

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        super().build(query_shape, memory_shape)
        self.value_kernel = self.add_weight(name="value_kernel", shape=(memory_shape[-1], self.attention_dim))

    def context_dim(self, memory_dim: int) -> int:
        """A."""
        return self.attention_dim

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> values (B, S, A), keys (B, S, A)."""
        return self.product(memory, "value_kernel"), self.product(memory, "key_kernel")

    def call(self, query: Tensor, values: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See `Attention.call`; the context is (B, T, A)."""
        queries, keys, values = map(self._heads, (self.product(query, "query_kernel"), keys, values))
        attention = shares(scaled_product(queries, keys), mask[:, None, None, :])  # -> (B, N, T, S)
        contexts = ops.transpose(ops.matmul(ops.cast(attention, values.dtype), values), (0, 2, 1, 3))
        size = ops.shape(contexts)
        return ops.reshape(contexts, (size[0], size[1], self.attention_dim)), ops.mean(attention, axis=1)

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, A) -> (B, N, T, A / N)."""
        size = ops.shape(x)
        parts = ops.reshape(x, (size[0], size[1], self.num_heads, self.attention_dim // self.num_heads))
        return ops.transpose(parts, (0, 2, 1, 3))


class NoAttention(Attention):
    """The decoder knows the source by its first state alone (Sutskever et al. 2014, section 2).

    The attention that it returns is the same everywhere, as that state is made of the mean of the memory; there are no
    weights, and keys, values and context have no columns.
    """

    KERNELS: ClassVar[tuple[str, ...]] = ()

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        pass

    def context_dim(self, memory_dim: int) -> int:
        """0."""
        return 0

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> (B, S, 0) twice."""
        return memory[:, :, :0], memory[:, :, :0]

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """(B, T, H), (B, S, 0) -> zeros (B, T, S) float32."""
        size = ops.shape(query)
        return ops.zeros((size[0], size[1], ops.shape(keys)[1]), dtype="float32")


def make_attention(config: ModelConfig, **options: Any) -> Attention:
    """The layer that the configuration names."""
    if config.attention == "multi_head":
        return MultiHeadAttention(config.attention_dim, config.attention_heads, **options)
    kinds = {"general": Attention, "dot": DotAttention, "additive": AdditiveAttention, "none": NoAttention}
    return kinds[config.attention](config.attention_dim, **options)
