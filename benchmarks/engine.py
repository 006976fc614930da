"""Serving speed beside CTranslate2, in one run: medians and ratios.

    pip install ctranslate2
    python benchmarks/engine.py [--rounds 5] [--threads 1,2] [--model en-ja]

Peers: random-weight Transformers in int8 with a vocabulary of 8,000: "tiny" (6+2 layers, width 256, feed-forward 1,536,
the size of the models that browsers translate with) and "base" (6+6, 512, 2,048). Ours: the architecture of an
installed bundle with its own graphs. Every sentence has 20 source tokens, and both sides are made to take exactly 20
decoder steps: the peer stops at 20 tokens, ours ends with EOS as the 20th. Tokenization is left out. The sides take
turns, so a slow minute of the machine hits all of them.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nmt import bundle
from nmt.config import SearchConfig
from nmt.engines.onnx import OnnxEngine
from nmt.search.batching import DynamicBatcher
from nmt.search.beam import Hypothesis, Step, search
from nmt.tokenizer import EOS_ID

VOCAB_SIZE, LENGTH = 8000, 20
PEERS = {"tiny": ((6, 2), 256, 1536, 8), "base": ((6, 6), 512, 2048, 8)}


def make_peer(folder: Path, layers: tuple[int, int], width: int, feed_forward: int, heads: int) -> None:
    """Write a Transformer with random weights in CTranslate2's format."""
    from ctranslate2.specs import TransformerSpec

    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (rng.normal(size=(rows, columns)) / columns**0.5).astype(np.float32)

    def fill_linear(linear: Any, rows: int, columns: int) -> None:
        linear.weight, linear.bias = matrix(rows, columns), np.zeros(rows, np.float32)

    def fill_norm(norm: Any) -> None:
        norm.gamma, norm.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def fill_layer(layer: Any, cross: bool) -> None:
        fill_norm(layer.self_attention.layer_norm)
        fill_linear(layer.self_attention.linear[0], 3 * width, width)
        fill_linear(layer.self_attention.linear[1], width, width)
        if cross:
            fill_norm(layer.attention.layer_norm)
            for linear, rows in zip(layer.attention.linear, (width, 2 * width, width), strict=True):
                fill_linear(linear, rows, width)
        fill_norm(layer.ffn.layer_norm)
        fill_linear(layer.ffn.linear_0, feed_forward, width)
        fill_linear(layer.ffn.linear_1, width, feed_forward)

    spec = TransformerSpec.from_config(layers, heads)
    positions = matrix(512, width)
    spec.encoder.embeddings[0].weight = matrix(VOCAB_SIZE, width)
    spec.decoder.embeddings.weight = matrix(VOCAB_SIZE, width)
    for side, cross in ((spec.encoder, False), (spec.decoder, True)):
        side.position_encodings.encodings = positions
        fill_norm(side.layer_norm)
        for layer in side.layer:
            fill_layer(layer, cross)
    fill_linear(spec.decoder.projection, VOCAB_SIZE, width)
    vocabulary = ["<blank>", "<unk>", "<s>", "</s>", *(f"t{k}" for k in range(4, VOCAB_SIZE))]
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir()
    spec.save(str(folder))


def peer_runner(folder: Path, threads: int, batch: int, beam: int, length: int = LENGTH) -> Callable[[], None]:
    import ctranslate2

    translator = ctranslate2.Translator(str(folder), device="cpu", compute_type="int8", intra_threads=threads)
    rng = np.random.default_rng(1)
    sources = [[f"t{k}" for k in rng.integers(4, VOCAB_SIZE, length)] for _ in range(batch)]

    def run() -> None:
        results = translator.translate_batch(
            sources, beam_size=beam, max_batch_size=batch, min_decoding_length=length, max_decoding_length=length
        )
        if any(len(result.hypotheses[0]) != length for result in results):
            raise RuntimeError("the peer did not write what it was told to")

    return run


def our_runner(name: str, threads: int, batch: int, beam: int, length: int = LENGTH) -> Callable[[], None]:
    folder = bundle.find(name)
    config = bundle.read_config(folder)
    engine = OnnxEngine(folder / bundle.ENCODER, folder / bundle.DECODER)
    rng = np.random.default_rng(1)
    sources = [[*rng.integers(4, config.model.source_vocab_size, length - 1).tolist(), EOS_ID] for _ in range(batch)]
    options = SearchConfig(beam_size=beam)

    def never_ends(*arguments: Any) -> Step:
        step = engine.step(*arguments)
        # EOS becomes impossible until the greatest length, where the search itself adds it.
        log_probs = np.where(step.ids == EOS_ID, np.float32(-1e9), step.log_probs)
        return step._replace(log_probs=log_probs)

    def work(batch_sources: list[list[int]], config: SearchConfig) -> list[list[Hypothesis]]:
        return search(never_ends, engine.encode(batch_sources), np.full(len(batch_sources), length), config)

    batcher = DynamicBatcher(work, num_workers=threads)

    def run() -> None:
        found = batcher.run(sources, options)
        if any(len(hypotheses[0].ids) != length for hypotheses in found):
            raise RuntimeError("the search did not write what it was told to")

    return run


def measure(runners: dict[str, Callable[[], None]], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per call of each runner, in turns. A turn repeats a call until `seconds` have passed."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(rounds + 1):
        for name, run in runners.items():
            start, count = time.perf_counter(), 0
            while (elapsed := time.perf_counter() - start) < seconds or count == 0:
                run()
                count += 1
            if number:  # the first turn warms up
                times[name].append(elapsed / count)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="en-ja")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        for name, sizes in PEERS.items():
            make_peer(Path(temporary) / name, *sizes)
        print("| case | side | median | target tokens/s | times tiny |\n|---|---|---|---|---|")
        for threads in map(int, options.threads.split(",")):
            for batch, beam in ((64, 5), (64, 1), (1, 5)):
                runners = {name: peer_runner(Path(temporary) / name, threads, batch, beam) for name in PEERS}
                runners["ours"] = our_runner(options.model, threads, batch, beam)
                times = measure(runners, options.rounds, options.seconds)
                for name, values in times.items():
                    median = statistics.median(values)
                    ratio = statistics.median(t / o for t, o in zip(times["tiny"], values, strict=True))
                    case = f"beam {beam}, batch {batch}, {threads} thread{'s' * (threads > 1)}"
                    print(f"| {case} | {name} | {median * 1e3:.1f} ms | {batch * LENGTH / median:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
