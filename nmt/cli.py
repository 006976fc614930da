"""The command line: a parser over `nmt.commands`, and every foreseen error as one line.

Exit status: 0 done · 1 an error · 2 wrong usage · 130 interrupted · 141 the reader of the output went away.
"""

import argparse
import difflib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import nmt
from nmt.commands import (
    completion,
    config,
    data,
    evaluate,
    export,
    finetune,
    models,
    score,
    train,
    translate,
    ui,
    verify,
)
from nmt.errors import MissingExtraError, NmtError

_COMMANDS = {
    "translate": translate,
    "ui": ui,
    "models": models,
    "data": data,
    "config": config,
    "train": train,
    "finetune": finetune,
    "evaluate": evaluate,
    "score": score,
    "verify": verify,
    "export": export,
    "completion": completion,
}


class _WideHelp(argparse.RawDescriptionHelpFormatter):
    """One line per option, and descriptions as they are written."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=32)


def build_parser() -> argparse.ArgumentParser:
    """The parser of `nmt`; parsing sets `run`, and what it needs, on the namespace."""
    parser = argparse.ArgumentParser(
        prog="nmt",
        description="Private, offline, tiny and instant machine translation.",
        epilog="nmt COMMAND --help explains a command.",
        allow_abbrev=False,
        formatter_class=_WideHelp,
    )
    parser.add_argument("--version", action="version", version=f"nmt {nmt.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, module in _COMMANDS.items():
        command = commands.add_parser(name, help=module.HELP, allow_abbrev=False, formatter_class=_WideHelp)
        module.add_arguments(command)
        command.set_defaults(run=module.run, extra=module.EXTRA, parser=command, root=parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line, without the program's name; returns the exit status."""
    if sys.stderr is None:  # closed; print would take standard output instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    arguments, unknown = build_parser().parse_known_args(argv)
    if unknown:
        _refuse(arguments.parser, unknown[0])
    try:
        status: int = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt as error:
        return _fail(f"interrupted{error}", status=130)
    except BrokenPipeError:
        return _fail("the reader of the output closed it", status=141)
    except ModuleNotFoundError as error:
        if arguments.extra is None or (error.name or "nmt").partition(".")[0] == "nmt":
            raise
        return _fail(f"{MissingExtraError(f'nmt {arguments.command}', arguments.extra)} ({error})")
    except NmtError as error:
        return _fail(str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}" if error.filename else reason)
    return status


def _refuse(parser: argparse.ArgumentParser, unknown: str) -> NoReturn:
    """End with a usage error that names the option nearest to the unknown one."""
    option = unknown.partition("=")[0]
    known = [name for action in parser._actions for name in action.option_strings]
    near = difflib.get_close_matches(option, known, n=1, cutoff=0.5)
    what = f"unknown option {option}" if option.startswith("-") else f'"{unknown}" is one argument too many'
    hint = f"; did you mean {near[0]}?" if near and option.startswith("-") else ""
    parser.exit(2, f"{parser.prog}: error: {what}{hint} ({parser.prog} --help lists what there is)\n")


def _fail(message: str, status: int = 1) -> int:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        # What is still in the buffer has nowhere to go; without this the interpreter would complain on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print("nmt: error:", " ".join(message.split()), file=sys.stderr)
    return status
