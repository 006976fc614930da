"""Scores of translations against references, by sacreBLEU (Post 2018), each with its signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt.errors import CorpusError, MissingExtraError


@dataclass(frozen=True)
class Score:
    """One figure and how it was computed."""

    name: str  # such as "BLEU ja-mecab"
    value: float  # 0 to 100
    signature: str  # sacreBLEU's


def corpus_scores(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> list[Score]:
    """BLEU, chrF and TER of a corpus, one reference for each line.

    BLEU counts words: for Japanese those that MeCab finds, and characters besides; for Chinese and Korean likewise with
    their own tokenizers; for other languages as mteval-v13a does.

    Raises:
        CorpusError: different numbers of lines, or none.
        MissingExtraError: sacreBLEU is not installed.
    """
    if len(hypotheses) != len(references):
        raise CorpusError(f"{len(hypotheses)} translations but {len(references)} references; line N must answer line N")
    if not references:
        raise CorpusError("there is nothing to score: the files have no lines")
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.metrics.ter import TER
    except ImportError:
        raise MissingExtraError("Scoring translations", "train") from None

    cjk = target_language in ("ja", "zh")
    metrics: list[tuple[str, Any]] = [
        (f"BLEU {name}".strip(), BLEU(tokenize=tokenize)) for name, tokenize in _tokenizations(target_language)
    ]
    metrics += [("chrF", CHRF()), ("TER", TER(asian_support=cjk, normalized=cjk))]
    scores = []
    for name, metric in metrics:
        value = metric.corpus_score(list(hypotheses), [list(references)]).score
        scores.append(Score(name, float(value), str(metric.get_signature())))
    return scores


def _tokenizations(target_language: str) -> list[tuple[str, str]]:
    special = {
        "ja": [("ja-mecab", "ja-mecab"), ("char", "char")],
        "ko": [("ko-mecab", "ko-mecab"), ("char", "char")],
        "zh": [("zh", "zh"), ("char", "char")],
    }
    return special.get(target_language, [("", "13a")])
