"""Names that a model cannot know are kept."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import Term, TranslationOptions, Translator
from nmt.text.names import keeps_names, unknown_names
from nmt.text.protect import also, reveal, shield

KNOWN = {"tom", "west", "station", "i", "the", "uncle", "he", "saw", "boston"}


def pieces(word):
    """A vocabulary that has a few words, and letters."""
    return 1 if word.lower() in KNOWN else len(word)


def found(text):
    return [text[start:end] for start, end in unknown_names(text, pieces)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("I saw Karl Benz.", ["Karl Benz"]),
        ("Karl Benz saw Tom.", ["Karl Benz"]),
        ("Plato saw the station.", []),  # any word can stand first
        ("He saw it. Plato, too.", []),
        ("He saw Kakogawa's dog and Jean-Luc.", ["Kakogawa", "Jean-Luc"]),
        ("Mr. Tanaka saw Dr. Schmidt.", ["Tanaka", "Schmidt"]),
        ("I saw Uncle Bob in Boston.", ["Uncle Bob"]),
        ("He learns Dutch on Wednesday.", []),
        ("He said Don't go, NASA and iPhones.", []),
        ("How To Buy A Ticket In Kakogawa", []),  # a title
        ("I saw Tom.\nI saw Plato.", ["Plato"]),
        ("", []),
    ],
)
def test_unknown_names_are_found(text, names):
    assert found(text) == names


@given(st.text(st.sampled_from("Ab Tom's.\n-é日\ue000"), max_size=40))
def test_places_are_in_order_and_apart(text):
    places = list(unknown_names(text, pieces))
    assert all(0 <= a < b <= len(text) for a, b in places)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(places))
    shielded = also(shield(text), ())
    assert reveal(shielded.skeleton, iter(shielded.spans)) == text


def test_names_join_the_other_spans_in_order():
    text = "Mail a@b.de to Karl Benz, {x}, or Plato: it costs $5."
    plain = shield(text)
    shielded = also(plain, unknown_names(plain.skeleton, pieces))
    assert [span.text for span in shielded.spans] == ["a@b.de", "Karl Benz", "{x}", "Plato", "$5"]
    assert reveal(shielded.skeleton, iter(shielded.spans)) == text


def test_only_between_latin_scripts_and_where_capitals_tell():
    assert keeps_names("en", "de", 4000) and keeps_names("fr", "en", 4000)
    assert not keeps_names("en", "ja", 4000)
    assert not keeps_names("de", "en", 4000)
    assert not keeps_names("en", "de", 800)


@pytest.fixture(scope="module")
def german():
    return Translator.load("en-de")


def test_a_shipped_model_keeps_them(german):
    for name in ("Karl Benz", "Kakogawa", "Yamamoto"):
        text = german.translate(f"I saw {name} at the station yesterday.").text
        assert name in text and "Bahnhof" in text
    assert "Hund" in (text := german.translate("We have seen Kakogawa's dog.").text) and "Kakogawa" in text


def test_unless_one_asks_for_something_else(german):
    term = TranslationOptions(glossary=(Term("Kakogawa", ("Neustadt",)),))
    assert "Neustadt" in german.translate("I live in Kakogawa.", options=term).text
    plain = german.translate("I live in Kakogawa.", options=TranslationOptions(protect=False)).text
    assert "Kakogawa" not in plain


def test_who_shouts_in_german_is_answered_so(german):
    assert german.translate("THANK YOU VERY MUCH!").text == german.translate("Thank you very much!").text.upper()
    text = german.translate("WE WROTE TO a.b@example.org YESTERDAY.").text
    assert "a.b@example.org" in text
    assert text.replace("a.b@example.org", "").isupper()
    sentence = german.complete("WHERE IS THE STATION?", "Wo ")
    assert sentence.alternatives[0].text == "Wo " + german.translate("Where is the station?").text[3:].upper()
