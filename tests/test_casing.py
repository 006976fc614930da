"""Sentences in capitals are read in small letters and answered in capitals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.casing import calm, is_shouted, shout


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
