"""Sentence pairs as ids, in batches of one length and a given number of target tokens.

The order of batches is a pure function of the seed and of how many have been taken, so that training can go on
from any batch without having seen those before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from nmt.corpora.corpus import Corpus
from nmt.corpora.files import CHUNK
from nmt.corpora.rows import Rows, RowWriter
from nmt.errors import CorpusError
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer
from nmt.training import noise
from nmt.training.mixing import Share, pairs_of_pass
from nmt.training.sampling import SubwordSampling


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """A corpus in ids. Sources end with EOS; targets have neither BOS nor EOS.

    Attributes:
        sources: ids of N sentences.
        targets: of their translations.
        texts: the sources of the whole corpus, in writing, those left out included.
        left_out: which of them are longer than allowed, or without anything on a side. (num_left_out,) ascending
    """

    sources: Rows
    targets: Rows
    texts: Sequence[str]
    left_out: np.ndarray

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def num_left_out(self) -> int:
        """Pairs longer than allowed, or with nothing in them."""
        return len(self.left_out)

    def texts_of(self, numbers: np.ndarray) -> list[str]:
        """The sources of some pairs, in writing."""
        num_kept_before = self.left_out - np.arange(self.num_left_out)
        return [self.texts[k] for k in (numbers + np.searchsorted(num_kept_before, numbers, side="right")).tolist()]

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """How many pairs are there of each part of the corpus, whose parts had these sizes before."""
        ends = np.cumsum(sizes)
        return tuple(np.diff(ends - np.searchsorted(self.left_out, ends), prepend=0).tolist())

    def followed_by(self, other: "EncodedCorpus") -> "EncodedCorpus":
        """The pairs of both, in memory."""
        return EncodedCorpus(
            self.sources.followed_by(other.sources),
            self.targets.followed_by(other.targets),
            [*self.texts, *other.texts],
            np.concatenate([self.left_out, other.left_out + len(self.texts)]),
        )


def encode_corpus(
    corpus: Corpus, source: Tokenizer, target: Tokenizer, max_tokens: int, folder: Path | None = None
) -> EncodedCorpus:
    """Tokenize a corpus, leaving out pairs of which a side is empty or has `max_tokens` tokens or more: EOS needs one.

    Args:
        corpus: the pairs.
        source: tokenizer of the sources.
        target: tokenizer of the targets.
        max_tokens: see above.
        folder: where the ids go if they are many; None: where the system keeps what is temporary.

    Raises:
        CorpusError: nothing is left.
    """
    dtypes = [np.uint16 if one.vocab_size <= 1 << 16 else np.int32 for one in (source, target)]
    left_out: list[int] = []
    with RowWriter(dtypes[0], folder) as sources, RowWriter(dtypes[1], folder) as targets:
        for start in range(0, len(corpus), CHUNK):
            rows = source.encode_batch(corpus.sources[start : start + CHUNK])
            labels = target.encode_batch(corpus.targets[start : start + CHUNK])
            pairs = zip(rows, labels, strict=True)
            fits = [0 < len(ids) < max_tokens and 0 < len(others) < max_tokens for ids, others in pairs]
            sources.extend([*ids, EOS_ID] for ids in compress(rows, fits))
            targets.extend(compress(labels, fits))
            left_out += (start + k for k, fit in enumerate(fits) if not fit)
        if len(left_out) == len(corpus):
            raise CorpusError(
                f"no pair of the {len(corpus)} in the corpus has 1 to {max_tokens - 1} tokens on both sides"
            )
        return EncodedCorpus(sources.finish(), targets.finish(), corpus.sources, np.array(left_out, dtype=np.int64))


class NoisySources(Mapping[int, np.ndarray]):
    """Other sources for some pairs, by pair number.

    Args:
        numbers: of the pairs. (N,) ascending
        sources: of these pairs.
    """

    def __init__(self, numbers: np.ndarray, sources: Rows):
        self._numbers, self.sources, self.lengths = numbers, sources, sources.lengths

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers.tolist())

    def __getitem__(self, number: int) -> np.ndarray:
        found, rows = self.find(np.array([number]))
        if not found[0]:
            raise KeyError(number)
        return self.sources[int(rows[0])]

    def find(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of these pairs have another source, and which of `sources` that is. (B,) -> (B,) bool, (B,)"""
        if not len(self._numbers):
            return np.zeros(len(numbers), dtype=bool), np.zeros(len(numbers), dtype=np.int64)
        rows = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return self._numbers[rows] == numbers, rows


