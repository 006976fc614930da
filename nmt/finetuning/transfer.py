"""The first weights of a child: its parent's, with the rows of the embeddings put where the child's pieces are.

Encoder, attention and recurrent weights are the parent's (Zoph et al. 2016, "Transfer learning for low-resource neural
machine translation", section 3; Kocmi & Bojar 2018, "Trivial transfer learning for low-resource neural machine
translation"). Of the two embeddings, and of the output bias,

- a piece that both vocabularies have keeps its row,
- another one starts from the mean of the rows of the pieces by which the parent spells it,
- one that the parent cannot spell starts at random, from the mean and spread of the parent's rows.

Where it is known which of the parent's pieces say the same (`nmt.finetuning.counterparts`), a row starts from the mean
of theirs, the more so the more often it was seen. Remy et al. (2024, "Trans-tokenization and cross-lingual vocabulary
transfers") do so for language models, with an alignment of parallel text; here the parent writes one side of that text
itself. Kim, Gao & Ney (2019, "Effective cross-lingual transfer of neural machine translation models without shared
vocabularies") use cross-lingual word embeddings for the same purpose.

Weight matrices may then be drawn towards zero (`shrunk`).

NumPy alone. Axis letters: V vocabulary, D width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.finetuning.vocabulary import Vocabulary

SOURCE_ROWS = ("source_embedding/table",)
TARGET_ROWS = ("target_embedding/table", "target_embedding/bias")


# Of some of a child's ids, those of the parent that say the same, and how often each is expected to have done so.
Counterparts = Mapping[int, tuple[np.ndarray, np.ndarray]]
_DOUBT = 2.0  # prior count: seen so often, a row owes as much to its counterparts as to its spelling, or to chance


@dataclass(frozen=True)
class Carried:
    """What became of the rows of one embedding: each counts for what it owes most to."""

    num_copied: int
    num_composed: int
    num_drawn: int
    num_aligned: int = 0

    def __str__(self) -> str:
        aligned = f"{self.num_aligned:,} by what they mean, " if self.num_aligned else ""
        return f"{aligned}{self.num_copied:,} copied, {self.num_composed:,} composed, {self.num_drawn:,} new"


@dataclass(frozen=True, eq=False)
class Transferred:
    """The weights of a child, by the names of `TranslationModel.named_weights`, and where its rows come from."""

    weights: dict[str, np.ndarray]
    source: Carried
    target: Carried


def transfer(
    weights: Mapping[str, np.ndarray],
    parents: tuple[Vocabulary, Vocabulary],
    children: tuple[Vocabulary, Vocabulary],
    seed: int,
    counterparts: Counterparts | None = None,
) -> Transferred:
    """Make a child's weights.

    Args:
        weights: the parent's, by name. They are not changed.
        parents: its source and target vocabulary.
        children: those of the child.
        seed: of the rows that are drawn.
        counterparts: of pieces of the target.
    """
    made = {name: values.copy() for name, values in weights.items()}
    said = []
    for side, names in enumerate((SOURCE_ROWS, TARGET_ROWS)):
        origins, others = find_origins(parents[side], children[side]), (counterparts if side else None) or {}
        for k, name in enumerate(names):
            rng = np.random.default_rng((seed, side, k))
            made[name] = carry(weights[name], origins, parents[side].is_text, rng, others)
        aligned = {k for k, (_, counts) in others.items() if _trust(counts) > 0.5}
        left = [(origins[k], piece) for k, piece in enumerate(children[side].pieces) if k not in aligned]
        num_copied = sum(len(ids) == 1 and parents[side].pieces[ids[0]] == piece for ids, piece in left)
        num_drawn = sum(not ids for ids, _ in left)
        said.append(Carried(num_copied, len(left) - num_copied - num_drawn, num_drawn, len(aligned)))
    return Transferred(made, *said)


def shrunk(weights: Mapping[str, np.ndarray], factor: float) -> dict[str, np.ndarray]:
    """Weights of which matrices are multiplied by a factor; biases and norms stay.

    Those of a finished network are several times as large as those of one that begins, and an optimizer with steps of a
    given length, such as Adam, takes as many times longer to turn them to something else; smaller ones say the same,
    with less certainty (Ash & Adams 2020, "On warm-starting neural network training", section 4: shrink and perturb).
    """
    return {name: factor * values if values.ndim > 1 else values for name, values in weights.items()}


def find_origins(parent: Vocabulary, child: Vocabulary) -> list[list[int]]:
    """For each of the child's ids those of the parent that its row comes from; none where it must be drawn."""
    origins = []
    for piece, is_text in zip(child.pieces, child.is_text, strict=True):
        k = parent.find(piece)
        origins.append([k] if k is not None else parent.parts(piece) if is_text else [])
    return origins


def carry(
    rows: np.ndarray,
    origins: Sequence[Sequence[int]],
    is_text: Sequence[bool],
    rng: np.random.Generator,
    counterparts: Counterparts | None = None,
) -> np.ndarray:
    """Rows for a child.

    Args:
        rows: the parent's, (V, D) or (V,).
        origins: from `find_origins`.
        is_text: which of the parent's rows say what rows look like, for those that are drawn.
        rng: of those.
        counterparts: towards whose mean a row goes.

    Returns:
        (child's V, D) or (child's V,), of the same type.
    """
    usual = rows[np.asarray(is_text, dtype=bool)] if any(is_text) else rows
    mean, spread = usual.mean(axis=0), usual.std(axis=0)
    made = np.empty((len(origins), *rows.shape[1:]), dtype=rows.dtype)
    for k, ids in enumerate(origins):
        if len(ids) == 1:  # to the last bit
            made[k] = rows[ids[0]]
        else:
            made[k] = rows[list(ids)].mean(axis=0) if ids else rng.normal(mean, spread)
    for k, (others, counts) in (counterparts or {}).items():
        trust = _trust(counts)
        made[k] = trust * np.average(rows[others], axis=0, weights=counts) + (1 - trust) * made[k]
    return made


def _trust(counts: np.ndarray) -> float:
    """How much a row owes to its counterparts, 0 to 1."""
    seen = float(counts.sum())
    return seen / (seen + _DOUBT)
