"""Lines of one text joined to be translated, and a translation split into lines again."""

import itertools
import math
import re
import unicodedata
from collections.abc import Sequence

_TAG = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
# Of two places that are as good, the better one is behind a full stop or a comma.
_AFTER_STOP = re.compile(r"[.!?。！？…][\"'”’」』)）]*$")
_AFTER_COMMA = re.compile(r"[,;:、，；：][\"'”’」』)）]*$")
_NOT_FIRST = frozenset("、。，．！？!?)）」』】》〉ー…っゃゅょぁぃぅぇぉッャュョァィゥェォ々％:;,.")
_NOT_LAST = frozenset("(（「『【《〈")


def join_lines(lines: Sequence[str], uses_spaces: bool) -> str:
    """The lines, which have no white space at their ends, as one text.

    A hyphen at the end of a line stays, without a space behind it where a word seems to go on.
    """
    text = lines[0] if lines else ""
    for line in lines[1:]:
        word_goes_on = len(text) > 1 and text[-1] == "-" and text[-2].isalpha() and line[:1].islower()
        no_space = not uses_spaces and (_is_wide(text[-1:]) or _is_wide(line[:1]))
        text += ("" if word_goes_on or no_space else " ") + line
    return text


def split_lines(text: str, max_lines: int, line_width: int) -> list[str]:
    """Split into lines of like width: as many as `line_width` asks for, and at most `max_lines`.

    A full-width letter is two wide, a tag such as <i> or {\\an8} has no width. Lines end at spaces, or between any two
    letters of scripts that are written without.
    """
    widths = _widths(text)
    total = widths[-1]
    num_lines = min(max_lines, math.ceil(total / line_width))
    places = _places(text) if num_lines > 1 else []
    cuts: list[int] = []
    for k in range(1, num_lines):
        ideal = total * k / num_lines
        reach = total / num_lines / 2
        free = [place for place in places if not cuts or place > cuts[-1]]
        best = min(free, key=lambda place: abs(widths[place] - ideal) - _merit(text, place) * reach, default=None)
        if best is not None:
            cuts.append(best)
    edges = [0, *cuts, len(text)]
    return [text[start:end].strip(" ") for start, end in itertools.pairwise(edges)]


def _widths(text: str) -> list[int]:
    """The width of what is before each character, and of all."""
    hidden = {k for tag in _TAG.finditer(text) for k in range(*tag.span())}
    widths = [0]
    for k, character in enumerate(text):
        width = 0 if k in hidden or unicodedata.combining(character) else 2 if _is_wide(character) else 1
        widths.append(widths[-1] + width)
    return widths


def _places(text: str) -> list[int]:
    """Where a line may begin."""
    hidden = {k for tag in _TAG.finditer(text) for k in range(tag.start() + 1, tag.end())}
    places = []
    for k in range(1, len(text)):
        last, first = text[k - 1], text[k]
        if k in hidden or first == " " or first in _NOT_FIRST or last in _NOT_LAST:
            continue
        if last == " " or (_is_wide(last) and _is_wide(first)):
            places.append(k)
    return places


def _merit(text: str, place: int) -> float:
    before = text[max(0, place - 4) : place].rstrip()
    return 0.6 if _AFTER_STOP.search(before) else 0.4 if _AFTER_COMMA.search(before) else 0.0


def _is_wide(character: str) -> bool:
    return bool(character) and unicodedata.east_asian_width(character) in "WF"
