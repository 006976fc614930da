"""A stressed word in capitals is read in small letters, and an abbreviation as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import Translator
from nmt.text.casing import unstressed

KNOWN = {"so", "not", "really", "don't", "tv", "us", "it", "Tom", "TV", "who", "Who"}


def num_tokens(word):
    return 1 if word in KNOWN else len(word)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("I am SO happy.", "I am so happy."),
        ("It is NOT true, DON'T go!", "It is not true, don't go!"),
        ("WHO said that?", "Who said that?"),
        ("I saw TOM on TV.", "I saw Tom on TV."),
        ("He lives in the US, and IT is his job.", "He lives in the US, and IT is his job."),
        ("It's the U.S., A&B, COVID-19 and NOT-X.", "It's the U.S., A&B, COVID-19 and NOT-X."),
        ("He is at the XYZ.", "He is at the XYZ."),
    ],
)
def test_only_what_is_a_word_is_read_so(text, read):
    assert unstressed(text, "en", num_tokens) == read


@given(st.text(max_size=30), st.sampled_from(["en", "de", "tr"]))
def test_the_length_stays(text, language):
    assert len(unstressed(text, language, num_tokens)) == len(text)


def test_stress_does_not_change_what_is_understood():
    german = Translator.load("en-de")
    assert german.translate("I am SO happy.").text == german.translate("I am so happy.").text
    assert german.translate("I am SO happy.").sentences[0].source == "I am SO happy."
