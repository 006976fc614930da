"""Sentences of a corpus that is too large for a list of them: UTF-8 in one file, decoded when they are asked for."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np

from nmt.corpora.files import CHUNK, Chunk
from nmt.corpora.rows import LARGE, Rows, RowWriter


class StoredTexts(Sequence[str]):
    """Read-only sentences: a slice is a list of them.

    Args:
        rows: their bytes in UTF-8.
    """

    def __init__(self, rows: Rows):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), CHUNK):
            yield from self[start : start + CHUNK]

    @overload
    def __getitem__(self, k: int) -> str: ...
    @overload
    def __getitem__(self, k: slice) -> list[str]: ...
    def __getitem__(self, k: int | slice) -> str | list[str]:
        if not isinstance(k, slice):
            return self._rows[k].tobytes().decode()
        if k.step not in (None, 1):
            return [self[n] for n in range(*k.indices(len(self)))]
        rows = self._rows[k]
        ends = (rows.offsets - rows.offsets[0]).tolist()
        block = rows.values[rows.offsets[0] : rows.offsets[-1]].tobytes()
        return [block[a:b].decode() for a, b in pairwise(ends)]


def sample(texts: Sequence[str], most: int, seed: int) -> Sequence[str]:
    """The texts, or `most` of them drawn by chance where there are more, in their order."""
    if len(texts) <= most:
        return texts
    numbers = np.random.default_rng((seed, len(texts))).choice(len(texts), most, replace=False)
    return [texts[k] for k in np.sort(numbers).tolist()]


def gather(
    chunks: Iterable[Chunk], folder: Path | None = None, large: int = LARGE
) -> tuple[Sequence[str], Sequence[str]]:
    """Sources and targets of all chunks: lists, or stored in a file where they have more than `large` bytes.

    Args:
        chunks: of a corpus, one after the other.
        folder: where the files go; they have no names and vanish with the process.
        large: bytes of text, both sides together.
    """
    chunks = iter(chunks)
    sources: list[str] = []
    targets: list[str] = []
    size = 0
    for chunk in chunks:
        sources += chunk[0]
        targets += chunk[1]
        size += sum(len(text.encode()) for side in chunk for text in side)
        if size > large:
            break
    else:
        return sources, targets
    with RowWriter(np.uint8, folder, large // 2) as first, RowWriter(np.uint8, folder, large // 2) as second:
        for start in range(0, len(sources), CHUNK):
            _write((first, second), (sources[start : start + CHUNK], targets[start : start + CHUNK]))
        del sources, targets
        for chunk in chunks:
            _write((first, second), chunk)
        return StoredTexts(first.finish()), StoredTexts(second.finish())


def _write(writers: tuple[RowWriter, RowWriter], chunk: Chunk) -> None:
    for writer, texts in zip(writers, chunk, strict=True):
        encoded = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        writer.extend_flat(np.frombuffer(b"".join(encoded), np.uint8), lengths)
