"""Whole files: translated chunk by chunk, journalled on the way, and written when complete.

A job that is killed, at any moment and in any way, continues where it was when it is started again with the same files
and settings, and its outputs are those of an undisturbed run, byte for byte.
"""

import contextlib
import dataclasses
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.config import SearchConfig, TranslationOptions
from nmt.documents import DocumentOptions
from nmt.errors import DocumentError, NmtError
from nmt.jobs.chunks import Chunk, Part, cut
from nmt.jobs.inputs import Input, check_input, explain, name_outputs, sha256_of
from nmt.jobs.journal import Journal, Result, complete_file, is_stream, journal_path, real
from nmt.jobs.records import count, write_records
from nmt.jobs.workers import InProcess, Workers, identity_of, translate_chunks

if TYPE_CHECKING:
    from nmt.translator import Translator

_WHAT = {
    "input": "the file",
    "options": "what is to be translated of it",
    "model": "the model",
    "search": "the search settings",
    "translation": "what is to be kept",
}


@dataclass(frozen=True)
class FileReport:
    """What became of one file."""

    source: Path
    target: Path
    num_texts: int = 0
    num_words: int = 0
    num_problems: int = 0  # sentences that fail a check
    error: str = ""  # why there is no output; empty where there is


@dataclass(frozen=True)
class JobReport:
    """What became of the files of a job, in order."""

    files: tuple[FileReport, ...]
    seconds: float


@dataclass(frozen=True)
class Progress:
    """How far a job is; words as `nmt.jobs.chunks.count_words` counts them."""

    num_words: int
    total_words: int
    words_per_second: float  # in this run; 0.0 before there is anything to tell
    seconds_left: float  # likewise

    @classmethod
    def since(cls, start: float, num_words: int, total_words: int, num_known: int) -> "Progress":
        """Where `num_known` of the words were there before `start`, by `time.perf_counter`."""
        rate = (num_words - num_known) / max(time.perf_counter() - start, 1e-9)
        return cls(num_words, total_words, rate, (total_words - num_words) / rate if rate else 0.0)


