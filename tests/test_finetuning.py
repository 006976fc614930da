"""Fine-tuning: what it makes of a parent, what it says before, and that a kill costs a round and nothing else."""

import dataclasses
import hashlib
import json
import math
import random
import re
import shutil
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmt
from nmt import BundleError, ConfigError, CorpusError, FinetuningConfig, TrainingError, Translator, bundle, graphs
from nmt.bundle import BundleConfig
from nmt.cli import main
from nmt.config import ModelConfig, SearchConfig
from nmt.corpora.cleaning import CleaningRules, clean
from nmt.corpora.corpus import Corpus, read_corpus, write_pair_files
from nmt.evaluation import pictures
from nmt.evaluation.pictures import Curve
from nmt.evaluation.verification import holds, verify
from nmt.finetuning import ending as finetuning_ending
from nmt.finetuning import misgivings, parents
from nmt.finetuning import start as finetuning_start
from nmt.finetuning.config import FROM_SCRATCH, NEW_DOMAIN, NEW_LANGUAGE, PARTS
from nmt.finetuning.course import on_trial, usual_for
from nmt.finetuning.data import FinetuningData, parse_pair, read_data, usual_sizes
from nmt.finetuning.plan import defaults_for, make_recipe, spoken_time
from nmt.finetuning.results import Measured
from nmt.finetuning.start import load_parent
from nmt.network.model import TranslationModel
from nmt.training import rounds
from nmt.training.checkpoint import load_arrays

# One small layer each, and few sentences, so that less of a test is making graphs and searching.
SIZES = ModelConfig(
    embedding_dim=12, encoder_layers=1, encoder_units=8, decoder_layers=1, decoder_units=16, attention_dim=8
)
QUICK = {"updates": 4, "batch_tokens": 150, "dev_size": 4, "test_size": 5}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def make_bundle(folder, pair, tokenizers, **record):
    source, target = tokenizers
    sizes = dataclasses.replace(SIZES, source_vocab_size=source.vocab_size, target_vocab_size=target.vocab_size)
    model = TranslationModel(sizes)
    weights = {name: values.astype("float16").astype("float32") for name, values in model.named_weights().items()}
    files = {bundle.SOURCE_TOKENIZER: source.model, bundle.TARGET_TOKENIZER: target.model}
    config = BundleConfig(
        folder.name,
        *pair,
        sizes,
        SearchConfig(beam_size=2, max_length_factor=1.0, max_length_extra=2),
        licence="CC0-1.0",
        data_credit="its parents",
        max_source_tokens=40,
        training=record,
    )
    return bundle.write(folder, config, files | graphs.build(sizes, weights), weights, f"# {folder.name}\n")


def write_tsv(path, sources, targets):
    path.write_text("".join(f"{s}\t{t}\n" for s, t in zip(sources, targets, strict=True)), encoding="utf-8")
    return path


