"""Sentence pairs as ids, in batches of one length and a given number of target tokens.

The order of batches is a pure function of the seed and of how many have been taken, so that training can go on
from any batch without having seen those before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nmt import noise
from nmt.corpus import Corpus
from nmt.errors import CorpusError
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer


@dataclass(frozen=True)
class EncodedCorpus:
    """A corpus in ids. Sources end with EOS; targets have neither BOS nor EOS."""

    sources: list[np.ndarray]
    targets: list[np.ndarray]
    num_left_out: int  # pairs longer than allowed, or with nothing in them
    texts: list[str] = field(default_factory=list)  # the sources

    def __len__(self) -> int:
        return len(self.sources)


def encode_corpus(corpus: Corpus, source: Tokenizer, target: Tokenizer, max_tokens: int) -> EncodedCorpus:
    """Tokenize a corpus, leaving out pairs of which a side is empty or has `max_tokens` tokens or more: EOS needs one.

    Raises:
        CorpusError: nothing is left.
    """
    pairs = zip(source.encode_batch(corpus.sources), target.encode_batch(corpus.targets), corpus.sources, strict=True)
    sources, targets, texts = [], [], []
    for ids, labels, text in pairs:
        if 0 < len(ids) < max_tokens and 0 < len(labels) < max_tokens:
            sources.append(np.array([*ids, EOS_ID], dtype=np.int32))
            targets.append(np.array(labels, dtype=np.int32))
            texts.append(text)
    if not sources:
        raise CorpusError(
            f"no pair of the {len(corpus.sources)} in the corpus has 1 to {max_tokens - 1} tokens on both sides"
        )
    return EncodedCorpus(sources, targets, len(corpus.sources) - len(sources), texts)


def pad(rows: Sequence[Any]) -> np.ndarray:
    """Rows of ids (lists or arrays) side by side, 0 on the right. -> (B, longest) int32"""
    matrix = np.full((len(rows), max(map(len, rows))), PAD_ID, dtype=np.int32)
    for row, ids in zip(matrix, rows, strict=True):
        row[: len(ids)] = ids
    return matrix


class SourceNoise:
    """Another share of the sources in each pass, as someone in a hurry would have typed them (`nmt.noise`).

    Args:
        share: of the sources, 0 to 1.
        tokenizer: of the sources.
        max_tokens: a noisy source of so many tokens is left clean.
        seed: a pass has the same noise whenever it is taken.
    """

    def __init__(self, corpus: EncodedCorpus, tokenizer: Tokenizer, share: float, max_tokens: int, seed: int):
        self._corpus, self._tokenizer, self._share = corpus, tokenizer, share
        self._max_tokens, self._seed = max_tokens, seed

    def of_pass(self, number: int) -> dict[int, np.ndarray]:
        """The noisy sources of one pass, by pair number."""
        rng = np.random.default_rng((self._seed, number, 1))
        chosen = np.flatnonzero(rng.random(len(self._corpus)) < self._share)
        texts = [noise.noisy(self._corpus.texts[k], rng) for k in chosen]
        rows = zip(chosen, self._tokenizer.encode_batch(texts), strict=True)
        return {int(k): np.array([*ids, EOS_ID], dtype=np.int32) for k, ids in rows if 0 < len(ids) < self._max_tokens}


class BatchPlan:
    """Which pairs go into which batch.

    In each pass over the corpus the pairs are shuffled, sorted by length (target first, so that it has nearly no
    padding, then source) and cut where the target side has `batch_tokens` cells; the batches are shuffled again.

    Args:
        corpus: the pairs.
        batch_tokens: cells of the target matrix, padding included. A longer sentence is a batch of its own.
        seed: of the shuffles.
        source_noise: what replaces some of the sources, if anything does.
    """

    def __init__(self, corpus: EncodedCorpus, batch_tokens: int, seed: int, source_noise: SourceNoise | None = None):
        self._corpus, self._batch_tokens, self._seed, self._source_noise = corpus, batch_tokens, seed, source_noise
        self._source_lengths = np.array([len(ids) for ids in corpus.sources])
        self._target_lengths = np.array([len(ids) + 1 for ids in corpus.targets])

    def one_pass(self, number: int) -> list[np.ndarray]:
        """The batches of one pass over the corpus, each an array of pair numbers."""
        rng = np.random.default_rng((self._seed, number))
        order = rng.permutation(len(self._corpus))
        keys = (self._source_lengths[order], self._target_lengths[order])
        order = order[np.lexsort(keys)]
        # The last sentence is the longest of its batch, so it alone says how many fit.
        batches, start = [], 0
        for end in range(1, len(order) + 1):
            if end == len(order) or self._target_lengths[order[end]] * (end + 1 - start) > self._batch_tokens:
                batches.append(order[start:end])
                start = end
        return [batches[k] for k in rng.permutation(len(batches))]

    def batches(self, first: int = 0) -> Iterator[dict[str, np.ndarray]]:
        """Batches without end, from number `first` on.

        Yields:
            {"source": (B, S), "target": (B, T) from BOS on, "labels": (B, T) to EOS}, int32, 0 is padding.
        """
        number = 0
        while True:
            one_pass = self.one_pass(number)
            replaced = self._source_noise.of_pass(number) if self._source_noise and first < len(one_pass) else {}
            for indices in one_pass[first:]:
                yield self._matrices(indices, replaced)
            first = max(0, first - len(one_pass))
            number += 1

    def tokens_per_batch(self) -> float:
        """Mean number of target tokens in a batch, padding left out."""
        return float(self._target_lengths.sum() / len(self.one_pass(0)))

    def padding_share(self) -> float:
        """Share of cells, source and target together, that are padding, over one pass."""
        cells = tokens = 0
        for indices in self.one_pass(0):
            for lengths in (self._source_lengths[indices], self._target_lengths[indices]):
                cells += len(indices) * int(lengths.max())
                tokens += int(lengths.sum())
        return 1 - tokens / cells

    def _matrices(self, indices: np.ndarray, replaced: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
        targets = [self._corpus.targets[k] for k in indices]
        labels = pad([np.append(ids, EOS_ID) for ids in targets])
        target = np.full_like(labels, PAD_ID)
        target[:, 0] = BOS_ID
        target[:, 1:] = np.where(labels[:, 1:] != PAD_ID, labels[:, :-1], PAD_ID)
        return {"source": pad([replaced.get(int(k), self._corpus.sources[k]) for k in indices]), "target": target, "labels": labels}
