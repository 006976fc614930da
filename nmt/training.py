"""Training a model from a recipe, through `keras.Model.fit`.

A run is cut into rounds of a fixed number of updates. A round ends with a translation of the dev part, by the averaged
weights and the real search, and with a checkpoint, so a killed run continues at its last round. The run's folder holds

    recipe.json      what is being trained; another recipe is refused
    source.model, target.model
    checkpoint.npz   everything that the next round depends on
    best.npz         the averaged weights that scored best on dev
    log.csv          a line per round;  tensorboard/ the same as curves
    bundle/          the finished model
"""

import csv
import dataclasses
import gc
import io
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import keras
from keras import ops

from nmt import backend, bundle, tokenizer
from nmt.batches import BatchPlan, EncodedCorpus, encode_corpus
from nmt.bundle import BundleConfig
from nmt.checkpoint import Progress, load_arrays, load_checkpoint, save_arrays, save_checkpoint
from nmt.config import Recipe, SearchConfig, TrainingConfig, load_recipe
from nmt.corpus import Corpus, read_corpus
from nmt.engines.keras import KerasEngine
from nmt.errors import BundleError, TrainingError
from nmt.evaluation import Score, corpus_scores
from nmt.languages import language
from nmt.model import TranslationModel
from nmt.packing import pack
from nmt.tokenizer import Tokenizer
from nmt.translator import Translator

RECIPE, CHECKPOINT, BEST, LOG, BUNDLE = "recipe.json", "checkpoint.npz", "best.npz", "log.csv", "bundle"


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
    # Only now, so that a recipe that cannot be used can be corrected without choosing another folder.
    run.mkdir(parents=True, exist_ok=True)
    _write_whole(run / RECIPE, same_recipe)
    source, target = _tokenizers(run, recipe, train_corpus)

    keras.utils.set_random_seed(recipe.training.seed)
    policy_before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_precision(recipe.training))
    try:
        model = build_model(recipe, source, target)
        rounds = _Rounds(run, recipe, model, (source, target), dev_corpus, progress)
        if rounds.is_over() and _is_written(run, rounds.progress):
            return run / BUNDLE
        encoded = encode_corpus(train_corpus, source, target, recipe.data.max_tokens)
        _fit(model, encoded, recipe.training, rounds)
    finally:
        keras.config.set_dtype_policy(policy_before)
    return _finish(run, recipe, rounds, encoded, corpora["test"])


