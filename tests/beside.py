"""Cases of a long test two at a time: most of them are a process that keeps one processor core busy."""

import contextlib
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


@contextlib.contextmanager
def two_at_a_time(request: pytest.FixtureRequest, test: str, work: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Begin `work` for each case of the test that is to run.

    Args:
        request: of the fixture with the scope of a module that does this.
        test: name of the test.
        work: takes the parameters of a case by name.

    Yields:
        What takes the parameters of a case, waits for its work, and returns or raises what that did.
    """
    pool = ThreadPoolExecutor(2)
    cases = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and (item.module, item.originalname) == (request.module, test)
        and not any(mark.args[0] for mark in item.iter_markers("skipif"))
    ]
    begun = {_key(case): pool.submit(work, **case) for case in cases}
    try:
        yield lambda **case: begun[_key(case)].result()
    finally:
        pool.shutdown(cancel_futures=True)


def _key(case: dict[str, Any]) -> Hashable:
    return frozenset(case.items())
