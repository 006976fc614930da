"""`nmt translate`: text, standard input, or files of many formats."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.commands.lines import names_folder, read_lines
from nmt.config import SearchConfig, TranslationOptions
from nmt.errors import ConfigError
from nmt.jobs import RAY

if TYPE_CHECKING:
    from nmt.translation import Translation

HELP = "translate text, files or standard input"
EXTRA = "train"  # for the Keras engine; the other needs no extra

ENGINES = ("auto", "onnx", "keras")  # those of nmt.translator, which takes too long to import for a parser

_SEARCH = (
    "beam_size",
    "length_penalty",
    "num_alternatives",
    "coverage_penalty",
    "no_repeat_ngram",
    "temperature",
    "top_k",
    "top_p",
    "seed",
)
_OF_A_DRAW = ("top_k", "top_p", "seed")
_STANDARD_INPUT = "-"  # and with --out standard output
_WIDEST = 1_000  # hypotheses; more would seem to hang


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Translate. Line N of the output is line N of the input, and the structure of a file stays.\n"
        "Standard input goes to standard output. With a model into Japanese, the file novel.txt\n"
        "becomes novel.ja.txt beside it, which appears when it is complete. The same command\n"
        "continues a job that was interrupted."
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="what to translate; - is standard input (the default)")
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODEL[,MODEL...]",
        help="name of an installed model, or a folder; several with one vocabulary translate together",
    )
    parser.add_argument("--text", metavar="TEXT", help="translate this text instead of files")
    parser.add_argument("--out", metavar="FILE_OR_DIR", help="where to write; a folder for several files")
    parser.add_argument(
        "--alternatives",
        dest="num_alternatives",
        type=int,
        metavar="N",
        help="with --text: N translations per sentence",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="processor threads; 0: all (default)")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what runs the model")
    parser.add_argument(
        "--workers", type=_workers, default=1, metavar="N", help="processes; or ray, the machines of a Ray cluster"
    )
    parser.add_argument("--report", metavar="FILE", help="write the sentences that fail a check, as JSON lines")
    parser.add_argument("--scores", metavar="FILE", help="write the score of each text, as JSON lines")
    parser.add_argument("--glossary", metavar="FILE", help="terms and how to translate them: a line each, with tabs")
    parser.add_argument("--keep", metavar="FILE", help="words that stay as they are: a line each")
    parser.add_argument("--as-typed", action="store_true", help="read misspelled words as they are, not as was meant")
    _add_search_arguments(parser)
    files = parser.add_argument_group("files")
    files.add_argument("--format", default="", metavar="NAME", help="their format, where the name does not tell: csv")
    files.add_argument(
        "--column", dest="columns", action="append", default=[], metavar="NAME", help="of tables: translate this one"
    )
    files.add_argument(
        "--field", dest="fields", action="append", default=[], metavar="NAME", help="of JSON: translate this one: a.b"
    )
    files.add_argument("--unwrap", action="store_true", help="of text: lines that belong together become one")


def _add_search_arguments(parser: argparse.ArgumentParser) -> None:
    search = parser.add_argument_group("search", "what is not given is as the model's own setting says")
    search.add_argument("--beam-size", type=int, metavar="N", help="hypotheses kept in the search; 1 is greedy")
    search.add_argument("--length-penalty", type=float, metavar="X", help="higher prefers longer translations")
    search.add_argument("--coverage-penalty", type=float, metavar="X", help="higher prefers those that read everything")
    search.add_argument("--no-repeat-ngram", type=int, metavar="N", help="write no N tokens in a row twice")
    search.add_argument("--temperature", type=float, metavar="X", help="above 0: draw by chance instead of searching")
    search.add_argument("--top-k", type=int, metavar="N", help="with --temperature: only the N most probable tokens")
    search.add_argument("--top-p", type=float, metavar="X", help="with --temperature: only the most probable share X")
    search.add_argument("--seed", type=int, metavar="N", help="with --temperature: another seed, another draw")


def run(arguments: argparse.Namespace) -> int:
    _check_usage(arguments)

    from nmt.jobs.workers import ModelSettings

    folder, *others = _folders(arguments.model)
    options = _translation_options(arguments)
    settings = ModelSettings(
        folder, search_config(arguments), options, arguments.engine, arguments.threads, tuple(others)
    )
    beside = [Path(name) for name in (arguments.glossary, arguments.keep) if name is not None]
    if arguments.text is None:
        from nmt.commands import jobs

        translate = jobs.translate_input if _reads_standard_input(arguments) else jobs.translate_files
        return translate(arguments, settings, beside)

    from nmt.jobs.inputs import check_written
    from nmt.jobs.journal import output_stream

    check_written({} if arguments.out is None else {"--out": Path(arguments.out)}, beside)
    translator = settings.load()
    with output_stream(arguments.out) as stream:
        translation = translator.translate(arguments.text, settings.search, options)
        stream.write(_format(translation, arguments.num_alternatives).encode())
    return 0


def search_config(arguments: argparse.Namespace) -> SearchConfig | None:
    """The model's own search with the options given on the command line; None when none is given."""
    options = {name: getattr(arguments, name) for name in _SEARCH if getattr(arguments, name, None) is not None}
    if not options:
        return None

    from nmt import bundle

    own = bundle.read_config(_folders(arguments.model)[0]).search
    if "beam_size" not in options:
        options["beam_size"] = max(own.beam_size, options.get("num_alternatives", 1))
    config = dataclasses.replace(own, **{"num_alternatives": 1, **options})
    if config.beam_size > _WIDEST:
        raise ConfigError(f"--beam-size is {_WIDEST:,} at most, not {config.beam_size:,}; more than 20 rarely help")
    idle = [name for name in _OF_A_DRAW if name in options and not config.temperature]
    if idle:
        raise ConfigError(f"--{idle[0].replace('_', '-')} is for a draw by chance: it needs --temperature above 0")
    return config


