"""Which sentences are hard: scores by their length and by their rarest word."""

import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.evaluation.metrics import Metric, tokenizations
from nmt.evaluation.significance import NUM_SAMPLES, Estimate, estimate

_LENGTHS = (5, 10, 15, 20, 30)  # the longest source, in words, of each group but the last
_CHARACTERS = (10, 20, 30, 40, 60)  # the same where characters are counted
_FEWEST = 10  # sentences for an interval: the bootstrap knows nothing beyond the sentences that it has
_FREQUENCIES = (1, 2, 10, 100, 1000)  # the least count of the rarest word of each group but the first


@dataclass(frozen=True)
class Group:
    """The sentences of one kind and how well each system does on them.

    Attributes:
        label: such as "6–10".
        num_sentences: how many of the test set.
        estimates: one list per system, one estimate per metric, without differences; without intervals (NaN) where
            there are too few sentences for one.
    """

    label: str
    num_sentences: int
    estimates: tuple[tuple[Estimate, ...], ...]


@dataclass(frozen=True)
class Breakdown:
    """A test set in groups; those without sentences are left out. `title` says what is grouped by."""

    title: str
    groups: tuple[Group, ...]


class Words:
    """Splits text of a language into words, case ignored: those that sacreBLEU's tokenizer for the language finds.

    Punctuation is no word. Where that tokenizer knows characters only, they are the words.
    """

    def __init__(self, language: str):
        from sacrebleu.metrics.bleu import BLEU

        kind = tokenizations(language)[0][1]
        self.unit = "characters" if kind in ("char", "zh") else "words"
        self._tokenizer = BLEU(tokenize=kind).tokenizer

    def split(self, text: str) -> list[str]:
        """The words of `text`."""
        words = self._tokenizer(text.strip()).casefold().split()
        return [word for word in words if any(letter.isalnum() for letter in word)]


Counts = Sequence[tuple[Metric, Sequence[np.ndarray]]]  # per metric, per system: (N, D)


def by_length(sources: Sequence[str], words: Words, counts: Counts, num_samples: int = NUM_SAMPLES) -> Breakdown:
    """Groups by the number of words in the source."""
    bounds = _CHARACTERS if words.unit == "characters" else _LENGTHS
    labels = [f"{low + 1}–{high}" for low, high in zip((-1, *bounds), bounds, strict=False)]
    labels[0] = f"up to {bounds[0]}"
    lengths = [len(words.split(source)) for source in sources]
    places = [bisect.bisect_left(bounds, length) for length in lengths]
    title = f"Length of the source, in {words.unit}"
    return Breakdown(title, _groups([*labels, f"over {bounds[-1]}"], places, counts, num_samples))


def by_rarest_word(
    sources: Sequence[str],
    words: Words,
    counts: Counts,
    training: Iterable[str] | None = None,
    num_samples: int = NUM_SAMPLES,
) -> Breakdown:
    """Groups by how often the rarest word of the source occurs in the training text, or else in the test set itself.

    A source without words is in no group.
    """
    split = [words.split(source) for source in sources]
    counted = Counter(word for text in (split if training is None else map(words.split, training)) for word in text)
    rarest = [min(counted[word] for word in text) if text else None for text in split]
    places = [-1 if count is None else bisect.bisect_right(_FREQUENCIES, count) for count in rarest]
    labels = ["never", "once", "2–9", "10–99", "100–999", "1,000 or more"]
    unit, text = words.unit.removesuffix("s"), "the test set itself" if training is None else "the training text"
    title = f"How often the rarest source {unit} occurs in {text}"
    return Breakdown(title, _groups(labels, places, counts, num_samples))


def _groups(labels: Sequence[str], places: Sequence[int], counts: Counts, num_samples: int) -> tuple[Group, ...]:
    """The groups that have sentences; `places` says which label each sentence has, -1 for none."""
    place = np.array(places)
    groups = []
    for k, label in enumerate(labels):
        members = np.flatnonzero(place == k)
        if not len(members):
            continue
        num_resamples = num_samples if len(members) >= _FEWEST else 0
        per_metric = [
            # One system at a time: their differences on a few sentences would say little.
            [estimate(metric, [rows[members]], num_resamples)[0] for rows in systems]
            for metric, systems in counts
        ]
        groups.append(Group(label, len(members), tuple(zip(*per_metric, strict=True))))
    return tuple(groups)
