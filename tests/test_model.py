"""The network: one `decode` for training and search, and nothing that padding or neighbours could change."""

import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from nmt import backend
from nmt.config import ModelConfig
from nmt.network.model import TranslationModel

SIZES = ModelConfig(
    source_vocab_size=40,
    target_vocab_size=50,
    embedding_dim=12,
    encoder_units=8,
    decoder_units=16,
    attention_dim=8,
    dropout=0.3,
    word_dropout=0.2,
    weight_drop=0.2,
)


def make_model(**changes):
    import dataclasses

    keras.utils.set_random_seed(1)
    model = TranslationModel(dataclasses.replace(SIZES, **changes), label_smoothing=0.1)
    # Biases start at zero and would hide what they are added to.
    rng = np.random.default_rng(2)
    model.set_named_weights(
        {k: v + 0.1 * rng.normal(size=v.shape).astype("float32") for k, v in model.named_weights().items()}
    )
    return model


SHAPES = [
    {},
    {"bidirectional": False},
    {"encoder_layers": 1, "decoder_layers": 1},
    {"encoder_layers": 3, "decoder_layers": 3},
    {"attention": "dot"},
    {"attention": "additive", "encoder_layers": 1},
    {"attention": "multi_head"},
    {"attention": "none"},
    {"lexical": True},
    {"lexical": True, "attention": "multi_head"},
    {"cell": "gru"},
    {"cell": "gru", "attention": "additive", "decoder_layers": 3},
    {"cell": "gru", "attention": "none", "bidirectional": False},
    {"cell": "simple_rnn"},
    {"cell": "simple_rnn", "attention": "multi_head", "attention_heads": 2, "bidirectional": False},
    {"cell": "simple_rnn", "attention": "dot", "decoder_layers": 1},
]


def name_of(changes):
    return " ".join(str(value if isinstance(value, str) else name) for name, value in changes.items()) or "default"


@pytest.fixture(scope="module", params=SHAPES, ids=name_of)
def model(request):
    return make_model(**request.param)


def ids(rng, rows, columns, low=4, high=40):
    return rng.integers(low, high, (rows, columns)).astype("int32")


def numpy(value):
    return ops.convert_to_numpy(value)


def test_decoding_all_at_once_equals_decoding_step_by_step(model):
    rng = np.random.default_rng(0)
    source, target = ids(rng, 3, 7), ids(rng, 3, 6)
    memory, states = model.encode(source)
    whole = model.decode(target, memory, states)
    for t in range(target.shape[1]):
        step = model.decode(target[:, t : t + 1], memory, states)
        states = step.states
        np.testing.assert_allclose(numpy(step.logits)[:, 0], numpy(whole.logits)[:, t], atol=1e-5)
        np.testing.assert_allclose(numpy(step.attention)[:, 0], numpy(whole.attention)[:, t], atol=1e-6)
    for after, expected in zip(states, whole.states, strict=True):
        for one, other in zip(after, expected, strict=True):
            np.testing.assert_allclose(numpy(one), numpy(other), atol=1e-5)


@pytest.mark.parametrize("padding", [1, 9])
def test_padding_and_neighbours_change_nothing(model, padding):
    rng = np.random.default_rng(1)
    source, target = ids(rng, 1, 5), ids(rng, 1, 4)
    alone = model({"source": source, "target": target})
    longer = ids(rng, 1, 5 + padding)
    both = np.concatenate([np.pad(source, ((0, 0), (0, padding))), longer])
    among = model({"source": both, "target": np.repeat(np.pad(target, ((0, 0), (0, 3))), 2, axis=0)})
    np.testing.assert_allclose(numpy(among)[0, :4], numpy(alone)[0], atol=1e-5)
    assert np.abs(numpy(among)[0, :4] - numpy(among)[1, :4]).max() > 1e-3, "the source matters"


def test_attention_rows_sum_to_one_and_ignore_padding(model):
    rng = np.random.default_rng(2)
    source = ids(rng, 2, 6)
    source[0, 4:] = 0
    memory, states = model.encode(source)
    attention = numpy(model.decode(ids(rng, 2, 5), memory, states).attention)
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)
    assert (attention[0, :, 4:] == 0).all()
    assert (attention[1] > 0).all()


