"""A translator that lives long and has many users: memory over many sentences, and concurrent callers.

    python benchmarks/long_lived.py [--model en-ja] [--sentences 100000] [--text FILE]

`--text` is a file of English sentences; without it the sample's English side is taken. They are shuffled and cut or
repeated, so that batches differ. Memory is this process's resident set (Linux).
"""

import argparse
import random
import statistics
import threading
import time
from pathlib import Path

from nmt import SearchConfig, Translator

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "en-ja.tsv"


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def memory(translator: Translator, lines: list[str], count: int) -> None:
    """Translate `count` sentences of all lengths, in batches and one by one, and print the memory on the way."""
    rng = random.Random(0)
    greedy = SearchConfig(beam_size=1)
    done, shown = 0, 0
    print("| sentences | resident memory |\n|---|---|")
    print(f"| 0 | {resident_mb():.0f} MB |")
    while done < count:
        size = rng.choice([1, 1, 3, 20, 200, 700])
        texts = [" ".join(rng.choices(lines, k=rng.choice([1, 1, 1, 2, 5]))) for _ in range(size)]
        found = translator.translate_batch(texts, greedy if rng.random() < 0.9 else None)
        done += sum(len(translation.sentences) for translation in found)
        if done >= (shown + 1) * count / 10:
            shown += 1
            print(f"| {done:,} | {resident_mb():.0f} MB |", flush=True)


def concurrency(translator: Translator, lines: list[str], callers: int, seconds: float) -> None:
    """Callers that each ask for one sentence after the other."""
    stop = time.monotonic() + seconds
    times: list[float] = []

    def ask(number: int) -> None:
        rng = random.Random(number)
        while time.monotonic() < stop:
            start = time.perf_counter()
            translator.translate(rng.choice(lines))
            times.append(time.perf_counter() - start)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    slow = times[int(0.95 * len(times))]
    rate = len(times) / seconds
    print(f"| {callers} | {rate:,.0f} | {statistics.median(times) * 1e3:.0f} ms | {slow * 1e3:.0f} ms |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="en-ja")
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--text", type=Path)
    options = parser.parse_args()
    if options.text:
        lines = options.text.read_text(encoding="utf-8").splitlines()
    else:
        lines = [line.split("\t")[0] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    translator = Translator.load(options.model, num_threads=options.threads)

    print("| callers | sentences/s | median | 95th percentile |\n|---|---|---|---|")
    for callers in (1, 2, 8, 32, 128):
        concurrency(translator, lines, callers, 5.0)
    print()
    memory(translator, lines, options.sentences)


if __name__ == "__main__":
    main()
