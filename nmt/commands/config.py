"""`nmt config`: a recipe to start from."""

import argparse
import sys

HELP = "print a recipe with every option explained"
EXTRA = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print a recipe to start from: every option with its default, its meaning and its useful range.\n\n"
        "  nmt config > my-model.toml"
    )
    parser.add_argument("--full", action="store_true", help="also the options that are seldom worth changing")


def run(arguments: argparse.Namespace) -> int:
    from nmt.recipe import recipe_text

    sys.stdout.write(recipe_text(arguments.full))
    return 0
