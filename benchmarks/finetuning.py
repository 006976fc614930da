"""What fine-tuning is worth: new languages against the same network from nothing, new kinds of text against the parent.

    python benchmarks/finetuning.py language CORPUS en-it --parent en-fr --seen PARENT/train.en --out WORK
    python benchmarks/finetuning.py domain CORPUS en-ja --parent en-ja --old PARENT/test --pairs 1000 5000 --out WORK
    python benchmarks/finetuning.py domain … --ways default rehearse=0 rehearse=2+near=0.001 mix=PARENT/train

CORPUS is a folder with train, dev and test parts, as `nmt data prepare` makes them. Each row of the table is a run of
`nmt finetune`, one after the other; run again after an interruption, the script goes on where it was.

language: the child, and a network of the same sizes from nothing on the same text, each until dev no longer rises (or
for `--minutes`, of which the one from nothing has three times as many): BLEU and chrF on the test part, also on the
sentences whose English the parent has not seen (`--seen`), the difference with its 95 % interval, and the time of both.
`--seeds` takes several.

domain: parent, child, and with `--from-scratch` a network from nothing, on the test part and on a test of the parent's
kind (`--old`), for each number of `--pairs` and each of `--ways` against forgetting.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nmt import Translator
from nmt.corpora.corpus import read_corpus, write_pair_files
from nmt.evaluation.metrics import metrics
from nmt.evaluation.significance import estimate


def finetune(run: Path, *arguments: str) -> dict[str, Any]:
    """What came of a fine-tuning, which is done unless it has been."""
    result = run / "finetuning.json"
    if not result.exists():
        command = [sys.executable, "-m", "nmt", "finetune", "--out", str(run), *arguments]
        print(" ".join(command[1:]), file=sys.stderr)
        if subprocess.run(command, check=False, stdout=sys.stderr).returncode:
            raise SystemExit(f"{run} failed")
    values: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return values


def hours(folder: Path) -> float:
    """Training time of the run in a folder."""
    values = json.loads((folder / "bundle" / "config.json").read_text(encoding="utf-8"))
    return float(values["training"]["hours"])


def limited(corpus: Path, pair: Sequence[str], count: int, folder: Path) -> Path:
    """The first pairs of a training part, as a place."""
    place = folder / f"train-{count}"
    if not place.with_suffix(f".{pair[0]}").exists():
        found = read_corpus(corpus / "train", *pair, limit=count)
        write_pair_files(found, *(place.with_suffix(f".{code}") for code in pair))
    return place


def language(options: argparse.Namespace) -> Iterator[str]:
    """Rows of the table for a new language."""
    pair = options.pair.split("-")
    test = read_corpus(options.corpus / "test", *pair)
    seen = set(options.seen.read_text(encoding="utf-8").splitlines()) if options.seen else set()
    unseen = [k for k, source in enumerate(test.sources) if source not in seen]
    data = options.corpus / "train"
    if options.pairs:
        data = limited(options.corpus, pair, options.pairs[0], options.out)
    yield "| pair | pairs | seed | test | metric | from nothing | from the parent | difference | minutes | instead of |"
    yield f"|{'---|' * 10}"
    for seed in options.seeds:
        size = f"-{options.pairs[0]}" if options.pairs else ""
        run = options.out / f"{options.pair}{size}-from-{Path(options.parent).name}-{seed}"
        values = finetune(
            run,
            *("--from", options.parent, "--to", options.pair, "--data", str(data), "--seed", str(seed)),
            *("--dev", str(options.corpus / "dev"), "--test", str(options.corpus / "test"), "--from-scratch"),
            *(("--minutes", str(options.minutes)) if options.minutes else ()),
        )
        scratch = run / "from-scratch"
        texts = [
            [one.text for one in Translator.load(folder).translate_batch(test.sources)] for folder in (scratch, run)
        ]
        for name, places in (("all", list(range(len(test)))), ("unseen", unseen)):
            if not places or (name == "unseen" and not seen):
                continue
            references = [test.targets[k] for k in places]
            for metric in metrics(pair[1]):
                counts = [metric.count([lines[k] for k in places], references) for lines in texts]
                before, after = estimate(metric, counts)
                change = after.difference
                assert change is not None
                pairs, interval = f"{values['pairs']['train']:,}", f"{change.low:+.2f} to {change.high:+.2f}"
                yield (
                    f"| {options.pair} | {pairs} | {seed} | {name} ({len(places):,}) | {metric.name} "
                    f"| {before.value:.2f} | {after.value:.2f} | {change.value:+.2f} ({interval}) "
                    f"| {60 * hours(run):.0f} | {60 * hours(scratch):.0f} |"
                )


def domain(options: argparse.Namespace) -> Iterator[str]:
    """Rows of the table for a new kind of text."""
    pair = options.pair.split("-")
    yield "| pairs | way | minutes | metric | new: parent | child | change | old: parent | child | change |"
    yield f"|{'---|' * 10}"
    for count in options.pairs or [0]:
        data = limited(options.corpus, pair, count, options.out) if count else options.corpus / "train"
        for way in options.ways:
            flags = [] if way == "default" else [part.partition("=")[::2] for part in way.split("+")]
            short = "".join(f"-{flag}{Path(value).name}" for flag, value in flags) or "-default"
            run = options.out / f"{options.pair}-{options.corpus.parent.name}-{count}{short}"
            values = finetune(
                run,
                *("--from", options.parent, "--data", str(data), "--old-test", str(options.old)),
                *("--dev", str(options.corpus / "dev"), "--test", str(options.corpus / "test")),
                *(word for flag, value in flags for word in (f"--{flag}", value)),
                *(("--minutes", str(options.minutes)) if options.minutes else ()),
                *(("--from-scratch",) if options.from_scratch and way == options.ways[0] else ()),
            )
            rows = {(one["test"], one["system"], one["metric"]): one for one in values["measured"]}
            for metric in dict.fromkeys(name for _, _, name in rows):
                cells = []
                for test in ("new", "old"):
                    before, after = (rows[test, system, metric] for system in ("before", "after"))
                    cells += [
                        f"{before['value']:.2f}",
                        f"{after['value']:.2f}",
                        f"{after['difference']:+.2f} (p {after['p_value']:.3f})",
                    ]
                minutes = values["seconds"] / 60
                yield f"| {values['pairs']['train']:,} | {way} | {minutes:.1f} | {metric} | {' | '.join(cells)} |"
                if ("scratch", "from nothing", metric) in rows:
                    nothing = rows["scratch", "from nothing", metric]["value"]
                    yield f"| {values['pairs']['train']:,} | from nothing | | {metric} | | {nothing:.2f} | | | | |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("language", "domain"))
    parser.add_argument("corpus", type=Path)
    parser.add_argument("pair", help="languages, such as en-it")
    parser.add_argument("--parent", required=True)
    parser.add_argument("--pairs", type=int, nargs="+", default=[], help="so many of the training part (default: all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--seen", type=Path, help="English that the parent has learned from")
    parser.add_argument("--old", type=Path, help="test part of the parent's kind")
    parser.add_argument(
        "--ways", nargs="+", default=["default"], help="default, or options of nmt finetune: near=0.001"
    )
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--from-scratch", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.kind == "domain" and not options.old:
        parser.error("domain needs --old")
    options.out.mkdir(parents=True, exist_ok=True)
    for row in (language if options.kind == "language" else domain)(options):
        print(row, flush=True)


if __name__ == "__main__":
    main()
