"""A test set translated by one or several systems: all that can be said about it, for a reader or a program."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.errors import ConfigError
from nmt.evaluation import breakdown, significance
from nmt.evaluation.breakdown import Breakdown, Words
from nmt.evaluation.metrics import Score, check_lines, metrics, ter
from nmt.evaluation.significance import NUM_SAMPLES, Estimate


@dataclass(frozen=True)
class TestSet:
    """Sentences and their reference translations: `references[n]` translates `sources[n]`."""

    __test__ = False  # pytest takes every class of such a name for tests

    name: str
    sources: Sequence[str]
    references: Sequence[str]
    source_language: str
    target_language: str


@dataclass(frozen=True)
class System:
    """What one system made of the test set. `seconds` is the time it took, None where unknown."""

    name: str
    translations: Sequence[str]
    seconds: float | None = None


@dataclass(frozen=True)
class Result:
    """One system, measured.

    Attributes:
        system: with its translations.
        estimates: BLEU, in one or two ways, and chrF, with intervals and differences to the first system.
        ter: TER, without an interval: it is slow to count and less of it is better.
        sentence_chrf: of each sentence, 0 to 100.
    """

    system: System
    estimates: tuple[Estimate, ...]
    ter: Score
    sentence_chrf: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """All results on one test set; the first system is the one that the others are compared with."""

    test: TestSet
    results: tuple[Result, ...]
    by_length: Breakdown
    by_rarest_word: Breakdown

    @property
    def breakdowns(self) -> tuple[Breakdown, Breakdown]:
        """Both, in the order in which they are shown."""
        return self.by_length, self.by_rarest_word

    def as_json(self) -> dict[str, Any]:
        """Everything but the texts, of values that JSON knows."""
        values = {
            "test_set": self.test.name,
            "sentences": len(self.test.sources),
            "source_language": self.test.source_language,
            "target_language": self.test.target_language,
            "systems": [
                {
                    "name": result.system.name,
                    "seconds": result.system.seconds,
                    "scores": [*map(dataclasses.asdict, result.estimates), dataclasses.asdict(result.ter)],
                    "sentence_chrf": [round(value, 2) for value in result.sentence_chrf],
                }
                for result in self.results
            ],
            "breakdowns": [dataclasses.asdict(one) for one in self.breakdowns],
        }
        return _without_nan(values)  # type: ignore[no-any-return]


def compare(
    test: TestSet,
    systems: Sequence[System],
    training: Sequence[str] | None = None,
    num_samples: int = NUM_SAMPLES,
) -> Comparison:
    """Measure systems on a test set.

    Args:
        test: sources and references.
        systems: one or more, with different names.
        training: source sentences of the training corpus, for the frequency of words; None counts the test set.
        num_samples: bootstrap resamples; 0 for scores without intervals.

    Raises:
        CorpusError: a system has not one translation for each source.
        ConfigError: no systems, or two of one name.
        MissingExtraError: sacreBLEU is not installed.
    """
    names = [system.name for system in systems]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"a comparison needs one or more systems of different names, not: {', '.join(names)}")
    for system in systems:
        check_lines(system.translations, test.references)
    counts = [
        (metric, [metric.count(system.translations, test.references) for system in systems])
        for metric in metrics(test.target_language)
    ]
    estimates = [significance.estimate(metric, rows, num_samples) for metric, rows in counts]
    chrf, chrf_rows = counts[-1]
    results = [
        Result(
            system=system,
            estimates=tuple(of_metric[k] for of_metric in estimates),
            ter=ter(system.translations, test.references, test.target_language),
            sentence_chrf=tuple(chrf.score(np.asarray(row)) for row in chrf_rows[k]),
        )
        for k, system in enumerate(systems)
    ]
    words = Words(test.source_language)
    shown = [counts[0], counts[-1]]
    return Comparison(
        test,
        tuple(results),
        breakdown.by_length(test.sources, words, shown, num_samples),
        breakdown.by_rarest_word(test.sources, words, shown, training, num_samples),
    )


def _without_nan(values: Any) -> Any:
    """JSON has no NaN: null instead."""
    if isinstance(values, dict):
        return {key: _without_nan(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_without_nan(value) for value in values]
    return None if isinstance(values, float) and math.isnan(values) else values
