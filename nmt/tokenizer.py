"""Text to subword ids and back, with SentencePiece (Kudo & Richardson 2018; unigram model, Kudo 2018).

Two normalisations are offered. Both strip white space at the ends and make any run of it one space.

- `source`: SentencePiece's `nmt_nfkc`. Full-width letters, ligatures and odd spaces become their plain forms, because
  people type them and the network should not care.
- `target`: nothing else. What the network writes keeps its own punctuation (「！」 stays full-width).

Both are idempotent. `decode(encode(text)) == normalise(text)` for every text: characters outside the vocabulary are
spelled in bytes, so nothing is ever unknown. (A lower one eighth block, U+2581, is SentencePiece's own sign for a space
and comes back as a space; NUL, which SentencePiece cannot hold, is dropped, and
half of a surrogate pair, which is no character, becomes "?".)
"""

import functools
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from nmt.errors import BundleError, CorpusError

PAD_ID, UNKNOWN_ID, BOS_ID, EOS_ID = range(4)
NUM_SPECIAL = 4
_NUM_BYTES = 256
_ALWAYS = "0123456789"  # have a piece, however rare: in everyday text one sentence in a hundred has digits
_LEAST_COVERAGE = 0.98  # SentencePiece takes no less
_SPACE = "\u2581"