def build_model(recipe: Recipe, source: Tokenizer, target: Tokenizer) -> TranslationModel:
    """The recipe's network with its optimizer, sized for these tokenizers, compiled but untrained."""
    options = recipe.training
    sizes = dataclasses.replace(recipe.model, source_vocab_size=source.vocab_size, target_vocab_size=target.vocab_size)
    model = TranslationModel(sizes, label_smoothing=options.label_smoothing)
    optimizer = keras.optimizers.Adam(
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


def _write_whole(path: Path, text: str) -> None:
    """Write a text file that is at every moment the old one or the new one."""
    temporary = path.with_suffix(".writing")
    temporary.write_text(text, encoding="utf-8", newline="")
    os.replace(temporary, path)


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


def _fit(model: TranslationModel, encoded: EncodedCorpus, options: TrainingConfig, rounds: "_Rounds") -> None:
    plan = BatchPlan(encoded, options.batch_tokens, options.seed)
    size = options.updates_per_round
    if rounds.is_over():
        return
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


class _Rounds(keras.callbacks.Callback):
    """Sets the learning rate before each update; at the end of a round evaluates, keeps the best, and saves."""

    def __init__(
        self,
        run: Path,
        recipe: Recipe,
        model: TranslationModel,
        tokenizers: tuple[Tokenizer, Tokenizer],
        dev: Corpus,
        show: bool,
    ):
        super().__init__()
        self.run, self.recipe, self.options, self.tokenizers = run, recipe, recipe.training, tokenizers
        self.network = model
        count = min(len(dev), self.options.dev_sentences)
        self.dev = Corpus(dev.sources[:count], dev.targets[:count])
        self._translator = make_translator(model, recipe, tokenizers)
        self._show = show
        self.progress = load_checkpoint(run / CHECKPOINT, model) or Progress()
        self._bar: Any = None
        self._tokens = 0.0
        self._mark = 0.0

    def is_over(self) -> bool:
        """Whether there is nothing left to train."""
        state, options = self.progress, self.options
        hours_over = options.hours > 0 and state.seconds >= options.hours * 3600
        return state.update >= options.updates or hours_over or state.rounds_without_gain >= options.patience

    def share_done(self) -> float:
        """How much of the run lies behind, 0 to 1, by updates or by time, whichever is further."""
        share = self.progress.update / self.options.updates
        if self.options.hours > 0:
            share = max(share, self.progress.seconds / (self.options.hours * 3600))
        return min(1.0, share)

    def on_train_begin(self, logs: Any = None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=100, disable=not self._show, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}")
        self._mark = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        rate = learning_rate(self.options, self.progress.update, self.share_done())
        self.network.optimizer.learning_rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count_time()
        self.progress.update += 1
        if self._bar is not None and self.progress.update % 20 == 0:
            rate = self.options.batch_tokens * self.progress.update / self.progress.seconds
            self._bar.set_postfix_str(
                f"update {self.progress.update:,}, loss {(logs or {}).get('loss', math.nan):.3f}, {rate:,.0f} tokens/s",
                refresh=False,
            )
            self._bar.update(100 * self.share_done() - self._bar.n)
        if self.is_over():  # in the middle of a round, too
            self.network.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        loss = float((logs or {}).get("loss", math.nan))
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} after update {self.progress.update}; lower [training] learning_rate or "
                "clip_norm in the recipe and train again, into another folder"
            )
        scores = self._evaluate()
        self._count_time()  # evaluation is part of what training costs
        self.progress.record(loss, {score.name: score.value for score in scores}, self.options)
        if self.progress.rounds_without_gain == 0:
            with _averaged(self.network):
                save_arrays(self.run / BEST, self.network.named_weights())
        # The checkpoint comes last: a run killed before it repeats the round and writes the same files again.
        _write_log(self.run / LOG, self.progress.history)
        save_checkpoint(self.run / CHECKPOINT, self.network, self.progress)
        if self._show:
            figures = ", ".join(f"{score.name} {score.value:.1f}" for score in scores)
            self._bar.write(f"update {self.progress.update:,}: loss {loss:.3f}, dev {figures}", file=sys.stderr)
        if logs is not None:
            logs.update({f"dev_{score.name}": score.value for score in scores})
        if self.is_over():
            self.network.stop_training = True

    def _count_time(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self._mark
        self._mark = now

    def on_train_end(self, logs: Any = None) -> None:
        self._bar.close()

    def _evaluate(self) -> list[Score]:
        with _averaged(self.network):
            translations = self._translator.translate_batch(self.dev.sources, SearchConfig(beam_size=1))
        texts = [translation.text for translation in translations]
        return [s for s in corpus_scores(texts, self.dev.targets, self.recipe.target_language) if s.name != "TER"]


def learning_rate(options: TrainingConfig, update: int, share_done: float) -> float:
    """Linear warm-up, then a cosine to the final rate over the share of the run done (Loshchilov & Hutter 2017, 3)."""
    warm = min(1.0, (update + 1) / options.warmup_updates)
    span = options.learning_rate - options.final_learning_rate
    return warm * (options.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * share_done)))


class _averaged:
    """While it lasts, the model has the moving average of its weights (where the optimizer keeps one)."""

    def __init__(self, model: TranslationModel):
        averages = (
            getattr(model.optimizer, "_model_variables_moving_average", None) if model.optimizer.use_ema else None
        )
        self._pairs = list(zip(model.trainable_variables, averages or [], strict=False))

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    def _swap(self) -> None:
        for variable, average in self._pairs:
            held = ops.copy(ops.convert_to_tensor(variable))
            variable.assign(ops.convert_to_tensor(average))
            average.assign(held)


def make_translator(model: TranslationModel, recipe: Recipe, tokenizers: tuple[Tokenizer, Tokenizer]) -> Translator:
    """A translator around a model in memory, as the bundle's own would be."""
    return Translator(KerasEngine(model), *tokenizers, bundle_config(recipe, model))


def bundle_config(recipe: Recipe, model: TranslationModel) -> BundleConfig:
    """The `config.json` of a model of this recipe, without scores."""
    return BundleConfig(
        name=recipe.name,
        source_language=recipe.source_language,
        target_language=recipe.target_language,
        model=model.config,
        search=recipe.search,
        licence=recipe.licence,
        data_credit=recipe.data_credit,
        max_source_tokens=recipe.data.max_tokens,
    )


def _write_log(path: Path, history: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    _write_whole(path, text.getvalue())


def _is_written(run: Path, progress: Progress) -> bool:
    """Whether the bundle of this state of the run is there, its card included, which is written last."""
    try:
        updates = bundle.read_config(run / BUNDLE).training.get("updates")
        return updates == progress.update and (run / BUNDLE / bundle.CARD).stat().st_size > 0
    except (BundleError, OSError):
        return False


def _finish(run: Path, recipe: Recipe, rounds: _Rounds, encoded: EncodedCorpus, test: Corpus | None) -> Path:
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
    return pack(run / BUNDLE, config, load_arrays(run / BEST), tokenizers, rounds.dev, test, facts)
