"""CSV and TSV: chosen columns are translated, and every other byte stays."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nmt.documents.files import TextFile
from nmt.documents.parts import Job, Part, TextDocument, one_line, slot
from nmt.errors import DocumentError

_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_END = re.compile(r"[\r\n]+$")


def open_file(job: Job) -> TextDocument:
    file = TextFile(job.path)
    delimiter = "\t" if job.format == "tsv" else _find_delimiter(file)
    header = next(_records(file, delimiter), None)
    if header is None:
        return TextDocument(file, job.suffix, lambda: ())
    names = [_value(cell).strip() for cell in header[0]]
    wanted = choose_columns(job.path, names, job.options.columns)
    return TextDocument(file, job.suffix, lambda: _parts(file, delimiter, wanted, len(names)))


def choose_columns(path: Path, names: Sequence[str], columns: tuple[str, ...]) -> frozenset[int]:
    """The positions of `columns` among the names of a table's columns.

    Raises:
        DocumentError: there is no such column, or none was asked for.
    """
    known = ", ".join(names)
    if not columns:
        raise DocumentError(f"{path}: which columns are to be translated? Name them; there are: {known}")
    for column in columns:
        if column not in names:
            raise DocumentError(f'{path} has no column "{column}"; its columns are: {known}')
    return frozenset(k for k, name in enumerate(names) if name in columns)


def _parts(file: TextFile, delimiter: str, wanted: frozenset[int], width: int) -> Iterator[Part]:
    for number, (cells, end) in enumerate(_records(file, delimiter)):
        if any(cell.strip() for cell in cells[width:]):
            # Most often a text that holds the delimiter: half of it would be translated, the rest left as it is.
            advice = (
                "take tabs out of the texts" if delimiter == "\t" else f'put texts with "{delimiter}" in quotes ("")'
            )
            raise DocumentError(
                f"{file.path}, row {number + 1} has {len(cells)} cells, and the first row names {width}; {advice}"
            )
        for k, cell in enumerate(cells):
            if k:
                yield delimiter
            yield _cell(cell, delimiter) if number and k in wanted else cell
        yield end


def _cell(raw: str, delimiter: str) -> Part:
    def write(new: str) -> str:
        if delimiter == "\t":
            new = one_line(new).replace("\t", " ")
        special = delimiter in new or "\n" in new or "\r" in new or new.startswith('"')
        if _QUOTED.fullmatch(raw) or (delimiter != "\t" and (special or ('"' in new and '"' not in raw))):
            new = '"' + new.replace('"', '""') + '"'
        return new

    return slot(_value(raw), raw, write)


def _value(cell: str) -> str:
    quoted = _QUOTED.fullmatch(cell)
    return quoted[1].replace('""', '"') if quoted else cell


def _find_delimiter(file: TextFile) -> str:
    """That which cuts the first record into the most cells; the comma of those that are level."""

    def num_cells(delimiter: str) -> int:
        record = next(_records(file, delimiter), None)
        return len(record[0]) if record else 0

    return max(_DELIMITERS, key=num_cells)


def _records(file: TextFile, delimiter: str) -> Iterator[tuple[list[str], str]]:
    """The cells of each record as they are written, and the end of its line.

    A cell in quotes can hold line breaks in CSV. Not so in TSV, where texts that begin with a quote are common and
    quoting is not: there a cell is quoted where it is so from end to end.
    """
    lines = enumerate(file.lines(), start=1)
    rest = re.compile(f"[^{re.escape(delimiter)}\r\n]*")
    for number, line in lines:
        if delimiter == "\t":
            end = _END.search(line)
            body = line[: end.start()] if end else line
            yield body.split("\t"), line[len(body) :]
            continue
        cells: list[str] = []
        start = 0
        while True:
            at = start
            if line.startswith('"', start):
                at = _closing_quote(line, start + 1)
                parts, length = [line], len(line)  # joined once: a quote that is never closed takes all of the file
                while at < 0:
                    more = next(lines, None)
                    if more is None:
                        raise DocumentError(
                            f'{file.path}, line {number}: a quote (") that begins a cell is never closed; close it,'
                            " or put the cell in quotes and write each quote of its text twice"
                        )
                    at = _closing_quote(more[1], 0)
                    at = at if at < 0 else length + at
                    parts.append(more[1])
                    length += len(more[1])
                line = "".join(parts)
                at += 1
            match = rest.match(line, at)
            at = match.end() if match else at
            cells.append(line[start:at])
            if not line.startswith(delimiter, at):
                break
            start = at + 1
        yield cells, line[at:]


def _closing_quote(line: str, start: int) -> int:
    """Where the quote is that ends the cell; -1 where there is none. A pair of quotes is a quote of the text."""
    while True:
        at = line.find('"', start)
        if at < 0 or line[at + 1 : at + 2] != '"':
            return at
        start = at + 2
