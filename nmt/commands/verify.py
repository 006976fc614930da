"""`nmt verify`: whether a model is what its card says."""

import argparse
from pathlib import Path

HELP = "check a model: its files, its graphs, and the scores on its card"
EXTRA = "train"

_MARKS = {True: "holds", False: "FAILS", None: "not checked"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Check a model: that its files have their checksums, that its card states its scores, that its serving graphs\n"
        "are those of its training weights, and that its own search gives the stated scores again on its test set.\n"
        "The exit status is 1 where something fails."
    )
    parser.add_argument("model", metavar="MODEL", help="name of an installed model, or a folder")
    parser.add_argument(
        "--test",
        nargs="+",
        type=Path,
        metavar="CORPUS",
        help="the test set: a prefix (test for test.en and test.ja), a table (.tsv, .csv, .jsonl, .tmx), or two files",
    )
    parser.add_argument(
        "--tolerance", type=float, metavar="X", help="points that a score may differ (default: 0.01, from rounding)"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.test is not None and len(arguments.test) > 2:
        arguments.parser.error("--test takes a prefix, a table, or two files")
    if arguments.tolerance is not None and not arguments.tolerance >= 0:
        arguments.parser.error("--tolerance must be 0 or more")

    from nmt import bundle
    from nmt.corpora.corpus import read_corpus, read_pair_files
    from nmt.evaluation import verification

    folder = bundle.find(arguments.model)
    config = bundle.read_config(folder)
    test = None
    if arguments.test is not None:
        places = arguments.test
        test = (
            read_pair_files(*places)
            if len(places) == 2
            else read_corpus(places[0], config.source_language, config.target_language)
        )
    tolerance = verification.TOLERANCE if arguments.tolerance is None else arguments.tolerance
    checks = []
    for check in verification.verify(folder, test, tolerance):
        print(f"{_MARKS[check.holds]:<12} {check.name}: {check.said}", flush=True)
        checks.append(check)
    if not verification.holds(checks):
        print(f"{config.name} is not what it says")
        return 1
    done = sum(check.holds is True for check in checks)
    print(f"{config.name}: {done} of {len(checks)} checks done, all hold")
    return 0
