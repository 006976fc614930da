"""What the page answers, without the page: plain functions from text to what is shown."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Protocol

import nmt

NUM_ALTERNATIVES = 3  # shown for each sentence, the chosen one included
MAX_CHARACTERS = 10_000  # in one message
SAMPLE = 1_000  # characters of a message are enough to see which language it is in


class Translates(Protocol):
    """What the page needs of `nmt.Translator`."""

    @property
    def info(self) -> nmt.BundleInfo: ...

    @property
    def search(self) -> nmt.SearchConfig: ...

    def translate(self, text: str, config: nmt.SearchConfig | None = None) -> nmt.Translation: ...


@dataclass(frozen=True)
class Reply:
    """What comes back for one message."""

    text: str  # the translation, or in plain words why there is none
    language: str = ""  # of the translation; empty when there is none
    sentences: tuple[nmt.Sentence, ...] = ()
    note: str = ""  # a plain word about the input


@dataclass(eq=False)
class Turn:
    """One message and what came back; `reply` is None while it is being translated."""

    source: str
    reply: Reply | None = None


class Translators:
    """The models the page offers, each loaded when first asked for and then kept.

    Args:
        infos: what is known about each, by the name the page shows.
        load: makes the translator of one of those names; may raise NmtError.
    """

    def __init__(self, infos: Mapping[str, nmt.BundleInfo], load: Callable[[str], Translates]):
        self.infos = dict(infos)
        self._load = load
        self._loaded: dict[str, Translates] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Translates:
        """The translator of that name, loaded at most once however many visitors ask for it together."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]


def answer(translator: Translates, text: str, beam_size: int) -> Reply:
    """Translate `text`, which may hold several sentences and lines.

    An NmtError becomes a reply that says so.
    """
    if len(text) > MAX_CHARACTERS:
        return Reply(
            f"That is {len(text):,} characters, and this page takes up to {MAX_CHARACTERS:,} at a time. "
            "Send it in parts, or translate the whole file with: nmt translate FILE"
        )
    info = translator.info
    note = ""
    if not nmt.looks_like(text[:SAMPLE], info.source_language):
        source = nmt.language(info.source_language).name
        note = (
            f"This does not look like {source}, the only language this model reads, so the translation may be nonsense."
        )
    try:
        num_alternatives = min(NUM_ALTERNATIVES, beam_size)
        config = replace(translator.search, beam_size=beam_size, num_alternatives=num_alternatives)
        translation = translator.translate(text, config)
    except nmt.NmtError as error:
        return Reply(f"Sorry, this could not be translated: {error}", note=note)
    return Reply(translation.text, info.target_language, translation.sentences, note)


def format_reply(reply: Reply) -> str:
    """The HTML of a reply: the text, a note, and for each sentence the alternatives with their scores.

    Whatever came from the visitor or the model is escaped.
    """
    parts = [f'<div class="nmt-text" lang="{escape(reply.language)}">{escape(reply.text)}</div>']
    if reply.note:
        parts.append(f'<p class="nmt-note">{escape(reply.note)}</p>')
    if reply.sentences:
        count = len(reply.sentences)
        opened, which = (" open", "") if count == 1 else ("", f" for {count} sentences")
        tables = "".join(_format_sentence(sentence, reply.language, named=count > 1) for sentence in reply.sentences)
        parts.append(
            f'<details class="nmt-choices"{opened}><summary>Alternatives{which}, '
            f"with scores (closer to 0: more certain)</summary>{tables}</details>"
        )
    if reply.language:
        parts.append('<button type="button" class="nmt-copy">Copy</button>')
    return "".join(parts)


def _format_sentence(sentence: nmt.Sentence, language: str, named: bool) -> str:
    caption = f"<caption>{escape(sentence.source.strip())}</caption>" if named else ""
    rows = "".join(
        f'<tr class="{"other" if rank else "chosen"}"><td lang="{escape(language)}">{escape(alternative.text)}</td>'
        f'<td class="score">{format_score(alternative.score)}</td></tr>'
        for rank, alternative in enumerate(sentence.alternatives)
    )
    return f"<table>{caption}{rows}</table>"


def format_score(score: float) -> str:
    """Two decimals and a real minus sign; never a negative zero."""
    return f"{score + 0.0 if round(score, 2) else 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def format_pair(info: nmt.BundleInfo) -> str:
    """`English → Japanese`."""
    return f"{nmt.language(info.source_language).name} → {nmt.language(info.target_language).name}"


def format_heading(info: nmt.BundleInfo) -> str:
    """The HTML at the top: the languages, which model answers and what made it, and that nothing leaves the machine."""
    credit = info.data_credit or "data"
    licence = f" ({info.licence})" if info.licence else ""
    made_from = f", learned from {credit}{licence}" if info.data_credit or info.licence else ""
    model = f"{info.size_bytes / 1e6:.1f} MB{made_from}"
    return (
        f'<div class="nmt-heading"><h1>{escape(format_pair(info))}</h1>'
        f"<p><strong>{escape(info.name)}</strong>, {escape(model)}. "
        "Nothing you type leaves the computer that serves this page.</p></div>"
    )
