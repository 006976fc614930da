"""`nmt evaluate`: translate a test set, score it, and compare systems on it."""

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.commands.lines import as_one_line
from nmt.commands.pairs import read_aligned, read_texts
from nmt.errors import NmtError

if TYPE_CHECKING:
    from nmt.evaluation.comparison import Comparison, System, TestSet
    from nmt.evaluation.significance import Estimate
    from nmt.translator import Translator

HELP = "BLEU, chrF and TER of models on a test set, and whether one is better"
EXTRA = "train"

_STANDARD_OUTPUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "BLEU, chrF and TER of one or several systems on a test set, with sacreBLEU signatures and 95 % intervals;\n"
        "the others are compared with the first by paired bootstrap resampling. Line N of REFERENCE is the\n"
        "translation of line N of SOURCE. Systems are models, in the order of the options, each with each beam size,\n"
        "and then files of translations."
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="file with the sentences to translate")
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="file with their translations")
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        default=[],
        metavar="MODEL",
        help="name of an installed model, or a folder; may be given several times",
    )
    parser.add_argument(
        "--translations",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="what another system made of SOURCE; may be given several times",
    )
    parser.add_argument(
        "--beam-size",
        dest="beam_sizes",
        action="append",
        type=int,
        metavar="N",
        help="hypotheses kept in the search, 1 is greedy (default: the model's); may be given several times",
    )
    parser.add_argument("--length-penalty", type=float, metavar="X", help="higher prefers longer translations")
    parser.add_argument("--samples", type=int, metavar="N", help="resamples for the intervals (default: 1000)")
    parser.add_argument(
        "--training-text",
        type=Path,
        metavar="FILE",
        help="source side of the training corpus, to count words in (default: SOURCE itself)",
    )
    parser.add_argument("--json", metavar="FILE", help="all figures as JSON; - prints them instead of the text")
    parser.add_argument("--report", metavar="FILE", help="write a page with tables, pictures and sentences (HTML)")
    parser.add_argument("--source-language", metavar="CODE", help="such as en; default: as models or file names say")
    parser.add_argument("--target-language", metavar="CODE", help="such as ja")