class SourceNoise:
    """Another share of the sources in each pass, as someone in a hurry would have typed them (`nmt.training.noise`).

    Args:
        share: of the sources, 0 to 1.
        tokenizer: of the sources.
        max_tokens: a noisy source of so many tokens is left clean.
        seed: a pass has the same noise whenever it is taken.
        folder: where much goes that is noisy; None: where the system keeps what is temporary.
    """

    def __init__(
        self,
        corpus: EncodedCorpus,
        tokenizer: Tokenizer,
        share: float,
        max_tokens: int,
        seed: int,
        folder: Path | None = None,
    ):
        self._corpus, self._tokenizer, self._share = corpus, tokenizer, share
        self._max_tokens, self._seed, self._folder = max_tokens, seed, folder

    def of_pass(self, number: int) -> NoisySources:
        """The noisy sources of one pass."""
        rng = np.random.default_rng((self._seed, number, 1))
        chosen = np.flatnonzero(rng.random(len(self._corpus)) < self._share)
        fitting = [chosen[:0]]
        with RowWriter(self._corpus.sources.values.dtype, self._folder) as writer:
            for start in range(0, len(chosen), CHUNK):
                numbers = chosen[start : start + CHUNK]
                rows = self._tokenizer.encode_batch([noise.noisy(text, rng) for text in self._corpus.texts_of(numbers)])
                fits = [0 < len(ids) < self._max_tokens for ids in rows]
                writer.extend([*ids, EOS_ID] for ids, fit in zip(rows, fits, strict=True) if fit)
                fitting.append(numbers[fits])
            return NoisySources(np.concatenate(fitting), writer.finish())


