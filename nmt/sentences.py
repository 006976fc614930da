"""Sentences in, translations out: the search, and what is done where its first answer will not do."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nmt import glossary, languages, quality
from nmt.batching import DynamicBatcher
from nmt.bundle import BundleConfig
from nmt.config import SearchConfig, Term, TranslationOptions
from nmt.constraints import Demands, constrained_search
from nmt.engines import Engine
from nmt.masking import Masked, with_numbers
from nmt.placement import restore
from nmt.quantities import missing_numbers
from nmt.reading import columns_of, read
from nmt.search import Hypothesis, max_lengths, search
from nmt.tokenizer import EOS_ID, Tokenizer
from nmt.translation import Alternative, Sentence

# Letters spelled in bytes could come out as a line break or as half a character.
_UNPRINTABLE_SIGN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")
_UNPRINTABLE = re.compile(f"{_UNPRINTABLE_SIGN.pattern}+")
_NO_REPEAT = 3  # tokens in a row that a second search says only once, where the first one ran in circles


@dataclass(frozen=True, eq=False)
class _Draft:
    """A sentence, what was found for it, and what that looks like."""

    masked: Masked
    ids: list[int]  # what the model has read, EOS last
    hypotheses: list[Hypothesis]
    config: SearchConfig
    terms: tuple[Term, ...]  # of the glossary
    sentence: Sentence

    @property
    def faults(self) -> tuple[int, int]:
        """The fewer, the better; a missed term is the worst."""
        return len(self.sentence.missed_terms), len(self.sentence.problems)


class SentenceTranslator:
    """Translates sentences with one model. Safe to share between threads.

    Args:
        engine: the network.
        source, target: its tokenizers.
        config: of the bundle.
        num_workers: batches in work at the same time.
    """

    def __init__(self, engine: Engine, source: Tokenizer, target: Tokenizer, config: BundleConfig, num_workers: int):
        self._engine, self._source, self._target = engine, source, target
        self._languages = (config.source_language, config.target_language)
        self._source_spaced, self._target_spaced = (languages.language(code).uses_spaces for code in self._languages)
        self._batcher = DynamicBatcher(self._search_batch, num_workers)

    def translate(
        self, sentences: Sequence[Masked], config: SearchConfig, options: TranslationOptions
    ) -> list[Sentence]:
        """Translate each sentence, whatever the others are.

        First all are searched in the usual way. Where that misses a term of the glossary, a constrained search
        follows. Where the result then has problems, missing numbers are put in by their place in the source, and if
        that is not all, it is searched again with other settings; the better result is kept.
        """
        encoded = [[*ids, EOS_ID] for ids in self._source.encode_batch([masked.text for masked in sentences])]
        found = self._batcher.run(encoded, config)
        drafts = []
        for masked, ids, hypotheses in zip(sentences, encoded, found, strict=True):
            terms = glossary.terms_in(_own_words(masked), options.glossary, self._source_spaced)
            drafts.append(self._draft(masked, ids, hypotheses, config, terms, options.check))
        self._improve(
            drafts, [k for k, draft in enumerate(drafts) if draft.sentence.missed_terms], options.check, False
        )
        if options.check:
            failing = [k for k, draft in enumerate(drafts) if draft.sentence.problems]
            for k in failing:
                drafts[k] = self._mended(drafts[k])
            self._improve(drafts, [k for k in failing if drafts[k].sentence.problems], True, True)
        return [draft.sentence for draft in drafts]

    def _search_batch(self, sources: list[list[int]], config: SearchConfig) -> list[list[Hypothesis]]:
        longest = max_lengths([len(ids) for ids in sources], config)
        return search(self._engine.step, self._engine.encode(sources), longest, config)

    def _improve(self, drafts: list[_Draft], places: Sequence[int], check: bool, other: bool) -> None:
        """Search again for the drafts at these places, with `other` settings or the same, and keep what is better."""
        if not places:
            return
        plain: dict[SearchConfig, list[int]] = {}
        demanding: dict[SearchConfig, list[tuple[int, Demands]]] = {}
        for k in places:
            draft = drafts[k]
            config = quality.other_search(draft.config, draft.sentence.problems) if other else draft.config
            repeats = other and quality.blocks_repeats(draft.sentence.problems)
            if draft.terms or repeats:
                demands = self._demands(draft.terms, _NO_REPEAT if repeats else 0)
                demanding.setdefault(config, []).append((k, demands))
            else:
                plain.setdefault(config, []).append(k)
        found: list[tuple[int, SearchConfig, list[Hypothesis]]] = []
        for config, group in plain.items():
            hypotheses = self._batcher.run([drafts[k].ids for k in group], config)
            found += [(k, config, one) for k, one in zip(group, hypotheses, strict=True)]
        for config, pairs in demanding.items():
            found += self._search_demanding(drafts, pairs, config)
        for k, config, one in found:
            old = drafts[k]
            if one:
                new = self._draft(old.masked, old.ids, one, config, old.terms, check)
                new = self._mended(new) if other else new
                drafts[k] = min(old, new, key=lambda draft: draft.faults)  # the old one where they are equal

    def _search_demanding(
        self, drafts: Sequence[_Draft], pairs: list[tuple[int, Demands]], config: SearchConfig
    ) -> Iterator[tuple[int, SearchConfig, list[Hypothesis]]]:
        pairs = sorted(pairs, key=lambda pair: (len(drafts[pair[0]].ids), pair[1].size))
        for start in range(0, len(pairs), config.batch_size):
            batch = pairs[start : start + config.batch_size]
            sources = [drafts[k].ids for k, _ in batch]
            longest = max_lengths([len(ids) for ids in sources], config)
            state = self._engine.encode(sources)
            demands = [one for _, one in batch]
            hypotheses = constrained_search(self._engine.step, state, longest, config, demands)
            yield from ((k, config, one) for (k, _), one in zip(batch, hypotheses, strict=True))

    def _demands(self, terms: Sequence[Term], no_repeat: int) -> Demands:
        phrases = [
            tuple(dict.fromkeys(tuple(ids) for ids in self._target.encode_batch(glossary.spellings(term)) if ids))
            for term in terms
        ]
        return Demands(tuple(phrase for phrase in phrases if phrase), no_repeat)

    def _draft(
        self,
        masked: Masked,
        ids: list[int],
        hypotheses: list[Hypothesis],
        config: SearchConfig,
        terms: tuple[Term, ...],
        check: bool,
    ) -> _Draft:
        columns = columns_of(masked, ids[:-1], self._source) if masked.slots else []
        alternatives: dict[str, Alternative] = {}  # one text can be spelled in several ways; the best counts
        problems: list[str] = []
        for hypothesis in hypotheses:
            tokens = hypothesis.ids[:-1]
            pieces = self._target.pieces(tokens)
            attention = hypothesis.attention[:-1, : len(ids)]
            text = plain = _UNPRINTABLE.sub(" ", self._target.decode(tokens)).strip()
            guessed: tuple[str, ...] = ()
            if plain and masked.has_spans:
                reading = read(pieces, attention, columns)
                # Sign by sign, so that the bounds stay where they are.
                reading = dataclasses.replace(reading, text=_UNPRINTABLE_SIGN.sub(" ", reading.text))
                restored = restore(masked, reading, self._target_spaced)
                text, guessed = restored.text, restored.guessed
            if not plain or text in alternatives:
                continue
            if not alternatives:
                problems += self._problems(masked, text, plain, (len(ids), len(tokens)), config) if check else []
                problems += [f"{quality.GUESS}: {span}" for span in guessed]
            alternatives[text] = Alternative(
                text, hypothesis.score, tuple(pieces), hypothesis.log_probs[:-1], attention
            )
        if not alternatives:  # all that was found were spaces; the source says more than nothing
            nothing = np.zeros((0, len(ids)), dtype=np.float32)
            alternatives[masked.source] = Alternative(masked.source, hypotheses[0].score, (), (), nothing)
            problems.append(quality.EMPTY)
        missed = [term.source for term in glossary.missed_terms(next(iter(alternatives)), terms)]
        problems += [f"{quality.GLOSSARY}: {source}" for source in missed]
        sentence = Sentence(
            masked.source,
            tuple(self._source.pieces(ids)),
            tuple(alternatives.values()),
            tuple(problems),
            tuple(missed),
        )
        return _Draft(masked, ids, hypotheses, config, terms, sentence)

    def _problems(
        self, masked: Masked, text: str, plain: str, lengths: tuple[int, int], config: SearchConfig
    ) -> list[str]:
        num_source, num_target = lengths
        limit = int(max_lengths([num_source], config)[0]) - 1
        sizes = quality.Sizes(num_source - 1, num_target, limit)
        found = list(quality.problems(masked.text, plain, sizes, self._languages[1]))
        missing = missing_numbers(masked.source, text, *self._languages)
        return found + [f"{quality.NUMBER}: {number}" for number in missing]

    def _mended(self, draft: _Draft) -> _Draft:
        """The draft with its missing numbers put in where they were read; as it is where none is missing or read.

        A number put in anywhere would read worse than one left out and reported.
        """
        text = draft.sentence.alternatives[0].text
        missing = missing_numbers(draft.masked.source, text, *self._languages)
        masked = with_numbers(draft.masked, missing) if missing else draft.masked
        if len(masked.slots) == len(draft.masked.slots):
            return draft
        mended = self._draft(masked, draft.ids, draft.hypotheses, draft.config, draft.terms, True)
        if _num_guesses(mended) > _num_guesses(draft):
            return draft
        return dataclasses.replace(mended, masked=draft.masked)


def _num_guesses(draft: _Draft) -> int:
    return sum(problem.startswith(quality.GUESS) for problem in draft.sentence.problems)


def _own_words(masked: Masked) -> str:
    """What a sentence says outside its spans."""
    parts, done = [], 0
    for slot in masked.slots:
        parts.append(masked.text[done : slot.start])
        done = slot.end
    return " ".join((*parts, masked.text[done:]))
