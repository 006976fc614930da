"""`nmt export`: put serving graphs into a model."""

import argparse
from pathlib import Path

HELP = "build the serving graphs of a model from its training weights"
EXTRA = "train"
PRECISIONS = ("int8", "float32")  # those of nmt.graphs, which takes too long to import for a parser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        f"{HELP[0].upper()}{HELP[1:]}. Training ends with this, so it is needed only for another precision.\n"
        "With --source and --reference, 8 bits are compared with float32 on these sentences, and refused if they lose "
        "more than 0.2 points of BLEU or chrF."
    )
    parser.add_argument("--model", required=True, metavar="MODEL", help="name of an installed model, or a folder")
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the graphs")
    parser.add_argument("--source", type=Path, metavar="FILE", help="sentences for the comparison")
    parser.add_argument("--reference", type=Path, metavar="FILE", help="and their translations")
    parser.add_argument("--force", action="store_true", help="write 8-bit graphs whatever they lose")


def run(arguments: argparse.Namespace) -> int:
    if (arguments.source is None) != (arguments.reference is None):
        arguments.parser.error("--source and --reference go together")

    from nmt.corpus import read_pair_files
    from nmt.export import export

    dev = read_pair_files(arguments.source, arguments.reference) if arguments.source else None
    print(export(arguments.model, arguments.precision, dev, force=arguments.force))
    return 0
