"""Rows of different lengths, one behind the other in one flat array, which is a file where it is large.

A list of a million small arrays takes a hundred bytes for each beside what it holds, and all of it is in memory. Here
a row costs eight bytes, and of a file the system keeps in memory what is used, and drops it when memory is short. The
file has no name: it is gone when the process ends, however it ends.
"""

import mmap
import tempfile
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, overload

import numpy as np

LARGE = 32 << 20  # bytes of rows from which on they are kept in a file


class Rows(Sequence[np.ndarray]):
    """Read-only rows: `rows[k]` is `values[offsets[k]:offsets[k + 1]]`.

    Args:
        values: all of them. (total,)
        offsets: where each row begins, and where the last one ends. (N + 1,) int64
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray):
        self.values, self.offsets = values, offsets

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | np.ndarray], dtype: Any = np.int32) -> "Rows":
        """These rows, in memory."""
        with RowWriter(dtype) as writer:
            writer.extend(rows)
            return writer.finish()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, k: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, k: slice) -> "Rows": ...
    def __getitem__(self, k: int | slice) -> "np.ndarray | Rows":
        if isinstance(k, slice):
            start, stop, step = k.indices(len(self))
            if step != 1:
                return Rows.of([self[n] for n in range(start, stop, step)], self.values.dtype)
            return Rows(self.values, self.offsets[start : max(start, stop) + 1])
        if not -len(self) <= k < len(self):
            raise IndexError(f"there is no row {k}; there are {len(self)}")
        k %= len(self)
        return self.values[self.offsets[k] : self.offsets[k + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Of every row. (N,) int32"""
        lengths = np.empty(len(self), dtype=np.int32)
        np.subtract(self.offsets[1:], self.offsets[:-1], out=lengths, casting="unsafe")
        return lengths

    def matrix(self, numbers: np.ndarray, width: int) -> np.ndarray:
        """Some rows side by side, 0 on the right. (B,) -> (B, width) int32

        Args:
            numbers: of the rows.
            width: the length of the longest of them, or more.
        """
        starts = self.offsets[numbers][:, None]
        is_filled = np.arange(width) < self.offsets[numbers + 1][:, None] - starts
        matrix = np.zeros((len(numbers), width), dtype=np.int32)
        matrix[is_filled] = self.values[(starts + np.arange(width))[is_filled]]
        return matrix

    def followed_by(self, other: "Rows") -> "Rows":
        """The rows of both, in memory."""
        first, second = (rows.values[rows.offsets[0] : rows.offsets[-1]] for rows in (self, other))
        starts = self.offsets - self.offsets[0], other.offsets[1:] - other.offsets[0] + len(first)
        return Rows(np.concatenate([first, second]), np.concatenate(starts))


class RowWriter:
    """Takes rows in, some at a time; a context, which ends with its file closed.

    Args:
        dtype: of what is in them.
        folder: where the file goes if there is much; None: where the system keeps what is temporary.
        large: bytes from which on it is a file.
    """

    def __init__(self, dtype: Any, folder: Path | None = None, large: int = LARGE):
        self._dtype = np.dtype(dtype)
        self._values, self._offsets = _Spool(folder, large), _Spool(folder, large)
        self._end = 0
        self._offsets.write(np.zeros(1, dtype=np.int64))

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._values.close()
        self._offsets.close()

    def extend(self, rows: Iterable[Sequence[int] | np.ndarray]) -> None:
        """Append rows of numbers."""
        rows = list(rows)
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        self.extend_flat(np.fromiter(chain.from_iterable(rows), self._dtype, count=int(lengths.sum())), lengths)

    def extend_flat(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Append rows that stand one behind the other already."""
        ends = self._end + np.cumsum(lengths, dtype=np.int64)
        self._values.write(values.astype(self._dtype, copy=False))
        self._offsets.write(ends)
        if len(ends):
            self._end = int(ends[-1])

    def finish(self) -> Rows:
        """What has been taken in. Nothing can be appended after that."""
        return Rows(self._values.finish(self._dtype), self._offsets.finish(np.dtype(np.int64)))


class _Spool:
    """Bytes, in memory until there are many."""

    def __init__(self, folder: Path | None, large: int):
        place = None if folder is None else str(folder)
        self._file = tempfile.SpooledTemporaryFile(large, dir=place)  # noqa: SIM115 - a method closes it
        self._folder, self._large, self._size = folder, large, 0

    def write(self, values: np.ndarray) -> None:
        self._size += values.nbytes
        if self._size > self._large and self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._file.write(values.tobytes())

    def finish(self, dtype: np.dtype) -> np.ndarray:
        if self._size <= self._large:
            self._file.seek(0)
            return np.frombuffer(self._file.read(), dtype)
        self._file.flush()
        return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), dtype)

    def close(self) -> None:
        self._file.close()
