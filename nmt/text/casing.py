"""Capitals as people type them, and as a model has learned to read them.

A sentence in capitals is read in small letters, for its letters are in few of the subwords, and its translation is put
into capitals where the target language has any. A stressed word in another sentence ("I am SO happy") is read in small
letters too. A sentence without any capital gets those that a text would have; a heading is read without its own. What a
name is, the vocabulary tells.

Measured on the dev parts, greedy, chrF (`benchmarks/robustness.py`), before and after: all in capitals, en-ja 1.1 and
24.9; a word in capitals, 17.0 and 24.8; no capitals, 21.6 and 24.7; as it was written, 24.8.
"""

import re
from collections.abc import Callable

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LETTERS = re.compile(r"[^\W\d_]+")
_LEAST_WORDS = 3  # "OK!" and "NASA HQ" are written so by people who do not shout
_MOST_IN_HEADING = 6
_FINAL = frozenset(".!?…")
_LITTLE = 3  # letters of words that titles write small
_ALWAYS_CAPITAL = re.compile(r"\bi\b(?=[ '’.,!?]|$)")  # English
_STRESSED = re.compile(r"(?<![\w'’.&-])[^\W\d_a-zß-ÿ]{2,}(?:['’][^\W\d_a-zß-ÿ]+)?(?![\w.&-]*\w)")
_ABBREVIATIONS = frozenset(("AIDS", "AM", "ET", "IT", "PIN", "PM", "RAM", "SAT", "US"))  # which are words as well
_DOTTED_I = {"tr": (str.maketrans("Iİ", "ıi"), str.maketrans("ıi", "Iİ"))}  # Turkish has two letters


def is_shouted(text: str) -> bool:
    """Whether a sentence of three words or more is in capitals from beginning to end; "ß" may stand among them."""
    if not text.isupper() and "ß" not in text:  # nearly always so
        return False
    return len(_WORD.findall(text)) >= _LEAST_WORDS and all(c.isupper() or c == "ß" for c in text if c.isalpha())


def is_hurried(text: str) -> bool:
    """Whether a sentence of three words or more has no capital at all, as many people type."""
    return text.islower() and len(_WORD.findall(text)) >= _LEAST_WORDS


def is_heading(text: str) -> bool:
    """Whether a text is one to six words that begin with a capital and end with no mark: a title, a label, a word."""
    words = _WORD.findall(text)
    return 0 < len(words) <= _MOST_IN_HEADING and text[:1].isupper() and text[-1:].isalnum() and not text.isupper()


def begins(text: str) -> bool:
    """Whether a text is a sentence that begins with a capital and ends with a mark."""
    return text[:1].isupper() and text[-1:] in _FINAL


def calm(text: str, language: str, num_tokens: Callable[[str], int]) -> str:
    """A sentence in capitals or small letters as it would be written in a text; of the same length.

    Args:
        text: the sentence.
        language: its code.
        num_tokens: how many subwords a text has. What takes fewer with its capitals is written so: "Tom", "NASA".
    """
    lowered = lower(text, language)

    def as_known(match: re.Match[str]) -> str:
        small = lowered[match.start() : match.end()]
        return min((small, _capitalised(small, language), match[0]), key=num_tokens)  # the first where they are equal

    written = _WORD.sub(as_known, text)
    if language == "en":
        written = _ALWAYS_CAPITAL.sub("I", written)
    first = re.search(r"[^\W\d_]", written)
    return written[: first.start()] + _capitalised(written[first.start() :], language) if first else written


def unstressed(text: str, language: str, num_tokens: Callable[[str], int]) -> str:
    """A sentence without capitals for stress; of the same length.

    Args:
        text: a sentence that is not in capitals as a whole.
        language: its code.
        num_tokens: how many subwords a text has. What takes more in small letters ("TV") is an abbreviation.
    """

    def as_known(match: re.Match[str]) -> str:
        word = match.group()
        small = lower(word, language)
        starts = not any(c.isalnum() for c in text[: match.start()])
        forms = (word, _capitalised(small, language)) if starts else (word, small, _capitalised(small, language))
        return word if word in _ABBREVIATIONS else min(forms, key=num_tokens)

    return _STRESSED.sub(as_known, text)


def unheaded(text: str, language: str, num_tokens: Callable[[str], int]) -> str:
    """A heading with the capitals that its words have within a sentence; of the same length.

    Args:
        text: the heading. Where every longer word of it has a capital ("Open the File"), none is taken for a name.
        language: its code.
        num_tokens: how many subwords a text has. What takes fewer with its capital ("Monday") keeps it.
    """
    longer = [word for word in _WORD.findall(text) if len(word) > _LITTLE]
    is_title = len(longer) > 1 and all(word[0].isupper() for word in longer)

    def as_known(match: re.Match[str]) -> str:
        word = match.group()
        small = lower(word[0], language) + word[1:]
        if not word[0].isupper() or not word[1:].islower():
            return word
        if match.start() == 0:
            return min((word, small), key=num_tokens)
        return min((small, word), key=num_tokens) if is_title else word

    return _WORD.sub(as_known, text)


def first_to_raise(text: str) -> int:
    """Where the letter is that may become a capital, -1 if there is none.

    It may stand behind signs such as "¿". Numbers ("500 people"), "eBay", "x86", clitics ("'s avonds") and scripts in
    which no sentence begins with a capital, such as Georgian, have none.
    """
    first = next((k for k, sign in enumerate(text) if sign.isalnum()), -1)
    word = _LETTERS.match(text, max(0, first))  # of "l'Italie" the "l"
    if word is None or text[first].title() == text[first]:
        return -1
    if len(word.group()) == 1:
        is_part = text[word.end() : word.end() + 1].isdecimal() or text[first - 1 : first] in ("'", "’")
        return -1 if is_part else first
    return first if word.group()[1:].islower() else -1


def headed(text: str, language: str) -> str:
    """A translation with a capital at its beginning, of the same length."""
    first = first_to_raise(text)
    return text[:first] + shout(text[first], language) + text[first + 1 :] if first >= 0 else text


def shout(text: str, language: str) -> str:
    """A translation in capitals, of the same length."""
    if language in _DOTTED_I:
        text = text.translate(_DOTTED_I[language][1])
    text = text.replace("ß", "ẞ")  # in the official spelling since 2017
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


def lower(text: str, language: str) -> str:
    """A text in small letters; of the same length."""
    if language in _DOTTED_I:
        text = text.translate(_DOTTED_I[language][0])
    whole = text.lower()  # which knows the sigma at the end of a word
    return whole if len(whole) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _capitalised(word: str, language: str) -> str:
    return shout(word[0], language) + word[1:]
