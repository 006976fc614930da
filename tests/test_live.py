"""Translation of a text that is being typed."""

import itertools
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt import LiveTranslator, SearchConfig, TranslationOptions, Translator, live

SENTENCE = "I was thinking about going to the station with my friend tomorrow."
TEXTS = st.lists(
    st.tuples(st.integers(0, 30), st.text(st.sampled_from("ab the T.?!\n日🎉 '1"), max_size=8)), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def real():
    return Translator.load("en-ja")


@pytest.fixture(scope="module")
def tiny(tiny_bundle):
    return Translator.load(tiny_bundle, engine="onnx")


def type_in(translator, text, **options):
    pane = LiveTranslator(translator, **options)
    return [pane.update(text[:length]) for length in range(1, len(text) + 1)]


def test_what_is_whole_is_translated_as_ever(real):
    text = "Where is the station? I like my dog.\n" + SENTENCE
    for last in (type_in(real, text)[-1], LiveTranslator(real).update(text)):
        assert last.text == real.translate(text).text
        assert last.num_sure == len(last.text)
        assert [s.source for s in last.sentences] == [s.source for s in real.translate(text).sentences]


def test_earlier_sentences_are_as_ever_and_not_searched_again(real, monkeypatch):
    first = "Where is the station? I like my dog."
    pane = LiveTranslator(real)
    pane.update(first)
    plain = real.translate(first)
    searched = []
    own = type(real.sentences).translate
    monkeypatch.setattr(
        type(real.sentences),
        "translate",
        lambda self, masked, *rest, **more: searched.extend(masked) or own(self, masked, *rest, **more),
    )
    for end in range(1, len(SENTENCE)):
        found = pane.update(f"{first} {SENTENCE[:end]}")
        assert found.text.startswith(plain.text)
        assert [s.alternatives[0].text for s in found.sentences[:2]] == [
            s.alternatives[0].text for s in plain.sentences
        ]
    assert {masked.source for masked in searched}.isdisjoint({"Where is the station?", "I like my dog."})
    assert len(searched) == len(SENTENCE.split()) - 1, "once for every word"


def test_what_was_shown_is_kept_where_it_stays_plausible(real):
    def num_erased(texts):
        pairs = itertools.pairwise(texts)
        return sum(len(a) - sum(b.startswith(a[:end]) for end in range(1, len(a) + 1)) for a, b in pairs)

    words = SENTENCE.split(" ")
    states = [" ".join(words[: k + 1]) for k in range(len(words))]
    scratch = [real.translate(state).text for state in states]
    kept = [found.text for found in type_in(real, SENTENCE)]
    assert num_erased(kept) < num_erased(scratch)


def test_kept_is_what_two_updates_have_in_common(real):
    before = ""
    for found in type_in(real, SENTENCE):
        assert found.text[: found.num_kept] == before[: found.num_kept]
        assert found.text[found.num_kept : found.num_kept + 1] != before[found.num_kept : found.num_kept + 1] or (
            found.num_kept == len(found.text) == len(before)
        )
        assert 0 <= found.num_sure <= len(found.text) and found.seconds > 0
        before = found.text


def test_what_is_sure_is_what_the_model_would_probably_write(real):
    *typing, last = type_in(real, SENTENCE)
    assert last.num_sure == len(last.text)
    assert any(0 < found.num_sure < len(found.text) for found in typing)
    for found in typing:
        words = [word for sentence in found.sentences for word in sentence.alternatives[0].words]
        for end, word in enumerate(words, start=1):
            assert (word.end <= found.num_sure) == (math.prod(w.probability for w in words[:end]) >= 0.1)


def test_a_word_is_left_out_until_it_is_typed(real):
    pane = LiveTranslator(real)
    for end in range(1, len("I like sunfl")):
        half = pane.update("I like sunfl"[:end])
    assert [s.source for s in half.sentences] == ["I like"]
    assert [s.source for s in pane.update("I like sunfl").sentences] == ["I like"]
    assert [s.source for s in pane.update("I like sunfl").sentences] == ["I like sunfl"], "nothing follows"
    assert [s.source for s in pane.update("I like sunflo").sentences] == ["I like"]
    assert [s.source for s in LiveTranslator(real).update("I like sunfl").sentences] == ["I like sunfl"], "pasted"


def test_there_is_no_full_stop_before_there_is_one(real):
    *typing, last = type_in(real, SENTENCE)
    assert last.text.endswith("。")
    for found in typing:
        assert not found.text.endswith("。")
        for sentence in found.sentences:
            best = sentence.alternatives[0]
            assert found.text.endswith(best.text)
            assert not best.words or best.words[-1].end == len(best.text)


def test_a_change_in_the_middle_touches_one_sentence(real):
    pane = LiveTranslator(real)
    before = pane.update("I like my dog. Where is the station? He is a doctor.")
    after = pane.update("I like my dog. Where is the house? He is a doctor.")
    assert [a is b for a, b in zip(before.sentences, after.sentences, strict=True)] == [True, False, True]
    assert after.text == real.translate("I like my dog. Where is the house? He is a doctor.").text
    assert pane.update("").text == ""
    assert pane.update("I like my dog.").text == real.translate("I like my dog.").text


@given(TEXTS)
@settings(max_examples=30)
@example([(0, "1 1"), (0, "T"), (0, "1"), (4, "1")])
def test_any_editing_ends_in_what_stands_there(tiny, changes):
    pane, text = LiveTranslator(tiny, SearchConfig(beam_size=2, max_length_factor=1, max_length_extra=3)), ""
    for place, typed in changes:
        text = text[: min(place, len(text))] + typed + text[min(place, len(text)) :]
        pane.update(text)
    pane.update(text)
    config = SearchConfig(beam_size=2, max_length_factor=1, max_length_extra=3)
    found = pane.update(text)
    assert found.text.rstrip(" ") == tiny.translate(text, config).text.rstrip(" "), "nothing follows"
    assert found.num_sure == len(found.text)
    assert pane.update(text + "\n").text == tiny.translate(text + "\n", config).text


def test_options_are_kept(real):
    options = TranslationOptions(do_not_translate=("station",))
    found = type_in(real, SENTENCE, options=options)
    assert "station" in found[-1].text
    assert found[-1].text == real.translate(SENTENCE, options=options).text
    assert live.LiveTranslator is LiveTranslator
