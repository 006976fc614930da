"""Words and short phrases with their translations, found in parallel sentences.

A model that has read nothing but sentences makes a sentence of whatever it is given: "Price" becomes an exclamation.
What headings, buttons and single words need is in its own training text, where words stand beside their translations.
Words are aligned (`nmt.corpora.alignment`), and phrases that are aligned with nothing outside are counted (Koehn, Och
and Marcu 2003, section 3.1).
"""

import collections
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.corpora.alignment import align
from nmt.corpora.corpus import Corpus
from nmt.corpora.rows import Rows
from nmt.corpora.words import Word, words_in
from nmt.errors import CorpusError
from nmt.option import check

_MOST = 200_000  # pairs that are read: of English and Japanese they need 2 GB of memory
_LONGEST = 30  # words of a sentence; longer ones tell little for what they cost
_SURE = 0.3  # of a link, both directions together


@dataclass(frozen=True)
class PhraseRules:
    """Which phrases are kept.

    Attributes:
        max_words: of a source phrase.
        least_count: how often a phrase must have been translated so.
        least_share: of its translations, how many must be this one. For a single word, which has more of them, half
            of this and of `least_count` are enough.
        max_phrases: the most frequent ones.

    Raises:
        ConfigError: a value that cannot be.
    """

    max_words: int = 4
    least_count: int = 3
    least_share: float = 0.3
    max_phrases: int = 50_000

    def __post_init__(self) -> None:
        for name in ("max_words", "least_count", "max_phrases"):
            check(getattr(self, name) >= 1, f"{name.replace('_', '-')} must be at least 1")
        check(0 <= self.least_share <= 1, "least-share must be 0 to 1")


@dataclass(frozen=True)
class _Side:
    """The words of one side: `words[n]` are those of `texts[n]`; `starts[n]` is the place of the first in `ids`."""

    texts: list[str]
    words: list[list[Word]]
    ids: np.ndarray
    starts: np.ndarray

    def phrase(self, n: int, first: int, last: int) -> str:
        """The words from the first to the last, as they are written."""
        return self.texts[n][self.words[n][first].start : self.words[n][last].end]


def find_phrases(
    corpus: Corpus, source_language: str, target_language: str, rules: PhraseRules | None = None
) -> Corpus:
    """Phrases and how they are translated most often, the most frequent first.

    They are written as within a sentence. The capitals of headings are taken off before a model reads them
    (`nmt.text.casing`).

    Args:
        corpus: sentences, some ten thousand or more. Of more than 200,000 pairs some are passed over, evenly.
        source_language, target_language: codes such as "en".
        rules: which ones are kept.

    Raises:
        CorpusError: no phrase is frequent enough.
        ConfigError: a language whose words cannot be told apart.
        MissingExtraError: what takes Japanese apart is not installed.
    """
    rules = rules or PhraseRules()
    chosen = np.linspace(0, len(corpus), min(len(corpus), _MOST), endpoint=False, dtype=np.int64)
    source = _side([corpus.sources[n] for n in chosen], source_language)
    target = _side([corpus.targets[n] for n in chosen], target_language)
    several: set[str] = set()
    counts = collections.Counter(_extracted(source, target, _links(source, target), rules.max_words, several))
    best = _best(counts, rules, several)
    if not best:
        raise CorpusError(
            f"{len(corpus):,} pairs hold no phrase that is translated alike {rules.least_count} times, and no word "
            "that is so half as often; give more text"
        )
    frequent = sorted(best, key=lambda found: (-found[0], found))[: rules.max_phrases]
    return Corpus([phrase for _, phrase, _ in frequent], [other for _, _, other in frequent])


