"""From parallel text to the files training reads: cleaned, and in parts that share no sentence."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nmt.corpora.cleaning import CleaningReport, CleaningRules, clean, keys_of, sentence_key, with_progress
from nmt.corpora.corpus import Corpus, write_pair_files
from nmt.errors import ConfigError, CorpusError

USUAL_SEED = 1
_USUAL_SIZE = 2000  # of dev and of test, unless a twentieth of the corpus is less


class Parts(NamedTuple):
    """A corpus in three; no sentence of one part, on either side, occurs in another."""

    train: Corpus
    dev: Corpus
    test: Corpus


@dataclass(frozen=True)
class PreparedCorpus:
    """Where `prepare` wrote what; `read_corpus(folder / "train", ...)` reads the train part back."""

    folder: Path
    source_language: str
    target_language: str
    num_train: int
    num_dev: int
    num_test: int
    report: CleaningReport


def split(corpus: Corpus, dev_size: int, test_size: int, seed: int, *, progress: bool = False) -> Parts:
    """Set apart `dev_size` and `test_size` pairs so that no part shares a sentence with another, on either side.

    Sentences are compared by `sentence_key`. Pairs linked by a shared sentence stay together, and large groups
    of them in train. Which part a pair goes to depends on the pairs and the seed, not on their order. Dev and test
    come out shuffled, train in the order of the corpus.

    Raises:
        ConfigError: a size below 0.
        CorpusError: the corpus is too small, or too much linked, for parts of this size.
    """
    if dev_size < 0 or test_size < 0:
        raise ConfigError(f"the sizes of dev and test must be 0 or more, not {dev_size} and {test_size}")
    if dev_size + test_size >= len(corpus):
        raise CorpusError(
            f"the corpus is too small: dev ({dev_size:,}) and test ({test_size:,}) "
            f"leave nothing of its {len(corpus):,} pairs for train; ask for smaller parts"
        )
    chosen: tuple[list[int], list[int]] = ([], [])
    for group in _shuffled_groups(corpus, seed, progress):
        for part, size in zip(chosen, (dev_size, test_size), strict=True):
            # a group fills at most a tenth of a part, for the part to stay varied
            if len(group) <= max(1, size // 10) and len(part) + len(group) <= size:
                part.extend(group)
                break
    for name, part, size in zip(("dev", "test"), chosen, (dev_size, test_size), strict=True):
        if len(part) < size:
            raise CorpusError(
                f"the corpus is too small: only {len(part):,} of {size:,} pairs for {name} share no sentence "
                f"with the rest of its {len(corpus):,} pairs; ask for smaller parts"
            )
    taken = {*chosen[0], *chosen[1]}
    rest = [number for number in range(len(corpus)) if number not in taken]
    return Parts(*(_selected(corpus, numbers) for numbers in (rest, *chosen)))


def prepare(
    corpus: Corpus,
    source_language: str,
    target_language: str,
    folder: str | Path,
    rules: CleaningRules,
    *,
    dev_size: int | None = None,
    test_size: int | None = None,
    seed: int = USUAL_SEED,
    progress: bool = False,
    held_out: Iterable[Corpus] = (),
    read_from: Sequence[str] = (),
    limit: int | None = None,
) -> PreparedCorpus:
    """Clean and split a corpus, and write `train.en`, `train.ja`, `dev.*`, `test.*` and `report.json`.

    Files appear complete or not at all, the report last. A part of size 0 has no files.

    Args:
        corpus: what `read_corpus` or `read_pair_files` gave.
        source_language: code of the language the sources are in, and ending of their files.
        target_language: the same for the targets.
        folder: where the files go; made if it is not there.
        rules: what is unusable.
        dev_size: number of pairs; None: 2,000, or a twentieth of the corpus if that is less; at least 1.
        test_size: the same for test.
        seed: another number chooses other pairs for dev and test.
        progress: draw progress bars on stderr.
        held_out: corpora, such as the dev and test parts of others, none of whose sentences may occur.
        read_from: the places of the corpus, for the report.
        limit: how many pairs were read of each place, for the report.

    Raises:
        ConfigError: a malformed language code, one language for both sides, or a size below 0.
        CorpusError: nothing is left after cleaning, too little is for the parts, or the folder cannot be written.
    """
    if source_language == target_language:
        raise ConfigError(f'source and target language are both "{source_language}"; they must differ')
    cleaned, report = clean(
        corpus, source_language, target_language, rules, progress=progress, held_out=keys_of(held_out)
    )
    if not cleaned.sources:
        reasons = ", ".join(f"{removal.reason} ({removal.count:,})" for removal in report.removals if removal.count)
        raise CorpusError(
            f"none of the {len(corpus):,} pairs is usable: {reasons}; "
            f"the sources must be in {source_language} and the targets in {target_language}"
        )
    usual_size = max(1, min(_USUAL_SIZE, len(cleaned) // 20))
    parts = split(
        cleaned,
        usual_size if dev_size is None else dev_size,
        usual_size if test_size is None else test_size,
        seed,
        progress=progress,
    )
    record = {
        "source_language": source_language,
        "target_language": target_language,
        "read_from": list(read_from),
        "limit": limit,
        **report.as_dict(),
        "rules": asdict(rules),
        "seed": seed,
        "parts": {name: len(part) for name, part in parts._asdict().items()},
    }
    _write(parts, record, source_language, target_language, Path(folder))
    return PreparedCorpus(
        Path(folder), source_language, target_language, len(parts.train), len(parts.dev), len(parts.test), report
    )


def _shuffled_groups(corpus: Corpus, seed: int, progress: bool) -> list[list[int]]:
    """Numbers of the pairs linked by shared sentences, in an order that only the seed and the sentences decide."""
    parents = list(range(len(corpus)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    first: dict[str, int] = {}
    keys: list[str] = []  # of each pair, for ordering
    pairs = zip(corpus.sources, corpus.targets, strict=True)
    for number, pair in enumerate(with_progress(pairs, len(corpus), "splitting", progress)):
        for text in pair:
            parents[root(number)] = root(first.setdefault(sentence_key(text), number))
        keys.append("\0".join(pair))
    groups: dict[int, list[int]] = {}
    for number in range(len(corpus)):
        groups.setdefault(root(number), []).append(number)
    for group in groups.values():
        group.sort(key=keys.__getitem__)
    return sorted(
        groups.values(),
        key=lambda group: hashlib.blake2b(
            f"{seed}\0{keys[group[0]]}".encode(errors="surrogatepass"), digest_size=16
        ).digest(),
    )


def _selected(corpus: Corpus, numbers: Iterable[int]) -> Corpus:
    numbers = list(numbers)
    return Corpus([corpus.sources[number] for number in numbers], [corpus.targets[number] for number in numbers])


def _write(parts: Parts, record: dict[str, Any], source_language: str, target_language: str, folder: Path) -> None:
    finished: dict[Path, Path] = {}  # partial file by the name it gets
    report = folder / "report.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in parts._asdict().items():
            files = [folder / f"{name}.{language}" for language in (source_language, target_language)]
            finished |= {file: file.with_name(f".{file.name}.partial") for file in files}
            write_pair_files(part, *(finished[file] for file in files))
        finished[report] = folder / ".report.json.partial"
        # lone surrogates among the examples become what JSON spells them as
        with open(finished[report], "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            json.dump(record, stream, ensure_ascii=False, indent=2)
            stream.write("\n")
        report.unlink(missing_ok=True)
        for file, partial in finished.items():
            if partial.stat().st_size:
                os.replace(partial, file)
            else:  # a part of size 0
                file.unlink(missing_ok=True)
    except OSError as error:
        raise CorpusError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    finally:
        for partial in finished.values():
            with contextlib.suppress(OSError):
                partial.unlink()
