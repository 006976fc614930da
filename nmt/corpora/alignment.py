"""Which words of parallel sentences translate each other.

Both directions of IBM Model 1 (Brown et al. 1993) are trained to agree (Liang, Taskar and Klein 2006). NumPy alone.

Axis letters: N sentences, C cells (every source word beside every target word of its sentence), K different word pairs.
"""

from dataclasses import dataclass

import numpy as np

from nmt.corpora.rows import Rows

_ROUNDS = 6  # of expectation maximisation
_NOTHING = 1e-3  # probability of the NULL word: that a word translates none


@dataclass(frozen=True, eq=False)
class Alignment:
    """How sure it is which words translate each other.

    Attributes:
        first: of each sentence its first cell, and the number of cells at the end. (N + 1,)
        sources, targets: the two words of each cell, as places in `values` of the rows. (C,) int32
        agreement: the product of both directions' link probabilities, 0 to 1. (C,)
    """

    first: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    agreement: np.ndarray


def align(sources: Rows, targets: Rows, longest: int) -> Alignment:
    """Find what translates what in N pairs of sentences, given as numbers of words.

    Args:
        sources, targets: of as many sentences. 200,000 pairs of ten words need 2 GB of memory.
        longest: sentences with more words have no cells: they tell little for what they cost.
    """
    lengths, others = sources.lengths.astype(np.int64), targets.lengths.astype(np.int64)
    is_usable = (lengths <= longest) & (others <= longest)
    sizes = np.where(is_usable, lengths * others, 0)
    first = np.concatenate([[0], np.cumsum(sizes)])
    sentence = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    row, column = np.divmod(np.arange(first[-1]) - first[sentence], others[sentence])
    ends = (sources.offsets[sentence] + row).astype(np.int32), (targets.offsets[sentence] + column).astype(np.int32)
    del sentence, row, column
    return Alignment(first, *ends, _agreement(ends, sources.values, targets.values))


def _agreement(ends: tuple[np.ndarray, np.ndarray], sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The product of both directions' probabilities that the ends of each cell translate each other. -> (C,)"""
    width = int(targets.max(initial=0)) + 1
    pairs, cells = np.unique(sources[ends[0]].astype(np.int64) * width + targets[ends[1]], return_inverse=True)
    words = np.divmod(pairs, width)
    chances = [np.ones(len(pairs)), np.ones(len(pairs))]  # of either word, given the other
    agreed = np.ones(len(cells))
    for _ in range(_ROUNDS):
        agreed = np.ones(len(cells))
        for chance, end in zip(chances, ends[::-1], strict=True):
            given = chance[cells]
            agreed *= given / (np.bincount(end, given) + _NOTHING)[end]
        counts = np.bincount(cells, agreed, len(pairs))
        chances = [counts / np.maximum(np.bincount(word, counts), 1e-12)[word] for word in words]
    return agreed
