"""`nmt export`: put serving graphs into a model, or write it for another runtime."""

import argparse
from pathlib import Path

HELP = "build the serving graphs of a model from its training weights"
EXTRA = "train"
PRECISIONS = ("int8", "float32")  # those of nmt.graphs, which takes too long to import for a parser
FORMATS = ("onnx", "saved_model", "litert")  # the first, and those of nmt.deployment
WEIGHTS = ("float16", "float32")  # also of nmt.deployment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        f"{HELP[0].upper()}{HELP[1:]}. Training ends with this, so it is needed only for another precision.\n"
        "With --source and --reference, 8 bits are compared with float32 on these sentences, and refused if they lose "
        "more than 0.2 points of BLEU or chrF, and not by chance (p < 0.05).\n\n"
        "With --format saved_model (TensorFlow) or litert (phones, small devices), the network goes into a new folder "
        "instead,\nwith its tokenizers and all that a program without this package needs."
    )
    parser.add_argument("--model", required=True, metavar="MODEL", help="name of an installed model, or a folder")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of the network (default: onnx)")
    onnx = parser.add_argument_group("onnx, into the model's own folder")
    onnx.add_argument("--precision", choices=PRECISIONS, help="of the graphs (default: int8)")
    onnx.add_argument("--source", type=Path, metavar="FILE", help="sentences for the comparison")
    onnx.add_argument("--reference", type=Path, metavar="FILE", help="and their translations")
    onnx.add_argument("--force", action="store_true", help="write 8-bit graphs whatever they lose")
    others = parser.add_argument_group("saved_model and litert")
    others.add_argument("--out", type=Path, metavar="DIR", help="new folder to write (required)")
    others.add_argument(
        "--source-tokens",
        type=int,
        metavar="N",
        help="litert: longest source, in tokens (default: as the model was trained)",
    )
    others.add_argument("--weights", choices=WEIGHTS, help="litert: how the file stores them (default: float16)")


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    if arguments.format != "onnx":
        from nmt.deployment import deploy

        said = deploy(
            arguments.model,
            arguments.format,
            arguments.out,
            source_tokens=arguments.source_tokens or 0,
            weights=arguments.weights or WEIGHTS[0],
        )
        print(said)
        return 0

    from nmt.corpora.corpus import read_pair_files
    from nmt.export import export

    dev = read_pair_files(arguments.source, arguments.reference) if arguments.source else None
    print(export(arguments.model, arguments.precision or PRECISIONS[0], dev, force=arguments.force))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """End with a usage error where options do not go together."""
    error, chosen = arguments.parser.error, arguments.format
    onnx = {
        "--precision": arguments.precision is not None,
        "--source": arguments.source is not None,
        "--reference": arguments.reference is not None,
        "--force": arguments.force,
    }
    litert = {
        "--source-tokens": arguments.source_tokens is not None,
        "--weights": arguments.weights is not None,
    }
    others = {"--out": arguments.out is not None}
    for options, formats in ((onnx, FORMATS[:1]), (others, FORMATS[1:]), (litert, FORMATS[2:])):
        for option, given in options.items():
            if given and chosen not in formats:
                error(f"{option} goes with --format {' or '.join(formats)}, not with {chosen}")
    if chosen != "onnx" and arguments.out is None:
        error(f"--format {chosen} needs --out DIR")
    if arguments.source_tokens is not None and arguments.source_tokens < 2:
        error("--source-tokens must be at least 2: one of them ends the sentence")
    if (arguments.source is None) != (arguments.reference is None):
        error("--source and --reference go together")
