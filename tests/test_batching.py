"""Concurrent callers share batches, wait for one batch at most, and do not suffer from each other."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nmt import Translator
from nmt.config import SearchConfig
from nmt.search.batching import DynamicBatcher
from nmt.search.beam import Hypothesis

CONFIG = SearchConfig(batch_size=8)


def hypothesis(ids):
    return Hypothesis(tuple(ids), (0.0,) * len(ids), float(sum(ids)), np.zeros((len(ids), 1)))


class Worker:
    """Echoes its sources; keeps the batches that it saw; can be held up, and fails on a source of 13."""

    def __init__(self):
        self.batches, self.configs = [], []
        self.may_go, self.has_begun = threading.Event(), threading.Event()
        self.may_go.set()

    def __call__(self, sources, config):
        self.batches.append(sources)
        self.configs.append(config)
        self.has_begun.set()
        assert self.may_go.wait(30)
        if [13] in sources:
            raise ValueError("thirteen")
        return [[hypothesis(ids)] for ids in sources]


def ids_of(found):
    return [list(hypotheses[0].ids) for hypotheses in found]


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def worker():
    return Worker()


@pytest.fixture
def batcher(worker):
    return DynamicBatcher(worker)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(40) as threads:
        yield threads


def waiting(batcher):
    return sum(len(request.todo) for request in batcher._waiting)


def hold(worker, batcher, pool):
    """One call at work that does not end before `worker.may_go`."""
    worker.may_go.clear()
    running = pool.submit(batcher.run, [[1]], CONFIG)
    assert worker.has_begun.wait(30)
    return running


def test_results_come_in_the_order_of_the_sentences(batcher, worker):
    rng = np.random.default_rng(0)
    sources = [rng.integers(20, 90, rng.integers(1, 9)).tolist() for _ in range(50)]
    assert ids_of(batcher.run(sources, CONFIG)) == sources
    assert max(map(len, worker.batches)) == 8
    spreads = [max(map(len, batch)) - min(map(len, batch)) for batch in worker.batches]
    assert max(spreads) <= 3  # like lengths together


def test_nothing_needs_no_work(batcher, worker):
    assert batcher.run([], CONFIG) == []
    assert worker.batches == []


def test_a_single_caller_starts_at_once(batcher, worker):
    batcher.run([[5]], CONFIG)
    assert worker.batches == [[[5]]]


def test_those_who_come_meanwhile_go_together(batcher, worker, pool):
    first = hold(worker, batcher, pool)
    others = [pool.submit(batcher.run, [[10 * k]], CONFIG) for k in range(2, 8)]
    wait_until(lambda: waiting(batcher) == 6)
    worker.may_go.set()
    assert [ids_of(call.result(30)) for call in others] == [[[10 * k]] for k in range(2, 8)]
    assert ids_of(first.result(30)) == [[1]]
    assert sorted(map(len, worker.batches)) == [1, 6]


def test_a_sentence_does_not_wait_for_a_file(batcher, worker, pool):
    file = [[k] for k in range(100, 180)]
    worker.may_go.clear()
    running = pool.submit(batcher.run, file, CONFIG)
    assert worker.has_begun.wait(30)
    single = pool.submit(batcher.run, [[5]], CONFIG)
    wait_until(lambda: waiting(batcher) == 80 - 8 + 1)
    worker.may_go.set()
    assert ids_of(single.result(30)) == [[5]]
    assert ids_of(running.result(30)) == file
    assert [5] in worker.batches[1]


def test_a_file_does_not_wait_for_many_sentences(batcher, worker, pool):
    file = [[k] for k in range(100, 108)]
    first = hold(worker, batcher, pool)
    running = pool.submit(batcher.run, file, CONFIG)
    wait_until(lambda: waiting(batcher) == 8)
    singles = [pool.submit(batcher.run, [[20 + k]], CONFIG) for k in range(30)]
    wait_until(lambda: waiting(batcher) == 38)
    worker.may_go.set()
    for call in (first, running, *singles):
        call.result(30)
    assert sum(ids[0] >= 100 for ids in worker.batches[1]) == 4
    assert sum(ids[0] >= 100 for ids in worker.batches[2]) == 4


def test_different_settings_do_not_mix(batcher, worker, pool):
    first = hold(worker, batcher, pool)
    other = SearchConfig(batch_size=8, beam_size=2)
    calls = [pool.submit(batcher.run, [[20 + k]], other if k % 2 else CONFIG) for k in range(6)]
    wait_until(lambda: waiting(batcher) == 6)
    worker.may_go.set()
    for call in (first, *calls):
        call.result(30)
    for batch, config in zip(worker.batches[1:], worker.configs[1:], strict=True):
        assert {ids[0] % 2 for ids in batch} == {int(config == other)}


def test_only_the_culprit_fails(batcher, worker, pool):
    first = hold(worker, batcher, pool)
    calls = {k: pool.submit(batcher.run, [[k]], CONFIG) for k in (12, 13, 14)}
    wait_until(lambda: waiting(batcher) == 3)
    worker.may_go.set()
    assert ids_of(first.result(30)) == [[1]]
    assert ids_of(calls[12].result(30)) == [[12]]
    assert ids_of(calls[14].result(30)) == [[14]]
    with pytest.raises(ValueError, match="thirteen"):
        calls[13].result(30)
    assert ids_of(batcher.run([[15]], CONFIG)) == [[15]]  # and it goes on


def test_an_interrupt_hits_one_caller_only(pool):
    worker = Worker()

    def interrupted_once(sources, config):
        if not worker.batches:
            worker.batches.append(sources)
            worker.has_begun.set()
            wait_until(lambda: waiting(batcher) == 1)
            raise KeyboardInterrupt
        return worker(sources, config)

    batcher = DynamicBatcher(interrupted_once)
    first = pool.submit(batcher.run, [[1]], CONFIG)
    assert worker.has_begun.wait(30)
    second = pool.submit(batcher.run, [[2]], CONFIG)
    with pytest.raises(KeyboardInterrupt):
        first.result(30)
    assert ids_of(second.result(30)) == [[2]]
    assert waiting(batcher) == 0


def test_two_workers_work_at_the_same_time(pool):
    together = threading.Barrier(2, timeout=30)

    def work(sources, config):
        together.wait()
        return [[hypothesis(ids)] for ids in sources]

    batcher = DynamicBatcher(work, num_workers=2)
    calls = [pool.submit(batcher.run, [[k]], CONFIG) for k in range(2)]
    assert [ids_of(call.result(30)) for call in calls] == [[[0]], [[1]]]


def test_one_caller_gets_all_workers(worker):
    together = threading.Barrier(2, timeout=30)

    def work(sources, config):
        together.wait()
        return worker(sources, config)

    sources = [[20 + k % 70] * (1 + k % 3) for k in range(11)]
    batcher = DynamicBatcher(work, num_workers=2)
    assert ids_of(batcher.run(sources, SearchConfig(batch_size=64))) == sources
    assert sorted(map(len, worker.batches)) == [5, 6]


def test_a_few_sentences_stay_together(worker):
    batcher = DynamicBatcher(worker, num_workers=2)
    batcher.run([[20], [21], [22], [23]], CONFIG)
    assert len(worker.batches) == 1


# ---------------------------------------------------------------- with a real model

TEXTS = ["Good morning!", "Where is the station?", "Yes.", "My sister lives in a small town near the sea.", "x" * 30]


def test_many_threads_get_what_one_gets(tiny_bundle, pool):
    translator = Translator.load(tiny_bundle, num_threads=3)
    expected = {text: translator.translate(text) for text in TEXTS}
    jobs = [TEXTS[k % 5 :] + TEXTS[: k % 5] for k in range(40)]
    calls = [pool.submit(translator.translate_batch, job) for job in jobs]
    for job, call in zip(jobs, calls, strict=True):
        for text, translation in zip(job, call.result(60), strict=True):
            assert translation.text == expected[text].text
            assert translation.score == pytest.approx(expected[text].score, abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_long_life_takes_no_more_memory(tiny_bundle):
    # A process of its own, since other tests' garbage would come and go here.
    code = """
import random, sys
from nmt import SearchConfig, Translator
def resident():
    return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0]) / 1024
translator, rng, seen = Translator.load(sys.argv[1], num_threads=2), random.Random(0), []
for beam_size in (1, 5):  # what the greatest batch takes is kept for the next one
    translator.translate_batch([" ".join(["x" * 9] * 40)] * 10, SearchConfig(beam_size=beam_size))
for _ in range(4):
    seen.append(resident())
    for _ in range(12):
        words = rng.choices(["good", "morning", "station", "the", "where", "x" * 9], k=rng.randrange(1, 40))
        config = SearchConfig(beam_size=rng.choice([1, 5]))
        translator.translate_batch([" ".join(words)] * rng.choice([1, 4, 10]), config)
seen.append(resident())
print(*seen)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tiny_bundle)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    first, *_, last = map(float, done.stdout.split())
    assert last - first < 10, done.stdout
