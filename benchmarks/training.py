"""Training speed beside OpenNMT-py, in one run: target tokens per second, medians and ratios.

    python -m venv peer && peer/bin/pip install torch "OpenNMT-py==3.0.4"       # the peer, in its own environment
    python benchmarks/training.py CORPUS --peer peer/bin [--turns 3] [--updates 60]

CORPUS is a folder with train.en and train.de such as Multi30k's. Both sides get the same SentencePiece tokens (8,000 a
side), sizes (encoder 2 layers bidirectional, 256 per direction; decoder 2 × 512; embedding 256), about 96 sentences a
batch, dropout 0.3, label smoothing 0.1, Adam, and two processor threads; the peer without input feeding. They take
turns; a turn is a process of its own, and its first third is left out (compilation, warm-up).

Ours computes as a training does unless told otherwise (`--precision`): in bfloat16 where the processor multiplies it,
else in float32. The peer has float32 on processors.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

VOCAB_SIZE, SENTENCES, THREADS = 8000, 96, 2


def prepare(corpus: Path, language: str, work: Path) -> None:
    """Tokenizers and token files that both sides read."""
    from nmt import tokenizer

    for side, code in (("source", "en"), ("target", language)):
        lines = (corpus / f"train.{code}").read_text(encoding="utf-8").splitlines()
        made = tokenizer.train(lines, VOCAB_SIZE, side=side, uses_spaces=True, seed=1)
        made.save(work / f"{side}.model")
        pieces = [" ".join(made.pieces(ids)) for ids in made.encode_batch(lines)]
        (work / f"train.{side}").write_text("\n".join(pieces) + "\n", encoding="utf-8")
        (work / f"raw.{side}").write_text("\n".join(lines) + "\n", encoding="utf-8")


def products(
    sizes: Any, vocab_size: int, rows: float, source: float, target: float
) -> list[tuple[int, int, int, float]]:
    """The matrix products of one update: (m, k, n) and how often. The backward pass has two of each, of the same cost.

    Args:
        rows, source, target: sentences in a batch and their lengths, as means.
    """
    batch, memory = round(rows), 2 * sizes.encoder_units
    made = []
    for k in range(sizes.encoder_layers):
        inputs = memory if k else sizes.embedding_dim
        made.append((round(rows * source), inputs, 4 * sizes.encoder_units, 2.0))
        made.append((batch, sizes.encoder_units, 4 * sizes.encoder_units, 2 * source))
    for k in range(sizes.decoder_layers):
        inputs = sizes.decoder_units if k else sizes.embedding_dim
        made.append((round(rows * target), inputs, 4 * sizes.decoder_units, 1.0))
        made.append((batch, sizes.decoder_units, 4 * sizes.decoder_units, target))
    made.append((round(rows * source), memory, sizes.attention_dim, 1.0))  # keys
    made.append((round(rows * target), sizes.decoder_units, sizes.attention_dim, 1.0))  # queries
    made.append((round(rows * target), memory, sizes.decoder_units, 1.0))  # context
    made.append((round(rows * target), sizes.decoder_units, sizes.embedding_dim, 1.0))
    made.append((round(rows * target), sizes.embedding_dim, vocab_size, 1.0))
    return made


def product_seconds(shapes: list[tuple[int, int, int, float]], shards: int, kind: str) -> float:
    """What the products of one update take alone, each shard's beside the others', in numbers of that kind."""
    import threading
    import time

    import tensorflow as tf

    def work() -> None:
        for m, k, n, times in shapes:
            a, b = (tf.cast(tf.random.normal(shape), kind) for shape in ((max(1, m // shards), k), (n, k)))
            c = tf.matmul(a, b, transpose_b=True)
            for _ in range(max(1, round(times))):
                tf.matmul(a, b, transpose_b=True)  # forwards
                tf.matmul(c, b)  # to what was multiplied
                tf.matmul(c, a, transpose_a=True)  # to the kernel

    found = []
    for _ in range(4):
        start = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(shards)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found.append(time.perf_counter() - start)
    return min(found)


def ours(work: Path, updates: int, precision: str) -> None:
    """One turn of ours, in this process: prints tokens per second, share of padding, peak memory, share of products."""
    import time

    import keras

    from nmt import backend
    from nmt.config import ModelConfig, Recipe, TrainingConfig
    from nmt.corpora.corpus import Corpus
    from nmt.tokenizer import Tokenizer
    from nmt.training.batches import BatchPlan, encode_corpus
    from nmt.training.fitting import precision as chosen
    from nmt.training.trainer import build_model

    shards = backend.shards_for_training(THREADS)
    source, target = (Tokenizer.load(work / f"{side}.model") for side in ("source", "target"))
    lines = [(work / f"raw.{side}").read_text(encoding="utf-8").splitlines() for side in ("source", "target")]
    encoded = encode_corpus(Corpus(*lines), source, target, 100)
    tokens = sum(len(ids) + 1 for ids in encoded.targets)
    sizes = ModelConfig(
        embedding_dim=256, encoder_units=256, decoder_units=512, attention_dim=512, dropout=0.3, weight_drop=0.0
    )
    options = TrainingConfig(batch_tokens=SENTENCES * tokens // len(encoded), updates=updates, precision=precision)
    keras.config.set_dtype_policy(chosen(options))
    model = build_model(Recipe("speed", "en", "xx", model=sizes, training=options), source, target, shards)
    plan = BatchPlan(encoded, options.batch_tokens, seed=1)
    marks: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            marks.append(time.perf_counter())

    model.fit(backend.feed(plan.batches()), steps_per_epoch=updates, epochs=1, verbose=0, callbacks=[Clock()])
    skipped = updates // 3
    rate = plan.tokens_per_batch() * (len(marks) - 1 - skipped) / (marks[-1] - marks[skipped])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = len(encoded) / len(plan.one_pass(0))
    lengths = (sum(map(len, side)) / len(encoded) for side in (encoded.sources, encoded.targets))
    shapes = products(sizes, target.vocab_size, rows, *lengths)
    kind = "bfloat16" if "bfloat16" in chosen(options) else "float32"
    share = product_seconds(shapes, shards, kind) * rate / plan.tokens_per_batch()
    print(f"computed in {chosen(options)}")
    print(f"RESULT {rate} {plan.padding_share()} {memory} {share}")


def peer_turn(work: Path, peer: Path, updates: int) -> tuple[float, float]:
    """One turn of OpenNMT-py: target tokens per second and peak memory in MB."""
    config = work / "peer.yaml"
    settings = {
        "save_data": work / "peer",
        "src_vocab": work / "peer.vocab.source",
        "tgt_vocab": work / "peer.vocab.target",
        "overwrite": True,
        "data": f"{{c: {{path_src: {work}/train.source, path_tgt: {work}/train.target}}}}",
    }
    config.write_text("".join(f"{name}: {value}\n" for name, value in settings.items()), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "PYTHONWARNINGS": "ignore"}

    def call(program: str, *arguments: object) -> str:
        command = [str(peer / program), "-config", str(config), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SystemExit(f"{program} failed:\n{done.stderr[-2000:]}")
        return done.stderr + done.stdout

    if not (work / "peer.vocab.source").exists():
        call("onmt_build_vocab", "-n_sample", -1)
    every = max(1, updates // 6)
    options = (
        *("-encoder_type", "brnn", "-decoder_type", "rnn", "-rnn_type", "LSTM", "-enc_layers", 2, "-dec_layers", 2),
        *("-hidden_size", 512, "-word_vec_size", 256, "-global_attention", "general", "-input_feed", 0),
        *("-batch_size", SENTENCES, "-batch_type", "sents", "-dropout", 0.3, "-label_smoothing", 0.1),
        *("-optim", "adam", "-learning_rate", 0.001, "-max_grad_norm", 1.0, "-src_vocab_size", VOCAB_SIZE),
        *("-tgt_vocab_size", VOCAB_SIZE, "-train_steps", updates, "-report_every", every),
        *(
            "-save_model",
            work / "peer-model",
            "-save_checkpoint_steps",
            10**6,
            "-num_workers",
            0,
            "-bucket_size",
            30000,
        ),
    )
    said = call("onmt_train", *options)
    rates = [float(rate) for rate in re.findall(r"/\s*(\d+) tok/s", said)]
    if len(rates) < 3:
        raise SystemExit(f"no speed in what onmt_train said:\n{said[-2000:]}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return statistics.median(rates[len(rates) // 3 :]), memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--language", default="de", help="of the target side")
    parser.add_argument("--peer", type=Path, help="the folder of OpenNMT-py's programs; left out: ours alone")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--precision", default="auto", help="of ours: auto, float32 or mixed_bfloat16")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        ours(options.ours, options.updates, options.precision)
        return

    found: dict[str, list[float]] = {"ours": [], "OpenNMT-py": []}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        prepare(options.corpus, options.language, work)
        command = [sys.executable, __file__, str(options.corpus), "--ours", temporary, "--precision", options.precision]
        for _ in range(options.turns):
            done = subprocess.run([*command, "--updates", str(options.updates)], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(done.stderr[-2000:])
            kind = re.search(r"computed in (\w+)", done.stdout)
            rate, padding, memory, share = map(float, done.stdout.split("RESULT")[1].split())
            found["ours"].append(rate)
            print(
                f"ours, {kind[1] if kind else '?'}: {rate:,.0f} tokens/s, {padding:.1%} padding, {memory:,.0f} MB, "
                f"{share:.0%} of the rate that its matrix products reach alone",
                flush=True,
            )
            if options.peer:
                rate, memory = peer_turn(work, options.peer, options.updates)
                found["OpenNMT-py"].append(rate)
                print(f"OpenNMT-py {rate:,.0f} tokens/s, {memory:,.0f} MB at most", flush=True)
    for name, rates in found.items():
        if rates:
            print(f"| {name} | {statistics.median(rates):,.0f} target tokens/s |")
    if options.peer:
        ratio = statistics.median(o / p for o, p in zip(*found.values(), strict=True))
        print(f"| ratio | {ratio:.2f} |")


if __name__ == "__main__":
    main()
