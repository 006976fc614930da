"""The words of a text: where they are, and which of them a phrase can begin and end with."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from nmt import languages
from nmt.errors import ConfigError, MissingExtraError

_WORD = re.compile(r"[^\W_]+(?:[-’'][^\W_]+)*['’]?|[^\w\s]")
_ATTACHED = ("助動詞", "助詞,接続助詞", "動詞,接尾", "動詞,非自立")  # to the verb or adjective before
_ALONE = ("名詞", "動詞", "形容詞", "副詞", "連体詞", "感動詞")
_NOT_ALONE = ("名詞,非自立", "名詞,接尾")


class Word(NamedTuple):
    """A word, or a sign, at `start:end` of a text.

    Attributes:
        is_word: and not a sign.
        begins, ends: whether a phrase can begin, and end, with it.
    """

    start: int
    end: int
    is_word: bool
    begins: bool
    ends: bool


def words_in(texts: Sequence[str], language: str) -> list[list[Word]]:
    """The words and signs of each text, in order.

    Args:
        texts: sentences.
        language: a code; one whose words are set apart by spaces, or Japanese, which MeCab takes apart.

    Raises:
        ConfigError: another language, or an unknown code.
        MissingExtraError: MeCab is not installed.
    """
    known = languages.language(language)
    if known.uses_spaces:
        return [list(_spaced(text)) for text in texts]
    if known.code.partition("-")[0] != "ja":
        raise ConfigError(f"{known.name} sets no spaces between words; of such languages only Japanese is taken apart")
    analyse = _analyser()
    return [list(_japanese(text, analyse)) for text in texts]


def _spaced(text: str) -> Iterator[Word]:
    for match in _WORD.finditer(text):
        is_word = match[0][0].isalnum()
        yield Word(*match.span(), is_word, is_word, is_word)


@functools.cache
def _analyser() -> Callable[[str], Any]:
    """What finds the first of a text's morphemes, each of which knows its next."""
    try:
        import ipadic
        import MeCab
    except ImportError:
        raise MissingExtraError("Taking Japanese apart", "train") from None
    found: Callable[[str], Any] = MeCab.Tagger(ipadic.MECAB_ARGS).parseToNode
    return found


def _japanese(text: str, analyse: Callable[[str], Any]) -> Iterator[Word]:
    """Morphemes, but a verb or adjective with all that is attached to it as one word."""
    start = end = 0
    first = last = ""  # what the word consists of
    node = analyse(text)
    while node:
        surface, kind = node.surface, node.feature
        if surface:
            if first.startswith(("動詞", "形容詞")) and kind.startswith(_ATTACHED):
                end, last = end + len(surface), kind
            else:
                if first:
                    yield _word(start, end, first, last)
                start = text.index(surface, end)
                end, first, last = start + len(surface), kind, kind
        node = node.next
    if first:
        yield _word(start, end, first, last)


def _word(start: int, end: int, first: str, last: str) -> Word:
    """A word from the kinds of its first and its last morpheme; an inflected form is whole where a sentence can end."""
    begins = first.startswith(_ALONE) and not first.startswith(_NOT_ALONE)
    is_inflected = last.startswith(("動詞", "形容詞", "助動詞")) and last.split(",")[5] != "基本形"
    ends = first.startswith((*_ALONE, "助動詞")) and not is_inflected and not last.startswith("助詞")
    return Word(start, end, not first.startswith("記号"), begins, ends)
