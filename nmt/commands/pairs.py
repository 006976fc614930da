"""Two files whose lines answer each other."""

from collections.abc import Sequence
from pathlib import Path

from nmt.corpora.files import lines
from nmt.errors import NmtError


def read_texts(path: Path) -> list[str]:
    """The lines of a UTF-8 file, which may be packed with gzip, without their ends.

    Raises:
        CorpusError: it is missing, empty, or neither.
    """
    return list(lines(path))


def read_aligned(paths: Sequence[Path]) -> list[list[str]]:
    """The lines of each file; line N of one belongs to line N of the others.

    Raises:
        NmtError: different numbers of lines.
        CorpusError: a file that is missing or empty.
    """
    sides = [read_texts(path) for path in paths]
    for path, side in zip(paths, sides, strict=True):
        if len(side) != len(sides[0]):
            raise NmtError(
                f"{paths[0]} has {len(sides[0]):,} lines and {path} has {len(side):,}; "
                "line N of one must be the translation of line N of the other"
            )
    return sides
