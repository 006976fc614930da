"""Where in a Markdown file the text of its blocks stands, and what in that text is no text."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_LINES = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n)|([^\r\n]+)")
_PREFIX = r"^[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)?"  # of a table in a quotation or a list
_SPAN = "span"


@dataclass(frozen=True)
class Block:
    """The text of a paragraph, a heading or a cell.

    Attributes:
        content: the text as the parser sees it: without the signs of quotations and lists before its lines.
        positions: where in the file each character of it is, and where it ends.
        children: what it consists of.
        is_cell: whether it is in a table.
    """

    content: str
    positions: tuple[int, ...]
    children: "tuple[Token, ...]"
    is_cell: bool


@functools.cache
def parser() -> "MarkdownIt":
    """CommonMark with tables, strikethrough and formulas, where each inline token knows the place it comes from."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    markdown.use(dollarmath_plugin, allow_digits=False)
    rules = markdown.inline.ruler
    for name, rule in zip(rules.get_active_rules(), rules.getRules(""), strict=True):
        rules.at(name, _recording(rule))
    markdown.inline.ruler2.disable("fragments_join")
    markdown.core.ruler.disable("text_join")
    return markdown


def find_blocks(text: str, start: int, env: dict[str, object]) -> Iterable[Block]:
    """The blocks of the part of a file that begins at `start`; `env` gets its references."""
    lines = [
        (start + match.start(), (match[1] or match[2] or "").replace("\0", "\ufffd"))
        for match in _LINES.finditer(text[start:])
    ]
    row, cursor = -1, 0
    last = ""
    for token in parser().parse(text[start:], env):
        is_cell = last in ("th_open", "td_open")
        last = token.type
        if token.type != "inline" or not token.content or not token.map:
            continue
        first = token.map[0]
        if is_cell:
            cursor = cursor if row == first else 0
            row = first
            positions = _find_cell(*lines[row], token.content, cursor)
            cursor = positions[-1] - lines[row][0] if positions else cursor
        else:
            positions = _find_lines(lines[first : token.map[1]], token.content)
        if positions:
            yield Block(token.content, positions, tuple(token.children or ()), is_cell)


def span_of(token: "Token") -> tuple[int, int]:
    """Where in its block's content an inline token that is not plain text begins and ends."""
    start, end = token.meta.get(_SPAN, (0, 0))
    if token.type == "strong_open":  # known by the inner one of its two asterisks
        start -= 1
    if token.type == "strong_close":
        end += 1
    return start, end


def structure(text: str, env: Mapping[str, object]) -> list[str]:
    """The kinds of all that is no text in an inline text, sorted."""
    tokens = parser().parseInline(text, dict(env))[0].children or []
    return sorted(token.type for token in tokens if token.type not in ("text", "text_special", "softbreak"))


def _find_lines(lines: list[tuple[int, str]], content: str) -> tuple[int, ...]:
    """What the parser took away stands before and behind the text of each line; nothing where it is not found."""
    positions: list[int] = []
    parts = content.split("\n")
    for (start, line), part in zip(lines, parts, strict=False):
        core = part.strip()
        at = line.rfind(core)
        if at < 0:
            return ()
        lead = len(part) - len(part.lstrip()) if core else 0
        positions += [start + min(at + max(k - lead, 0), len(line)) for k in range(len(part) + 1)]
    return tuple(positions) if len(parts) <= len(lines) else ()


def _find_cell(start: int, line: str, content: str, cursor: int) -> tuple[int, ...]:
    written = re.escape(content).replace(r"\|", r"\\\|")
    found = re.compile(rf"(?:{_PREFIX}|\|)\s*({written})\s*(?=\||$)").search(line, cursor)
    if not found:
        return ()
    positions = [start + found.start(1)]
    for character in content:
        positions.append(positions[-1] + (2 if character == "|" else 1))
    return tuple(positions)


def _recording(rule: "Callable[[StateInline, bool], bool]") -> "Callable[[StateInline, bool], bool]":
    """The rule, which also notes on the tokens it makes from where to where they go."""

    def recording_rule(state: "StateInline", silent: bool) -> bool:
        start, num_tokens, has_pending = state.pos, len(state.tokens), bool(state.pending)
        done = rule(state, silent)
        if not done or silent:
            return done
        tokens = state.tokens[num_tokens:]
        if state.src[start] in "*_~":  # each of these may become the beginning or the end of something
            for token in tokens[has_pending:]:
                token.meta.setdefault(_SPAN, (start, start + len(token.content)))
                start += len(token.content)
            return done
        if state.src[start] == "[":
            end = state.md.helpers.parseLinkLabel(state, start, True)
            tokens[has_pending].meta[_SPAN], tokens[-1].meta[_SPAN] = (start, start + 1), (end, state.pos)
        for token in tokens:
            if token.type != "text":
                token.meta.setdefault(_SPAN, (start, state.pos))
        return done

    return recording_rule
