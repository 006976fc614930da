"""Options of fine-tuning, and what is chosen where nothing is said: every default of `nmt finetune` is written here."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nmt.config import check_name
from nmt.errors import ConfigError
from nmt.option import check_seed, option

PARTS = ("source_embedding", "encoder", "attention", "decoder", "output", "target_embedding")
NEAR = 0.001  # for a new domain
BLEND = 0.6  # the same
VOCABULARIES = ("auto", "keep", "extend", "new")
ROUTES = ("auto", "yes", "no")


@dataclass(frozen=True)
class FinetuningConfig:
    """What a model is made from, and how. What is None is chosen from the size of the data.

    A corpus is a prefix (`corpus/train` stands for `corpus/train.en` and `corpus/train.ja`) or one file with both sides
    (.tsv, .csv, .jsonl, .parquet, .tmx).
    """

    parent: str = option("", "model to start from: an installed one or a folder (default: the most similar one)")
    pair: str = option("", "languages, such as en-it (default: those of the parent)")
    name: str = option("", "what the new model is called (default: the name of its folder)")
    licence: str = option("", "licence of the data, for the model card")
    data_credit: str = option("", "who made the data, for the model card")

    dev: str = option("", "corpus whose first 500 pairs training is watched on (default: a part of the data)")
    test: str = option("", "corpus that the model is scored on, before and after (default: a part of the data)")
    dev_size: int | None = option(None, "pairs of the data set apart for that", (20, 500), rare=True)
    test_size: int | None = option(None, "the same for the test; 0: none", (20, 1000), rare=True)
    old_test: str = option("", "corpus of the parent's kind, to see what is forgotten")

    route: str = option(
        "auto",
        "keep the parent's network beside the new one, for all sentences that are not of the new kind; auto: where the "
        "two kinds can be told apart, unless one of the following is chosen",
        ROUTES,
    )
    rehearse: float | None = option(
        None,
        "everyday sentences, as the parent translates them, for each new pair; 0: none (default: 2 for a new domain "
        "from English, without route and mix)",
        (0.25, 4.0),
    )
    mix: str = option("", "corpus of the parent's kind, mixed in so that less is forgotten")
    mix_share: float = option(1.0, "with mix: old pairs for each new one", (0.1, 4.0), rare=True)
    near: float | None = option(
        None,
        "pull of the weights towards the parent's, in nats for a squared distance of 1 (MAP-L2); 0: none "
        "(default: 0.001 for a new domain, without route)",
        (1e-5, 1e-2),
    )
    blend: float | None = option(
        None,
        "share of the learned weights in the finished ones, whose rest is the parent's; 1: all of them "
        "(default: 0.6 for a new domain, without route)",
        (0.3, 1.0),
    )
    shrink: float | None = option(
        None,
        "what the parent's weight matrices are multiplied by before the child learns; below 1 it learns new text "
        "sooner and keeps less of the parent; 1: as they are (default: 0.5 with route and vocabularies of its own)",
        (0.3, 1.0),
    )
    low_rank: int = option(0, "rank of the updates of weight matrices (LoRA); 0: they learn as a whole", (4, 64))
    freeze: tuple[str, ...] = option((), "parts that do not learn", PARTS)

    source_vocabulary: str = option(
        "auto",
        "the parent's, the parent's with more pieces, or one of its own; auto: the parent's for its language, but with "
        "route what suits the new text",
        VOCABULARIES,
    )
    target_vocabulary: str = option("auto", "the same for the target", VOCABULARIES)
    vocab_size: int | None = option(None, "pieces of a vocabulary of its own", (500, 8000), rare=True)
    extra_pieces: int | None = option(None, "pieces at most that extend adds", (50, 2000), rare=True)

    minutes: float = option(0.0, "stop after so much training time; 0: when there is no more to gain", (2.0, 120.0))
    updates: int | None = option(None, "upper bound on the number of updates", (50, 50_000))
    learning_rate: float | None = option(None, "at its highest", (1e-4, 1e-2))
    batch_tokens: int | None = option(None, "target tokens in a batch", (200, 4000), rare=True)
    patience: int = option(6, "rounds without a better dev chrF before training stops", (3, 20), rare=True)
    dropout: float | None = option(None, "noise on what a recurrent layer hands on", (0.0, 0.5), rare=True)
    word_dropout: float | None = option(None, "share of words whose embedding is zeroed", (0.0, 0.3), rare=True)
    label_smoothing: float = option(0.1, "probability spread over the whole vocabulary", (0.0, 0.2), rare=True)
    source_noise: float = option(
        0.1, "share of source sentences read as hurried people type them, so that this is not forgotten", (0.0, 0.3)
    )
    phrases: bool = option(False, "also learn words and short phrases that the data is found to hold")
    seed: int = option(1, "of all that is random", rare=True)

    trial_updates: int = option(
        0, "without a parent: try each candidate for so many updates instead of judging by its vocabulary", (50, 500)
    )
    from_scratch: bool = option(
        False, "also train a model from nothing on the same data, for up to three times the minutes, to compare"
    )

    @property
    def is_held(self) -> bool:
        """Whether it was said how a child is to be kept from forgetting, or that it is not."""
        chosen = any(one is not None for one in (self.rehearse, self.near, self.blend))
        return chosen or bool(self.mix or self.low_rank or self.freeze)

    @property
    def _stays_near(self) -> bool:
        return bool(self.near) or (self.blend or 1.0) < 1

    def settled(
        self,
        is_continued: bool,
        rehearse: float,
        is_routed: bool = False,
        shrink: float = 1.0,
        known: Mapping[str, Any] | None = None,
    ) -> "FinetuningConfig":
        """With what is done where nothing was said about it.

        Args:
            is_continued: see `nmt.finetuning.start.Parent.is_continued_by`. What is no continuation of the parent has
                nothing to stay near to.
            rehearse: see `nmt.finetuning.rehearsal.rehearsal_share`.
            is_routed: whether the parent stays beside the child, which then need not stay near it.
            shrink: what suits the data; weights that are held to the parent's are not shrunk.
            known: the options of a run that goes on, which may have begun when other things were usual.
        """
        leaves = (self.shrink or 1.0) < 1
        stays = is_continued and not is_routed and not leaves
        near, blend, shrink = (NEAR, BLEND, 1.0) if stays else (0.0, 1.0, shrink)
        rehearse = 0.0 if is_routed else rehearse
        if known is not None:
            near, rehearse, blend = known.get("near") or 0.0, known.get("rehearse") or 0.0, known.get("blend") or 1.0
            shrink = known.get("shrink") or 1.0
        # What is said now goes before what the run began with, and a run that began otherwise is then refused as such.
        near, blend = (0.0, 1.0) if leaves else (near, blend)
        shrink = 1.0 if self._stays_near or self.freeze or self.low_rank else shrink
        return dataclasses.replace(
            self,
            route="yes" if is_routed else "no",
            near=near if self.near is None else self.near,
            blend=blend if self.blend is None else self.blend,
            shrink=shrink if self.shrink is None else self.shrink,
            rehearse=0.0 if self.mix else rehearse if self.rehearse is None else self.rehearse,
        )

    def __post_init__(self) -> None:
        if self.name:
            check_name(self.name)
        check_seed(self.seed, "seed")
        _check_sizes(self)
        choices = {"source_vocabulary": VOCABULARIES, "target_vocabulary": VOCABULARIES, "route": ROUTES}
        for name, kinds in choices.items():
            found = getattr(self, name)
            _check(found in kinds, f'{name} must be one of {", ".join(kinds)}, not "{found}"')
        for part in self.freeze:
            _check(part in PARTS, f'freeze takes {", ".join(PARTS)}, not "{part}"')
        _check({*self.freeze} != {*PARTS}, f"with {', '.join(PARTS)} frozen nothing is left to learn; freeze less")
        _check_together(self)


@dataclass(frozen=True)
class SizeDefaults:
    """What suits a corpus of so many pairs; between two sizes, by the logarithm of the size, what lies between."""

    pairs: int  # for training
    passes: float  # over the data, at most
    learning_rate: float
    batch_tokens: float  # few, so that there are enough updates
    dropout: float
    word_dropout: float
    vocab_size: float  # of a vocabulary of its own
    extra_pieces: float  # of one that is extended
    shrink: float = 1.0  # see `nmt.finetuning.transfer.shrunk`


# More dropout than the parent had costs much, however small the data: docs/finetuning-figures.md has the figures.
NEW_DOMAIN = (
    SizeDefaults(200, 16, 3e-4, 300, 0.10, 0.05, 500, 100),
    SizeDefaults(1_000, 12, 4e-4, 500, 0.10, 0.05, 1_000, 300),
    SizeDefaults(10_000, 8, 6e-4, 1_000, 0.10, 0.05, 2_000, 1_000),
    SizeDefaults(50_000, 6, 1e-3, 1_500, 0.10, 0.05, 4_000, 2_000),
)
# With the parent beside it, a child may forget.
NEW_DOMAIN_ROUTED = (
    SizeDefaults(200, 30, 6e-4, 300, 0.10, 0.05, 500, 100),
    SizeDefaults(1_000, 30, 1.5e-3, 400, 0.15, 0.05, 1_000, 400),
    SizeDefaults(10_000, 30, 3e-3, 1_000, 0.15, 0.05, 2_000, 1_200),
    SizeDefaults(50_000, 12, 4e-3, 1_500, 0.15, 0.05, 4_000, 2_000),
)
# The same with vocabularies of its own; tried at 1,000, 4,200 and 25,000 pairs, and no other shrink than 0.5 and 1.
NEW_DOMAIN_OWN = (
    SizeDefaults(200, 60, 2e-3, 300, 0.10, 0.05, 1_000, 300, 0.5),
    SizeDefaults(1_000, 40, 3e-3, 400, 0.15, 0.05, 2_000, 500, 0.5),
    SizeDefaults(10_000, 30, 4e-3, 1_000, 0.15, 0.05, 4_000, 1_000, 0.5),
    SizeDefaults(50_000, 12, 4e-3, 1_500, 0.15, 0.05, 4_000, 2_000, 0.5),
)
# Tried at 10,700 pairs: rates of 1.5e-3, 3e-3, 6e-3 (the best) and 1e-2; at 1,100: 1e-3, 3e-3 (the best chrF) and 6e-3.
# The rows of 200 and of 50,000 pairs follow the others; they were not measured: docs/finetuning-figures.md.
NEW_LANGUAGE = (
    SizeDefaults(200, 60, 2e-3, 300, 0.10, 0.05, 1_000, 300),
    SizeDefaults(1_000, 40, 3e-3, 400, 0.10, 0.05, 2_000, 500),
    SizeDefaults(10_000, 25, 5e-3, 1_000, 0.10, 0.05, 4_000, 1_000),
    SizeDefaults(50_000, 12, 5e-3, 1_500, 0.10, 0.05, 4_000, 2_000),
)
# From nothing more is to be learned, so such a model gets more passes. Tried at 10,700 pairs: 2e-3 with 2,000 pieces
# and dropout of 0.3 and 0.15, 4e-3 with 4,000 pieces and 0.15 (the best), and half of a run with 7e-3: it was behind.
FROM_SCRATCH = (
    SizeDefaults(200, 80, 2e-3, 300, 0.15, 0.05, 1_000, 300),
    SizeDefaults(1_000, 60, 3e-3, 400, 0.15, 0.05, 2_000, 500),
    SizeDefaults(10_000, 40, 4e-3, 1_000, 0.15, 0.05, 4_000, 1_000),
    SizeDefaults(50_000, 20, 4e-3, 1_500, 0.15, 0.05, 4_000, 2_000),
)


def _check_together(options: FinetuningConfig) -> None:
    """Refuse what cannot go together, and what would do nothing."""
    _check(not (options.rehearse and options.mix), "rehearse and mix are for the same; choose one of them")
    stays = options._stays_near or bool(options.freeze or options.low_rank)
    _check(
        not stays or (options.shrink or 1.0) == 1,
        "near, blend, freeze and low_rank hold to the parent's weights, and shrink below 1 leaves them; leave one out",
    )
    _check(options.mix_share == 1.0 or bool(options.mix), "mix_share says how much of mix comes along; there is no mix")
    is_extended = "extend" in (options.source_vocabulary, options.target_vocabulary)
    _check(
        options.extra_pieces is None or is_extended,
        "extra_pieces is for a vocabulary that is extended; say source_vocabulary or target_vocabulary extend",
    )
    for name in ("dev", "test"):
        is_given = bool(getattr(options, name) and getattr(options, f"{name}_size"))
        _check(not is_given, f"{name}_size is for a part of the data, and there is a corpus for {name}; choose one")
    _check(
        not (options.from_scratch and options.test_size == 0 and not options.test),
        "from_scratch compares on the test part; leave test_size 0 out, or give a corpus for test",
    )
    _check(not (options.trial_updates and options.parent), "trial_updates is for choosing a parent, and there is one")


def _check_sizes(options: FinetuningConfig) -> None:
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        _check(not isinstance(value, float) or math.isfinite(value), f"{field.name} must be a number, not {value}")
    _check(options.mix_share > 0, f"mix_share must be above 0, not {options.mix_share}")
    for name in ("test_size", "rehearse", "near", "low_rank", "minutes", "extra_pieces", "trial_updates"):
        value = getattr(options, name)
        _check(value is None or value >= 0, f"{name} must be 0 or more, not {value}")
    for name in ("dev_size", "vocab_size", "updates", "batch_tokens", "patience"):
        value = getattr(options, name)
        _check(value is None or value >= 1, f"{name} must be at least 1, not {value}")
    _check(
        options.learning_rate is None or options.learning_rate > 0,
        f"learning_rate must be above 0, not {options.learning_rate}",
    )
    for name in ("blend", "shrink"):
        value = getattr(options, name)
        _check(value is None or 0 < value <= 1, f"{name} must be above 0 and at most 1, not {value}")
    for name in ("dropout", "word_dropout", "label_smoothing", "source_noise"):
        value = getattr(options, name)
        _check(value is None or 0 <= value < 1, f"{name} must be in [0, 1), not {value}")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)
