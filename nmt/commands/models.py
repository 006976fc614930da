"""`nmt models`: what is installed."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmt.bundle import BundleInfo

HELP = "list the installed models: pair, size, scores, licence"
EXTRA = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = HELP[0].upper() + HELP[1:] + "."


def run(arguments: argparse.Namespace) -> int:
    from nmt.bundle import installed

    bundles = installed()
    if not bundles:
        print("No models are installed. Train one with nmt train, and use it by its folder.")
        return 0
    rows = [("MODEL", "PAIR", "SIZE", "SCORES", "LICENCE"), *(_row(bundle) for bundle in bundles)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _row(info: "BundleInfo") -> tuple[str, ...]:
    pair = f"{info.source_language}→{info.target_language}"
    scores = ", ".join(f"{name} {value:.1f}" for name, value in info.scores.items())
    return info.name, pair, f"{info.size_bytes / 1e6:.1f} MB", scores or "-", info.licence or "-"
