"""What the network reads in place of what stands in a sentence: a name for an address, nothing for an emoji."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from .labels import SPACE, SPECIAL

_BYTES = re.compile(r"(?:<0x[0-9A-F]{2}>)+")
_SIGNS = ".,;:!?)]}\"'”’…。、！？（）「」"


def read_text(tokens: Sequence[str]) -> str:
    """The text that tokens spell."""
    joined = "".join(token for token in tokens if token not in SPECIAL)
    spelled = _BYTES.sub(lambda match: bytes.fromhex(re.sub("<0x|>", "", match[0])).decode("utf-8", "replace"), joined)
    return spelled.replace(SPACE, " ").strip()


def explain(sentence: str, tokens: Sequence[str]) -> list[str]:
    """A plain sentence for each thing that the network reads in another way than it is written; mostly none.

    Args:
        sentence: as it was written.
        tokens: that the network has read of it.
    """
    written, read = sentence.split(), read_text(tokens).split()
    said = []
    if sentence.isupper() and not "".join(read).isupper():
        said.append("The sentence is in capitals; the network reads it in small letters.")
    matcher = SequenceMatcher(None, [_plain(word) for word in written], [_plain(word) for word in read], autojunk=False)
    for kind, start, end, read_start, read_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        for old, new in _aligned(written[start:end], read[read_start:read_end]):
            if _plain(old).replace(" ", "") == _plain(new).replace(" ", ""):
                continue
            old, new = _without_common_signs(old, new)
            if new and new not in old:
                said.append(
                    f"In place of “{old}” the network reads “{new}”, a word it knows; that is put back afterwards."
                )
            else:
                unseen = [part for part in (old.split(new, 1) if new else [old]) if part.strip()]
                said += [f"The network does not see “{part.strip()}”; it stays as it is." for part in unseen]
    return list(dict.fromkeys(said))


def _aligned(written: list[str], read: list[str]) -> list[tuple[str, str]]:
    """Word for word where there are as many, those without letters left aside, else all at once."""
    signs = [word for word in written if not any(map(str.isalnum, word))]
    words = [word for word in written if word not in signs] if len(written) > len(read) else written
    if len(words) == len(read):
        return [*zip(words, read, strict=True), *((sign, "") for sign in signs if words is not written)]
    return [(" ".join(written), " ".join(read))]


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _without_common_signs(old: str, new: str) -> tuple[str, str]:
    """Both without the signs that they end in alike."""
    while old and new and old[-1] == new[-1] and old[-1] in _SIGNS:
        old, new = old[:-1], new[:-1]
    return old, new
