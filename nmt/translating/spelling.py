"""The ways to spell the beginning of a text in subwords: what comes next may be in one token with its last letters."""

import bisect
import itertools
import re
from collections.abc import Mapping, Sequence

from nmt.tokenizer import EOS_ID, Tokenizer

SPACE = "\u2581"
_SPECIAL = re.compile(r"<0x[0-9A-F]{2}>|<pad>|<unk>|</?s>")

# Token sequences, and which tokens may follow each; None: any.
Ways = Mapping[tuple[int, ...], tuple[int, ...] | None]


class Spellings:
    """The ways to spell the beginning of a text whose end is not yet known."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        ordinary = sorted((piece, k) for k, piece in enumerate(pieces) if not _SPECIAL.fullmatch(piece))
        self._pieces, self._ids = [piece for piece, _ in ordinary], [k for _, k in ordinary]
        self._longest = max(map(len, self._pieces))
        self._id_of = {piece: k for k, piece in enumerate(pieces)}
        self._leads = pieces[tokenizer.encode("a")[0]].startswith(SPACE)

    def ids(self, tokens: Sequence[str]) -> tuple[int, ...]:
        """The ids of tokens, up to one that this vocabulary lacks."""
        return tuple(self._id_of[token] for token in itertools.takewhile(self._id_of.__contains__, tokens))

    def ways(self, text: str, space_follows: bool) -> Ways:
        """How to spell a text whose last token may spell more than that.

        All but the last token are as the tokenizer spells them: that is how the model has learned to write.

        Args:
            text: as `Tokenizer.normalise` gives it.
            space_follows: whether a new word, or the end, comes next.
        """
        if not text:
            return {(): None}
        whole = tuple(self._tokenizer.encode(text))
        if space_follows:
            return {whole: (*self._beginning_with(SPACE), EOS_ID)}
        found: dict[tuple[int, ...], tuple[int, ...] | None] = {whole: None}
        spelled = (SPACE if self._leads else "") + text.replace(" ", SPACE)
        for start in range(max(0, len(spelled) - self._longest), len(spelled)):
            longer = self._beginning_with(spelled[start:], and_longer=True)
            if longer:
                found.setdefault(self._spelled(spelled[:start]), longer)
        return found

    def _spelled(self, spelled: str) -> tuple[int, ...]:
        """The ids of what is not all of a text, so that a space can stand at its end."""
        ids = tuple(self._tokenizer.encode(spelled.replace(SPACE, " ")))
        return (*ids, self._id_of[SPACE]) if spelled.endswith(SPACE) and SPACE in self._id_of else ids

    def _beginning_with(self, start: str, and_longer: bool = False) -> tuple[int, ...]:
        first = bisect.bisect_left(self._pieces, start)
        last = bisect.bisect_left(self._pieces, start + "\U0010ffff", lo=first)
        return tuple(self._ids[k] for k in range(first, last) if not and_longer or self._pieces[k] != start)
