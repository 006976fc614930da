"""Fine-tunings that are started from the page: each a process of its own, and a folder that says how it stands.

    <folder>/<name>/start.json     what was asked for
                    pairs.tsv      what it learns from (or .csv, .jsonl, .tmx)
                    log            what the process says; locked for as long as it lives
                    output         what it prints, figures and, last, where the model is
                    pid            of the process
                    stopped        there where somebody stopped it
                    run/           of `nmt finetune`; the finished model is in run/bundle

Nothing is known but what stands there, so a page that is started again shows the same.
"""

import contextlib
import dataclasses
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import nmt

from .processes import is_taken, started, take

State = Literal["working", "done", "stopped", "failed"]

SUFFIXES = (".tsv", ".csv", ".jsonl", ".tmx")
LONGEST_NAME = 60
MOST_MINUTES = 1_440.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_START, _LOG, _OUTPUT, _PID, _STOPPED, _RUN = "start.json", "log", "output", "pid", "stopped", "run"
_RESULT = "finetuning.json"
_DONE = "The model is in "  # what `nmt finetune` says last
_NEEDED = ("keras", "sacrebleu", "tqdm")  # of the extra "train"
_GRACE = 10.0  # seconds that a process has to end


@dataclass(frozen=True)
class Wanted:
    """A fine-tuning as somebody asks for it.

    Attributes:
        name: of the new model and of its folder.
        parent: the name of the model to start from, for people.
        parent_folder: where that is.
        source, target: the languages.
        minutes: of training, at most; 0: until there is no more to gain.

    Raises:
        ConfigError: a value that makes no sense.
    """

    name: str
    parent: str
    parent_folder: str
    source: str
    target: str
    minutes: float

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise nmt.ConfigError(
                f"a name is made of up to {LONGEST_NAME} letters a to z, digits, points and dashes, such as en-ja-mine"
            )
        if not 0 <= self.minutes <= MOST_MINUTES:
            raise nmt.ConfigError(f"minutes must be from 0 to {MOST_MINUTES:,.0f}, not {self.minutes:g}")
        for code in (self.source, self.target):
            nmt.language(code)
        if self.source == self.target:
            raise nmt.ConfigError("the two languages must be different ones")


