"""Two files whose lines answer each other."""

from collections.abc import Sequence
from pathlib import Path

from nmt.commands.lines import read_lines
from nmt.errors import NmtError


def read_texts(path: Path) -> list[str]:
    """The lines of a UTF-8 file without their ends."""
    with path.open("rb") as stream:
        return [line.text for line in read_lines(stream, str(path))]


def read_aligned(paths: Sequence[Path]) -> list[list[str]]:
    """The lines of each file; line N of one belongs to line N of the others.

    Raises:
        NmtError: different numbers of lines, or none.
    """
    sides = [read_texts(path) for path in paths]
    for path, lines in zip(paths, sides, strict=True):
        if len(lines) != len(sides[0]):
            raise NmtError(
                f"{paths[0]} has {len(sides[0]):,} lines and {path} has {len(lines):,}; "
                "line N of one must be the translation of line N of the other"
            )
    if not sides[0]:
        raise NmtError(f"{paths[0]} is empty; there is nothing to score")
    return sides
