"""The two columns of a table that hold the pairs, and what is done to a cell to make it a sentence."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.errors import CorpusError

_LINE_BREAK = re.compile(r"\r?\n")


@dataclass(frozen=True)
class Wanted:
    """The names that the columns of the pairs may have, the better ones first; `said` where the user named one."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    said: bool = False

    @classmethod
    def of(
        cls,
        source_language: str,
        target_language: str,
        source_column: str | None = None,
        target_column: str | None = None,
    ) -> "Wanted":
        """A column that the user named, else the one called by the language code, else "source" or "target"."""
        return cls(
            (source_column,) if source_column else (source_language, "source"),
            (target_column,) if target_column else (target_language, "target"),
            source_column is not None or target_column is not None,
        )

    def are_in(self, names: Sequence[str]) -> bool:
        """Whether both columns are among these, called in the same way."""
        pairs = zip(self.sources, self.targets, strict=False)
        return any(source in names and target in names for source, target in pairs)

    def find(self, where: str | Path, names: Sequence[str]) -> tuple[int, int]:
        """The places of both columns.

        Raises:
            CorpusError: one is not there.
        """
        return self._find(where, names, self.sources), self._find(where, names, self.targets)

    def _find(self, where: str | Path, names: Sequence[str], wanted: tuple[str, ...]) -> int:
        for name in wanted:
            if name in names:
                return list(names).index(name)
        remedy = (
            "say which to take as source column and target column"
            if self.said
            else f"the first line must name them: {self.sources[0]} and {self.targets[0]}"
        )
        if len(names) == 1 and ";" in names[0]:
            remedy = "it seems to be separated by semicolons: save it with commas, or with tabs as .tsv"
        raise CorpusError(
            f"{where}: missing column {' or '.join(wanted)}; the columns are: {', '.join(names)}; {remedy}"
        )


def sentences(cells: Iterable[str | None]) -> list[str]:
    """Cells as sentences: a line break within one becomes a space, a missing one an empty sentence."""
    return [_LINE_BREAK.sub(" ", (cell or "").removesuffix("\r")) for cell in cells]


def no_pairs(where: str | Path) -> CorpusError:
    return CorpusError(f"{where} is empty: it holds no pairs")
