"""Fine-tuning: training that starts from a bundle, for another language or another kind of text, and ends in one.

It is a run like those of `nmt.training`, cut into rounds with checkpoints, so the same command goes on with one that
was cut off. The run's folder holds

    options.json      what was asked for, and the parent's checksum; another parent or other options are refused
    recipe.json       what that came to for data of this size
    data/             the text, cleaned, in the parts that training, dev and test use, and what is rehearsed
    data.sha256       its checksum; other text is refused
    source.model, target.model
    start.npz         the first weights, made from the parent's; start.json: where the rows of its embeddings come from
    checkpoint.npz, best.npz, log.csv, tensorboard/    as in `nmt.training`
    bundle/           the finished model
    from-scratch/     a run on the same data that starts from nothing, where one was asked for
    finetuning.json   what came of it, figures before and after
"""

import dataclasses
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nmt import bundle
from nmt.config import Recipe
from nmt.corpora.cleaning import keys_of, without
from nmt.corpora.corpus import Corpus, write_pair_files
from nmt.errors import ConfigError, TrainingError
from nmt.finetuning.config import FinetuningConfig, SizeDefaults
from nmt.finetuning.course import Tell, from_parent, learn, on_trial, plan_recipe, usual_for
from nmt.finetuning.data import FinetuningData, Places, check_old, parse_pair, read_data
from nmt.finetuning.ending import RESULT, Finetuning, finish, read_result
from nmt.finetuning.parents import candidates, explain
from nmt.finetuning.rehearsal import about_forgetting, keep, kept, rehearsal, rehearsal_share
from nmt.finetuning.routing import Routing, about_kinds, check_parent, find_routing, kept_network
from nmt.finetuning.start import (
    SIDES,
    Parent,
    Tokenizers,
    about_source,
    about_spelling,
    can_align,
    first_weights,
    load_parent,
    make_tokenizers,
    with_words,
)
from nmt.finetuning.transfer import Carried, Transferred
from nmt.training.checkpoint import load_arrays, save_arrays
from nmt.training.rounds import BEST, CHECKPOINT
from nmt.training.run_folder import (
    RECIPE,
    check_data,
    kept_tokenizers,
    read_recipe,
    saying_what_is_saved,
    write_recipe,
    write_whole,
)

OPTIONS, START, ROWS, PARTS = "options.json", "start.npz", "start.json", "data"


@dataclass(frozen=True, eq=False)
class _Job:
    """All that is known before anything is written; `options` with what was not said."""

    options: FinetuningConfig
    parent: Parent
    pair: tuple[str, str]
    data: FinetuningData
    tokenizers: Tokenizers
    usual: SizeDefaults
    routing: Routing | None  # None: the child alone translates


def finetune(
    data: Places,
    output: str | Path,
    options: FinetuningConfig | None = None,
    *,
    progress: bool = True,
    tell: Tell | None = None,
) -> Finetuning:
    """Make a model from another one, or go on with a run that was cut off.

    Args:
        data: the pairs to learn from, as `read_corpus` takes them: a prefix (`corpus/train` stands for
            `corpus/train.en` and `corpus/train.it`) or one file with both sides (.tsv, .csv, .jsonl, .parquet,
            .tmx). Several are learned from as if they were one.
        output: folder of the run; the model is in `bundle` within, and is found by either name.
        options: the parent, the languages, and how; default: the best parent there is, and what suits the data.
        progress: whether to show a bar, and a line for each round, on standard error.
        tell: takes lines for the reader: the choice of the parent, warnings, how long it will take.

    Raises:
        ConfigError: an option that cannot be, or no data.
        CorpusError: data that cannot be read or used.
        BundleError: a parent that is not there, or without training weights.
        TrainingError: the folder holds something else, or the run in it is of other options or data.

    Example:
        nmt.finetune("manuals.tsv", "models/en-ja-manuals", nmt.FinetuningConfig(parent="en-ja"))
    """
    run, options, tell = Path(output), options or FinetuningConfig(), tell or (lambda line: None)
    with saying_what_is_saved(run):
        return _finetune(data, run, options, progress, tell)


