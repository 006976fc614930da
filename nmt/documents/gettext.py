"""Gettext catalogues: empty translations are filled; comments, flags and what is translated already stay."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nmt.documents.files import TextFile
from nmt.documents.parts import Job, Part, Slot, TextDocument, margins
from nmt.errors import DocumentError, MissingExtraError

_KEYWORD = re.compile(r'\s*(msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)\s*("(?:[^"\\]|\\.)*")\s*')
_STRING = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*')
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{2}|.)")
_CHARSET = re.compile(rb"charset=([A-Za-z0-9_.:-]+)")
_NUM_PLURALS = re.compile(r"nplurals\s*=\s*(\d+)")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass
class _Entry:
    """One message as it is written: lines before its translation, and lines of it."""

    texts: dict[str, str] = field(default_factory=dict)
    head: list[str] = field(default_factory=list)
    translation: list[str] = field(default_factory=list)

    @property
    def is_filled(self) -> bool:
        return any(text for keyword, text in self.texts.items() if keyword.startswith("msgstr"))


def open_file(job: Job) -> TextDocument:
    file = TextFile(job.path, _charset)
    return TextDocument(file, job.suffix, lambda: _parts(job, file))


def _charset(head: bytes) -> str | None:
    found = _CHARSET.search(head)
    return None if found is None or found[1] == b"CHARSET" else found[1].decode("ascii")


def _parts(job: Job, file: TextFile) -> Iterator[Part]:
    entries = list(_entries(file))
    language = job.target_language.replace("-", "_")
    header: dict[str, str] = {}
    position = next((k for k, entry in enumerate(entries) if _is_header(entry)), None)
    if position is not None:
        header = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", entries[position].texts.get("msgstr", ""), re.MULTILINE))
    # A file in another language is translated from the start, so that it does not become half of each.
    is_ours = _base(header.get("Language", "")) in ("", _base(language))
    waiting = [entry for entry in entries if "msgid" in entry.texts and not _is_header(entry)]
    waiting = [entry for entry in waiting if not (is_ours and entry.is_filled)]
    has_plurals = any("msgid_plural" in entry.texts for entry in waiting)
    changes: dict[str, str] = {}
    if waiting:
        changes = {"Language": language} if _base(header.get("Language", "")) != _base(language) else {}
        plural_forms = header.get("Plural-Forms", "")
        if has_plurals and (not _NUM_PLURALS.search(plural_forms) or "Language" in changes):
            changes["Plural-Forms"] = _plural_forms(language)
        if _written(header.get("Content-Type", "")) != header.get("Content-Type"):
            changes["Content-Type"] = _written(header.get("Content-Type", ""))
    num_plurals = _NUM_PLURALS.search(changes.get("Plural-Forms", header.get("Plural-Forms", "")))
    ids = {id(entry) for entry in waiting}
    if position is None and waiting:
        yield from _new_header(changes, _ending(waiting[0].head))
    for k, entry in enumerate(entries):
        yield "".join(entry.head)
        if id(entry) in ids:
            yield _translated(entry, int(num_plurals[1]) if num_plurals else 2)
        elif k == position and changes:
            text = _changed_header(entry.texts.get("msgstr", ""), changes)
            yield _block("msgstr", text, True, entry.translation)
        else:
            yield "".join(entry.translation)


def _entries(file: TextFile) -> Iterator[_Entry]:
    """All lines of the file, message by message."""
    entry = _Entry()
    keyword = ""
    # Only line feeds end a line here: a lone CR belongs to it.
    for number, match in enumerate(_LINES.finditer(file.read()), start=1):
        line = match.group()
        found = _KEYWORD.fullmatch(line)
        goes_on = _STRING.fullmatch(line) if keyword else None
        begins = found is not None and not found[1].startswith("msgstr")
        if entry.translation and (begins or not (found or goes_on)):
            yield entry
            entry, keyword = _Entry(), ""
        if found:
            keyword = found[1]
            entry.texts[keyword] = _unescape(found[2])
        elif goes_on:
            entry.texts[keyword] += _unescape(goes_on[1])
        elif line.strip() and not line.lstrip().startswith("#"):
            raise DocumentError(
                f"{file.path}, line {number}: this is neither a comment, nor a keyword such as msgid followed by a text"
                ' in quotes, nor a text in quotes; check that quotes within a text are written as \\"'
            )
        (entry.translation if keyword.startswith("msgstr") else entry.head).append(line)
    yield entry


def _translated(entry: _Entry, num_plurals: int) -> Part:
    raw = "".join(entry.translation)
    several = any(re.match(r'\s*msgid\w*\s*""', line) for line in entry.head)
    sources = [entry.texts[keyword] for keyword in ("msgid", "msgid_plural") if keyword in entry.texts]
    if not all(source.strip() for source in sources) or not entry.translation:
        return raw

    def write(new: Sequence[str]) -> str:
        texts = [before + text + after for text, (before, _, after) in zip(new, map(margins, sources), strict=True)]
        if len(texts) == 1:
            return _block("msgstr", texts[0], several, entry.translation)
        # What one thing is called comes first, where a language tells one from many at all.
        forms = [texts[0 if k == 0 and num_plurals > 1 else 1] for k in range(num_plurals)]
        end = [_ending(entry.translation) + "."]
        blocks = [_block(f"msgstr[{k}]", form, several, end) for k, form in enumerate(forms)]
        return "".join(blocks)[: None if raw.endswith("\n") else -len(_ending(entry.translation))]

    units = tuple(margins(source)[1] for source in sources)
    # Its own text is a translation too, where a translator says so: nothing is left empty.
    return Slot(units, write(units), write)


def _block(keyword: str, text: str, several: bool, lines: Sequence[str]) -> str:
    """A keyword with its text, as one line or, where the text has several, as many; ends as `lines` do."""
    end = _ending(lines)
    parts = _LINES.findall(text) if several else [text]
    strings = ["", *parts] if len(parts) > 1 else parts or [""]
    block = f"{keyword} " + end.join(_escape(string) for string in strings)
    return block + (end if "".join(lines).endswith(("\n", ".")) else "")


def _ending(lines: Sequence[str]) -> str:
    return "\r\n" if any("\r\n" in line for line in lines) else "\n"


def _changed_header(text: str, changes: dict[str, str]) -> str:
    for name, value in changes.items():
        line = f"{name}: {value}"
        old = re.search(rf"^{name}:.*$", text, re.MULTILINE)
        if old:
            text = text[: old.start()] + line + text[old.end() :]
        else:
            text = text + ("" if not text or text.endswith("\n") else "\n") + line + "\n"
    return text


def _new_header(changes: dict[str, str], end: str) -> Iterator[str]:
    text = _changed_header("", changes)
    yield _block("msgid", "", False, ["\n"]).replace("\n", end)
    yield f'msgstr ""{end}' + "".join(_escape(line) + end for line in _LINES.findall(text)) + end


def _written(content_type: str) -> str:
    """The header's line about the encoding, which is UTF-8 in what is written."""
    if re.search(r"charset=utf-?8\b", content_type, re.IGNORECASE):
        return content_type
    return "text/plain; charset=UTF-8"


def _plural_forms(language: str) -> str:
    try:
        from babel.messages.plurals import get_plural
    except ImportError:
        raise MissingExtraError("Translating plurals of gettext catalogues", "documents") from None
    return get_plural(language).plural_forms


def _is_header(entry: _Entry) -> bool:
    return entry.texts.get("msgid") == "" and "msgctxt" not in entry.texts


def _base(language: str) -> str:
    return re.split("[-_]", language.strip().lower())[0]


def _escape(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


def _unescape(quoted: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "01234567":
            return chr(int(code, 8))
        return chr(int(code[1:], 16)) if len(code) == 3 else _LETTERS.get(code, code)

    return _ESCAPE.sub(character, quoted[1:-1])
