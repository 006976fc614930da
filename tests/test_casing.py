"""Sentences in capitals are read in small letters and answered in capitals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import TranslationOptions, Translator
from nmt.text.casing import calm, headed, is_heading, is_hurried, is_shouted, shout, unheaded
from nmt.text.masking import Masked, calmed, mask
from nmt.text.protect import MARK, Span


@pytest.mark.parametrize(
    "text", ["I AM SO HAPPY!", "WHERE IS THE STATION?", "DON'T TOUCH 2 OF THEM", "ICH BIN MÜDE", "ICH WEIß ES"]
)
def test_a_sentence_in_capitals_is_shouted(text):
    assert is_shouted(text)


@pytest.mark.parametrize("text", ["", "OK!", "NASA HQ", "I am SO HAPPY", "A b C d", "123 456 789", "東京に行く。"])
def test_short_mixed_and_caseless_text_is_not(text):
    assert not is_shouted(text)


def test_calm_text_is_written_as_in_a_book():
    assert calm("I'M SO HAPPY, AND I KNOW I AM!", "en", len) == "I'm so happy, and I know I am!"
    assert calm('"WO BIST DU, I?"', "de", len) == '"Wo bist du, i?"'
    assert calm("123", "en", len) == "123"
    assert calm("Ο ΣΤΑΘΜΟΣ ΕΙΝΑΙ ΕΔΩ", "el", len) == "Ο σταθμος ειναι εδω"
    assert calm("IŞIK VE İYİ BİR", "tr", len) == "Işık ve iyi bir"


def test_names_are_told_by_the_vocabulary():
    known = {"Tom", "NASA", "works", "for"}
    found = calm("TOM WORKS FOR NASA. TOM'S", "en", lambda word: 1 if word in known else 2)
    assert found == "Tom works for NASA. tom's"


@pytest.mark.parametrize("text", ["where is the station", "i'm here, tom!"])
def test_who_types_in_small_letters_is_in_a_hurry(text):
    assert is_hurried(text)


@pytest.mark.parametrize("text", ["", "red apple", "where is Tom", "I am here", "1 2 3 4", "どこですか"])
def test_who_types_a_capital_or_a_word_is_not(text):
    assert not is_hurried(text)


def test_shouting_back():
    assert shout("Ich weiß es, großer Ömer.", "de") == "ICH WEIẞ ES, GROẞER ÖMER."
    assert shout("もうすぐだ。", "ja") == "もうすぐだ。"
    assert shout("iyi ışık", "tr") == "İYİ IŞIK"


@given(st.text(max_size=30), st.sampled_from(["en", "de", "tr"]))
def test_casing_keeps_the_length(text, language):
    assert len(calm(text, language, len)) == len(shout(text, language)) == len(text)


@pytest.mark.parametrize("text", ["Price", "Table of contents", "Open the File", "Chapter 2", "Ärger"])
def test_a_heading_begins_with_a_capital_and_ends_with_no_mark(text):
    assert is_heading(text)


@pytest.mark.parametrize(
    "text", ["", "price", "Where?", "I like cats.", "NASA", "2 Cats", "章", "One two three four five six seven"]
)
def test_what_is_no_heading(text):
    assert not is_heading(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Price", "price"),
        ("Tom", "Tom"),
        ("Open the File", "open the file"),
        ("Open the file", "open the file"),
        ("A TV Guide", "A TV Guide"),
        ("Meet Tom", "meet Tom"),
        ("My house in Rome", "my house in Rome"),
        ("McDonald prices", "McDonald prices"),
    ],
)
def test_a_heading_is_read_as_within_a_sentence(text, read):
    known = {"price", "open", "the", "file", "guide", "meet", "Tom", "my", "house", "A", "TV"}
    assert unheaded(text, "en", lambda word: 1 if word in known else 2) == read


@given(st.text(max_size=30), st.sampled_from(["en", "de", "tr"]))
def test_headings_keep_their_length(text, language):
    assert len(unheaded(text, language, len)) == len(headed(text, language)) == len(text)


def test_stress_is_taken_off_a_heading_too(shipped):
    for end in ("", "!"):
        (found,) = shipped.planner.plan(f"I am SO happy{end}", TranslationOptions())
        assert (found.text, found.is_capitalised) == (f"I am so happy{end}", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("verpasste den Bus nicht.", "Verpasste den Bus nicht."),
        ("¿puedes venir?", "¿Puedes venir?"),
        ("à demain !", "À demain !"),
        ("500 personnes sont venues.", "500 personnes sont venues."),
        ("eBay ist offen.", "eBay ist offen."),
        ("l'Italie est belle.", "L'Italie est belle."),
        ("x86 ist alt.", "x86 ist alt."),
        ("'s avonds regent het.", "'s avonds regent het."),
        ("გამარჯობა.", "გამარჯობა."),
        ("今日は暑い。", "今日は暑い。"),
        ("...", "..."),
        ("", ""),
    ],
)
def test_what_begins_with_a_capital_is_answered_so(text, expected):
    assert headed(text, "de") == expected


def test_a_sentence_is_answered_with_a_capital():
    for source, is_capitalised in (
        ("Don't miss the bus.", True),
        ("When we came to the station, the bus", False),  # a part of something
        ("don't miss the bus.", False),
        ("500 people came.", False),
    ):
        assert calmed(mask(source, [], "en", "de"), "en", len).is_capitalised == is_capitalised


def test_capitals_go_by_the_sentence_and_not_by_what_stands_before_it():
    translator = Translator.load("en-es")
    for typed, answer in (
        ("{name}: Price", "{name}: Precio"),
        ("`x`: Open the File", "`x`: Abrir el archivo"),
        ("&nbsp;Price", "&nbsp;Precio"),
        ("1️⃣ Price", "1️⃣ Precio"),
    ):
        assert translator.translate(typed).text == answer
        shown = [partial.text for partial in translator.stream(typed)]
        assert all(answer.startswith(text) for text in shown), "what has been shown keeps its capitals"


def test_a_heading_is_answered_with_a_capital():
    translator = Translator.load("en-es")
    for typed, answer in (
        ("Price", "Precio"),
        ("price", "precio"),
        ("Open the File", "Abrir el archivo"),
        ("<b>Price</b>", "<b>Precio</b>"),
        ("The price of %d", "El precio de %d"),
    ):
        assert translator.translate(typed).text == answer
    found = translator.translate("Price").sentences[0].alternatives[0]
    assert [word.text for word in found.words] == ["Precio"]


def test_a_shouted_sentence_is_read_in_small_letters_but_for_its_spans():
    part = "GO TO " + MARK + " WITH I AND " + MARK + "!"
    masked = mask(part, [Span("http://A.b", "url", "name"), Span("{Name}", "placeholder", "name")], "en", "de")
    quiet = calmed(masked, "en", len)
    assert quiet.is_shouted and quiet.source == masked.source
    assert quiet.text == "Go to Tom with I and Mary!"
    assert [(slot.start, slot.end) for slot in quiet.slots] == [(6, 9), (21, 25)]
    masked = calmed(mask("Go to bed NOW!", [], "en", "de"), "en", len)
    assert masked == Masked("Go to bed NOW!", "Go to bed NOW!", is_capitalised=True)


@pytest.mark.parametrize("loud", ["WHERE IS THE STATION?", "I'M READING A BOOK."])
def test_who_shouts_is_understood(loud, shipped):
    quiet = loud[0] + loud[1:].lower()
    quiet = quiet.replace("i'm", "I'm")
    assert shipped.translate(loud).text == shipped.translate(quiet).text
    assert shipped.translate(loud).sentences[0].source == loud
    assert [*shipped.stream(loud)][-1].translation.text == shipped.translate(quiet).text


def test_who_types_in_small_letters_is_understood(shipped):
    hurried = shipped.translate("i think tom is at the station.")
    assert hurried.text == shipped.translate("I think Tom is at the station.").text
    assert hurried.sentences[0].source == "i think tom is at the station."


def test_a_shouted_span_comes_through_as_it_is(shipped):
    assert "https://A.example/Bc" in shipped.translate("PLEASE LOOK AT https://A.example/Bc TODAY!").text


def test_a_model_of_lower_cased_text_reads_small_letters(sample):
    from nmt.tokenizer import train

    small = train([line.lower() for line in sample.sources], 400, side="source")
    assert not small.knows_capitals and train(sample.sources, 400, side="source").knows_capitals
    for text, read in [
        ("Where is Tom?", "where is tom?"),
        ("one two three", "one two three"),
        ("A BIG DOG", "a big dog"),
    ]:
        assert calmed(mask(text, [], "en", "de"), "en", len, small.knows_capitals).text == read


def test_a_name_in_capitals_is_read_as_a_name(shipped):
    loud = shipped.translate("MY NAME IS TOM.").sentences[0]
    assert "▁Tom" in loud.source_tokens
    assert "トム" in loud.alternatives[0].text


def test_who_shouts_is_answered_in_capitals(spaced_bundle):
    spaced = Translator.load(spaced_bundle, engine="onnx")
    loud = "WHERE IS THE STATION TODAY?"
    best = spaced.translate(loud).sentences[0].alternatives[0]
    assert best.text == shout(best.text, "de")
    assert [word.text for word in best.words] == best.text.split()
    for typed in ("THE ", "THE STA", "The "):
        begun = spaced.complete(loud, typed).alternatives[0]
        assert begun.text.startswith(typed) and begun.text[len(typed) :].upper() == begun.text[len(typed) :]
    spelled = [spaced.complete(loud, typed).alternatives[0].tokens for typed in ("THE ", "The ")]
    assert spelled[0] == spelled[1], "the model goes on from small letters"
    for choice in spaced.choices(loud, "THE ", 3):
        assert choice.text.startswith("THE ") and choice.word == choice.word.upper()
