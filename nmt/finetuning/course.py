"""One course of learning within a fine-tuning: the child's own, that of a candidate on trial, or one from nothing."""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nmt.config import Recipe
from nmt.corpora.corpus import Corpus
from nmt.finetuning.adaptation import adapt
from nmt.finetuning.config import (
    FROM_SCRATCH,
    NEW_DOMAIN,
    NEW_DOMAIN_OWN,
    NEW_DOMAIN_ROUTED,
    NEW_LANGUAGE,
    FinetuningConfig,
    SizeDefaults,
)
from nmt.finetuning.data import FinetuningData
from nmt.finetuning.parents import Candidate
from nmt.finetuning.plan import Duration, defaults_for, longest, make_recipe, spoken_time
from nmt.finetuning.start import Parent, Tokenizers, first_weights, load_parent, make_tokenizers
from nmt.network.model import TranslationModel
from nmt.training.batches import BatchPlan, EncodedCorpus, encode_corpus
from nmt.training.fitting import batch_plan, build_model, computing, fit, seconds_per_update
from nmt.training.rounds import Rounds
from nmt.training.soft_targets import soft_targets

Tell = Callable[[str], None]
_TRIAL_PAIRS = 2_000  # that each candidate on trial translates, to align its pieces with the new ones


@dataclass(frozen=True, eq=False)
class Course:
    """What learns, from what, and where.

    Attributes:
        run: folder for checkpoints.
        recipe: sizes, batches, rates.
        tokenizers: source and target.
        data: what is learned from, and watched on.
        prepare: gives the network its first weights; None: by chance.
        can_translate: whether these weights translate already; they are then kept if nothing better comes.
        rehearses: whether what is mixed in is what the network itself, with these weights, says; it is then to go on
            saying it with the same probabilities.
        num_known: pieces of the target that it has then learned, which are the first; None: all.
        start: the first weights by name, where they are given.
    """

    run: Path
    recipe: Recipe
    tokenizers: Tokenizers
    data: FinetuningData
    prepare: Callable[[TranslationModel], None] | None = None
    can_translate: bool = False
    rehearses: bool = False
    num_known: int | None = None
    start: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Learned:
    """What came of a course: its rounds, and what was learned from."""

    rounds: Rounds
    encoded: EncodedCorpus


def learn(course: Course, show: bool, tell: Tell) -> Learned:
    """Train to the end of the course, from its last checkpoint.

    Args:
        show: whether to draw a bar on standard error.
        tell: takes lines for the reader, the expected time before all.
    """
    recipe, data = course.recipe, course.data
    with computing(recipe.training) as shards:
        model = build_model(recipe, *course.tokenizers, shards, course.prepare, tell)
        old = soft = None
        if data.mix is not None:
            old = encode_corpus(data.mix, *course.tokenizers, recipe.data.max_tokens)
            if course.rehearses:  # before a checkpoint is read: the network is still its parent
                soft = soft_targets(model, old, course.num_known)
                model.remember(soft.ids, soft.probabilities)
        rounds = Rounds(course.run, recipe, model, course.tokenizers, {recipe.target_language: data.dev}, show)
        encoded = encode_corpus(data.train, *course.tokenizers, recipe.data.max_tokens)
        if not rounds.is_over():
            plan = batch_plan(encoded, course.tokenizers, recipe, old, data.mix_share, soft=soft, folder=course.run)
            if rounds.progress.update:
                tell(f"goes on after update {rounds.progress.update:,}")
            else:
                _begin(course, rounds, plan, encoded.num_left_out, tell)
            fit(model, plan, recipe.training, rounds)
    return Learned(rounds, encoded)


def _begin(course: Course, rounds: Rounds, plan: BatchPlan, num_left_out: int, tell: Tell) -> None:
    """Say how long it will take, by some updates and an evaluation."""
    options = course.recipe.training
    data, limit = course.data, course.recipe.data.max_tokens
    left_out = f" ({num_left_out:,} with {limit:,} tokens or more are left out)" if num_left_out else ""
    phrases = f", {data.num_phrases:,} of them phrases" if data.num_phrases else ""
    tell(
        f"{len(data.train) - num_left_out:,} pairs to learn from{left_out}{phrases}, {len(rounds.watch):,} to watch, "
        f"{len(data.test):,} for the scores"
    )
    update = seconds_per_update(rounds.network, plan)
    # Translating a sentence word by word costs about what learning it twice does.
    round_ = 2 * update * len(rounds.watch) / len(course.data.train) * plan.tokens_per_pass() / plan.tokens_per_batch()
    if course.can_translate and not rounds.progress.history:
        rounds.watch.warm_up()
        start = time.monotonic()
        scores = rounds.evaluate_start()
        round_ = time.monotonic() - start
        tell(f"before, on dev: {', '.join(f'{score.name} {score.value:.1f}' for score in scores)}")
    seconds = Duration(update, options.updates, round_).seconds(options)
    tell(f"training takes at most {spoken_time(seconds)}: {options.updates:,} updates of {update:.2g} s")


