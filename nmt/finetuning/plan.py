"""What a fine-tuning is going to do: a recipe that suits the size of the data, and how long it will take."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmt.bundle import BundleConfig
from nmt.config import DataConfig, ModelConfig, Recipe, TrainingConfig
from nmt.corpora.corpus import Corpus
from nmt.finetuning.config import FinetuningConfig, SizeDefaults
from nmt.tokenizer import Tokenizer

_WATCHED = 500  # sentences of dev, unless more are set apart for it
_ROUNDS = 15  # in a run that is not stopped before
_LONGEST = 200  # tokens, whatever the data
_NO_LICENCE, _NOBODY = "not stated for the further text", "further text, not said whose"
_TOKENS_PER_SECOND = 3000  # of targets, about; how long a round is hangs on it, and nothing else
_SHORTEST_ROUND = 20.0  # seconds: its evaluation takes some


@dataclass(frozen=True)
class Duration:
    """What is known of the time before the training begins."""

    seconds_per_update: float
    updates: int
    seconds_per_round: float  # its evaluation

    def seconds(self, options: TrainingConfig) -> float:
        """At most, of the training."""
        rounds = math.ceil(self.updates / options.updates_per_round)
        total = self.updates * self.seconds_per_update + rounds * self.seconds_per_round
        return min(total, options.hours * 3600) if options.hours else total


def defaults_for(table: Sequence[SizeDefaults], num_pairs: int) -> SizeDefaults:
    """What suits so many pairs, between the sizes of the table by the logarithm of the size."""
    sizes = np.log([row.pairs for row in table])
    place = np.log(max(1, num_pairs))
    names = [field.name for field in dataclasses.fields(SizeDefaults) if field.name != "pairs"]
    values = {name: float(np.interp(place, sizes, [getattr(row, name) for row in table])) for name in names}
    return SizeDefaults(num_pairs, **values)


def make_recipe(
    options: FinetuningConfig,
    usual: SizeDefaults,
    parent: BundleConfig,
    pair: tuple[str, str],
    name: str,
    vocab_sizes: tuple[int, int],
    num_tokens: float,
    max_tokens: int,
) -> Recipe:
    """The recipe of a child.

    Args:
        options: what was asked for.
        usual: for what was not.
        parent: whose sizes and search are taken over.
        pair: languages.
        name: of the child.
        vocab_sizes: of its tokenizers.
        num_tokens: target tokens in a pass over the training data.
        max_tokens: see `longest`.
    """
    batch_tokens = options.batch_tokens or round(usual.batch_tokens)
    updates = options.updates or max(50, math.ceil(usual.passes * num_tokens / batch_tokens))
    rate = options.learning_rate or float(f"{usual.learning_rate:.2g}")
    per_round = math.ceil(updates / _ROUNDS)
    if options.minutes:
        seconds = max(options.minutes * 60 / _ROUNDS, _SHORTEST_ROUND)
        per_round = min(per_round, math.ceil(seconds * _TOKENS_PER_SECOND / batch_tokens))
    training = TrainingConfig(
        batch_tokens=batch_tokens,
        updates=updates,
        hours=options.minutes / 60,
        updates_per_round=per_round,
        learning_rate=rate,
        warmup_updates=max(1, min(updates // 20, 400)),
        final_learning_rate=rate / 20,
        label_smoothing=options.label_smoothing,
        ema=round(1 - 1 / max(2.0, min(updates / 20, 1000.0)), 4),  # over a twentieth of the run
        source_noise=options.source_noise,
        patience=options.patience,
        dev_sentences=max(_WATCHED, options.dev_size or 0),
        seed=options.seed,
    )
    sizes = dataclasses.replace(
        parent.model,
        source_vocab_size=0,
        target_vocab_size=0,
        dropout=_chosen(options.dropout, usual.dropout),
        word_dropout=_chosen(options.word_dropout, usual.word_dropout),
    )
    return Recipe(
        name=name,
        source_language=pair[0],
        target_language=pair[1],
        licence=_both(parent.licence, options.licence or _NO_LICENCE),
        data_credit=_both(parent.data_credit, options.data_credit or _NOBODY),
        model=ModelConfig(**dataclasses.asdict(sizes)),
        training=training,
        search=parent.search,
        data=DataConfig(source_vocab_size=vocab_sizes[0], target_vocab_size=vocab_sizes[1], max_tokens=max_tokens),
    )


def longest(parent: BundleConfig, tokenizers: tuple[Tokenizer, Tokenizer], corpus: Corpus) -> int:
    """How many tokens a sentence may have: as the parent says, or more where much of the data is longer."""
    sides = zip(tokenizers, (corpus.sources, corpus.targets), strict=True)
    lengths = [len(ids) for one, texts in sides for ids in one.encode_batch(texts)]
    return max(parent.max_source_tokens, min(_LONGEST, math.ceil(float(np.quantile(lengths, 0.95))) + 1))


def _chosen(asked: float | None, usual: float) -> float:
    return round(usual, 3) if asked is None else asked


def _both(old: str, new: str) -> str:
    """What holds for the parent's data, and for the new: a child comes from both."""
    return "; ".join(dict.fromkeys([*old.split("; "), new] if old else [new]))


def spoken_time(seconds: float) -> str:
    """A duration as people say it: 40 seconds, 6 minutes, 2.5 hours."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
