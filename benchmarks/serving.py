"""What a user feels, with an installed model: cold start, one sentence, many sentences, and both engines.

    python benchmarks/serving.py [--model en-ja] [--text FILE]

`--text` is a file of English sentences for the throughput; without it the sample's English side is taken.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nmt import SearchConfig, Translator

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "en-ja.tsv"
TEN_WORDS = "I would like to go to the station with you."


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Median over repeats, after one call to warm up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cold_start(model: str, repeats: int) -> tuple[float, float]:
    """Median wall seconds and the largest peak memory in MB of `nmt translate --text` as a process of its own."""
    command = [sys.executable, "-m", "nmt", "translate", "--model", model, "--text", "Hello."]
    walls, peaks = [], []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        walls.append(time.perf_counter() - start)
        peaks.append(usage.ru_maxrss / 1024)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
    return statistics.median(walls[1:]), max(peaks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="en-ja")
    parser.add_argument("--text", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    if options.text:
        lines = options.text.read_text(encoding="utf-8").splitlines()
    else:
        lines = [line.split("\t")[0] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    num_words = sum(len(line.split()) for line in lines)

    wall, peak = cold_start(options.model, options.repeats)
    print(f"| cold process, `nmt translate --text Hello.` | {wall:.2f} s, {peak:.0f} MB |")
    for threads in (1, 2):
        translator = Translator.load(options.model, num_threads=threads)
        one = seconds(lambda t=translator: t.translate(TEN_WORDS), 5 * options.repeats)
        print(f"| one sentence of ten words, beam 5, {threads} thread(s) | {one * 1e3:.1f} ms |")
        for beam in (1, 5):
            config = SearchConfig(beam_size=beam)
            many = seconds(lambda t=translator, c=config: t.translate_batch(lines, c), 3)
            print(f"| {len(lines):,} sentences, beam {beam}, {threads} thread(s) | {num_words / many:,.0f} words/s |")
    keras = Translator.load(options.model, engine="keras")
    many = seconds(lambda: keras.translate_batch(lines, SearchConfig(beam_size=5)), 1)
    print(f"| the same, beam 5, Keras engine, all threads | {num_words / many:,.0f} words/s |")


if __name__ == "__main__":
    main()
