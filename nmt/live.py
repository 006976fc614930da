"""Translation of a text that is being typed: again at every change, with as little flicker as may be.

Re-translation, as in Arivazhagan et al. 2020, "Re-translation strategies for long form, simultaneous, spoken language
translation", section 3: of the sentence being typed, what was shown is kept as far as the network, which has now read
more, still finds it plausible. A sentence that has its end is translated as any other, and not again until it changes.
"""

import dataclasses
import functools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nmt import languages
from nmt.config import SearchConfig, TranslationOptions
from nmt.search.steering import Guide, Loyalty
from nmt.text.masking import Masked
from nmt.translating.planning import assemble
from nmt.translation import Alternative, Sentence, Word
from nmt.translator import Translator

_MARGIN = 2.0  # nats that a shown token may be less probable than the best one: see benchmarks/live.py
_SURE = 0.1  # probability of a beginning that seldom changes as the sentence goes on: see benchmarks/live.py
_MOST_TYPED = 6  # characters: more at once have been pasted, and their last word is whole
_UNFINISHED_WORD = re.compile(r"\S*[\w'’@/_-]\Z")
_END = re.compile(r"""[.!?…。．！？؟۔।॥]["'”’“»›)\]}」』）】〉》]*\Z""")
_STOPS = (".", "。", "．", "।", "۔")


@dataclass(frozen=True, eq=False)
class LiveTranslation:
    """What an update has come to.

    Attributes:
        text: the translation of the whole text but for spaces at its end. While a sentence is being typed, it has no
            full stop; once it has its end, or the same text has come twice, it is what `Translator.translate` gives.
        num_kept: characters at its beginning that are the same as before.
        num_sure: characters at its beginning that are not likely to change while the sentence goes on: those that the
            model, from what it has read, would write with some probability, however the translation goes on.
        sentences: translated, in order.
        seconds: that it took.
    """

    text: str
    num_kept: int
    num_sure: int
    sentences: tuple[Sentence, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class _Known:
    """A sentence of the text as it was."""

    masked: Masked
    sentence: Sentence
    is_whole: bool


class LiveTranslator:
    """Translates one text while it is typed; each visitor or pane needs its own. One thread at a time may use it.

    A word that is being typed is left out until it is followed by white space or punctuation. The same text once more
    says that nothing follows: then it is translated with its last word, and as if its last sentence had its end.

    Args:
        translator: of the model; many can share it.
        config: how to search; the model's own setting where None.
        options: what else to keep.

    Example:
        live = LiveTranslator(translator)
        for text in ("Where ", "Where is the ", "Where is the station?"):
            print(live.update(text).text)
    """

    def __init__(
        self, translator: Translator, config: SearchConfig | None = None, options: TranslationOptions | None = None
    ):
        self._translator = translator
        self._config, self._options = config or translator.search, options or TranslationOptions()
        self._uses_spaces = languages.language(translator.info.source_language).uses_spaces
        self._known: list[_Known] = []
        self._typed = self._shown = ""

    def update(self, text: str) -> LiveTranslation:
        """The translation of the text as it is now."""
        start = time.perf_counter()
        read = text[: len(text) - self._num_unfinished(text)].rstrip(" ")  # which would come and go
        plan = self._translator.planner.plan(read, self._options)
        masked = [part for part in plan if isinstance(part, Masked)]
        ends = text == self._typed or bool(_END.search(read)) or read.endswith(("\n", "\r"))
        known = self._translated(masked, ends)
        translation = assemble(text, plan, iter(one.sentence for one in known))
        num_kept = _num_common(self._shown, translation.text)
        num_sure = len(translation.text)
        if known and not known[-1].is_whole:
            last = known[-1].sentence.alternatives[0]
            num_sure = translation.text.rindex(last.text) + _num_sure(last)
        self._known, self._typed, self._shown = known, text, translation.text
        seconds = time.perf_counter() - start
        return LiveTranslation(translation.text, num_kept, num_sure, translation.sentences, seconds)

    def _num_unfinished(self, text: str) -> int:
        """Characters at the end of a text that are the beginning of a word."""
        common = _num_common(self._typed, text)
        added = text[common:]
        pasted = len(added) > _MOST_TYPED or " " in added.strip()
        if not self._uses_spaces or text == self._typed or pasted:
            return 0
        match = _UNFINISHED_WORD.search(text)
        return len(match[0]) if match else 0

    def _translated(self, masked: Sequence[Masked], ends: bool) -> list[_Known]:
        """The sentences of the text, of which all but the last are whole, and the last where it `ends`."""
        before = _counterparts(self._known, masked)
        whole = [number < len(masked) - 1 or ends for number in range(len(masked))]
        found = [
            old if old and old.masked == one and old.is_whole == is_whole else None
            for one, old, is_whole in zip(masked, before, whole, strict=True)
        ]
        places = [k for k, known in enumerate(found) if known is None and whole[k]]
        sentences = self._translator.sentences.translate([masked[k] for k in places], self._config, self._options)
        for k, sentence in zip(places, sentences, strict=True):
            found[k] = _Known(masked[k], sentence, True)
        return [one or _Known(masked[-1], self._unfinished(masked[-1], before[-1]), False) for one in found]

    def _unfinished(self, masked: Masked, before: _Known | None) -> Sentence:
        """The translation of the sentence that is being typed."""
        guide: Guide | None = None
        if before is not None:
            tokens = before.sentence.alternatives[0].tokens
            while tokens and tokens[-1].endswith(_STOPS):
                tokens = tokens[:-1]
            # None are left where the sentence has become one of another kind, for another network.
            ids = self._translator.sentences.ids(masked, tokens)
            guide = Loyalty(ids, _MARGIN) if ids else None
        # Whether it is complete is seen when it is.
        options = dataclasses.replace(self._options, check=False)
        (found,) = self._translator.sentences.translate([masked], self._config, options, guides=[guide])
        return dataclasses.replace(found, alternatives=tuple(map(_without_stop, found.alternatives)))


def _num_sure(one: Alternative) -> int:
    """Characters at the beginning of a translation that the model is likely to begin with, given what it has read."""
    end, chance = 0, 1.0
    for word in one.words:
        chance *= 1.0 if word.probability is None else word.probability
        if chance < _SURE:
            break
        end = word.end
    return end


def _without_stop(one: Alternative) -> Alternative:
    """The translation without the full stop at its end, if that is not all there is."""
    if not one.text.endswith(_STOPS) or one.text.endswith((*(2 * stop for stop in _STOPS),)) or len(one.text) < 2:
        return one
    return dataclasses.replace(one, text=one.text[:-1].rstrip(), find_words=functools.partial(_without_last_sign, one))


def _without_last_sign(one: Alternative) -> tuple[Word, ...]:
    *words, last = one.words
    shorter = dataclasses.replace(last, text=last.text[:-1], end=last.end - 1)
    return (*words, shorter) if shorter.text else tuple(words)


def _counterparts(known: Sequence[_Known], masked: Sequence[Masked]) -> list[_Known | None]:
    """What each sentence was before: the same one, or the one that has changed into it."""
    most = min(len(known), len(masked))
    ahead = next((k for k in range(most) if known[k].masked != masked[k]), most)
    behind = next((k for k in range(most - ahead) if known[-1 - k].masked != masked[-1 - k]), most - ahead)
    changed = known[ahead : len(known) - behind]
    num_changed = len(masked) - ahead - behind
    between = [changed[k] if k < len(changed) else None for k in range(num_changed)]
    return [*known[:ahead], *between, *known[len(known) - behind :]]


def _num_common(one: str, other: str) -> int:
    """Characters at the beginning that two texts have in common."""
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
