"""Training a model from a recipe, through `keras.Model.fit`.

A run is cut into rounds of a fixed number of updates (see `rounds`), each with a checkpoint at its end, so a killed run
continues at its last round. The run's folder holds

    recipe.json      what is being trained; another recipe is refused
    data.sha256      a checksum of the train and dev text; other text is refused
    source.model, target.model
    checkpoint.npz   everything that the next round depends on
    best.npz         the averaged weights that scored best on dev
    log.csv          a line per round;  tensorboard/ the same as curves
    bundle/          the finished model; with several target languages bundle-de/, bundle-fr/, one for each
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nmt.backend.processes import spread
from nmt.config import TARGET, Recipe, load_recipe
from nmt.corpora.corpus import Corpus, located, read_corpus
from nmt.errors import TrainingError
from nmt.training.batches import EncodedCorpus, encode_corpus
from nmt.training.fitting import batch_plan, build_model, computing, fit, pack_run, time_fact
from nmt.training.mixing import read_mixture, shares_of
from nmt.training.parallel import ALONE, Processes, from_first, joined
from nmt.training.rounds import Rounds
from nmt.training.run_folder import (
    BUNDLE,
    bundle_name,
    check_data,
    check_recipe,
    is_written,
    kept_tokenizers,
    saying_what_is_saved,
    train_tokenizers,
    write_recipe,
)
from nmt.training.targets import Target, targets_of


def train(
    recipe_path: str | Path,
    *,
    output: str | Path | None = None,
    progress: bool = True,
    processes: Processes = ALONE,
) -> Path:
    """Train a model, or go on with a run that was cut off.

    Args:
        recipe_path: the recipe file (TOML, see `nmt.config.Recipe`).
        output: folder of the run; default the recipe's, else `runs/<name>`.
        progress: whether to show a bar, and a line for each round, on standard error.
        processes: which of how many processes this is, if several train the model together (see `parallel`).

    Returns:
        The folder of the finished bundle, which the first process writes; where the recipe has `other_targets`, that
        of the run, which has a bundle for each language.

    Raises:
        ConfigError, CorpusError: the recipe or its data cannot be used.
        TrainingError: the folder holds a run of another recipe, its checkpoint cannot be read or written, or the
            loss is no longer a number.
    """
    recipe_path = Path(recipe_path)
    recipe = load_recipe(recipe_path)
    run = (
        Path(output) if output else recipe_path.parent / recipe.output if recipe.output else Path("runs") / recipe.name
    )
    with joined(processes, run) as own, saying_what_is_saved(own):
        rest = _train(recipe, recipe_path, own, progress and processes.number == 0)
    if rest is not None and processes.number == 0:
        rest()
    return run if recipe.other_targets else run / BUNDLE


def _train(recipe: Recipe, recipe_path: Path, run: Path, progress: bool) -> Callable[[], None] | None:
    """Train to the end; returns what is left to be done by the first process alone, if anything is."""
    check_recipe(run, recipe)
    if not recipe.data.train or not recipe.data.dev:
        raise TrainingError(
            f"{recipe_path}: [data] needs both train and dev; `nmt data prepare` makes them from one file"
        )
    base, languages = recipe_path.parent, recipe.target_languages
    dev = _by_language(recipe.data.dev, base, recipe)
    test = _by_language(recipe.data.test, base, recipe) if recipe.data.test else {}
    places = [(place.replace(TARGET, code), code) for code in languages for place in recipe.data.train]
    mixture = read_mixture(
        [located(place, base) for place, _ in places],
        recipe.source_language,
        [code for _, code in places],
        run,
        progress=progress,
    )
    check_data(run, mixture.corpus, *dev.values())
    # Only now, so that a recipe that cannot be used can be corrected without choosing another folder.
    write_recipe(run, recipe)
    tokenizers = from_first(recipe, run, lambda: kept_tokenizers(run, lambda: train_tokenizers(recipe, mixture.corpus)))

    with spread(), computing(recipe.training) as shards:
        model = build_model(recipe, *tokenizers, shards, tell=_say if progress else None)
        rounds = Rounds(run, recipe, model, tokenizers, dev, progress)
        targets = targets_of(recipe, tokenizers[1])
        if rounds.is_over() and all(is_written(run / bundle_name(recipe, code), rounds.progress) for code in languages):
            return None
        encoded = encode_corpus(mixture.corpus, *tokenizers, recipe.data.max_tokens, run)
        sizes = encoded.sizes(mixture.sizes)
        shares = shares_of(sizes, recipe.data.weights * len(languages))
        starts = np.repeat([target.start for target in targets for _ in recipe.data.train], sizes)
        plan = batch_plan(encoded, tokenizers, recipe, shares=shares, starts=starts, folder=run)
        fit(model, plan, recipe.training, rounds)

    def finish() -> None:
        for target in targets:
            if not is_written(run / bundle_name(recipe, target.language), rounds.progress):
                _finish(run, recipe, rounds, target, encoded, dev[target.language], test.get(target.language))

    return finish


def _by_language(place: str, base: Path, recipe: Recipe) -> dict[str, Corpus]:
    """A part of the data in each of the target languages."""
    return {
        code: read_corpus(located(place.replace(TARGET, code), base), recipe.source_language, code)
        for code in recipe.target_languages
    }


def _say(line: str) -> None:
    """Write a line above the bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def _finish(
    run: Path,
    recipe: Recipe,
    rounds: Rounds,
    target: Target,
    encoded: EncodedCorpus,
    dev: Corpus,
    test: Corpus | None,
) -> None:
    """Write the bundle with the best weights, scored on the test part."""
    state = rounds.progress
    num_tokens = recipe.training.accumulate * recipe.training.batch_tokens
    facts = {
        "Pairs": f"{len(encoded):,} for training ({encoded.num_left_out:,} longer ones left out), "
        f"{len(test) if test else 0:,} for the scores below",
        **_mixture_fact(recipe),
        **_targets_fact(recipe),
        "Updates": f"{state.update:,} batches of about {num_tokens:,} target tokens, "
        f"the best weights on dev after {state.best_update:,}",
        "Time": time_fact(rounds),
        "Reproduce": f"`nmt train {recipe.name}.toml` with the recipe of that name",
    }
    pack_run(run, recipe, rounds, facts, dev, test, {"pairs": len(encoded)}, target)


def _targets_fact(recipe: Recipe) -> dict[str, str]:
    """For the card: what else the network has learned to translate into."""
    if not recipe.other_targets:
        return {}
    return {"Languages": f"one network learned to translate into {', '.join(recipe.target_languages)}"}


def _mixture_fact(recipe: Recipe) -> dict[str, str]:
    """For the card: which corpora were mixed, and how often each was seen."""
    places, weights = recipe.data.train, recipe.data.weights or (1.0,) * len(recipe.data.train)
    if len(places) < 2:
        return {}
    parts = (f"`{place}` {weight:g}×" for place, weight in zip(places, weights, strict=True))
    return {"Mixture": f"in each pass over the data {', '.join(parts)}"}
