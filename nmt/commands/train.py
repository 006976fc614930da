"""`nmt train`: from a recipe to a model."""

import argparse
from pathlib import Path

HELP = "train the model that a recipe describes; a stopped run continues"
EXTRA = "train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Train the model that a recipe describes. The same command continues a run that was stopped."
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a TOML file, such as data/recipes/en-ja.toml")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the run (default: the recipe's)")


def run(arguments: argparse.Namespace) -> int:
    from nmt.training.trainer import train

    folder = train(arguments.recipe, output=arguments.output)
    print(f"The model is in {folder}")
    return 0