def checksums(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def work(tmp_path_factory, tokenizers, sample):
    """A parent, data of a new domain and of a new language, and old pairs."""
    folder = tmp_path_factory.mktemp("finetuning")
    make_bundle(folder / "parent", ("en", "ja"), tokenizers, updates=100)
    write_tsv(folder / "new.tsv", sample.sources[:150], sample.targets[:150])
    write_tsv(folder / "old.tsv", sample.sources[200:260], sample.targets[200:260])
    rng = random.Random(1)
    rows = [[rng.choice(DIGITS) for _ in range(rng.randint(3, 9))] for _ in range(150)]
    write_tsv(folder / "digits.tsv", map(" ".join, rows), (" ".join(reversed(row)).replace("e", "é") for row in rows))
    return folder


@pytest.fixture(autouse=True)
def few_sentences(monkeypatch):
    monkeypatch.setattr(finetuning_ending, "_COMPARED", 8)


@pytest.fixture(scope="module")
def finished(work):
    """A new domain with everything that keeps a child near its parent."""
    options = FinetuningConfig(
        parent=str(work / "parent"),
        mix=str(work / "old.tsv"),
        old_test=str(work / "old.tsv"),
        near=1e-3,
        low_rank=2,
        freeze=("encoder",),
        licence="CC BY 4.0",
        learning_rate=1e-2,
        **QUICK,
    )
    before, told = checksums(work / "parent"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetuning_ending, "_COMPARED", 8)
        result = nmt.finetune(work / "new.tsv", work / "domain", options, progress=False, tell=told.append)
    return result, told, before, options


# ---------------------------------------------------------------- a new domain


def test_the_parent_is_never_changed(finished, work):
    assert checksums(work / "parent") == finished[2]


def test_the_result_is_a_bundle_like_any_other(finished, work):
    result = finished[0]
    assert result.folder == work / "domain" / "bundle" and result.pair == ("en", "ja") and result.parent == "parent"
    config = bundle.read_config(result.folder)
    assert config.name == "domain" and config.licence == "CC0-1.0; CC BY 4.0"
    assert config.data_credit == "its parents; further text, not said whose"
    assert config.training["parent"] == "parent" and config.training["updates"] == result.updates == 4
    assert {bundle.ENCODER, bundle.DECODER, bundle.WEIGHTS, finetuning_ending.CURVES} <= config.sha256.keys()
    assert Translator.load(result.folder).translate("Good morning!").text
    test = read_corpus(work / "domain" / "data" / "test", "en", "ja")
    checks = list(verify(result.folder, test))
    assert holds(checks) and all(check.holds for check in checks if check.name in ("files", "card", "chrF")), checks


def test_the_folder_of_the_run_is_a_name_of_its_model(finished, work):
    assert bundle.find(work / "domain") == finished[0].folder
    assert Translator.load(work / "domain").info.name == "domain"


def test_low_rank_updates_and_frozen_parts_show_in_the_weights(finished, work):
    start, best = (load_arrays(work / "domain" / name) for name in ("start.npz", "best.npz"))
    assert start.keys() == best.keys() == bundle.read_weights(finished[0].folder).keys()
    checkpoint = json.loads(str(load_arrays(work / "domain" / "checkpoint.npz")["progress"]))
    assert [row["update"] for row in checkpoint["history"]] == [0, 1, 2, 3, 4], "the start is evaluated, too"
    for name, values in best.items():
        change = values - start[name]
        if name.startswith("encoder"):
            assert not change.any(), name
        elif name.endswith("kernel"):
            assert np.linalg.matrix_rank(change, tol=1e-5) <= 2, name


def test_what_changed_is_measured_on_new_and_old_text(finished):
    result = finished[0]
    found = {(one.test, one.system, one.metric) for one in result.measured}
    metrics = ("BLEU ja-mecab", "BLEU char", "chrF")
    assert found == {
        (test, system, metric) for test in ("new", "old") for system in ("before", "after") for metric in metrics
    }
    for one in result.measured:
        assert 0 <= one.value <= 100 and one.margin >= 0 and one.sentences == (5 if one.test == "new" else 60)
        assert (one.difference is None) == (one.system == "before")
        assert one.difference is None or (one.low <= one.difference <= one.high and 0 <= one.p_value <= 1)


def test_card_and_record_say_what_was_done(finished, work):
    result = finished[0]
    card = (result.folder / "README.md").read_text(encoding="utf-8")
    for said in (
        "Fine-tuned from: parent (English to Japanese",
        "MAP-L2 0.001; low-rank updates of rank 2; frozen: encoder",
        "finished weights that are 0.6 of the learned ones and 0.4 of the parent's",
    ):
        assert said in card
    after = next(one for one in result.measured if one.system == "after" and one.metric == "chrF")
    assert after.sentences == 5, "so few that an interval would say nothing"
    change = f"{after.difference:+.2f} (too few sentences to say more)"
    assert f"| after | chrF | {after.value:.2f} | {change} |" in card
    assert re.search(r"\| after \| chrF \| \d+\.\d\d ± \d+\.\d\d \| [+-]\d+\.\d\d \([+-].* to .*, p = ", card)
    assert f"]({finetuning_ending.CURVES})" in card
    ElementTree.fromstring((result.folder / finetuning_ending.CURVES).read_bytes())

    record = json.loads((work / "domain" / "finetuning.json").read_text(encoding="utf-8"))
    assert record["options"]["low_rank"] == 2 and record["recipe"]["training"]["updates"] == 4
    assert record["pairs"] == {"read": 150, "train": 141, "too_long": 0, "mixed": 60, "dev": 4, "test": 5}
    assert len(record["measured"]) == len(result.measured) and record["seconds"] > 0
    assert record["rounds"][0]["loss"] is None and record["rounds"][1]["loss"] > 0
    assert record["target_rows"]["num_composed"] == record["target_rows"]["num_drawn"] == 0


def test_it_says_beforehand_how_long_it_will_take(finished):
    told = finished[1]
    assert any(line.startswith("141 pairs to learn from, 4 to watch, 5 for the scores") for line in told)
    assert any(line.startswith("before, on dev: ") for line in told)
    assert any(line.startswith("training takes at most ") and "4 updates" in line for line in told)
    assert "warning: there are only 141 pairs to learn from; a few hundred show an effect, thousands a good one" in told


def test_several_corpora_are_learned_from_as_if_they_were_one(tmp_path, sample):
    pairs = list(zip(sample.sources, sample.targets, strict=True))
    parts = {"all": pairs, "a": pairs[:300], "b": pairs[300:]}
    places = {name: write_tsv(tmp_path / f"{name}.tsv", *zip(*rows, strict=True)) for name, rows in parts.items()}
    one, two = (
        read_data(where, ("en", "ja"), FinetuningConfig()) for where in (places["all"], [places["a"], str(places["b"])])
    )
    assert one == two and len(one.train) == 428 - len(one.dev) - len(one.test)
    with pytest.raises(ConfigError, match="data names no corpus; expected one or several"):
        read_data([], ("en", "ja"), FinetuningConfig())
    with pytest.raises(CorpusError, match=r"no such file: .*a\.en"):
        read_data([places["a"], tmp_path / "a"], ("en", "xx"), FinetuningConfig())


def test_phrases_are_learned_beside_the_sentences(tmp_path):
    rows = [(f"{one} {other}.", f"{other.upper()} {one.upper()}.") for one in "abcdefgh" for other in "ijklmnop"]
    place = write_tsv(tmp_path / "pairs.tsv", *zip(*rows, strict=True))
    plain, more = (read_data(place, ("en", "xx"), FinetuningConfig(phrases=value)) for value in (False, True))
    assert (plain.dev, plain.test, plain.num_phrases, more.num_phrases) == (more.dev, more.test, 0, 16)
    assert more.num_pairs == plain.num_pairs == len(plain.train), "what suits the data goes by its sentences"
    found = dict(zip(more.train.sources[len(plain.train) :], more.train.targets[len(plain.train) :], strict=True))
    assert {one.lower(): other.lower() for one, other in found.items()} == {one: one for one in "abcdefghijklmnop"}

    held = write_tsv(tmp_path / "held.tsv", ["A!", "other"], ["X!", "P?"])
    less = read_data(place, ("en", "xx"), FinetuningConfig(phrases=True, dev=str(held), test_size=0))
    assert less.num_phrases == 14, "a and p are sentences of dev"

    few = write_tsv(tmp_path / "few.tsv", *zip(*rows[:6], strict=True))
    data = read_data(few, ("en", "xx"), FinetuningConfig(phrases=True, dev_size=1, test_size=0))
    assert len(data.train) == 5 and any(
        "no phrases are learned: 5 pairs hold no phrase" in one for one in data.warnings
    )


def test_a_finished_run_gives_its_result_again(finished, work, monkeypatch):
    monkeypatch.setattr(finetuning_ending, "pack_run", lambda *_: pytest.fail("there is nothing left to do"))
    before = checksums(work / "domain" / "bundle")
    assert nmt.finetune(work / "new.tsv", work / "domain", finished[3], progress=False) == finished[0]
    assert checksums(work / "domain" / "bundle") == before


def test_the_figures_are_of_the_old_text_that_is_asked_for(finished, work, tmp_path, sample):
    run = shutil.copytree(work / "domain", tmp_path / "run")
    other = write_tsv(tmp_path / "other.tsv", sample.sources[300:310], sample.targets[300:310])
    result = nmt.finetune(work / "new.tsv", run, dataclasses.replace(finished[3], old_test=str(other)), progress=False)
    assert {one.sentences for one in result.measured if one.test == "old"} == {10}


@pytest.mark.parametrize("name", ["checkpoint.npz", "best.npz"])
def test_a_finished_run_stays_finished_without_its_checkpoint(finished, work, tmp_path, name):
    run = shutil.copytree(work / "domain", tmp_path / "run")
    (run / name).unlink()
    assert nmt.finetune(work / "new.tsv", run, finished[3], progress=False).measured == finished[0].measured
    before = checksums(run / "bundle")
    with pytest.raises(TrainingError, match=r"is over and its checkpoint.npz or best.npz is gone.*--out"):
        more = dataclasses.replace(finished[3], old_test=str(work / "new.tsv"))
        nmt.finetune(work / "new.tsv", run, more, progress=False)
    assert checksums(run / "bundle") == before


@pytest.mark.parametrize("changes", [{"near": 0.0}, {"seed": 2}, {"dropout": 0.5}, {"low_rank": 0}], ids=str)
def test_other_options_in_the_same_folder_are_refused(finished, work, changes):
    with pytest.raises(TrainingError, match=r"with other options or of another model .*--out"):
        nmt.finetune(work / "new.tsv", work / "domain", dataclasses.replace(finished[3], **changes), progress=False)


def test_other_text_in_the_same_folder_is_refused(finished, work, tmp_path, sample):
    other = write_tsv(tmp_path / "other.tsv", sample.sources[:149], sample.targets[:149])
    with pytest.raises(TrainingError, match="text has changed"):
        nmt.finetune(other, work / "domain", finished[3], progress=False)


# ---------------------------------------------------------------- a new language, and a kill


LANGUAGE = FinetuningConfig(pair="en-xx", vocab_size=300, blend=0.6, **QUICK)


@pytest.fixture(scope="module")
def language(work):
    """A run that is cut off after its second round, and once more before its bundle is measured."""
    options, run = dataclasses.replace(LANGUAGE, parent=str(work / "parent")), work / "language"

    def cut_off(path, model, progress, original=rounds.save_checkpoint):
        original(path, model, progress)
        if progress.update == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rounds, "save_checkpoint", cut_off)
        nmt.finetune(work / "digits.tsv", run, options, progress=False)
    assert not (run / "bundle").exists()
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetuning_ending, "_COMPARED", 8)
        patch.setattr(finetuning_start, "find_counterparts", lambda *_: pytest.fail("translated again"))
        result = nmt.finetune(work / "digits.tsv", run, options, progress=False, tell=told.append)
    return result, told


