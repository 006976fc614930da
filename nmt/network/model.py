"""The network: a recurrent encoder, attention, a recurrent decoder.

Two verbs: `encode` reads a source sentence into a memory, `decode` predicts target tokens from it. `decode` is the same
function in training (T = the whole target) and in search (T = 1); both give the same numbers.

    source ─ embedding ─ BiLSTM ─ LN ─ BiLSTM + ─ LN ─ memory ──────────┐
                                                                     attention
    target ─ embedding ─ LSTM ─────────────────────────────── query ────┤
                           └──── + context ─ LN ─ LSTM + ─ LN ─ projection ─ tied embedding ─ logits

With `lexical`, the source embeddings that are attended to, times a kernel, are added to what goes into the projection's
tanh: a short way from a word to its translation (Nguyen & Chiang 2018, section 4, who add it to the logits by a second
output layer).

Instead of LSTMs there can be GRUs or simple RNNs (`nmt.network.recurrent`), and attention has several kinds
(`nmt.network.attention`).

The first decoder layer attends and the layers above it see the context (as GNMT does, Wu et al. 2016, section 3), so
without input feeding all steps of a layer are still one call, and the recurrence above knows what was read.

Axis letters: B batch, S source, T target, D memory width, C context width, A attention width, E embedding width,
H units, V vocabulary.
"""

import functools
import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nmt import backend
from nmt.backend import keras, ops
from nmt.config import ModelConfig
from nmt.network.attention import make_attention
from nmt.network.layers import Embedding
from nmt.network.lowrank import folded
from nmt.network.recurrent import CELLS, Bidirectional, State
from nmt.tokenizer import PAD_ID

Tensor = Any


class Memory(NamedTuple):
    """What the decoder knows of the source sentences."""

    values: Tensor  # (B, S, C), what is read; C is D or A, or 0 without attention; (B, S, C + E) with lexical
    keys: Tensor  # (B, S, A), where to read it; of width D or 0 with attention "dot" or "none"
    mask: Tensor  # (B, S) bool, true on real tokens


class Decoded(NamedTuple):
    """What `decode` returns."""

    logits: Tensor  # (B, T, V)
    attention: Tensor  # (B, T, S), rows sum to 1
    states: tuple[State, ...]  # after the last step, one per decoder layer


