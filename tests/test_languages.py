"""Languages by code, and the two tests that tell a text in the wrong one."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import ConfigError
from nmt.languages import LANGUAGES, language, looks_like, wrong_script

EXAMPLES = {
    "ar": "الطقس جميل اليوم.",
    "de": "Ich habe keine Zeit für das.",
    "el": "Πού είναι ο σταθμός;",
    "en": "I have no time for that.",
    "es": "¿Dónde está la estación?",
    "fr": "Je ne sais pas où il est.",
    "he": "איפה התחנה?",
    "hi": "आज मौसम अच्छा है।",
    "id": "Saya tidak tahu di mana dia.",
    "it": "Non so dove è la stazione.",
    "ja": "今日はいい天気です。",
    "ko": "오늘 날씨가 좋아요.",
    "nl": "Ik weet niet waar hij is.",
    "pt": "Eu não sei onde ela está.",
    "ru": "Где находится вокзал?",
    "sv": "Jag vet inte var han är.",
    "th": "วันนี้อากาศดี",
    "vi": "Tôi không biết anh ấy ở đâu.",
    "zh": "今天天气很好，我们去吧。",
}


def test_listed_languages() -> None:
    assert EXAMPLES.keys() <= LANGUAGES.keys()
    assert all(known.code == code and known.name and known.native_name for code, known in LANGUAGES.items())
    assert {code for code, known in LANGUAGES.items() if not known.uses_spaces} == {"ja", "zh", "th"}
    assert {code for code, known in LANGUAGES.items() if known.right_to_left} == {"ar", "he"}


def test_language() -> None:
    assert language("ja") is LANGUAGES["ja"]
    brazilian = language("pt-BR")
    assert (brazilian.code, brazilian.name, brazilian.scripts) == ("pt-BR", "Portuguese", ("Latin",))
    assert not language("zh-Hant").uses_spaces
    unknown = language("tlh")
    assert (unknown.code, unknown.name, unknown.native_name, unknown.scripts) == ("tlh", "tlh", "tlh", ())
    assert unknown.uses_spaces and not unknown.right_to_left


@pytest.mark.parametrize("code", ["", "e", "EN", "english", "en_US", "en-", "-en", "日本", "en ", "en\n", "../en"])
def test_malformed_codes(code: str) -> None:
    with pytest.raises(ConfigError, match="is not a language code; expected"):
        language(code)
    with pytest.raises(ConfigError):
        wrong_script("text", code)
    with pytest.raises(ConfigError):
        looks_like("text", code)


@pytest.mark.parametrize("code", EXAMPLES)
def test_example_sentences(code: str) -> None:
    text = EXAMPLES[code]
    assert not wrong_script(text, code)
    for other in EXAMPLES:
        assert looks_like(text, other) == (other == code), other


@pytest.mark.parametrize(
    "text",
    [
        *("Hello.", "OK", "Pizza?", "Tokyo", "Yes.", "No!", "I", "A", "Wi-Fi", "café", "Vitamin C", "thx", "AI", "UN"),
        *("Los Angeles", "Rio de Janeiro", "Vincent van Gogh", "La La Land", "Les Misérables", "Tom and Marie"),
        *("www.example.com", "Write to tom@firma.de or see https://www.die-zeit.de/index.", "pip install x.de.fr"),
        *("Ludwig van Beethoven was born in Bonn.", "Men die.", "It’s a café.", "WHAT IS THIS?", "Rock 'n' roll!"),
        *("", " ", "3.14", "?!", "😀", "½ + ²", "µ", "ﬁne"),
    ],
)
def test_english_is_not_suspected(text: str) -> None:
    assert not wrong_script(text, "en")
    assert looks_like(text, "en")
    assert looks_like(text, "en-GB")


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour",
        "Danke!",
        "Hola",
        "Guten Morgen",
        "ICH HABE KEINE ZEIT",
        "Je ne sais pas ou\u0300 il est.",
        "J’ai faim.",
    ],
)
def test_other_languages_are_told_from_english(text: str) -> None:
    assert not looks_like(text, "en")


def test_wrong_script() -> None:
    assert wrong_script("Hello", "ru") and wrong_script("привет", "en") and wrong_script("Hello", "ja")
    assert not wrong_script("привет or hello", "en")
    assert not wrong_script("ab вг", "en") and wrong_script("ab вгд", "en")
    assert not wrong_script("5 + ① ² ½", "ru") and not wrong_script("", "ja") and not wrong_script("\u0301", "ja")
    assert wrong_script("きょうは", "ko") and wrong_script("今日はいいです", "zh") and not wrong_script("韓國", "ko")
    assert not wrong_script("anything 今日 привет", "tlh")


def test_names_in_latin_letters_are_tolerated() -> None:
    for text in ["NASAで働く。", "Microsoft Windowsを使っています。", "DVDだ。", "ｱﾒﾘｶとＮＨＫ", "コーヒー", "々〆〇"]:
        assert not wrong_script(text, "ja")
        assert looks_like(text, "ja")
    assert not wrong_script("У меня Windows и Microsoft Office.", "ru")
    assert wrong_script("I went to Tokyo and Kyoto.", "ja") and wrong_script("He lives in 東京 now, Tom said.", "ja")


def test_japanese_and_chinese() -> None:
    assert looks_like("東京都", "ja") and looks_like("東京都", "zh")
    assert not looks_like("你是谁？", "ja") and looks_like("你是谁？", "zh")
    assert not looks_like("東京に行く", "zh")


@given(st.text(), st.sampled_from([*LANGUAGES, "tlh", "pt-BR"]))
def test_a_wrong_script_never_looks_right(text: str, code: str) -> None:
    if wrong_script(text, code):
        assert any(character.isalpha() for character in text)
        assert not looks_like(text, code)


@pytest.mark.parametrize("unit", ["I saw a cat. ", "x", "a.", "Aa de ", "Hasta ", "語", "'", "и"])
def test_huge_texts_take_no_time(unit: str) -> None:
    start = time.process_time()
    for code in ("en", "ja", "ru"):
        looks_like(unit * (100_000 // len(unit)), code)
    assert time.process_time() - start < 5  # about 0.1 s
