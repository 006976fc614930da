"""How probable a model finds translations that are given to it: for ranking, filtering and comparing models.

Axis letters: B sentences, V vocabulary.
"""

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.bundle import BundleInfo
from nmt.engines import Engine
from nmt.engines.routed import target_of
from nmt.errors import ConfigError, CorpusError
from nmt.tokenizer import BOS_ID, EOS_ID
from nmt.translating import loading
from nmt.translating.loading import LoadedModel

_BATCH_SIZE = 32  # changes speed, never the result; every step hands out B × V numbers


@dataclass(frozen=True)
class Likelihood:
    """How probable a model finds one translation of one source.

    Attributes:
        tokens: of the translation as the model spells it; the last is the end of the sentence.
        log_probs: of each of them after those before it, in nats.
    """

    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]

    @property
    def log_prob(self) -> float:
        """Of the whole translation in this spelling, in nats."""
        return math.fsum(self.log_probs)

    @property
    def per_token(self) -> float:
        """Mean log-probability of a token, the end counted."""
        return self.log_prob / len(self.log_probs)


def perplexity(likelihoods: Iterable[Likelihood]) -> float:
    """exp of minus the mean log-probability of all tokens together; infinite where that is too large for a float.

    Raises:
        CorpusError: there are none.
    """
    log_probs = [value for one in likelihoods for value in one.log_probs]
    if not log_probs:
        raise CorpusError("there is nothing to score")
    mean = -math.fsum(log_probs) / len(log_probs)
    return math.exp(mean) if mean < 700 else math.inf


class Scorer:
    """Scores translations with one model. Safe to share between threads.

    Example:
        scorer = Scorer.load("en-ja")
        scorer.score(["Good morning!"], ["おはよう。"])[0].log_prob
    """

    def __init__(self, model: LoadedModel):
        self._model = model

    @classmethod
    def load(cls, name_or_folder: str | Path, *, engine: str = "auto", num_threads: int = 0) -> "Scorer":
        """Open a model; arguments and errors are those of `nmt.translating.loading.load`."""
        return cls(loading.load(name_or_folder, engine, num_threads))

    @property
    def info(self) -> BundleInfo:
        """What the model says about itself."""
        return self._model.info

    @property
    def max_source_tokens(self) -> int:
        """The longest source, its end counted, that the model has learned from."""
        return self._model.config.max_source_tokens

    def num_source_tokens(self, source: str) -> int:
        """Tokens of a source, its end counted."""
        return len(self._model.source.encode(source)) + 1

    def score(self, sources: Sequence[str], targets: Sequence[str], batch_size: int = _BATCH_SIZE) -> list[Likelihood]:
        """The likelihood of each target as the translation of its source.

        Each text is taken as one sentence, whole and in the one spelling that the tokenizer gives it; an empty one has
        the likelihood of an end at once. The result for a pair does not depend on the others.

        Args:
            sources, targets: line N of one is the translation of line N of the other.
            batch_size: pairs in work together.

        Raises:
            CorpusError: different numbers of sources and targets.
        """
        if len(sources) != len(targets):
            raise CorpusError(f"{len(sources):,} sources but {len(targets):,} translations; each needs the other")
        model = self._model
        source_ids = [[*ids, EOS_ID] for ids in model.source.encode_batch(sources)]
        spelled = [target_of(model.engine, ids, model.target) for ids in source_ids]
        target_ids = [[*ids, EOS_ID] for ids in model.target.encode_batch(targets)]
        for k, target in enumerate(spelled):
            if target is not model.target:
                target_ids[k] = [*target.encode(targets[k]), EOS_ID]
        rows = score_ids(model.engine, source_ids, target_ids, batch_size, model.num_workers)
        return [
            Likelihood(tuple(target.pieces(ids)), tuple(row.tolist()))
            for target, ids, row in zip(spelled, target_ids, rows, strict=True)
        ]


def score_ids(
    engine: Engine,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    batch_size: int = _BATCH_SIZE,
    num_workers: int = 1,
) -> list[np.ndarray]:
    """Log-probability of every token of `targets`, each after those before it (teacher forcing), in nats.

    Args:
        engine: the network.
        sources, targets: ids, EOS last, as many of one as of the other.
        batch_size: pairs in work together.
        num_workers: batches in work at the same time.

    Returns:
        For each pair one float64 array as long as its target.
    """
    if batch_size < 1:
        raise ConfigError(f"the batch size must be at least 1, not {batch_size}")
    # Pairs of like length go together, the longest first: they end together, and shorter ones drop out at the end.
    order = sorted(range(len(targets)), key=lambda k: (len(targets[k]), len(sources[k])), reverse=True)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]

    def work(batch: list[int]) -> list[np.ndarray]:
        return _score_batch(engine, [sources[k] for k in batch], [targets[k] for k in batch])

    results: dict[int, np.ndarray] = {}
    with ThreadPoolExecutor(max(num_workers, 1), thread_name_prefix="nmt-score") as pool:
        for batch, rows in zip(batches, pool.map(work, batches), strict=True):
            results |= dict(zip(batch, rows, strict=True))
    return [results[k] for k in range(len(targets))]


def _score_batch(engine: Engine, sources: list[Sequence[int]], targets: list[Sequence[int]]) -> list[np.ndarray]:
    """`score_ids` of pairs whose targets do not get longer from one to the next."""
    lengths = np.array([len(ids) for ids in targets])
    found = [np.empty(length) for length in lengths]
    state = engine.encode(sources)
    tokens = np.full((len(targets), 1), BOS_ID)
    for t in range(int(lengths.max())):
        live = np.arange(np.count_nonzero(lengths > t))  # the first ones: they are the longest
        step = engine.step(tokens[live], live, np.zeros((len(live), 1), dtype=np.int64), state, 1, full=True)
        if step.all_log_probs is None:
            raise TypeError("the engine does not hand out all log-probabilities")
        labels = np.array([targets[k][t] for k in live])
        for k, value in zip(live, step.all_log_probs[live, 0, labels], strict=True):
            found[k][t] = value
        tokens, state = labels[:, None], step.state
    return found