def _best(
    counts: collections.Counter[tuple[str, str]], rules: PhraseRules, several: Collection[str]
) -> Collection[tuple[int, str, str]]:
    """Count, phrase and its most frequent translation; without what is too rare or too uncertain.

    Of phrases of `several` words more is asked than of single ones.
    """
    totals: tuple[collections.Counter[str], ...] = (collections.Counter(), collections.Counter())
    for pair, count in counts.items():
        for total, text in zip(totals, pair, strict=True):
            total[text] += count
    best: dict[str, tuple[int, float, str, str]] = {}
    for (phrase, other), count in counts.items():
        ease = 1 if phrase in several else 2
        least_share = rules.least_share / ease
        share, share_back = count / totals[0][phrase], count / totals[1][other]
        # Back as well, else what is left over goes to frequent words.
        if count >= rules.least_count / ease and share >= least_share and share_back >= least_share / 3:
            key = phrase.lower()
            best[key] = max(best.get(key, (0, 0.0, "", "")), (count, share_back, phrase, other))
    return [(count, phrase, other) for count, _, phrase, other in best.values()]


def _side(texts: Sequence[str], language: str) -> _Side:
    words = words_in(texts, language)
    written = _without_initial_capitals(texts, words)
    known: dict[str, int] = {}
    ids = [
        known.setdefault(text[word.start : word.end].lower(), len(known))
        for text, row in zip(written, words, strict=True)
        for word in row
    ]
    return _Side(written, words, np.array(ids, np.int64), np.cumsum([0, *map(len, words)]))


def _without_initial_capitals(texts: Sequence[str], words: Sequence[Sequence[Word]]) -> list[str]:
    """With the first word of each sentence as it is written within sentences."""
    forms: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for text, row in zip(texts, words, strict=True):
        for before, word in itertools.pairwise(row):
            if before.is_word or text[before.start] in ",;":  # behind other signs a quotation may begin
                form = text[word.start : word.end]
                forms[form.lower()][form] += 1
    written = []
    for text, row in zip(texts, words, strict=True):
        if row:
            small = text[row[0].start : row[0].end].lower()
            usual = forms[small].most_common(1)[0][0] if small in forms else small
            if len(usual) == row[0].end - row[0].start:
                text = text[: row[0].start] + usual + text[row[0].end :]
        written.append(text)
    return written


def _links(source: _Side, target: _Side) -> Iterator[list[tuple[int, int]]]:
    """For each sentence the words that translate each other, as their numbers in it."""
    found = align(Rows(source.ids, source.starts), Rows(target.ids, target.starts), _LONGEST)
    for n, (start, end) in enumerate(itertools.pairwise(found.first)):
        cells = start + np.flatnonzero(found.agreement[start:end] > _SURE)
        rows, columns = found.sources[cells] - source.starts[n], found.targets[cells] - target.starts[n]
        yield list(zip(rows.tolist(), columns.tolist(), strict=True))


def _extracted(
    source: _Side, target: _Side, links: Iterable[list[tuple[int, int]]], max_words: int, several: set[str]
) -> Iterator[tuple[str, str]]:
    """Every phrase of every sentence with what it can be translated by; those of more than a word go to `several`."""
    for n, pairs in enumerate(links):
        words, others = source.words[n], target.words[n]
        columns: list[list[int]] = [[] for _ in words]
        rows: list[list[int]] = [[] for _ in others]
        for i, j in pairs:
            if words[i].is_word and others[j].is_word:
                columns[i].append(j)
                rows[j].append(i)
        for first, reached in enumerate(columns):
            if not reached or not words[first].begins:
                continue
            for last in range(first, min(first + max_words, len(words))):
                if not words[last].is_word:
                    break
                if not columns[last] or not words[last].ends:
                    continue
                reached = [j for column in columns[first : last + 1] for j in column]
                phrase = source.phrase(n, first, last)
                if last > first:
                    several.add(phrase)
                for left, right in _fitting(min(reached), max(reached), rows, others, (first, last)):
                    yield phrase, target.phrase(n, left, right)


def _fitting(
    left: int, right: int, rows: Sequence[Sequence[int]], words: Sequence[Word], source: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Target phrases for a source phrase: the least one, and with a word more on either side that translates none."""
    if not all(word.is_word for word in words[left : right + 1]):
        return
    if any(not source[0] <= i <= source[1] for row in rows[left : right + 1] for i in row):
        return
    free = [word.is_word and not row for word, row in zip(words, rows, strict=True)]
    for start in (left, left - 1) if left and free[left - 1] else (left,):
        for end in (right, right + 1) if right + 1 < len(words) and free[right + 1] else (right,):
            if words[start].begins and words[end].ends:
                yield start, end
