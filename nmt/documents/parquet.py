"""Parquet: chosen columns of text are translated; the others, the schema and its metadata stay."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from nmt.documents.parts import Job, check_finished, margins, take
from nmt.documents.table import choose_columns
from nmt.errors import DocumentError, MissingExtraError

_NUM_ROWS = 16_384  # held in memory at a time; row groups that are larger become several


def open_file(job: Job) -> "ParquetDocument":
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("Reading Parquet files", "documents") from None
    try:
        with pyarrow.parquet.ParquetFile(job.path) as file:
            schema = file.schema_arrow
    except (pyarrow.ArrowException, OSError) as error:
        raise DocumentError(f"{job.path} cannot be read as Parquet: {error}") from None
    wanted = choose_columns(job.path, schema.names, job.options.columns)
    for k in wanted:
        if not _is_text(schema.field(k).type):
            texts = ", ".join(field.name for field in schema if _is_text(field.type)) or "none"
            raise DocumentError(
                f'{job.path}: the column "{schema.names[k]}" is of type {schema.field(k).type}; these are text: {texts}'
            )
    return ParquetDocument(job, wanted)


class ParquetDocument:
    """A Parquet file, of which one batch of rows is in memory at a time."""

    def __init__(self, job: Job, wanted: frozenset[int]):
        self._path, self._wanted, self.translated_suffix = job.path, sorted(wanted), job.suffix

    def units(self) -> Iterator[str]:
        for batch in self._batches():
            for k in self._wanted:
                yield from (text for value in batch.column(k).to_pylist() if (text := margins(value or "")[1]))

    def assemble(self, translations: Iterator[str], out: BinaryIO) -> None:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(self._path) as file:
            schema, metadata = file.schema_arrow, file.metadata
        compression: str | dict[str, str] = "snappy"
        if metadata.num_row_groups and metadata.num_columns:
            columns = map(metadata.row_group(0).column, range(metadata.num_columns))
            compression = {column.path_in_schema: _codec(column.compression) for column in columns}
        with pyarrow.parquet.ParquetWriter(out, schema, compression=compression) as writer:
            for batch in self._batches():
                for k in self._wanted:
                    column = self._translated(batch.column(k), translations)
                    batch = batch.set_column(k, schema.field(k), column)
                writer.write_batch(batch)
        check_finished(translations, self._path)

    def _batches(self) -> Iterator[Any]:
        import pyarrow
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(self._path) as file:
                for group in range(file.num_row_groups):
                    yield from file.iter_batches(_NUM_ROWS, row_groups=[group])
        except (pyarrow.ArrowException, OSError) as error:
            raise DocumentError(f"{self._path} cannot be read as Parquet: {error}") from None

    def _translated(self, column: Any, translations: Iterator[str]) -> Any:
        import pyarrow

        values: list[str | None] = []
        for value in column.to_pylist():
            before, core, after = margins(value or "")
            values.append(before + take(translations, 1, self._path)[0] + after if core else value)
        if pyarrow.types.is_dictionary(column.type):
            plain = pyarrow.array(values, type=column.type.value_type)
            return plain.dictionary_encode().cast(column.type)
        return pyarrow.array(values, type=column.type)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _codec(name: str) -> str:
    return "none" if name == "UNCOMPRESSED" else name.lower()
