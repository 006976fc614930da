"""Subword regularisation: sentences cut into other subwords in each pass over the data.

Kudo 2018 ("Subword regularization: improving neural network translation models with multiple subword candidates",
section 3.2): a model that sees a sentence in many segmentations learns what the pieces of a word have in common, and
bears unusual spelling better.
"""

from dataclasses import dataclass

import numpy as np

from nmt.tokenizer import EOS_ID, PAD_ID, Tokenizer, pad

_SOURCE, _TARGET = 3, 4  # keep these random numbers apart from each other and from those of shuffles and noise


@dataclass(frozen=True, eq=False)
class SubwordSampling:
    """Draws segmentations; which one is a pure function of seed, side, pass and pair.

    Attributes:
        source: tokenizer of the sources; None leaves them as they are.
        target: tokenizer of the targets; None leaves them as they are.
        alpha: exponent of the probability of a segmentation: the lower, the more even the chances.
        nbest: the best so many segmentations to choose from.
        max_tokens: a segmentation of so many tokens is not taken; the usual one stays.
        seed: of the draw.
    """

    source: Tokenizer | None
    target: Tokenizer | None
    alpha: float
    nbest: int
    max_tokens: int
    seed: int

    def sources(self, matrix: np.ndarray, number: int, pairs: np.ndarray) -> np.ndarray:
        """Other segmentations of sources that end with EOS.

        Args:
            matrix: (B, S) ids, padded on the right.
            number: of the pass.
            pairs: (B,) their numbers.

        Returns:
            (B, S'), like `matrix`.
        """
        if self.source is None:
            return matrix
        return pad([[*ids, EOS_ID] for ids in self._drawn(self.source, matrix, (number, _SOURCE), pairs)])

    def targets(self, batch: dict[str, np.ndarray], number: int, pairs: np.ndarray) -> dict[str, np.ndarray]:
        """The same for targets: {"target": (B, T) from BOS on, "labels": (B, T) to EOS} -> of another T."""
        if self.target is None:
            return batch
        rows = self._drawn(self.target, batch["labels"], (number, _TARGET), pairs)
        starts = batch["target"][:, 0].tolist()
        target = pad([[start, *ids] for start, ids in zip(starts, rows, strict=True)])
        return {"target": target, "labels": pad([[*ids, EOS_ID] for ids in rows])}

    def _drawn(
        self, tokenizer: Tokenizer, matrix: np.ndarray, stream: tuple[int, int], pairs: np.ndarray
    ) -> list[list[int]]:
        rows = []
        for row, pair in zip(matrix, pairs.tolist(), strict=True):
            known = row[(row != PAD_ID) & (row != EOS_ID)].tolist()
            seed = int(np.random.SeedSequence((self.seed, *stream, pair)).generate_state(1)[0])
            ids = tokenizer.sample(tokenizer.decode(known), seed, alpha=self.alpha, nbest=self.nbest)
            rows.append(ids if 0 < len(ids) < self.max_tokens else known)
        return rows
