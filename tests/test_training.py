"""Training: from a recipe to a bundle, what it promises on the way, and that a kill costs a round and nothing else."""

import contextlib
import csv
import dataclasses
import hashlib
import json
import math
import random
import re
import shutil
import signal
import time
import types
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from nmt import BundleError, ConfigError, CorpusError, NmtError, SearchConfig, TrainingError, Translator, bundle
from nmt.config import Recipe, TrainingConfig, load_recipe
from nmt.corpora.corpus import Corpus, write_pair_files
from nmt.evaluation.metrics import Score
from nmt.tokenizer import Tokenizer
from nmt.training import rounds, watching
from nmt.training import trainer as training
from nmt.training.checkpoint import load_arrays, load_checkpoint
from nmt.training.run_folder import check_recipe, saying_what_is_saved
from nmt.training.schedule import learning_rate

ROOT = Path(__file__).parent.parent
# One layer each, so that less of a test is TensorFlow making graphs; noise of every kind, so that its seeds count.
RECIPE = """
name = "tiny"
source_language = "en"
target_language = "ja"
licence = "CC0-1.0"
[data]
train = "train"
dev = "dev"
test = "test"
source_vocab_size = 300
target_vocab_size = 400
[model]
embedding_dim = 16
encoder_layers = 1
encoder_units = 12
decoder_layers = 1
decoder_units = 24
attention_dim = 16
dropout = 0.1
word_dropout = 0.1
weight_drop = 0.1
[training]
batch_tokens = 150
updates = 12
updates_per_round = 5
warmup_updates = 4
learning_rate = 1e-2
final_learning_rate = 1e-4
ema = 0.8
precision = "float32"
[search]
beam_size = 2
max_length_extra = 4
"""


def write_recipe(folder, **changes):
    """A recipe in `folder`, keys replaced; None takes the line out."""
    text = RECIPE
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^{key} = .*\n", "" if value is None else f"{key} = {value}\n", text)
        if not count:
            text = text.replace("[training]\n", f"[training]\n{key} = {value}\n")
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_parts(folder, corpus, languages, **sizes):
    start = 0
    for name, size in sizes.items():
        part = Corpus(corpus.sources[start : start + size], corpus.targets[start : start + size])
        write_pair_files(part, *(folder / f"{name}.{code}" for code in languages))
        start += size


@pytest.fixture(scope="module")
def data(tmp_path_factory, sample):
    folder = tmp_path_factory.mktemp("data")
    write_parts(folder, sample, ("en", "ja"), dev=6, test=4, train=200)
    return folder


@pytest.fixture
def work(data, tmp_path):
    """A folder of a test's own with the data in it."""
    for path in data.glob("*.??"):
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A run of 12 updates in rounds of 5, to look at."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    assert training.train(write_recipe(data), output=run, progress=False) == run / "bundle"
    return run


