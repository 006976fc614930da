"""What a search has found as a translated sentence: text, words, and what looks wrong with it."""

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nmt import languages
from nmt.bundle import BundleConfig
from nmt.config import SearchConfig, Term
from nmt.search.beam import Hypothesis, max_lengths
from nmt.text import glossary, quality
from nmt.text.casing import first_to_raise, headed, shout
from nmt.text.masking import Masked, with_numbers
from nmt.text.placement import Restored, restore
from nmt.text.quantities import invented_numbers, missing_numbers
from nmt.text.reading import Reading, columns_of, read
from nmt.tokenizer import Tokenizer
from nmt.translating.opening import Opening
from nmt.translating.words import aligned, words
from nmt.translation import Alternative, Sentence, Word, untranslated

# Letters spelled in bytes could come out as a line break or as half a character.
_UNPRINTABLE_SIGN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")
_UNPRINTABLE = re.compile(f"{_UNPRINTABLE_SIGN.pattern}+")


@dataclass(frozen=True, eq=False)
class Task:
    """A sentence to translate and what is asked of its translation.

    Attributes:
        masked: the sentence.
        ids: what the model reads, EOS last.
        terms: of the glossary that it has.
        check: whether to look for problems.
        opening: what its translation begins with.
    """

    masked: Masked
    ids: list[int]
    terms: tuple[Term, ...] = ()
    check: bool = True
    opening: Opening | None = None


@dataclass(frozen=True, eq=False)
class Draft:
    """A task, what was found for it, and what that looks like."""

    task: Task
    hypotheses: list[Hypothesis]
    config: SearchConfig
    sentence: Sentence

    @property
    def faults(self) -> tuple[int, int]:
        """The fewer, the better; a missed term is the worst."""
        return len(self.sentence.missed_terms), len(self.sentence.problems)

    @property
    def num_guesses(self) -> int:
        """Protected spans whose place is a guess."""
        return sum(problem.startswith(quality.GUESS) for problem in self.sentence.problems)


