"""Models that translate together."""

import shutil

import numpy as np
import pytest

from nmt import ConfigError, SearchConfig, Translator, cli
from nmt.engines.ensemble import EnsembleEngine
from nmt.search.beam import max_lengths, search
from nmt.tokenizer import BOS_ID

TEXTS = ["Where is the station?", "I have to go to sleep. See you tomorrow!", "Yes."]
CONFIG = SearchConfig(beam_size=3, num_alternatives=3, max_length_extra=4)


@pytest.fixture(scope="module")
def twin(tiny_bundle, tmp_path_factory):
    """A model with the vocabulary of `tiny_bundle` and other weights."""
    import keras

    from nmt import bundle, graphs
    from nmt.network.model import TranslationModel

    folder = tmp_path_factory.mktemp("twin") / "twin"
    shutil.copytree(tiny_bundle, folder)
    config = bundle.read_config(folder)
    keras.utils.set_random_seed(4)
    weights = {name: values * 2 for name, values in TranslationModel(config.model).named_weights().items()}
    models = {name: (folder / name).read_bytes() for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)}
    return bundle.write(folder, config, models | graphs.build(config.model, weights), weights, "# twin\n")


def test_each_step_is_the_mean_of_probabilities(tiny_bundle, twin):
    engines = [Translator.load(one, engine="onnx").sentences.searcher.engine for one in (tiny_bundle, twin)]
    both = EnsembleEngine(engines)
    sources = [[9, 8, 7, 3], [5, 3]]
    tokens, none = np.full((2, 1), BOS_ID), np.zeros((2, 1), dtype=np.int64)
    live = np.arange(2)
    steps = [engine.step(tokens, live, none, engine.encode(sources), 5, full=True) for engine in engines]
    found = both.step(tokens, live, none, both.encode(sources), 5, full=True)
    with np.errstate(divide="ignore"):  # special tokens are impossible
        mean = np.log((np.exp(steps[0].all_log_probs) + np.exp(steps[1].all_log_probs)) / 2)
    np.testing.assert_allclose(found.all_log_probs[mean > -20], mean[mean > -20], atol=1e-4)
    assert np.exp(found.all_log_probs).sum(axis=2) == pytest.approx(1.0, abs=1e-4)
    best = np.sort(found.all_log_probs, axis=2)[:, :, ::-1][:, :, :5]
    np.testing.assert_array_equal(found.log_probs, best)
    np.testing.assert_allclose(found.attention.sum(axis=2), 1, atol=1e-4)
    again = both.step(found.ids[:, 0, :1], live, none, found.state, 5)
    assert again.all_log_probs is None and again.ids.shape == (2, 1, 5)


def test_twice_the_same_model_is_that_model(tiny_bundle):
    alone, twice = Translator.load(tiny_bundle, engine="onnx"), Translator.ensemble([tiny_bundle, tiny_bundle])
    for one, other in zip(alone.translate_batch(TEXTS, CONFIG), twice.translate_batch(TEXTS, CONFIG), strict=True):
        assert one.text == other.text
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_two_models_are_neither_of_them(tiny_bundle, twin):
    one, other = (Translator.load(folder, engine="onnx") for folder in (tiny_bundle, twin))
    both = Translator.ensemble([tiny_bundle, twin])
    assert both.info.name == "tiny + tiny"
    assert both.info.num_parameters == one.info.num_parameters + other.info.num_parameters
    texts = [[t.text for t in translator.translate_batch(TEXTS, CONFIG)] for translator in (one, other, both)]
    assert texts[2] not in texts[:2]
    # The translation of the two is at least as good in their eyes as that of either.
    engine = both.sentences.searcher.engine
    ids = [[9, 8, 7, 3]]
    wide = SearchConfig(beam_size=30)
    longest = max_lengths([4], CONFIG)
    (found,) = search(engine.step, engine.encode(ids), longest, wide)
    assert len(found) == 1
    assert [t.text for t in both.translate_batch(TEXTS[:1], CONFIG)] == texts[2][:1], "whatever its neighbours"


def test_what_does_not_fit_is_refused(tiny_bundle, spaced_bundle, tmp_path):
    with pytest.raises(ConfigError, match="different target vocabularies"):
        Translator.ensemble([tiny_bundle, spaced_bundle])
    with pytest.raises(ConfigError, match="at least one"):
        Translator.ensemble([])
    other = tmp_path / "other"
    shutil.copytree(tiny_bundle, other)
    text = (other / "config.json").read_text()
    (other / "config.json").write_text(text.replace('"target_language": "ja"', '"target_language": "zh"'))
    with pytest.raises(ConfigError, match=r"other translates en-zh and .*tiny en-ja"):
        Translator.ensemble([tiny_bundle, other])


def test_the_command_line_takes_several(tiny_bundle, twin, capfd):
    assert cli.main(["translate", "--model", f"{tiny_bundle},{twin}", "--text", TEXTS[0]]) == 0
    assert capfd.readouterr().out == Translator.ensemble([tiny_bundle, twin]).translate(TEXTS[0]).text + "\n"
    assert cli.main(["translate", "--model", f"{tiny_bundle},nowhere", "--text", "a"]) != 0
    assert 'no model "nowhere"' in capfd.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--temperature", "0.9", "--seed", "2", "--top-k", "5", "--top-p", "0.9"],
        ["--coverage-penalty", "0.3", "--no-repeat-ngram", "2"],
    ],
)
def test_the_command_line_takes_all_of_a_search(tiny_bundle, capfd, flags):
    assert cli.main(["translate", "--model", str(tiny_bundle), "--text", TEXTS[0], *flags]) == 0
    one = capfd.readouterr().out
    values = dict(zip([flag[2:].replace("-", "_") for flag in flags[::2]], flags[1::2], strict=True))
    translator = Translator.load(tiny_bundle, engine="onnx")
    options = {name: float(value) if "." in value else int(value) for name, value in values.items()}
    import dataclasses

    config = dataclasses.replace(translator.search, num_alternatives=1, **options)
    assert one == translator.translate(TEXTS[0], config).text + "\n"
    assert cli.main(["translate", "--model", str(tiny_bundle), "--text", "a", "--top-p", "2"]) != 0
    assert "top_p" in capfd.readouterr().err


@pytest.mark.parametrize("flag", ["--top-k", "--top-p", "--seed"])
def test_what_is_for_a_draw_needs_a_temperature(tiny_bundle, capfd, flag):
    assert cli.main(["translate", "--model", str(tiny_bundle), "--text", "a", flag, "1"]) != 0
    assert f"{flag} is for a draw by chance: it needs --temperature above 0" in capfd.readouterr().err