def translate_file(
    path: Path,
    translator: "Translator",
    out: Path | None = None,
    *,
    search: SearchConfig | None = None,
    options: DocumentOptions | None = None,
    translation: TranslationOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> FileReport:
    """Translate a file, keeping all but its words; what was done of it by an interrupted call is not done again.

    Args:
        path: in any format of `nmt.documents.FORMATS`.
        translator: does it.
        out: where to write, a file or a folder; beside `path` where None, as novel.ja.txt for novel.txt.
        search: how to search; the model's own setting where None.
        options: which parts of the file are translated.
        translation: what a translation must keep, such as a glossary.
        progress: called after every chunk.

    Raises:
        NmtError: it cannot be read or written; the message says why.
        OSError: likewise.
    """
    languages = (translator.info.source_language, translator.info.target_language)
    source = check_input(path, options or DocumentOptions(), *languages)
    (pair,) = name_outputs([source], out, out is not None and out.is_dir())
    identity = identity_of(translator, search, translation)
    with contextlib.closing(InProcess(translator, search, translation, is_ahead=True)) as workers:
        (report,) = translate_files([pair], workers, identity, progress=progress).files
    if report.error:
        raise NmtError(report.error)
    return report


def translate_files(
    files: Sequence[tuple[Input, Path]],
    workers: Workers,
    identity: Mapping[str, Any],
    *,
    problems: Path | None = None,
    scores: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> JobReport:
    """Translate files into others; one that fails does not keep the rest from being done.

    Args:
        files: what is read, and what is written.
        workers: do it; they are not closed.
        identity: what a translation depends on besides the files, see `ModelSettings.identity`.
        problems: where to write a record of each sentence that fails a check, as JSON lines.
        scores: where to write the score of each text, as JSON lines.
        progress: called after every chunk.
        tell: takes a line about something that happened.

    Raises:
        NmtError, OSError: nothing further can be written, or the workers failed. What is done is kept.
    """
    for path in (problems, scores):
        if path is not None and not path.parent.is_dir():
            raise DocumentError(f"cannot write {path}: there is no folder {path.parent}; make it, or name another file")
    with tempfile.TemporaryDirectory(prefix="nmt-") as temporary:
        job = _Job(files, workers, tell or (lambda _: None))
        job.open_journals(identity, Path(temporary))
        job.translate(progress or (lambda _: None))
        job.write_records(problems, scores)
        return job.end()


class _Job:
    """One run of a job, from the journals that are there to the outputs."""

    def __init__(self, files: Sequence[tuple[Input, Path]], workers: Workers, tell: Callable[[str], None]):
        self._files, self._workers, self._tell = files, workers, tell
        self._reports = [FileReport(one.path, target, one.num_texts, one.num_words) for one, target in files]
        self._journals: list[Journal] = []
        self._start = time.perf_counter()

    def open_journals(self, identity: Mapping[str, Any], temporary: Path) -> None:
        for number, (source, target) in enumerate(self._files):
            # A pipe has no place beside it, and what went through it is gone.
            path = temporary / str(number) if is_stream(target) else journal_path(real(target))
            header = {"input": source.sha256, "options": dataclasses.asdict(source.options), **identity}
            journal = Journal(path, json.loads(json.dumps(header)))
            self._journals.append(journal)
            if journal.other:
                what = " and ".join(_WHAT.get(name, "this program") for name in journal.other)
                self._tell(f"{source.path}: starting over, since {what} changed after the job was interrupted")
            elif journal.count:
                done = f"{journal.count:,} of {source.num_texts:,} texts are done"
                self._tell(f"{source.path}: continuing an interrupted job; {done}")

    def translate(self, progress: Callable[[Progress], None]) -> None:
        """All files, chunk by chunk; each is written when its last text is translated."""
        stored = [journal.results() for journal in self._journals]
        counts = [journal.count for journal in self._journals]

        def known(chunk: Chunk) -> list[Result] | None:
            if any(part.first + part.count > counts[part.file] for part in chunk.parts):
                return None
            return [result for part in chunk.parts for result in itertools.islice(stored[part.file], part.count)]

        total, done, done_before = sum(report.num_words for report in self._reports), 0, 0
        chunks = cut((number, self._texts(number)) for number in range(len(self._files)))
        for chunk, results, was_known in translate_chunks(chunks, self._workers, known):
            place = 0
            for part in chunk.parts:
                self._keep(part, results[place : place + part.count])
                place, done = place + part.count, done + part.num_words
            done_before = done if was_known else done_before
            progress(Progress.since(self._start, done, total, done_before))
            for number in chunk.ended:
                stored[number].close()
                self._finish(number)

    def write_records(self, problems: Path | None, scores: Path | None) -> None:
        """The report and the scores, of the files that are done."""
        if problems is None and scores is None:
            return
        with contextlib.ExitStack() as stack:
            streams = [
                path if path is None else stack.enter_context(complete_file(path)) for path in (problems, scores)
            ]
            for (source, _), journal, report in zip(self._files, self._journals, self._reports, strict=True):
                if not report.error:
                    pairs = zip(source.document.units(), journal.results(), strict=True)
                    for number, (text, result) in enumerate(pairs, start=1):
                        write_records(str(source.path), number, text, result, *streams)

    def end(self) -> JobReport:
        """Leave nothing behind of what is done."""
        for journal, report in zip(self._journals, self._reports, strict=True):
            if not report.error:
                journal.remove()
        return JobReport(tuple(self._reports), time.perf_counter() - self._start)

    def _texts(self, number: int) -> Iterator[str]:
        source = self._files[number][0]
        try:
            yield from source.document.units()
        except (NmtError, OSError) as error:  # it could be read when the job was prepared
            self._fail(number, error)

    def _keep(self, part: Part, results: list[Result]) -> None:
        report, journal = self._reports[part.file], self._journals[part.file]
        if not report.error:
            num_problems = report.num_problems + sum(len(result.problems) for result in results)
            self._reports[part.file] = dataclasses.replace(report, num_problems=num_problems)
            if new := results[max(0, journal.count - part.first) :]:
                journal.append(new)

    def _finish(self, number: int) -> None:
        source, target = self._files[number]
        report, journal = self._reports[number], self._journals[number]
        if report.error:
            return
        try:
            if journal.count != source.num_texts or sha256_of(source.path) != source.sha256:
                raise NmtError(f"{source.path} was changed while it was being translated; translate it again")
            with complete_file(target) as stream:
                source.document.assemble((result.text for result in journal.results()), stream)
        except (NmtError, OSError) as error:
            self._fail(number, error)
            return
        problems = f"; {count(report.num_problems, 'sentence')} failing a check" if report.num_problems else ""
        self._tell(f"wrote {target} ({count(source.num_texts, 'text')}{problems})")

    def _fail(self, number: int, error: NmtError | OSError) -> None:
        self._reports[number] = dataclasses.replace(self._reports[number], error=explain(error))
