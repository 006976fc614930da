"""Sentences in capitals are read in small letters and answered in capitals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.casing import calm, is_shouted, shout
from nmt.text.masking import Masked, calmed, mask
from nmt.text.protect import MARK, Span


@pytest.mark.parametrize("text", ["I AM SO HAPPY!", "WHERE IS THE STATION?", "DON'T TOUCH 2 OF THEM", "ICH BIN MÜDE"])
def test_a_sentence_in_capitals_is_shouted(text):
    assert is_shouted(text)


@pytest.mark.parametrize("text", ["", "OK!", "NASA HQ", "I am SO HAPPY", "A b C d", "123 456 789", "東京に行く。"])
def test_short_mixed_and_caseless_text_is_not(text):
    assert not is_shouted(text)


def test_calm_text_is_written_as_in_a_book():
    assert calm("I'M SO HAPPY, AND I KNOW I AM!", "en") == "I'm so happy, and I know I am!"
    assert calm('"WO BIST DU, I?"', "de") == '"Wo bist du, i?"'
    assert calm("123", "en") == "123"


def test_shouting_back():
    assert shout("Ich weiß es, großer Ömer.") == "ICH WEIß ES, GROßER ÖMER."
    assert shout("もうすぐだ。") == "もうすぐだ。"


@given(st.text(max_size=30))
def test_calming_keeps_the_length(text):
    assert len(calm(text, "en")) == len(text)


def test_a_shouted_sentence_is_read_in_small_letters_but_for_its_spans():
    part = "GO TO " + MARK + " WITH I AND " + MARK + "!"
    masked = mask(part, [Span("http://A.b", "url", "name"), Span("{Name}", "placeholder", "name")], "en", "de")
    quiet = calmed(masked, "en")
    assert quiet.is_shouted and quiet.source == masked.source
    assert quiet.text == "Go to Tom with I and Mary!"
    assert [(slot.start, slot.end) for slot in quiet.slots] == [(6, 9), (21, 25)]
    assert calmed(mask("Go to bed NOW!", [], "en", "de"), "en") == Masked("Go to bed NOW!", "Go to bed NOW!")


@pytest.mark.parametrize("loud", ["WHERE IS THE STATION?", "I'M READING A BOOK."])
def test_who_shouts_is_understood(loud, shipped):
    quiet = loud[0] + loud[1:].lower()
    quiet = quiet.replace("i'm", "I'm")
    assert shipped.translate(loud).text == shipped.translate(quiet).text
    assert shipped.translate(loud).sentences[0].source == loud
    assert [*shipped.stream(loud)][-1].translation.text == shipped.translate(quiet).text


def test_a_shouted_span_comes_through_as_it_is(shipped):
    assert "https://A.example/Bc" in shipped.translate("PLEASE LOOK AT https://A.example/Bc TODAY!").text
