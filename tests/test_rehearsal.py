"""Rehearsal: which sentences, how they are translated, when there are none; a run that goes on has the same ones."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from test_finetuning import QUICK, make_bundle, write_tsv

import nmt
from nmt import ConfigError, FinetuningConfig, TrainingError, Translator, backend
from nmt.bundle import read_config
from nmt.corpora.cleaning import sentence_key
from nmt.corpora.corpus import Corpus, read_corpus
from nmt.finetuning import course, ending, finetuner, rehearsal
from nmt.finetuning.config import NEW_DOMAIN
from nmt.finetuning.course import plan_recipe, usual_for
from nmt.finetuning.data import check_old, read_data
from nmt.finetuning.plan import defaults_for
from nmt.finetuning.rehearsal import about_forgetting, everyday_sentences, rehearsal_share, rehearsed_languages
from nmt.finetuning.start import about_source, load_parent, make_tokenizers
from nmt.languages import looks_like
from nmt.network.model import TranslationModel
from nmt.training import rounds
from nmt.training.batches import encode_corpus
from nmt.training.checkpoint import load_arrays
from nmt.training.fitting import mixed
from nmt.training.mixing import Share

PAIR = "en", "ja"


@pytest.fixture(scope="module")
def parent(tmp_path_factory, tokenizers):
    folder = tmp_path_factory.mktemp("rehearsal") / "parent"
    keras.utils.set_random_seed(1)
    make_bundle(folder, PAIR, tokenizers)
    return folder


@pytest.fixture(autouse=True)
def few_sentences(monkeypatch):
    monkeypatch.setattr(ending, "_COMPARED", 8)
    monkeypatch.setattr(rehearsal, "_AT_LEAST", 30)
    monkeypatch.setattr(rehearsal, "_PASSES", 0)


class _Stopped(Exception):
    """Instead of learning."""


def test_there_are_thousands_of_different_english_sentences():
    sentences = everyday_sentences("en")
    assert rehearsed_languages() == ("en",) and len(sentences) > 7_000
    assert len({sentence_key(text) for text in sentences}) == len(sentences)
    assert sum(looks_like(text, "en") for text in sentences) > 0.99 * len(sentences)
    assert everyday_sentences("ja") == []


def test_the_parent_itself_answers(parent):
    found = rehearsal.rehearsal(load_parent(parent), 0, [])
    assert 10 < len(found) <= 30 and set(found.sources) <= set(everyday_sentences("en")[:30])
    translated = Translator.load(parent).translate_batch(found.sources)
    assert list(found.targets) == [one.text for one in translated]


def test_no_sentence_of_dev_or_test_is_rehearsed(parent):
    found = rehearsal.rehearsal(load_parent(parent), 0, [])
    dev, test = Corpus([found.sources[3].upper()], ["x"]), Corpus([found.sources[5]], ["y"])
    assert set(rehearsal.rehearsal(load_parent(parent), 0, [dev, test]).sources) == (
        set(found.sources) - {found.sources[3], found.sources[5]}
    )


def test_so_many_that_passes_have_others(parent, monkeypatch):
    monkeypatch.setattr(rehearsal, "_PASSES", 8)
    assert len(rehearsal.rehearsal(load_parent(parent), 10, []).sources) > 30


@pytest.mark.parametrize(
    ("options", "pair", "share"),
    [
        ({}, PAIR, rehearsal.SHARE),
        ({"rehearse": 0.0}, PAIR, 0.0),
        ({"rehearse": 2.5}, PAIR, 2.5),
        ({"mix": "old"}, PAIR, 0.0),
        ({}, ("en", "it"), 0.0),
    ],
)
def test_when_there_is_something_to_rehearse(options, pair, share):
    assert rehearsal_share(FinetuningConfig(**options), pair, PAIR) == share


def test_a_region_makes_no_other_language(parent):
    loaded, pair = load_parent(parent), ("en-GB", "ja-JP")
    assert rehearsal_share(FinetuningConfig(), pair, PAIR) == rehearsal.SHARE
    check_old(FinetuningConfig(mix="old", old_test="old"), pair, PAIR)
    corpus = Corpus(["a b"] * 50, ["c d"] * 50)
    tokenizers = make_tokenizers(loaded, pair, corpus, FinetuningConfig(), defaults_for(NEW_DOMAIN, 50))
    assert tokenizers == loaded.tokenizers and loaded.is_continued_by(pair, tokenizers)
    assert not loaded.is_continued_by(("en", "zh"), tokenizers) and loaded.translates(pair)
    assert about_source(loaded, pair) == []
    assert "reads English and not German" in about_source(loaded, ("de", "ja"))[0]


def test_without_sentences_in_the_language_it_says_so():
    pair = "ja", "en"
    assert rehearsal_share(FinetuningConfig(), pair, pair) == 0
    assert "no Japanese sentences to rehearse" in about_forgetting(FinetuningConfig(), pair, pair, 9_999)[0]
    assert about_forgetting(FinetuningConfig(rehearse=0.0), pair, pair, 9_999) == []
    assert rehearsal_share(FinetuningConfig(), ("en-GB", "ja"), ("en-GB", "ja")) == rehearsal.SHARE
    assert about_forgetting(FinetuningConfig(), pair, PAIR, 9_999) == []
    assert about_forgetting(FinetuningConfig(), PAIR, PAIR, 999) == []
    with pytest.raises(ConfigError, match="no Japanese sentences to rehearse, only en"):
        rehearsal_share(FinetuningConfig(rehearse=1.0), pair, pair)


@pytest.mark.parametrize("chosen", [{"rehearse": 2.0}, {"near": 0.0}, {"blend": 1.0}, {"mix": "old"}])
def test_with_many_pairs_it_says_that_more_could_be_learned_unless_that_was_chosen(chosen):
    (warning,) = about_forgetting(FinetuningConfig(), PAIR, PAIR, 4_529)
    assert "4,529 pairs could teach more" in warning
    assert about_forgetting(FinetuningConfig(**chosen), PAIR, PAIR, 4_529) == []


def settled(**changes):
    return FinetuningConfig(**{"route": "no", "near": 0.0, "rehearse": 0.0, "blend": 1.0, "shrink": 1.0, **changes})


def test_one_network_of_a_new_domain_is_held_near_the_parent_unless_told_otherwise():
    assert FinetuningConfig().settled(True, 2.0) == settled(near=0.001, rehearse=2.0, blend=0.6)
    assert FinetuningConfig().settled(False, 0.0) == settled()
    assert FinetuningConfig(near=0.0).settled(True, 1.0).near == 0.0
    assert FinetuningConfig(mix="old").settled(True, 2.0) == settled(mix="old", near=0.001, blend=0.6)


def test_a_child_with_its_parent_beside_it_may_forget_unless_told_otherwise():
    assert FinetuningConfig().settled(True, 2.0, is_routed=True) == settled(route="yes")
    held = FinetuningConfig(route="yes", near=0.1, rehearse=0.5).settled(True, 0.5, is_routed=True)
    assert held == settled(route="yes", near=0.1, rehearse=0.5)


def test_weights_are_shrunk_as_suits_the_data_unless_they_are_held_near_the_parents():
    assert FinetuningConfig().settled(False, 0.0, shrink=0.5) == settled(shrink=0.5)
    assert FinetuningConfig().settled(True, 2.0, is_routed=True, shrink=0.5) == settled(route="yes", shrink=0.5)
    assert FinetuningConfig().settled(True, 2.0, shrink=0.5) == settled(near=0.001, rehearse=2.0, blend=0.6)
    assert FinetuningConfig(blend=0.7).settled(False, 0.0, shrink=0.5) == settled(blend=0.7)
    assert FinetuningConfig(shrink=0.4).settled(True, 0.0) == settled(shrink=0.4)
    for held in ({"freeze": ("encoder",)}, {"low_rank": 4}, {"near": 0.1}):
        assert FinetuningConfig(**held).settled(True, 0.0, is_routed=True, shrink=0.5).shrink == 1.0
    began = {"near": None, "rehearse": 0.0, "blend": 1.0}  # by a version that shrank nothing
    assert FinetuningConfig().settled(False, 0.0, shrink=0.5, known=began) == settled()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rehearse": -1.0}, "rehearse must be 0 or more"),
        ({"rehearse": math.inf}, "rehearse must be a number, not inf"),
        ({"rehearse": 1.0, "mix": "old"}, "choose one of them"),
        ({"mix": "old", "mix_share": 0.0}, "mix_share must be above 0"),
        ({"mix_share": 2.0}, "there is no mix"),
        ({"shrink": 0.5, "near": 0.001}, "hold to the parent's weights, and shrink below 1 leaves them"),
        ({"shrink": 0.5, "blend": 0.6}, "hold to the parent's weights, and shrink below 1 leaves them"),
        ({"shrink": 0.5, "low_rank": 4}, "hold to the parent's weights, and shrink below 1 leaves them"),
        ({"shrink": 0.5, "freeze": ("encoder",)}, "hold to the parent's weights, and shrink below 1 leaves them"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ConfigError, match=message):
        FinetuningConfig(**options)


def test_another_language_cannot_be_rehearsed():
    with pytest.raises(ConfigError, match="rehearse goes with a new domain"):
        check_old(FinetuningConfig(rehearse=1.0), ("en", "it"), PAIR)
    check_old(FinetuningConfig(rehearse=0.0), ("en", "it"), PAIR)


def test_old_pairs_of_dev_and_test_are_not_mixed_in(tmp_path, sample):
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    old = write_tsv(tmp_path / "old.tsv", sample.sources[:100], sample.targets[:100])
    found = read_data(data, PAIR, FinetuningConfig(mix=str(old), mix_share=2.0, dev_size=5, test_size=5))
    assert found.mix is not None and found.mix_share == 2.0 and len(found.mix) == 90
    assert not {*found.dev.sources, *found.test.sources} & set(found.mix.sources)


def test_a_run_rehearses_and_goes_on_with_the_same(parent, tmp_path, sample, monkeypatch):
    data, told = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60]), []
    options = FinetuningConfig(parent=str(parent), rehearse=0.5, **QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(finetuner, "learn", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))  # cut off just then
        with pytest.raises(KeyboardInterrupt):
            nmt.finetune(data, tmp_path / "run", options, progress=False, tell=told.append)
    assert any("translates everyday sentences" in line for line in told)
    kept = read_corpus(tmp_path / "run" / "data" / "rehearsal", *PAIR)
    assert set(kept.sources) <= set(everyday_sentences("en")[:30])

    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(finetuner, "rehearsal", lambda *_: pytest.fail("translated again"))
        learn = finetuner.learn
        patch.setattr(finetuner, "learn", lambda course, *rest: seen.append(course) or learn(course, *rest))
        result = nmt.finetune(data, tmp_path / "run", options, progress=False)
    assert seen[0].data.mix == kept and 0.2 < seen[0].data.mix_share <= 0.5
    card = (result.folder / "README.md").read_text(encoding="utf-8")
    assert "Kept near the parent by: MAP-L2 0.001; 0." in card
    assert f"everyday sentences rehearsed, as the parent holds them likely, for each new one, of {len(kept)}" in card
    said = json.loads((tmp_path / "run" / "finetuning.json").read_text(encoding="utf-8"))["options"]
    assert (said["near"], said["rehearse"]) == (0.001, 0.5)

    # What is usual may be said, or left out; something else is another run.
    nmt.finetune(data, tmp_path / "run", dataclasses.replace(options, near=0.001), progress=False)
    with pytest.raises(TrainingError, match="other options"):
        nmt.finetune(data, tmp_path / "run", dataclasses.replace(options, rehearse=1.0), progress=False)


@pytest.fixture
def soft(monkeypatch):
    """From which weights soft targets were computed, what was remembered, and when losses were made with them."""
    weights, remembered, losses = [], [], []
    compute, loss, remember = course.soft_targets, backend.soft_cross_entropy, TranslationModel.remember

    def computed(model, corpus, num_known):
        weights.append(model.named_weights())
        return compute(model, corpus, num_known)

    def noted(model, *targets):
        remembered.append(targets)
        remember(model, *targets)

    def lossy(*arguments):
        losses.append(len(remembered))
        return loss(*arguments)

    monkeypatch.setattr(course, "soft_targets", computed)
    monkeypatch.setattr(TranslationModel, "remember", noted)
    monkeypatch.setattr(backend, "soft_cross_entropy", lossy)
    return weights, remembered, losses


def test_what_is_rehearsed_is_learned_as_the_parent_holds_it_likely(parent, tmp_path, sample, soft, monkeypatch):
    """Also by a run that goes on, whose network is no longer its parent."""
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    options, save = FinetuningConfig(parent=str(parent), rehearse=0.5, **QUICK), rounds.save_checkpoint
    trained = {}

    def cut_off(path, model, progress):
        save(path, model, progress)
        if progress.update == 2:
            trained.update(model.named_weights())
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rounds, "save_checkpoint", cut_off)
        nmt.finetune(data, tmp_path / "run", options, progress=False)
    nmt.finetune(data, tmp_path / "run", options, progress=False)

    start, (weights, remembered, losses) = load_arrays(tmp_path / "run" / "start.npz"), soft
    assert not any(
        np.array_equal(trained[name], start[name]) for name in ("encoder_0/forward/kernel", "target_embedding/bias")
    )
    assert len(weights) == len(remembered) == 2 and set(losses) == {1, 2}
    for found in weights:
        assert all(np.array_equal(found[name], start[name]) for name in start)
    for first, again in zip(*remembered, strict=True):
        np.testing.assert_allclose(first, again, rtol=1e-5)


def test_with_smaller_weights_a_child_is_not_what_its_parent_is(parent, tmp_path, sample, soft):
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    options = FinetuningConfig(parent=str(parent), shrink=0.5, rehearse=0.5, **QUICK)
    result = nmt.finetune(data, tmp_path / "run", options, progress=False)
    said = json.loads((tmp_path / "run" / "finetuning.json").read_text(encoding="utf-8"))
    assert (said["options"]["near"], said["options"]["blend"]) == (0.0, 1.0)
    assert len(said["rounds"]) == 4, "it does not translate before it learns"
    assert not soft[0], "what it holds likely is not what its parent does"
    card = (result.folder / "README.md").read_text(encoding="utf-8")
    assert "everyday sentences rehearsed for each new one" in card and "matrices times 0.5" in card
    with pytest.raises(TrainingError, match="with other options"):
        held = dataclasses.replace(options, shrink=None, near=0.001)
        nmt.finetune(data, tmp_path / "run", held, progress=False)


@pytest.mark.parametrize(("choice", "num_courses"), [("new", 0), ("extend", 1)])
def test_with_another_vocabulary_a_child_is_held_to_what_its_parent_can_say(
    parent, tmp_path, sample, soft, choice, num_courses
):
    """With pieces of its own it is not its parent when it begins; pieces that are added say nothing yet."""
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    options = FinetuningConfig(parent=str(parent), target_vocabulary=choice, rehearse=0.5, **QUICK)
    result = nmt.finetune(data, tmp_path / "run", options, progress=False)
    said = json.loads((tmp_path / "run" / "finetuning.json").read_text(encoding="utf-8"))
    is_continued = choice == "extend"
    assert (said["options"]["near"], said["options"]["blend"]) == ((0.001, 0.6) if is_continued else (0.0, 1.0))
    assert len(said["rounds"]) == 4 + is_continued, "what translates already is scored before it learns"
    assert len(soft[0]) == num_courses
    card = (result.folder / "README.md").read_text(encoding="utf-8")
    assert ("rehearsed, as the parent holds them likely, for each" in card) == is_continued
    assert is_continued or "everyday sentences rehearsed for each new one" in card
    num_old = load_parent(parent).tokenizers[1].vocab_size
    size = read_config(result.folder).model.target_vocab_size
    assert size > num_old if is_continued else size != num_old
    for ids, probabilities in soft[1]:
        assert size > ids.max() and (probabilities[ids >= num_old] <= 0.9 + 1e-6).all()


def test_old_pairs_are_learned_like_new_ones(parent, tmp_path, sample, soft):
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    old = write_tsv(tmp_path / "old.tsv", sample.sources[100:120], sample.targets[100:120])
    nmt.finetune(data, tmp_path / "run", FinetuningConfig(parent=str(parent), mix=str(old), **QUICK), progress=False)
    assert soft == ([], [], [])


def test_a_run_that_began_without_rehearsal_goes_on_without(parent, tmp_path, sample, monkeypatch):
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    options = FinetuningConfig(parent=str(parent), rehearse=0.0, near=0.0, **QUICK)
    seen = []

    def learn(course, *_):
        seen.append(course.data.mix)
        raise _Stopped

    monkeypatch.setattr(finetuner, "learn", learn)
    with pytest.raises(_Stopped):
        nmt.finetune(data, tmp_path / "run", options, progress=False)
    assert not (tmp_path / "run" / "data" / "rehearsal.en").exists()
    file = tmp_path / "run" / "options.json"
    noted = json.loads(file.read_text(encoding="utf-8"))
    del noted["options"]["rehearse"]  # as a version wrote it that knew nothing of it
    file.write_text(json.dumps(noted), encoding="utf-8")
    with pytest.raises(_Stopped):
        nmt.finetune(data, tmp_path / "run", dataclasses.replace(options, rehearse=None, near=None), progress=False)
    assert seen == [None, None]


def test_a_parent_that_cannot_translate_is_not_rehearsed(parent, tmp_path, sample, monkeypatch):
    data, told, seen = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60]), [], []

    def learn(course, *_):
        seen.append(course.data.mix)
        raise _Stopped

    monkeypatch.setattr(finetuner, "rehearsal", lambda *_: Corpus([], []))
    monkeypatch.setattr(finetuner, "learn", learn)
    with pytest.raises(_Stopped):
        nmt.finetune(data, tmp_path / "run", FinetuningConfig(parent=str(parent), **QUICK), tell=told.append)
    assert seen == [None] and any("nothing is rehearsed" in line for line in told)


def test_old_pairs_that_are_all_in_dev_or_test_are_none(tmp_path, sample):
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    dev = write_tsv(tmp_path / "dev.tsv", sample.sources[60:70], sample.targets[60:70])
    found = read_data(data, PAIR, FinetuningConfig(mix=str(dev), dev=str(dev), test_size=5))
    assert found.mix is None and found.mix_share == 0 and any("nothing is mixed in" in one for one in found.warnings)


def test_updates_count_what_is_mixed_in(parent, tmp_path, sample):
    """As many passes over the new pairs, whatever comes along."""
    data = write_tsv(tmp_path / "new.tsv", sample.sources[:60], sample.targets[:60])
    old = write_tsv(tmp_path / "old.tsv", sample.sources[100:110], sample.targets[100:110])
    loaded, updates = load_parent(parent), {}
    for share in (0.0, 1.0, 3.0):
        options = FinetuningConfig(mix=str(old) if share else "", mix_share=share or 1.0, batch_tokens=20)
        found = read_data(data, PAIR, options)
        usual = usual_for(loaded, PAIR, found)
        recipe = plan_recipe(options, usual, loaded, PAIR, "child", loaded.tokenizers, found)
        updates[share] = recipe.training.updates
    assert updates[0.0] < updates[1.0]
    assert updates[3.0] - updates[0.0] == pytest.approx(3 * (updates[1.0] - updates[0.0]), abs=3)


def test_a_small_corpus_that_is_mixed_in_comes_several_times(parent, sample):
    tokenizers = load_parent(parent).tokenizers
    new, old = (
        encode_corpus(Corpus(sample.sources[a:b], sample.targets[a:b]), *tokenizers, 60) for a, b in ((0, 40), (40, 45))
    )
    assert mixed(new, old, 1.0) == (Share(40, 40), Share(5, 40))