def _finetune(data: Places, run: Path, options: FinetuningConfig, progress: bool, tell: Tell) -> Finetuning:
    known = _claim_of(run)
    job = _prepare(data, run, options, known, tell)
    for warning in job.data.warnings:
        tell(f"warning: {warning}")
    _claim(run, job, known)
    job, options = _with_rehearsal(run, job, tell), job.options
    recipe = plan_recipe(
        options, job.usual, job.parent, job.pair, options.name or run.resolve().name, job.tokenizers, job.data
    )
    _keep(run, job, recipe)
    if (run / RESULT).exists() and not all((run / name).exists() for name in (CHECKPOINT, BEST)):
        result = read_result(run, options)
        if result is None:
            raise TrainingError(
                f"the fine-tuning in {run} is over and its {CHECKPOINT} or {BEST} is gone, so nothing can be added "
                "to it; choose another folder with --out, or use nmt evaluate"
            )
        return result
    tokenizers = kept_tokenizers(run, lambda: job.tokenizers)
    start = _start(run, job, tokenizers, tell)

    recipe = _same_recipe(run, recipe)
    is_continued = job.parent.is_continued_by(job.pair, tokenizers) and (options.shrink or 1.0) == 1
    course = from_parent(run, recipe, tokenizers, job.data, options, start.weights, job.parent, is_continued)
    learned = learn(course, progress, tell)
    result = read_result(run, options)
    if result is not None and result.updates == learned.rounds.progress.update:
        return result
    return finish(course, learned, job.parent, start, options, job.routing, progress, tell)


def _prepare(places: Places, run: Path, options: FinetuningConfig, known: dict[str, Any] | None, tell: Tell) -> _Job:
    """Read everything and choose everything, so that what cannot be used is refused before anything is written."""
    asked = options.parent or (known["parent_folder"] if known else "")
    parent = load_parent(asked, known["reason"] if known and not options.parent else "") if asked else None
    if parent is None and not options.pair:
        raise ConfigError("say which languages, such as --to en-it, or which model to start from, such as --from en-ja")
    pair = parse_pair(options.pair) if options.pair else parent.pair if parent else ("", "")
    if parent is not None:
        check_old(options, pair, parent.pair)
    data = read_data(places, pair, options)
    if parent is None:
        parent = _choose(pair, data, options, tell)
        check_old(options, pair, parent.pair)
    began = known["options"].get("route", "no") if known else "auto"
    as_began = dataclasses.replace(options, route=began) if options.route == "auto" else options
    routing = find_routing(as_began, parent, pair, data)
    check_parent(parent, routing)
    wanted = options if routing is None else with_words(options, parent, pair, data.train)
    has_own_words = routing is not None and wanted.target_vocabulary == "new"
    usual = usual_for(parent, pair, data, routing is not None, has_own_words)
    tokenizers = make_tokenizers(parent, pair, data.train, wanted, usual)
    warnings = (
        *data.warnings,
        *about_source(parent, pair),
        *about_spelling(parent, tokenizers, data.train),
        *(about_forgetting(options, pair, parent.pair, data.num_pairs) if routing is None else ()),
        *about_kinds(parent, routing),
    )
    data = dataclasses.replace(data, warnings=warnings)
    share = rehearsal_share(options, pair, parent.pair)
    is_continued = parent.is_continued_by(pair, tokenizers)
    if routing is not None:
        tell(f"{kept_network(parent)} stays beside the new one, for all text that is not of the new kind: {routing}")
    began_with = known["options"] if known else None
    settled = options.settled(is_continued, share, routing is not None, usual.shrink, began_with)
    return _Job(settled, parent, pair, data, tokenizers, usual, routing)


def _choose(pair: tuple[str, str], data: FinetuningData, options: FinetuningConfig, tell: Tell) -> Parent:
    ranked = candidates(pair, data.train, options.vocab_size or 1000)
    if options.trial_updates and len(ranked) > 1:
        ranked = on_trial(ranked, pair, data, options, tell)
    reason = explain(ranked, pair)
    tell(f"starting from {reason}")
    return load_parent(ranked[0].folder, reason)


