"""How a fine-tuning ends: the bundle, what changed by it, and the record of both."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt import bundle
from nmt.config import Recipe
from nmt.corpora.corpus import Corpus
from nmt.errors import BundleError
from nmt.finetuning.adaptation import blended
from nmt.finetuning.config import FinetuningConfig
from nmt.finetuning.course import Course, Learned, Tell, learn, plan_recipe, usual_for
from nmt.finetuning.data import FinetuningData
from nmt.finetuning.results import Measured, card_section, learning_curves, measure
from nmt.finetuning.routing import Routing, kept_network, lent_files
from nmt.finetuning.start import Parent
from nmt.finetuning.transfer import Transferred
from nmt.languages import language, same_language
from nmt.training.checkpoint import load_arrays
from nmt.training.fitting import pack_run, time_fact
from nmt.training.rounds import BEST
from nmt.training.run_folder import BUNDLE, is_written, kept_tokenizers, train_tokenizers, write_recipe, write_whole
from nmt.translator import Translator

RESULT, CURVES, SCRATCH = "finetuning.json", "curves.svg", "from-scratch"
_PATIENT = 3  # times as long as its child's is the time of a model from nothing, which has more to learn
_COMPARED = 300  # sentences at least for the choice of the precision of the graphs


@dataclass(frozen=True)
class Finetuning:
    """What came of a fine-tuning.

    Attributes:
        folder: the bundle.
        run: the folder of the run.
        name: of the model.
        pair: its languages.
        parent: name of the model that it was made from.
        reason: why that one; empty where it was asked for.
        warnings: about the data, one line each.
        measured: scores before and after.
        updates, best_update: made, and until the weights that were kept; 0 where the parent's were the best.
        seconds: of the training.
    """

    folder: Path
    run: Path
    name: str
    pair: tuple[str, str]
    parent: str
    reason: str
    warnings: tuple[str, ...]
    measured: tuple[Measured, ...]
    updates: int
    best_update: int
    seconds: float

    def titles(self) -> dict[str, str]:
        """What each test set of `measured` is, for a reader."""
        return {
            "new": "The new text",
            "old": f"Old text, of the kind that {self.parent} was made for",
            "scratch": "The new text, against a model that learned from nothing else",
        }


def read_result(run: Path, options: FinetuningConfig) -> Finetuning | None:
    """The result of a finished run; None where something is left to do."""
    try:
        values = json.loads((run / RESULT).read_text(encoding="utf-8"))
        measured = tuple(Measured(**one) for one in values["measured"])
        result = Finetuning(
            folder=run / BUNDLE,
            run=run,
            pair=tuple(values["pair"]),
            warnings=tuple(values["warnings"]),
            measured=measured,
            **{key: values[key] for key in ("name", "parent", "reason", "updates", "best_update", "seconds")},
        )
        written = bundle.read_config(run / BUNDLE).training.get("updates") == result.updates
    except (OSError, ValueError, KeyError, TypeError, BundleError):
        return None
    if options.old_test and values["options"].get("old_test") != options.old_test:
        return None
    missing = {"scratch"} if options.from_scratch else set()
    return result if written and missing <= {one.test for one in measured} else None


def finish(
    course: Course,
    learned: Learned,
    parent: Parent,
    transferred: Transferred,
    options: FinetuningConfig,
    routing: Routing | None,
    show: bool,
    tell: Tell,
) -> Finetuning:
    """Write the bundle, measure it beside its parent, and note everything."""
    run, data, recipe, state = course.run, course.data, course.recipe, learned.rounds.progress
    if course.can_translate and not state.best_update:
        tell("warning: nothing better than the parent was found on dev; the new model is the same as the parent")
    tell("writing the model and measuring it")
    facts = _facts(course, learned, parent, transferred, options, routing)
    # On a small dev part chance would choose the precision of the graphs.
    sides = ((data.dev.sources, data.train.sources), (data.dev.targets, data.train.targets))
    compared = Corpus(*([*dev, *train][: max(_COMPARED, len(dev))] for dev, train in sides))
    record = {"pairs": len(learned.encoded), "parent": parent.config.name}
    test = data.test if len(data.test) else None
    weights = blended(course.start, load_arrays(run / BEST), options.blend or 1.0)
    lent = {} if routing is None else lent_files(parent, routing)
    limit = None if routing is None else parent.config.max_source_tokens  # what both networks have learned to read
    folder = pack_run(
        run, recipe, learned.rounds, facts, compared, test, record, weights=weights, lent=lent, max_source_tokens=limit
    )
    scratch = _from_scratch(course, parent, options, show, tell) if options.from_scratch and test else None
    result = Finetuning(
        folder=folder,
        run=run,
        name=recipe.name,
        pair=(recipe.source_language, recipe.target_language),
        parent=parent.config.name,
        reason=parent.reason,
        warnings=data.warnings,
        measured=_with_those_before(tuple(_measure_all(folder, parent, recipe, data, scratch)), run, state.update),
        updates=state.update,
        best_update=state.best_update,
        seconds=round(state.seconds, 1),
    )
    section = card_section(result.measured, result.titles(), CURVES)
    card = (folder / bundle.CARD).read_text(encoding="utf-8") + "\n" + "\n".join(section) + "\n"
    bundle.replace_files(folder, {CURVES: learning_curves(state.history).encode()}, card)
    values = _record(result, course, learned, transferred, options)
    write_whole(run / RESULT, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return result


def _facts(
    course: Course,
    learned: Learned,
    parent: Parent,
    transferred: Transferred,
    options: FinetuningConfig,
    routing: Routing | None,
) -> dict[str, str]:
    """For the card."""
    state, data = learned.rounds.progress, course.data
    source, target = (language(code).name for code in parent.pair)
    held = [f"MAP-L2 {options.near:g}"] if options.near else []
    held += [f"low-rank updates of rank {options.low_rank}"] if options.low_rank else []
    held += [f"frozen: {', '.join(options.freeze)}"] if options.freeze else []
    if data.mix is not None:
        kind = "old pairs mixed in" if options.mix else "everyday sentences rehearsed"
        kind += ", as the parent holds them likely," if course.rehearses else ""
        held.append(f"{data.mix_share:.3g} {kind} for each new one, of {len(data.mix):,}")
    if (share := options.blend or 1.0) < 1:
        held.append(f"finished weights that are {share:.3g} of the learned ones and {1 - share:.3g} of the parent's")
    beside = f"{kept_network(parent)}, beside it in this bundle, translates what is not of the new kind; {routing}"
    left_out, shrink = f"{learned.encoded.num_left_out:,} longer ones left out", options.shrink or 1.0
    phrases = f"; {data.num_phrases:,} of them are phrases found in the others" if data.num_phrases else ""
    return {
        "Fine-tuned from": f"{parent.config.name} ({source} to {target}, weights "
        f"sha256 {parent.config.sha256.get(bundle.WEIGHTS, 'unknown')[:16]})",
        "Source vocabulary": str(transferred.source),
        "Target vocabulary": str(transferred.target),
        **({"First weights": f"the parent's matrices times {shrink:.3g}"} if shrink < 1 else {}),
        "Pairs": f"{len(learned.encoded):,} for training ({left_out}{phrases}), "
        f"{len(learned.rounds.watch):,} to watch it, {len(data.test):,} for the scores below",
        "Updates": f"{state.update:,} batches of about {course.recipe.training.batch_tokens:,} target tokens, "
        f"the best weights on dev after {state.best_update:,}",
        **({} if routing is None else {"Two networks": beside}),
        "Kept near the parent by": "; ".join(held) or "nothing",
        "Time": time_fact(learned.rounds),
        "Reproduce": f"`nmt finetune` from {parent.config.name} with the options in {RESULT}",
    }


def _from_scratch(course: Course, parent: Parent, options: FinetuningConfig, show: bool, tell: Tell) -> Path:
    """A model of the same sizes that learns from the new data alone."""
    run, data = course.run / SCRATCH, course.data
    pair = course.recipe.source_language, course.recipe.target_language
    usual = usual_for(None, pair, data)
    plain = FinetuningConfig(minutes=_PATIENT * options.minutes, vocab_size=options.vocab_size, seed=options.seed)
    size = options.vocab_size or round(usual.vocab_size)
    sizes = dataclasses.replace(course.recipe.data, source_vocab_size=size, target_vocab_size=size)
    run.mkdir(exist_ok=True)
    wanted = dataclasses.replace(course.recipe, data=sizes)
    tokenizers = kept_tokenizers(run, lambda: train_tokenizers(wanted, data.train))
    alone = dataclasses.replace(data, mix=None, mix_share=0.0)
    recipe = plan_recipe(plain, usual, parent, pair, f"{course.recipe.name}-from-scratch", tokenizers, alone)
    recipe = dataclasses.replace(recipe, licence=options.licence, data_credit=options.data_credit)  # nothing of theirs
    write_recipe(run, recipe)
    tell("the same from nothing, to compare")
    learned = learn(Course(run, recipe, tokenizers, alone), show, tell)
    if not is_written(run / BUNDLE, learned.rounds.progress):
        facts = {"Time": time_fact(learned.rounds)}
        pack_run(run, recipe, learned.rounds, facts, data.dev, data.test)
    return run / BUNDLE


def _measure_all(
    folder: Path, parent: Parent, recipe: Recipe, data: FinetuningData, scratch: Path | None
) -> list[Measured]:
    """Scores of the child beside those of its parent, and of a model from nothing."""
    before, after = Translator.load(parent.folder), Translator.load(folder)
    measured = []
    if len(data.test):
        # Also into another language: what the parent's own has in common with it is no merit of the child.
        systems = {"before": before} if same_language(parent.pair[0], recipe.source_language) else {}
        measured += measure("new", data.test, {**systems, "after": after}, recipe.target_language)
    if data.old_test is not None:
        measured += measure("old", data.old_test, {"before": before, "after": after}, recipe.target_language)
    if scratch is not None:
        systems = {"from nothing": Translator.load(scratch), "after": after}
        measured += measure("scratch", data.test, systems, recipe.target_language)
    return measured


def _with_those_before(measured: tuple[Measured, ...], run: Path, updates: int) -> tuple[Measured, ...]:
    """And what was measured of the same weights on tests that were asked for when the command was given before."""
    try:
        values = json.loads((run / RESULT).read_text(encoding="utf-8"))
        before = [Measured(**one) for one in values["measured"]] if values["updates"] == updates else []
    except (OSError, ValueError, KeyError, TypeError):
        return measured
    tests = {one.test for one in measured}
    return (*measured, *(one for one in before if one.test not in tests))


def _record(
    result: Finetuning, course: Course, learned: Learned, transferred: Transferred, options: FinetuningConfig
) -> dict[str, Any]:
    """Everything for programs, of values that JSON knows."""
    data = course.data
    values = dataclasses.asdict(result)
    for name in ("folder", "run"):
        del values[name]
    history = [{k: v if math.isfinite(v) else None for k, v in row.items()} for row in learned.rounds.progress.history]
    return {
        **values,
        "pairs": {
            "read": data.report.num_read,
            "train": len(learned.encoded),
            "too_long": learned.encoded.num_left_out,
            "mixed": 0 if data.mix is None else len(data.mix),
            "dev": len(data.dev),
            "test": len(data.test),
        },
        "source_rows": dataclasses.asdict(transferred.source),
        "target_rows": dataclasses.asdict(transferred.target),
        "options": dataclasses.asdict(options),
        "recipe": dataclasses.asdict(course.recipe),
        "rounds": history,
    }
