"""The files and the standard input of `nmt translate`; imported when there is something to translate."""

import argparse
import collections
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from nmt import bundle
from nmt.commands.lines import Line, names_folder, read_lines
from nmt.commands.progress import ProgressLine
from nmt.documents import DocumentOptions, format_of
from nmt.errors import NmtError
from nmt.jobs import RAY, inputs
from nmt.jobs import files as jobs
from nmt.jobs.chunks import cut
from nmt.jobs.journal import output_stream
from nmt.jobs.records import count, write_records
from nmt.jobs.workers import InProcess, ModelSettings, Processes, Workers, translate_chunks

_TABLES, _OBJECTS, _TEXTS = {"csv", "tsv", "parquet"}, {"json", "jsonl"}, {"txt"}


def translate_files(arguments: argparse.Namespace, settings: ModelSettings, beside: Sequence[Path]) -> int:
    """Files to files; the exit status. `beside` is read beside them, and so not written."""
    config = bundle.read_config(settings.folder)
    found, num_failed = _check_inputs(arguments, config.source_language, config.target_language)
    out = None if arguments.out is None else Path(arguments.out)
    into_folder = len(arguments.files) > 1 or names_folder(arguments.out)
    records = _records(arguments)
    files = inputs.name_outputs(found, out, into_folder)
    targets = {f"the translation of {source.path}": target for source, target in files}
    inputs.check_written({**targets, **records}, [*(one.path for one in found), *beside])
    if not files:
        return 1
    with (
        contextlib.closing(_start(settings, arguments.workers, is_ahead=True)) as workers,
        contextlib.closing(ProgressLine()) as progress,
        _saying_how_to_go_on(),
    ):
        report = jobs.translate_files(
            files,
            workers,
            settings.identity(),
            problems=records.get("--report"),
            scores=records.get("--scores"),
            progress=progress.show,
            tell=progress.tell,
        )
    for file in report.files:
        if file.error:
            num_failed += 1
            _complain(file.error)
    num_problems = sum(file.num_problems for file in report.files)
    if num_problems and not arguments.report:
        print(f"{count(num_problems, 'sentence')} failing a check; --report FILE lists them", file=sys.stderr)
    return 1 if num_failed else 0


def _records(arguments: argparse.Namespace) -> dict[str, Path]:
    """What is written beside the translation, by option."""
    named = {"--report": arguments.report, "--scores": arguments.scores}
    return {option: Path(name) for option, name in named.items() if name is not None}


@contextlib.contextmanager
def _saying_how_to_go_on() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("; the same command goes on where this one stopped") from None


def _check_inputs(arguments: argparse.Namespace, source: str, target: str) -> tuple[list[inputs.Input], int]:
    """The input files that can be read, each read through once, and how many cannot, which is told at once."""
    options = DocumentOptions(
        tuple(arguments.columns), tuple(arguments.fields), unwrap=arguments.unwrap, format=arguments.format
    )
    found, num_failed = [], 0
    for name in arguments.files:
        try:
            found.append(inputs.check_input(Path(name), options, source, target))
        except (NmtError, OSError) as error:
            num_failed += 1
            _complain(inputs.explain(error))
    _check_use(options, {format_of(one.path, options, source) for one in found})
    return found, num_failed


def _check_use(options: DocumentOptions, formats: set[str]) -> None:
    """Refuse an option that none of the files has a use for: something else was meant."""
    uses = (
        (options.columns, "column", _TABLES),
        (options.fields, "field", _OBJECTS),
        (options.unwrap, "unwrap", _TEXTS),
    )
    for given, name, users in uses:
        if given and formats and not formats & users:
            raise NmtError(f"--{name} goes with {', '.join(sorted(users))}, not with {', '.join(sorted(formats))}")


def _complain(message: str) -> None:
    print(f"nmt: error: {message}", file=sys.stderr)


def translate_input(arguments: argparse.Namespace, settings: ModelSettings, beside: Sequence[Path]) -> int:
    """Standard input to standard output or a file; the exit status. `beside` is read beside it, and so not written."""
    written = {} if arguments.out is None else {"--out": Path(arguments.out)}
    inputs.check_written({**written, **_records(arguments)}, [*inputs.standard_input(), *beside])
    with (
        contextlib.closing(_start(settings, arguments.workers, is_ahead=False)) as workers,
        contextlib.ExitStack() as stack,
    ):
        out = stack.enter_context(output_stream(arguments.out))
        problems, scores = (
            None if name is None else stack.enter_context(output_stream(name))
            for name in (arguments.report, arguments.scores)
        )
        translate_stream(workers, sys.stdin.buffer, "standard input", out, problems, scores)
    return 0


def translate_stream(
    workers: Workers, stream: BinaryIO, name: str, out: BinaryIO, problems: BinaryIO | None, scores: BinaryIO | None
) -> int:
    """Translate the lines of `stream` to `out` chunk by chunk; returns their number."""
    lines: collections.deque[Line] = collections.deque()  # read and not written yet

    unreadable: list[NmtError] = []

    def texts() -> Iterator[str]:
        try:
            for line in read_lines(stream, name):
                lines.append(line)
                yield line.text
        except NmtError as error:  # what came before it is translated all the same
            unreadable.append(error)

    num_lines, num_words = 0, 0
    with contextlib.closing(ProgressLine()) as progress:
        for chunk, results, _ in translate_chunks(cut([(0, texts())]), workers):
            for result in results:
                line = lines.popleft()
                num_lines += 1
                out.write(f"{line.before}{result.text}{line.after}".encode())
                write_records(name, num_lines, line.text, result, problems, scores)
            out.flush()
            num_words += sum(part.num_words for part in chunk.parts)
            progress.count(name, num_lines, num_words)
    if unreadable:
        is_there = sys.stdout is not None and out is sys.stdout.buffer  # a file appears only when it is complete
        raise NmtError(
            f"{unreadable[0]}; the {num_lines:,} lines before it are translated" if is_there else unreadable[0]
        )
    return num_lines


def _start(settings: ModelSettings, workers: int | str, *, is_ahead: bool) -> Workers:
    if workers == RAY:
        from nmt.jobs.cluster import RayWorkers

        return RayWorkers(settings)

    if workers == 1:
        return InProcess(settings.load(), settings.search, settings.options, is_ahead=is_ahead)
    return Processes(settings, int(workers))
