"""Text through a real bundle and the real search: nothing lost, nothing that depends on neighbours."""

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt import BundleError, ConfigError, SearchConfig, Translator, bundle
from nmt.config import TranslationOptions
from nmt.translating import drafts
from nmt.translating.words import words

LINES = [
    "Good morning!",
    "Where is the station?",
    "I have to go to sleep. See you tomorrow!",
    "Yes.",
    "My sister lives in a small town near the sea, and I visit her every summer with my family.",
    "How much is this?",
    "Zebra 🎉 xyzzy",
]
TEXTS = st.text(st.sampled_from("aeT hs.!?\n\t\r\u3000日本🎉\u200b1'\"-"), max_size=40) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=20
)


@pytest.fixture(scope="module", params=["onnx", "keras"])
def translator(tiny_bundle, request):
    return Translator.load(tiny_bundle, engine=request.param)


@pytest.fixture(scope="module")
def fast(tiny_bundle):
    """For what does not depend on the engine."""
    return Translator.load(tiny_bundle, engine="onnx")


def test_the_batch_size_changes_nothing(translator):
    texts = LINES * 5
    results = []
    for batch_size in (1, 8, 64):
        config = SearchConfig(beam_size=4, batch_size=batch_size, max_length_extra=6)
        found = translator.translate_batch(texts, config, TranslationOptions(check=False))
        results.append([t.text for t in found])
    assert results[0] == results[1] == results[2]
    assert len(set(results[0])) > 3, "different sentences have different translations"
    assert results[0][:7] == results[0][7:14]


def test_a_translation_carries_its_tokens_and_where_it_read(translator):
    for translation in translator.translate_batch(LINES, SearchConfig(beam_size=5, num_alternatives=4)):
        for sentence in translation.sentences:
            assert sentence.source_tokens[-1] == "</s>"
            texts = [a.text for a in sentence.alternatives]
            assert 1 <= len(texts) <= 4 and len(set(texts)) == len(texts)
            scores = [a.score for a in sentence.alternatives]
            assert scores == sorted(scores, reverse=True)
            for a in sentence.alternatives:
                assert a.text.strip()
                assert len(a.tokens) == len(a.log_probs) == len(a.attention)
                assert a.attention.shape[1] == len(sentence.source_tokens)
                np.testing.assert_allclose(a.attention.sum(1), 1, atol=1e-4)
                assert all(p <= 0 for p in a.log_probs)
        assert translation.score == pytest.approx(np.mean([s.alternatives[0].score for s in translation.sentences]))


@given(TEXTS)
@settings(max_examples=40)
def test_lines_and_margins_stay(fast, text):
    result = fast.translate(text, SearchConfig(beam_size=1, max_length_factor=1, max_length_extra=2)).text
    assert [bool(line.strip()) for line in text.splitlines()] == [bool(line.strip()) for line in result.splitlines()]
    margin = len(text) - len(text.lstrip())
    assert result[:margin] == text[:margin]
    if not text.strip():
        assert result == text


@pytest.mark.parametrize("text", ["", " ", "\n\n", " \t\n ", "   "])
def test_nothing_to_translate_comes_back_unchanged(translator, text):
    translation = translator.translate(text)
    assert (translation.text, translation.sentences, translation.score) == (text, (), 0.0)


def test_sentences_on_one_line_join_without_spaces_in_japanese(translator):
    one, two = (translator.translate(t).text for t in ("Good morning!", "Where is the station?"))
    assert translator.translate("Good morning! Where is the station?").text == one + two
    assert translator.translate("Good morning!\nWhere is the station?\n").text == f"{one}\n{two}\n"


def test_a_sentence_longer_than_the_model_knows_is_cut_not_shortened(fast):
    clause = "I met the old teacher in front of the station, "
    text = clause * 12 + "and we talked."
    translation = fast.translate(text, SearchConfig(beam_size=1))
    assert len(translation.sentences) > 3
    assert all(len(s.source_tokens) <= 41 for s in translation.sentences)
    assert " ".join(s.source for s in translation.sentences) == text
    endless = fast.translate("x" * 3000, SearchConfig(beam_size=1, max_length_factor=0.5, max_length_extra=2))
    assert "".join(s.source for s in endless.sentences) == "x" * 3000


