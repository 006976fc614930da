"""`nmt data prepare`: parallel text, cleaned and split."""

import argparse
import csv
import json
import re
import sys
from pathlib import Path

from nmt.errors import ConfigError

HELP = "prepare parallel text for training"
EXTRA = "train"

_PAIR = re.compile(r"(?:^|[._-])([a-z]{2,3})-([a-z]{2,3})(?=[._-]|$)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Prepare parallel text for training."
    commands = parser.add_subparsers(dest="data_command", required=True, metavar="COMMAND")
    prepare = commands.add_parser(
        "prepare",
        help="clean and split a corpus, and report what was removed and why",
        allow_abbrev=False,
        formatter_class=parser.formatter_class,
    )
    prepare.description = (
        "Remove unusable pairs, report them, and write train, dev and test parts that share no sentence.\n"
        "The corpus is one table, or two files whose lines translate each other."
    )
    prepare.add_argument("corpus", nargs="?", type=Path, metavar="CORPUS", help="a .tsv, .csv or .jsonl file")
    prepare.add_argument("--source", type=Path, metavar="FILE", help="instead of a table: the source sentences, a.en")
    prepare.add_argument("--target", type=Path, metavar="FILE", help="and their translations, a.ja")
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    prepare.add_argument("--source-language", metavar="CODE", help="where the file does not tell, such as en")
    prepare.add_argument("--target-language", metavar="CODE", help="such as ja")
    prepare.add_argument("--source-column", metavar="NAME", help="of a table: the column with the sources")
    prepare.add_argument("--target-column", metavar="NAME", help="and the one with the targets")
    prepare.add_argument("--dev-size", type=int, metavar="N", help="pairs set apart for development")
    prepare.add_argument("--test-size", type=int, metavar="N", help="pairs set apart for the final test")
    prepare.set_defaults(data_parser=prepare)


def run(arguments: argparse.Namespace) -> int:
    _check_usage(arguments)

    from nmt.cleaning import CleaningRules
    from nmt.corpus import read_corpus, read_pair_files
    from nmt.preparation import prepare

    source_language, target_language = _languages(arguments)
    if arguments.corpus is None:
        corpus = read_pair_files(arguments.source, arguments.target)
    else:
        corpus = read_corpus(
            arguments.corpus,
            source_language,
            target_language,
            source_column=arguments.source_column,
            target_column=arguments.target_column,
        )
    prepared = prepare(
        corpus,
        source_language,
        target_language,
        arguments.out,
        CleaningRules(),
        dev_size=arguments.dev_size,
        test_size=arguments.test_size,
        progress=sys.stderr.isatty(),
    )
    print(prepared.report)
    sizes = f"train {prepared.num_train:,}, dev {prepared.num_dev:,}, test {prepared.num_test:,} pairs"
    print(f"wrote {prepared.folder}: {source_language}→{target_language}, {sizes}")
    return 0


def _check_usage(arguments: argparse.Namespace) -> None:
    parser: argparse.ArgumentParser = arguments.data_parser
    both = arguments.source is not None and arguments.target is not None
    either = arguments.source is not None or arguments.target is not None
    if arguments.corpus is not None and either:
        parser.error("give either a table or --source and --target, not both")
    if arguments.corpus is None and not both:
        parser.error("give a table, or both --source and --target")
    if either and (arguments.source_column or arguments.target_column):
        parser.error("--source-column and --target-column go with a table")


def _languages(arguments: argparse.Namespace) -> tuple[str, str]:
    """The pair: what was said, else what the endings of two files, or the columns or the name of a table, say."""
    source, target = arguments.source_language, arguments.target_language
    if source is None or target is None:
        if arguments.corpus is None:
            from nmt.corpus import language_of

            source = source or language_of(arguments.source)
            target = target or language_of(arguments.target)
        else:
            found = _languages_of_table(arguments.corpus)
            source, target = source or found[0], target or found[1]

    from nmt.languages import language

    return language(source).code, language(target).code


def _languages_of_table(table: Path) -> tuple[str, str]:
    from nmt.languages import LANGUAGES

    named = [name for name in _first_row(table) if name in LANGUAGES]
    if len(named) > 2 and "id" in named:
        named.remove("id")  # an identifier, then, and not Indonesian
    if len(named) == 2:
        return named[0], named[1]
    match = _PAIR.search(table.name)
    if match:
        return match[1], match[2]
    raise ConfigError(
        f"cannot tell the languages of {table}: neither its columns nor its name say them; "
        "add --source-language and --target-language, such as en and ja"
    )


def _first_row(table: Path) -> list[str]:
    """The column names of a table, as far as they can be told; reading it properly comes later, with its errors."""
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        line = stream.readline()
    if table.suffix == ".jsonl":
        try:
            row = json.loads(line)
        except ValueError:
            return []
        row = row.get("translation", row) if isinstance(row, dict) else row
        return list(row) if isinstance(row, dict) else []
    return next(csv.reader([line], delimiter="\t" if table.suffix == ".tsv" else ","), [])
