"""Tables in text files: .tsv, .csv, and .jsonl, each plain or as .gz."""

import csv
import glob
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nmt.corpora.columns import Wanted, no_pairs, sentences
from nmt.corpora.files import CHUNK, Chunk, lines, suffix_of, unpacked
from nmt.corpora.loading import loading
from nmt.errors import CorpusError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can spell one, UTF-8 cannot


def table_chunks(file: Path, wanted: Wanted) -> Iterator[Chunk]:
    """The pairs of a table.

    Raises:
        CorpusError: the file is missing, empty, not UTF-8 or not what its ending says, or a column is not there.
        MissingExtraError: `datasets` is not installed.
    """
    if not file.exists():
        raise CorpusError(f"no such file: {file}")
    chunks = {".tsv": _tsv_chunks, ".csv": _csv_chunks, ".jsonl": _json_chunks}[suffix_of(file)]
    with loading(file) as (datasets, folder):
        yield from chunks(file, unpacked(file, folder), wanted, datasets, folder)


def _tsv_chunks(file: Path, plain: Path, wanted: Wanted, datasets: Any, folder: Path) -> Iterator[Chunk]:
    first, num_lines = _check_tsv(file)
    header = wanted.said or wanted.are_in(first)
    if header and num_lines == 1:
        raise no_pairs(file)
    columns = wanted.find(file, first) if header else (0, 1)
    options = {"sep": "\t", "quoting": csv.QUOTE_NONE, "lineterminator": "\n", "skip_blank_lines": False}
    yield from _csv_rows(plain, len(first), columns, {**options, "header": 0 if header else None}, datasets, folder)


def _check_tsv(file: Path) -> tuple[list[str], int]:
    """The cells of the first line, and the number of lines, all of as many cells."""
    first: list[str] = []
    number = 0
    for number, line in enumerate(lines(file), start=1):
        if number == 1:
            first = line.split("\t")
            if len(first) < 2:
                raise CorpusError(
                    f"{file}: missing column: line 1 has no tab; expected source<TAB>target on every line"
                )
        num_columns = line.count("\t") + 1
        if num_columns != len(first) and line.strip():
            raise CorpusError(
                f"{file}, line {number:,}: expected {len(first)} columns as in line 1, found {num_columns}"
            )
    return first, number


def _csv_chunks(file: Path, plain: Path, wanted: Wanted, datasets: Any, folder: Path) -> Iterator[Chunk]:
    for _ in lines(file):  # for its errors, which name the line
        pass
    with open(plain, encoding="utf-8-sig", newline="") as stream:
        rows = (row for row in csv.reader(stream) if row)
        try:
            header, second = next(rows, []), next(rows, None)
        except csv.Error as error:
            raise CorpusError(f"{file} cannot be read as .csv: {error}; is a quote not closed?") from None
    columns = wanted.find(file, header)
    if second is None:
        raise no_pairs(file)
    if len(second) > len(header):  # pandas would take the surplus cells for row labels and shift the columns
        raise CorpusError(f"{file}: the first row names {len(header)} columns, but the second has {len(second)} cells")
    yield from _csv_rows(plain, len(header), columns, {"header": 0}, datasets, folder)


def _csv_rows(
    plain: Path, num_columns: int, columns: tuple[int, int], options: dict[str, Any], datasets: Any, folder: Path
) -> Iterator[Chunk]:
    """Two columns of the table, as text; `options` are those of `pandas.read_csv`."""
    names = [f"column {n}" for n in range(num_columns)]
    table = datasets.Dataset.from_csv(
        glob.escape(str(plain.absolute())),
        features=datasets.Features({name: datasets.Value("string") for name in names}),
        cache_dir=str(folder),
        names=names,
        encoding="utf-8-sig",
        keep_default_na=False,
        na_filter=False,
        **options,
    )
    for rows in table.iter(CHUNK):
        yield sentences(rows[names[columns[0]]]), sentences(rows[names[columns[1]]])


def _json_chunks(file: Path, plain: Path, wanted: Wanted, datasets: Any, folder: Path) -> Iterator[Chunk]:
    for _ in lines(file):
        pass
    # the JSON loader of `datasets` rewrites texts that look like points in time, so it loads the lines as text
    table = datasets.Dataset.from_text(glob.escape(str(plain.absolute())), cache_dir=str(folder), encoding="utf-8-sig")
    number, found = 0, False
    for rows in table.iter(CHUNK):
        sources: list[str] = []
        targets: list[str] = []
        for line in rows["text"]:
            number += 1
            if line.strip():
                source, target = _json_pair(f"{file}, line {number:,}", line, wanted)
                sources.append(source)
                targets.append(target)
        found = found or bool(sources)
        yield sentences(sources), sentences(targets)
    if not found:
        raise no_pairs(file)


def _json_pair(where: str, line: str, wanted: Wanted) -> tuple[str, str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where}: not JSON: {error}") from None
    if isinstance(row, dict) and isinstance(row.get("translation"), dict):
        row = row["translation"]
    if not isinstance(row, dict):
        raise CorpusError(f"{where}: expected an object such as {{...}}, not {line.strip()[:40]}")
    names = list(row)
    source, target = (_json_text(where, names[k], row[names[k]]) for k in wanted.find(where, names))
    return source, target


def _json_text(where: str, name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CorpusError(f'{where}: "{name}" must be text, not {value!r}')
    return _LONE_SURROGATE.sub("\ufffd", value)
