"""Scores of translations against references, by sacreBLEU (Post 2018), each with its signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt.errors import CorpusError, MissingExtraError
from nmt.languages import language


@dataclass(frozen=True)
class Score:
    """One figure and how it was computed."""

    name: str  # such as "BLEU ja-mecab"
    value: float  # 0 to 100; TER, of which less is better, can exceed it
    signature: str  # sacreBLEU's


def corpus_scores(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> list[Score]:
    """BLEU, chrF and TER of a corpus, one reference for each line.

    BLEU counts words: for Japanese those that MeCab finds, for Chinese as sacreBLEU's own tokenizer does, each with
    characters besides; for Korean, whose words carry endings, characters besides; for other languages without spaces
    characters alone. All else is mteval-v13a.

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

    cjk = _base(target_language) in ("ja", "zh")
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
