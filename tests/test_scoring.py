"""Log-probabilities of given translations: the model's own, whatever the engine and the neighbours."""

import math
import shutil

import numpy as np
import pytest

from nmt import CorpusError, SearchConfig, bundle, export
from nmt.cli import main
from nmt.evaluation.scoring import Likelihood, Scorer, perplexity, score_ids
from nmt.search.beam import max_lengths, search
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID
from nmt.translating import loading

SOURCES = ["Good morning!", "Where is the station?", "Yes.", "", "My sister lives in a small town near the sea."]
TARGETS = ["おはよう。", "駅はどこですか。", "", "はい。", "妹は海の近くの小さな町に住んでいます。🎉"]


@pytest.fixture(scope="module")
def exact(tmp_path_factory, tiny_bundle):
    """The tiny bundle with graphs that are not rounded to 8 bits."""
    folder = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("scoring") / "exact")
    export.export(folder, "float32")
    return folder


@pytest.fixture(scope="module", params=["onnx", "keras"])
def model(exact, request):
    return loading.load(exact, request.param)


@pytest.fixture(scope="module")
def teacher_forced(exact):
    """The model's own numbers: one call over the whole target, without any engine."""
    import keras
    from keras import ops

    from nmt.network.model import TranslationModel
    from nmt.tokenizer import pad

    config = bundle.read_config(exact)
    network = TranslationModel(config.model)
    network.set_named_weights(bundle.read_weights(exact))
    model = loading.load(exact)
    sources = [[*ids, EOS_ID] for ids in model.source.encode_batch(SOURCES)]
    targets = [[*ids, EOS_ID] for ids in model.target.encode_batch(TARGETS)]
    inputs = {"source": pad(sources), "target": pad([[BOS_ID, *ids[:-1]] for ids in targets])}
    logits = np.array(keras.ops.convert_to_numpy(network(inputs)))
    logits[:, :, [PAD_ID, UNKNOWN_ID, BOS_ID]] = -1e9  # no engine ever writes these
    log_probs = ops.convert_to_numpy(ops.log_softmax(logits, axis=-1))
    return [log_probs[k, np.arange(len(ids)), ids] for k, ids in enumerate(targets)]


def test_scores_are_those_of_teacher_forcing(teacher_forced, model):
    found = Scorer(model).score(SOURCES, TARGETS)
    for one, expected in zip(found, teacher_forced, strict=True):
        np.testing.assert_allclose(one.log_probs, expected, atol=2e-5)
        assert one.tokens[-1] == "</s>"
        assert one.log_prob == pytest.approx(float(expected.sum()), abs=1e-4)
        assert one.per_token == pytest.approx(float(expected.mean()), abs=1e-4)
    assert len({round(one.log_prob, 3) for one in found}) == len(found)


def test_neighbours_and_padding_change_nothing(model):
    scorer = Scorer(model)
    together = scorer.score(SOURCES * 2, TARGETS * 2)
    for batch_size in (1, 7):
        for one, other in zip(together, scorer.score(SOURCES * 2, TARGETS * 2, batch_size), strict=True):
            np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-5)
    backwards = scorer.score(SOURCES[::-1], TARGETS[::-1])[::-1]
    for one, other in zip(together, backwards, strict=False):
        np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-5)


def test_what_a_search_finds_has_the_score_that_it_says(model):
    sources = [[*ids, EOS_ID] for ids in model.source.encode_batch(SOURCES)]
    config = SearchConfig(beam_size=4, num_alternatives=3, max_length_extra=4)
    longest = max_lengths([len(ids) for ids in sources], config)
    found = search(model.engine.step, model.engine.encode(sources), longest, config)
    pairs = [(ids, one) for ids, hypotheses in zip(sources, found, strict=True) for one in hypotheses]
    scores = score_ids(model.engine, [ids for ids, _ in pairs], [one.ids for _, one in pairs])
    for (_, one), values in zip(pairs, scores, strict=True):
        np.testing.assert_allclose(values, one.log_probs, atol=2e-5)


def test_eight_bits_score_nearly_the_same(tiny_bundle, teacher_forced):
    for light, reference in zip(Scorer.load(tiny_bundle).score(SOURCES, TARGETS), teacher_forced, strict=True):
        assert light.per_token == pytest.approx(reference.mean(), abs=0.2)


def test_probabilities_of_one_step_sum_to_one(model):
    state = model.engine.encode([[5, EOS_ID]])
    zeros = np.zeros((1, 1), dtype=np.int64)
    step = model.engine.step(np.full((1, 1), BOS_ID), np.zeros(1, dtype=np.int64), zeros, state, 1, full=True)
    vocabulary = np.arange(step.all_log_probs.shape[-1])
    scores = score_ids(model.engine, [[5, EOS_ID]] * len(vocabulary), vocabulary[:, None])
    assert math.fsum(math.exp(value) for (value,) in scores) == pytest.approx(1, abs=1e-4)


def test_perplexity_counts_every_token_once():
    halves = Likelihood(("a", "</s>"), (math.log(0.5),) * 2)
    eighths = Likelihood(("a", "b", "c", "</s>"), (math.log(0.125),) * 4)
    assert perplexity([halves]) == pytest.approx(2)
    assert perplexity([halves, eighths]) == pytest.approx(2 ** ((2 + 4 * 3) / 6))
    assert perplexity([Likelihood(("</s>",), (-1e9,))]) == math.inf
    with pytest.raises(CorpusError, match="nothing"):
        perplexity([])


def test_pairs_need_both_sides(model):
    with pytest.raises(CorpusError, match="2 sources but 1 translation"):
        Scorer(model).score(["a", "b"], ["c"])
    assert Scorer(model).score([], []) == []


def test_the_command_writes_one_line_per_pair(exact, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("nmt.commands.score._CHUNK", 2)
    (tmp_path / "a.en").write_text("".join(f"{text}\n" for text in [*SOURCES, "long " * 60]), encoding="utf-8")
    (tmp_path / "a.ja").write_text("".join(f"{text}\n" for text in [*TARGETS, "長い"]), encoding="utf-8")
    assert main(["score", "--model", str(exact), str(tmp_path / "a.en"), str(tmp_path / "a.ja")]) == 0
    written = capsys.readouterr()
    rows = [line.split("\t") for line in written.out.splitlines()]
    likelihoods = Scorer.load(exact).score(SOURCES, TARGETS)
    for row, one in zip(rows, likelihoods, strict=False):
        assert row == [f"{one.log_prob:.4f}", f"{one.per_token:.4f}", str(len(one.tokens))]
    assert len(rows) == 6
    summary, warning = written.err.splitlines()
    total, number = sum(float(row[0]) for row in rows), sum(int(row[2]) for row in rows)
    assert summary.startswith(f"tiny: 6 pairs, {number:,} tokens")
    assert float(said_perplexity(summary)) == pytest.approx(math.exp(-total / number), rel=1e-3)
    assert warning.startswith("1 sources are longer than the 40 tokens")


def said_perplexity(summary):
    return summary.partition("perplexity ")[2].split()[0]


def test_the_command_wants_line_by_line(exact, tmp_path, capsys):
    (tmp_path / "a").write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "b").write_text("one\n", encoding="utf-8")
    assert main(["score", "--model", str(exact), str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "has 2 lines and" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["nmt.commands.translate", "nmt.commands.score"])
def test_engines_are_named_alike_everywhere(place):
    import importlib

    assert importlib.import_module(place).ENGINES == loading.ENGINES