def test_loading_what_is_not_a_model_says_so(tmp_path, tiny_bundle):
    with pytest.raises(BundleError, match='no model "en-xx"'):
        Translator.load("en-xx")
    with pytest.raises(BundleError, match=r"not a model: it has no config\.json"):
        Translator.load(tmp_path)
    with pytest.raises(ConfigError, match="engine"):
        Translator.load(tiny_bundle, engine="abacus")
    with pytest.raises(ConfigError, match="num_threads must be 0"):
        Translator.load(tiny_bundle, num_threads=-3)


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (bundle.WEIGHTS, lambda data: data[: len(data) // 2], r"weights\.safetensors is damaged"),
        (bundle.SOURCE_TOKENIZER, lambda data: b"nonsense", r"source\.model"),
        (bundle.TARGET_TOKENIZER, None, r"cannot read .*target\.model"),
        (bundle.WEIGHTS, None, "no training weights"),
        (bundle.WEIGHTS, lambda data: data[:-9] + b"x" * 9, r"weights\.safetensors is damaged"),
        (bundle.TARGET_TOKENIZER, lambda data: data.replace(b"a", b"b"), r"target\.model is damaged"),
        (bundle.CONFIG, lambda data: data[:-10], r"config\.json is damaged"),
        (bundle.CONFIG, lambda data: data.replace(b'"format_version": 2', b'"format_version": 9'), "format version 9"),
        (bundle.CONFIG, lambda data: data.replace(b"encoder_units", b"encoder_unit"), 'did you mean "encoder_units"'),
        (bundle.CONFIG, lambda data: data.replace(b'"decoder_units": 32', b'"decoder_units": 33'), "has shape"),
    ],
)
def test_a_damaged_bundle_names_the_file(tmp_path, tiny_bundle, file, damage, message):
    with pytest.raises(BundleError, match=message):
        Translator.load(damaged(tmp_path, tiny_bundle, file, damage), engine="keras")


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (bundle.DECODER, lambda data: data[:-1], r"decoder\.onnx is damaged"),
        (bundle.ENCODER, lambda data: data[:900] + b"!" + data[901:], r"encoder\.onnx is damaged"),
        (bundle.ENCODER, None, r"cannot read .*encoder\.onnx"),
        (bundle.CONFIG, lambda data: data.replace(b'"decoder_units": 32', b'"decoder_units": 33'), "another network"),
    ],
)
def test_damaged_graphs_are_refused(tmp_path, tiny_bundle, file, damage, message):
    with pytest.raises(BundleError, match=message):
        Translator.load(damaged(tmp_path, tiny_bundle, file, damage))


def damaged(tmp_path, tiny_bundle, file, damage):
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_bundle, folder)
    if damage is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(damage((folder / file).read_bytes()))
    return folder


def test_a_bundle_says_what_it_is(tiny_bundle):
    info = bundle.read_info(tiny_bundle)
    assert (info.name, info.source_language, info.target_language) == ("tiny", "en", "ja")
    assert info.size_bytes == sum(p.stat().st_size for p in tiny_bundle.iterdir())
    assert info.num_parameters == sum(a.size for a in bundle.read_weights(tiny_bundle).values())


def test_a_bundle_is_replaced_whole(tmp_path, tiny_bundle):
    folder = tmp_path / "again"
    config = bundle.read_config(tiny_bundle)
    weights = bundle.read_weights(tiny_bundle)
    bundle.write(folder, config, {}, weights, "# one\n")
    (folder / "stray").write_text("old")
    bundle.write(folder, dataclasses.replace(config, name="two"), {}, weights, "# two\n")
    assert json.loads((folder / "config.json").read_text())["name"] == "two"
    assert not (folder / "stray").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["again"]


def test_an_unset_search_is_the_bundles_own(translator, tiny_bundle):
    own = bundle.read_config(tiny_bundle).search
    assert own.beam_size == 3
    for text in LINES:
        assert translator.translate(text).text == translator.translate(text, own).text


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_serving_opens_no_connection_and_leaves_no_file_behind(tmp_path, tiny_bundle):
    # ONNX Runtime's own telemetry keeps a database below the home folder, and sends what is in it.
    code = (
        "import os, sys; from nmt import Translator; Translator.load(sys.argv[1]).translate('Good morning!');"
        "print(*{os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) > 2"
        " and os.path.exists(f'/proc/self/fd/{n}')}, *sys.modules)"
    )
    home = tmp_path / "home"
    home.mkdir()
    places = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")}
    command = [sys.executable, "-c", code, str(tiny_bundle)]
    done = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "nmt.engines.onnx" in done.stdout
    assert "socket:" not in done.stdout
    assert not {"tensorflow", "keras", "gradio", "datasets"} & set(done.stdout.split())
    assert list(home.rglob("*")) == []


def test_half_a_surrogate_pair_harms_nothing(translator):
    texts = ["caf\udce9 is good.", "Yes."]
    assert [bool(t.text) for t in translator.translate_batch(texts)] == [True, True]


