"""A long text as parts that can be translated one after the other: to stream them, and to stop between them.

A part ends behind a line break, or behind the end of a sentence that is beyond doubt. Where there is doubt the part
goes on, and the translator, which knows better, divides it itself. Parts joined again say what the whole would have.
"""

import re
from collections.abc import Iterator, Sequence

import nmt

_END = re.compile(
    r"\n"
    # A full stop behind a plain word, which is no abbreviation, or another end, and then only a new sentence can come.
    r"|(?:(?<![^\W\d_])(?!approx|messrs)[a-zß-öø-ÿ]{5,}\.|[!?])[^\S\n]+(?=[A-ZÀ-ÖØ-Þ][^\W\d_]*[ ,'’])"
    r"|[。！？]+(?![。．！？‼⁇⁈⁉!?…」』）】〉》〗〕］｣”’)])[^\S\n]*"
)


def split(text: str) -> list[str]:
    """The parts of a text; together they are exactly the text."""
    ends = [match.end() for match in _END.finditer(text)]
    starts = [0, *ends]
    parts = [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
    return [part for part in parts if part]


def merged(parts: Sequence[str], size: int) -> list[str]:
    """The same parts, neighbours together as long as they have at most `size` characters."""
    result: list[list[str]] = []
    room = 0
    for part in parts:
        if len(part) > room:
            result.append([])
            room = size
        result[-1].append(part)
        room -= len(part)
    return ["".join(group) for group in result]


def batches(parts: Sequence[str], size: int) -> Iterator[list[str]]:
    """The parts in groups of at most `size` characters; a longer part is a group of its own."""
    group: list[str] = []
    length = 0
    for part in parts:
        if group and length + len(part) > size:
            yield group
            group, length = [], 0
        group.append(part)
        length += len(part)
    if group:
        yield group


def fitted(source: str, translation: str, is_last: bool, target: str) -> str:
    """The translation of a part as it goes before the next: with or without a space, as the language wants."""
    if is_last or source.endswith("\n") or not translation:
        return translation
    gap = source[len(source.rstrip()) :]
    uses_spaces = nmt.language(target).uses_spaces
    if gap == " " and not uses_spaces:
        return translation.removesuffix(" ")
    return f"{translation} " if not gap and uses_spaces else translation