class BatchPlan:
    """Which pairs go into which batch.

    In each pass over the corpus the pairs are shuffled, sorted by length (target first, so that it has nearly no
    padding, then source) and cut where the target side has `batch_tokens` cells; the batches are shuffled again.

    Args:
        corpus: the pairs.
        batch_tokens: cells of the target matrix, padding included. A longer sentence is a batch of its own.
        seed: of the shuffles.
        source_noise: what replaces some of the sources, if anything does.
        shares: the parts of the corpus, one behind the other, and how often a pass has them; none: every pair once.
        sampling: other subwords for the sentences of a batch, which may then have more cells; None: the usual ones.
        starts: what the target of each pair begins with; None: BOS. (N,)
        soft: where the soft targets of each pair begin (`nmt.training.soft_targets`), negative: it has none; None: as
            for pairs that have none. (N,)
    """

    def __init__(
        self,
        corpus: EncodedCorpus,
        batch_tokens: int,
        seed: int,
        source_noise: SourceNoise | None = None,
        shares: Sequence[Share] = (),
        sampling: SubwordSampling | None = None,
        starts: np.ndarray | None = None,
        soft: np.ndarray | None = None,
    ):
        self._sampling, self._starts, self._soft = sampling, starts, soft
        self._corpus, self._batch_tokens, self._seed, self._source_noise = corpus, batch_tokens, seed, source_noise
        self._shares = tuple(shares) or (Share(len(corpus), len(corpus)),)
        self._source_lengths, self._target_lengths = corpus.sources.lengths, corpus.targets.lengths + 1

    def one_pass(self, number: int) -> list[np.ndarray]:
        """The batches of one pass over the corpus, each an array of pair numbers."""
        rng = np.random.default_rng((self._seed, number))
        order = rng.permutation(pairs_of_pass(self._shares, self._seed, number))
        # From one length of the target to the next the sources go up, then down, so that a batch which has some of both
        # has sources of nearly one length.
        target_lengths, source_lengths = self._target_lengths[order], self._source_lengths[order].astype(np.int64)
        order = order[np.lexsort((np.where(target_lengths % 2, source_lengths, -source_lengths), target_lengths))]
        batches, start = [], 0
        while start < len(order):
            end = start + self._num_fitting(order[start : start + self._batch_tokens])
            batches.append(order[start:end])
            start = end
        return [batches[k] for k in rng.permutation(len(batches))]

    def _num_fitting(self, following: np.ndarray) -> int:
        """How many of the pairs that follow, which are in the order of their lengths, make a batch."""
        lengths = self._target_lengths[following[: max(1, self._batch_tokens // self._target_lengths[following[0]])]]
        # The last sentence is the longest of its batch, so it alone says how many fit.
        cells = lengths.astype(np.int64) * np.arange(1, len(lengths) + 1)
        return max(1, int(np.searchsorted(cells, self._batch_tokens, side="right")))

    def batches(self, first: int = 0) -> Iterator[dict[str, np.ndarray]]:
        """Batches without end, from number `first` on.

        Yields:
            {"source": (B, S), "target": (B, T) from BOS or `starts` on, "labels": (B, T) to EOS}, int32, 0 is padding;
            with `soft` also "soft": (B, T), 1 + the place of each token's soft target, 0: the label alone counts.
        """
        number = 0
        while True:
            one_pass = self.one_pass(number)
            noise = self._source_noise.of_pass(number) if self._source_noise and first < len(one_pass) else None
            for numbers in one_pass[first:]:
                sources, targets = self._sources(numbers, noise), self._targets(numbers)
                if self._sampling is not None:
                    sources = self._sampling.sources(sources, number, numbers)
                    targets = self._sampling.targets(targets, number, numbers)
                yield {"source": sources, **targets}
            first = max(0, first - len(one_pass))
            number += 1

    def tokens_per_batch(self) -> float:
        """Mean number of target tokens in a batch, padding left out."""
        return self.tokens_per_pass() / len(self.one_pass(0))

    def tokens_per_pass(self) -> float:
        """Target tokens in a pass, padding left out."""
        return float(self._target_lengths[pairs_of_pass(self._shares, self._seed, 0)].sum())

    def padding_share(self) -> float:
        """Share of cells, source and target together, that are padding, over one pass."""
        cells = tokens = 0
        for indices in self.one_pass(0):
            for lengths in (self._source_lengths[indices], self._target_lengths[indices]):
                cells += len(indices) * int(lengths.max())
                tokens += int(lengths.sum())
        return 1 - tokens / cells

    def _sources(self, numbers: np.ndarray, noise: NoisySources | None) -> np.ndarray:
        lengths = self._source_lengths[numbers]
        if noise is None:
            return self._corpus.sources.matrix(numbers, int(lengths.max()))
        is_noisy, rows = noise.find(numbers)
        lengths[is_noisy] = noise.lengths[rows[is_noisy]]
        matrix = np.empty((len(numbers), int(lengths.max())), dtype=np.int32)
        matrix[~is_noisy] = self._corpus.sources.matrix(numbers[~is_noisy], matrix.shape[1])
        matrix[is_noisy] = noise.sources.matrix(rows[is_noisy], matrix.shape[1])
        return matrix

    def _targets(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        lengths = self._target_lengths[numbers]
        ids = self._corpus.targets.matrix(numbers, int(lengths.max()) - 1)
        starts = np.full(len(ids), BOS_ID) if self._starts is None else self._starts[numbers]
        target = np.concatenate([starts[:, None].astype(np.int32), ids], axis=1)
        labels = np.concatenate([ids, np.full((len(ids), 1), PAD_ID, dtype=np.int32)], axis=1)
        labels[np.arange(len(ids)), lengths - 1] = EOS_ID
        if self._soft is None:
            return {"target": target, "labels": labels}
        places = self._soft[numbers][:, None] + np.arange(labels.shape[1])
        has_place = (self._soft[numbers][:, None] >= 0) & (labels != PAD_ID)
        return {"target": target, "labels": labels, "soft": np.where(has_place, places + 1, 0).astype(np.int32)}
