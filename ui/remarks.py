"""What is said in plain words about a text: that it cannot be taken, or that it may come out badly."""

import itertools
import unicodedata
from dataclasses import dataclass

import nmt

from . import detect
from .models import Models

_KEPT = "\n\t"
_SURE = 60.0  # percent
_SHOWN = 5  # misspelled words


@dataclass(frozen=True)
class Remark:
    """A plain word about a text. `model` is the one that would suit it better; empty where there is none."""

    text: str
    model: str = ""


def without_controls(text: str) -> str:
    """The text with line ends as line feeds, and without characters that are signs to machines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in ("Cc", "Cs"))


def refusal(text: str, max_length: int) -> str:
    """Why a text cannot be translated; empty where it can."""
    if not text.strip():
        return "There is no text in this. Write or paste some, and it is translated."
    if len(text) > max_length:
        return (
            f"That is {len(text):,} characters, and this page takes up to {max_length:,} at a time. "
            "Send it in parts, or as a file under Files."
        )
    return ""


def about_language(text: str, model: str, models: Models) -> Remark | None:
    """What to say where a text does not look like the language that the model reads."""
    info = models.infos[model]
    sample = text[: detect.SAMPLE]
    if nmt.looks_like(sample, info.source_language):
        return None
    reads = nmt.language(info.source_language).name
    found = [one for one in detect.detect(sample, detect.LANGUAGES) if one.language != info.source_language]
    if not found or found[0].confidence < _SURE:
        return Remark(
            f"This does not look like {reads}, the only language this model reads: it may come out as nonsense."
        )
    code = found[0].language
    name = nmt.language(code).name
    better = models.name_for(code, info.target_language) or next(
        (other for other, one in models.infos.items() if one.source_language == code), ""
    )
    return Remark(f"This looks like {name}, but the model reads {reads}: it may come out as nonsense.", better)


def about_result(translation: nmt.Translation) -> str:
    """What to say about a translation as a whole; mostly nothing."""
    if not translation.sentences:
        return "There were no words to translate in this, so it stays as it is."
    read_as = dict(pair for sentence in translation.sentences for pair in sentence.read_as)
    shown = [f"“{written}” as “{read}”" for written, read in itertools.islice(read_as.items(), _SHOWN)]
    if not shown:
        return ""
    more = len(read_as) - len(shown)
    return f"Read {', '.join(shown)}{f' and {more} more words as others' if more else ''}."