def test_loss_counts_real_tokens_only():
    model = make_model()
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2, 4, 50)).astype("float32")
    labels = ids(rng, 2, 4)
    labels[1, 2:] = 0
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = [
        -0.9 * log_probs[b, t, labels[b, t]] - 0.1 * log_probs[b, t].mean()
        for b in range(2)
        for t in range(4)
        if labels[b, t]
    ]
    assert len(expected) == 6
    np.testing.assert_allclose(float(model.compute_loss(None, labels, logits)), np.mean(expected), rtol=1e-5)


@pytest.mark.skipif(not backend.uses_tensorflow(), reason="the other backends take a batch whole")
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_batch_in_shards_has_the_loss_and_gradients_of_the_whole(rows):
    import tensorflow as tf

    rng = np.random.default_rng(9)
    batch = {"source": tf.constant(ids(rng, rows, 6)), "target": tf.constant(ids(rng, rows, 5))}
    labels = ids(rng, rows, 5)
    labels[0, 3:] = 0
    quiet = {"dropout": 0.0, "word_dropout": 0.0, "weight_drop": 0.0}

    @tf.function
    def loss_and_gradients(model):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(None, tf.constant(labels), model(batch, training=True))
        return loss, tape.gradient(loss, [v.value for v in model.trainable_variables])

    whole, cut = make_model(**quiet), make_model(**quiet)
    cut.shards = 3
    assert len(cut(batch, training=True)) == 3
    assert cut(batch).shape[0] == rows, "a batch is cut in training only"
    (loss, gradients), (cut_loss, cut_gradients) = loss_and_gradients(whole), loss_and_gradients(cut)
    np.testing.assert_allclose(cut_loss, loss, rtol=1e-5)
    for one, other in zip(gradients, cut_gradients, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_the_optimizer_is_the_adam_of_keras_with_another_average():
    rng = np.random.default_rng(10)
    start = rng.normal(size=(3, 4)).astype("float32")
    gradients = [rng.normal(size=(3, 4)).astype("float32") for _ in range(4)]

    def trained(optimizer):
        """The variable after each update, and its average at the end."""
        variable, passed = keras.Variable(start), []
        optimizer.build([variable])

        def update(gradient):
            optimizer.apply([gradient], [variable])

        if backend.uses_tensorflow():
            import tensorflow as tf

            update = tf.function(update)
        for gradient in gradients:
            update(ops.convert_to_tensor(gradient))
            passed.append(numpy(variable).copy())
        return np.array(passed), numpy(optimizer._model_variables_moving_average[0])

    options = {"beta_2": 0.98, "global_clipnorm": 1.5, "use_ema": True, "ema_momentum": 0.3}
    assert isinstance(backend.adam(0.01), type(keras.optimizers.Adam())), "as fast as Keras's own for this backend"
    (ours, average), (theirs, _) = (trained(kind(0.01, **options)) for kind in (backend.adam, keras.optimizers.Adam))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert np.abs(ours[-1] - start).max() > 0.01

    expected = ours[0]
    for n, weights in list(enumerate(ours))[1:]:
        momentum = min(0.3, (1 + n) / (10 + n))  # 2/11, 3/12, and then 0.3 instead of 4/13
        expected = momentum * expected + (1 - momentum) * weights
    np.testing.assert_allclose(average, expected, atol=1e-6)


def test_dropout_acts_in_training_only():
    model = make_model()
    rng = np.random.default_rng(4)
    batch = {"source": ids(rng, 2, 6), "target": ids(rng, 2, 5)}
    np.testing.assert_array_equal(numpy(model(batch)), numpy(model(batch)))
    assert np.abs(numpy(model(batch, training=True)) - numpy(model(batch))).max() > 1e-2


@pytest.mark.parametrize("changes", [{}, {"cell": "gru", "attention": "additive"}], ids=name_of)
def test_weights_travel_by_name(changes):
    first, second = make_model(**changes), make_model(**changes)
    rng = np.random.default_rng(5)
    batch = {"source": ids(rng, 2, 6), "target": ids(rng, 2, 5)}
    changed = {name: values + 0.3 for name, values in first.named_weights().items()}
    first.set_named_weights(changed)
    assert np.abs(numpy(first(batch)) - numpy(second(batch))).max() > 1e-2
    second.set_named_weights(first.named_weights())
    np.testing.assert_array_equal(numpy(first(batch)), numpy(second(batch)))


def test_each_kind_has_its_own_weights():
    kinds = [{}, {"cell": "gru"}, *({"attention": kind} for kind in ("dot", "multi_head", "none"))]
    names = {name_of(changes): set(make_model(**changes).named_weights()) for changes in kinds}
    assert {name for name in names["default"] if name.startswith(("attention", "decoder_0/", "context"))} == {
        "attention/query_kernel",
        "attention/key_kernel",
        "context_projection/kernel",
        "decoder_0/kernel",
        "decoder_0/recurrent_kernel",
        "decoder_0/bias",
    }
    assert names["default"] - names["dot"] == {"attention/query_kernel", "attention/key_kernel"}
    assert names["multi_head"] - names["default"] == {"attention/value_kernel"}
    assert names["gru"] == names["default"]
    assert names["default"] - names["none"] == {
        "attention/query_kernel",
        "attention/key_kernel",
        "context_projection/kernel",
    }


def test_weights_that_do_not_fit_are_refused():
    model = make_model()
    weights = model.named_weights()
    with pytest.raises(ValueError, match="attention/key_kernel has shape"):
        model.set_named_weights({**weights, "attention/key_kernel": np.zeros((3, 3), "float32")})
    with pytest.raises(ValueError, match="decoder_9/kernel"):
        model.set_named_weights({**weights, "decoder_9/kernel": np.zeros((3, 3), "float32")})


@pytest.mark.skipif(not backend.uses_tensorflow(), reason="the other backends have one implementation")
def test_loss_and_embedding_have_the_gradients_of_their_formulas():
    import tensorflow as tf

    rng = np.random.default_rng(7)
    logits = tf.constant(rng.normal(size=(6, 9)).astype("float32"))
    labels = np.array([0, 3, 8, 2, 3, 5], dtype="int32")
    upstream = tf.constant(rng.normal(size=6).astype("float32"))

    def plain(values):
        log_probs = tf.nn.log_softmax(values)
        picked = tf.gather(log_probs, labels, batch_dims=1)
        return -0.8 * picked - 0.2 * tf.reduce_mean(log_probs, -1)

    def loss_and_gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = function(logits)
            total = tf.reduce_sum(values * upstream)
        return values, tape.gradient(total, logits)

    fast = loss_and_gradient(lambda values: backend.smoothed_cross_entropy(values, labels, 0.2))
    for ours, expected in zip(fast, loss_and_gradient(plain), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)

    table = tf.constant(rng.normal(size=(6, 3)).astype("float32"))
    places = tf.constant([[1, 1, 5], [0, 1, 2]])
    with tf.GradientTape() as tape:
        tape.watch(table)
        total = tf.reduce_sum(backend.embed(table, places) ** 2)
    dense = tape.gradient(total, table)
    np.testing.assert_allclose(dense, 2 * table * np.array([1, 3, 1, 0, 0, 1])[:, None], atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [{}, {"cell": "gru", "attention": "multi_head"}, {"cell": "simple_rnn", "attention": "additive"}],
    ids=name_of,
)
def test_half_precision_stays_close_and_keeps_its_state_in_float32(changes):
    reference = make_model(**changes)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_model(**changes)
    finally:
        keras.config.set_dtype_policy(before)
    model.set_named_weights(reference.named_weights())
    rng = np.random.default_rng(8)
    batch = {"source": ids(rng, 4, 9), "target": ids(rng, 4, 8)}
    labels = ids(rng, 4, 8)
    memory, states = model.encode(batch["source"])
    decoded = model.decode(batch["target"], memory, states)
    assert keras.backend.standardize_dtype(decoded.logits.dtype) == "bfloat16"
    for state in (*states, *decoded.states):
        assert {keras.backend.standardize_dtype(part.dtype) for part in state} == {"float32"}
    losses = [float(numpy(one.compute_loss(None, labels, one(batch)))) for one in (reference, model)]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_starting_the_backend_says_nothing():
    code = "import nmt.network.model; from nmt.backend import ops; print(float(ops.sum(ops.ones(3))))"
    done = subprocess.run(
        [sys.executable, "-c", f"from nmt import backend; backend.begin(); {code}"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("3.0\n", "")


def test_dropout_is_on_what_recurrent_layers_hand_on_and_nowhere_else(monkeypatch):
    sizes = dataclasses.replace(
        ModelConfig(30, 40, 8), encoder_units=6, decoder_units=10, attention_dim=8, lexical=True
    )
    model, widths = TranslationModel(sizes), []

    def noting(x, training):
        assert training
        widths.append(x.shape[-1])
        return x

    monkeypatch.setattr(model.dropout, "call", noting)  # torch takes no function for a layer
    model({"source": np.array([[5, 3]]), "target": np.array([[2, 6]])}, training=True)
    assert widths == [12] * sizes.encoder_layers + [10] * sizes.decoder_layers
