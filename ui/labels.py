"""Subword tokens as people read them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import nmt

SPACE = "\u2581"  # SentencePiece's sign for a space before a token
SPECIAL = {"</s>": "end", "<s>": "start", "<unk>": "unknown", "<pad>": "padding"}
JOINED, BLANK, BYTE = "·", "␣", "byte"
NOTES = {
    JOINED: f"{JOINED} in front of a piece: it goes on with the word before it, without a space.",
    BLANK: f"{BLANK} stands for a space.",
    BYTE: "A character with a fraction, or a byte: the network spells rare characters in several pieces.",
}


@dataclass(frozen=True)
class Label:
    """A token for people.

    Attributes:
        text: short, for an axis.
        said: within a sentence, quoted where it is text.
        special: whether it is a sign of the network's own, such as the end of the sentence, and not text.
        mark: the key in `NOTES` of what needs explaining; empty where nothing does.
    """

    text: str
    said: str
    special: bool = False
    mark: str = ""


def labels(tokens: Sequence[str], language: str) -> list[Label]:
    """The tokens of a text in this language, in order.

    A character that is spelled in bytes becomes `🎉 1/4`, `🎉 2/4` and so on.
    """
    uses_spaces = nmt.language(language).uses_spaces
    found: list[Label] = []
    while len(found) < len(tokens):
        start = len(found)
        run = [value for value in map(_byte, tokens[start : start + 4]) if value is not None]
        character, count = _character(run) if _byte(tokens[start]) is not None else ("", 0)
        if count:
            found += [Label(f"{character} {k + 1}/{count}", _quoted(character), mark=BYTE) for k in range(count)]
        else:
            found.append(label(tokens[start], uses_spaces))
    return found


def label(token: str, uses_spaces: bool) -> Label:
    """One token without its neighbours."""
    if token in SPECIAL:
        name = SPECIAL[token]
        return Label(name, "the end of the sentence" if name == "end" else f"the {name} sign", special=True)
    byte = _byte(token)
    if byte is not None:
        return Label(f"byte {byte:02X}", f"byte {byte:02X}", special=True, mark=BYTE)
    text = token.removeprefix(SPACE)
    visible = "".join(_visible(character) for character in text.replace(SPACE, BLANK))
    if token.startswith(SPACE) and (not text or not uses_spaces):
        return Label(BLANK + visible, _quoted(visible) if text else "a space", mark=BLANK)
    if uses_spaces and not token.startswith(SPACE) and text[:1].isalnum():
        return Label(JOINED + visible, _quoted(visible), mark=JOINED)
    return Label(visible, _quoted(visible))


def width(text: str) -> int:
    """About how wide a text is, in Latin letters."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _quoted(text: str) -> str:
    return f"“{text}”"


def _visible(character: str) -> str:
    """A character, or its code where nothing would be seen."""
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Zs", "Co", "Cn") and character != " "
    return f"U+{ord(character):04X}" if hidden else character


def _byte(token: str) -> int | None:
    return int(token[3:5], 16) if len(token) == 6 and token.startswith("<0x") and token.endswith(">") else None


def _character(values: Sequence[int]) -> tuple[str, int]:
    """The visible character that bytes begin with, and how many they are; nothing where they spell none."""
    for count in range(2, len(values) + 1):
        try:
            character = bytes(values[:count]).decode()
        except UnicodeDecodeError:
            continue
        return (character, count) if len(character) == 1 and _visible(character) == character else ("", 0)
    return "", 0
