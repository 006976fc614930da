"""Parallel text: pairs of sentences, read from and written to files.

Tables (.tsv, .csv, .jsonl, .parquet) and data sets of the Hugging Face hub come through `datasets`; local files without
touching the network and without leaving a cache behind. Two plain files are read here: the text loader of `datasets`
also ends a line at a lone carriage return, which would shift one side against the other.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.corpora.columns import Wanted
from nmt.corpora.files import Chunk, existing, pair_chunks, suffix_of
from nmt.corpora.tmx import SUFFIX as TMX
from nmt.corpora.tmx import tmx_chunks
from nmt.errors import ConfigError, CorpusError

TABLE_SUFFIXES = (".tsv", ".csv", ".jsonl", ".parquet", TMX)

_PART_OF_FOLDER = re.compile(r"(.+):([^/:\[\]]+(?:\[[^/\[\]]*\])?)")  # data/set:train, data/set:train[:1000]
_LANGUAGE_SUFFIX = re.compile(r"\.([a-z]{2,3}(?:-[A-Za-z0-9]+)*)(?:\.txt)?(?:\.gz)?$")


@dataclass(frozen=True)
class Corpus:
    """Sentences and their translations: `targets[n]` translates `sources[n]`. No text holds a newline.

    Raises:
        CorpusError: the sides differ in length.
    """

    sources: Sequence[str]
    targets: Sequence[str]

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
    limit: int | None = None,
    progress: bool = False,
) -> Corpus:
    """Read parallel text; every text comes through unchanged, "NA" and stray quotes included.

    Args:
        place: a prefix (`corpus/train` stands for `corpus/train.en` and `corpus/train.ja`), or one file:
            .tsv: the first column is the source and the second the target, unless the first row names them;
            .csv: the first row names the columns; .jsonl: one object per line, or one within its "translation";
            .parquet: a column per language, or fields of a column "translation"; .tmx: a translation memory.
            Every text file may be compressed, with .gz at the end of its name.
            A line break inside a cell of .csv, .jsonl or .parquet becomes a space.
            Or a data set of the Hugging Face hub, `hf:OWNER/NAME/CONFIG:SPLIT`, or a folder that holds one; the split
            is "train" where none is named (`folder:validation` names one).
        source_language: code such as "en": the ending of the source file, or the name of its column.
        target_language: the same for the target.
        source_column: name of the source column; default the language code, else "source".
        target_column: name of the target column; default the language code, else "target".
        limit: read no more pairs than that; None: all.
        progress: show the bars of a download on stderr.

    Raises:
        CorpusError: a file that is missing, empty, not UTF-8 or not what its ending says; sides of different
            lengths; a column that is not there; a data set that cannot be had.
        ConfigError: a limit below 1.
        MissingExtraError: `datasets` is not installed (it is not needed for two files).
    """
    wanted = Wanted.of(source_language, target_language, source_column, target_column)
    return _read(corpus_chunks(place, source_language, target_language, wanted, progress=progress), limit)


def corpus_chunks(
    place: str | Path, source_language: str, target_language: str, wanted: Wanted, *, progress: bool = False
) -> Iterator[Chunk]:
    """The pairs that `read_corpus` reads, some thousands at a time, for corpora that do not fit into memory.

    Raises: what `read_corpus` raises, when it comes to it.
    """
    if str(place).startswith("hf:"):
        from nmt.corpora.hub import hub_chunks

        return hub_chunks(str(place), wanted, progress=progress)
    place = Path(place)
    suffix = suffix_of(place)
    if suffix == ".parquet":
        from nmt.corpora.arrow import parquet_chunks

        return parquet_chunks(place, wanted)
    if suffix == TMX:
        return tmx_chunks(place, wanted)
    if suffix in TABLE_SUFFIXES:
        from nmt.corpora.tables import table_chunks

        return table_chunks(place, wanted)
    sides = [existing(Path(f"{place}.{language}")) for language in (source_language, target_language)]
    if not sides[0].exists():
        part = _PART_OF_FOLDER.fullmatch(str(place))
        if place.is_dir():
            return _folder_chunks(place, None, source_language, wanted)
        if part and Path(part[1]).is_dir():
            return _folder_chunks(Path(part[1]), part[2], source_language, wanted)
        if place.is_file():
            raise CorpusError(
                f"{place} is neither a table ({', '.join(TABLE_SUFFIXES)}) nor a prefix of two files such as "
                f"{place.with_suffix('')}.{source_language} and {place.with_suffix('')}.{target_language}"
            )
    return pair_chunks(*sides)


def located(place: str, base: Path) -> str:
    """A place that a file in the folder `base` names: relative to that folder, unless it is on the hub."""
    return place if place.startswith("hf:") else str(base / place)


def read_pair_files(source_file: str | Path, target_file: str | Path, *, limit: int | None = None) -> Corpus:
    """Read two files whose lines translate each other; compressed if their names end in .gz.

    Only a newline ends a line; a carriage return before it and a byte order mark are dropped.

    Args:
        source_file, target_file: the files.
        limit: read no more pairs than that; None: all.

    Raises:
        CorpusError: a file that is missing, empty or not UTF-8, or files of different lengths.
        ConfigError: a limit below 1.
    """
    return _read(pair_chunks(Path(source_file), Path(target_file)), limit)


def joined(corpora: Iterable[Corpus]) -> Corpus:
    """The pairs of all, one corpus behind the other."""
    sources: list[str] = []
    targets: list[str] = []
    for corpus in corpora:
        sources += corpus.sources
        targets += corpus.targets
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
    """Language code that the name of a file ends in: "en" for `a.en`, `a.en.txt` and `a.en.gz`.

    Raises:
        CorpusError: the name ends in no such code.
    """
    match = _LANGUAGE_SUFFIX.search(Path(file).name)
    if match is None or f".{match[1]}" in (".txt", ".gz", *TABLE_SUFFIXES):
        raise CorpusError(f"cannot tell the language of {file} from its name; end it in a code such as .en, or name it")
    return match[1]


def _read(chunks: Iterator[Chunk], limit: int | None) -> Corpus:
    if limit is not None and limit < 1:
        raise ConfigError(f"the limit must be at least 1 pair, not {limit}")
    return joined(Corpus(*chunk) for chunk in (chunks if limit is None else _first(chunks, limit)))


def _first(chunks: Iterator[Chunk], limit: int) -> Iterator[Chunk]:
    """Chunks as far as they hold the first `limit` pairs; no more is read."""
    for sources, targets in chunks:
        yield sources[:limit], targets[:limit]
        limit -= len(sources)
        if limit <= 0:
            return


def _folder_chunks(folder: Path, split: str | None, source_language: str, wanted: Wanted) -> Iterator[Chunk]:
    from nmt.corpora.hub import USUAL_SPLIT, folder_chunks

    split = split or USUAL_SPLIT
    if existing(folder / f"{split}.{source_language}").is_file():
        raise CorpusError(f"{folder} is a folder; name a part of it: {folder / split}")
    return folder_chunks(folder, split, wanted)
