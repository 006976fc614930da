"""Runs of `nmt` as processes of their own that need not import TensorFlow, which takes longer than most of them."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

# It imports once, before it starts any work, and forks for each run. A line in is a run; a line out is its process,
# then another one its exit status.
SERVER = """
import importlib, json, os, signal, sys
import nmt.finetuning.finetuner, nmt.training.trainer
from nmt.cli import main

def deadly(function, calls):
    def called(*arguments, **options):
        nonlocal calls
        calls -= 1
        if not calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return called

for line in sys.stdin:
    folder, log, arguments, dies_in, at_call = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if dies_in:
            module, name = dies_in.split(":")
            module = importlib.import_module(module)
            setattr(module, name, deadly(getattr(module, name), at_call))
        os._exit(main(arguments))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forked:
    """A run in progress.

    Attributes:
        pid: number of its process.
        log: file with what it writes to its output and its standard error.
    """

    def __init__(self, pid: int, log: Path, lines: "queue.Queue[str]"):
        self.pid, self.log, self._lines = pid, log, lines
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        if self._status is None and not self._lines.empty():
            self._status = int(self._lines.get())
        return self._status

    def wait(self, timeout: float = 600) -> int:
        """The exit status, negative for the signal that ended it; `queue.Empty` if it still runs after `timeout` s."""
        if self._status is None:
            self._status = int(self._lines.get(timeout=timeout))
        return self._status

    def kill(self) -> bool:
        """Kill -9, unless it has ended; returns whether that is what ended it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def succeed(self) -> None:
        """Wait for its end, which must be a good one."""
        assert self.wait() == 0, self.log.read_text(encoding="utf-8", errors="replace")[-5000:]


class Forks:
    """Starts `nmt` with arguments, one run after the other."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._last: Forked | None = None

    def start(self, folder: Path, *arguments: object, dies_in: str = "", at_call: int = 1) -> Forked:
        """`nmt` in `folder`; what it says is appended to the file `log` there. Where `dies_in` names a function as
        `module:name`, it gets a kill -9 when it calls that for the `at_call`-th time."""
        assert self._last is None or self._last.poll() is not None, "one run after the other"
        assert self._server.stdin
        log = folder / "log"
        run = [str(folder), str(log), [str(one) for one in arguments], dies_in, at_call]
        self._server.stdin.write(json.dumps(run) + "\n")
        self._server.stdin.flush()
        self._last = Forked(int(self._lines.get(timeout=300)), log, self._lines)
        return self._last

    def close(self) -> None:
        """End the run in progress, if there is one, and the server."""
        if self._last:
            self._last.kill()
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.wait(timeout=60)
        self._reader.join()
        self._server.stdout.close()

    def _read(self) -> None:
        assert self._server.stdout
        for line in self._server.stdout:
            self._lines.put(line)
