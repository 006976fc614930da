"""Misspelled words are read as what was meant; words that are right, names and code are read as they are."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmt
from nmt import Term, TranslationOptions, Translator, bundle, cli
from nmt.corpora.corpus import Corpus
from nmt.text.masking import Masked
from nmt.text.typos import Typos, has_words
from nmt.tokenizer import Tokenizer
from nmt.training import noise
from nmt.translating.planning import Planner

MODEL = "en-de"


@pytest.fixture(scope="module")
def translator() -> Translator:
    if MODEL not in {info.name for info in nmt.installed()}:
        pytest.skip(f"{MODEL} is not installed")
    return Translator.load(MODEL, num_threads=1)


@pytest.fixture(scope="module")
def typos(translator: Translator) -> Typos:
    (found,) = [one for one in vars(translator.planner).values() if isinstance(one, Typos)]
    return found


def read(translator: Translator, text: str, options: TranslationOptions | None = None) -> list[Masked]:
    plan = translator.planner.plan(text, options or TranslationOptions())
    return [part for part in plan if isinstance(part, Masked)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Where is teh station?", "Where is the station?"),
        ("I recieve many leters.", "I receive many letters."),
        ("It was a good flim.", "It was a good film."),
        ("Waht is this?", "What is this?"),
        ("I dont know, he wasnt there.", "I don't know, he wasn't there."),
        ("can you haer me now", "Can you hear me now"),
        ("CAN YOU HAER ME NOW?", "Can you hear me now?"),
        ("Thx, can u send me ur msg?", "Thanks, can you send me your message?"),
        ("how r u", "How are you"),
        ("I WANT TO KNOW WHAT U SAID", "I want to know what you said"),
        ("The wether is nice today, isn’t it?", "The weather is nice today, isn’t it?"),
    ],
)
def test_a_slip_is_read_as_what_was_meant(translator: Translator, typed: str, meant: str) -> None:
    (one,) = read(translator, typed)
    assert (one.source, one.text) == (typed, meant)
    (plain,) = read(translator, meant)
    assert plain.read_as == () and plain.text == meant


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smtih met Naoko and Muiriel in Kakogawa.",  # names
        "The mutex, the tuple and the socket are in src/mian.py and teh.txt.",
        "Call recv(x) and set seq_type, not json.laods.",
        "The team's café has colours and a neighbour's tyres.",
        "It's o'clock; we could've gone.",
        "teh-weather @recieve #flim $flim",
        "Put it on the lan, not in tmp or src, and read the png.",
        "haha, lol, fyi: the txt is out",
        "The json has args, a dict and a bool.",
    ],
)
def test_names_code_and_rare_words_are_read_as_they_are(translator: Translator, text: str) -> None:
    assert [pair for one in read(translator, text) for pair in one.read_as] == []


def test_what_the_user_says_is_kept(translator: Translator) -> None:
    text = "Where is teh flim?"
    assert read(translator, text, TranslationOptions(spelling=False))[0].read_as == ()
    glossary = (Term("flim", ("Flimm",)),)
    assert read(translator, text, TranslationOptions(glossary=glossary))[0].read_as == (("teh", "the"),)
    assert "Flimm" in translator.translate(text, options=TranslationOptions(glossary=glossary)).text
    kept = TranslationOptions(do_not_translate=("flim",))
    assert read(translator, text, kept)[0].read_as == (("teh", "the"),)
    assert "flim" in translator.translate(text, options=kept).text


@given(st.lists(st.sampled_from(["teh", "recieve", "flim", "{name}", "x@y.org", "12 km", "house", "👍"]), max_size=4))
def test_protected_spans_stay_where_they_are(translator: Translator, words: list[str]) -> None:
    text = f"I see {' '.join(words)} here."
    for one in read(translator, text):
        plain = read(translator, text, TranslationOptions(spelling=False))[0]
        assert one.source == text
        assert [dataclasses.replace(slot, start=0, end=0) for slot in one.slots] == [
            dataclasses.replace(slot, start=0, end=0) for slot in plain.slots
        ]
        for slot, other in zip(one.slots, plain.slots, strict=True):
            assert one.text[slot.start : slot.end] == plain.text[other.start : other.end]
        assert len(one.read_as) == sum(word in ("teh", "recieve", "flim") for word in words)


@given(st.text(max_size=40))
def test_whatever_is_typed_what_is_read_is_another_word_at_its_place(typos: Typos, text: str) -> None:
    done = 0
    for start, end, meant in typos.mended(text):
        assert done <= start < end and meant and meant != text[start:end]
        done = end


def test_sentences_come_back_from_slips(translator: Translator, sample: Corpus) -> None:
    """Words of four letters and more, as `noise.misspelled` makes them; and hardly a right word is changed."""
    rng = np.random.default_rng(3)
    texts = [text for text in sample.sources if len(text) > 20]
    clean = [one for text in texts for one in read(translator, text)]
    assert sum(bool(one.read_as) for one in clean) <= 0.01 * len(texts)
    slips = [(text, noise.misspelled(text, rng)) for text in texts]
    slips = [(text, typed) for text, typed in slips if typed != text]
    right = sum(
        "".join(one.text for one in read(translator, typed)) == "".join(one.text for one in read(translator, text))
        for text, typed in slips
    )
    assert right > 0.7 * len(slips), f"{right} of {len(slips)}"


def test_a_language_without_a_list_of_words_is_left_alone(translator: Translator) -> None:
    assert has_words("en") and has_words("en-GB") and not has_words("xx")
    tokenizer = Tokenizer.load(bundle.find(MODEL) / bundle.SOURCE_TOKENIZER)
    config = bundle.read_config(bundle.find(MODEL))
    for language, read_as in (("en-GB", (("teh", "the"),)), ("xx", ())):
        planner = Planner(tokenizer, dataclasses.replace(config, source_language=language))
        (one,) = (part for part in planner.plan("Where is teh station?", TranslationOptions()) if part != "")
        assert isinstance(one, Masked) and one.read_as == read_as


def test_the_command_reads_as_typed_where_it_is_asked_to(
    translator: Translator, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for more in ([], ["--as-typed"]):
        assert cli.main(["translate", "--model", MODEL, "--text", "The weahter was good.", *more]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == f"{translator.translate('The weather was good.').text}\n" != said[1]


def test_a_reader_learns_what_was_read(translator: Translator) -> None:
    (sentence,) = translator.translate("Where is teh station?").sentences
    assert sentence.source == "Where is teh station?"
    assert sentence.read_as == (("teh", "the"),)
    assert json.dumps(sentence.read_as)


def test_the_page_says_what_was_read() -> None:
    pytest.importorskip("gradio")
    from nmt_ui import remarks

    def about(*read_as: tuple[str, str]) -> str:
        sentence = nmt.Sentence("x", (), (), read_as=read_as)
        return remarks.about_result(nmt.Translation("x", "y", 0.0, (sentence,)))

    assert about() == ""
    assert about(("teh", "the"), ("teh", "the")) == "Read “teh” as “the”."
    assert about(("teh", "the"), ("flim", "film")) == "Read “teh” as “the”, “flim” as “film”."
    assert about(*((f"x{k}", "y") for k in range(7))).endswith("“x4” as “y” and 2 more words as others.")


def test_another_language_is_left_alone(translator: Translator) -> None:
    for text in ("Guten Morgen, wie geht es dir heute?", "wir haben gestern unsere neuen Nachbarn getroffen"):
        assert [one.read_as for one in read(translator, text)] == [()]
    assert read(translator, "i wnat tihs naem")[0].read_as != ()