def _claim_of(run: Path) -> dict[str, Any] | None:
    """What the run in the folder was started with; None where the folder is new or empty."""
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return None
    try:
        known = json.loads((run / OPTIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if isinstance(known, dict) and known.keys() >= {"options", "parent_folder", "parent_sha256", "reason", "pair"}:
        return known
    raise TrainingError(f"{run} holds something that is no fine-tuning; choose a new folder with --out, or empty it")


def _claim(run: Path, job: _Job, known: dict[str, Any] | None) -> None:
    """Note what is done in the folder, or refuse one in which something else is being done."""
    values = {
        "options": _lasting(job.options),
        "pair": "-".join(job.pair),
        "parent_folder": str(job.parent.folder.resolve()),
        "parent_sha256": job.parent.config.sha256.get(bundle.WEIGHTS, ""),
        "reason": job.parent.reason,
    }
    if known is not None:
        nothing = FinetuningConfig().settled(False, 0.0)
        same = {**_lasting(nothing), **known["options"]} == values["options"]
        if not same or any(known[key] != values[key] for key in ("pair", "parent_sha256")):
            raise TrainingError(
                f"{run} holds a fine-tuning with other options or of another model (see its {OPTIONS}); "
                "choose another folder with --out, or delete it"
            )
    run.mkdir(parents=True, exist_ok=True)
    if known is None:
        write_whole(run / OPTIONS, json.dumps(values, indent=2, ensure_ascii=False))


def _with_rehearsal(run: Path, job: _Job, tell: Tell) -> _Job:
    """With the sentences that are rehearsed, if any are; translated when the run begins, and kept."""
    data, folder, share = job.data, run / PARTS, job.options.rehearse
    if not share:
        return job
    tests = [part for part in (data.dev, data.test) if len(part)]
    old = [] if data.old_test is None else [data.old_test]
    mix = kept(folder, job.pair)
    if mix is None:
        tell(f"{job.parent.config.name} translates everyday sentences, so that they are not forgotten")
        mix = rehearsal(job.parent, share * len(data.train), [*tests, *old])
        folder.mkdir(exist_ok=True)
        if len(mix):
            keep(folder, job.pair, mix)
    mix = without(mix, keys_of(tests))  # other ones, where the run was cut off before its data was noted
    if not len(mix):
        tell(f"warning: nothing is rehearsed: what {job.parent.config.name} makes of everyday sentences is not usable")
        return job
    if count := len(mix) - len(without(mix, keys_of(old))):
        tell(f"warning: {count:,} of the rehearsed sentences are in old-test, so less may seem forgotten")
    # Each at most once in a pass, so that large data does not teach them by heart.
    share = min(share, len(mix) / len(data.train))
    return dataclasses.replace(job, data=dataclasses.replace(data, mix=mix, mix_share=share))


def _keep(run: Path, job: _Job, recipe: Recipe) -> None:
    """Note what the run learns from, and how, or refuse to go on with other text."""
    data = job.data
    check_data(run, *(part for part in (data.train, data.dev, data.test, data.mix) if part is not None))
    write_recipe(run, recipe)
    (run / PARTS).mkdir(exist_ok=True)
    for name in ("train", "dev", "test"):
        part: Corpus = getattr(data, name)
        if len(part):
            write_pair_files(part, *(run / PARTS / f"{name}.{code}" for code in job.pair))


def _start(run: Path, job: _Job, tokenizers: Tokenizers, tell: Tell) -> Transferred:
    """The first weights, made when the run begins, and kept."""
    if not (run / START).exists():
        name, is_aligned = job.parent.config.name, can_align(job.parent, job.pair, tokenizers[1])
        if is_aligned:
            tell(f"{name} translates the text, to see which of its own words stand for the new ones")
        made = first_weights(job.parent, job.pair, tokenizers, job.data.train, job.options.seed, job.options.shrink)
        if is_aligned and not made.target.num_aligned:
            tell("warning: none of the new words could be aligned with its own; they start from their spelling")
        write_whole(run / ROWS, json.dumps({side: asdict(getattr(made, side)) for side in SIDES}, indent=2))
        save_arrays(run / START, made.weights)
    if not (run / ROWS).exists():  # begun by a version that aligned nothing
        made = first_weights(job.parent, job.pair, tokenizers, Corpus([], []), job.options.seed)
        return dataclasses.replace(made, weights=load_arrays(run / START))
    try:
        rows = json.loads((run / ROWS).read_text(encoding="utf-8"))
        source, target = (Carried(**rows[side]) for side in SIDES)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"cannot read {run / ROWS}: {error}; delete {run} to start again") from error
    return Transferred(load_arrays(run / START), source, target)


def _lasting(options: FinetuningConfig) -> dict[str, Any]:
    """The options that may not change between two starts of a run, as JSON has them."""
    lasting = dataclasses.replace(
        options, parent="", minutes=0.0, patience=1, from_scratch=False, old_test="", trial_updates=0
    )
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(lasting)))
    return values


def _same_recipe(run: Path, recipe: Recipe) -> Recipe:
    """The recipe that the run began with, for as long as is asked for now."""
    began = read_recipe(run / RECIPE)
    if began is None:
        raise TrainingError(f"{run / RECIPE} is damaged; delete {run} to start again")
    training = dataclasses.replace(began.training, hours=recipe.training.hours, patience=recipe.training.patience)
    return dataclasses.replace(began, training=training)