def test_a_draw_depends_on_its_sentence_and_seed_alone(fast):
    config = SearchConfig(temperature=1.0, top_k=20, seed=5, beam_size=3, num_alternatives=3, max_length_extra=4)
    together = fast.translate_batch(LINES * 2, config)
    assert [t.text for t in together[:7]] == [t.text for t in together[7:]]
    assert [t.text for t in together[:7]] == [fast.translate(line, config).text for line in LINES]
    other = fast.translate_batch(LINES, dataclasses.replace(config, seed=6))
    assert [t.text for t in other] != [t.text for t in together[:7]]


def test_words_are_found_when_somebody_asks(fast, monkeypatch):
    texts = ["Where is the station?", "See {x} at 12:30."]

    def all_words(translations):
        return [translation.sentences[0].alternatives[0].words for translation in translations]

    expected = all_words(fast.translate_batch(texts))
    assert all_words(pickle.loads(pickle.dumps(fast.translate_batch(texts)))) == expected
    calls = []
    monkeypatch.setattr(drafts, "words", lambda *given: calls.append(given) or words(*given))
    found = fast.translate_batch(texts)
    assert not calls, "a file needs none"
    assert all_words(found) == expected and len(calls) == 2


def test_the_shortest_possible_limit_still_gives_a_translation(translator):
    config = SearchConfig(beam_size=2, max_length_factor=0.01, max_length_extra=1)
    (sentence,) = translator.translate("Hi.", config).sentences
    assert len(sentence.alternatives[0].tokens) <= 1


# Marks of their own, so that each can be counted whatever surrounds it.
PROTECTED = (
    "http://example.com/a?b=1",
    "bob@example.com",
    "{name}",
    "%(total)d",
    "`a. b`",
    "<b>",
    "</b>",
    "<br/>",
    "🎉",
)
WITH_SPANS = st.lists(TEXTS | st.sampled_from(PROTECTED), min_size=1, max_size=5).map(" ".join)


@given(WITH_SPANS)
@example("1 %(total)d")
@example("` `a. b`")
@settings(max_examples=40)
def test_protected_spans_come_through_exactly_once(fast, text):
    result = fast.translate(text, SearchConfig(beam_size=1, max_length_factor=1, max_length_extra=2)).text
    assert [bool(line.strip()) for line in text.splitlines()] == [bool(line.strip()) for line in result.splitlines()]
    margin = len(text) - len(text.lstrip())
    assert result[:margin] == text[:margin]
    for span in PROTECTED:
        if span.startswith("`") and text.count("`") != 2 * text.count(span):
            continue  # another sign before it pairs with its first one
        assert result.count(span) == text.count(span)


def test_without_spans_the_model_reads_and_says_the_same(fast):
    off = TranslationOptions(protect=False, check=False)
    on = TranslationOptions(check=False)
    plain = [line for line in LINES if "🎉" not in line]
    for a, b in zip(fast.translate_batch(plain, None, off), fast.translate_batch(plain, None, on), strict=True):
        assert a.text == b.text
        assert [s.source_tokens for s in a.sentences] == [s.source_tokens for s in b.sentences]
        assert [s.alternatives[0].tokens for s in a.sentences] == [s.alternatives[0].tokens for s in b.sentences]


def test_spans_do_not_change_with_the_batch(fast):
    options = TranslationOptions(do_not_translate=("Zebra",))
    texts = [*LINES, "See {x} at 12:30.", "<b>Yes</b>, it is. No {a} or {b}?", "{x}", "I have 12345 books."]
    together = fast.translate_batch(texts, None, options)
    assert [t.text for t in together] == [fast.translate(text, None, options).text for text in texts]
    assert together[6].text.count("Zebra") == 1 and together[6].text.count("🎉") == 1
    assert together[9].text == "{x}" and together[9].sentences == ()
    assert together[7].sentences[0].source == "See {x} at 12:30."


def test_a_long_sentence_with_spans_is_cut_between_them(fast):
    spans = [f"{{name{k}}}" for k in range(30)]
    text = "I met " + " in front of the station, and then ".join(spans) + "."
    translation = fast.translate(text, SearchConfig(beam_size=1))
    assert len(translation.sentences) > 3
    assert all(len(s.source_tokens) <= 41 for s in translation.sentences)
    assert all(translation.text.count(span) == 1 for span in spans)
    sticky = "x" * 200 + "{a}" + "x" * 200 + "1-" * 100 + "2"
    assert fast.translate(sticky, SearchConfig(beam_size=1)).text.count("{a}") == 1


@pytest.mark.parametrize("word", ["", " x", "a\nb"])
def test_words_to_keep_are_checked(word):
    with pytest.raises(ConfigError, match="do_not_translate"):
        TranslationOptions(do_not_translate=(word,))