def read_log(run):
    with (run / "log.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- learning rate


OPTIONS = st.builds(
    lambda peak, share, warmup: TrainingConfig(
        learning_rate=peak, final_learning_rate=peak * share, warmup_updates=warmup
    ),
    st.floats(1e-5, 1e-1),
    st.floats(0, 1),
    st.integers(1, 1000),
)


@given(OPTIONS, st.integers(0, 999))
def test_the_warm_up_is_linear_to_the_learning_rate(options, update):
    update %= options.warmup_updates
    expected = options.learning_rate * (update + 1) / options.warmup_updates
    assert learning_rate(options, update, 0.0) == pytest.approx(expected)
    assert learning_rate(options, options.warmup_updates - 1, 0.0) == pytest.approx(options.learning_rate)


@given(OPTIONS, st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_after_the_warm_up_it_falls_to_the_final_rate(options, shares):
    update = options.warmup_updates
    rates = [learning_rate(options, update, share) for share in (0.0, *sorted(shares), 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(options.learning_rate)
    assert rates[-1] == pytest.approx(options.final_learning_rate)


@pytest.fixture
def rates(monkeypatch):
    """The learning rates of the updates of this test, as they are set."""
    seen = []

    def noting(options, update, share_done, num_reductions):
        seen.append(learning_rate(options, update, share_done, num_reductions))
        return seen[-1]

    monkeypatch.setattr(rounds, "learning_rate", noting)
    return seen


# ---------------------------------------------------------------- what a run leaves


def test_a_run_writes_what_it_promises(finished):
    names = {path.name for path in finished.iterdir()}
    files = {"data.sha256", "recipe.json", "source.model", "target.model", "checkpoint.npz", "best.npz", "log.csv"}
    assert names == {*files, "tensorboard", "bundle"}
    assert list(finished.glob("tensorboard/**/events.*"))
    for side in ("source", "target"):
        assert Tokenizer.load(finished / f"{side}.model").vocab_size >= 261


def test_the_log_has_a_line_per_round_and_no_update_too_many(finished):
    rows = read_log(finished)
    assert [row["update"] for row in rows] == ["5", "10", "12"]
    assert {"hours", "loss", "target_tokens_per_second", "dev BLEU ja-mecab", "dev BLEU char", "dev chrF"} <= set(
        rows[0]
    )
    hours = [float(row["hours"]) for row in rows]
    assert 0 < hours[0] <= hours[1] <= hours[2] < 1


def test_the_loss_falls(finished):
    losses = [float(row["loss"]) for row in read_log(finished)]
    # At first every token is about as likely as any other.
    assert losses[0] == pytest.approx(math.log(Tokenizer.load(finished / "target.model").vocab_size), rel=0.3)
    assert losses[-1] < losses[0] - 0.25  # after 12 updates; that it learns, the digits below show


def test_the_bundle_translates(finished):
    translation = Translator.load(finished / "bundle").translate("Good morning!")
    assert translation.text.strip()
    assert translation.source == "Good morning!" and translation.sentences[0].source_tokens[-1] == "</s>"


def test_the_bundle_holds_the_best_weights(finished):
    best = load_arrays(finished / "best.npz")
    written = bundle.read_weights(finished / "bundle")
    assert written.keys() == best.keys()
    for name, values in best.items():
        np.testing.assert_allclose(written[name], values, rtol=1e-3, atol=1e-6)  # half precision
    config = bundle.read_config(finished / "bundle")
    assert config.num_parameters == sum(values.size for values in best.values())
    assert config.training["updates"] == 12
    assert config.training["best_update"] in (5, 10, 12)


def test_the_card_has_scores_with_signatures(finished):
    card = (finished / "bundle" / "README.md").read_text(encoding="utf-8")
    lines = [[cell.strip() for cell in line.split("|", 4)] for line in card.splitlines() if line.startswith("| ")]
    scored = {(search, metric): rest for _, search, metric, _, rest in lines[1:]}
    metrics = {"BLEU ja-mecab": "tok:ja-mecab", "BLEU char": "tok:char", "chrF": "nc:6", "TER": "tok:tercom"}
    both = {(search, metric) for search in ("greedy", "beam 2") for metric in metrics}
    assert scored.keys() == both - {("greedy", "TER")}
    for (_, metric), signature in scored.items():
        assert metrics[metric] in signature and "version:" in signature
    assert "200 for training" in card and "12 batches" in card and "CC0-1.0" in card
    assert bundle.read_info(finished / "bundle").scores.keys() == metrics.keys()


def test_a_finished_run_gives_its_bundle_again(finished, data, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.*") if path.name != "recipe.json"}

    def fail(*_, **__):
        raise AssertionError("there is nothing left to do")

    monkeypatch.setattr(keras.Model, "fit", fail)
    monkeypatch.setattr(Translator, "translate_batch", fail)
    start = time.process_time()
    assert training.train(data / "tiny.toml", output=finished, progress=False) == finished / "bundle"
    assert time.process_time() - start < 10
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_lost_bundle_is_made_again(finished, data, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("training is over")

    monkeypatch.setattr(keras.Model, "fit", fail)
    old = (finished / "bundle").rename(finished / "old")
    training.train(data / "tiny.toml", output=finished, progress=False)
    for path in old.iterdir():
        assert (finished / "bundle" / path.name).read_bytes() == path.read_bytes(), path.name
        path.unlink()
    old.rmdir()


# ---------------------------------------------------------------- when to stop


def test_the_last_updates_have_the_final_learning_rate_by_hours(work, monkeypatch, rates):
    """On a clock that goes on by a second whenever it is looked at: a run of 20 seconds, whatever the machine."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(rounds, "time", types.SimpleNamespace(monotonic=lambda: float(next(seconds))))
    recipe = write_recipe(work, hours=20 / 3600, updates=1000, updates_per_round=1000, test=None)
    run = work / "run"
    training.train(recipe, output=run, progress=False)
    (row,) = read_log(run)
    assert len(rates) == int(row["update"]) == 20, "stopped in the middle of a round"
    assert rates[0] < rates[1] and max(rates) == pytest.approx(1e-2, rel=0.2)
    assert rates[2:] == sorted(rates[2:], reverse=True), "the warm-up takes a tenth of the time"
    assert rates[-1] == pytest.approx(1e-4, abs=1e-4)

    assert Translator.load(run / "bundle").info.scores == {}, "no test part, no scores"
    assert "sacreBLEU" not in (run / "bundle" / "README.md").read_text(encoding="utf-8")


def test_patience_ends_a_run_and_the_averaged_weights_of_the_best_round_are_kept(work, monkeypatch, rates):
    recipe = write_recipe(work, updates=24, updates_per_round=3, patience=2, test=None)
    models, evaluated = [], []

    def noting_model(model, original=watching.CurrentEngine):
        models.append(model)
        return original(model)

    def noting_weights(self, texts, config=None):  # of the four rounds, and then of the serving graphs
        evaluated.append(models[0].named_weights())
        return [types.SimpleNamespace(text="")] * len(texts)

    chrf = iter([10.0, 30.0, 30.0, 20.0, 90.0])

    def next_scores(*_, with_ter):
        assert not with_ter  # it would take longer than the rest
        return [Score("chrF", next(chrf), "")]

    monkeypatch.setattr(watching, "CurrentEngine", noting_model)
    monkeypatch.setattr(watching, "corpus_scores", next_scores)
    monkeypatch.setattr(Translator, "translate_batch", noting_weights)
    run = work / "run"
    training.train(recipe, output=run, progress=False)

    assert [row["update"] for row in read_log(run)] == ["3", "6", "9", "12"]
    assert [row["dev chrF"] for row in read_log(run)] == ["10.0", "30.0", "30.0", "20.0"]
    assert bundle.read_config(run / "bundle").training["best_update"] == 6
    assert rates[-1] == pytest.approx(learning_rate(load_recipe(recipe).training, 11, 11 / 24))

    best = load_arrays(run / "best.npz")
    for name, kept in best.items():
        np.testing.assert_array_equal(kept, evaluated[1][name], err_msg=name)
    assert any(not np.array_equal(kept, evaluated[0][name]) for name, kept in best.items())

    # What was evaluated last is the average in the checkpoint, not the weights that go on learning.
    options, sides = load_recipe(recipe), [Tokenizer.load(run / f"{side}.model") for side in ("source", "target")]
    model = training.build_model(options, *sides)
    load_checkpoint(run / "checkpoint.npz", model)
    learning = model.named_weights()
    with rounds.averaged(model):
        averages = model.named_weights()
    for name, average in averages.items():
        np.testing.assert_array_equal(average, evaluated[3][name], err_msg=name)
    assert any(np.abs(learning[name] - average).max() > 1e-3 for name, average in averages.items())


# ---------------------------------------------------------------- the average of the weights


def make_model(work, **changes):
    text = Tokenizer.load  # the sizes come from real tokenizers
    recipe = load_recipe(write_recipe(work, **changes))
    return training.build_model(recipe, text(work / "source.model"), text(work / "target.model"))


@pytest.fixture
def place(finished, tmp_path):
    for side in ("source", "target"):
        (tmp_path / f"{side}.model").symlink_to(finished / f"{side}.model")
    return tmp_path


def values(variables):
    return [ops.convert_to_numpy(ops.convert_to_tensor(variable)) for variable in variables]


def test_averaged_swaps_and_swaps_back(place):
    model = make_model(place)
    averages = [v for v in model.optimizer.variables if v.path.endswith("_average")]
    assert len(averages) == len(model.trainable_variables)
    rng = np.random.default_rng(0)
    for variable in averages:
        variable.assign(rng.normal(size=variable.shape))
    weights_before, averages_before = values(model.trainable_variables), values(averages)

    def check(weights, others):
        for found, expected in zip(values(model.trainable_variables), weights, strict=True):
            np.testing.assert_array_equal(found, expected)
        for found, expected in zip(values(averages), others, strict=True):
            np.testing.assert_array_equal(found, expected)

    with rounds.averaged(model):
        check(averages_before, weights_before)
    check(weights_before, averages_before)
    with pytest.raises(KeyboardInterrupt), rounds.averaged(model):
        raise KeyboardInterrupt
    check(weights_before, averages_before)


def test_without_an_average_the_weights_stay(place):
    model = make_model(place, ema=0.0)
    before = values(model.trainable_variables)
    with rounds.averaged(model):
        for found, expected in zip(values(model.trainable_variables), before, strict=True):
            np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"lerning_rate": 1e-3}, ConfigError, r'tiny\.toml \[training\]: unknown key "lerning_rate".*"learning_rate"'),
        ({"updates": 0}, ConfigError, "updates must be at least 1"),
        ({"dev": None}, TrainingError, r"needs both train and dev.*nmt data prepare"),
        ({"train": None}, TrainingError, "needs both train and dev"),
        ({"train": '"nowhere"'}, CorpusError, r"no such file: .*nowhere\.en"),
        ({"test": '"nowhere"'}, CorpusError, r"no such file: .*nowhere\.en"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_a_recipe_that_cannot_be_used(work, changes, error, message):
    recipe = write_recipe(work, **changes)
    with pytest.raises(error, match=message) as caught:
        training.train(recipe, output=work / "run", progress=False)
    assert isinstance(caught.value, NmtError) and "\n" not in str(caught.value)
    assert not (work / "run").exists(), "the folder is free for the corrected recipe"


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (None, " before the end of the first round, with which saving begins"),
        ("update,loss\n", " before the end of the first round, with which saving begins"),
        ("update,loss\n500,4.2\n1000,3.9\n", "; the same command goes on after update 1,000"),
    ],
)
def test_who_interrupts_learns_from_where_it_goes_on(tmp_path, log, said):
    if log is not None:
        (tmp_path / "log.csv").write_text(log, encoding="utf-8")
    with pytest.raises(KeyboardInterrupt) as caught, saying_what_is_saved(tmp_path):
        raise KeyboardInterrupt
    assert str(caught.value) == said


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read recipe .*none\.toml"):
        training.train(tmp_path / "none.toml")


def test_other_data_in_the_same_folder_is_refused(finished, data, tmp_path):
    for path in data.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    recipe = write_recipe(tmp_path)
    with (tmp_path / "train.en").open("a", encoding="utf-8") as source:
        source.write("One more.\n")
    with (tmp_path / "train.ja").open("a", encoding="utf-8") as target:
        target.write("もう一つ。\n")
    with pytest.raises(TrainingError, match="the text has changed"):
        training.train(recipe, output=finished, progress=False)


@pytest.mark.parametrize("changes", [{"learning_rate": 1e-3}, {"decoder_units": 28}, {"seed": 2}], ids=str)
def test_another_recipe_in_the_same_folder_is_refused(finished, work, changes):
    with pytest.raises(TrainingError, match=r"holds a run of another recipe.*--out"):
        training.train(write_recipe(work, **changes), output=finished, progress=False)


def test_a_recipe_that_could_not_be_used_can_be_mended_in_the_same_folder(work, tmp_path):
    recipe, run = write_recipe(work), tmp_path / "run"
    text = recipe.read_text(encoding="utf-8")

    def fail(*_):
        raise ConfigError("no tokenizer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "train_tokenizers", fail)
        with pytest.raises(ConfigError, match="no tokenizer"):
            training.train(recipe, output=run, progress=False)
    assert (run / "recipe.json").exists() and (run / "data.sha256").exists()
    other = load_recipe(recipe)
    recipe.write_text(text.replace('name = "', 'name = "other-'), encoding="utf-8")
    check_recipe(run, load_recipe(recipe))
    assert not (run / "recipe.json").exists() and not (run / "data.sha256").exists()
    recipe.write_text(text, encoding="utf-8")
    assert load_recipe(recipe) == other


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": -1}, r"\[training\] seed must be from 0 to 4,294,967,295, not -1"),
        ({"seed": 2**32}, "seed must be from 0"),
        ({"learning_rate": 2e-5}, "final_learning_rate must be from 0 to learning_rate"),
        ({"final_learning_rate": -1.0}, "final_learning_rate must be from 0"),
        ({"final_learning_rate": "nan"}, "final_learning_rate must be a finite number, not nan"),
        ({"learning_rate": "inf"}, "learning_rate must be a finite number, not inf"),
        ({"hours": -5.0}, "hours must be 0 or more, not -5"),
        ({"hours": "nan"}, "hours must be a finite number"),
    ],
    ids=str,
)
def test_numbers_that_cannot_be_are_refused_when_the_recipe_is_read(changes, said):
    with pytest.raises(ConfigError, match=said):
        TrainingConfig(**{name: float(value) if isinstance(value, str) else value for name, value in changes.items()})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "/home/me/models"}, "without slashes"),
        ({"name": ".."}, "without slashes"),
        ({"name": ""}, "is called something like"),
        ({"source_language": "english"}, '"english" is not a language code'),
        ({"source_language": "ja"}, "two languages, not twice ja"),
    ],
    ids=str,
)
def test_names_and_languages_of_a_recipe_are_checked(values, said):
    with pytest.raises(ConfigError, match=said):
        Recipe(**{"name": "x", "source_language": "en", "target_language": "ja"} | values)


def test_how_long_to_train_may_change(finished, work):
    recipe = write_recipe(work, patience=50, hours=3.0, output='"elsewhere"')
    text = recipe.read_text(encoding="utf-8").replace('output = "elsewhere"\n', "")
    recipe.write_text('output = "elsewhere"\n' + text, encoding="utf-8")
    assert training.train(recipe, output=finished, progress=False) == finished / "bundle"


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_before_anything_is_saved(place, sample, loss):
    recipe = load_recipe(write_recipe(place))
    sides = tuple(Tokenizer.load(place / f"{side}.model") for side in ("source", "target"))
    model = training.build_model(recipe, *sides)
    end = rounds.Rounds(place, recipe, model, sides, {"ja": Corpus(sample.sources[:2], sample.targets[:2])}, False)
    with pytest.raises(
        TrainingError, match=r"the loss is (nan|inf) after update 0; nothing has been saved; lower .* learning_rate"
    ):
        end.on_epoch_end(0, {"loss": loss})
    assert not (place / "checkpoint.npz").exists() and not (place / "best.npz").exists()


@pytest.mark.parametrize("moment", ["within a round", "in the last update of a round"])
def test_what_is_no_number_any_more_ends_the_run_at_once(place, sample, moment):
    recipe = load_recipe(write_recipe(place))
    sides = tuple(Tokenizer.load(place / f"{side}.model") for side in ("source", "target"))
    model = training.build_model(recipe, *sides)
    end = rounds.Rounds(place, recipe, model, sides, {"ja": Corpus(sample.sources[:2], sample.targets[:2])}, False)
    end.progress.history.append({"update": 5})
    with pytest.raises(TrainingError, match=r"the loss is nan after update \d+; the state after update 5 is kept in"):
        if moment == "within a round":
            end.progress.update = 19
            end.on_train_begin()
            end.on_train_batch_end(0, {"loss": math.nan})
        else:  # the loss is that of the weights before
            variable = model.trainable_variables[0]
            variable.assign(ops.full(variable.shape, math.nan))
            end.on_epoch_end(0, {"loss": 3.0})
    assert not (place / "checkpoint.npz").exists() and not (place / "best.npz").exists()


def test_a_run_that_began_before_the_package_had_all_of_its_options_is_known_again(tmp_path):
    recipe = load_recipe(write_recipe(tmp_path))
    values = json.loads(json.dumps(dataclasses.asdict(recipe)))
    values["training"] |= {"patience": 1, "hours": 0.0}
    for key in ("accumulate", "schedule", "restarts", "plateau_factor", "subword_sampling", "deterministic"):
        del values["training"][key]
    (tmp_path / "recipe.json").write_text(json.dumps(values), encoding="utf-8")
    check_recipe(tmp_path, recipe)
    other = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, accumulate=2))
    (tmp_path / "source.model").touch()
    with pytest.raises(TrainingError, match="holds a run of another recipe"):
        check_recipe(tmp_path, other)


def test_a_vocabulary_that_does_not_fit_the_bundle_is_named(tmp_path, tokenizers):
    folder = shutil.copytree(bundle.find("en-ja"), tmp_path / "en-ja")
    tokenizers[0].save(folder / "source.model")
    with pytest.raises(BundleError, match=r"source\.model is damaged"):
        Translator.load(folder)
    text = (folder / "config.json").read_text(encoding="utf-8")
    config = json.loads(text)
    config["sha256"]["source.model"] = hashlib.sha256((folder / "source.model").read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BundleError, match=r"the source tokenizer has \d+ tokens, config\.json says 10000"):
        Translator.load(folder)


# ---------------------------------------------------------------- the recipes that ship


@pytest.mark.parametrize("path", sorted((ROOT / "data" / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_can_be_read(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.licence and recipe.data_credit
    assert recipe.data.train and recipe.data.dev and recipe.data.test


def test_the_recipe_for_the_sample_finds_what_the_documented_command_writes():
    """`nmt data prepare … --out work/` and then `nmt train data/recipes/sample.toml`, both from the checkout."""
    path = ROOT / "data" / "recipes" / "sample.toml"
    data = load_recipe(path).data
    for part, place in (("train", *data.train), ("dev", data.dev), ("test", data.test)):
        assert (path.parent / place).resolve() == ROOT / "work" / part
    assert "nmt data prepare data/sample/en-ja.tsv --out work/" in path.read_text(encoding="utf-8")


# ---------------------------------------------------------------- slow: it learns, and kills do not matter

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def digits(rng, count):
    """Sequences of 3 to 9 digits, spelled out since the translator leaves text without letters alone, and reversed."""
    rows = [[rng.choice(DIGITS) for _ in range(rng.randint(3, 9))] for _ in range(count)]
    return Corpus([" ".join(row) for row in rows], [" ".join(reversed(row)) for row in rows])


@pytest.mark.slow
def test_reversed_digits_are_learned(tmp_path):
    rng = random.Random(1)
    write_parts(tmp_path, digits(rng, 8100), ("en", "xx"), dev=100, train=8000)
    recipe = write_recipe(
        tmp_path,
        target_language='"xx"',
        test=None,
        updates=1000,
        updates_per_round=500,
        batch_tokens=400,
        warmup_updates=100,
        learning_rate=5e-3,
        ema=0.99,
        label_smoothing=0.0,
        embedding_dim=32,
        encoder_units=32,
        decoder_layers=2,
        decoder_units=64,
        attention_dim=32,
        dropout=0.0,
        word_dropout=0.0,
        weight_drop=0.0,
    )
    translator = Translator.load(training.train(recipe, output=tmp_path / "run", progress=False))
    known = set((tmp_path / "train.en").read_text(encoding="utf-8").splitlines())
    pairs = [pair for pair in zip(*vars(digits(rng, 600)).values(), strict=True) if pair[0] not in known]
    assert len(pairs) > 400
    sources, targets = zip(*pairs, strict=True)
    for beam_size in (1, 2, 5):  # a sure model is where a beam that stops too early shows
        translations = translator.translate_batch(sources, SearchConfig(beam_size=beam_size))
        right = [translation.text == target for translation, target in zip(translations, targets, strict=True)]
        assert np.mean(right) > 0.95, f"beam {beam_size}"


# Patience for all of them: on six sentences of dev, scores stand still by chance.
LONG = {"updates": 96, "updates_per_round": 8, "patience": 12}
LONG |= {"decoder_layers": 2, "encoder_layers": 2, "embedding_dim": 96}


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory, forks):
    folder = tmp_path_factory.mktemp("uninterrupted")
    for path in data.glob("*.??"):
        (folder / path.name).symlink_to(path)
    forks.start(folder, "train", write_recipe(folder, **LONG), "--out", folder / "run").succeed()
    return folder / "run"


def assert_same_outcome(run, expected):
    """The same to the last bit: on one machine nothing in a run depends on time or chance."""
    for name in ("best.npz", "checkpoint.npz"):
        found, wanted = load_arrays(run / name), load_arrays(expected / name)
        assert found.keys() == wanted.keys()
        for key in wanted.keys() - {"progress"}:  # it says how long things took
            np.testing.assert_array_equal(found[key], wanted[key], err_msg=f"{name} {key}")
    for name in ("weights.safetensors", "encoder.onnx", "decoder.onnx", "source.model", "target.model"):
        assert (run / "bundle" / name).read_bytes() == (expected / "bundle" / name).read_bytes(), name
    cards = [(each / "bundle" / "README.md").read_text(encoding="utf-8") for each in (run, expected)]
    assert "| greedy | chrF |" in cards[0]
    assert re.sub("- Time: .*", "", cards[0]) == re.sub("- Time: .*", "", cards[1])
    timing = ("hours", "target_tokens_per_second")
    logs = [[{k: v for k, v in row.items() if k not in timing} for row in read_log(each)] for each in (run, expected)]
    assert logs[0] == logs[1]


def kill_when(process, ready, delay):
    """Kill -9 `delay` seconds after `ready()`; returns whether that moment came before the end of the process."""
    while not ready():
        if process.poll() is not None:
            return False
        time.sleep(0.0002)
    time.sleep(delay)
    return process.kill()


@pytest.mark.slow
def test_kills_change_nothing(uninterrupted, work, forks):
    recipe, run = write_recipe(work, **LONG), work / "run"
    rng = random.Random(5)

    def stamp(name):
        with contextlib.suppress(FileNotFoundError):
            return (run / name).stat().st_mtime_ns

    def new(*names):
        """Whether one of these has come into being, or has changed. To meet a file while it is written, its final
        name is given, too, should the look come too late."""
        before = {name: stamp(name) for name in names}
        return lambda: any(stamp(name) not in (None, before[name]) for name in names)

    # The best weights come first: the first round has them for certain.
    moments = {
        "at its start": lambda: (lambda: True, rng.uniform(0, 3)),
        "while the best weights are written": lambda: (new("best.writing", "best.npz"), 0.0),
        "within a round": lambda: (new("checkpoint.npz"), rng.uniform(0, 0.2)),
        "while a checkpoint is written": lambda: (new("checkpoint.writing", "checkpoint.npz"), 0.0),
        "between log and checkpoint": lambda: (new("log.csv"), 0.0),
    }
    for name, moment in moments.items():
        ready, delay = moment()
        process = forks.start(work, "train", recipe, "--out", run)
        assert kill_when(process, ready, delay), f"{name}: the run ended before"
    # What comes after the last update is too short to be met from outside. Scoring writes a bundle of its own.
    for place, at_call in (
        ("nmt.export:precision_costs", 1),
        ("nmt.bundle:_write_config", 1),
        ("nmt.bundle:_write_config", 2),
    ):
        process = forks.start(work, "train", recipe, "--out", run, dies_in=place, at_call=at_call)
        assert process.wait() == -signal.SIGKILL, place
        assert not (run / "bundle").exists()
        assert bool(list(run.glob("*/encoder.onnx"))) == (at_call == 2), "the last one dies while its files are written"
    forks.start(work, "train", recipe, "--out", run).succeed()

    assert [int(row["update"]) for row in read_log(run)] == list(range(8, 97, 8))
    assert Translator.load(run / "bundle").translate("Good morning!").text.strip()
    assert not list(run.glob("*.writing"))
    assert_same_outcome(run, uninterrupted)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(uninterrupted, work, forks):
    forks.start(work, "train", write_recipe(work, **LONG), "--out", work / "run").succeed()
    assert_same_outcome(work / "run", uninterrupted)