def test_a_run_that_was_cut_off_goes_on(language, work):
    result, told = language
    assert "goes on after update 2" in told and not any("training takes" in line for line in told)
    record = json.loads((work / "language" / "finetuning.json").read_text(encoding="utf-8"))
    assert [row["update"] for row in record["rounds"]] == [1, 2, 3, 4]
    assert result.updates == 4 and not list((work / "language").glob("*.writing"))


def test_a_new_language_takes_over_what_it_can(language, work):
    result, _ = language
    start, parent = load_arrays(work / "language" / "start.npz"), bundle.read_weights(work / "parent")
    for name, values in parent.items():
        if not name.startswith("target_embedding"):
            np.testing.assert_array_equal(start[name], values, err_msg=name)
    assert checksums(work / "language")["source.model"] == checksums(work / "parent")["source.model"]
    record = json.loads((work / "language" / "finetuning.json").read_text(encoding="utf-8"))
    rows = record["target_rows"]
    assert rows["num_aligned"] > 0 == record["source_rows"]["num_aligned"]
    assert rows["num_copied"] >= 260 and rows["num_composed"] + rows["num_drawn"] > 0
    assert sum(rows.values()) == bundle.read_config(result.folder).model.target_vocab_size
    assert result.pair == ("en", "xx") and Translator.load(result.folder).translate("one two three").text
    assert 'nothing is known about the language "xx"' in " ".join(result.warnings)
    assert {one.system for one in result.measured} == {"before", "after"}


