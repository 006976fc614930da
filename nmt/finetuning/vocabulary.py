"""The pieces of a tokenizer, and what a network that has learned them can lend to another vocabulary.

A piece is text as SentencePiece holds it: U+2581 marks a space before it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nmt.tokenizer import Tokenizer

_SPACE = "\u2581"
_NORMAL = 1  # SentencePiece's number for pieces that are text; the others are special ids and bytes


@dataclass(frozen=True)
class Vocabulary:
    """Pieces by id.

    Attributes:
        pieces: all different.
        scores: log-probabilities of the unigram model; of the special ones 0.
        is_text: false for special ids and bytes.
    """

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    is_text: tuple[bool, ...]
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {piece: k for k, piece in enumerate(self.pieces)})

    def __len__(self) -> int:
        return len(self.pieces)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """The vocabulary of a tokenizer."""
        rows = _proto(tokenizer.model).pieces
        return cls(
            tuple(row.piece for row in rows),
            tuple(float(row.score) for row in rows),
            tuple(row.type == _NORMAL for row in rows),
        )

    def begins_with(self, other: "Vocabulary") -> bool:
        """Whether the first pieces are those of another one, under the same ids."""
        return self.pieces[: len(other)] == other.pieces

    def find(self, piece: str) -> int | None:
        """The id of a piece; None where it is not there."""
        return self._ids.get(piece)

    @cached_property
    def _longest(self) -> int:
        return max((len(p) for p, is_text in zip(self.pieces, self.is_text, strict=True) if is_text), default=0)

    def split(self, text: str) -> list[int]:
        """The most probable way to spell a text in pieces that are text (Kudo 2018, section 3.2, by Viterbi).

        Characters that no piece holds are passed over.
        """
        passed = min(self.scores, default=0.0) - 10.0  # dearer than any piece, as in SentencePiece
        best: list[tuple[float, int, int | None]] = [(0.0, 0, None)]  # up to each place: score, start of the last piece
        for end in range(1, len(text) + 1):
            found: tuple[float, int, int | None] = (best[end - 1][0] + passed, end - 1, None)
            for start in range(max(0, end - self._longest), end):
                k = self._ids.get(text[start:end])
                if k is not None and self.is_text[k]:
                    found = max(found, (best[start][0] + self.scores[k], start, k), key=lambda way: way[0])
            best.append(found)
        ids: list[int] = []
        end = len(text)
        while end:
            _, end, k = best[end]
            ids += [] if k is None else [k]
        return ids[::-1]

    def parts(self, piece: str) -> list[int]:
        """The ids that spell a piece of another vocabulary; empty where they cover less than half of its letters."""
        ids = self.split(piece)
        covered = sum(len(self.pieces[k].replace(_SPACE, "")) for k in ids)
        letters = len(piece.replace(_SPACE, ""))
        return ids if 2 * covered >= max(letters, 1) or not letters else []


def shared(parent: Vocabulary, child: Tokenizer, texts: Sequence[str]) -> float:
    """The share of the tokens of some texts, as the child spells them, that are pieces of the parent as well."""
    counts = Counter(k for ids in child.encode_batch(texts) for k in ids)
    vocabulary = Vocabulary.of(child)
    known = sum(n for k, n in counts.items() if vocabulary.is_text[k] and parent.find(vocabulary.pieces[k]) is not None)
    return known / max(1, counts.total())


def spelled_in_bytes(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """The share of the tokens of some texts that are single bytes: characters which the vocabulary lacks."""
    is_text = Vocabulary.of(tokenizer).is_text
    counts = Counter(is_text[k] for ids in tokenizer.encode_batch(texts) for k in ids)
    return counts[False] / max(1, counts.total())


def extended(parent: Tokenizer, other: Tokenizer, texts: Sequence[str], num_new: int) -> Tokenizer:
    """The parent's tokenizer with further pieces at its end; those it has keep their ids.

    Args:
        parent: what to add to.
        other: trained on `texts`; its pieces are the candidates.
        texts: the new text. The pieces that make it shortest are taken.
        num_new: at most so many.
    """
    known, candidates = Vocabulary.of(parent), Vocabulary.of(other)
    counts = Counter(k for ids in other.encode_batch(texts) for k in ids)
    gains: list[tuple[int, str, float]] = []
    for k, count in counts.items():
        piece, score = candidates.pieces[k], candidates.scores[k]
        if not candidates.is_text[k] or known.find(piece) is not None:
            continue
        ids = known.split(piece)
        covered = sum(len(known.pieces[i]) for i in ids)
        missing = len(piece) - covered  # characters that cost three tokens or so, being spelled in bytes
        if missing or score > sum(known.scores[i] for i in ids):  # else it would never be chosen
            gains.append((count * (len(ids) + 3 * missing - 1), piece, score))
    proto = _proto(parent.model)
    for gain, piece, score in sorted(gains, key=lambda one: (-one[0], one[1]))[:num_new]:
        if gain > 0:
            proto.pieces.add(piece=piece, score=score)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    return Tokenizer(proto.SerializeToString())


def _proto(model: bytes) -> Any:
    from sentencepiece import sentencepiece_model_pb2

    kind: Any = vars(sentencepiece_model_pb2)["ModelProto"]  # made when the module is loaded, so no checker knows it
    return kind.FromString(model)
