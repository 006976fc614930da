"""SubRip and WebVTT: what is said is translated; times, numbers, tags and notes stay."""

import html
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nmt import languages
from nmt.documents.files import TextFile
from nmt.documents.inline import Mark, Run, Text
from nmt.documents.parts import Job, Part, Slot, TextDocument, one_line
from nmt.documents.wrapping import join_lines, split_lines
from nmt.errors import DocumentError

_TIMES = re.compile(r"\s*[\d:.,]+\s*-->\s*[\d:.,]+")
_NUMBER = re.compile(r"\s*\d+\s*")
_DIALOGUE = re.compile(r"\s*(?:[-–—]\s*)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|</?\d[\d:.]*>|\{\\[^{}]*\}")
_LINE_WIDTH = 42  # what fits on a screen


def open_file(job: Job) -> TextDocument:
    file = TextFile(job.path)
    is_vtt = job.format == "vtt"
    uses_spaces = languages.language(job.source_language).uses_spaces

    def parts() -> Iterator[Part]:
        return _parts(_checked(file.lines(), job.path), is_vtt, uses_spaces)

    return TextDocument(file, job.suffix, parts)


def _checked(lines: Iterator[str], path: Path) -> Iterator[str]:
    """The lines of what is a file of subtitles, even if there are none in it.

    Raises:
        DocumentError: there is text, but nothing that says when to show it.
    """
    has_text = is_one = False
    for line in lines:
        is_one = is_one or _TIMES.match(line) is not None or line.lstrip("\ufeff").startswith("WEBVTT")
        has_text = has_text or bool(line.strip())
        yield line
    if has_text and not is_one:
        raise DocumentError(f"{path}: no line has the times of a subtitle, such as 00:00:01,000 --> 00:00:02,500")


def _parts(lines: Iterator[str], is_vtt: bool, uses_spaces: bool) -> Iterator[Part]:
    cue: list[str] = []
    in_cue = False
    for line, following in _with_next(lines):
        is_times = _TIMES.match(line) is not None
        # A number right above the times counts the cues, even where no empty line stands before it.
        is_label = _TIMES.match(following) is not None and _NUMBER.fullmatch(line) is not None
        if in_cue and not is_times and not is_label and line.strip():
            cue.append(line)
            continue
        yield from _cue(cue, is_vtt, uses_spaces)
        cue = []
        yield line
        # In WebVTT an empty line ends a cue; in SubRip some texts go on behind it.
        in_cue = is_times or (in_cue and not is_vtt and not is_label)
    yield from _cue(cue, is_vtt, uses_spaces)


def _with_next(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    return itertools.pairwise(itertools.chain(lines, [""]))


def _cue(lines: Sequence[str], is_vtt: bool, uses_spaces: bool) -> Iterator[Part]:
    """The lines of a cue; each that begins with a dash is said by somebody else."""
    speeches: list[list[str]] = []
    for line in lines:
        dash = _DIALOGUE.match(line)
        if speeches and not dash:
            speeches[-1].append(line)
        else:
            speeches.append([line])
    for speech in speeches:
        yield from _speech(speech, is_vtt, uses_spaces)


def _speech(lines: list[str], is_vtt: bool, uses_spaces: bool) -> Iterator[Part]:
    raw = "".join(lines)
    dash = _DIALOGUE.match(raw)
    start = dash.end() if dash else len(raw) - len(raw.lstrip())
    end = len(raw.rstrip())
    ending = lines[0][len(lines[0].rstrip("\r\n")) :]
    said = [lines[0][start:], *lines[1:]]
    run = Run(_pieces(join_lines([line.strip() for line in said], uses_spaces), is_vtt))
    if not run.text:
        yield raw
        return
    width = max(_LINE_WIDTH, *(len(_TAG.sub("", line).strip()) for line in lines))

    def write(new: Sequence[str]) -> str:
        pieces = [*run.before, *run.restore(one_line(new[0])), *run.after]
        text = "".join(_raw(piece, is_vtt) for piece in pieces)
        return ending.join(split_lines(text, max(2, len(lines)), width)) if ending else text

    yield raw[:start]
    yield Slot((run.text,), raw[start:end], write)
    yield raw[end:]


def _pieces(text: str, is_vtt: bool) -> list[Text | Mark[str]]:
    pieces: list[Text | Mark[str]] = []
    done = 0
    for match in _TAG.finditer(text):
        pieces += [_text(text[done : match.start()], is_vtt), _mark(match.group())]
        done = match.end()
    return [*pieces, _text(text[done:], is_vtt)]


def _text(raw: str, is_vtt: bool) -> Text:
    return Text(html.unescape(raw) if is_vtt else raw, raw)


def _mark(tag: str) -> Mark[str]:
    name = re.match(r"</?([A-Za-z]+)", tag)
    if not name:
        return Mark("single", tag)
    return Mark("close" if tag.startswith("</") else "open", tag, name[1].lower())


def _raw(piece: Text | Mark[str], is_vtt: bool) -> str:
    if isinstance(piece, Mark):
        return piece.payload
    if piece.raw is not None:
        return piece.raw
    return html.escape(piece.text, quote=False) if is_vtt else piece.text
