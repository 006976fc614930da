"""Parallel text: pairs of sentences, read from and written to files.

Hugging Face `datasets` loads tables (.tsv, .csv, .jsonl) without touching the network and without leaving a cache
behind. Two plain files are read here: the text loader of `datasets` also ends a line at a lone carriage return,
which would shift one side against the other.
"""

import csv
import glob
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.errors import CorpusError, MissingExtraError

TABLE_SUFFIXES = (".tsv", ".csv", ".jsonl")

_BOM = "\ufeff".encode()
_LINE_BREAK = re.compile(r"\r?\n")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can spell one, UTF-8 cannot
_LANGUAGE_SUFFIX = re.compile(r"\.([a-z]{2,3}(?:-[A-Za-z0-9]+)*)(?:\.txt)?$")


@dataclass(frozen=True)
class Corpus:
    """Sentences and their translations: `targets[n]` translates `sources[n]`. No text holds a newline.

    Raises:
        CorpusError: the sides differ in length.
    """

    sources: list[str]
    targets: list[str]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise CorpusError(
                f"a corpus needs as many sources as targets, not {len(self.sources):,} and {len(self.targets):,}"
            )

    def __len__(self) -> int:
        return len(self.sources)


def read_corpus(
    place: str | Path,
    source_language: str,
    target_language: str,
    *,
    source_column: str | None = None,
    target_column: str | None = None,
) -> Corpus:
    """Read parallel text; every text comes through unchanged, "NA" and stray quotes included.

    Args:
        place: a prefix (`corpus/train` stands for `corpus/train.en` and `corpus/train.ja`), or one file:
            .tsv: the first column is the source and the second the target, unless the first row names them;
            .csv: the first row names the columns; .jsonl: one object per line, or one within its "translation".
            A line break inside a cell of .csv or .jsonl becomes a space.
        source_language: code such as "en": the ending of the source file, or the name of its column.
        target_language: the same for the target.
        source_column: name of the source column; default the language code, else "source".
        target_column: name of the target column; default the language code, else "target".

    Raises:
        CorpusError: a file that is missing, empty, not UTF-8 or not what its ending says; sides of different
            lengths; a column that is not there.
        MissingExtraError: `datasets` is not installed (tables only).
    """
    place = Path(place)
    if place.suffix not in TABLE_SUFFIXES:
        if place.is_file():
            raise CorpusError(
                f"{place} is neither a table ({', '.join(TABLE_SUFFIXES)}) nor a prefix of two files such as "
                f"{place.with_suffix('')}.{source_language} and {place.with_suffix('')}.{target_language}"
            )
        return read_pair_files(Path(f"{place}.{source_language}"), Path(f"{place}.{target_language}"))
    lines = _checked_lines(place)
    source_names = [source_column] if source_column else [source_language, "source"]
    target_names = [target_column] if target_column else [target_language, "target"]
    if place.suffix == ".jsonl":
        return _read_json_lines(place, source_names, target_names)
    if place.suffix == ".csv":
        return _read_csv(place, source_names, target_names)
    named = source_column is not None or target_column is not None
    return _read_tsv(place, lines, source_names, target_names, named)


def read_pair_files(source_file: str | Path, target_file: str | Path) -> Corpus:
    """Read two files whose lines translate each other.

    Only a newline ends a line; a carriage return before it and a byte order mark are dropped.

    Raises:
        CorpusError: a file that is missing, empty or not UTF-8, or files of different lengths.
    """
    sources, targets = _checked_lines(Path(source_file)), _checked_lines(Path(target_file))
    if len(sources) != len(targets):
        raise CorpusError(
            f"{source_file} has {len(sources):,} lines and {target_file} has {len(targets):,}; "
            "line n of one must translate line n of the other"
        )
    return Corpus(sources, targets)


def write_pair_files(corpus: Corpus, source_file: Path, target_file: Path) -> None:
    """Write one sentence per line, UTF-8, so that `read_pair_files` gives the corpus back.

    Raises:
        CorpusError: a text holds a newline, or ends in a carriage return.
    """
    for file, texts in ((source_file, corpus.sources), (target_file, corpus.targets)):
        for number, text in enumerate(texts, start=1):
            if "\n" in text or text.endswith("\r"):
                raise CorpusError(f"sentence {number} for {file} holds a line break: {text!r}")
        with open(file, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{text}\n" for text in texts)


def language_of(file: str | Path) -> str:
    """Language code that the name of a file ends in: "en" for `a.en` and for `a.en.txt`.

    Raises:
        CorpusError: the name ends in no such code.
    """
    match = _LANGUAGE_SUFFIX.search(Path(file).name)
    if match is None or f".{match[1]}" in (".txt", *TABLE_SUFFIXES):
        raise CorpusError(f"cannot tell the language of {file} from its name; end it in a code such as .en, or name it")
    return match[1]


def _checked_lines(file: Path) -> list[str]:
    try:
        content = file.read_bytes().removeprefix(_BOM)
    except FileNotFoundError:
        raise CorpusError(f"no such file: {file}") from None
    except OSError as error:
        raise CorpusError(f"cannot read {file}: {error.strerror}") from None
    if not content:
        raise CorpusError(f"{file} is empty")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{file}, line {line:,}: not UTF-8 (byte 0x{content[error.start]:02x}); convert the file to UTF-8"
        ) from None
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _read_tsv(
    file: Path, lines: Sequence[str], source_names: list[str], target_names: list[str], named: bool
) -> Corpus:
    first = lines[0].split("\t")
    pairs = list(zip(source_names, target_names, strict=False))
    header = named or any(source in first and target in first for source, target in pairs)
    if len(first) < 2:
        raise CorpusError(f"{file}: missing column: line 1 has no tab; expected source<TAB>target on every line")
    for number, line in enumerate(lines, start=1):
        num_columns = line.count("\t") + 1
        if num_columns != len(first) and line.strip():
            raise CorpusError(
                f"{file}, line {number:,}: expected {len(first)} columns as in line 1, found {num_columns}"
            )
    if header and len(lines) == 1:
        raise _no_pairs(file)
    source, target = _columns(file, first, source_names, target_names) if header else (0, 1)
    options = {"sep": "\t", "quoting": csv.QUOTE_NONE, "lineterminator": "\n", "skip_blank_lines": False}
    rows = _load_csv(file, len(first), {**options, "header": 0 if header else None})
    return _corpus(file, rows[source], rows[target])


