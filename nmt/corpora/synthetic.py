"""Training text of which a model has written one side.

Text of one language is easier to find than pairs. What a model makes of it teaches another one: text of the source
language (sequence-level knowledge distillation, Kim & Rush 2016, section 3.2; Zhang & Zong 2016, "Exploiting
source-side monolingual data in neural machine translation", section 3), and text of the target language that a model
of the other direction has translated (Sennrich et al. 2016, "Improving neural machine translation models with
monolingual data", section 3.2).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmt.corpora.corpus import Corpus
from nmt.corpora.files import lines
from nmt.errors import CorpusError
from nmt.option import check

USUAL_SHARE = 0.9


def read_scored(path: Path) -> tuple[Corpus, list[float]]:
    """Texts, their translations and how sure the model was: what `nmt translate --scores` has written.

    Raises:
        CorpusError: the file is missing or empty, or a line of it is something else.
    """
    sources, targets, scores = [], [], []
    for number, line in enumerate(lines(path), start=1):
        source, target, score = _fields(line, f"{path}, line {number}")
        sources.append(source)
        targets.append(target)
        scores.append(score)
    return Corpus(sources, targets), scores


def _fields(line: str, place: str) -> tuple[str, str, float]:
    try:
        record: Any = json.loads(line)
        source, target, score = record["source"], record["translation"], record["score"]
    except (ValueError, KeyError, TypeError):
        source = target = score = None
    if not (isinstance(source, str) and isinstance(target, str) and isinstance(score, int | float)):
        raise CorpusError(
            f'{place} has no "source", "translation" and "score"; give the file that nmt translate --scores has written'
        )
    return " ".join(source.split()), " ".join(target.split()), float(score)


def surest(corpus: Corpus, scores: Sequence[float], share: float) -> Corpus:
    """The pairs of which the model was surest, in order.

    Args:
        corpus: texts and what the model made of them.
        scores: of each pair, higher is surer.
        share: of the pairs that are kept.

    Raises:
        ConfigError: a share that is none.
    """
    check(0 < share <= 1, f"share must be above 0 and at most 1, not {share}")
    most = round(share * len(corpus))
    kept = sorted(np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")[:most].tolist())
    return Corpus([corpus.sources[k] for k in kept], [corpus.targets[k] for k in kept])