def _folders(names: str) -> list[Path]:
    """The folders of one model, or of several divided by commas."""
    from nmt import bundle

    several = [name.strip() for name in names.split(",") if name.strip()]
    return [bundle.find(name) for name in (several if several and not Path(names).is_dir() else [names])]


def _workers(value: str) -> int | str:
    if value != RAY and (not value.isdecimal() or int(value) < 1):
        raise argparse.ArgumentTypeError(f"must be a number of processes, or {RAY}, not {value}")
    return value if value == RAY else int(value)


def _reads_standard_input(arguments: argparse.Namespace) -> bool:
    return arguments.text is None and arguments.files in ([], [_STANDARD_INPUT])


def _check_usage(arguments: argparse.Namespace) -> None:
    parser: argparse.ArgumentParser = arguments.parser
    one_output = _reads_standard_input(arguments) or arguments.text is not None
    if arguments.text is not None and arguments.files:
        parser.error("give either --text or files, not both")
    if arguments.num_alternatives is not None and arguments.text is None:
        parser.error("--alternatives shows several translations of a sentence: it goes with --text")
    if _STANDARD_INPUT in arguments.files and len(arguments.files) > 1:
        parser.error("- (standard input) cannot be mixed with files")
    if arguments.text is None and not arguments.files and (sys.stdin is None or sys.stdin.isatty()):
        parser.error("nothing to translate: give files, --text, or text on standard input (- to type it)")
    if arguments.out == _STANDARD_INPUT:
        if not one_output:
            parser.error("--out - is standard output, where files do not go; pipe them to standard input instead")
        arguments.out = None
    if one_output and names_folder(arguments.out):
        parser.error(f"--out {arguments.out} is a folder; this output needs the name of a file")
    for_files = {name: getattr(arguments, name) for name in ("format", "columns", "fields", "unwrap")}
    if one_output and any(for_files.values()):
        parser.error("--format, --column, --field and --unwrap go with files; standard input is lines of text")
    if arguments.text is not None:
        if arguments.report or arguments.scores:
            parser.error("--report and --scores go with files or standard input")
        try:
            arguments.text.encode()
        except UnicodeEncodeError:
            parser.error("--text is not UTF-8")


def _format(translation: "Translation", alternatives: int | None) -> str:
    if alternatives is None:
        return translation.text + "\n"
    lines = []
    for sentence in translation.sentences:
        lines.append(sentence.source)
        lines += [f"{alternative.score:8.3f}  {alternative.text}" for alternative in sentence.alternatives]
    return "".join(line + "\n" for line in lines)


def _translation_options(arguments: argparse.Namespace) -> TranslationOptions:
    from nmt.text.glossary import read_glossary

    glossary = read_glossary(arguments.glossary) if arguments.glossary else ()
    keep: tuple[str, ...] = ()
    if arguments.keep:
        try:
            with open(arguments.keep, "rb") as stream:
                lines = [line.text.strip() for line in read_lines(stream, arguments.keep)]
        except OSError as error:
            reason = f"cannot read the words to keep, {arguments.keep}: {error.strerror}"
            raise ConfigError(reason) from None
        keep = tuple(dict.fromkeys(line for line in lines if line))
    return TranslationOptions(do_not_translate=keep, glossary=glossary, spelling=not arguments.as_typed)
