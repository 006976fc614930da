"""HTML whose text is translated and whose tags stay as they are.

Tags within a sentence (links, emphasis) are put around the same words of the translation where these are found in it;
otherwise the sentence is translated in the pieces that the tags make of it. Scripts, styles, code, comments and
whatever is marked translate="no" come back untouched. Nothing here runs or fetches anything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape, unescape


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INLINE = _names("a abbr b bdi bdo big cite data dfn del em font i ins label mark q s small span strong sub sup time u")
_OPAQUE = _names("script style code pre textarea kbd samp var math svg noscript template iframe object")
_RAW = frozenset({"script", "style", "textarea", "iframe", "noscript"})  # in which nothing is a tag
# Possessive, so that no input can make the search go back over what it has read.
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*)((?>=\s*\"[^\"]*\"|=\s*'[^']*'|[^>])*+)>")
_OPENING = re.compile(r"<(?=[A-Za-z/!?])")
_UNTRANSLATED = re.compile(r"""\btranslate\s*=\s*["']?no\b|\bclass\s*=\s*(?:"[^"]*|'[^']*|)\bnotranslate\b""", re.I)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_LETTER = re.compile(r"[^\W\d_]")
_FULL_STOPS = tuple(".。．!！?？")
_BLANK = " \t\r\n\f"


@dataclass(frozen=True)
class Token:
    """A stretch of the source: text, a tag by its name, or something opaque (neither)."""

    raw: str
    tag: str = ""
    is_text: bool = False
    is_closing: bool = False


@dataclass(frozen=True)
class Run:
    """What stands between two blocks: `before` and `after` are white space, `tokens` text and inline tags."""

    before: str
    tokens: tuple[Token, ...]
    after: str

    def texts(self) -> list[str]:
        """What is to be translated: the whole run, and behind it its pieces where there are several."""
        pieces = [_text(token) for token in self.tokens if token.is_text]
        whole = _SPACE.sub(" ", "".join(unescape(token.raw) for token in self.tokens if token.is_text)).strip()
        return [whole] if len(pieces) == 1 else [whole, *pieces]

    def translated(self, translations: list[str]) -> str:
        """The run with its texts translated."""
        if len(translations) == 1:
            inside = "".join(_escape(translations[0]) if t.is_text else t.raw for t in self.tokens)
        else:
            inside = self._placed(translations[0], translations[1:]) or self._in_pieces(translations[1:])
        return f"{self.before}{inside}{self.after}"

    def _placed(self, whole: str, pieces: list[str]) -> str:
        """The translation of the whole with the tags around the same words; empty where these are not found."""
        done: list[str] = []
        place = k = piece = 0
        while k < len(self.tokens):
            if self.tokens[k].is_text:
                k, piece = k + 1, piece + 1
                continue
            element = self.tokens[k : k + 3]
            if not _is_simple(element):
                return ""
            words = pieces[piece].strip()
            if words.endswith(_FULL_STOPS) and not _text(element[1]).endswith(_FULL_STOPS):
                words = words[:-1]
            found = whole.find(words, place) if words else -1
            if found < 0:
                return ""
            done += [_escape(whole[place:found]), element[0].raw, _escape(words), element[2].raw]
            place = found + len(words)
            k, piece = k + 3, piece + 1
        return "".join([*done, _escape(whole[place:])])

    def _in_pieces(self, pieces: list[str]) -> str:
        texts = iter(pieces)
        return "".join(_with_margins(token.raw, next(texts)) if token.is_text else token.raw for token in self.tokens)


def _text(token: Token) -> str:
    return _SPACE.sub(" ", unescape(token.raw)).strip()


def _with_margins(raw: str, translation: str) -> str:
    core = raw.strip(_BLANK)
    if not core:
        return raw
    start = raw.index(core)
    return f"{raw[:start]}{_escape(translation)}{raw[start + len(core) :]}"


def _escape(text: str) -> str:
    return escape(text, quote=False)


def parse(source: str) -> list[Run | str]:
    """Runs to translate, and as strings what stays; together they are the source."""
    result: list[Run | str] = []
    waiting: list[Token] = []
    for token in [*_tokens(source), Token("")]:
        if token.is_text or token.tag in _INLINE:
            waiting.append(token)
            continue
        result += _runs(waiting)
        waiting = []
        result.append(token.raw)
    return result


def visible(source: str) -> str:
    """The text that a reader sees, a line for each block."""
    return "\n".join(run.texts()[0] for run in parse(source) if isinstance(run, Run))


def _is_simple(tokens: tuple[Token, ...]) -> bool:
    """Whether this is one element that holds nothing but text."""
    if len(tokens) < 3 or not tokens[1].is_text:
        return False
    return tokens[0].tag == tokens[2].tag and not tokens[0].is_closing and tokens[2].is_closing


def _runs(tokens: list[Token]) -> list[Run | str]:
    """One run of these tokens, with the white space and the tags at its ends outside."""
    if not any(token.is_text and _LETTER.search(unescape(token.raw)) for token in tokens):
        return ["".join(token.raw for token in tokens)]
    filled = [k for k, token in enumerate(tokens) if token.is_text and token.raw.strip(_BLANK)]
    start, end = filled[0], filled[-1] + 1
    if _unbalanced(tokens[start:end]):  # <b>One</b> two: the first tag belongs inside
        start, end = 0, len(tokens)
    inner = tokens[start:end]
    before = after = ""
    if inner[0].is_text:
        before, inner[0] = _split_blank(inner[0])
    if inner[-1].is_text:
        text = inner[-1].raw.rstrip(_BLANK)
        after, inner[-1] = inner[-1].raw[len(text) :], Token(text, is_text=True)
    outside = ["".join(token.raw for token in part) for part in (tokens[:start], tokens[end:])]
    return [outside[0], Run(before, tuple(inner), after), outside[1]]


def _split_blank(token: Token) -> tuple[str, Token]:
    text = token.raw.lstrip(_BLANK)
    return token.raw[: len(token.raw) - len(text)], Token(text, is_text=True)


def _unbalanced(tokens: list[Token]) -> bool:
    depth = 0
    for token in tokens:
        depth += (not token.is_closing) - token.is_closing if token.tag else 0
        if depth < 0:
            return True
    return depth > 0


def _tokens(source: str) -> Iterator[Token]:
    """The source from left to right. What is opened and never closed goes to the end, as in a browser."""
    place = 0
    while place < len(source):
        opening = _OPENING.search(source, place)
        if opening is None:
            yield Token(source[place:], is_text=True)
            return
        start = opening.start()
        tag = _TAG.match(source, start)
        if tag and not tag[1] and (tag[2].lower() in _OPAQUE or _UNTRANSLATED.search(tag[3])):
            end = _element_end(source, tag)
            token = Token(source[start:end])
        elif tag:
            end = tag.end()
            token = Token(tag[0], tag=tag[2].lower(), is_closing=bool(tag[1]))
        else:
            end = _other_end(source, start)
            token = Token(source[start:end])
        if start > place:
            yield Token(source[place:start], is_text=True)
        yield token
        place = end


def _other_end(source: str, start: int) -> int:
    """Where a comment, a declaration or a broken tag ends."""
    closing = "-->" if source.startswith("<!--", start) else ">"
    end = source.find(closing, start)
    return len(source) if end < 0 else end + len(closing)


_VOID = _names("area base br col embed hr img input link meta param source track wbr")


def _element_end(source: str, tag: re.Match[str]) -> int:
    """Where the element that begins with this tag ends."""
    name = tag[2].lower()
    if name in _VOID or tag[3].endswith("/"):
        return tag.end()
    depth, place = 1, tag.end()
    same = re.compile(rf"<(/?){re.escape(name)}(?=[\s/>])", re.I)
    while depth:
        found = same.search(source, place)
        end = source.find(">", found.end()) if found else -1
        if found is None or end < 0:
            return len(source)
        if found[1] or name not in _RAW:
            depth += -1 if found[1] else 1
        place = end + 1
    return place
