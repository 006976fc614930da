"""Threads that translate, and a queue before them that is never longer than it is told to be."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

# Requests worked on at the same time. More than there are processors: the translator puts the sentences of concurrent
# calls into common batches.
NUM_WORKERS = 32


class BusyError(Exception):
    """So many wait already that one more would only be kept waiting."""


class AbandonedError(Exception):
    """Nobody waits for this work any longer."""


class LateError(Exception):
    """The work took longer than its caller was willing to wait."""


class Stop:
    """Tells work in another thread that it may end."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Called now and then by the work.

        Raises:
            AbandonedError: it may end.
        """
        if self._event.is_set():
            raise AbandonedError


class Work:
    """A bounded queue before a pool of threads. Safe to share between threads.

    Leaving it as a context manager finishes what was accepted.

    Args:
        max_waiting: calls that wait for a thread.
        num_workers: calls in work at the same time.
    """

    def __init__(self, max_waiting: int, num_workers: int = NUM_WORKERS):
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="nmt-api")
        self._most = num_workers + max_waiting
        self._num_workers = num_workers
        self._lock = threading.Lock()
        self._accepted = 0

    def __enter__(self) -> "Work":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)

    @property
    def num_working(self) -> int:
        """Calls in work."""
        return min(self._accepted, self._num_workers)

    @property
    def num_waiting(self) -> int:
        """Calls that wait for a thread."""
        return max(self._accepted - self._num_workers, 0)

    def check_room(self) -> None:
        """Raises BusyError where `submit` would."""
        if self._accepted >= self._most:
            raise BusyError

    def submit(self, call: Callable[[], T]) -> "Future[T]":
        """Let a thread make the call; its place is taken until it has ended, whoever still waits for it.

        Raises:
            BusyError: too many wait.
        """
        with self._lock:
            self.check_room()
            self._accepted += 1
        try:
            future = self._pool.submit(call)
        except BaseException:
            self._leave()
            raise
        future.add_done_callback(self._leave)
        return future

    def _leave(self, future: object = None) -> None:
        with self._lock:
            self._accepted -= 1

    async def run(
        self, call: Callable[[Stop], T], seconds: float, gone: Callable[[], Awaitable[object]] | None = None
    ) -> T:
        """The result of the call, made in a thread.

        Args:
            call: looks at its argument now and then.
            seconds: in which it must be done, waiting included.
            gone: returns when nobody wants the result any longer.

        Raises:
            BusyError: too many wait.
            LateError: it is not done in time.
            AbandonedError: nobody wants the result.
            Whatever the call raises.
        """
        stop = Stop()
        future = self.submit(lambda: call(stop))
        done = asyncio.wrap_future(future)
        leaving = asyncio.ensure_future(gone()) if gone else None
        try:
            waited: set[asyncio.Future[Any]] = {done, leaving} if leaving else {done}
            ended, _ = await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if done in ended:
                return done.result()
            raise AbandonedError if leaving in ended else LateError
        finally:
            stop.set()
            done.cancel()
            if leaving:
                leaving.cancel()