class Tokenizer:
    """A trained SentencePiece model. Immutable; safe to share between threads.

    Args:
        model: the serialized SentencePiece model.

    Raises:
        BundleError: the bytes are not a SentencePiece model with our special ids.
    """

    def __init__(self, model: bytes):
        self._model = model
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            ids = [getattr(self._processor, f"{name}_id")() for name in ("pad", "unk", "bos", "eos")]
        except (RuntimeError, TypeError, ValueError) as error:
            raise BundleError(f"not a SentencePiece model: {error}") from None
        if ids != [PAD_ID, UNKNOWN_ID, BOS_ID, EOS_ID]:
            raise BundleError(f"the SentencePiece model has pad, unk, bos, eos ids {ids}, expected [0, 1, 2, 3]")

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a `.model` file.

        Raises:
            BundleError: it is missing or not a SentencePiece model.
        """
        try:
            return cls(Path(path).read_bytes())
        except OSError as error:
            raise BundleError(f"cannot read the tokenizer {path}: {error.strerror}") from None
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from None

    def save(self, path: str | Path) -> None:
        """Write the model file that `load` reads."""
        Path(path).write_bytes(self._model)

    @property
    def model(self) -> bytes:
        """The serialized SentencePiece model."""
        return self._model

    @property
    def vocab_size(self) -> int:
        """V, special ids included."""
        return int(self._processor.get_piece_size())

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, without BOS or EOS."""
        return list(self._processor.encode(_storable(text), out_type=int))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for each text, faster than one by one."""
        return list(self._processor.encode([_storable(text) for text in texts], out_type=int))

    def sample(self, text: str, seed: int, *, alpha: float, nbest: int) -> list[int]:
        """Ids of one of the best segmentations, drawn by its probability to the power of alpha (Kudo 2018, 3.2).

        Args:
            text: as for `encode`.
            seed: with the same one the segmentation is the same; SentencePiece's own drawing does not promise that.
            alpha: 0 makes all of them equally likely; the higher, the surer the one of `encode`.
            nbest: the best so many to choose from.
        """
        found = self._processor.nbest_encode(_storable(text), nbest_size=nbest, return_type="proto").nbests
        scores = alpha * np.array([one.score for one in found], dtype=np.float64)
        shares = np.cumsum(np.exp(scores - scores.max(initial=-np.inf)))
        if not len(shares):
            return []
        place = np.searchsorted(shares, np.random.default_rng(seed).random() * shares[-1], side="right")
        return [int(piece.id) for piece in found[min(int(place), len(found) - 1)].pieces]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids`; special ids are left out, broken byte sequences become U+FFFD."""
        text = str(self._processor.decode([int(i) for i in ids if i >= NUM_SPECIAL]))
        return text.replace(_SPACE, " ").strip(" ")  # the sign survives where it was spelled in bytes

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The token behind each id; U+2581 marks a space before it, `<0xE3>` a byte."""
        table = self._table
        return [table[i] for i in ids]

    @functools.cached_property
    def _table(self) -> list[str]:
        return [str(self._processor.id_to_piece(i)) for i in range(self.vocab_size)]

    @functools.cached_property
    def knows_capitals(self) -> bool:
        """Whether it was trained on text with capitals; in lower-cased text hardly any piece has one."""
        return 100 * sum(piece != piece.lower() for piece in self._letters) > len(self._letters)

    @property
    def _letters(self) -> list[str]:
        return [piece for piece in self._table if piece.lstrip(_SPACE).isalpha()]

    def log_prob(self, text: str) -> float:
        """Logarithm of the probability of the pieces of `encode`, each by itself (Kudo 2018, equation 1)."""
        return sum(float(self._processor.get_score(i)) for i in self.encode(text))

    def id_of(self, piece: str) -> int:
        """The id of a piece.

        Raises:
            KeyError: there is no such piece.
        """
        found = int(self._processor.piece_to_id(piece))
        if found == UNKNOWN_ID:
            raise KeyError(piece)
        return found

    def normalise(self, text: str) -> str:
        """What `decode(encode(text))` gives."""
        return str(self._processor.normalize(_storable(text))).replace(_SPACE, " ").strip(" ")


def pad(rows: Sequence[Any]) -> np.ndarray:
    """Rows of ids (lists or arrays) side by side, 0 on the right. -> (B, longest) int32"""
    matrix = np.full((len(rows), max(map(len, rows))), PAD_ID, dtype=np.int32)
    for row, ids in zip(matrix, rows, strict=True):
        row[: len(ids)] = ids
    return matrix


def _storable(text: str) -> str:
    """`text` without what SentencePiece cannot hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def train(
    sentences: Iterable[str],
    vocab_size: int,
    *,
    side: str,
    uses_spaces: bool = True,
    seed: int = 1,
    tokens: Sequence[str] = (),
) -> Tokenizer:
    """Train a tokenizer.

    Args:
        sentences: training text of one language, or of both for a joint vocabulary.
        vocab_size: wanted number of pieces; 0 chooses one from the size of the corpus. It is clamped to what the corpus
            can fill, as SentencePiece refuses more, and raised to hold the characters that make up 98 % of the text,
            and the digits.
        side: "source" or "target", which chooses the normalisation (see the module's docstring).
        uses_spaces: whether words are divided by spaces; a sentence then begins with one, so that a word has the same
            piece at the start as in the middle.
        seed: for SentencePiece's own sampling of very large corpora.
        tokens: further pieces, which no text is cut into, such as "<2de>".

    Raises:
        CorpusError: there is no text to learn from.
    """
    lines = [line for line in sentences if line.strip()]
    if not lines:
        raise CorpusError("cannot train a tokenizer: the corpus has no text")
    smallest = NUM_SPECIAL + len(tokens) + _NUM_BYTES + 1
    size = max(vocab_size or choose_vocab_size(lines), smallest)
    # Rare characters are spelled in bytes; without spaces (Japanese, Chinese) there are many and each costs a row.
    coverage = 0.9998 if uses_spaces else 0.9995
    sentencepiece.set_random_generator_seed(seed)
    while True:
        try:
            return _train_once(lines, size, coverage, side, uses_spaces, tokens)
        except RuntimeError as error:
            message = str(error)
        too_large = re.search(r"value <= (\d+)", message)
        too_small = re.search(r"required_chars\. \d+ vs (\d+)", message)
        if too_small and coverage > _LEAST_COVERAGE:
            coverage = max(_LEAST_COVERAGE, 1 - 2 * (1 - coverage))
        elif too_small:
            size = int(too_small.group(1))
        elif too_large and smallest < size:
            size = max(smallest, min(int(too_large.group(1)), size - 1))
        else:
            raise CorpusError(f"cannot train a tokenizer on this corpus: {message}")


def choose_vocab_size(lines: Sequence[str]) -> int:
    """A vocabulary for a corpus of this size: small corpora learn better from few, frequent pieces.

    About one piece per 60 sentences, between 1,000 and 8,000 (Sennrich & Zhang 2019, section 4.2: small
    vocabularies for little data).
    """
    return max(1000, min(8000, len(lines) // 60 // 100 * 100))


def _train_once(
    lines: Sequence[str], vocab_size: int, coverage: float, side: str, uses_spaces: bool, tokens: Sequence[str]
) -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=vocab_size,
        model_type="unigram",
        byte_fallback=True,
        character_coverage=coverage,
        required_chars=_ALWAYS,
        normalization_rule_name="nmt_nfkc" if side == "source" else "identity",
        add_dummy_prefix=uses_spaces,
        split_digits=True,
        max_sentence_length=1 << 16,
        input_sentence_size=1_000_000,
        shuffle_input_sentence=True,
        pad_id=PAD_ID,
        unk_id=UNKNOWN_ID,
        bos_id=BOS_ID,
        eos_id=EOS_ID,
        control_symbols=list(tokens),
        num_threads=2,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())
