"""Sentences in, translations out: the search, and what is done where its first answer will not do."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

from nmt import languages
from nmt.bundle import BundleConfig
from nmt.config import SearchConfig, TranslationOptions
from nmt.engines import Engine
from nmt.engines.routed import target_of
from nmt.search.beam import Hypothesis
from nmt.search.constraints import Demands
from nmt.search.steering import Guide
from nmt.text import glossary, quality
from nmt.text.masking import Masked
from nmt.tokenizer import EOS_ID, Tokenizer
from nmt.translating.drafts import Draft, Drafter, Task
from nmt.translating.opening import Opening, opening
from nmt.translating.queries import Query, Searcher
from nmt.translating.spelling import Spellings
from nmt.translation import Sentence

_NO_REPEAT = 3  # tokens in a row that a second search says only once, where the first one ran in circles
# Told the place of a sentence and the beginning of its translation; False stops the search for it.
Show = Callable[[int, str], bool]


class SentenceTranslator:
    """Translates sentences with one model. Safe to share between threads.

    Args:
        engine: the network.
        source, target: its tokenizers.
        config: of the bundle.
        num_workers: batches in work at the same time.
    """

    def __init__(self, engine: Engine, source: Tokenizer, target: Tokenizer, config: BundleConfig, num_workers: int):
        self._source = source
        self._source_spaced = languages.language(config.source_language).uses_spaces
        self._target_language = config.target_language
        self._target_of: Callable[[Sequence[int]], Tokenizer] = functools.partial(target_of, engine, usual=target)
        self._drafter = Drafter(source, self._target_of, config)
        self._searcher = Searcher(engine, num_workers)
        self._spellings = functools.cache(Spellings)  # made when first needed

    @property
    def searcher(self) -> Searcher:
        """What searches."""
        return self._searcher

    def ids(self, masked: Masked, tokens: Sequence[str]) -> tuple[int, ...]:
        """The ids of the tokens of a translation of a sentence, up to one that its network does not write."""
        return self._spellings(self._target_of(self._encode(masked))).ids(tokens)

    def task(self, masked: Masked, options: TranslationOptions, begin: str = "") -> Task:
        """What it takes to translate a sentence, with a translation that begins with `begin`."""
        (task,) = self._tasks([masked], options)
        return dataclasses.replace(task, opening=self._opening(masked, task.ids, begin) if begin else None)

    def opening(self, masked: Masked, begin: str) -> Opening:
        """What it takes to begin the translation of a sentence with `begin`."""
        return self._opening(masked, self._encode(masked), begin)

    def _encode(self, masked: Masked) -> list[int]:
        return [*self._source.encode(masked.text), EOS_ID]

    def _opening(self, masked: Masked, source: Sequence[int], begin: str) -> Opening:
        target = self._target_of(source)
        return opening(masked, begin, target, self._spellings(target), self._target_language)

    def translate(
        self,
        sentences: Sequence[Masked],
        config: SearchConfig,
        options: TranslationOptions,
        *,
        guides: Sequence[Guide | None] = (),
        show: Show | None = None,
    ) -> list[Sentence]:
        """Translate each sentence, whatever the others are.

        First all are searched in the usual way. Where that misses a term of the glossary, a constrained search
        follows. Where the result then has problems, missing numbers are put in by their place in the source, and if
        that is not all, it is searched again with other settings; the better result is kept.

        Args:
            sentences: as the model reads them.
            config, options: what is asked for.
            guides: of each sentence, what keeps its translation to a beginning.
            show: who is to see the translations grow.

        Returns:
            A translation of each; nothing at all where `show` has stopped the search.
        """
        return self.fulfil(self._tasks(sentences, options), config, guides, show)

    def fulfil(
        self,
        tasks: Sequence[Task],
        config: SearchConfig,
        guides: Sequence[Guide | None] = (),
        show: Show | None = None,
    ) -> list[Sentence]:
        """As `translate`, of tasks; each begins as it says, or as its guide does."""
        watches = [None if show is None else self._watch(k, task, show) for k, task in enumerate(tasks)]
        chosen = guides or [_guide(task) for task in tasks]
        queries = [Query(task.ids, guide, watch) for task, guide, watch in zip(tasks, chosen, watches, strict=True)]
        found = self._searcher.find(queries, config)
        if show is not None and not all(found):
            return []
        drafts = [self._drafter.draft(task, one, config) for task, one in zip(tasks, found, strict=True)]
        self._improve(drafts, [k for k, draft in enumerate(drafts) if draft.sentence.missed_terms], False)
        failing = [k for k, draft in enumerate(drafts) if draft.task.check and draft.sentence.problems]
        for k in failing:
            drafts[k] = self._drafter.mended(drafts[k])
        self._improve(drafts, [k for k in failing if drafts[k].sentence.problems], True)
        return [draft.sentence for draft in drafts]

    def _tasks(self, sentences: Sequence[Masked], options: TranslationOptions) -> list[Task]:
        encoded = self._source.encode_batch([masked.text for masked in sentences])
        terms = [glossary.terms_in(_own_words(one), options.glossary, self._source_spaced) for one in sentences]
        return [
            Task(masked, [*ids, EOS_ID], own, options.check)
            for masked, ids, own in zip(sentences, encoded, terms, strict=True)
        ]

    def _watch(self, place: int, task: Task, show: Show) -> Callable[[Hypothesis], bool]:
        return lambda hypothesis: show(place, self._drafter.beginning(task, hypothesis))

    def _improve(self, drafts: list[Draft], places: Sequence[int], other: bool) -> None:
        """Search again for the drafts at these places, with `other` settings or the same, and keep what is better."""
        plain: dict[SearchConfig, list[int]] = {}
        demanding: dict[SearchConfig, list[tuple[int, Demands]]] = {}
        for k in places:
            draft = drafts[k]
            config = quality.other_search(draft.config, draft.sentence.problems) if other else draft.config
            repeats = other and quality.blocks_repeats(draft.sentence.problems)
            if draft.task.terms or repeats:
                no_repeat = config.no_repeat_ngram or (_NO_REPEAT if repeats else 0)
                demanding.setdefault(config, []).append((k, self._demands(draft.task, no_repeat)))
            elif not config.temperature:  # what is drawn again by the same chances is the same
                plain.setdefault(config, []).append(k)
        found: list[tuple[int, SearchConfig, list[Hypothesis]]] = []
        for config, group in plain.items():
            hypotheses = self._searcher.find([_query(drafts[k]) for k in group], config)
            found += [(k, config, one) for k, one in zip(group, hypotheses, strict=True)]
        for config, pairs in demanding.items():
            found += self._search_demanding(drafts, pairs, config)
        for k, config, one in found:
            old = drafts[k]
            if one:
                new = self._drafter.draft(old.task, one, config)
                new = self._drafter.mended(new) if other else new
                drafts[k] = min(old, new, key=lambda draft: draft.faults)  # the old one where they are equal

    def _search_demanding(
        self, drafts: Sequence[Draft], pairs: list[tuple[int, Demands]], config: SearchConfig
    ) -> Iterator[tuple[int, SearchConfig, list[Hypothesis]]]:
        queries, demands = [_query(drafts[k]) for k, _ in pairs], [one for _, one in pairs]
        for place, hypotheses in self._searcher.find_demanding(queries, demands, config):
            yield pairs[place][0], config, hypotheses

    def _demands(self, task: Task, no_repeat: int) -> Demands:
        target = self._target_of(task.ids)
        phrases = [
            tuple(dict.fromkeys(tuple(ids) for ids in target.encode_batch(glossary.spellings(term)) if ids))
            for term in task.terms
        ]
        return Demands(tuple(phrase for phrase in phrases if phrase), no_repeat)


def _guide(task: Task) -> Guide | None:
    return task.opening.guide if task.opening else None


def _query(draft: Draft) -> Query:
    return Query(draft.task.ids, _guide(draft.task))


def _own_words(masked: Masked) -> str:
    """What a sentence says outside its spans."""
    parts, done = [], 0
    for slot in masked.slots:
        parts.append(masked.text[done : slot.start])
        done = slot.end
    words = " ".join((*parts, masked.text[done:]))
    return words.upper() if masked.is_shouted else words
