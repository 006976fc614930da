"""Tables in columns: Parquet files, and what `datasets` loads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nmt.corpora.columns import Wanted, no_pairs, sentences
from nmt.corpora.files import CHUNK, Chunk
from nmt.corpora.loading import load_library
from nmt.errors import CorpusError

NESTED = "translation"  # the column that holds one field per language, where there is one


def parquet_chunks(file: Path, wanted: Wanted) -> Iterator[Chunk]:
    """The pairs of a Parquet file, which is read as it lies.

    Raises:
        CorpusError: the file is missing, not Parquet or without pairs, or a column is not there or not text.
        MissingExtraError: `datasets`, which brings what reads Parquet, is not installed.
    """
    load_library()
    import pyarrow
    import pyarrow.parquet

    if not file.exists():
        raise CorpusError(f"no such file: {file}")
    try:
        with pyarrow.parquet.ParquetFile(file) as opened:
            fields = _fields(file, opened.schema_arrow, wanted)
            columns = [".".join(path) for path in fields]
            batches = opened.iter_batches(CHUNK, columns=columns)
            yield from _chunks(file, (pyarrow.Table.from_batches([batch]) for batch in batches), fields)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{file} cannot be read as Parquet: {error}") from None


def dataset_chunks(where: str, dataset: Any, wanted: Wanted) -> Iterator[Chunk]:
    """The pairs of a `datasets.Dataset`.

    Raises:
        CorpusError: it holds no pairs, or a column is not there or not text in UTF-8.
    """
    fields = _fields(where, dataset.features.arrow_schema, wanted)
    columns = list(dict.fromkeys(path[0] for path in fields))
    try:
        yield from _chunks(where, dataset.select_columns(columns).with_format("arrow").iter(CHUNK), fields)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{where} has text that is not UTF-8: {error}") from None


def parquet_columns(file: Path) -> list[str]:
    """The names of the columns that may hold sentences; none where it cannot be told."""
    load_library()
    import pyarrow
    import pyarrow.parquet

    try:
        return list(_paths(pyarrow.parquet.read_schema(file)))
    except (pyarrow.ArrowException, OSError):
        return []


def _paths(schema: Any) -> dict[str, tuple[str, ...]]:
    """Where each column is found, by its name; those within `translation` first."""
    from pyarrow import types

    paths: dict[str, tuple[str, ...]] = {}
    if NESTED in schema.names and types.is_struct(schema.field(NESTED).type):
        paths = {field.name: (NESTED, field.name) for field in schema.field(NESTED).type}
    for name in schema.names:
        if name != NESTED or not paths:
            paths.setdefault(name, (name,))
    return paths


def _fields(where: str | Path, schema: Any, wanted: Wanted) -> tuple[tuple[str, ...], tuple[str, ...]]:
    paths = _paths(schema)
    names = list(paths)
    source, target = (paths[names[k]] for k in wanted.find(where, names))
    for path in (source, target):
        kind = schema.field(path[0]).type
        kind = kind.field(path[1]).type if len(path) > 1 else kind
        if not _is_text(kind):
            raise CorpusError(f'{where}: the column "{".".join(path)}" must be text; it is of type {kind}')
    return source, target


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind)


def _chunks(
    where: str | Path, tables: Iterator[Any], fields: tuple[tuple[str, ...], tuple[str, ...]]
) -> Iterator[Chunk]:
    found = False
    for table in tables:
        found = found or table.num_rows > 0
        yield _texts(table, fields[0]), _texts(table, fields[1])
    if not found:
        raise no_pairs(where)


def _texts(table: Any, path: tuple[str, ...]) -> list[str]:
    import pyarrow.compute

    column = table[path[0]]
    if len(path) > 1:
        column = pyarrow.compute.struct_field(column, path[1])
    return sentences(column.to_pylist())
