"""`nmt evaluate`: translate a test set and score it."""

import argparse
import dataclasses
import json
import time
from pathlib import Path

from nmt.commands.lines import as_one_line, read_lines
from nmt.commands.translate import search_config
from nmt.errors import NmtError

HELP = "BLEU, chrF and TER of a model on a test set, with sacreBLEU signatures"
EXTRA = "train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{HELP}. Line N of REFERENCE is the translation of line N of SOURCE."
    parser.add_argument("source", type=Path, metavar="SOURCE", help="file with the sentences to translate")
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="file with their translations")
    parser.add_argument("--model", required=True, metavar="MODEL", help="name of an installed model, or a folder")
    parser.add_argument("--beam-size", type=int, metavar="N", help="hypotheses kept in the search; 1 is greedy")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    sources, references = _read_pairs(arguments.source, arguments.reference)

    from nmt.evaluation import corpus_scores
    from nmt.translator import Translator

    search = search_config(arguments)
    translator = Translator.load(arguments.model)
    start = time.perf_counter()
    translations = translator.translate_batch(sources, search)
    seconds = time.perf_counter() - start
    hypotheses = [as_one_line(translation.text, translation.source) for translation in translations]
    scores = corpus_scores(hypotheses, references, translator.info.target_language)
    if arguments.json:
        result = {
            "model": translator.info.name,
            "sentences": len(sources),
            "seconds": round(seconds, 3),
            "scores": [dataclasses.asdict(score) for score in scores],
        }
        print(json.dumps(result, indent=2))
    else:
        print(f"{translator.info.name}: {len(sources):,} sentences in {seconds:.1f} s")
        for score in scores:
            print(f"{score.name:<14} {score.value:6.2f}  {score.signature}")
    return 0


def _read_pairs(source: Path, reference: Path) -> tuple[list[str], list[str]]:
    sides = []
    for path in (source, reference):
        with path.open("rb") as stream:
            sides.append([line.text for line in read_lines(stream, str(path))])
    sources, references = sides
    if len(sources) != len(references):
        raise NmtError(
            f"{source} has {len(sources):,} lines and {reference} has {len(references):,}; "
            "line N of one must be the translation of line N of the other"
        )
    if not sources:
        raise NmtError(f"{source} is empty; there is nothing to evaluate")
    return sources, references
