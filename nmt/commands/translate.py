"""`nmt translate`: text, standard input, or files line by line."""

import argparse
import contextlib
import dataclasses
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nmt.commands.lines import as_one_line, complete_file, read_lines
from nmt.config import SearchConfig
from nmt.errors import NmtError

if TYPE_CHECKING:
    from nmt.translator import Translator

HELP = "translate text, files or standard input"
EXTRA = "train"  # for the Keras engine; the other needs no extra

ENGINES = ("auto", "onnx", "keras")  # those of nmt.translator, which takes too long to import for a parser

_STANDARD_INPUT = "-"
_CHUNK = 2_000  # lines held in memory at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Translate. Line N of the output is line N of the input.\n"
        "Standard input goes to standard output. With a model into Japanese, the file novel.txt\n"
        "becomes novel.ja.txt beside it, which appears when it is complete."
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="UTF-8 text; - is standard input (the default)")
    parser.add_argument("--model", required=True, metavar="MODEL", help="name of an installed model, or a folder")
    parser.add_argument("--text", metavar="TEXT", help="translate this text instead of files")
    parser.add_argument("--out", metavar="FILE_OR_DIR", help="where to write; a folder for several files")
    parser.add_argument("--beam-size", type=int, metavar="N", help="hypotheses kept in the search; 1 is greedy")
    parser.add_argument("--length-penalty", type=float, metavar="X", help="higher prefers longer translations")
    parser.add_argument(
        "--alternatives",
        dest="num_alternatives",
        type=int,
        metavar="N",
        help="with --text: N translations per sentence",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="processor threads; 0: all (default)")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what runs the model")


def run(arguments: argparse.Namespace) -> int:
    _check_usage(arguments)
    inputs = [] if _reads_standard_input(arguments) or arguments.text is not None else _check_inputs(arguments.files)

    from nmt.translator import Translator

    out = None if arguments.out is None else Path(arguments.out)
    search = search_config(arguments)
    translator = Translator.load(arguments.model, engine=arguments.engine, num_threads=arguments.threads)
    if arguments.text is not None:
        with _output(out) as stream:
            stream.write(_translate_text(translator, arguments.text, search, arguments.num_alternatives).encode())
    elif not inputs:
        with _output(out) as stream:
            _translate_stream(translator, sys.stdin.buffer, "standard input", stream, search)
    else:
        into_folder = len(inputs) > 1 or _names_folder(arguments.out)
        for source, target in _name_outputs(inputs, out, into_folder, translator.info.target_language):
            with source.open("rb") as read, complete_file(target) as stream:
                start = time.perf_counter()
                num_lines = _translate_stream(translator, read, str(source), stream, search)
            print(f"wrote {target} ({num_lines:,} lines, {time.perf_counter() - start:.1f} s)", file=sys.stderr)
    return 0


def search_config(arguments: argparse.Namespace) -> SearchConfig | None:
    """The model's own search with the options given on the command line; None when none is given."""
    named = ("beam_size", "length_penalty", "num_alternatives")
    options = {name: getattr(arguments, name) for name in named if getattr(arguments, name, None) is not None}
    if not options:
        return None

    from nmt import bundle

    own = bundle.read_config(bundle.find(arguments.model)).search
    if "beam_size" not in options:
        options["beam_size"] = max(own.beam_size, options.get("num_alternatives", 1))
    return dataclasses.replace(own, **{"num_alternatives": 1, **options})


def _reads_standard_input(arguments: argparse.Namespace) -> bool:
    return arguments.text is None and arguments.files in ([], [_STANDARD_INPUT])


def _check_usage(arguments: argparse.Namespace) -> None:
    parser: argparse.ArgumentParser = arguments.parser
    if arguments.text is not None and arguments.files:
        parser.error("give either --text or files, not both")
    if arguments.num_alternatives is not None and arguments.text is None:
        parser.error("--alternatives shows several translations of a sentence: it goes with --text")
    if _STANDARD_INPUT in arguments.files and len(arguments.files) > 1:
        parser.error("- (standard input) cannot be mixed with files")
    if arguments.text is None and not arguments.files and (sys.stdin is None or sys.stdin.isatty()):
        parser.error("nothing to translate: give files, --text, or text on standard input (- to type it)")
    if (_reads_standard_input(arguments) or arguments.text is not None) and _names_folder(arguments.out):
        parser.error(f"--out {arguments.out} is a folder; this output needs the name of a file")
    if arguments.text is not None:
        try:
            arguments.text.encode()
        except UnicodeEncodeError:
            parser.error("--text is not UTF-8")


def _check_inputs(names: list[str]) -> list[Path]:
    """The input files, each read through once, so that a bad one is found before an hour of translating."""
    paths = [Path(name) for name in names]
    for path in paths:
        if path.is_dir():
            raise NmtError(f"{path} is a folder; name the files in it")
        if path.exists() and not path.is_file():
            raise NmtError(f"{path} is not a regular file; pipe it to standard input instead")
        with path.open("rb") as stream:
            for _ in read_lines(stream, str(path)):
                pass
    return paths


def _names_folder(out: str | None) -> bool:
    return out is not None and (out.endswith(("/", os.sep)) or Path(out).is_dir())


def _name_outputs(inputs: list[Path], out: Path | None, into_folder: bool, language: str) -> list[tuple[Path, Path]]:
    """Each input with the file its translation goes to."""
    if out is not None and not into_folder:
        pairs = [(inputs[0], out)]
    else:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        pairs = [(path, (out or path.parent) / f"{path.stem}.{language}.txt") for path in inputs]
    taken = {path.resolve(): path for path in inputs}
    for source, target in pairs:
        other = taken.setdefault(target.resolve(), source)
        if target.resolve() in {path.resolve() for path in inputs}:
            raise NmtError(f"{target} would be overwritten by the translation of {source}; choose another --out")
        if other != source:
            raise NmtError(f"{other} and {source} would both be written to {target}; translate them one at a time")
    return pairs


@contextlib.contextmanager
def _output(out: Path | None) -> Iterator[BinaryIO]:
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with complete_file(out) as stream:
            yield stream


def _translate_text(translator: "Translator", text: str, search: SearchConfig | None, alternatives: int | None) -> str:
    translation = translator.translate(text, search)
    if alternatives is None:
        return translation.text + "\n"
    lines = []
    for sentence in translation.sentences:
        lines.append(sentence.source)
        lines += [f"{alternative.score:8.3f}  {alternative.text}" for alternative in sentence.alternatives]
    return "".join(line + "\n" for line in lines)


def _translate_stream(
    translator: "Translator", stream: BinaryIO, name: str, out: BinaryIO, search: SearchConfig | None
) -> int:
    """Translate `stream` to `out` chunk by chunk; returns the number of lines."""
    lines = read_lines(stream, name)
    num_lines = 0
    while chunk := list(itertools.islice(lines, _CHUNK)):
        translations = translator.translate_batch([line.text for line in chunk], search)
        for line, translation in zip(chunk, translations, strict=True):
            out.write(f"{line.before}{as_one_line(translation.text, line.text)}{line.after}".encode())
        out.flush()
        num_lines += len(chunk)
        if len(chunk) == _CHUNK and sys.stderr.isatty():
            print(f"{name}: {num_lines:,} lines", end="\r", file=sys.stderr, flush=True)
    if num_lines >= _CHUNK and sys.stderr.isatty():
        print(file=sys.stderr)
    return num_lines
