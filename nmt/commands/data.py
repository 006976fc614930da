"""`nmt data`: parallel text, found, cleaned and split."""

import argparse
import glob
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from nmt.corpora.corpus import Corpus

HELP = "prepare parallel text for training, add to it, or list public corpora"
EXTRA = "train"

_ABOUT_PLACES = """\
A CORPUS is
  a table       pairs.tsv, .csv, .jsonl (each also as .gz) or .parquet
  a memory      pairs.tmx, as translators' programs export it (also as .gz)
  a prefix      corpus/all for corpus/all.en and corpus/all.ja, or the same with .gz behind
  a folder      with files of a data set that Hugging Face datasets opens, FOLDER or FOLDER:SPLIT
  on the hub    hf:OWNER/NAME, hf:OWNER/NAME/CONFIG or hf:OWNER/NAME/CONFIG:SPLIT (SPLIT is train unless named)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Prepare parallel text for training, add to it, or list public corpora."
    commands = parser.add_subparsers(dest="data_command", required=True, metavar="COMMAND")
    usual: dict[str, Any] = {"allow_abbrev": False, "formatter_class": parser.formatter_class}
    _add_prepare(
        commands.add_parser(
            "prepare",
            help="clean and split corpora, and report what was removed and why",
            epilog=_ABOUT_PLACES,
            **usual,
        )
    )
    _add_phrases(
        commands.add_parser(
            "phrases",
            help="find words and short phrases with their translations in parallel text",
            epilog=_ABOUT_PLACES,
            **usual,
        )
    )
    _add_synthetic(commands.add_parser("synthetic", help="make training text of what a model has translated", **usual))
    _add_list(commands.add_parser("list", help="list public corpora, all or those for a pair of languages", **usual))


def _add_prepare(prepare: argparse.ArgumentParser) -> None:
    prepare.description = (
        "Remove unusable pairs, report them, and write train, dev and test parts that share no sentence.\n"
        "Several corpora become one."
    )
    _add_places(prepare)
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    prepare.add_argument("--limit", type=int, metavar="N", help="read only the first N pairs of each corpus")
    _add_apart_from(prepare)
    prepare.add_argument("--dev-size", type=int, metavar="N", help="pairs set apart for development")
    prepare.add_argument("--test-size", type=int, metavar="N", help="pairs set apart for the final test")
    prepare.add_argument("--seed", type=int, metavar="N", help="another number sets other pairs apart")
    prepare.set_defaults(data_run=_prepare, parser=prepare)


def _add_phrases(phrases: argparse.ArgumentParser) -> None:
    phrases.description = (
        "Find words and short phrases with their translations in parallel text, to train on beside it: a model that\n"
        "has read whole sentences only makes a sentence of a heading or a single word."
    )
    _add_places(phrases)
    phrases.add_argument(
        "--out", type=Path, required=True, metavar="PREFIX", help="corpus to write: PREFIX.en and PREFIX.ja, say"
    )
    phrases.add_argument("--limit", type=int, metavar="N", help="read only the first N pairs of each corpus")
    _add_apart_from(phrases)
    phrases.add_argument("--max-words", type=int, metavar="N", help="of a source phrase (default: 4)")
    phrases.add_argument(
        "--least-count",
        type=int,
        metavar="N",
        help="how often a phrase must have been translated so, and a word half as often (default: 3)",
    )
    phrases.set_defaults(data_run=_phrases, parser=phrases)


def _add_synthetic(synthetic: argparse.ArgumentParser) -> None:
    synthetic.description = (
        "Make training text of what a model has translated, without what it was least sure of, and cleaned. Translate\n"
        "text of one language first: nmt translate TEXT --model MODEL --out FILE --scores SCORES"
    )
    synthetic.add_argument(
        "scores", nargs="+", type=Path, metavar="SCORES", help="what nmt translate --scores has written"
    )
    synthetic.add_argument(
        "--out", type=Path, required=True, metavar="PREFIX", help="corpus to write: PREFIX.en and PREFIX.ja, say"
    )
    synthetic.add_argument(
        "--source-language", required=True, metavar="CODE", help="that the model has read, such as en"
    )
    synthetic.add_argument("--target-language", required=True, metavar="CODE", help="that it has written, such as ja")
    synthetic.add_argument(
        "--share", type=float, metavar="X", help="keep so much, of which the model was surest (default: 0.9)"
    )
    _add_apart_from(synthetic)
    synthetic.set_defaults(data_run=_synthetic, parser=synthetic)


def _add_list(show: argparse.ArgumentParser) -> None:
    show.description = (
        "List public corpora; with a pair of languages those that have it, and where to get them.\n"
        "Nothing is downloaded."
    )
    show.add_argument("pair", nargs="?", metavar="PAIR", help="two codes, such as en-ja")
    show.set_defaults(data_run=_list, parser=show)


def run(arguments: argparse.Namespace) -> int:
    status: int = arguments.data_run(arguments)
    return status


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help="see below")
    parser.add_argument(
        "--source",
        type=Path,
        action="append",
        metavar="FILE",
        help="instead: the source sentences, a.en; may be given several times",
    )
    parser.add_argument(
        "--target", type=Path, action="append", metavar="FILE", help="and their translations, a.ja; as often"
    )
    parser.add_argument("--source-language", metavar="CODE", help="where the corpus does not tell, such as en")
    parser.add_argument("--target-language", metavar="CODE", help="such as ja")
    parser.add_argument("--source-column", metavar="NAME", help="of a table: the column with the sources")
    parser.add_argument("--target-column", metavar="NAME", help="and the one with the targets")


def _add_apart_from(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--apart-from",
        action="append",
        metavar="CORPUS",
        help="leave out what shares a sentence with this one, such as the dev and test parts of others; also several",
    )


def _prepare(arguments: argparse.Namespace) -> int:
    _check_usage(arguments)

    from nmt.corpora.cleaning import CleaningRules
    from nmt.corpora.corpus import joined, read_corpus
    from nmt.corpora.preparation import USUAL_SEED, prepare

    source_language, target_language = _languages(arguments)
    prepared = prepare(
        joined(_corpora(arguments, source_language, target_language)),
        source_language,
        target_language,
        arguments.out,
        CleaningRules(),
        dev_size=arguments.dev_size,
        test_size=arguments.test_size,
        seed=USUAL_SEED if arguments.seed is None else arguments.seed,
        progress=sys.stderr.isatty(),
        held_out=[read_corpus(place, source_language, target_language) for place in arguments.apart_from or ()],
        read_from=_places(arguments),
        limit=arguments.limit,
    )
    print(prepared.report)
    sizes = f"train {prepared.num_train:,}, dev {prepared.num_dev:,}, test {prepared.num_test:,} pairs"
    print(f"wrote {prepared.folder}: {source_language}→{target_language}, {sizes}")
    return 0


def _synthetic(arguments: argparse.Namespace) -> int:
    from nmt.corpora.cleaning import CleaningRules, clean, keys_of
    from nmt.corpora.corpus import joined, read_corpus, write_pair_files
    from nmt.corpora.synthetic import USUAL_SHARE, read_scored, surest
    from nmt.languages import language

    pair = language(arguments.source_language).code, language(arguments.target_language).code
    files = _outputs(arguments.out, pair)
    share = USUAL_SHARE if arguments.share is None else arguments.share
    read = [read_scored(path) for path in arguments.scores]
    all_pairs = joined(corpus for corpus, _ in read)
    sure = surest(all_pairs, [score for _, scores in read for score in scores], share)
    apart = keys_of(read_corpus(place, *pair) for place in arguments.apart_from or ())
    kept, report = clean(sure, *pair, CleaningRules(), progress=sys.stderr.isatty(), held_out=apart)
    print(f"The {len(sure):,} of {len(all_pairs):,} translations of which the model was surest:")
    print(report)
    if not len(kept):
        raise CorpusError(f"none of the {len(all_pairs):,} translations can be learned from; nothing is written")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_pair_files(kept, *files)
    print(f"wrote {files[0]} and {files[1]}: {len(kept):,} pairs")
    return 0


def _phrases(arguments: argparse.Namespace) -> int:
    _check_usage(arguments)

    from nmt.corpora.cleaning import keys_of, without
    from nmt.corpora.corpus import joined, read_corpus, write_pair_files
    from nmt.corpora.phrases import PhraseRules, find_phrases

    given = {"max_words": arguments.max_words, "least_count": arguments.least_count}
    rules = PhraseRules(**{name: value for name, value in given.items() if value is not None})
    pair = _languages(arguments)
    files = _outputs(arguments.out, pair)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    apart = keys_of(read_corpus(place, *pair) for place in arguments.apart_from or ())
    found = without(find_phrases(joined(_corpora(arguments, *pair)), *pair, rules), apart)
    if not len(found):
        raise CorpusError("all phrases that were found stand in what --apart-from names; nothing is written")
    write_pair_files(found, *files)
    for source, target in list(zip(found.sources, found.targets, strict=True))[:: max(1, len(found) // 10)][:10]:
        print(f"{source}  →  {target}")
    print(f"wrote {files[0]} and {files[1]}: {len(found):,} phrases, such as those above")
    return 0


def _outputs(prefix: Path, pair: tuple[str, str]) -> tuple[Path, Path]:
    if not prefix.name:
        raise ConfigError(f"--out takes the beginning of two names, such as work/phrases, not {prefix}")
    source, target = (prefix.with_name(f"{prefix.name}.{code}") for code in pair)
    return source, target


def _corpora(arguments: argparse.Namespace, source_language: str, target_language: str) -> Iterator["Corpus"]:
    from nmt.corpora.corpus import read_corpus, read_pair_files

    for place in arguments.corpora:
        yield read_corpus(
            place,
            source_language,
            target_language,
            source_column=arguments.source_column,
            target_column=arguments.target_column,
            limit=arguments.limit,
            progress=sys.stderr.isatty(),
        )
    for source, target in zip(arguments.source or (), arguments.target or (), strict=True):
        yield read_pair_files(source, target, limit=arguments.limit)


def _places(arguments: argparse.Namespace) -> list[str]:
    """What is read, for the report."""
    files = zip(arguments.source or (), arguments.target or (), strict=True)
    return [*arguments.corpora, *(f"{source} and {target}" for source, target in files)]


def _check_usage(arguments: argparse.Namespace) -> None:
    parser: argparse.ArgumentParser = arguments.parser
    sources, targets = arguments.source or [], arguments.target or []
    if arguments.corpora and (sources or targets):
        parser.error("give either corpora or --source and --target, not both")
    if not arguments.corpora and not (sources and targets):
        parser.error("give a table or another corpus, or both --source and --target")
    if len(sources) != len(targets):
        parser.error("give --source and --target equally often: each --source has its --target")
    if sources and (arguments.source_column or arguments.target_column):
        parser.error("--source-column and --target-column go with a table")
    if arguments.limit is not None and arguments.limit < 1:
        parser.error("--limit must be at least 1")


def _languages(arguments: argparse.Namespace) -> tuple[str, str]:
    """The pair: what was said, else what the endings of two files, or the columns or the name of a corpus, say."""
    source, target = arguments.source_language, arguments.target_language
    if not arguments.corpora:
        from nmt.corpora.corpus import language_of

        source = source or language_of(arguments.source[0])
        target = target or language_of(arguments.target[0])
    elif source is None or target is None:
        found = _languages_of(arguments.corpora)
        source, target = source or found[0], target or found[1]

    from nmt.languages import language

    return language(source).code, language(target).code


def _check_there(place: str) -> None:
    """Refuse a place on this machine where there is nothing."""
    from nmt.corpora.hub import is_hub_place

    path = Path(place.partition(":")[0])
    if not is_hub_place(place) and not path.exists() and not any(path.parent.glob(f"{glob.escape(path.name)}.*")):
        raise CorpusError(f"no such file: {place}")


def _languages_of(corpora: list[str]) -> tuple[str, str]:
    from nmt.corpora.naming import has_named_columns, languages_told

    told = {place: languages_told(place) for place in corpora}
    first, pair = next(((place, pair) for place, pair in told.items() if pair is not None), (corpora[0], None))
    if pair is None:
        _check_there(first)
        raise ConfigError(
            f"cannot tell the languages of {first}: neither its columns nor its name say them; "
            "add --source-language and --target-language, such as en and ja"
        )
    for place, other in told.items():
        if other is None or other == pair or (set(other) == set(pair) and has_named_columns(place)):
            continue
        raise ConfigError(
            f"{place} seems to be {other[0]}-{other[1]}, but {first} is {pair[0]}-{pair[1]}; "
            "add --source-language and --target-language if this is right, else prepare them apart"
        )
    return pair


def _list(arguments: argparse.Namespace) -> int:
    from nmt.corpora.catalogue import catalogue, entries_for

    if arguments.pair is None:
        rows = [("NAME", "LANGUAGES", "LICENCE", "WEIGHTS", "WHAT")]
        for entry in catalogue():
            known = [code for code in entry.languages if code != entry.only_with]
            codes = " ".join(known) if len(known) <= 6 else f"{len(known)}"
            codes = f"{entry.only_with} with {codes}" if entry.only_with else codes
            languages = f"{codes} and more" if entry.more else codes
            rows.append((entry.name, languages, entry.licence, entry.weights, entry.about))
    else:
        codes = arguments.pair.split("-")
        rows = [("NAME", "PAIRS", "LICENCE", "WEIGHTS", "WHERE")]
        for entry in entries_for(arguments.pair):
            rows.append((entry.name, entry.size, entry.licence, entry.weights, entry.place(*codes)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("\nLicences are as stated by the pages of the corpora; check them before use.")
    print("WEIGHTS says whether trained weights may be shared, with credit and under the terms of the licence.")
    if arguments.pair is None:
        print("nmt data list en-ja shows sizes, and where to get what has this pair.")
    else:
        print("nmt data prepare takes what begins with hf: as it stands, and the unpacked files of an address.")
    return 0
