"""Searches with one network: of many callers together, each steered its own way."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.config import SearchConfig
from nmt.engines import Engine
from nmt.search.batching import DynamicBatcher
from nmt.search.beam import Hypothesis, State, StepFunction, Watch, max_lengths, search
from nmt.search.constraints import Demands, constrained_search
from nmt.search.sampling import Sampled, chances
from nmt.search.steering import Guide, Steered


@dataclass(frozen=True, eq=False)
class Query:
    """What to search a translation for.

    Attributes:
        ids: what the network reads, EOS last.
        guide: keeps the translation to a beginning.
        watch: is shown the best hypothesis after each step, and returns whether to go on.
    """

    ids: list[int]
    guide: Guide | None = None
    watch: Callable[[Hypothesis], bool] | None = None

    def __len__(self) -> int:
        return len(self.ids)


class Searcher:
    """Answers queries with one network. Safe to share between threads.

    Args:
        engine: the network.
        num_workers: batches in work at the same time.
    """

    def __init__(self, engine: Engine, num_workers: int):
        self._engine = engine
        self._batcher = DynamicBatcher(self._search_batch, num_workers)

    @property
    def engine(self) -> Engine:
        """The network."""
        return self._engine

    def find(self, queries: Sequence[Query], config: SearchConfig) -> list[list[Hypothesis]]:
        """For each query one or more hypotheses, best first; none only where its watch gave it up."""
        return self._batcher.run(queries, config)

    def find_demanding(
        self, queries: Sequence[Query], demands: Sequence[Demands], config: SearchConfig
    ) -> Iterator[tuple[int, list[Hypothesis]]]:
        """The place of each query and what is found that meets its demands as well, in any order."""
        order = sorted(range(len(queries)), key=lambda k: (len(queries[k]), demands[k].size))
        for start in range(0, len(order), config.batch_size):
            batch = order[start : start + config.batch_size]
            own = [queries[k] for k in batch]
            step, state = self._start(own, dataclasses.replace(config, no_repeat_ngram=0))  # demands say that
            lengths = [len(query) for query in own]
            wanted = [demands[k] for k in batch]
            found = constrained_search(step, state, _longest(own, config), config, wanted, lengths)
            yield from zip(batch, found, strict=True)

    def _search_batch(self, queries: list[Query], config: SearchConfig) -> list[list[Hypothesis]]:
        if config.temperature:
            return self._draw_batch(queries, config)
        step, state = self._start(queries, config)
        watches = [_told(query) for query in queries] if any(query.watch for query in queries) else []
        lengths = [len(query) for query in queries]
        return search(step, state, _longest(queries, config), config, lengths, watches)

    def _draw_batch(self, queries: list[Query], config: SearchConfig) -> list[list[Hypothesis]]:
        """Alternatives are so many draws, those that came out the same counted once; only the first can be watched."""
        count = config.num_alternatives
        drawn = [query for query in queries for _ in range(count)]
        longest = _longest(drawn, config)
        table = chances(config.seed, [query.ids for query in drawn], [*range(count)] * len(queries), longest)
        step, state = self._start(drawn, config)
        sampled = Sampled(step, config, table)
        single = dataclasses.replace(config, beam_size=1, num_alternatives=1)
        watches = [_told(query) if k % count == 0 else None for k, query in enumerate(drawn)]
        lengths = [len(query) for query in drawn]
        found = search(sampled, sampled.start(state), longest, single, lengths, watches)
        results = []
        for k in range(0, len(found), count):
            different = {one.ids: one for draws in found[k : k + count] for one in draws}
            results.append(sorted(different.values(), key=lambda one: -one.score))
        return results

    def _start(self, queries: Sequence[Query], config: SearchConfig) -> tuple[StepFunction, State]:
        """The decoder for these queries, and what its first call takes."""
        state = self._engine.encode([query.ids for query in queries])
        if not config.no_repeat_ngram and not any(query.guide for query in queries):
            return self._engine.step, state
        limits = _longest(queries, config) - 1
        guides = [query.guide and query.guide.within(int(limit)) for query, limit in zip(queries, limits, strict=True)]
        steered = Steered(self._engine.step, guides, config.no_repeat_ngram)
        return steered, steered.start(state)


def _longest(queries: Sequence[Query], config: SearchConfig) -> np.ndarray:
    room = np.array([query.guide.longest if query.guide else 0 for query in queries], dtype=np.int64)
    return max_lengths([len(query) for query in queries], config) + room


def _told(query: Query) -> Watch | None:
    """A query's own watch as one of a search."""
    watch = query.watch
    return None if watch is None else lambda _, hypothesis: watch(hypothesis)