def test_a_run_of_a_version_that_aligned_nothing_goes_on(language, work, tmp_path):
    run = shutil.copytree(work / "language", tmp_path / "run")
    options = dataclasses.replace(LANGUAGE, parent=str(work / "parent"))
    (run / "start.json").unlink()
    (run / "finetuning.json").unlink()
    again = nmt.finetune(work / "digits.tsv", run, options, progress=False)
    record = json.loads((run / "finetuning.json").read_text(encoding="utf-8"))
    assert again.updates == 4 and record["target_rows"]["num_aligned"] == 0 < record["target_rows"]["num_copied"]
    (run / "start.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"cannot read .*start\.json.*delete"):
        nmt.finetune(work / "digits.tsv", run, options, progress=False)


def test_where_nothing_can_be_aligned_it_says_so(work, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(finetuning_start, "find_counterparts", lambda *_: {})
    monkeypatch.setattr("nmt.finetuning.finetuner.learn", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        options = dataclasses.replace(LANGUAGE, parent=str(work / "parent"))
        nmt.finetune(work / "digits.tsv", tmp_path / "run", options, progress=False, tell=told.append)
    assert any(line.startswith("parent translates the text") for line in told)
    assert any("none of the new words could be aligned" in line for line in told)


def test_the_finished_weights_lie_between_the_first_and_the_learned(language, work):
    start, best = (load_arrays(work / "language" / name) for name in ("start.npz", "best.npz"))
    finished = bundle.read_weights(language[0].folder)
    for name in ("encoder_0/forward/kernel", "target_embedding/table"):
        assert not np.allclose(start[name], best[name], atol=1e-4)
        between = 0.4 * start[name] + 0.6 * best[name]
        np.testing.assert_allclose(finished[name], between, rtol=1e-3, atol=1e-4, err_msg=name)  # stored in 16 bits


# ---------------------------------------------------------------- the choice of the parent


@pytest.fixture
def installed(tmp_path, tokenizers, work, monkeypatch):
    """Three installed models, of which one writes Latin letters, and one has no training weights."""
    source, target = tokenizers
    for name, pair, updates in (("en-ja", ("en", "ja"), 50), ("en-ko", ("en", "ko"), 90), ("de-es", ("de", "es"), 99)):
        make_bundle(tmp_path / name, pair, (source, source if name == "de-es" else target), updates=updates)
    make_bundle(tmp_path / "en-es", ("en", "es"), (source, source), updates=10)
    make_bundle(tmp_path / "en-fr", ("en", "fr"), (source, source), updates=1000)
    (tmp_path / "en-fr" / bundle.WEIGHTS).unlink()
    monkeypatch.setattr(bundle, "PRETRAINED", tmp_path)


def test_the_most_similar_model_is_the_parent(installed, sample):
    corpus = Corpus(sample.sources[:100], sample.sources[:100])  # Latin letters, whatever the code
    ranked = parents.candidates(("en", "it"), corpus, 400)
    assert [one.name for one in ranked] == ["en-es", "en-ko", "en-ja", "de-es"], "source, then script, then training"
    said = parents.explain(ranked, ("en", "it"))
    assert "\n" not in said
    assert said.startswith("en-es: reads English as the new one will, writes the script of Italian, knows ")
    assert "% of its pieces; then en-ko (" in said
    same = parents.candidates(("de", "es"), corpus, 400)
    assert parents.explain(same, ("de", "es")).startswith("de-es: it translates German to Spanish already; then ")
    unknown = parents.candidates(("en", "eo"), corpus, 400)
    assert "script" not in parents.explain(unknown, ("en", "eo")), "nothing is known of its script"


def test_a_trial_decides_where_one_is_asked_for(installed, work, monkeypatch):
    ranked = parents.candidates(("en", "xx"), Corpus(["one two"], ["one two"]), 300)[:2]
    scores = iter([11.0, 22.0])
    monkeypatch.setattr("nmt.finetuning.course.learn", lambda *_: _Tried(next(scores)))
    options = dataclasses.replace(LANGUAGE, trial_updates=3)
    data = read_data(work / "digits.tsv", ("en", "xx"), options)
    tried = on_trial(ranked, ("en", "xx"), data, options, lambda line: None)
    assert [one.name for one in tried] == [ranked[1].name, ranked[0].name] and tried[0].trial == 22.0
    assert "tried out, chrF 22.0 on dev" in parents.explain(tried, ("en", "xx"))


class _Tried:
    def __init__(self, score):
        self.rounds = self.progress = self
        self.best_score = score


def test_without_any_model_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "PRETRAINED", tmp_path)
    with pytest.raises(BundleError, match=r"no installed model has training weights.*--from"):
        parents.candidates(("en", "it"), Corpus(["a"], ["b"]), 300)


# ---------------------------------------------------------------- what suits the size of the data


def test_what_suits_the_data_goes_by_its_sentences_and_not_by_its_phrases(work, sample):
    parent = load_parent(work / "parent")
    some, more = (Corpus(sample.sources[:n], sample.targets[:n]) for n in (300, 400))
    report = clean(some, "en", "ja", CleaningRules())[1]
    plain = FinetuningData(some, some, some, None, None, report, ())
    phrases = dataclasses.replace(plain, train=more, num_phrases=100)
    for known, pair, table in (
        (parent, ("en", "ja"), NEW_DOMAIN),
        (parent, ("en", "ko"), NEW_LANGUAGE),
        (None, ("en", "ja"), FROM_SCRATCH),
    ):
        assert usual_for(known, pair, phrases) == usual_for(known, pair, plain) == defaults_for(table, 300)


@pytest.mark.parametrize("table", [NEW_DOMAIN, NEW_LANGUAGE, FROM_SCRATCH], ids=["domain", "language", "scratch"])
@given(st.integers(1, 200_000), st.integers(1, 200_000))
def test_more_data_gets_less_noise_and_larger_batches(table, one, other):
    small, large = (defaults_for(table, size) for size in sorted((one, other)))
    for name in ("passes", "dropout", "word_dropout"):
        assert getattr(small, name) >= getattr(large, name)
    for name in ("learning_rate", "batch_tokens", "vocab_size", "extra_pieces"):
        assert getattr(small, name) <= getattr(large, name)


@given(st.integers(200, 50_000), st.booleans())
def test_the_recipe_is_sensible_from_200_to_50_000_pairs(pairs, domain):
    usual = defaults_for(NEW_DOMAIN if domain else NEW_LANGUAGE, pairs)
    parent = BundleConfig("p", "en", "es", SIZES, licence="A", data_credit="B")
    recipe = make_recipe(FinetuningConfig(), usual, parent, ("en", "it"), "child", (300, 400), 12.0 * pairs, 80)
    training = recipe.training
    assert 50 <= training.updates <= 20_000 and 4 <= -(-training.updates // training.updates_per_round) <= 15
    assert training.warmup_updates < training.updates / 10
    assert training.ema == 0.5 or 1 / (1 - training.ema) <= training.updates / 10
    assert 2e-4 <= training.learning_rate <= 6e-3 and training.final_learning_rate < training.learning_rate
    assert 0.05 <= recipe.model.dropout <= 0.3 and recipe.model.encoder_units == SIZES.encoder_units


@given(st.integers(200, 50_000), st.floats(1.0, 60.0))
def test_within_the_minutes_that_there_are_it_saves_more_than_once(pairs, minutes):
    """At a fifth of the speed that is thought of."""
    usual = defaults_for(NEW_LANGUAGE, pairs)
    parent = BundleConfig("p", "en", "es", SIZES)
    options = FinetuningConfig(minutes=minutes)
    training = make_recipe(options, usual, parent, ("en", "it"), "child", (300, 400), 12.0 * pairs, 80).training
    seconds = training.updates_per_round * training.batch_tokens / 3000
    assert training.updates_per_round == 1 or seconds <= max(20, minutes * 60 / 15) + 1
    rounds_at_a_fifth = minutes * 60 / (5 * seconds)
    assert rounds_at_a_fifth >= min(2.5, minutes * 60 / 100 * 0.9)


def test_what_was_measured_before_stays_with_the_weights_that_it_was_measured_of(tmp_path):
    def row(test, value):
        return Measured(test=test, system="after", metric="chrF", value=value, margin=1.0, sentences=20)

    known = {"updates": 7, "measured": [dataclasses.asdict(row("new", 40.0)), dataclasses.asdict(row("old", 30.0))]}
    (tmp_path / finetuning_ending.RESULT).write_text(json.dumps(known), encoding="utf-8")
    now = (row("new", 41.0), row("scratch", 20.0))
    assert finetuning_ending._with_those_before(now, tmp_path, 7) == (*now, row("old", 30.0))
    assert finetuning_ending._with_those_before(now, tmp_path, 8) == now, "other weights"
    assert finetuning_ending._with_those_before(now, tmp_path / "none", 7) == now


def test_a_child_says_what_it_does_not_know_of_its_text():
    parent = BundleConfig("p", "en", "es", SIZES, licence="A", data_credit="B")
    for options, expected in (
        (FinetuningConfig(), ("A; not stated for the further text", "B; further text, not said whose")),
        (FinetuningConfig(licence="C", data_credit="B"), ("A; C", "B")),
    ):
        recipe = make_recipe(options, defaults_for(NEW_DOMAIN, 300), parent, ("en", "es"), "child", (300, 400), 1e3, 80)
        assert (recipe.licence, recipe.data_credit) == expected
        again = dataclasses.replace(parent, licence=recipe.licence, data_credit=recipe.data_credit)
        child = make_recipe(options, defaults_for(NEW_DOMAIN, 300), again, ("en", "es"), "child", (300, 400), 1e3, 80)
        assert (child.licence, child.data_credit) == expected, "once is enough"


def test_what_is_asked_for_is_done(work):
    options = FinetuningConfig(dropout=0.0, learning_rate=1e-4, updates=7, batch_tokens=99, minutes=6, licence="A")
    parent = BundleConfig("p", "en", "es", SIZES, licence="A")
    recipe = make_recipe(options, defaults_for(NEW_DOMAIN, 300), parent, ("en", "es"), "child", (300, 400), 1000, 80)
    assert recipe.model.dropout == 0.0 and recipe.training.hours == pytest.approx(0.1)
    assert (recipe.training.learning_rate, recipe.training.updates, recipe.training.batch_tokens) == (1e-4, 7, 99)
    assert recipe.licence == "A"
    assert (recipe.data.source_vocab_size, recipe.data.target_vocab_size) == (300, 400)
    for size, watched in ((None, 500), (20, 500), (900, 900)):
        more = dataclasses.replace(options, dev_size=size)
        recipe = make_recipe(more, defaults_for(NEW_DOMAIN, 300), parent, ("en", "es"), "child", (300, 400), 1000, 80)
        assert recipe.training.dev_sentences == watched


@given(st.integers(10, 100_000))
def test_most_of_the_data_is_learned_from(pairs):
    dev, test = usual_sizes(pairs)
    assert 1 <= dev <= 500 and 1 <= test <= 1000 and dev + test <= pairs / 5


def test_times_are_said_as_people_say_them():
    assert [spoken_time(s) for s in (3, 40, 360, 9000)] == ["10 seconds", "40 seconds", "6 minutes", "2.5 hours"]


# ---------------------------------------------------------------- warnings


def warnings_of(path, pair=("en", "ja"), **options):
    return read_data(path, pair, FinetuningConfig(**options)).warnings


def test_good_data_gives_no_warning(tmp_path, sample):
    assert warnings_of(write_tsv(tmp_path / "a.tsv", sample.sources, sample.targets)) == ()


@pytest.mark.parametrize("shift", [1, -1])
def test_a_shifted_side_is_noticed(tmp_path, sample, shift):
    """Lengths vary more here than in the sample, as they do in most text."""
    rng = random.Random(3)
    sources, targets = [], []
    for _ in range(400):
        k = rng.randrange(len(sample.sources) - 8)
        n = rng.randint(1, 8)
        sources.append(" ".join(sample.sources[k : k + n]))
        targets.append("".join(sample.targets[k : k + n]))
    assert not any("lengths" in line for line in warnings_of(write_tsv(tmp_path / "good.tsv", sources, targets)))
    moved = (
        targets[:200] + targets[200 + shift :] + targets[200 : 200 + shift]
        if shift > 0
        else [*targets[:200], "余計な行です。", *targets[200:-1]]
    )
    (said,) = [line for line in warnings_of(write_tsv(tmp_path / "bad.tsv", sources, moved)) if "lengths" in line]
    assert said.startswith("from about pair 201 on the lengths of the two sides have nothing to do with each other")
    assert f"line n of one side seems to belong to line n{-shift:+} of the other" in said
    two = [tmp_path / "good.tsv", tmp_path / "bad.tsv"]
    assert [line for line in warnings_of(two) if "lengths" in line] == [f"{two[1]}: {said}"]


def test_swapped_columns_are_noticed(tmp_path):
    english = [f"This is what the {word} said to me about the house." for word in DIGITS] * 10
    italian = [f"Questo è quello che il {word} mi ha detto della casa." for word in DIGITS] * 10
    numbered = [[f"{line} {k}" for k, line in enumerate(side)] for side in (english, italian)]
    path = write_tsv(tmp_path / "a.tsv", *reversed(numbered))
    assert any("wrong way round" in line for line in warnings_of(path, ("en", "it")))
    path = write_tsv(tmp_path / "b.tsv", numbered[0], numbered[1])
    assert any("target sentences do not look like German" in line for line in warnings_of(path, ("en", "de")))
    assert not any("look" in line for line in warnings_of(path, ("en", "it")))


@pytest.mark.parametrize("option", ["dev", "test", "old_test", "mix"])
def test_the_other_corpora_are_looked_at_as_well(tmp_path, sample, option):
    path = write_tsv(tmp_path / "a.tsv", sample.sources[:300], sample.targets[:300])
    other = write_tsv(tmp_path / "b.tsv", sample.targets[300:], sample.sources[300:])
    flag = option.replace("_", "-")
    expected = f"--{flag}: the columns seem to be the wrong way round: the first looks like ja, the second like en"
    assert expected in warnings_of(path, **{option: str(other)})
    good = write_tsv(tmp_path / "c.tsv", sample.sources[300:], sample.targets[300:])
    assert not [line for line in warnings_of(path, **{option: str(good)}) if line.startswith("--")]


def test_a_test_part_that_shares_sentences_with_dev_is_noticed(tmp_path, sample):
    path = write_tsv(tmp_path / "a.tsv", sample.sources[:300], sample.targets[:300])
    dev = write_tsv(tmp_path / "dev.tsv", sample.sources[300:350], sample.targets[300:350])
    test = write_tsv(tmp_path / "test.tsv", sample.sources[340:400], sample.targets[340:400])
    said = "10 of the 60 pairs of test share a sentence with dev, so their score is too good"
    assert said in warnings_of(path, dev=str(dev), test=str(test))


def test_words_whose_lengths_differ_by_chance_are_no_alarm():
    book = read_corpus(Path(__file__).parent.parent / "data" / "phrase-book.tsv", "en", "ja")
    assert misgivings.about_alignment(book) == []


def test_a_shift_that_is_mended_later_is_noticed_where_it_is():
    rng = random.Random(4)
    sources = ["x" * rng.randint(5, 90) for _ in range(2000)]
    targets = ["y" * (2 * len(text) + rng.randint(0, 4)) for text in sources]
    assert misgivings.about_alignment(Corpus(sources, targets)) == []
    targets[600:800] = [targets[799], *targets[600:799]]
    (said,) = misgivings.about_alignment(Corpus(sources, targets))
    assert said.startswith("in about the pairs 601 to 800 the lengths") and "line n+1 of the other" in said


def test_an_overlap_with_the_test_part_is_left_out(tmp_path, sample):
    path = write_tsv(tmp_path / "a.tsv", sample.sources, sample.targets)
    write_pair_files(Corpus(sample.sources[:30], sample.targets[:30]), tmp_path / "t.en", tmp_path / "t.ja")
    data = read_data(path, ("en", "ja"), FinetuningConfig(test=str(tmp_path / "t")))
    assert not {*data.train.sources} & {*data.test.sources} and len(data.test) == 30
    assert any("share a sentence with dev or test; they are left out" in line for line in data.warnings)


@pytest.mark.parametrize("given", ["dev", "test"])
def test_what_is_cut_off_for_one_part_is_not_in_the_corpus_given_for_the_other(tmp_path, sample, given):
    path = write_tsv(tmp_path / "a.tsv", sample.sources, sample.targets)
    other = write_tsv(tmp_path / "b.tsv", [f" {text} " for text in sample.sources[::4]], sample.targets[::4])
    data = read_data(path, ("en", "ja"), FinetuningConfig(**{given: str(other)}))
    parts = [{*part.sources} for part in (data.train, data.dev, data.test)]
    assert all(parts) and sum(map(len, parts)) == len(set.union(*parts))
    assert getattr(data, given).sources == [text.strip() for text in sample.sources[::4]]


def test_unusable_pairs_are_counted(tmp_path, sample):
    same = sample.sources[:200]
    path = write_tsv(tmp_path / "a.tsv", [*sample.sources[200:], *same], [*sample.targets[200:], *same])
    assert "200 of the 428 pairs are unusable: source = target (200)" in warnings_of(path)


def test_old_test_that_is_in_the_new_text_is_noticed(tmp_path, sample):
    path = write_tsv(tmp_path / "a.tsv", sample.sources, sample.targets)
    assert any("of old-test share a sentence" in line for line in warnings_of(path, old_test=str(path)))


def test_text_that_repeats_itself_gets_smaller_parts(tmp_path, sample):
    """Of 208 pairs 20 would go to each part, but only 28 stand alone."""
    sources = [f"Press button {k % 15}." for k in range(180)] + list(sample.sources[:28])
    targets = [f"{k % 15}番のボタンを{'ぽん' * (k // 15)}と押す。" for k in range(180)] + list(sample.targets[:28])
    path = write_tsv(tmp_path / "a.tsv", sources, targets)
    data = read_data(path, ("en", "ja"), FinetuningConfig())
    assert 5 <= len(data.dev) == len(data.test) <= 14
    with pytest.raises(CorpusError, match="ask for smaller parts"):
        read_data(path, ("en", "ja"), FinetuningConfig(dev_size=20, test_size=20))


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("text", ["en-it", "en-pt-BR", "zh-Hant-en", "sr-Latn-RS-en-GB", "en-gsw"])
def test_pairs_of_languages(text):
    assert "-".join(parse_pair(text)) == text
    assert parse_pair("en-pt-BR") == ("en", "pt-BR")


@pytest.mark.parametrize("text", ["en", "italian", "en_it", "EN-IT", "en-en", "en-", "-it", "en-it-fr", "", "e-i"])
def test_what_is_no_pair_of_languages(text):
    with pytest.raises(ConfigError, match=r"pair of languages|one language twice"):
        parse_pair(text)


def refused(capsys, *command):
    assert main(["finetune", *map(str, command)]) == 1
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert line.startswith("nmt: error: ") and "Traceback" not in captured.err
    return line


def test_bad_input_is_one_clear_line(work, tmp_path, capsys, tokenizers):
    data, out, parent = work / "new.tsv", tmp_path / "out", work / "parent"
    assert "is not a pair of languages" in refused(capsys, "--to", "klingon", "--data", data, "--out", out)
    assert "say which languages" in refused(capsys, "--data", data, "--out", out)
    assert 'no model "nowhere"' in refused(capsys, "--from", "nowhere", "--data", data, "--out", out)
    assert "no such file" in refused(capsys, "--from", parent, "--data", tmp_path / "none.tsv", "--out", out)
    (tmp_path / "one.tsv").write_text("Yes.\nNo.\n", encoding="utf-8")
    assert "missing column" in refused(capsys, "--from", parent, "--data", tmp_path / "one.tsv", "--out", out)
    light = make_bundle(tmp_path / "light", ("en", "ja"), tokenizers)
    (light / bundle.WEIGHTS).unlink()
    assert "has no training weights" in refused(capsys, "--from", light, "--data", data, "--out", out)
    assert "goes with a new domain" in refused(
        capsys, "--from", parent, "--to", "en-xx", "--mix", data, "--data", work / "digits.tsv", "--out", out
    )
    write_tsv(tmp_path / "few.tsv", ["Yes.", "No."], ["はい。", "いいえ。"])
    assert "too small" in refused(capsys, "--from", parent, "--data", tmp_path / "few.tsv", "--out", out)
    write_tsv(tmp_path / "latin.tsv", ["Yes, sir.", "No, sir."], ["Hai hai", "Iie iie"])
    assert "wrong script (2)" in refused(capsys, "--from", parent, "--data", tmp_path / "latin.tsv", "--out", out)
    assert not out.exists(), "the folder is free for the corrected command"


@pytest.mark.parametrize("kind", ["a file", "a folder", "a training run", "a bundle"])
def test_an_output_that_holds_something_else_is_refused(work, tmp_path, capsys, kind):
    out = tmp_path / "out"
    if kind == "a file":
        out.write_text("mine", encoding="utf-8")
    else:
        out.mkdir()
        name = {"a folder": "notes.txt", "a training run": "recipe.json", "a bundle": "config.json"}[kind]
        (out / name).write_text("{}", encoding="utf-8")
    before = checksums(tmp_path) | (checksums(out) if out.is_dir() else {})
    said = refused(capsys, "--from", work / "parent", "--data", work / "new.tsv", "--out", out)
    assert "holds something that is no fine-tuning" in said
    assert checksums(tmp_path) | (checksums(out) if out.is_dir() else {}) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"freeze": ("head",)},
        {"near": -1.0},
        {"blend": 0.0},
        {"blend": 1.5},
        {"shrink": 0.0},
        {"shrink": 1.5},
        {"updates": 0},
        {"dropout": 1.0},
        {"learning_rate": 0.0},
        {"target_vocabulary": "old"},
        {"dev_size": 0},
        {"dev_size": 20, "dev": "a"},
        {"test_size": 20, "test": "a"},
        {"extra_pieces": 20},
        {"trial_updates": 20, "parent": "en-ja"},
        {"from_scratch": True, "test_size": 0},
        {"freeze": PARTS},
        {"near": math.nan},
    ],
    ids=str,
)
def test_impossible_options(changes):
    with pytest.raises(ConfigError, match=next(iter(changes))):
        FinetuningConfig(**changes)


