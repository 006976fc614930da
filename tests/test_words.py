"""Where the words of a text are, and which of them a phrase can begin and end with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import ConfigError
from nmt.corpora.words import words_in


def told(text: str, language: str) -> list[str]:
    """Words as they are written; in brackets where no phrase begins or ends with one; signs in angles."""
    forms = []
    for word in words_in([text], language)[0]:
        form = text[word.start : word.end]
        begun = form if word.begins else f"({form}"
        forms.append((begun if word.ends else f"{begun})") if word.is_word else f"<{form}>")
    return forms


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("I don't know.", "en", ["I", "don't", "know", "<.>"]),
        ("A well-known man's 2 cats!", "en", ["A", "well-known", "man's", "2", "cats", "<!>"]),
        ("C’est l'eau…", "fr", ["C’est", "l'eau", "<…>"]),
        ("¿Dónde está?", "es", ["<¿>", "Dónde", "está", "<?>"]),
        ("snake_case", "en", ["snake", "case"]),
        ("彼は公園で速く走った。", "ja", ["彼", "(は)", "公園", "(で)", "速く)", "走った", "<。>"]),
        ("仕事を終えました", "ja", ["仕事", "(を)", "終えました"]),
        ("走って帰る", "ja", ["走って)", "帰る"]),
        ("田中さんが来る", "ja", ["田中", "(さん", "(が)", "来る"]),
        ("猫 が好き！", "ja", ["猫", "(が)", "好き", "<！>"]),
        ("", "en", []),
        ("", "ja", []),
    ],
)
def test_words(text: str, language: str, words: list[str]) -> None:
    assert told(text, language) == words


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.sampled_from(["en", "ja"]))
def test_words_stand_in_the_text_one_after_the_other(text: str, language: str) -> None:
    last = 0
    for word in words_in([text], language)[0]:
        assert last <= word.start < word.end <= len(text)
        last = word.end


@pytest.mark.parametrize("code", ["zh", "th"])
def test_other_languages_without_spaces_are_refused(code: str) -> None:
    with pytest.raises(ConfigError, match="sets no spaces between words; of such languages only Japanese"):
        words_in(["text"], code)
