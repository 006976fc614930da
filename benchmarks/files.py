"""Whole files: lines per second, peak memory, and the ratio to the bare engine on the same sentences.

    python benchmarks/files.py [--model en-ja] [--lines 20000] [--text FILE] [--threads 1] [--beam-size 5]

`--text` is a file of English sentences; without it the sample's English side is taken. They are shuffled into `--lines`
different lines. The bare engine is the search alone, on sentences that are cut, tokenized and sorted by length already:
what is between it and the file is reading, finding duplicates, protecting, tokenizing, checking, journalling and
writing. The sides take turns, so a slow minute of the machine hits both. Memory is the peak of a process of its own.
"""

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nmt import SearchConfig, bundle
from nmt.engines.onnx import OnnxEngine
from nmt.search.beam import max_lengths, search
from nmt.text import segment
from nmt.tokenizer import EOS_ID, Tokenizer

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "en-ja.tsv"


def write_lines(path: Path, sentences: list[str], count: int) -> None:
    """`count` lines, no two of them alike unless the text runs out, every tenth empty, in paragraphs as in a book."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            words = " ".join(rng.choices(sentences, k=rng.choice([1, 1, 1, 2])))
            file.write("\n" if number % 10 == 9 else f"{words}\n")


def bare_runner(folder: Path, path: Path, threads: int, config: SearchConfig) -> Callable[[], None]:
    """The search over the sentences of the file, ready as ids."""
    from nmt.search.batching import DynamicBatcher

    tokenizer = Tokenizer.load(folder / bundle.SOURCE_TOKENIZER)
    engine = OnnxEngine(folder / bundle.ENCODER, folder / bundle.DECODER)
    sentences = [
        piece.text
        for line in dict.fromkeys(path.read_text(encoding="utf-8").splitlines())
        for piece in segment.split_text(line)
        if piece.is_sentence
    ]
    sources = [[*ids, EOS_ID] for ids in tokenizer.encode_batch(sentences)]
    batcher = DynamicBatcher(
        lambda batch, how: search(
            engine.step, engine.encode(batch), max_lengths([len(ids) for ids in batch], how), how
        ),
        threads,
    )

    def run() -> None:
        batcher.run(sources, config)

    return run


def file_command(model: str, path: Path, options: argparse.Namespace, workers: int = 1) -> list[str]:
    command = [sys.executable, "-m", "nmt", "translate", "--model", model, str(path), "--workers", str(workers)]
    return [*command, "--threads", str(options.threads // workers), "--beam-size", str(options.beam_size)]


def run_command(command: list[str], stdin: Path | None = None) -> tuple[float, float]:
    """Wall seconds, and the peak memory in MB of its largest process (Linux)."""
    start, peak = time.perf_counter(), 0
    with open(stdin or os.devnull, "rb") as given, tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, stderr=told)
        while process.poll() is None:
            for pid in (process.pid, *children(process.pid)):
                with contextlib.suppress(OSError, IndexError):  # it may have ended
                    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                    peak = max(peak, int(status.split("VmHWM:")[1].split()[0]))
            time.sleep(0.1)
        seconds = time.perf_counter() - start
        told.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {told.read().decode()}")
    return seconds, peak / 1024


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def file_runner(folder: Path, path: Path, threads: int, config: SearchConfig, check: bool) -> Callable[[], None]:
    """The file path within this process, so that starting is left out, as it is of the other side."""
    from nmt import Translator, translate_file
    from nmt.config import TranslationOptions

    translator = Translator.load(folder, num_threads=threads)
    options = TranslationOptions(check=check)

    def run() -> None:
        translate_file(path, translator, path.with_suffix(".out"), search=config, translation=options)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="en-ja")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-only", action="store_true", help="one run as a process, for very many lines")
    parser.add_argument("--stream", action="store_true", help="with --memory-only: through standard input")
    options = parser.parse_args()
    if options.text:
        sentences = [line for line in options.text.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        sentences = [line.split("\t")[0] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]

    folder = bundle.find(options.model)
    config = SearchConfig(beam_size=options.beam_size)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "text.txt"
        write_lines(path, sentences, options.lines)
        if options.memory_only:
            command = file_command(str(folder), path, options)
            if options.stream:
                command = [word if word != str(path) else "-" for word in command]
            seconds, peak = run_command(command, path if options.stream else None)
            print(f"| {options.lines:,} lines | {options.lines / seconds:,.0f} lines/s | peak {peak:,.0f} MB |")
            return
        runners = {
            "bare engine": bare_runner(folder, path, options.threads, config),
            "file": file_runner(folder, path, options.threads, config, check=True),
            "file, unchecked": file_runner(folder, path, options.threads, config, check=False),
        }
        times: dict[str, list[float]] = {name: [] for name in runners}
        for _ in range(options.rounds):
            for name, run in runners.items():
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
        print("| side | lines/s | share of the bare engine |\n|---|---|---|")
        for name, values in times.items():
            share = statistics.median(b / v for b, v in zip(times["bare engine"], values, strict=True))
            print(f"| {name} | {options.lines / statistics.median(values):,.0f} | {share:.0%} |")
        for workers in (1, 2):
            if options.threads % workers == 0:
                seconds, peak = run_command(file_command(str(folder), path, options, workers))
                what = f"command, {workers} process(es) of {options.threads // workers} thread(s)"
                print(f"| {what}, from start to end | {options.lines / seconds:,.0f} | peak {peak:,.0f} MB |")


if __name__ == "__main__":
    main()
