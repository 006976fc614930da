"""What every training run does with `keras.Model.fit`: the network and its optimizer, the batches, the updates."""

import contextlib
import dataclasses
import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmt import backend, bundle
from nmt.backend import keras
from nmt.config import Recipe, TrainingConfig
from nmt.corpora.corpus import Corpus
from nmt.network.model import TranslationModel
from nmt.processors import num_processors
from nmt.tokenizer import Tokenizer
from nmt.training import updates
from nmt.training.batches import BatchPlan, EncodedCorpus, SourceNoise
from nmt.training.checkpoint import load_arrays, restore, snapshot
from nmt.training.mixing import Share
from nmt.training.packing import pack
from nmt.training.rounds import BEST, Rounds, bundle_config
from nmt.training.run_folder import bundle_name
from nmt.training.sampling import SubwordSampling
from nmt.training.soft_targets import SoftTargets
from nmt.training.targets import Target, weights_for

_TIMED = 4  # updates that are timed


@contextlib.contextmanager
def computing(options: TrainingConfig) -> Iterator[int]:
    """Set threads, seeds and precision for a run; the number of shards of a batch. The precision is set back."""
    shards = backend.shards_for_training()
    keras.utils.set_random_seed(options.seed)
    policy_before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision(options))
    try:
        with backend.deterministic() if options.deterministic else contextlib.nullcontext():
            yield shards
    finally:
        keras.config.set_dtype_policy(policy_before)


def precision(options: TrainingConfig) -> str:
    """Of matrix products, as Keras calls it."""
    if options.precision == "auto":
        return "mixed_bfloat16" if backend.processor_multiplies_bfloat16() else "float32"
    return options.precision


def build_model(
    recipe: Recipe,
    source: Tokenizer,
    target: Tokenizer,
    shards: int = 1,
    prepare: Callable[[TranslationModel], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> TranslationModel:
    """The recipe's network with its optimizer, sized for these tokenizers, compiled but untrained.

    Args:
        prepare: what is to be done to the network before it gets its optimizer.
        tell: takes a line for the reader, should a batch not fit in memory.
    """
    options = recipe.training
    sizes = dataclasses.replace(recipe.model, source_vocab_size=source.vocab_size, target_vocab_size=target.vocab_size)
    model = TranslationModel(sizes, label_smoothing=options.label_smoothing, shards=shards)
    if prepare is not None:
        prepare(model)
    optimizer = backend.adam(
        options.learning_rate,
        beta_2=0.98,
        global_clipnorm=options.clip_norm,
        use_ema=options.ema > 0,
        ema_momentum=options.ema,
    )
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=backend.compiles_updates())
    updates.install(model, options.accumulate, tell or (lambda line: None))
    return model


def batch_plan(
    encoded: EncodedCorpus,
    tokenizers: tuple[Tokenizer, Tokenizer],
    recipe: Recipe,
    old: EncodedCorpus | None = None,
    old_share: float = 0.0,
    shares: Sequence[Share] = (),
    starts: np.ndarray | None = None,
    soft: SoftTargets | None = None,
    folder: Path | None = None,
) -> BatchPlan:
    """The batches of a run; `old` pairs, where there are some, are mixed in, else the corpus is a mixture in shares.

    Args:
        soft: what the network is to go on saying to the old pairs; None: they are learned like the others.
        folder: of the run, which has room for what does not fit in memory.
    """
    options = recipe.training
    pairs = encoded if old is None else encoded.followed_by(old)
    if old is not None:
        shares = mixed(encoded, old, old_share)
    max_tokens, seed = recipe.data.max_tokens, options.seed
    share, noise = options.source_noise, None
    if share:
        noise = SourceNoise(pairs, tokenizers[0], share, max_tokens, seed, folder)
    sampling = _sampling(tokenizers, options, max_tokens)
    places = None if soft is None else np.concatenate([np.full(len(encoded), -1), soft.first])
    return BatchPlan(pairs, options.batch_tokens, seed, noise, shares, sampling, starts, places)


def mixed(encoded: EncodedCorpus, old: EncodedCorpus, share: float) -> tuple[Share, Share]:
    """All pairs of a corpus in each pass, and so many of another one for each; a small one comes several times."""
    return Share(len(encoded), len(encoded)), Share(len(old), round(share * len(encoded)))


def _sampling(
    tokenizers: tuple[Tokenizer, Tokenizer], options: TrainingConfig, max_tokens: int
) -> SubwordSampling | None:
    if options.subword_sampling == "none":
        return None
    target = tokenizers[1] if options.subword_sampling == "both" else None
    return SubwordSampling(
        tokenizers[0], target, options.sampling_alpha, options.sampling_nbest, max_tokens, options.seed
    )


def fit(model: TranslationModel, plan: BatchPlan, options: TrainingConfig, rounds: Rounds) -> None:
    """Train to the end of the run, from where it is."""
    size = options.updates_per_round
    if rounds.is_over():
        return
    rounds.tokens_per_update = options.accumulate * plan.tokens_per_batch()
    model.fit(
        backend.feed(plan.batches(first=options.accumulate * rounds.progress.update)),
        steps_per_epoch=options.accumulate * size,
        initial_epoch=rounds.progress.update // size,
        epochs=math.ceil(options.updates / size),
        callbacks=[rounds, *backend.curves(rounds.run / "tensorboard")],
        shuffle=False,
        verbose=0,
    )
    gc.collect()  # Keras's iterator over the batches is in a cycle; left to the exit, TensorFlow would warn there


def seconds_per_update(model: TranslationModel, plan: BatchPlan) -> float:
    """How long an update takes here and now, by a few of them; the model is afterwards as it was before."""
    before = snapshot(model)
    marks: list[float] = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: marks.append(time.perf_counter()))
    # The first update is left out: it includes the making of the graph, which the training proper takes over.
    num_batches = (1 + _TIMED) * model.steps_per_execution
    model.fit(
        backend.feed(plan.batches()), steps_per_epoch=num_batches, epochs=1, callbacks=[note], shuffle=False, verbose=0
    )
    restore(model, before)
    gc.collect()
    return (marks[-1] - marks[0]) / _TIMED


