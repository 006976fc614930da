"""Kinds of network beside each other: quality, speed and size after the same number of updates or minutes.

    python benchmarks/cells.py CORPUS en-ja [--kinds lstm,gru,simple_rnn] [--updates 4000] [--out runs/cells]
    python benchmarks/cells.py corpora/multi30k/en-de en-de --test test_2016_flickr --minutes 5
    python benchmarks/cells.py data/sample/en-ja.tsv en-ja --minutes 1       # too little to say more than that it runs

CORPUS is a folder with train, dev and test parts (train.en, train.ja and so on), as `nmt data prepare` makes them, or
a file that it makes them of. A kind is a cell, or a cell and an attention such as gru+additive. Each is trained by the
same recipe, in a process of its own, one after the other; run again after an interruption, the script goes on where it
was. With --minutes, the faster kinds get more updates; the table says how many. Training speed counts the evaluations
too; serving speed is from raw text to raw text, beam 5, one thread, the median of the turns that the kinds take. One
seed: differences of a point of BLEU say nothing.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIZES = {"embedding_dim": 160, "encoder_units": 192, "decoder_units": 256, "attention_dim": 256}
NOISE = {"dropout": 0.1, "word_dropout": 0.05, "weight_drop": 0.0}
DATA = {"source_vocab_size": 4000, "target_vocab_size": 4000, "max_tokens": 80}


COLUMNS = (
    *("kind", "parameters", "graphs", "updates", "training, target tokens/s"),
    *("loss", "BLEU", "chrF", "serving, words/s"),
)
ENDLESS, ROUND = 1_000_000, 200  # updates, where minutes say when to stop


def recipe(corpus: Path, pair: str, kind: str, options: argparse.Namespace) -> str:
    """The TOML text of a kind's recipe."""
    from nmt.recipe import toml

    source, target = pair.split("-")
    cell, _, attention = kind.partition("+")
    tables: dict[str, dict[str, Any]] = {
        "data": {"train": str(corpus / "train"), "dev": str(corpus / "dev"), "test": str(corpus / options.test)} | DATA,
        "model": {**SIZES, **NOISE, "cell": cell, "attention": attention or "general"},
        "training": {
            "batch_tokens": 1500,
            "updates": ENDLESS if options.minutes else options.updates,
            "hours": options.minutes / 60,
            "updates_per_round": ROUND if options.minutes else max(1, options.updates // 8),
            "learning_rate": 2e-3,
            "warmup_updates": ROUND if options.minutes else min(400, options.updates),
            "patience": 99,
            "dev_sentences": 200,
        },
    }
    lines = [f"{k} = {toml(v)}" for k, v in (("name", kind), ("source_language", source), ("target_language", target))]
    for name, values in tables.items():
        lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def parts(corpus: Path, folder: Path) -> Path:
    """The folder with the parts of a corpus, made unless they are there already."""
    if corpus.is_dir():
        return corpus
    made = folder / "data"
    if not made.exists():
        command = [sys.executable, "-m", "nmt", "data", "prepare", str(corpus), "--out", str(made)]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"preparing {corpus} failed")
    return made.resolve()


def train(corpus: Path, pair: str, kind: str, options: argparse.Namespace, folder: Path) -> Path:
    """The bundle of a kind, trained unless it is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}.toml"
    path.write_text(recipe(corpus, pair, kind, options), encoding="utf-8")
    run = folder / kind
    done = subprocess.run([sys.executable, "-m", "nmt", "train", str(path), "--out", str(run)], check=False)
    if done.returncode:
        raise SystemExit(f"training {kind} failed")
    return run / "bundle"


def words_per_second(translator: Any, sentences: list[str]) -> float:
    """Source words, from raw text to raw text."""
    start = time.perf_counter()
    translator.translate_batch(sentences)
    return sum(len(sentence.split()) for sentence in sentences) / (time.perf_counter() - start)


def row(kind: str, bundle: Path, speeds: list[float]) -> str:
    """A line of the table."""
    config = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    log = list(csv.DictReader((bundle.parent / "log.csv").read_text(encoding="utf-8").splitlines()))
    graphs = sum((bundle / name).stat().st_size for name in ("encoder.onnx", "decoder.onnx"))
    scores = {name.split()[0]: value for name, value in reversed(config["scores"].items())}
    cells = (
        kind,
        f"{config['num_parameters'] / 1e6:.2f} M",
        f"{graphs / 1e6:.1f} MB",
        f"{int(log[-1]['update']):,}",
        f"{float(log[-1]['target_tokens_per_second']):,.0f}",
        f"{float(log[-1]['loss']):.3f}",
        f"{scores.get('BLEU', float('nan')):.2f}",
        f"{scores.get('chrF', float('nan')):.2f}",
        f"{statistics.median(speeds):,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("pair", help="languages, such as en-ja")
    parser.add_argument("--kinds", default="lstm,gru,simple_rnn")
    parser.add_argument("--updates", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=0.0, help="instead of updates: training time of each kind")
    parser.add_argument("--test", default="test", metavar="PART", help="name of the test part")
    parser.add_argument("--turns", type=int, default=5, help="of the measurement of serving")
    parser.add_argument("--out", type=Path, help="where the runs stay; left out: nowhere")
    options = parser.parse_args()

    from nmt import Translator

    kinds = options.kinds.split(",")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        corpus = parts(options.corpus.resolve(), folder)
        bundles = {kind: train(corpus, options.pair, kind, options, folder) for kind in kinds}
        translators = {kind: Translator.load(bundle, num_threads=1) for kind, bundle in bundles.items()}
        test = (corpus / f"{options.test}.{options.pair.split('-')[0]}").read_text(encoding="utf-8").splitlines()[:300]
        speeds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(options.turns):
            for kind, translator in translators.items():
                speeds[kind].append(words_per_second(translator, test))
        print(f"| {' | '.join(COLUMNS)} |")
        print("|---" * len(COLUMNS) + "|")
        for kind, bundle in bundles.items():
            print(row(kind, bundle, speeds[kind]))


if __name__ == "__main__":
    main()
