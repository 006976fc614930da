"""Dynamic batching: callers that come at the same time are served together."""

import threading
from collections.abc import Callable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nmt.config import SearchConfig
from nmt.search.beam import Hypothesis

_SMALLEST = 4  # sentences: smaller batches cost more per sentence than another worker gains

Found = list[Hypothesis]  # of one sentence, best first
Source = TypeVar("Source", bound=Sized)  # a sentence: its ids, or what else has their length
Work = Callable[[list[Source], SearchConfig], list[Found]]


@dataclass(eq=False)
class _Request(Generic[Source]):
    """The sentences of one call, and what has been found for them."""

    sources: Sequence[Source]
    config: SearchConfig
    todo: list[int]  # places in `sources` that nobody has taken yet, the next one last
    found: dict[int, Found] = field(default_factory=dict)
    error: BaseException | None = None
    alone: bool = False  # a batch that it was part of failed: it shares no other, so that only the culprit fails

    def is_done(self) -> bool:
        return self.error is not None or len(self.found) == len(self.sources)


@dataclass(frozen=True)
class _Item(Generic[Source]):
    request: _Request[Source]
    place: int


class DynamicBatcher(Generic[Source]):
    """Puts the sentences of concurrent calls into common batches. Safe to share between threads.

    A call that finds nobody at work starts at once, so a single user never waits. Calls that come meanwhile wait for
    the batch in work and go into the next one together: that batch is the longest that they wait. The oldest call
    gets at least half of each batch and short calls go before long ones, so a sentence typed on a page is not held up
    by a file, and a file is not held up by many sentences. What is found does not depend on who shares a batch, as
    long as `work` treats its sentences independently.

    Batches are worked on in the threads of the callers; a call with enough sentences for several batches gets further
    threads.

    Args:
        work: searches a batch: sources (ids, or what has their length) and the setting that they share -> the
            hypotheses of each.
        num_workers: batches in work at the same time.
    """

    def __init__(self, work: Work[Source], num_workers: int = 1):
        self._work, self._num_workers, self._free_workers = work, num_workers, num_workers
        self._waiting: list[_Request[Source]] = []  # calls with sentences that nobody has taken, oldest first
        self._changed = threading.Condition()
        self._pool: ThreadPoolExecutor | None = None  # made when first needed

    def run(self, sources: Sequence[Source], config: SearchConfig) -> list[Found]:
        """Search all `sources` with `config`; blocks until they are done.

        Raises:
            Whatever `work` raises on a batch of this call's own sentences.
        """
        if not sources:
            return []
        # Sentences of like length are searched together: less padding, and they finish together.
        order = sorted(range(len(sources)), key=lambda k: len(sources[k]), reverse=True)
        request = _Request(sources, config, todo=order)
        try:
            with self._changed:
                self._waiting.append(request)
                self._call_for_help(min(self._free_workers, -(-len(sources) // _SMALLEST)) - 1)
                while not request.is_done():
                    # Who has nothing left to be taken waits; others with something left work on it themselves.
                    if self._free_workers and request.todo:
                        self._work_on_a_batch()
                    else:
                        self._changed.wait()
        finally:
            with self._changed:
                if request in self._waiting:  # interrupted while it waited
                    self._waiting.remove(request)
        if request.error is not None:
            raise request.error
        return [request.found[k] for k in range(len(sources))]

    def _call_for_help(self, num_threads: int) -> None:
        """Let so many more threads work on what waits."""
        if num_threads > 0 and self._pool is None:
            self._pool = ThreadPoolExecutor(self._num_workers - 1, thread_name_prefix="nmt-search")
        for _ in range(num_threads):
            if self._pool is not None:
                self._pool.submit(self._help)

    def _help(self) -> None:
        with self._changed:
            while self._free_workers and self._waiting:
                self._work_on_a_batch()

    def _work_on_a_batch(self) -> None:
        """Take a batch from those who wait and search it, with the lock released meanwhile."""
        batch = self._take_batch()
        requests = list(dict.fromkeys(item.request for item in batch))
        found: list[Found] = []
        error: BaseException | None = None
        self._free_workers -= 1
        self._changed.release()
        try:
            found = self._work([item.request.sources[item.place] for item in batch], requests[0].config)
        except BaseException as caught:
            error = caught
            if not isinstance(caught, Exception):  # such as Ctrl+C, which is this thread's alone
                raise
        finally:
            self._changed.acquire()
            self._free_workers += 1
            self._finish(batch, requests, found, error)
            self._changed.notify_all()

    def _finish(
        self,
        batch: list[_Item[Source]],
        requests: list[_Request[Source]],
        found: list[Found],
        error: BaseException | None,
    ) -> None:
        if error is None:
            for item, hypotheses in zip(batch, found, strict=True):
                item.request.found[item.place] = hypotheses
            return
        if len(requests) == 1 and isinstance(error, Exception):
            requests[0].error = error
            if requests[0] in self._waiting:
                self._waiting.remove(requests[0])
            return
        for item in reversed(batch):
            item.request.todo.append(item.place)
        for request in reversed(requests):
            request.alone = True
            if request not in self._waiting and not request.is_done():
                self._waiting.insert(0, request)

    def _take_batch(self) -> list[_Item[Source]]:
        oldest = self._waiting[0]
        together = [oldest]
        if not oldest.alone:
            others = [r for r in self._waiting[1:] if r.config == oldest.config and not r.alone]
            together += sorted(others, key=lambda request: len(request.todo))
        fair_share = -(-sum(len(request.todo) for request in together) // self._free_workers)
        size = min(oldest.config.batch_size, max(fair_share, _SMALLEST))
        room_of_others = sum(len(request.todo) for request in together[1:])
        first = max(size - room_of_others, (size + 1) // 2)
        batch: list[_Item[Source]] = []
        for request in together:
            room = min(first, size) if request is oldest else size - len(batch)
            for _ in range(min(room, len(request.todo))):
                batch.append(_Item(request, request.todo.pop()))
        self._waiting = [request for request in self._waiting if request.todo]
        return batch
