"""Fifty users at once for a minute against a real server process: `nmt ui` on a small model.

NMT_LOAD_SECONDS sets how long. The figures are printed; they depend on the machine, what is asserted does not.
"""

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import nmt

pytestmark = pytest.mark.slow

NUM_USERS = 50
SECONDS = float(os.environ.get("NMT_LOAD_SECONDS", "60"))
DECLARED = {429, 503, 504}  # what a server under load may answer
GROWTH_BYTES = 32_000_000
HEADERS = {"content-type": "application/json"}


@dataclass
class Seen:
    """What the users have seen, all together."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture(scope="module")
def address(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    pytest.importorskip("gradio")
    folder = tmp_path_factory.mktemp("load")
    command = [sys.executable, "-m", "nmt", "ui", "--model", str(tiny_bundle), "--port", "0"]
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            found = re.search(r"http://([^:]+):(\d+)", process.stdout.readline())
            assert found, (folder / "errors").read_text()
            yield found[1], int(found[2])
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.communicate()
    assert "Traceback" not in (folder / "errors").read_text()


def texts(sentences: list[str]) -> list[str]:
    """Single sentences, and some texts of several."""
    chosen = sentences[:40]
    return [*chosen, *("\n".join(chosen[k : k + 3]) for k in range(0, 30, 3))]


def figures(address: tuple[str, int]) -> tuple[int, float]:
    """Bytes of memory that the server has, and seconds of processor that it has used."""
    connection = http.client.HTTPConnection(*address, timeout=120)
    connection.request("GET", "/metrics")
    said = connection.getresponse().read().decode()
    connection.close()
    values = dict(line.rsplit(" ", 1) for line in said.splitlines() if line and not line.startswith("#"))
    return int(float(values["process_resident_memory_bytes"])), float(values["process_cpu_seconds_total"])


def use(address: tuple[str, int], expected: dict[str, str], number: int, until: float, seen: Seen) -> None:
    """One user, who sends one request after the other on one connection: texts, lists, streams."""
    chance = random.Random(number)
    connection = http.client.HTTPConnection(*address, timeout=120)
    while time.monotonic() < until:
        chosen = chance.choices(list(expected), k=chance.choice([1, 1, 1, 4]))
        streams = len(chosen) == 1 and chance.random() < 0.2
        said = {"q": chosen if len(chosen) > 1 else chosen[0], "source": "en", "target": "ja"}
        start = time.perf_counter()
        connection.request("POST", "/translate/stream" if streams else "/translate", json.dumps(said), HEADERS)
        response = connection.getresponse()
        body = response.read().decode()
        taken = time.perf_counter() - start
        with seen.lock:
            seen.statuses[response.status] += 1
            if response.status == 200:
                seen.seconds.append(taken)
                last = body.strip().rpartition("data: ")[2] if streams else body
                got = json.loads(last).get("translatedText")
                wanted = [expected[text] for text in chosen]
                if got != (wanted if len(chosen) > 1 else wanted[0]):
                    seen.wrong.append(f"{chosen} -> {body}")
        if response.status in DECLARED:
            time.sleep(float(response.headers.get("retry-after", "1")))
    connection.close()


def run_users(address: tuple[str, int], expected: dict[str, str], seconds: float) -> Seen:
    seen = Seen()
    until = time.monotonic() + seconds
    users = [threading.Thread(target=use, args=(address, expected, k, until, seen)) for k in range(NUM_USERS)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    return seen


def test_fifty_users(
    address: tuple[str, int], tiny_bundle: Path, sample: object, capsys: pytest.CaptureFixture[str]
) -> None:
    translator = nmt.Translator.load(tiny_bundle, num_threads=1)
    sources = texts(list(getattr(sample, "sources")))  # noqa: B009
    expected = {one.source: one.text for one in translator.translate_batch(sources)}
    assert len(set(expected.values())) > len(expected) / 2, "else a wrong reply could go unnoticed"
    run_users(address, expected, SECONDS / 4)
    before, cpu_before = figures(address)
    start = time.monotonic()
    seen = run_users(address, expected, SECONDS)
    duration = time.monotonic() - start
    after, cpu_after = figures(address)
    times = sorted(seen.seconds)
    assert times
    rate, per_cpu = len(times) / duration, len(times) / (cpu_after - cpu_before)
    median, late, slowest = (times[int(len(times) * share)] for share in (0.5, 0.95, 1 - 1e-9))
    with capsys.disabled():
        print(f"\n{NUM_USERS} users, {duration:.0f} s: {dict(seen.statuses)}, {rate:.1f} answers per second,")
        print(
            f"{per_cpu:.1f} per second of processor, median {median:.3f} s, p95 {late:.3f} s, slowest {slowest:.3f} s,"
        )
        print(f"memory {before / 1e6:.0f} -> {after / 1e6:.0f} MB")
    assert seen.wrong == []
    assert set(seen.statuses) <= {200, *DECLARED}
    assert after - before < GROWTH_BYTES
