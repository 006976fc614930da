"""What a place tells about the languages of its pairs: by the names of its columns, or by its own name."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from nmt.corpora.corpus import TABLE_SUFFIXES
from nmt.corpora.files import suffix_of
from nmt.corpora.hub import HubPlace, is_hub_place
from nmt.corpora.tmx import SUFFIX as TMX
from nmt.corpora.tmx import tmx_languages
from nmt.languages import LANGUAGES

_PAIR = re.compile(r"(?:^|[._/-])(?=([a-z]{2,3})-([a-z]{2,3})(?:[._/:-]|$))")


def languages_told(place: str) -> tuple[str, str] | None:
    """The codes of source and target, as far as the place tells; None where it does not.

    Args:
        place: a table, a prefix or a data set, as `nmt.corpora.corpus.read_corpus` takes them.

    Raises:
        CorpusError: it is on the hub and not spelled as `nmt.corpora.hub.HubPlace` says.
        OSError: a table cannot be read.
    """
    if is_hub_place(place):
        named = HubPlace.parse(place)
        return _pair_in(named.config or "") or _pair_in(named.name.partition("/")[2])
    path = Path(place)
    return _pair_among(_column_names(path)) or _pair_in(path.name) or _pair_of_folder(path)


def has_named_columns(place: str) -> bool:
    """Whether the order of the languages does not matter, as columns or endings name them."""
    return (
        is_hub_place(place) or suffix_of(Path(place)) != ".tsv" or _pair_among(_column_names(Path(place))) is not None
    )


def _pair_in(name: str) -> tuple[str, str] | None:
    pairs = [(match[1], match[2]) for match in _PAIR.finditer(name)]
    known = [sum(code in LANGUAGES for code in pair) for pair in pairs]
    if not any(known):  # "my-set" names no languages
        return None
    return max(zip(known, pairs, strict=True), key=lambda one: one[0])[1]


def _pair_of_folder(path: Path) -> tuple[str, str] | None:
    """A prefix is often no more than "train" or "dev", in a folder that has the name of the pair."""
    pair = None if suffix_of(path) in TABLE_SUFFIXES else _pair_in(path.parent.name)
    return pair if pair and all(code in LANGUAGES for code in pair) else None


def _pair_among(names: Sequence[str]) -> tuple[str, str] | None:
    known = [name for name in names if name in LANGUAGES]
    if len(known) > 2 and "id" in known:
        known.remove("id")  # an identifier, then, and not Indonesian
    return (known[0], known[1]) if len(known) == 2 else None


def _column_names(table: Path) -> list[str]:
    """The column names of a table, as far as they can be told; reading it properly comes later, with its errors."""
    suffix = suffix_of(table)
    if suffix == ".parquet":
        from nmt.corpora.arrow import parquet_columns

        return parquet_columns(table)
    if suffix == TMX:
        return tmx_languages(table)
    if suffix not in (".tsv", ".csv", ".jsonl"):
        return []
    line = _first_line(table)
    if suffix == ".jsonl":
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return []
        row = row.get("translation", row) if isinstance(row, dict) else row
        return list(row) if isinstance(row, dict) else []
    try:
        return next(csv.reader([line], delimiter="\t" if suffix == ".tsv" else ","), [])
    except csv.Error:
        return []


def _first_line(table: Path) -> str:
    if table.suffix != ".gz":
        with table.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            return stream.readline()
    try:
        with gzip.open(table, "rt", encoding="utf-8-sig", errors="replace", newline="") as packed:
            return packed.readline()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return ""
