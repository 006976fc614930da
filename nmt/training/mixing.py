"""Several corpora in one training run, each seen as often as its weight says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.corpora.columns import Wanted
from nmt.corpora.corpus import Corpus, corpus_chunks
from nmt.corpora.files import Chunk
from nmt.corpora.texts import gather

_DRAW = 2  # keeps the random numbers of the draw apart from those of shuffles and noise


@dataclass(frozen=True)
class Share:
    """One corpus within a mixture.

    Attributes:
        num_pairs: in the corpus.
        num_per_pass: of them in a pass: with fewer, others in each pass; with more, some or all come several times.
    """

    num_pairs: int
    num_per_pass: int


@dataclass(frozen=True)
class Mixture:
    """Corpora one behind the other.

    Attributes:
        corpus: all of them.
        sizes: number of pairs of each.
    """

    corpus: Corpus
    sizes: tuple[int, ...]


def read_mixture(
    places: Sequence[str | Path],
    source_language: str,
    target_languages: Sequence[str],
    folder: Path | None = None,
    *,
    progress: bool = False,
) -> Mixture:
    """Read what may be more than fits into memory.

    Args:
        places: of the corpora, as `nmt.corpora.corpus.read_corpus` takes them.
        source_language: code of the language of the sources.
        target_languages: code of the language of the targets of each place.
        folder: where the text goes if there is much, in files that vanish with the process; None: where the system
            keeps what is temporary.
        progress: show the bars of a download on stderr.

    Raises: what `nmt.corpora.corpus.read_corpus` raises.
    """
    sizes = [0] * len(places)

    def chunks() -> Iterator[Chunk]:
        for k, (place, code) in enumerate(zip(places, target_languages, strict=True)):
            wanted = Wanted.of(source_language, code)
            for chunk in corpus_chunks(place, source_language, code, wanted, progress=progress):
                sizes[k] += len(chunk[0])
                yield chunk

    corpus = Corpus(*gather(chunks(), folder))
    return Mixture(corpus, tuple(sizes))


def shares_of(sizes: Sequence[int], weights: Sequence[float]) -> tuple[Share, ...]:
    """Shares in which a pair of weight 2 is seen twice as often as one of weight 1, which is seen once a pass.

    Args:
        sizes: number of pairs of each corpus.
        weights: of each corpus; none: all 1.
    """
    pairs = zip(sizes, weights or [1.0] * len(sizes), strict=True)
    return tuple(Share(size, max(min(size, 1), round(size * weight))) for size, weight in pairs)


def pairs_of_pass(shares: Sequence[Share], seed: int, number: int) -> np.ndarray:
    """The numbers of the pairs of a pass, corpus by corpus.

    A pure function of its arguments. What does not go up in whole repetitions is drawn anew for each pass.

    Args:
        shares: of corpora that stand one behind the other.
        seed: of the draw.
        number: of the pass.

    Returns:
        (sum of num_per_pass,) int64
    """
    rng = np.random.default_rng((seed, number, _DRAW))
    found, first = [np.empty(0, dtype=np.int64)], 0
    for share in shares:
        whole, rest = divmod(share.num_per_pass, share.num_pairs) if share.num_pairs else (0, 0)
        every = np.arange(first, first + share.num_pairs, dtype=np.int64)
        found += [every] * whole
        if rest:
            found.append(first + rng.choice(share.num_pairs, rest, replace=False))
        first += share.num_pairs
    return np.concatenate(found)
