"""What happens around the updates of a training run: the learning rate before each, and the end of each round.

A round ends with a translation of the dev part, by the averaged weights and the real search, and with a checkpoint.
"""

import csv
import dataclasses
import io
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmt.backend import keras, ops, processes
from nmt.bundle import BundleConfig
from nmt.config import Recipe
from nmt.corpora.corpus import Corpus
from nmt.errors import TrainingError
from nmt.evaluation.metrics import Score
from nmt.network.model import TranslationModel
from nmt.tokenizer import Tokenizer
from nmt.training.checkpoint import Progress, is_finite, load_checkpoint, save_arrays, save_checkpoint
from nmt.training.run_folder import LOG, write_whole
from nmt.training.schedule import learning_rate
from nmt.training.targets import Target, targets_of
from nmt.training.watching import Watch

CHECKPOINT, BEST = "checkpoint.npz", "best.npz"


class Rounds(keras.callbacks.Callback):
    """Sets the learning rate before each update; at the end of a round evaluates, keeps the best, and saves.

    Args:
        run: folder of the run.
        recipe: what is trained.
        model: compiled.
        tokenizers: source and target.
        dev: what to evaluate on, by target language.
        show: whether to draw a bar and write a line for each round.
    """

    def __init__(
        self,
        run: Path,
        recipe: Recipe,
        model: TranslationModel,
        tokenizers: tuple[Tokenizer, Tokenizer],
        dev: Mapping[str, Corpus],
        show: bool,
    ):
        super().__init__()
        self.run, self.recipe, self.options = run, recipe, recipe.training
        self.network = model
        configs = {target: bundle_config(recipe, model, target) for target in targets_of(recipe, tokenizers[1])}
        self.watch = Watch(model, tokenizers, configs, dev, self.options.dev_sentences)
        self._show = show
        # An upper bound until the batches are known.
        self.tokens_per_update = float(self.options.accumulate * self.options.batch_tokens)
        self.progress = load_checkpoint(run / CHECKPOINT, model) or Progress()
        self._bar: Any = None
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
        rate = learning_rate(self.options, self.progress.update, self.share_done(), self.progress.num_reductions)
        # By way of `model`, which under JAX fetches the variables that `fit` holds.
        self.model.optimizer.learning_rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count_time()
        self.progress.update += 1
        if self._bar is not None and self.progress.update % 20 == 0:
            self._check_loss(float((logs or {}).get("loss", 0.0)))
            rate = self.tokens_per_update * self.progress.update / self.progress.seconds
            self._bar.set_postfix_str(
                f"update {self.progress.update:,}, loss {(logs or {}).get('loss', math.nan):.3f}, {rate:,.0f} tokens/s",
                refresh=False,
            )
            self._bar.update(100 * self.share_done() - self._bar.n)
        if self.is_over():  # in the middle of a round, too
            self.network.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        loss = float((logs or {}).get("loss", math.nan))
        self._check_loss(loss)
        if not is_finite(self.network):  # the loss was that of the weights before the last update
            self._check_loss(math.nan)
        with averaged(self.network):
            scores = self._evaluate(loss)
        self._save()
        if self._show:
            self._bar.write(f"update {self.progress.update:,}: loss {loss:.3f}, {_said(scores)}", file=sys.stderr)
        if logs is not None:
            logs.update({f"dev_{score.name}": score.value for score in scores})
        if self.is_over():
            self.network.stop_training = True

    def _check_loss(self, loss: float) -> None:
        """Stop before anything is saved where there is nothing worth saving any more."""
        if math.isfinite(loss):
            return
        last = self.progress.history[-1]["update"] if self.progress.history else 0
        kept = f"the state after update {last:,.0f} is kept in {self.run}" if last else "nothing has been saved"
        raise TrainingError(
            f"the loss is {loss} after update {self.progress.update}; {kept}; lower the learning_rate or the clip_norm "
            "and train again, into another folder"
        )

    def evaluate_start(self) -> list[Score]:
        """Evaluate and save the weights that a run begins with, which may turn out to be the best."""
        self._mark = time.monotonic()
        scores = self._evaluate(math.nan)
        self._save()
        return scores

    def _count_time(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self._mark
        if self.options.hours > 0:  # all processes must stop after the same update
            self.progress.seconds = processes.number_of_first(self.progress.seconds)
        self._mark = now

    def on_train_end(self, logs: Any = None) -> None:
        self._bar.close()

    def _evaluate(self, loss: float) -> list[Score]:
        """Translate dev with the weights as they are, and keep them if none were better."""
        scores = [dataclasses.replace(s, value=processes.number_of_first(s.value)) for s in self.watch.scores()]
        self._count_time()  # evaluation is part of what training costs
        self.progress.record(loss, {score.name: score.value for score in scores}, self.tokens_per_update)
        if self.options.schedule == "plateau":
            self.progress.watch_plateau(self.options.plateau_patience)
        if self.progress.rounds_without_gain == 0 and processes.is_first():
            save_arrays(self.run / BEST, self.network.named_weights())
        return scores

    def _save(self) -> None:
        if not processes.is_first():
            return
        # The checkpoint comes last: a run killed before it repeats the round and writes the same files again.
        _write_log(self.run / LOG, self.progress.history)
        save_checkpoint(self.run / CHECKPOINT, self.network, self.progress)


def _said(scores: list[Score]) -> str:
    return "dev " + ", ".join(f"{score.name} {score.value:.1f}" for score in scores)


class averaged:
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


def bundle_config(recipe: Recipe, model: TranslationModel, target: Target) -> BundleConfig:
    """The `config.json` of a model of this recipe for one of its targets, without scores."""
    return BundleConfig(
        name=f"{recipe.name}-{target.language}" if recipe.other_targets else recipe.name,
        source_language=recipe.source_language,
        target_language=target.language,
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
    write_whole(path, text.getvalue())