def run(arguments: argparse.Namespace) -> int:
    if not arguments.models and not arguments.translations:
        arguments.parser.error("nothing to evaluate: give --model, --translations, or several of them")
    if not arguments.models and (arguments.beam_sizes or arguments.length_penalty is not None):
        arguments.parser.error("--beam-size and --length-penalty go with --model")
    for option, values in (
        ("--model", list(map(str, arguments.models))),
        ("--translations", list(map(str, arguments.translations))),
        ("--beam-size", arguments.beam_sizes or []),
    ):
        if twice := [value for value in values if values.count(value) > 1]:
            arguments.parser.error(f"{option} {twice[0]} is given twice")
    if arguments.samples is not None and arguments.samples < 0:
        arguments.parser.error(f"--samples must be 0 or more, not {arguments.samples}")
    for name in (arguments.json, arguments.report):
        if name not in (None, _STANDARD_OUTPUT) and not Path(name).resolve().parent.is_dir():
            raise NmtError(f"cannot write {name}: its folder does not exist")
    files = [arguments.source, arguments.reference, *arguments.translations]
    sources, references, *given = read_aligned(files)
    training = None if arguments.training_text is None else read_texts(arguments.training_text)

    from nmt.evaluation.comparison import System, TestSet, compare
    from nmt.evaluation.significance import NUM_SAMPLES

    source_language, target_language = _languages(arguments)
    test = TestSet(arguments.source.stem, sources, references, source_language, target_language)
    systems = _translate(arguments, test)
    systems += [System(str(path), texts) for path, texts in zip(arguments.translations, given, strict=True)]
    num_samples = NUM_SAMPLES if arguments.samples is None else arguments.samples
    comparison = compare(test, systems, training, num_samples)
    if arguments.json != _STANDARD_OUTPUT:
        _print(comparison)
    if arguments.json is not None:
        _write(arguments.json, json.dumps(comparison.as_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    if arguments.report is not None:
        from nmt.evaluation.report import report

        _write(arguments.report, report(comparison))
    return 0


def _languages(arguments: argparse.Namespace) -> tuple[str, str]:
    """The pair: what was said, else what the models say, else the endings of the files."""
    from nmt import bundle
    from nmt.corpora.corpus import language_of
    from nmt.languages import language

    source, target = arguments.source_language, arguments.target_language
    for model in arguments.models:
        config = bundle.read_config(bundle.find(model))
        source, target = source or config.source_language, target or config.target_language
        if (config.source_language, config.target_language) != (source, target):
            raise NmtError(
                f"{model} translates {config.source_language}→{config.target_language}, not {source}→{target}; "
                "systems can be compared on one pair of languages only"
            )
    source = source or language_of(arguments.source)
    target = target or language_of(arguments.reference)
    return language(source).code, language(target).code


def _translate(arguments: argparse.Namespace, test: "TestSet") -> list["System"]:
    """Each model with each beam size as a system, with names that tell them apart."""
    if not arguments.models:
        return []

    from nmt import bundle
    from nmt.translator import Translator

    names = [bundle.read_config(bundle.find(model)).name for model in arguments.models]
    systems = []
    for model, name in zip(arguments.models, names, strict=True):
        translator = Translator.load(model)
        if names.count(name) > 1:
            name = f"{name} ({model})"
        for beam_size in arguments.beam_sizes or [None]:
            systems.append(_system(translator, name, beam_size, arguments.length_penalty, test.sources))
    return systems


def _system(
    translator: "Translator", name: str, beam_size: int | None, length_penalty: float | None, sources: Sequence[str]
) -> "System":
    from nmt.evaluation.comparison import System

    own = translator.search
    search = dataclasses.replace(
        own,
        beam_size=own.beam_size if beam_size is None else beam_size,
        length_penalty=own.length_penalty if length_penalty is None else length_penalty,
        num_alternatives=1,
    )
    start = time.perf_counter()
    translations = translator.translate_batch(sources, search)
    seconds = time.perf_counter() - start
    texts = [as_one_line(one.text, one.source) for one in translations]
    kind = "greedy" if search.beam_size == 1 else f"beam {search.beam_size}"
    return System(f"{name} {kind}", texts, round(seconds, 3))


def _print(comparison: "Comparison") -> None:
    first = comparison.results[0].system.name
    for result in comparison.results:
        seconds = result.system.seconds
        took = "" if seconds is None else f" in {seconds:.1f} s"
        print(f"{result.system.name}: {len(comparison.test.sources):,} sentences{took}")
        for one in result.estimates:
            print(f"{one.name:<14} {_value(one):<15} {_against(one)}{one.signature}")
        print(f"{result.ter.name:<14} {result.ter.value:6.2f}          {result.ter.signature}\n")
    if len(comparison.results) > 1:
        print(f"Differences and p-values are against {first}.\n")
    for breakdown in comparison.breakdowns:
        names = [one.name for group in breakdown.groups[:1] for one in group.estimates[0]]
        print(f"{breakdown.title}: sentences, {' and '.join(names)} of each system")
        for group in breakdown.groups:
            values = ["  ".join(f"{_value(one):<15}" for one in estimates) for estimates in group.estimates]
            print(f"  {group.label:<14} {group.num_sentences:>7,}  {' |'.join(values)}".rstrip())
        print()


def _value(one: "Estimate") -> str:
    return f"{one.value:6.2f}" if math.isnan(one.margin) else f"{one.value:6.2f} ± {one.margin:.2f}"


def _against(one: "Estimate") -> str:
    if one.difference is None:
        return ""
    value, p_value = one.difference.value, one.difference.p_value
    return f"{value:+.2f}  " if math.isnan(p_value) else f"{value:+.2f}, p = {p_value:.3f}  "


def _write(name: str, text: str) -> None:
    if name == _STANDARD_OUTPUT:
        sys.stdout.write(text)
        return

    from nmt.jobs.journal import complete_file

    with complete_file(Path(name)) as stream:
        stream.write(text.encode())
    print(f"wrote {name}", file=sys.stderr)
