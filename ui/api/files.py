"""Uploaded files, translated on disk, and the translations, which can be fetched for a while."""

import re
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import nmt

from .gate import Refused
from .work import Stop

KEPT_SECONDS = 30 * 60
_NAME = re.compile(r"[^\w.() -]+")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,60}")


@dataclass(frozen=True)
class Kept:
    """A translated file that can be fetched until `until`."""

    path: Path
    name: str
    until: float
    size: int


class Shelf:
    """Translated files by a name that cannot be guessed. Safe to share between threads.

    Args:
        folder: for these files alone.
        most_bytes: together; the oldest make room.
        clock: seconds.
    """

    def __init__(self, folder: Path, most_bytes: int, clock: Callable[[], float] = time.monotonic):
        self.folder, self._most_bytes, self._clock = folder, most_bytes, clock
        self._kept: dict[str, Kept] = {}
        self._lock = Lock()

    def keep(self, path: Path, name: str) -> str:
        """Take over a file; returns what it is fetched by."""
        token = secrets.token_urlsafe(24)
        place = self.folder / token
        size = path.stat().st_size
        shutil.move(path, place)
        with self._lock:
            self._kept[token] = Kept(place, name, self._clock() + KEPT_SECONDS, size)
            self._make_room()
        return f"{token}.{name}"

    def find(self, wanted: str) -> Kept | None:
        """The file by what `keep` returned, or None when it is gone or never was."""
        token = wanted.partition(".")[0]
        with self._lock:
            self._make_room()
            return self._kept.get(token) if _TOKEN.fullmatch(token) else None

    def sweep(self) -> None:
        """Delete what has been kept long enough."""
        with self._lock:
            self._make_room()

    def _make_room(self) -> None:
        total = sum(kept.size for kept in self._kept.values())
        for token, kept in list(self._kept.items()):  # oldest first
            if kept.until > self._clock() and (total <= self._most_bytes or len(self._kept) == 1):
                break
            kept.path.unlink(missing_ok=True)
            total -= kept.size
            del self._kept[token]


def safe_name(name: str) -> str:
    """The last part of a file name, without anything that has a meaning to a shell, a browser or a file system."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return _NAME.sub("_", last).strip(". ")[-100:] or "file"


def formats() -> list[str]:
    """The extensions, with their dots, of the files that can be translated."""
    return sorted(f".{name}" for name in getattr(nmt, "FORMATS", ("txt",)))


def check_format(name: str) -> None:
    """Raises Refused (400) where files of that name cannot be translated."""
    if not name.lower().removesuffix(".gz").endswith(tuple(formats())):
        raise Refused(400, f"Invalid request: file format not supported; supported are {', '.join(formats())}")


def save(upload: BinaryIO, path: Path) -> int:
    """Write an upload to disk; returns its size in bytes."""
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file)
    return path.stat().st_size


def sample(path: Path) -> str:
    """The beginning of a file as text, to see which language it is in."""
    with path.open("rb") as file:
        return file.read(8_000).decode("utf-8", "ignore")


@dataclass(frozen=True)
class FileJob:
    """What is to be done with an uploaded file.

    Attributes:
        name: safe, see `safe_name`.
        source, target: languages as the caller names them.
        columns: of a table, which ones are translated.
        model: which model, where several are installed for the languages; empty: the first.
    """

    name: str
    source: str
    target: str
    columns: tuple[str, ...] = ()
    model: str = ""


Tell = Callable[[int, int, float], None]  # words that are done, words there are, and seconds left


def translate(translator: nmt.Translator, path: Path, job: FileJob, stop: Stop, tell: Tell | None = None) -> Path:
    """Translate a file; returns the translated one, which is in the same folder.

    Raises:
        Refused: it cannot be read as what its name says (400).
        BundleError: the model is damaged.
        AbandonedError: nobody waits for it any longer.
    """
    out = path.with_name(f"translated-{path.name}")

    def progress(how_far: Any) -> None:
        stop.check()
        if tell:
            tell(how_far.num_words, how_far.total_words, how_far.seconds_left)

    try:
        nmt.translate_file(path, translator, out, options=nmt.DocumentOptions(columns=job.columns), progress=progress)
    except nmt.BundleError:
        raise
    except nmt.NmtError as error:
        raise Refused(400, f"Invalid request: {error}".replace(f"{path.parent}/", "")) from None
    return out


def download_name(name: str, target: str) -> str:
    """`novel.txt` becomes `novel.ja.txt`."""
    body, gz = (name[:-3], name[-3:]) if name.lower().endswith(".gz") else (name, "")
    stem, dot, extension = body.rpartition(".")
    return f"{stem}.{target}.{extension}{gz}" if dot else f"{body}.{target}{gz}"