def test_every_option_has_a_flag_and_an_explanation(capsys):
    with pytest.raises(SystemExit):
        main(["finetune", "--help"])
    shown = capsys.readouterr().out
    for field in dataclasses.fields(FinetuningConfig):
        flag = {"parent": "--from", "pair": "--to"}.get(field.name, "--" + field.name.replace("_", "-"))
        assert f"  {flag} " in shown or f"  {flag}\n" in shown, flag


# ---------------------------------------------------------------- the picture


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(-5, 100)), min_size=1, max_size=30))
def test_curves_stay_in_their_picture(points):
    picture = pictures.file([pictures.curves("a & b", [Curve("<c>", sorted(points))], "updates")] * 2)
    root = ElementTree.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    lines = list(root.iter(f"{space}polyline"))
    assert len(lines) == 2
    for line in lines:
        for x, y in (map(float, point.split(",")) for point in line.get("points").split()):
            assert 0 <= x <= 720 and 0 <= y <= 260


# ---------------------------------------------------------------- slow: real kills, and a model from nothing beside it


def command(work, run, *more):
    options = {"updates": 60, "batch-tokens": 150, "dev-size": 4, "test-size": 5, "vocab-size": 300}
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return ["finetune", "--from", str(work / "parent"), "--to", "en-xx",
            "--data", str(work / "digits.tsv"), "--out", str(run), *flags, *more]  # fmt: skip


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_like_one_that_was_not(work, forks):
    before = checksums(work / "parent")
    forks.start(work, *command(work, work / "whole")).succeed()
    rng, run = random.Random(5), work / "killed"
    for k in range(5):
        process = forks.start(work, *command(work, run))
        start, old = time.monotonic(), (run / "checkpoint.npz").stat().st_mtime_ns if k > 1 else 0
        while process.poll() is None and time.monotonic() - start < 300:
            path = run / "checkpoint.npz"
            if path.exists() and path.stat().st_mtime_ns != old:
                break
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 1.0))
        process.kill()
    forks.start(work, *command(work, run)).succeed()
    assert checksums(work / "parent") == before
    assert (
        checksums(run / "bundle")["weights.safetensors"] == checksums(work / "whole" / "bundle")["weights.safetensors"]
    )
    assert not list(run.glob("*.writing"))


@pytest.mark.slow
def test_a_model_from_nothing_is_compared_where_one_is_asked_for(work, capsys):
    assert main(command(work, work / "compared", "--from-scratch", "--vocab-size", "290")) == 0
    shown = capsys.readouterr().out
    assert "against a model that learned from nothing else" in shown and "from nothing" in shown
    alone = bundle.read_config(work / "compared" / "from-scratch" / "bundle")
    assert alone.model.target_vocab_size == 290, "as the command says"
    assert (alone.licence, alone.data_credit) == ("", ""), "those of the parent are not its own"


@pytest.mark.parametrize("values", [{"name": "/tmp/x"}, {"name": "../x"}, {"seed": -1}, {"seed": 2**32}], ids=str)
def test_names_and_seeds_that_cannot_be_are_refused(values):
    with pytest.raises(ConfigError, match=r"without slashes|seed must be from 0"):
        FinetuningConfig(**values)
