"""Many users of `nmt ui` at once: answers per second, the time to each, memory, and whether each reply is its own.

    python benchmarks/api_load.py                       # 50 users for a minute, the shipped model
    python benchmarks/api_load.py --users 8 --seconds 20 --model runs/mine

A server process of its own; each user sends one request after the other on one connection: single texts, texts of
several lines, lists of four, streams. Every reply is compared with what the translator says alone.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nmt

DECLARED = {429, 503, 504}  # what a server under load may answer
HEADERS = {"content-type": "application/json"}
SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "en-ja.tsv"
PATIENCE = 120  # seconds that a user waits for a reply


@dataclass
class Seen:
    """What the users have seen, all together."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Load:
    """What came of it; seconds are to the end of a reply.

    Attributes:
        statuses: how many replies of each.
        wrong: replies that were not those to their request.
        rate, per_cpu: replies per second, and per second of processor.
        median, late, slowest: seconds; `late` is what 95 % stay under.
        before, after: bytes of memory that the server had.
    """

    statuses: Mapping[int, int]
    wrong: Sequence[str]
    rate: float
    per_cpu: float
    median: float
    late: float
    slowest: float
    before: int
    after: int

    def __str__(self) -> str:
        return (
            f"{dict(self.statuses)}, {len(self.wrong)} wrong; {self.rate:.1f} replies/s, {self.per_cpu:.1f} per second "
            f"of processor; median {self.median:.3f} s, p95 {self.late:.3f} s, slowest {self.slowest:.3f} s; "
            f"memory {self.before / 1e6:.0f} -> {self.after / 1e6:.0f} MB"
        )


@contextmanager
def serving(model: str, folder: Path) -> Iterator[tuple[str, int]]:
    """`nmt ui` on a free port, in a process of its own; its address."""
    command = [sys.executable, "-m", "nmt", "ui", "--model", model, "--port", "0"]
    environment = {**os.environ, "XDG_DATA_HOME": str(folder)}
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r"http://([^:]+):(\d+)", line)
            if not found:
                raise RuntimeError(f"nmt ui did not start: {(folder / 'errors').read_text()}")
            yield found[1], int(found[2])
            process.send_signal(signal.SIGTERM)
            if process.wait(60):
                raise RuntimeError(f"nmt ui ended with {process.returncode}: {(folder / 'errors').read_text()}")
        finally:
            process.kill()
            process.communicate()


def expected(model: str, sentences: Sequence[str]) -> dict[str, str]:
    """Texts of one and of several lines, and what the translator says to each."""
    texts = [*sentences, *("\n".join(sentences[k : k + 3]) for k in range(0, len(sentences) - 10, 3))]
    return {one.source: one.text for one in nmt.Translator.load(model, num_threads=1).translate_batch(texts)}


def load(address: tuple[str, int], known: Mapping[str, str], num_users: int, seconds: float) -> Load:
    """Let so many users ask for so long, after a warm-up of a quarter of that."""
    _run(address, known, num_users, seconds / 4)
    before, cpu_before = figures(address)
    start = time.monotonic()
    seen = _run(address, known, num_users, seconds)
    duration = time.monotonic() - start
    after, cpu_after = figures(address)
    times = sorted(seen.seconds) or [float("nan")]
    median, late, slowest = (times[int(len(times) * share)] for share in (0.5, 0.95, 1 - 1e-9))
    rate, per_cpu = len(times) / duration, len(times) / max(cpu_after - cpu_before, 1e-9)
    return Load(seen.statuses, seen.wrong, rate, per_cpu, median, late, slowest, before, after)


def figures(address: tuple[str, int]) -> tuple[int, float]:
    """Bytes of memory that the server has, and seconds of processor that it has used."""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    connection.request("GET", "/metrics")
    said = connection.getresponse().read().decode()
    connection.close()
    values = dict(line.rsplit(" ", 1) for line in said.splitlines() if line and not line.startswith("#"))
    return int(float(values["process_resident_memory_bytes"])), float(values["process_cpu_seconds_total"])


def _run(address: tuple[str, int], known: Mapping[str, str], num_users: int, seconds: float) -> Seen:
    seen = Seen()
    until = time.monotonic() + seconds
    users = [threading.Thread(target=_use, args=(address, known, k, until, seen)) for k in range(num_users)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    return seen


def _use(address: tuple[str, int], known: Mapping[str, str], number: int, until: float, seen: Seen) -> None:
    """One user."""
    chance = random.Random(number)
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    while time.monotonic() < until:
        chosen = chance.choices(list(known), k=chance.choice([1, 1, 1, 4]))
        streams = len(chosen) == 1 and chance.random() < 0.2
        said = {"q": chosen if len(chosen) > 1 else chosen[0], "source": "en", "target": "ja"}
        start = time.perf_counter()
        try:
            connection.request("POST", "/translate/stream" if streams else "/translate", json.dumps(said), HEADERS)
            response = connection.getresponse()
            body = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            with seen.lock:
                seen.wrong.append(f"{chosen} -> {error!r}")
            return
        taken = time.perf_counter() - start
        with seen.lock:
            seen.statuses[response.status] += 1
            if response.status == 200:
                seen.seconds.append(taken)
                last = body.strip().rpartition("data: ")[2] if streams else body
                wanted = [known[text] for text in chosen]
                if json.loads(last).get("translatedText") != (wanted if len(chosen) > 1 else wanted[0]):
                    seen.wrong.append(f"{chosen} -> {body}")
        if response.status in DECLARED:
            time.sleep(float(response.headers.get("retry-after", "1")))
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="en-ja")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--turns", type=int, default=1, help="so many times, to see whether memory grows")
    arguments = parser.parse_args()
    sentences = [line.split("\t")[0] for line in SAMPLE.read_text(encoding="utf-8").splitlines()[:200]]
    known = expected(arguments.model, sentences)
    with tempfile.TemporaryDirectory() as folder, serving(arguments.model, Path(folder)) as address:
        for _ in range(arguments.turns):
            found = load(address, known, arguments.users, arguments.seconds)
            print(f"{arguments.users} users, {arguments.seconds:g} s: {found}", flush=True)


if __name__ == "__main__":
    main()
