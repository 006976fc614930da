"""The embedding: rows of a table, which is the output projection too.

Axis letters: B batch, T target, D width, V vocabulary.
"""

from typing import Any

from nmt import backend
from nmt.backend import keras, ops

Tensor = Any


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
