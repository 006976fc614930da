"""Scores of translations against references, by sacreBLEU (Post 2018), each with its signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.errors import CorpusError, MissingExtraError
from nmt.languages import language


@dataclass(frozen=True)
class Score:
    """One figure and how it was computed."""

    name: str  # such as "BLEU ja-mecab"
    value: float  # 0 to 100; TER, of which less is better, can exceed it
    signature: str  # sacreBLEU's


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric of sacreBLEU as counts per sentence: the score of any part of a corpus is the score of their sum.

    Attributes:
        name: such as "BLEU ja-mecab" or "chrF".
        scorer: sacreBLEU's object.
    """

    name: str
    scorer: Any

    def count(self, hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
        """What the metric counts in each sentence. -> (N, D) float64"""
        # This and `score` are what sacreBLEU's own significance tests are made of.
        rows = self.scorer._extract_corpus_statistics(list(hypotheses), [list(references)])
        return np.asarray(rows, dtype=np.float64)

    def score(self, counts: np.ndarray) -> float:
        """The score of one row of `count`, or of a sum of rows."""
        return float(self.scorer._compute_score_from_stats(counts).score)

    def signature(self) -> str:
        """sacreBLEU's signature, after the first `count`."""
        return str(self.scorer.get_signature())


def corpus_scores(
    hypotheses: Sequence[str], references: Sequence[str], target_language: str, *, with_ter: bool = True
) -> list[Score]:
    """BLEU, chrF and TER of a corpus, one reference for each line.

    TER takes longer than translating does where sentences are long: 20 seconds for 500 of a Japanese manual.

    BLEU counts words: for Japanese those that MeCab finds, for Chinese as sacreBLEU's own tokenizer does, each with
    characters besides; for Korean, whose words carry endings, characters besides; for other languages without spaces
    characters alone. All else is mteval-v13a.

    Raises:
        CorpusError: different numbers of lines, or none.
        MissingExtraError: sacreBLEU is not installed.
    """
    check_lines(hypotheses, references)
    scores = []
    for metric in [*metrics(target_language), *([_ter(target_language)] if with_ter else [])]:
        value = metric.scorer.corpus_score(list(hypotheses), [list(references)]).score
        scores.append(Score(metric.name, float(value), metric.signature()))
    return scores


def ter(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> Score:
    """Only the last of `corpus_scores`."""
    metric = _ter(target_language)
    value = metric.scorer.corpus_score(list(hypotheses), [list(references)]).score
    return Score(metric.name, float(value), metric.signature())


def check_lines(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Raise CorpusError unless line N can answer line N."""
    if len(hypotheses) != len(references):
        raise CorpusError(f"{len(hypotheses)} translations but {len(references)} references; line N must answer line N")
    if not references:
        raise CorpusError("there is nothing to score: the files have no lines")


def metrics(target_language: str) -> list[Metric]:
    """BLEU, in one or two ways as `corpus_scores` explains, and chrF.

    Raises:
        MissingExtraError: sacreBLEU is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise MissingExtraError("Scoring translations", "train") from None

    found = [Metric(f"BLEU {name}".strip(), BLEU(tokenize=kind)) for name, kind in tokenizations(target_language)]
    return [*found, Metric("chrF", CHRF())]


def _ter(target_language: str) -> Metric:
    from sacrebleu.metrics.ter import TER

    cjk = _base(target_language) in ("ja", "zh")
    return Metric("TER", TER(asian_support=cjk, normalized=cjk))


def tokenizations(target_language: str) -> list[tuple[str, str]]:
    """Names of the BLEU scores of a language, each with sacreBLEU's tokenizer."""
    special = {
        "ja": [("ja-mecab", "ja-mecab"), ("char", "char")],
        "ko": [("", "13a"), ("char", "char")],  # ko-mecab needs a dictionary that does not come with sacreBLEU
        "zh": [("zh", "zh"), ("char", "char")],
    }
    without_spaces = not language(target_language).uses_spaces
    return special.get(_base(target_language), [("char", "char")] if without_spaces else [("", "13a")])


def _base(code: str) -> str:
    """`zh` of `zh-TW`."""
    return code.partition("-")[0]
