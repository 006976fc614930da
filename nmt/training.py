"""Training a model from a recipe, through `keras.Model.fit`.

A run is cut into rounds of a fixed number of updates (`nmt.rounds`), each with a checkpoint at its end, so a killed run
continues at its last round. The run's folder holds

    recipe.json      what is being trained; another recipe is refused
    data.sha256      a checksum of the train and dev text; other text is refused
    source.model, target.model
    checkpoint.npz   everything that the next round depends on
    best.npz         the averaged weights that scored best on dev
    log.csv          a line per round;  tensorboard/ the same as curves
    bundle/          the finished model
"""

import dataclasses
import gc
import hashlib
import json
import math
import os
from pathlib import Path

from nmt import backend  # before Keras, since it tells TensorFlow to skip its greetings

# isort: split
import keras

from nmt import bundle, tokenizer
from nmt.batches import BatchPlan, EncodedCorpus, SourceNoise, encode_corpus
from nmt.checkpoint import Progress, load_arrays
from nmt.config import Recipe, TrainingConfig, load_recipe
from nmt.corpus import Corpus, read_corpus
from nmt.errors import BundleError, TrainingError
from nmt.languages import language
from nmt.model import TranslationModel
from nmt.packing import pack
from nmt.rounds import BEST, Rounds, bundle_config, write_whole
from nmt.tokenizer import Tokenizer

RECIPE, DATA, BUNDLE = "recipe.json", "data.sha256", "bundle"


def train(recipe_path: str | Path, *, output: str | Path | None = None, progress: bool = True) -> Path:
    """Train a model, or go on with a run that was cut off.

    Args:
        recipe_path: the recipe file (TOML, see `nmt.config.Recipe`).
        output: folder of the run; default the recipe's, else `runs/<name>`.
        progress: whether to show a bar, and a line for each round, on standard error.

    Returns:
        The folder of the finished bundle.

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
    same_recipe = _check_claim(run, recipe)
    corpora = {part: _read(recipe, recipe_path.parent, part) for part in ("train", "dev", "test")}
    train_corpus, dev_corpus = corpora["train"], corpora["dev"]
    if train_corpus is None or dev_corpus is None:
        raise TrainingError(
            f"{recipe_path}: [data] needs both train and dev; `nmt data prepare` makes them from one file"
        )
    _check_data(run, train_corpus, dev_corpus)
    # Only now, so that a recipe that cannot be used can be corrected without choosing another folder.
    run.mkdir(parents=True, exist_ok=True)
    write_whole(run / RECIPE, same_recipe)
    source, target = _tokenizers(run, recipe, train_corpus)

    shards = backend.shards_for_training()
    keras.utils.set_random_seed(recipe.training.seed)
    policy_before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_precision(recipe.training))
    try:
        model = build_model(recipe, source, target, shards)
        rounds = Rounds(run, recipe, model, (source, target), dev_corpus, progress)
        if rounds.is_over() and _is_written(run, rounds.progress):
            return run / BUNDLE
        encoded = encode_corpus(train_corpus, source, target, recipe.data.max_tokens)
        _fit(model, _plan(encoded, source, recipe), recipe.training, rounds)
    finally:
        keras.config.set_dtype_policy(policy_before)
    return _finish(run, recipe, rounds, encoded, dev_corpus, corpora["test"])


def build_model(recipe: Recipe, source: Tokenizer, target: Tokenizer, shards: int = 1) -> TranslationModel:
    """The recipe's network with its optimizer, sized for these tokenizers, compiled but untrained."""
    options = recipe.training
    sizes = dataclasses.replace(recipe.model, source_vocab_size=source.vocab_size, target_vocab_size=target.vocab_size)
    model = TranslationModel(sizes, label_smoothing=options.label_smoothing, shards=shards)
    optimizer = backend.adam(
        options.learning_rate,
        beta_2=0.98,
        global_clipnorm=options.clip_norm,
        use_ema=options.ema > 0,
        ema_momentum=options.ema,
    )
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=False)
    return model


def _check_claim(run: Path, recipe: Recipe) -> str:
    """The content of the run's recipe.json; refused where the folder holds a run of another recipe."""
    # How long to train may change between two starts of the same run; what is trained may not.
    same = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, patience=1, hours=0.0), output="")
    text = json.dumps(dataclasses.asdict(same), indent=2, ensure_ascii=False)
    path = run / RECIPE
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise TrainingError(
            f"{run} holds a run of another recipe (see its {RECIPE}); choose another folder with --output, or delete it"
        )
    return text


