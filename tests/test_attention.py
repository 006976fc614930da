"""Every kind of attention against its formula, written out for one query at a time."""

import numpy as np
import pytest
from keras import ops

from nmt.config import ATTENTIONS, ModelConfig
from nmt.errors import ConfigError
from nmt.network.attention import make_attention

BATCH, SOURCE, TARGET, WIDTH, UNITS, INNER, HEADS = 2, 5, 3, 8, 8, 6, 3
CONFIG = {"encoder_units": WIDTH // 2, "decoder_units": UNITS, "attention_dim": INNER, "attention_heads": HEADS}


@pytest.fixture(params=ATTENTIONS)
def kind(request):
    return request.param


@pytest.fixture
def layer(kind):
    layer = make_attention(ModelConfig(attention=kind, **CONFIG), name="attention")
    layer.build((None, None, UNITS), (None, None, WIDTH))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer


@pytest.fixture
def arrays():
    rng = np.random.default_rng(2)
    mask = np.ones((BATCH, SOURCE), dtype=bool)
    mask[1, 3:] = False
    query, memory = rng.normal(size=(BATCH, TARGET, UNITS)), rng.normal(size=(BATCH, SOURCE, WIDTH))
    return query.astype("float32"), memory.astype("float32"), mask


def attend(layer, query, memory, mask):
    context, attention = layer(query, *layer.read(ops.convert_to_tensor(memory)), ops.convert_to_tensor(mask))
    return ops.convert_to_numpy(context), ops.convert_to_numpy(attention)


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def formula(kind, weights, query, memory):
    """(H,), (S, D) without padding -> context, attention (S,)."""
    if kind == "multi_head":
        contexts, shares = [], []
        for n in range(HEADS):
            columns = slice(n * INNER // HEADS, (n + 1) * INNER // HEADS)
            q, k, v = (weights[f"{name}_kernel"][:, columns] for name in ("query", "key", "value"))
            shares.append(softmax((memory @ k) @ (query @ q) / np.sqrt(INNER / HEADS)))
            contexts.append(shares[-1] @ (memory @ v))
        return np.concatenate(contexts), np.mean(shares, axis=0)
    if kind == "general":
        scores = memory @ weights["key_kernel"] @ weights["query_kernel"].T @ query / np.sqrt(INNER)
    elif kind == "dot":
        scores = memory @ query / np.sqrt(WIDTH)
    elif kind == "additive":
        hidden = np.tanh(query @ weights["query_kernel"] + memory @ weights["key_kernel"] + weights["bias"])
        scores = hidden @ weights["score_kernel"][:, 0]
    else:
        scores = np.zeros(len(memory))
    shares = softmax(scores)
    return (np.zeros(0) if kind == "none" else shares @ memory), shares


def test_it_is_its_formula(kind, layer, arrays):
    query, memory, mask = arrays
    context, attention = attend(layer, *arrays)
    weights = {w.name: ops.convert_to_numpy(w) for w in layer.weights}
    assert context.shape == (BATCH, TARGET, layer.context_dim(WIDTH))
    for b in range(BATCH):
        length = mask[b].sum()
        for t in range(TARGET):
            expected, shares = formula(kind, weights, query[b, t], memory[b, :length])
            np.testing.assert_allclose(context[b, t], expected, atol=1e-5)
            np.testing.assert_allclose(attention[b, t, :length], shares, atol=1e-6)
            assert (attention[b, t, length:] == 0).all()


def test_padding_is_not_read(layer, arrays):
    query, memory, mask = arrays
    before = attend(layer, query, memory, mask)
    other = np.where(mask[:, :, None], memory, 100).astype("float32")
    for one, same in zip(before, attend(layer, query, other, mask), strict=True):
        np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "luong"}, 'attention must be one of general, dot, additive, multi_head, none, not "luong"'),
        ({"cell": "rnn"}, 'cell must be one of lstm, gru, simple_rnn, not "rnn"'),
        ({"attention": "dot", "decoder_units": 300}, "300 units with a memory of 512: make them equal"),
        ({"attention": "dot", "bidirectional": False}, "512 units with a memory of 256"),
        ({"attention": "multi_head", "attention_heads": 3}, r"\(256\) must be a multiple of attention_heads \(3\)"),
        ({"attention_heads": 0}, "attention_heads must be at least 1"),
        ({"attention": "none", "lexical": True}, "lexical passes on the words that are attended to"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**changes)


def test_widths_matter_only_where_they_are_used():
    ModelConfig(attention="dot", bidirectional=False, encoder_units=512)
    ModelConfig(attention="additive", attention_dim=250, attention_heads=4)