def _read_csv(file: Path, source_names: list[str], target_names: list[str]) -> Corpus:
    with open(file, encoding="utf-8-sig", newline="") as stream:
        rows = (row for row in csv.reader(stream) if row)
        try:
            header, second = next(rows, []), next(rows, None)
        except csv.Error as error:
            raise CorpusError(f"{file} cannot be read as .csv: {error}; is a quote not closed?") from None
    source, target = _columns(file, header, source_names, target_names)
    if second is None:
        raise _no_pairs(file)
    if len(second) > len(header):  # pandas would take the surplus cells for row labels and shift the columns
        raise CorpusError(f"{file}: the first row names {len(header)} columns, but the second has {len(second)} cells")
    table = _load_csv(file, len(header), {"header": 0})
    return _corpus(file, table[source], table[target])


def _read_json_lines(file: Path, source_names: list[str], target_names: list[str]) -> Corpus:
    # the JSON loader of `datasets` rewrites texts that look like points in time, so it loads the lines as text
    with _loading(file) as (datasets, cache):
        lines = datasets.Dataset.from_text(
            glob.escape(str(file.absolute())), cache_dir=cache, keep_in_memory=True, encoding="utf-8-sig"
        )[:]["text"]
    sources: list[str] = []
    targets: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CorpusError(f"{file}, line {number:,}: not JSON: {error}") from None
        if isinstance(row, dict) and isinstance(row.get("translation"), dict):
            row = row["translation"]
        if not isinstance(row, dict):
            raise CorpusError(f"{file}, line {number:,}: expected an object such as {{...}}, not {line.strip()[:40]}")
        names = list(row)
        source, target = _columns(f"{file}, line {number:,}", names, source_names, target_names)
        for texts, name in ((sources, names[source]), (targets, names[target])):
            text = "" if row[name] is None else row[name]
            if not isinstance(text, str):
                raise CorpusError(f'{file}, line {number:,}: "{name}" must be text, not {text!r}')
            texts.append(_LONE_SURROGATE.sub("\ufffd", text))
    return _corpus(file, sources, targets)


def _columns(where: str | Path, names: list[str], source_names: list[str], target_names: list[str]) -> tuple[int, int]:
    found = []
    for wanted in (source_names, target_names):
        name = next((name for name in wanted if name in names), None)
        if name is None:
            raise CorpusError(
                f"{where}: missing column {' or '.join(wanted)}; the columns are: {', '.join(names)}; "
                "say which to take as source column and target column"
            )
        found.append(names.index(name))
    return found[0], found[1]


def _corpus(file: Path, sources: list[str], targets: list[str]) -> Corpus:
    if not sources:
        raise _no_pairs(file)
    return Corpus(*([_LINE_BREAK.sub(" ", text.removesuffix("\r")) for text in side] for side in (sources, targets)))


def _no_pairs(file: Path) -> CorpusError:
    return CorpusError(f"{file} is empty: it holds no pairs")


def _load_csv(file: Path, num_columns: int, options: dict[str, Any]) -> list[list[str]]:
    """Columns of the table as text; `options` are those of `pandas.read_csv`."""
    names = [f"column {n}" for n in range(num_columns)]
    with _loading(file) as (datasets, cache):
        table = datasets.Dataset.from_csv(
            glob.escape(str(file.absolute())),
            features=datasets.Features({name: datasets.Value("string") for name in names}),
            cache_dir=cache,
            keep_in_memory=True,
            names=names,
            encoding="utf-8-sig",
            keep_default_na=False,
            na_filter=False,
            **options,
        )[:]
    return [table[name] for name in names]


@contextmanager
def _loading(file: Path) -> Iterator[tuple[Any, str]]:
    """`datasets`, silent for as long as it lasts, with a cache folder that is gone afterwards."""
    try:
        import datasets
    except ImportError:
        raise MissingExtraError("Reading corpora", "train") from None
    verbosity, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        with tempfile.TemporaryDirectory(prefix="nmt-corpus-") as cache:
            yield datasets, cache
    except datasets.exceptions.DatasetGenerationError as error:
        reason = str(error.__cause__ or error).strip().removeprefix("Error tokenizing data. C error: ")
        raise CorpusError(f"{file} cannot be read as {file.suffix}: {reason}") from None
    finally:
        datasets.logging.set_verbosity(verbosity)
        if not bars:
            datasets.enable_progress_bars()