class Finetunings:
    """The fine-tunings in a folder. Safe to share between threads; as a context manager it stops those it started.

    Args:
        folder: made when first needed.
        command: what `nmt finetune` is called by.
    """

    def __init__(self, folder: Path, command: Sequence[str] = (sys.executable, "-m", "nmt", "finetune")):
        self.folder, self._command = folder, tuple(command)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Finetunings":
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._processes):
            with contextlib.suppress(nmt.NmtError):
                self.stop(name)

    def names(self) -> list[str]:
        """Of all there are, the newest first."""
        found = [path for path in self.folder.glob(f"*/{_START}") if self.wanted(path.parent.name)]
        return [path.parent.name for path in sorted(found, key=lambda path: -path.stat().st_mtime)]

    def place(self, name: str) -> Path:
        """The folder of a fine-tuning.

        Raises:
            ConfigError: there is none of that name.
        """
        if not _NAME.fullmatch(name) or not (self.folder / name / _START).is_file():
            raise nmt.ConfigError(f'there is no fine-tuning "{name[:LONGEST_NAME]}" here')
        return self.folder / name

    def run_folder(self, name: str) -> Path:
        """The folder that `nmt finetune` keeps."""
        return self.place(name) / _RUN

    def wanted(self, name: str) -> Wanted | None:
        """What was asked for; None where that cannot be read."""
        try:
            return Wanted(**json.loads((self.place(name) / _START).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, nmt.ConfigError):
            return None

    def log(self, name: str) -> str:
        """What the process has said."""
        return self._read(name, _LOG)

    def state(self, name: str) -> State:
        """How it stands."""
        place = self.place(name)
        if self._is_working(name):
            return "working"
        if (place / _STOPPED).exists():
            return "stopped"
        # The result alone may be that of a training before, to which more was to be added.
        is_done = (place / _RUN / _RESULT).is_file() and _DONE in self._read(name, _OUTPUT, default=_DONE)
        return "done" if is_done else "failed"

    def start(self, wanted: Wanted, pairs: BinaryIO, suffix: str) -> None:
        """Begin a fine-tuning on the pairs in a file of this kind.

        Raises:
            ConfigError: the name is taken, another one is at work, the kind of file is none of `SUFFIXES`, or the
                folder cannot be written.
        """
        if suffix not in SUFFIXES:
            raise nmt.ConfigError(f"pairs come in a file that ends in {', '.join(SUFFIXES)}")
        place = self.folder / wanted.name
        with self._lock:
            self._check_idle()
            if place.exists():
                raise nmt.ConfigError(f'there is a "{wanted.name}" already; choose another name')
            try:
                place.mkdir(parents=True)
                with (place / f"pairs{suffix}").open("wb") as file:
                    shutil.copyfileobj(pairs, file)
                self._note(wanted)
                self._launch(wanted)
            except OSError as error:
                shutil.rmtree(place, ignore_errors=True)
                raise nmt.ConfigError(f"cannot write {place}: {error.strerror or error}") from None

    def go_on(self, name: str, minutes: float) -> None:
        """Go on with one that was stopped, that failed, or that is done but may take longer now.

        Args:
            name: which one.
            minutes: of training, those before included.

        Raises:
            ConfigError: there is none, it is at work or another one is, or the number makes no sense.
        """
        known = self.wanted(name)
        if known is None:
            raise nmt.ConfigError(f'"{name[:LONGEST_NAME]}" cannot be gone on with: its {_START} is missing or damaged')
        wanted = dataclasses.replace(known, minutes=minutes)
        with self._lock:
            self._check_idle()
            place = self.place(name)
            try:
                self._note(wanted)
                self._launch(wanted)
                (place / _STOPPED).unlink(missing_ok=True)
            except OSError as error:
                raise nmt.ConfigError(f"cannot write {place}: {error.strerror or error}") from None

    def stop(self, name: str) -> None:
        """End its process. What it has learned up to its last checkpoint is kept.

        Raises:
            ConfigError: there is none of that name.
        """
        place = self.place(name)
        with self._lock:
            if not self._is_working(name):
                return
            (place / _STOPPED).touch()
            process = self._processes.get(name)
            if process is None or process.poll() is not None:  # started by a page that is gone
                os.kill(int((place / _PID).read_text(encoding="utf-8")), signal.SIGTERM)
                return
            process.terminate()  # checkpoints are replaced as a whole, so any moment will do
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _read(self, name: str, file: str, default: str = "") -> str:
        """A file of the folder; `default` where it is not there, as where an older version began."""
        try:
            return (self.place(name) / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return default

    def _note(self, wanted: Wanted) -> None:
        """Write what is asked for; at every moment the old or the new is there."""
        place = self.folder / wanted.name / _START
        temporary = place.with_suffix(".writing")
        temporary.write_text(json.dumps(dataclasses.asdict(wanted), indent=2), encoding="utf-8")
        os.replace(temporary, place)

    def _launch(self, wanted: Wanted) -> None:
        place = self.place(wanted.name).resolve()
        pairs = next((path for path in place.glob("pairs.*") if path.suffix in SUFFIXES), None)
        if pairs is None:
            raise nmt.ConfigError(f"the pairs that {wanted.name} learns from are no longer in {place}")
        command = [
            *self._command,
            *("--from", wanted.parent_folder),
            *("--to", f"{wanted.source}-{wanted.target}"),
            *("--data", str(pairs)),
            *("--out", str(place / _RUN)),
            *("--name", wanted.name),
            *("--minutes", f"{wanted.minutes:g}"),
        ]
        with (place / _LOG).open("wb") as log, (place / _OUTPUT).open("wb") as output:
            take(log)
            process = self._processes[wanted.name] = started(command, place, log, output)
        (place / _PID).write_text(str(process.pid), encoding="utf-8")

    def _check_idle(self) -> None:
        for name in self.names():
            if self._is_working(name):
                raise nmt.ConfigError(f'"{name}" is still at work; stop it, or wait until it is done')

    def _is_working(self, name: str) -> bool:
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            return True
        return is_taken(self.folder / name / _LOG)  # by a process of a page that is gone


def missing() -> str:
    """How to install what fine-tuning needs; empty where all of it is there."""
    if all(importlib.util.find_spec(name) for name in _NEEDED):
        return ""
    return str(nmt.MissingExtraError("Fine-tuning", "train"))
