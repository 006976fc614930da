"""`nmt score`: how probable a model finds given translations."""

import argparse
import sys
from pathlib import Path

from nmt.commands.pairs import read_aligned

HELP = "log-probability of given translations under a model"
EXTRA = "train"  # for the Keras engine; the other needs no extra

ENGINES = ("auto", "onnx", "keras")  # those of nmt.translating, which takes too long to import for a parser

_CHUNK = 2_000  # pairs whose results are held in memory at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "How probable a model finds TARGET as the translation of SOURCE, line by line.\n"
        "Each line of the output answers one pair: the log-probability of the whole translation in nats, the mean\n"
        "of its tokens, and their number, the end of the sentence counted; tabs between them. The summary with the\n"
        "perplexity goes to standard error."
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="file with source sentences, one per line")
    parser.add_argument("target", type=Path, metavar="TARGET", help="file with the translations to score")
    parser.add_argument("--model", required=True, metavar="MODEL", help="name of an installed model, or a folder")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="processor threads; 0: all (default)")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what runs the model")


def run(arguments: argparse.Namespace) -> int:
    sources, targets = read_aligned([arguments.source, arguments.target])

    from nmt.evaluation.scoring import Scorer, perplexity

    scorer = Scorer.load(arguments.model, engine=arguments.engine, num_threads=arguments.threads)
    likelihoods = []
    for start in range(0, len(sources), _CHUNK):
        found = scorer.score(sources[start : start + _CHUNK], targets[start : start + _CHUNK])
        for one in found:
            print(f"{one.log_prob:.4f}\t{one.per_token:.4f}\t{len(one.tokens)}")
        likelihoods += found
    total, num_tokens = sum(one.log_prob for one in likelihoods), sum(len(one.tokens) for one in likelihoods)
    sys.stdout.flush()
    print(
        f"{scorer.info.name}: {len(sources):,} pairs, {num_tokens:,} tokens, {total / len(sources):.4f} nats per pair, "
        f"{total / num_tokens:.4f} per token, perplexity {perplexity(likelihoods):.2f} per token",
        file=sys.stderr,
    )
    num_long = sum(scorer.num_source_tokens(source) > scorer.max_source_tokens for source in sources)
    if num_long:
        print(
            f"{num_long:,} sources are longer than the {scorer.max_source_tokens} tokens that the model has learned "
            "from; their figures say little",
            file=sys.stderr,
        )
    return 0
