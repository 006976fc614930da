"""Finds what a translation must not change.

In a text, every protected span becomes one sign, so that neither the splitting into sentences nor the cutting of long
ones can tear it. `nmt.text.masking` decides what the model reads in its place, `nmt.text.placement` puts it back.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MARK = "\ue000"  # stands for a span in a skeleton; in the text itself it is protected like any private character

_D = "[0-9０-９]"
_W = "A-Za-z0-9０-９_À-ɏ"  # in what has such on either side, digits are no number of their own
_NUMBER = rf"{_D}+(?:[.,:/-]{_D}+)*"
_UNIT = (
    "(?:[kmcµμ]?g|[kmcdnµμ]?m[²³]?|mph|[mcd]?[lL]|m?s|[kMG]?Hz|[kKMGT]?B|[kMG]?bit/s|[kMG]?W|kWh|[mk]?V|mA|mAh"
    "|°[CF]?|℃|℉|min|h|ft|lbs?|oz|px|pt|fps|dpi|k?cal|[kM]?Pa|dB|ppm|USD|EUR|GBP|JPY|CHF|[%％‰€£¥￥円₩₹$])"
)
_PER = "(?:/(?:s²?|min|h|d|[mk]?g|k?m[²³]?|[mcd]?[lL]))?"  # "km/h"
_PRINTF = r"[-+#0]?[0-9]{0,3}(?:\.[0-9]{1,2})?(?:h{1,2}|l{1,2}|z)?"
_FORMAT = (  # what stands in a format string for a value
    rf"%\([A-Za-z0-9_]{{1,40}}\){_PRINTF}[a-zA-Z]|%[0-9]{{1,2}}\${_PRINTF}[sdiufgexXc@]"
    rf"|(?<![\w%])%{_PRINTF}[sdiufgexXc@](?![A-Za-z])"
)
_EMOJI = (
    "(?:[\U0001f000-\U0001faff\u2600-\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u231a\u231b\u23e9-\u23fa©®™]"
    "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*|[0-9#*]\ufe0f?\u20e3)"
)
# Brackets belong to an address where they close in it.
_ADDRESS = r"(?:[!#-'*-;=?-_a-z|~]|\([!#-'*-;=?-_a-z|~]{0,200}\)|\{[!#-'*-;=?-_a-z|~]{0,200}\})"
_ENDING = (  # of file names; none that is an English word, since one writes "tired.so" for "tired. So" in a hurry
    "(?:pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|epub|txt|csv|tsv|jsonl?|xml|ya?ml|toml|ini|cfg|conf|md|html?|css|js|tsx?|py|ipynb"
    "|java|cpp|sh|exe|dll|zip|tar|gz|7z|rar|iso|png|jpe?g|gif|svg|webp|bmp|tiff?|mp[34]|wav|ogg|avi|mov|mkv|sql|log|bak)"
)
# What each kind looks like, in the order in which they are tried. Every repetition is bounded or starts at a sign
# of its own, so that no text takes long.
_KINDS = {
    "code": r"(?<!`)(?P<ticks>`{1,3})(?!`)(?=\s{0,20}[^`\s])"
    r"[^`\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]{1,500}(?P=ticks)(?!`)",
    "url": rf"<(?:https?|ftp)://[!-;=?-~]+>|(?:(?:https?|ftp)://|www\.(?=[A-Za-z0-9])){_ADDRESS}+(?<![.,;:!?'*|])",
    "email": r"(?<![A-Za-z0-9._%+-])(?:mailto:)?[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*"
    r"\.[A-Za-z]{2,24}",
    "file": r"(?<![\w./\\-])(?:[A-Za-z]:\\|~?/|\.{1,2}/)?[\w-]{1,64}(?:[./\\][\w-]{1,64}){0,8}"
    rf"\.{_ENDING}(?!\w)",
    "tag": r"<!--[^\n\r]{0,300}?-->|</?[A-Za-z][A-Za-z0-9:-]{0,40}(?:[ \t][^<>\n\r]{0,300})?/?>",
    "placeholder": r"\$?\{\{?[ ]?[A-Za-z0-9_][^{}\s]{0,60}[ ]?\}?\}|\$?\{\}|\{%[^{}\n\r]{1,80}%\}"
    rf"|{_FORMAT}|%%",
    "entity": r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});",
    "term": "",  # the user's
    "emoji": f"{_EMOJI}(?:\u200d{_EMOJI})*|[\ue000-\uf8ff\U000f0000-\U0010fffd]",
    "measure": rf"(?<![{_W}.,])[-+−±~]?(?:(?:US|[ACS]|HK|NZ)?[$€£¥￥₩₹₽]\s?{_NUMBER}(?:\s?[kKM](?!\w))?"
    # The sign after a number is no unit where it begins a placeholder: "1 %(total)d", "1 ${price}".
    rf"|{_NUMBER}[ \xa0\u202f]?(?!{_FORMAT}|\$\{{){_UNIT}{_PER}(?![{_W}%])"
    rf"|{_D}+(?:[:/-]{_D}+)+(?![{_W}%])|{_D}+(?:\.{_D}+){{2,}}(?![{_W}%]))",
}
_NAMES = ("url", "email", "file", "code", "placeholder", "term")
_NUMERIC = re.compile(
    r"%.*[diufgexX]$|\{\{?\s?(?:num|count|total|amount|size|percent|age|year|n\b|\w+[_.](?:count|num|total))"
)
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*)[^<>]*?(?P<alone>/?)>")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_BETWEEN_NUMBERS = re.compile(r"[ ]?[-–~〜/x×]?[ ]?")


@dataclass(frozen=True)
class Span:
    """What comes through unchanged."""

    text: str
    kind: str  # a key of `_KINDS`
    role: str  # "name", "number", "loose", or of a tag with a partner: "open", "close"


@dataclass(frozen=True)
class Shielded:
    """A text with one `MARK` for each of its spans, in order."""

    skeleton: str
    spans: tuple[Span, ...]


def shield(
    text: str, do_not_translate: tuple[str, ...] = (), uses_spaces: bool = True, all_kinds: bool = True
) -> Shielded:
    """Find the spans of a text. Spans of one kind that stand together are one: "{first} {last}", "$5-$10".

    Args:
        text: any text.
        do_not_translate: what the user wants kept, spelled exactly so; whole words where the language has such.
        uses_spaces: whether the language of the text divides words by spaces.
        all_kinds: False for the user's words alone.
    """
    merged: list[tuple[int, int, Span]] = []
    for match in _pattern(do_not_translate, uses_spaces, all_kinds).finditer(text):
        kind = match.lastgroup or "term"
        merged.append((match.start(), match.end(), Span(match.group(), kind, _role(kind, match.group()))))
        while len(merged) > 1 and (together := _join(text, merged[-2], merged[-1])):
            merged[-2:] = [together]
    parts, done = [], 0
    for start, end, _ in merged:
        parts += [text[done:start], MARK]
        done = end
    return Shielded("".join(parts) + text[done:], tuple(span for _, _, span in merged))


def also(shielded: Shielded, ranges: Iterable[tuple[int, int]]) -> Shielded:
    """With names as spans too, given by their places in the skeleton, in order."""
    parts, spans, done = [], list[Span](), 0
    waiting = iter(shielded.spans)
    for start, end in ranges:
        parts += [shielded.skeleton[done:start], MARK]
        spans += [next(waiting) for _ in range(parts[-2].count(MARK))]
        spans.append(Span(shielded.skeleton[start:end], "term", "name"))
        done = end
    return Shielded("".join(parts) + shielded.skeleton[done:], (*spans, *waiting))


def reveal(skeleton: str, spans: Iterator[Span]) -> str:
    """The text again; takes as many spans as there are marks."""
    return re.sub(MARK, lambda _: next(spans).text, skeleton)


@functools.lru_cache(maxsize=64)
def _pattern(do_not_translate: tuple[str, ...], uses_spaces: bool, all_kinds: bool) -> re.Pattern[str]:
    def whole(word: str) -> str:
        before = r"(?<!\w)" if uses_spaces and word[0].isalnum() else ""
        return before + re.escape(word) + (r"(?!\w)" if uses_spaces and word[-1].isalnum() else "")

    terms = "|".join(whole(word) for word in sorted(do_not_translate, key=len, reverse=True))
    # A mark that is in the text itself must be a span, or it would be taken for one.
    kinds = {**_KINDS, "term": terms} if all_kinds else {"term": terms, "emoji": MARK}
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in kinds.items() if pattern))


def _role(kind: str, text: str) -> str:
    if kind in _NAMES:
        return "number" if kind == "placeholder" and (text == "%%" or _NUMERIC.match(text)) else "name"
    if kind == "measure":
        return "number"
    tag = _TAG.fullmatch(text) if kind == "tag" else None
    if tag is None or tag["alone"] or tag["name"].lower() in _VOID:
        return "loose"
    return "close" if tag["end"] else "open"


def _join(text: str, one: tuple[int, int, Span], two: tuple[int, int, Span]) -> tuple[int, int, Span] | None:
    """Two neighbours as one span, where they belong together."""
    gap, roles = text[one[1] : two[0]], (one[2].role, two[2].role)
    if roles == ("name", "name"):
        fits = gap in ("", " ", "-", "/", "_", ".")
    elif roles == ("number", "number"):
        fits = _BETWEEN_NUMBERS.fullmatch(gap) is not None
    elif roles == ("loose", "loose"):
        fits = not gap.strip(" \t\u3000")
    else:  # a pair of tags around nothing to translate
        fits = roles == ("open", "close") and not gap.strip(" \t") and tag_name(one[2]) == tag_name(two[2])
    role = "loose" if roles[0] == "open" else roles[0]
    return (one[0], two[1], Span(text[one[0] : two[1]], one[2].kind, role)) if fits else None


def tag_name(span: Span) -> str:
    """Of the element that a tag opens or closes; empty for what is no tag."""
    tag = _TAG.match(span.text)
    return tag["name"].lower() if tag else ""
