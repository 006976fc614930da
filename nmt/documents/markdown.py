"""Markdown: paragraphs, headings, cells and image descriptions are translated; code, targets, HTML and the rest stay.

What is what is decided by a CommonMark parser. The lines of a paragraph that is translated become one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nmt import languages
from nmt.documents.files import TextFile
from nmt.documents.inline import Mark, Text
from nmt.documents.markdown_spans import Block, find_blocks, parser, span_of, structure
from nmt.documents.parts import Job, Part, Slot, TextDocument, one_line, slot
from nmt.documents.runs import Tag, run_parts
from nmt.documents.wrapping import join_lines
from nmt.errors import MissingExtraError

if TYPE_CHECKING:
    from markdown_it.token import Token

Piece = Text | Mark[Tag]

_FRONT_MATTER = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*\r?\n(?:.*\n)*?(?:\1|\.\.\.)[ \t]*(?:\r?\n|\Z)")
# Footnotes, boxes of tasks, kinds of notes, names of headings.
_LABEL = re.compile(r"\[\^[^\]\s]+\]:?|\[[ xX]\](?=[ \t])|\[![A-Za-z]+\]|\{#[^{}]*\}")
_PLAIN = re.compile(r"[^*_`\[\]<>&\\$]*")
_SPECIAL = re.compile(r"[\\`*_\[\]<>&~$]")
_PAIRED = "`*_[]<>~$"
_REFERENCE = re.compile(r"&(?=#?\w+;)")
# What would make a paragraph something else.
_BLOCK_START = re.compile(r"(?:#{1,6}|[-+*])(?:\s|$)|>|[=-]+\s*$|```|~~~|(\d{1,9})[.)](?:\s|$)")
_HTML_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)")


def open_file(job: Job) -> TextDocument:
    try:
        parser()
    except ImportError:
        raise MissingExtraError("Reading Markdown files", "documents") from None
    file = TextFile(job.path)
    uses_spaces = languages.language(job.source_language).uses_spaces
    return TextDocument(file, job.suffix, lambda: _parts(file.read(), uses_spaces))


def _parts(text: str, uses_spaces: bool) -> Iterator[Part]:
    front = _FRONT_MATTER.match(text)
    done = front.end() if front else 0
    yield text[:done]
    env: dict[str, object] = {}
    for block in find_blocks(text, done, env):
        if block.positions[0] < done:
            continue
        yield text[done : block.positions[0]]
        done = block.positions[-1]
        yield from _Inline(text, block, env, uses_spaces).parts()
    yield text[done:]


class _Inline:
    """The text of one block, from the first of its characters in the file to the last."""

    def __init__(self, text: str, block: Block, env: Mapping[str, object], uses_spaces: bool):
        self._text, self._block, self._env, self._uses_spaces = text, block, env, uses_spaces
        self._labels = _shortcuts(block)
        self._has_breaks = any(map(_is_break, block.children))
        self._breaks = "".join(sign for sign in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029" if sign in block.content)

    def parts(self) -> Iterator[Part]:
        content, run, done = self._block.content, list[Piece](), 0
        for token in sorted(self._block.children, key=span_of):
            start, end = span_of(token)
            if token.type == "text" or start < done or start == end:  # plain text, or the rest of an address in <>
                continue
            if token.type in ("softbreak", "hardbreak"):
                while start > done and content[start - 1] in " \t":
                    start -= 1
            run += self._plain(done, start)
            done = end
            if _is_break(token):
                yield from self._finish(run)
                yield self._raw(start, end)
                run = []
            else:
                run.append(self._piece(token, start, end))
        yield from self._finish([*run, *self._plain(done, len(content))])

    def _finish(self, run: Sequence[Piece]) -> Iterator[Part]:
        return run_parts(run, self._join, lambda text: re.sub(r"[ \t]+", " ", text))

    def _raw(self, start: int, end: int) -> str:
        positions = self._block.positions
        return self._text[positions[start] : positions[end]]

    def _plain(self, start: int, end: int) -> Iterator[Piece]:
        """Text without tokens; some of its signs have a meaning elsewhere than in CommonMark."""
        done = start
        for label in _LABEL.finditer(self._block.content, start, end):
            yield Text(self._block.content[done : label.start()], self._raw(done, label.start()))
            yield Mark("single", (self._raw(*label.span()),))
            done = label.end()
        yield Text(self._block.content[done:end], self._raw(done, end))

    def _piece(self, token: "Token", start: int, end: int) -> Piece:
        raw = self._raw(start, end)
        if token.type == "text_special":
            return Text(token.content, raw)
        if token.type == "softbreak":
            left, right = self._block.content[max(0, start - 2) : start], self._block.content[end : end + 1]
            joined = join_lines([left, right], self._uses_spaces)
            return Text(joined[len(left) : len(joined) - len(right)], raw)
        if token.type == "image":
            return Mark("single", _image(raw))
        if token.type == "html_inline":
            tag = _HTML_TAG.match(raw)
            if not tag or raw.endswith("/>"):
                return Mark("single", (raw,))
            return Mark("close" if tag[1] else "open", (raw,), tag[2].lower())
        if token.type == "link_open" and token.info == "auto":
            return Mark("single", (raw,), is_word=True)
        if token.nesting:
            # A short reference, [text] or [text][], has the text as its target, which must stay.
            label = self._labels.get(start)
            with_label = Slot((), raw, lambda _: f"][{label}]")
            payload: Tag = (with_label,) if label and token.nesting < 0 else (raw,)
            name = token.type.rpartition("_")[0]
            return Mark("open" if token.nesting > 0 else "close", payload, name, is_word=label is not None)
        return Mark("single", (raw,), is_word=True)

    def _join(self, raw: str, pieces: Sequence[str | Text]) -> str:
        """A translated run, with as few backslashes as it takes for its structure to stay."""
        if not any(isinstance(piece, str) or _SPECIAL.search(piece.text) for piece in pieces):
            return self._written(pieces, _SPECIAL, "")
        expected = structure(raw, self._env)
        # A sign that begins nothing here could do so with one beyond a break; an accent, with one in another block.
        escaped = {*(_PAIRED if self._has_breaks else "`"), *re.findall(r"\\([!-/:-@\[-`{-~])", raw)}
        few = re.compile("[" + re.escape("".join(sorted(escaped))) + "]|" + _REFERENCE.pattern)
        # Without spaces, an asterisk between a full-width bracket and a letter neither begins nor ends anything.
        styles = ((few, ""), (_SPECIAL, ""), (_SPECIAL, " "))
        candidates = [self._written(pieces, special, space) for special, space in styles]
        return next((text for text in candidates if structure(text, self._env) == expected), candidates[1])

    def _written(self, pieces: Sequence[str | Text], special: re.Pattern[str], space: str) -> str:
        output = ""
        opened: list[str] = []
        for piece in pieces:
            if isinstance(piece, str):
                is_closing = opened[-1:] == [piece]
                if re.fullmatch(r"[*_~]+", piece):
                    opened = opened[:-1] if is_closing else [*opened, piece]
                    piece = piece + space if is_closing else space + piece
                output += piece
                continue
            text = special.sub(r"\\\g<0>", one_line(piece.text, self._breaks))
            output += text.replace("|", r"\|") if self._block.is_cell and special.pattern.find("|") < 0 else text
        output = output.strip(space) if space else output
        start = None if self._block.is_cell else _BLOCK_START.match(output)
        if start and not _BLOCK_START.match(self._block.content):
            number = len(start[1] or "")
            output = output[:number] + "\\" + output[number:]
        return output


def _is_break(token: "Token") -> bool:
    """Whether a line ends here that is translated on its own."""
    return token.type == "hardbreak" or re.match(r"<br\b", token.content, re.IGNORECASE) is not None


def _image(raw: str) -> Tag:
    """An image with its description as a slot."""
    description = raw[2 : raw.find("]")]
    if not raw[2 + len(description) :].startswith(("](", "][")) or not _PLAIN.fullmatch(description):
        return (raw,)

    def write(new: str) -> str:
        return _SPECIAL.sub(r"\\\g<0>", one_line(new))

    return (raw[:2], slot(description, description, write), raw[2 + len(description) :])


def _shortcuts(block: Block) -> dict[int, str]:
    """The labels of the links that are their own text, [text] or [text][], by where the marks around them begin."""
    labels: dict[int, str] = {}
    opening: tuple[int, int] = (0, 0)
    for token in block.children:
        if token.type == "link_open":
            opening = span_of(token)
        elif token.type == "link_close" and token.info != "auto":
            start, end = span_of(token)
            if block.content[start:end] in ("]", "][]"):
                labels[opening[0]] = labels[start] = block.content[opening[1] : start]
    return labels