def _check_data(run: Path, *corpora: Corpus) -> None:
    """Refuse to go on with a run whose data has changed: its batches and tokenizers are of the old data."""
    digest = hashlib.sha256()
    for corpus in corpora:
        for side in (corpus.sources, corpus.targets):
            digest.update("\n".join(side).encode("utf-8", "replace") + b"\0")
    path = run / DATA
    known = path.read_text(encoding="utf-8") if path.exists() else None
    if known == digest.hexdigest():
        return
    if known is not None:
        raise TrainingError(
            f"the train or dev text has changed since the run in {run} began; "
            "choose another folder with --output, or delete it"
        )
    run.mkdir(parents=True, exist_ok=True)
    write_whole(path, digest.hexdigest())


def _read(recipe: Recipe, base: Path, part: str) -> Corpus | None:
    place = getattr(recipe.data, part)
    return read_corpus(base / place, recipe.source_language, recipe.target_language) if place else None


def _tokenizers(run: Path, recipe: Recipe, corpus: Corpus) -> tuple[Tokenizer, Tokenizer]:
    paths = run / bundle.SOURCE_TOKENIZER, run / bundle.TARGET_TOKENIZER
    if not all(path.exists() for path in paths):
        data, seed = recipe.data, recipe.training.seed
        spaces = [language(code).uses_spaces for code in (recipe.source_language, recipe.target_language)]
        if data.joint_vocab:
            text = [*corpus.sources, *corpus.targets]
            joint = tokenizer.train(text, data.target_vocab_size, side="target", uses_spaces=any(spaces), seed=seed)
            made = [joint, joint]
        else:
            made = [
                tokenizer.train(
                    corpus.sources, data.source_vocab_size, side="source", uses_spaces=spaces[0], seed=seed
                ),
                tokenizer.train(
                    corpus.targets, data.target_vocab_size, side="target", uses_spaces=spaces[1], seed=seed
                ),
            ]
        for path, one in zip(paths, made, strict=True):
            one.save(path.with_suffix(".writing"))
            os.replace(path.with_suffix(".writing"), path)
    return Tokenizer.load(paths[0]), Tokenizer.load(paths[1])


def _precision(options: TrainingConfig) -> str:
    if options.precision == "auto":
        return "mixed_bfloat16" if backend.processor_multiplies_bfloat16() else "float32"
    return options.precision


def _plan(encoded: EncodedCorpus, source: Tokenizer, recipe: Recipe) -> BatchPlan:
    options = recipe.training
    noise = SourceNoise(encoded, source, options.source_noise, recipe.data.max_tokens, options.seed)
    return BatchPlan(encoded, options.batch_tokens, options.seed, noise if options.source_noise else None)


def _fit(model: TranslationModel, plan: BatchPlan, options: TrainingConfig, rounds: Rounds) -> None:
    size = options.updates_per_round
    if rounds.is_over():
        return
    rounds.tokens_per_batch = plan.tokens_per_batch()
    callbacks: list[keras.callbacks.Callback] = [rounds]
    if backend.uses_tensorflow():
        callbacks.append(keras.callbacks.TensorBoard(rounds.run / "tensorboard", write_graph=False))
    model.fit(
        backend.feed(plan.batches(first=rounds.progress.update)),
        steps_per_epoch=size,
        initial_epoch=rounds.progress.update // size,
        epochs=math.ceil(options.updates / size),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    gc.collect()  # Keras's iterator over the batches is in a cycle; left to the exit, TensorFlow would warn there


def _is_written(run: Path, progress: Progress) -> bool:
    """Whether the bundle of this state of the run is there, its card included, which is written last."""
    try:
        updates = bundle.read_config(run / BUNDLE).training.get("updates")
        return updates == progress.update and (run / BUNDLE / bundle.CARD).stat().st_size > 0
    except (BundleError, OSError):
        return False


def _finish(
    run: Path, recipe: Recipe, rounds: Rounds, encoded: EncodedCorpus, dev: Corpus, test: Corpus | None
) -> Path:
    """Write the bundle with the best weights, scored on the test part."""
    state = rounds.progress
    facts = {
        "Pairs": f"{len(encoded):,} for training ({encoded.num_left_out:,} longer ones left out), "
        f"{len(test) if test else 0:,} for the scores below",
        "Updates": f"{state.update:,} batches of about {recipe.training.batch_tokens:,} target tokens, "
        f"the best weights on dev after {state.best_update:,}",
        "Time": f"{state.seconds / 3600:.2f} hours on {os.cpu_count()} processor cores, {_precision(recipe.training)}",
        "Reproduce": f"`nmt train {recipe.name}.toml` with the recipe of that name",
    }
    config = dataclasses.replace(
        bundle_config(recipe, rounds.network),
        training={"updates": state.update, "hours": round(state.seconds / 3600, 3), "best_update": state.best_update},
    )
    tokenizers = {name: run / name for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)}
    return pack(run / BUNDLE, config, load_arrays(run / BEST), tokenizers, dev, test, facts)
