"""How far chance alone can move a score: bootstrap resampling, for one system and paired for several.

Koehn 2004, "Statistical significance tests for machine translation evaluation", sections 3 and 4. Scores, resamples,
seed, intervals and p-values are those of sacreBLEU's `--paired-bs`, and a test compares them. What differs: a resample
is a matrix product instead of a copy of all counts, which saves most of the time and memory; two systems that write the
same have p = 1, where sacreBLEU says 0.001; and the difference has an interval too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmt.errors import ConfigError
from nmt.evaluation.metrics import Metric

SEED = 12345  # sacreBLEU's
NUM_SAMPLES = 1000


@dataclass(frozen=True)
class Difference:
    """A system against the first one.

    Attributes:
        value: its score minus that of the first.
        low, high: where 95 % of the resampled differences lie.
        p_value: how often chance would bring a difference as large as this, by sacreBLEU's formula (that of Moses):
            resampled differences without their mean, compared with the one observed.
    """

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Estimate:
    """A score and how sure it is.

    Attributes:
        name: of the metric.
        value: on the whole test set, 0 to 100.
        margin: half the width of the 95 % interval around it.
        signature: sacreBLEU's, with the number of resamples and the seed.
        difference: to the first system; None for the first itself.
    """

    name: str
    value: float
    margin: float
    signature: str
    difference: Difference | None = None


def estimate(metric: Metric, counts: Sequence[np.ndarray], num_samples: int = NUM_SAMPLES) -> list[Estimate]:
    """The score of each system, with its interval and its difference to the first.

    Args:
        metric: what `counts` are counts of.
        counts: of each system, (N, D), rows of the same N sentences.
        num_samples: resamples; 0 leaves out intervals and differences: margins and p-values are then NaN.
    """
    if num_samples < 0:
        raise ConfigError(f"the number of resamples must be 0 or more, not {num_samples}")
    values = [metric.score(rows.sum(0)) for rows in counts]
    sums = _resample(np.concatenate(counts, axis=1), num_samples)
    parts = np.split(sums, len(counts), axis=1)
    samples = [np.array([metric.score(row) for row in part]) for part in parts]
    name, _, rest = metric.signature().partition("|")
    signature = f"{name}|bs:{num_samples}|seed:{SEED}|{rest}" if num_samples else f"{name}|{rest}"
    return [
        Estimate(
            name=metric.name,
            value=values[k],
            margin=_margin(samples[k]),
            signature=signature,
            difference=_difference(values[0], values[k], samples[0], samples[k]) if k else None,
        )
        for k in range(len(counts))
    ]


def _resample(counts: np.ndarray, num_samples: int) -> np.ndarray:
    """Summed counts of resamples of the sentences, with replacement. (N, D) -> (num_samples, D)"""
    rng = np.random.default_rng(SEED)
    size = len(counts)
    sums = np.empty((num_samples, counts.shape[1]))
    for k in range(num_samples):
        sums[k] = np.bincount(rng.choice(size, size=size, replace=True), minlength=size) @ counts
    return sums


def _margin(samples: np.ndarray) -> float:
    """Half the distance between the bounds that leave out a fortieth on each side."""
    if not len(samples):
        return float("nan")
    ordered = np.sort(samples)
    cut = len(ordered) // 40
    return float(ordered[-cut - 1] - ordered[cut]) / 2


def _difference(first: float, value: float, first_samples: np.ndarray, samples: np.ndarray) -> Difference:
    differences = samples - first_samples
    if not len(differences):
        return Difference(value - first, *[float("nan")] * 3)
    ordered = np.sort(differences)
    cut = len(ordered) // 40
    sizes = np.abs(differences)
    at_least = np.count_nonzero(sizes - sizes.mean() > abs(value - first))
    p_value = (at_least + 1) / (len(sizes) + 1) if sizes.any() else 1.0
    return Difference(value - first, float(ordered[cut]), float(ordered[-cut - 1]), float(p_value))
