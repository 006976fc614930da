"""Translations that are shown while they are made."""

import itertools
import threading
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt import Partial, SearchConfig, Term, TranslationOptions, Translator
from nmt.engines.onnx import OnnxEngine
from nmt.translating.streaming import Work

TEXT = (
    "Where is the station?\nI went home. See https://example.org/x for <b>more</b>.\n\n- Yes.\n"
    "My sister lives in a small town near the sea, and I visit her every summer. 12. Tom ate 5 kg."
)
TEXTS = st.text(st.sampled_from("aeT hs.!?\n\t日本🎉'-"), max_size=40)
SMALL = SearchConfig(beam_size=2, max_length_factor=1, max_length_extra=3)


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    return Translator.load(tiny_bundle, engine="onnx")


@pytest.fixture(scope="module")
def real():
    return Translator.load("en-ja")


def described(translation):
    return [
        (s.source, s.problems, [(a.text, a.score, a.tokens, a.words) for a in s.alternatives])
        for s in translation.sentences
    ]


def check(translator, text, config=None, options=None):
    partials = list(translator.stream(text, config, options))
    plain = translator.translate(text, config, options)
    *rest, last = partials
    assert last.done and last.text == last.translation.text == plain.text
    assert described(last.translation) == described(plain) and last.translation.score == plain.score
    assert not any(partial.done or partial.translation for partial in rest)
    assert all(a.text != b.text for a, b in itertools.pairwise(rest))
    return partials


@given(TEXTS)
@settings(max_examples=30)
@example("")
@example("\n")
@example("... 12")
def test_the_last_partial_is_the_translation(translator, text):
    check(translator, text, SMALL)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (None, None),
        (SearchConfig(beam_size=4, num_alternatives=3), TranslationOptions(check=False)),
        (SearchConfig(temperature=0.7, seed=3, beam_size=2, num_alternatives=2), None),
        (SearchConfig(no_repeat_ngram=2), TranslationOptions(glossary=(Term("station", ("停車場",)),))),
    ],
)
def test_it_grows_from_the_beginning(real, config, options, monkeypatch):
    own = OnnxEngine.step
    monkeypatch.setattr(OnnxEngine, "step", lambda *given, **more: time.sleep(0.01) or own(*given, **more))
    partials = check(real, TEXT, config, options)
    plain = partials[-1].translation
    assert len(partials) > 8
    done = plain.sentences[0].alternatives[0].text + "\n"
    seen = [partial.text for partial in partials]
    first = next(k for k, text in enumerate(seen) if text.startswith(done))
    assert first > 1, "the first sentence was shown before it was complete"
    assert all("\n" not in text for text in seen[:first]), "nothing of the next line before that"
    if options is None or not options.glossary:
        assert all(text.startswith(done) for text in seen[first:])


def test_a_span_is_not_shown_as_what_stands_in_for_it(real, monkeypatch):
    options = TranslationOptions(do_not_translate=("Xyrplk",))
    own = OnnxEngine.step
    monkeypatch.setattr(OnnxEngine, "step", lambda *given, **more: time.sleep(0.01) or own(*given, **more))
    texts = [partial.text for partial in real.stream("I met Xyrplk at the station yesterday.", options=options)]
    assert "Xyrplk" in texts[-1]
    assert len(texts) > 3
    assert not any("トム" in text for text in texts)


def test_closing_stops_the_work(translator):
    before = threading.active_count()
    stream = translator.stream(" ".join(["I went to the station and came home."] * 300))
    next(stream)
    stream.close()
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
    assert translator.translate("Yes.").text, "others can go on"


def test_a_stream_that_nobody_reads_does_not_start(translator):
    before = threading.active_count()
    translator.stream("I went home.")
    assert threading.active_count() == before


def test_what_goes_wrong_reaches_the_reader(translator, monkeypatch):
    def fail(self, start, size):
        raise RuntimeError("broken")

    monkeypatch.setattr(Work, "_translate", fail)
    with pytest.raises(RuntimeError, match="broken"):
        list(translator.stream("I went home."))


def test_streams_share_batches_and_do_not_mix(translator):
    texts = ["Where is the station?", "I went home. Yes.", "My sister lives here."]
    results: dict[int, list[Partial]] = {}

    def read(k):
        results[k] = list(translator.stream(texts[k % 3]))

    threads = [threading.Thread(target=read, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for k in range(12):
        assert results[k][-1].text == translator.translate(texts[k % 3]).text