def usual_for(
    parent: Parent | None,
    pair: tuple[str, str],
    data: FinetuningData,
    is_routed: bool = False,
    has_own_words: bool = False,
) -> SizeDefaults:
    """What suits the size of the data, for a new domain or for a new language; without a parent, from nothing.

    Args:
        is_routed: whether a child for a new domain has its parent beside it.
        has_own_words: whether it then has vocabularies of its own.
    """
    domain = NEW_DOMAIN_OWN if has_own_words else NEW_DOMAIN_ROUTED if is_routed else NEW_DOMAIN
    table = FROM_SCRATCH if parent is None else domain if parent.translates(pair) else NEW_LANGUAGE
    return defaults_for(table, data.num_pairs)


def plan_recipe(
    options: FinetuningConfig,
    usual: SizeDefaults,
    parent: Parent,
    pair: tuple[str, str],
    name: str,
    tokenizers: Tokenizers,
    data: FinetuningData,
) -> Recipe:
    """The recipe of a course; see `make_recipe`."""
    num_tokens: float = _num_tokens(tokenizers, data.train)
    if data.mix is not None:
        num_tokens += data.mix_share * len(data.train) * _num_tokens(tokenizers, data.mix) / max(1, len(data.mix))
    max_tokens = longest(parent.config, tokenizers, data.train)
    vocab_sizes = tokenizers[0].vocab_size, tokenizers[1].vocab_size
    return make_recipe(options, usual, parent.config, pair, name, vocab_sizes, num_tokens, max_tokens)


def _num_tokens(tokenizers: Tokenizers, corpus: Corpus) -> int:
    """Of the targets, with their ends."""
    return sum(len(ids) + 1 for ids in tokenizers[1].encode_batch(corpus.targets))


def from_parent(
    run: Path,
    recipe: Recipe,
    tokenizers: Tokenizers,
    data: FinetuningData,
    options: FinetuningConfig,
    start: Mapping[str, np.ndarray],
    parent: Parent,
    is_continued: bool,
) -> Course:
    """The course of a child that starts from given weights.

    Args:
        is_continued: whether with these it does what its parent does; see `Parent.is_continued_by`.
    """

    def prepare(model: TranslationModel) -> None:
        adapt(model, start, freeze=options.freeze, low_rank=options.low_rank, near=options.near or 0.0)

    rehearses = is_continued and bool(options.rehearse)
    num_known = parent.tokenizers[1].vocab_size
    return Course(run, recipe, tokenizers, data, prepare, is_continued, rehearses, num_known, start)


def on_trial(
    ranked: Sequence[Candidate], pair: tuple[str, str], data: FinetuningData, options: FinetuningConfig, tell: Tell
) -> list[Candidate]:
    """The candidates, the best on dev first after a short course for each."""
    tried = []
    few = Corpus(data.train.sources[:_TRIAL_PAIRS], data.train.targets[:_TRIAL_PAIRS])
    for one in ranked:
        parent = load_parent(one.folder)
        tell(f"trying {one.name}")
        usual = usual_for(parent, pair, data)
        tokenizers = make_tokenizers(parent, pair, data.train, options, usual)
        short = dataclasses.replace(options, updates=options.trial_updates, minutes=0.0)
        short = short.settled(  # too short to forget much
            parent.is_continued_by(pair, tokenizers), 0.0, shrink=usual.shrink
        )
        recipe = plan_recipe(short, usual, parent, pair, one.name, tokenizers, data)
        once = dataclasses.replace(recipe.training, updates_per_round=recipe.training.updates)
        recipe = dataclasses.replace(recipe, training=once)
        start = first_weights(parent, pair, tokenizers, few, options.seed, short.shrink).weights
        with tempfile.TemporaryDirectory() as folder:
            course = from_parent(Path(folder), recipe, tokenizers, data, short, start, parent, False)
            score = learn(course, False, tell).rounds.progress.best_score
        tried.append(dataclasses.replace(one, trial=score))
    return sorted(tried, key=Candidate.worth, reverse=True)
