"""The layers that Keras lacks or has slower.

Axis letters: B batch, S source, T target, D width, H units, V vocabulary.
"""

from typing import Any

import keras
from keras import ops

from nmt import backend

Tensor = Any
State = tuple[Tensor, Tensor]  # h and c, each (B, H)


class LSTM(keras.layers.Layer):
    """Long short-term memory over a whole sequence.

    The input projections of all steps are one matrix product; only the recurrence runs step by step. There is no mask:
    pad on the right and ignore the outputs there.

    Args:
        units: H.
        weight_drop: share of the recurrent kernel's entries zeroed while training (Merity et al. 2017, section 2).

    Reference: Hochreiter & Schmidhuber 1997; Gers et al. 2000. Weights as in `keras.layers.LSTM`: kernel (D, 4H),
    recurrent_kernel (H, 4H), bias (4H,), gates in the order input, forget, candidate, output.
    """

    def __init__(self, units: int, weight_drop: float = 0.0, **options: Any):
        super().__init__(autocast=False, **options)  # the state stays float32 whatever the products are
        self.units = units
        self.weight_drop = keras.layers.Dropout(weight_drop)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 4 * self.units))
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, 4 * self.units), initializer="orthogonal"
        )
        self.bias = self.add_weight(name="bias", shape=(4 * self.units,), initializer=_forget_gate_open)

    def call(self, inputs: Tensor, state: State | None = None, training: bool = False) -> tuple[Tensor, State]:
        """(B, T, D), state before -> (B, T, H), state after the last step (of the padded length)."""
        inputs = ops.cast(inputs, self.compute_dtype)
        kernel, bias = (ops.cast(weight, self.compute_dtype) for weight in (self.kernel, self.bias))
        recurrent_kernel = self.weight_drop(ops.cast(self.recurrent_kernel, self.compute_dtype), training=training)
        if state is None:
            zeros = ops.zeros((ops.shape(inputs)[0], self.units), dtype="float32")
            state = (zeros, zeros)
        projected = ops.matmul(ops.transpose(inputs, (1, 0, 2)), kernel) + bias  # -> (T, B, 4H)
        outputs, state = backend.lstm_scan(projected, recurrent_kernel, *state)
        return ops.transpose(outputs, (1, 0, 2)), state


def _forget_gate_open(shape: tuple[int, ...], dtype: Any = None) -> Tensor:
    """Bias 1 on the forget gate, 0 elsewhere (Jozefowicz et al. 2015, section 2.2)."""
    units = shape[0] // 4
    return ops.concatenate(
        [ops.zeros(units, dtype=dtype), ops.ones(units, dtype=dtype), ops.zeros(2 * units, dtype=dtype)]
    )


class BidirectionalLSTM(keras.layers.Layer):
    """One LSTM reading forwards and one backwards, their outputs side by side (Schuster & Paliwal 1997).

    The backward one starts at each sentence's true last word, so padding changes nothing.
    """

    def __init__(self, units: int, weight_drop: float = 0.0, **options: Any):
        super().__init__(**options)
        self.forward_lstm = LSTM(units, weight_drop, name="forward")
        self.backward_lstm = LSTM(units, weight_drop, name="backward")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.forward_lstm.build(input_shape)
        self.backward_lstm.build(input_shape)

    def call(self, inputs: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """(B, S, D), (B,) -> (B, S, 2H)."""
        forwards, _ = self.forward_lstm(inputs, training=training)
        backwards, _ = self.backward_lstm(backend.reverse_by_length(inputs, lengths), training=training)
        return ops.concatenate([forwards, backend.reverse_by_length(backwards, lengths)], axis=-1)


class Embedding(keras.layers.Layer):
    """Rows of a table for ids, and the same table as output projection (Press & Wolf 2017).

    Rows are scaled by √D so that they start with unit variance beside logits that do too.

    Args:
        vocab_size: V. embedding_dim: D.
        word_dropout: share of positions whose whole embedding is zeroed while training (Gal & Ghahramani 2016, 3.2).
        output_bias: whether `logits` adds a bias per token.
    """

    def __init__(
        self, vocab_size: int, embedding_dim: int, word_dropout: float = 0.0, output_bias: bool = False, **options: Any
    ):
        super().__init__(**options)
        self.vocab_size, self.embedding_dim, self.output_bias = vocab_size, embedding_dim, output_bias
        self.word_dropout = keras.layers.Dropout(word_dropout, noise_shape=(None, None, 1))

    def build(self, input_shape: Any = None) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(self.vocab_size, self.embedding_dim),
            initializer=keras.initializers.RandomNormal(stddev=self.embedding_dim**-0.5),
        )
        if self.output_bias:
            self.bias = self.add_weight(name="bias", shape=(self.vocab_size,), initializer="zeros")

    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        """(B, T) -> (B, T, D)."""
        rows = backend.embed(ops.cast(self.table, self.compute_dtype), ids) * self.embedding_dim**0.5
        return self.word_dropout(rows, training=training)

    def logits(self, vectors: Tensor) -> Tensor:
        """(..., D) -> (..., V), one score per token before the softmax."""
        table = ops.cast(self.table, vectors.dtype)
        return ops.matmul(vectors, ops.transpose(table)) + ops.cast(self.bias, vectors.dtype)


class Attention(keras.layers.Layer):
    """Bilinear ("general") attention through a narrow space, scores scaled by its width.

    score(query, memory) = (query Wq) · (memory Wk) / √A: Luong et al. 2015, section 3.1, W = Wq Wkᵀ of rank A, and the
    scale of Vaswani et al. 2017, section 3.2.1. The keys are made once per sentence, so a step costs S × A.

    Args:
        attention_dim: A.
    """

    def __init__(self, attention_dim: int, **options: Any):
        super().__init__(**options)
        self.attention_dim = attention_dim

    def build(self, query_shape: tuple[int | None, ...], memory_shape: tuple[int | None, ...]) -> None:
        self.query_kernel = self.add_weight(name="query_kernel", shape=(query_shape[-1], self.attention_dim))
        self.key_kernel = self.add_weight(name="key_kernel", shape=(memory_shape[-1], self.attention_dim))

    def keys(self, memory: Tensor) -> Tensor:
        """(B, S, D) -> (B, S, A)."""
        return ops.matmul(memory, ops.cast(self.key_kernel, memory.dtype))

    def call(self, query: Tensor, memory: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read from `memory` where it answers `query`.

        Args:
            query: (B, T, H). memory: (B, S, D). keys: (B, S, A), from `keys(memory)`.
            mask: (B, S), true on real source tokens.

        Returns:
            context (B, T, D) and attention (B, T, S): rows sum to 1, 0 on padding.
        """
        scores = ops.matmul(ops.matmul(query, ops.cast(self.query_kernel, query.dtype)), ops.transpose(keys, (0, 2, 1)))
        scores = ops.cast(scores, "float32") * self.attention_dim**-0.5
        scores = ops.where(mask[:, None, :], scores, -1e9)
        attention = ops.softmax(scores, axis=-1)
        return ops.matmul(ops.cast(attention, memory.dtype), memory), attention
