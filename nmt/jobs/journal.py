"""Files that survive a kill: outputs that appear when complete, and the journal of a job that is not.

A journal is a text file of one record per line, each behind its own checksum. The first says what job it belongs to;
each of the others holds the results of consecutive texts. A record is appended whole and synced to the disk, so that a
process killed at any moment leaves at worst one torn record at the end, which is dropped.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from nmt.errors import NmtError

FORMAT_VERSION = 1
_OPEN = re.compile(r"(?:/dev|/proc/self)/fd/(\d+)|/dev/(stdin|stdout|stderr)")
_LONGEST_NAME = 255  # bytes, of a file in most file systems


@dataclass(frozen=True)
class Problem:
    """A sentence whose translation fails a check, and why."""

    source: str
    translation: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """The translation of one text. `score` is a length-normalised log-probability; higher is better."""

    text: str
    score: float
    problems: tuple[Problem, ...] = ()


class Journal:
    """The results of the first texts of one file, on disk.

    Args:
        path: where; nothing is written before the first `append`.
        job: what the results depend on, as JSON values by name. A journal of another job counts as empty.

    Attributes:
        count: results held.
        other: the names in `job` that a journal found there does not agree with; it is replaced.
    """

    def __init__(self, path: Path, job: Mapping[str, Any]):
        self._path = path
        self._header = {"journal": FORMAT_VERSION, **job}
        self._size = 0  # bytes of the valid records
        self.count = 0
        self.other: tuple[str, ...] = ()
        with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
            header = _decode(stream.readline())
            if header == self._header:
                self._size = stream.tell()
                for record in _records(stream, 0):
                    self._size, self.count = stream.tell(), self.count + len(record)
            elif header is not None:
                self.other = tuple(key for key in self._header if header.get(key) != self._header[key])

    def append(self, results: Sequence[Result]) -> None:
        """Add the results of the next texts; they are on the disk when this returns.

        Raises:
            NmtError: they cannot be written; the journal is what it was before.
        """
        record = {"first": self.count, "results": [_to_json(result) for result in results]}
        data = _encode(record) if self._size else _encode(self._header) + _encode(record)
        try:
            with self._path.open("r+b" if self._size else "wb") as stream:
                stream.seek(self._size)
                stream.truncate()  # what a torn record left
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            if self._size and isinstance(error, FileNotFoundError):  # the other one is done, and has removed it
                raise self._changed() from None
            raise NmtError(
                f"cannot write {self._path}: {error.strerror}; what is done is kept: mend that, and the same command "
                "continues from there"
            ) from None
        self._size, self.count = self._size + len(data), self.count + len(results)

    def results(self) -> Generator[Result, None, None]:
        """All results from the first text on, read as they are asked for.

        Raises:
            NmtError: the file is not what was written.
        """
        count = 0
        if self._size:
            with self._path.open("rb") as stream:
                stream.readline()
                for record in _records(stream, 0):
                    yield from record
                    count += len(record)
                    if count >= self.count:
                        break
        if count != self.count:
            raise self._changed()

    def _changed(self) -> NmtError:
        return NmtError(f"{self._path} was changed meanwhile; is the same file being translated twice at once?")

    def remove(self) -> None:
        """The job is done."""
        self._path.unlink(missing_ok=True)


def journal_path(output: Path) -> Path:
    """Where the journal of a file that is to become `output` lies: beside it, hidden."""
    return _hidden(output, "nmt-journal")


def is_stream(path: Path) -> bool:
    """Whether writing there goes somewhere at once: a pipe, a device, or what this process has open (/dev/stdout)."""
    return _descriptor(path) is not None or (path.exists() and not path.is_file())


def real(path: Path) -> Path:
    """Where a path leads. Unlike `Path.resolve`, a link that leads to itself raises nothing: opening it will."""
    return Path(os.path.realpath(path))


def _descriptor(path: Path) -> int | None:
    """The number of a stream that this process has open, by its name among the files; None for other names."""
    match = _OPEN.fullmatch(str(path))
    return None if match is None else int(match[1]) if match[1] else ("stdin", "stdout", "stderr").index(match[2])


@contextlib.contextmanager
def complete_file(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing so that it appears under its name only when the block ends without an error.

    What is a stream (see `is_stream`) is written to directly, behind what is there already. A file that is replaced
    leaves its permissions to the new one.

    Raises:
        NmtError: it cannot be written.
    """
    try:
        number = _descriptor(path)
        direct = None if not is_stream(path) else path.open("wb") if number is None else os.fdopen(os.dup(number), "wb")
    except OSError as error:
        raise NmtError(f"cannot write {path}: {error.strerror}") from None
    if direct is not None:
        with direct:
            yield direct
        return
    path = real(path)
    unfinished = _hidden(path, "nmt-part")  # the same name each time: what a kill leaves is overwritten the next time
    try:
        stream = unfinished.open("wb")
    except OSError as error:
        raise NmtError(f"cannot write {path}: {error.strerror}") from None
    try:
        with stream:
            if path.exists():
                shutil.copymode(path, unfinished)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def output_stream(name: str | None) -> Iterator[BinaryIO]:
    """A `complete_file`, or standard output where there is no name."""
    if name is None:
        if sys.stdout is None:
            raise NmtError("standard output is closed; name a file with --out")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with complete_file(Path(name)) as stream:
            yield stream


def _hidden(path: Path, ending: str) -> Path:
    name = f".{path.name}.{ending}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.{ending}"
    return path.with_name(name)


def _records(stream: BinaryIO, count: int) -> Iterator[list[Result]]:
    """The valid records from here on; `stream` stands behind each when it is yielded."""
    while (record := _decode(stream.readline())) is not None and record.get("first") == count:
        results = [_from_json(values) for values in record["results"]]
        count += len(results)
        yield results


def _encode(record: Mapping[str, Any]) -> bytes:
    # Half a surrogate pair, which a JSON file may hold, is no valid UTF-8, but must come back.
    data = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return b"%s %s\n" % (_checksum(data), data)


def _decode(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None where it is torn or altered."""
    checksum, _, data = line.partition(b" ")
    if not data.endswith(b"\n") or _checksum(data[:-1]) != checksum:
        return None
    record: dict[str, Any] = json.loads(data.decode("utf-8", "surrogatepass"))
    return record


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest()[:16].encode()


def _to_json(result: Result) -> list[Any]:
    problems = [[problem.source, problem.translation, list(problem.reasons)] for problem in result.problems]
    return [result.text, result.score, problems] if problems else [result.text, result.score]


def _from_json(values: list[Any]) -> Result:
    text, score, *rest = values
    problems = rest[0] if rest else []
    return Result(text, score, tuple(Problem(source, done, tuple(why)) for source, done, why in problems))
