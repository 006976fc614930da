"""Rehearsal: which sentences, how they are translated, when there are none; a run that goes on has the same ones."""

import dataclasses
import json

import pytest
from test_finetuning import QUICK, make_bundle, write_tsv

import nmt
from nmt import ConfigError, FinetuningConfig, Translator
from nmt.corpora.cleaning import sentence_key
from nmt.corpora.corpus import Corpus, read_corpus
from nmt.finetuning import ending, finetuner, rehearsal
from nmt.finetuning.data import check_old, read_data
from nmt.finetuning.rehearsal import about_forgetting, everyday_sentences, rehearsal_share, rehearsed_languages
from nmt.finetuning.start import load_parent
from nmt.languages import looks_like

PAIR = "en", "ja"


@pytest.fixture(scope="module")
def parent(tmp_path_factory, tokenizers):
    folder = tmp_path_factory.mktemp("rehearsal") / "parent"
    make_bundle(folder, PAIR, tokenizers)
    return folder


@pytest.fixture(autouse=True)
def few_sentences(monkeypatch):
    monkeypatch.setattr(ending, "_COMPARED", 8)
    monkeypatch.setattr(rehearsal, "_AT_LEAST", 30)
    monkeypatch.setattr(rehearsal, "_PASSES", 0)


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
    monkeypatch.setattr(rehearsal, "_PASSES", 4)
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


def test_without_sentences_in_the_language_it_says_so():
    pair = "ja", "en"
    assert rehearsal_share(FinetuningConfig(), pair, pair) == 0
    assert "no Japanese sentences to rehearse" in about_forgetting(FinetuningConfig(), pair, pair)[0]
    assert about_forgetting(FinetuningConfig(near=0.001), pair, pair) == []
    assert about_forgetting(FinetuningConfig(), pair, PAIR) == about_forgetting(FinetuningConfig(), PAIR, PAIR) == []
    with pytest.raises(ConfigError, match="no Japanese sentences to rehearse, only en"):
        rehearsal_share(FinetuningConfig(rehearse=1.0), pair, pair)


def test_a_new_domain_is_held_near_the_parent_unless_told_otherwise():
    assert FinetuningConfig().settled(True, 2.0) == FinetuningConfig(near=0.001, rehearse=2.0)
    assert FinetuningConfig().settled(False, 0.0) == FinetuningConfig(near=0.0, rehearse=0.0)
    assert FinetuningConfig(near=0.0).settled(True, 1.0).near == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rehearse": -1.0}, "rehearse must be 0 or more"), ({"rehearse": 1.0, "mix": "old"}, "choose one of them")],
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
    assert seen[0].data.mix == kept and seen[0].data.mix_share == 0.5
    card = (result.folder / "README.md").read_text(encoding="utf-8")
    assert "0.5 everyday sentences rehearsed, as the parent translates them, for each new one" in card

    assert "Kept near the parent by: MAP-L2 0.001; 0.5 everyday" in card
    said = json.loads((tmp_path / "run" / "finetuning.json").read_text(encoding="utf-8"))["options"]
    assert (said["near"], said["rehearse"]) == (0.001, 0.5)

    none = dataclasses.replace(options, rehearse=0.0)
    nmt.finetune(data, tmp_path / "none", none, progress=False)
    assert not (tmp_path / "none" / "data" / "rehearsal.en").exists()
