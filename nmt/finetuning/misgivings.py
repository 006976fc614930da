"""What usually goes wrong with the text of a fine-tuning, told before it begins: one line for each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nmt.corpora.cleaning import CleaningReport
from nmt.corpora.corpus import Corpus
from nmt.languages import LANGUAGES, language, looks_like

_MUCH = 0.1  # of the pairs, to be worth a warning
_SAMPLE = 1000  # pairs whose language is looked at
_BLOCK = 200  # pairs whose alignment is looked at together
_UNRELATED = 0.2  # correlation of the lengths of sentences that do not translate each other, at most


def about_others(corpora: Mapping[str, Corpus | None], pair: tuple[str, str]) -> list[str]:
    """What is odd about the corpora beside the one to learn from, by the names of their options."""
    return [
        f"--{name.replace('_', '-')}: {line}"
        for name, corpus in corpora.items()
        if corpus is not None and len(corpus)
        for line in (*about_text(corpus, pair), *about_alignment(corpus))
    ]


def about_languages(pair: Sequence[str]) -> list[str]:
    """Which of them cannot be checked."""
    unknown = [code for code in pair if language(code).code.partition("-")[0] not in LANGUAGES]
    return [
        f'nothing is known about the language "{code}", so its script and words are not checked' for code in unknown
    ]


def about_report(report: CleaningReport) -> list[str]:
    """Whether cleaning removed much."""
    share = 1 - report.num_kept / max(1, report.num_read)
    if share < 2 * _MUCH:
        return []
    return [f"{report.num_read - report.num_kept:,} of the {report.num_read:,} pairs are unusable: {reasons(report)}"]


def reasons(report: CleaningReport) -> str:
    """Why pairs were removed, and how many of them for each."""
    return ", ".join(f"{removal.reason} ({removal.count:,})" for removal in report.removals if removal.count)


def about_text(corpus: Corpus, pair: tuple[str, str]) -> list[str]:
    """Whether the sides are in their languages."""
    step = max(1, len(corpus) // _SAMPLE)
    sides = corpus.sources[::step], corpus.targets[::step]
    right = [_share_in(side, code) for side, code in zip(sides, pair, strict=True)]
    if 1 - min(right) <= _MUCH:
        return []
    turned = [_share_in(side, code) for side, code in zip(sides, reversed(pair), strict=True)]
    if sum(turned) > sum(right):
        return [
            f"the columns seem to be the wrong way round: the first looks like {pair[1]}, the second like {pair[0]}"
        ]
    return [
        f"{1 - share:.0%} of the {name} sentences do not look like {language(code).name}"
        for name, code, share in zip(("source", "target"), pair, right, strict=True)
        if 1 - share > _MUCH
    ]


def _share_in(texts: Sequence[str], code: str) -> float:
    return sum(looks_like(text, code) for text in texts) / max(1, len(texts))


def about_alignments(places: Sequence[str | Path], corpora: Sequence[Corpus]) -> list[str]:
    """`about_alignment` of each, which is named where there are several."""
    return [
        f"{place}: {line}" if len(places) > 1 else line
        for place, corpus in zip(places, corpora, strict=True)
        for line in about_alignment(corpus)
    ]


def about_alignment(corpus: Corpus) -> list[str]:
    """Whether long sentences have long translations; where a line is missing on one side, they no longer do."""
    lengths = np.array([[len(text.strip()) for text in side] for side in (corpus.sources, corpus.targets)])
    starts = range(0, lengths.shape[1], _BLOCK)
    bad = [start for start in starts if _unrelated(lengths[:, start : start + _BLOCK])]
    for first in bad:
        block = lengths[:, first : first + _BLOCK]
        shifts = [shift for shift in (-2, -1, 1, 2) if _correlation(_shifted(block, shift)) > 2 * _UNRELATED]
        following = [start for start in starts if start >= first]
        most = sum(start in bad for start in following) > len(following) / 2
        if not shifts and not most:
            continue  # chance, as among words and short phrases
        where = (
            f"from about pair {first + 1:,} on"
            if most
            else f"in about the pairs {first + 1:,} to {min(first + _BLOCK, lengths.shape[1]):,}"
        )
        seems = f"; line n of one side seems to belong to line n{shifts[0]:+} of the other" if shifts else ""
        return [
            f"{where} the lengths of the two sides have nothing to do with each other: "
            f"are they translations of each other?{seems}"
        ]
    return []


def _unrelated(lengths: np.ndarray) -> bool:
    return lengths.shape[1] >= _BLOCK // 2 and _correlation(lengths) < _UNRELATED


def _shifted(lengths: np.ndarray, shift: int) -> np.ndarray:
    """Source n beside target n + shift."""
    size = lengths.shape[1] - abs(shift)
    first, second = max(0, -shift), max(0, shift)
    return np.stack([lengths[0, first : first + size], lengths[1, second : second + size]])


def _correlation(lengths: np.ndarray) -> float:
    """Of the logarithms. (2, N) -> -1 to 1; 1 where all sentences are of much the same length."""
    logs = np.log1p(lengths)
    if (logs.std(axis=1) < 0.2).any():
        return 1.0
    return float(np.corrcoef(logs)[0, 1])