class TranslationModel(keras.Model):
    """Recurrent encoder–decoder with attention (Bahdanau et al. 2015; Luong et al. 2015).

    Args:
        config: kind, sizes and noise; both vocabulary sizes must be set.
        label_smoothing: of the training loss.
        shards: in training, a batch is cut into so many parts, which a backend may work on side by side.

    Example:
        memory, states = model.encode(source)              # (B, S) ids, 0 is padding, on the right
        decoded = model.decode(target, memory, states)     # (B, T) ids that start with BOS
    """

    def __init__(self, config: ModelConfig, label_smoothing: float = 0.0, shards: int = 1, **options: Any):
        backend.begin()
        super().__init__(**options)
        self.config, self.label_smoothing, self.shards = config, label_smoothing, shards
        self._soft_targets: tuple[np.ndarray, np.ndarray] | None = None
        self.source_embedding = Embedding(
            config.source_vocab_size, config.embedding_dim, config.word_dropout, name="source_embedding"
        )
        self.target_embedding = Embedding(
            config.target_vocab_size,
            config.embedding_dim,
            config.word_dropout,
            output_bias=True,
            name="target_embedding",
        )
        cell = CELLS[config.cell]
        encoder_rnn = functools.partial(Bidirectional, cell) if config.bidirectional else cell
        self.encoder_rnns = [
            encoder_rnn(config.encoder_units, config.weight_drop, name=f"encoder_{k}")
            for k in range(config.encoder_layers)
        ]
        self.encoder_norms = [_norm(f"encoder_norm_{k}") for k in range(config.encoder_layers)]
        self.initial_state = keras.layers.Dense(config.decoder_units, activation="tanh", name="initial_state")
        self.decoder_rnns = [
            cell(config.decoder_units, config.weight_drop, name=f"decoder_{k}") for k in range(config.decoder_layers)
        ]
        self.decoder_norms = [_norm(f"decoder_norm_{k}") for k in range(config.decoder_layers)]
        self.attention = make_attention(config, name="attention")
        self.context_projection = keras.layers.Dense(config.decoder_units, use_bias=False, name="context_projection")
        self.output_projection = keras.layers.Dense(config.embedding_dim, name="output_projection")
        if config.lexical:
            self.lexical = keras.layers.Dense(config.embedding_dim, use_bias=False, name="lexical")
        # Of what each recurrent layer hands on. Embeddings, and the vectors compared with them at the output, are
        # narrow: noise there costs more than it helps (docs/decisions).
        self.dropout = backend.dropout(config.dropout, rank=3)
        # Keras weighs the loss of a batch by its rows. This takes that one's place in the logs, by its name.
        self.token_loss = keras.metrics.Mean(name="loss")
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Make every weight; sizes are all known from the configuration."""
        config, memory_dim = self.config, self.config.memory_dim
        self.source_embedding.build()
        self.target_embedding.build()
        for k in range(config.encoder_layers):
            self.encoder_rnns[k].build((None, None, memory_dim if k else config.embedding_dim))
            self.encoder_norms[k].build((None, None, memory_dim))
        self.initial_state.build((None, memory_dim))
        for k in range(config.decoder_layers):
            self.decoder_rnns[k].build((None, None, config.decoder_units if k else config.embedding_dim))
            self.decoder_norms[k].build((None, None, config.decoder_units))
        self.attention.build((None, None, config.decoder_units), (None, None, memory_dim))
        if context_dim := self.attention.context_dim(memory_dim):
            self.context_projection.build((None, None, context_dim))
        if config.lexical:
            self.lexical.build((None, None, config.embedding_dim))
        self.output_projection.build((None, None, config.decoder_units))
        self.built = True

    def encode(self, source: Tensor, training: bool = False) -> tuple[Memory, tuple[State, ...]]:
        """Read source sentences.

        Args:
            source: (B, S) ids, padded with 0 on the right, every row with at least one token.

        Returns:
            The memory, and the decoder's states before the first target token. The first layer starts from the mean of
            the memory (Sennrich et al. 2017, "Nematus", section 3), the others from zeros.
        """
        mask = ops.not_equal(source, PAD_ID)
        lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
        words = x = self.source_embedding(source, training=training)
        for k, (rnn, norm) in enumerate(zip(self.encoder_rnns, self.encoder_norms, strict=True)):
            if self.config.bidirectional:
                y = rnn(x, lengths, training=training)
            else:
                y, _ = rnn(x, training=training)
            x = self.dropout(norm(y + x if k else y), training=training)
        values, keys = self.attention.read(x)
        if self.config.lexical:
            values = ops.concatenate([values, self.lexical(words)], axis=-1)
        memory = Memory(values, keys, mask)

        weights = ops.cast(mask, x.dtype)[:, :, None]
        mean = ops.sum(x * weights, axis=1) / ops.cast(lengths, x.dtype)[:, None]  # -> (B, D)
        zeros = (ops.zeros((ops.shape(source)[0], self.config.decoder_units), dtype="float32"),)
        empty = zeros * len(self.config.state_parts)
        first = (ops.cast(self.initial_state(mean), "float32"), *empty[1:])
        return memory, (first,) + (empty,) * (self.config.decoder_layers - 1)

    def decode(self, target: Tensor, memory: Memory, states: tuple[State, ...], training: bool = False) -> Decoded:
        """Predict the token after each of `target`.

        Args:
            target: (B, T) ids, the tokens so far (teacher forcing) or the last one (search).
            memory: from `encode`.
            states: before the first of these tokens, from `encode` or from the previous call.
        """
        x = self.target_embedding(target, training=training)
        states_after = []
        context_dim = self.attention.context_dim(self.config.memory_dim)
        attention: Tensor = None
        for k, (rnn, norm) in enumerate(zip(self.decoder_rnns, self.decoder_norms, strict=True)):
            y, state = rnn(x, states[k], training=training)
            states_after.append(state)
            if k == 0:
                context, attention = self.attention(y, memory.values[..., :context_dim], memory.keys, memory.mask)
                if self.config.attention != "none":
                    y = y + self.context_projection(context)
            x = self.dropout(norm(y + x if k else y), training=training)
        x = self.output_projection(x)
        if self.config.lexical:
            x = x + ops.matmul(ops.cast(attention, x.dtype), memory.values[..., context_dim:])
        return Decoded(self.target_embedding.logits(ops.tanh(x)), attention, tuple(states_after))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor | tuple[Tensor, ...]:
        """Teacher forcing: {"source": (B, S), "target": (B, T) from BOS on} -> logits (B, T, V).

        Training with shards gives those of each shard, from the first rows of the batch to the last.
        """
        sources, targets = (self._cut(inputs[name], training) for name in ("source", "target"))
        logits = []
        for source, target in zip(sources, targets, strict=True):
            memory, states = self.encode(source, training=training)
            logits.append(self.decode(target, memory, states, training=training).logits)
        return tuple(logits) if len(logits) > 1 else logits[0]

    def _wanted(self, labels: Tensor, soft: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """What is to be predicted: (N,) ids, (N,) 1 + places of soft targets or 0 -> tokens, probabilities (N, K)."""
        assert self._soft_targets is not None
        ids, probabilities = (ops.take(part, ops.maximum(soft - 1, 0), axis=0) for part in self._soft_targets)
        is_first = np.arange(ids.shape[1]) == 0
        hard = np.where(is_first, 1 - smoothing, 0).astype(np.float32)
        is_soft = (soft > 0)[:, None]
        return ops.where(is_soft, ids, labels[:, None]), ops.where(is_soft, probabilities, hard)

    def _cut(self, rows: Tensor, training: bool) -> list[Tensor]:
        """The rows of each shard of a batch; with fewer rows than shards, some have none."""
        if not training or self.shards == 1:
            return [rows]
        count = ops.shape(rows)[0]
        marks = [count * k // self.shards for k in range(self.shards + 1)]
        return [rows[a:b] for a, b in itertools.pairwise(marks)]

    def named_weights(self) -> dict[str, np.ndarray]:
        """Every array of the network by a name that does not depend on the backend, such as `encoder_0/forward/kernel`.

        Low-rank updates are in the arrays that they belong to.
        """
        return folded({_weight_name(v): ops.convert_to_numpy(ops.convert_to_tensor(v)) for v in self.weights})

    def set_named_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take over arrays that `named_weights` of a model of the same sizes gave.

        Raises:
            ValueError: a name or a shape does not fit.
        """
        variables = {_weight_name(variable): variable for variable in self.weights}
        if odd := sorted(set(variables) ^ set(weights)):
            raise ValueError(f"the weights do not fit the configuration: {odd[0]} is on one side only")
        for name, variable in variables.items():
            if tuple(weights[name].shape) != tuple(variable.shape):
                raise ValueError(f"{name} has shape {tuple(weights[name].shape)}, expected {tuple(variable.shape)}")
            variable.assign(weights[name])

    def remember(self, ids: np.ndarray, probabilities: np.ndarray) -> None:
        """Take soft targets, which training batches then refer to by "soft": see `nmt.training.soft_targets`.

        Args:
            ids: the likeliest tokens at each place. (M, K)
            probabilities: of these. (M, K)
        """
        self._soft_targets = ids, probabilities

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Mean cross-entropy per real target token, in nats; `y` is (B, T) ids with 0 for padding.

        In training, what regularisers on the weights cost is added (`nmt.finetuning.adaptation`), tokens that have a
        soft target (`remember`) are compared with that, and the mean over all tokens of an epoch is kept for the logs.
        """
        shards = y_pred if isinstance(y_pred, tuple) else (y_pred,)
        is_soft = training and self._soft_targets is not None and "soft" in x
        places = self._cut(x["soft"], len(shards) > 1) if is_soft else [None] * len(shards)
        total = 0.0
        for logits, rows, soft in zip(shards, self._cut(y, len(shards) > 1), places, strict=True):
            labels = ops.reshape(rows, (-1,))
            logits = ops.reshape(logits, (-1, self.config.target_vocab_size))
            smoothing = self.label_smoothing if training else 0.0
            if soft is None:
                losses = backend.smoothed_cross_entropy(logits, labels, smoothing)
            else:
                losses = backend.soft_cross_entropy(logits, *self._wanted(labels, ops.reshape(soft, (-1,)), smoothing))
            total = total + ops.sum(losses * ops.cast(ops.not_equal(labels, PAD_ID), "float32"))
        count = ops.sum(ops.cast(ops.not_equal(y, PAD_ID), "float32"))
        if not training:
            return total / count
        loss = sum(self.losses, total / count)
        self.token_loss.update_state(loss, sample_weight=count)
        return loss


def _weight_name(variable: Any) -> str:
    return str(variable.path).split("/", 1)[1]


def _norm(name: str) -> keras.layers.Layer:
    return keras.layers.LayerNormalization(epsilon=1e-5, name=name)