def pack_run(
    run: Path,
    recipe: Recipe,
    rounds: Rounds,
    facts: Mapping[str, str],
    dev: Corpus,
    test: Corpus | None,
    record: Mapping[str, Any] | None = None,
    target: Target | None = None,
    weights: Mapping[str, np.ndarray] | None = None,
    lent: Mapping[str, bytes] | None = None,
    max_source_tokens: int | None = None,
) -> Path:
    """Write the bundle with the best weights, scored on the test part.

    Args:
        facts: for the card, by label.
        record: for `config.json`, beside updates and hours.
        target: the language to translate into, where the recipe has several.
        weights: by name; None: the best ones of the run.
        lent: files of the network that is kept beside this one, by name.
        max_source_tokens: that sentences may have, where these are fewer than those that were learned from.
    """
    target = target or Target(recipe.target_language)
    state = rounds.progress
    config = dataclasses.replace(
        bundle_config(recipe, rounds.network, target),
        training={
            "updates": state.update,
            "hours": round(state.seconds / 3600, 3),
            "best_update": state.best_update,
            **(record or {}),
        },
    )
    if max_source_tokens is not None:
        config = dataclasses.replace(config, max_source_tokens=min(config.max_source_tokens, max_source_tokens))
    tokenizers = {name: run / name for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)}
    weights = weights_for(target, load_arrays(run / BEST) if weights is None else weights)
    return pack(run / bundle_name(recipe, target.language), config, weights, tokenizers, dev, test, facts, lent)


def time_fact(rounds: Rounds) -> str:
    """How long it took, for a card."""
    hours = rounds.progress.seconds / 3600
    cores = num_processors()
    where = "a graphics processor" if backend.has_gpu() else f"{cores} processor core{'s' if cores > 1 else ''}"
    return f"{hours:.2f} hours on {where}, {precision(rounds.options)}"
