"""`nmt finetune`: another language or another kind of text, from a model that there is."""

import argparse
import dataclasses
import sys
import typing
from pathlib import Path
from typing import Any

from nmt.finetuning.config import FinetuningConfig
from nmt.option import Documentation, documentation

HELP = "make a model from another one: a new language, a new kind of text"
EXTRA = "train"

_FLAGS = {"parent": "--from", "pair": "--to"}
_CORPORA = ("dev", "test", "mix", "old_test")
_GROUPS = {
    "parent": "the model",
    "dev": "other corpora",
    "route": "so that less is forgotten",
    "source_vocabulary": "vocabularies",
    "minutes": "training; what is not said is chosen from the size of the data",
    "trial_updates": "comparisons",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make a model from another one, which stays as it is. The same command goes on with a run that was stopped.\n\n"
        "  nmt finetune --from en-es --to en-it --data my-pairs.tsv --out models/en-it       a new language\n"
        "  nmt finetune --from en-ja --data manuals.tsv --out models/en-ja-manuals           a new kind of text\n\n"
        "A corpus is a prefix (my-pairs for my-pairs.en and my-pairs.it) or a .tsv, .csv, .jsonl, .parquet, .tmx file."
    )
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="CORPUS", help="pairs to learn from; of several corpora all of them"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run and its model")
    hints = typing.get_type_hints(FinetuningConfig)
    group = parser.add_argument_group()
    for field in dataclasses.fields(FinetuningConfig):
        if field.name in _GROUPS:
            group = parser.add_argument_group(_GROUPS[field.name])
        about = documentation(field)
        if about is not None:
            group.add_argument(
                _FLAGS.get(field.name, "--" + field.name.replace("_", "-")),
                dest=field.name,
                **_form(field.name, hints[field.name], field.default, about),
            )


def _form(name: str, kind: Any, default: Any, about: Documentation) -> dict[str, Any]:
    """What argparse is to know of an option."""
    said = about.meaning.replace("%", "%%")
    if kind is bool:
        return {"action": "store_true", "help": said}
    if kind == tuple[str, ...]:
        return {
            "nargs": "+",
            "default": default,
            "choices": about.useful,
            "metavar": "PART",
            "help": _listed(said, about),
        }
    if kind is str and about.useful:
        return {"default": default, "choices": about.useful, "metavar": "KIND", "help": _listed(said, about)}
    if kind is str:
        metavar = "MODEL" if name == "parent" else "PAIR" if name == "pair" else "TEXT"
        return {"default": default, "metavar": "CORPUS" if name in _CORPORA else metavar, "help": said}
    number = float if kind in (float, float | None) else int
    shown = "" if default is None else f" (default: {default:g})"
    return {"type": number, "default": default, "metavar": "X" if number is float else "N", "help": said + shown}


def _listed(said: str, about: Documentation) -> str:
    return f"{said}: {', '.join(about.useful)}"


def run(arguments: argparse.Namespace) -> int:
    from nmt.finetuning.finetuner import finetune
    from nmt.finetuning.results import said

    chosen = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(FinetuningConfig)}
    options = FinetuningConfig(**{**chosen, "freeze": tuple(chosen["freeze"])})
    result = finetune(arguments.data, arguments.out, options, tell=_tell)
    for line in said(result.measured, result.titles()):
        print(line)
    print(f"The model is in {result.folder}")
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
