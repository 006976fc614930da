"""A process beside the page: of low priority, and with a log that is locked for as long as it lives."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO


def started(
    command: Sequence[str], place: Path, log: BinaryIO, output: BinaryIO | int = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """The process: of low priority, deaf to Ctrl+C in the terminal of the page, its standard error in the log."""
    polite = ["nice", "-n", "10"] if shutil.which("nice") else []
    flags = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
    environment = {**os.environ, "TQDM_MININTERVAL": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        [*polite, *command],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=log,
        start_new_session=os.name == "posix",
        creationflags=flags,
    )


def take(log: BinaryIO) -> None:
    """Lock a file for as long as this process or one that inherits it has it open."""
    with contextlib.suppress(ModuleNotFoundError):  # Windows: the page knows its own processes only
        import fcntl

        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_taken(path: Path) -> bool:
    """Whether some process, of this page or of one that is gone, has locked a file."""
    try:
        import fcntl

        with path.open("rb") as log:
            fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, ModuleNotFoundError):
        return False
    return False