class Drafter:
    """Turns hypotheses into sentences.

    Args:
        source: its tokenizer.
        target_of: gives that of the translation of a source.
        config: of the bundle.
    """

    def __init__(self, source: Tokenizer, target_of: Callable[[Sequence[int]], Tokenizer], config: BundleConfig):
        self._source, self._target_of = source, target_of
        self._languages = (config.source_language, config.target_language)
        self._spaced = languages.language(config.target_language).uses_spaces

    def draft(self, task: Task, hypotheses: list[Hypothesis], config: SearchConfig) -> Draft:
        """What the hypotheses, best first, say; never nothing."""
        masked, target = task.masked, self._target_of(task.ids)
        columns = columns_of(masked, task.ids[:-1], self._source) if masked.slots else []
        alternatives: dict[str, Alternative] = {}  # one text can be spelled in several ways; the best counts
        problems: list[str] = []
        for hypothesis in hypotheses:
            plain = _UNPRINTABLE.sub(" ", target.decode(hypothesis.ids[:-1])).strip()
            if not plain:
                continue
            one, guessed = self._alternative(task, hypothesis, plain, columns)
            if one.text in alternatives:
                continue
            if not alternatives:
                problems += self._problems(task, one.text, plain, len(one.tokens), config) if task.check else []
                problems += [f"{quality.GUESS}: {span}" for span in guessed]
            alternatives[one.text] = one
        if not alternatives:  # all that was found were spaces; the source says more than nothing
            one = self._nothing(task, hypotheses)
            alternatives[one.text] = one
            problems.append(quality.EMPTY)
        missed = [term.source for term in glossary.missed_terms(next(iter(alternatives)), task.terms)]
        problems += [f"{quality.GLOSSARY}: {source}" for source in missed]
        sentence = Sentence(
            masked.source,
            tuple(self._source.pieces(task.ids)),
            tuple(alternatives.values()),
            tuple(problems),
            tuple(missed),
            masked.read_as,
        )
        return Draft(task, hypotheses, config, sentence)

    def mended(self, draft: Draft) -> Draft:
        """The draft with its missing numbers put in where they were read; as it is where none is missing or read.

        A number put in anywhere would read worse than one left out and reported.
        """
        text, masked = draft.sentence.alternatives[0].text, draft.task.masked
        missing = missing_numbers(masked.source, text, *self._languages)
        numbered = with_numbers(masked, missing) if missing and draft.task.opening is None else masked
        if len(numbered.slots) == len(masked.slots):
            return draft
        task = dataclasses.replace(draft.task, masked=numbered)
        mended = self.draft(task, draft.hypotheses, draft.config)
        if mended.num_guesses > draft.num_guesses:
            return draft
        return dataclasses.replace(mended, task=draft.task)

    def beginning(self, task: Task, hypothesis: Hypothesis) -> str:
        """What the beginning of a translation looks like, without protected spans whose place is not known yet."""
        target = self._target_of(task.ids)
        text = _UNPRINTABLE.sub(" ", target.decode(hypothesis.ids).rstrip("\ufffd")).strip()
        if not task.masked.slots or not text:
            return task.masked.before + self._cased(text, task.masked)
        columns = columns_of(task.masked, task.ids[:-1], self._source)
        reading = _reading(target.pieces(hypothesis.ids), hypothesis.attention, columns)
        return self._as_loud(restore(task.masked, reading, self._spaced, is_whole=False), task).text

    def _alternative(
        self, task: Task, hypothesis: Hypothesis, plain: str, columns: Sequence[tuple[int, int]]
    ) -> tuple[Alternative, tuple[str, ...]]:
        """A translation with its beginning and its spans, and those of them whose place is a guess."""
        pieces, log_probs = tuple(self._target_of(task.ids).pieces(hypothesis.ids[:-1])), hypothesis.log_probs
        attention = hypothesis.attention[:-1, : len(task.ids)]
        guessed: tuple[str, ...] = ()
        find: Callable[[], tuple[Word, ...]]
        if task.opening is None and not task.masked.has_spans:
            text = self._cased(plain, task.masked)
            find = functools.partial(_plain_words, text, plain, pieces, attention, log_probs, self._spaced)
        else:
            reading = _reading(pieces, attention, columns)
            restored = self._restored(task, reading)
            text, guessed = restored.text, restored.guessed
            find = functools.partial(words, text, restored.origins, reading, log_probs, self._spaced)
        return Alternative(text, hypothesis.score, pieces, log_probs[:-1], attention, find), guessed

    def _restored(self, task: Task, reading: Reading) -> Restored:
        if task.opening is not None:
            return self._as_loud(task.opening.finish(reading, self._spaced), task)
        return self._as_loud(restore(task.masked, reading, self._spaced), task)

    def _as_loud(self, restored: Restored, task: Task) -> Restored:
        """With the capitals of the sentence; what was not translated stays, and so does what was typed."""
        masked, text = task.masked, restored.text
        if not masked.is_shouted and not masked.is_capitalised:
            return restored
        typed = len(task.opening.text) if task.opening else 0
        own = [k for k, origin in enumerate(restored.origins) if k >= typed and origin >= 0 and text[k].isalpha()]
        first = first_to_raise("".join(map(self._seen_by_reader(masked), text, restored.origins)))
        raised = set(own if masked.is_shouted else [first] if first in own and not typed else ())
        loud = shout(text, self._languages[1])
        text = "".join(loud[k] if k in raised else sign for k, sign in enumerate(text))
        return dataclasses.replace(restored, text=text)

    @staticmethod
    def _seen_by_reader(masked: Masked) -> Callable[[str, int], str]:
        """Gives a sign of a translation if it is a part of the sentence, and a space for what only stands beside it."""

        def seen(sign: str, origin: int) -> str:
            role = masked.slots[-2 - origin].span.role if origin <= -2 else ""
            return sign if origin >= 0 or role in ("name", "number") else " "

        return seen

    def _cased(self, text: str, masked: Masked) -> str:
        if masked.is_capitalised:
            return headed(text, self._languages[1])
        return shout(text, self._languages[1]) if masked.is_shouted else text

    def _nothing(self, task: Task, hypotheses: Sequence[Hypothesis]) -> Alternative:
        text = task.masked.source
        if task.opening is not None and not text.startswith(task.opening.text):
            text = task.opening.text
        score = hypotheses[0].score if hypotheses else -math.inf
        return untranslated(text, len(task.ids), score)

    def _problems(self, task: Task, text: str, plain: str, num_target: int, config: SearchConfig) -> list[str]:
        limit = int(max_lengths([len(task.ids)], config)[0]) - 1
        sizes = quality.Sizes(len(task.ids) - 1, num_target, limit)
        found = list(quality.problems(task.masked.text, plain, sizes, self._languages[1]))
        missing = missing_numbers(task.masked.source, text, *self._languages)
        invented = invented_numbers(task.masked.source, text, self._languages[0])
        return [
            *found,
            *(f"{quality.NUMBER}: {number}" for number in missing),
            *(f"{quality.INVENTED}: {number}" for number in invented),
        ]


def _reading(pieces: Sequence[str], attention: np.ndarray, columns: Sequence[tuple[int, int]]) -> Reading:
    reading = read(pieces, attention, columns)
    # Sign by sign, so that the bounds stay where they are.
    return dataclasses.replace(reading, text=_UNPRINTABLE_SIGN.sub(" ", reading.text))


def _plain_words(
    text: str, plain: str, pieces: Sequence[str], attention: np.ndarray, log_probs: Sequence[float], uses_spaces: bool
) -> tuple[Word, ...]:
    """The words of a translation without spans: `text` is `plain` but for capitals."""
    reading = _reading(pieces, attention, ())
    return words(text, aligned(plain, reading.text), reading, log_probs, uses_spaces)
