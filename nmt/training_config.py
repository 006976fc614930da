"""The options of training; `nmt.config` has those of the other parts."""

import dataclasses
import math
from dataclasses import dataclass

from nmt.option import check, check_seed, option

SCHEDULES = ("cosine", "inverse_sqrt", "plateau")
SAMPLED = ("none", "source", "both")
PRECISIONS = ("auto", "float32", "mixed_bfloat16")


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast and on what batches the network learns."""

    batch_tokens: int = option(2000, "target tokens in a batch, padding included", (500, 8000))
    accumulate: int = option(
        1, "batches per update, which is that of all of them as one batch, in the memory of one", (1, 16), rare=True
    )
    updates: int = option(20_000, "upper bound on the number of optimizer updates", (1000, 200_000))
    hours: float = option(
        0.0, "stop after so much training time, the learning-rate decay finished by then; 0: no bound", (0.1, 48.0)
    )
    updates_per_round: int = option(
        500, "a round ends with an evaluation on dev and a checkpoint", (100, 5000), rare=True
    )
    learning_rate: float = option(1e-3, "at its highest, when the warm-up ends", (2e-4, 4e-3))
    warmup_updates: int = option(500, "updates in which the learning rate rises from 0", (100, 4000), rare=True)
    schedule: str = option(
        "cosine",
        "how the learning rate falls: by a cosine over the run (Loshchilov & Hutter 2017), with the inverse square "
        "root of the updates (Vaswani et al. 2017, 5.3), or by plateau_factor where dev chrF does not rise",
        SCHEDULES,
    )
    final_learning_rate: float = option(
        5e-5, "the lowest: a cosine has it in the last update, a plateau goes no lower", (1e-6, 5e-4), rare=True
    )
    restarts: int = option(
        0,
        "how often the cosine starts again from the top (Loshchilov & Hutter 2017, section 3)",
        (0, 4),
        rare=True,
    )
    plateau_factor: float = option(0.5, "what a plateau multiplies the learning rate by", (0.1, 0.8), rare=True)
    plateau_patience: int = option(
        2, "rounds without a better dev chrF before a plateau lowers the learning rate", (1, 10), rare=True
    )
    clip_norm: float = option(1.0, "gradients with a larger norm are scaled down to it", (0.1, 5.0), rare=True)
    label_smoothing: float = option(0.1, "probability spread over the whole vocabulary", (0.0, 0.2))
    ema: float = option(
        0.998,
        "exponential moving average of the weights, the ones that are evaluated and kept; 0: none",
        (0.99, 0.9999),
        rare=True,
    )
    source_noise: float = option(
        0.0, "share of source sentences read as hurried people type them: no capitals, no full stop, typos", (0.0, 0.3)
    )
    subword_sampling: str = option(
        "none", "whose sentences are cut into other subwords in each pass over the data (Kudo 2018)", SAMPLED
    )
    sampling_alpha: float = option(
        0.2, "how likely the usual subwords are in that: the lower, the more even the chances", (0.1, 0.5), rare=True
    )
    sampling_nbest: int = option(
        16, "how many of the best ways to cut a sentence there are to choose from", (2, 64), rare=True
    )
    patience: int = option(10, "rounds without a better dev chrF before training stops", (3, 50))
    dev_sentences: int = option(500, "how much of the dev part is translated after each round", (100, 2000), rare=True)
    precision: str = option(
        "auto",
        "of matrix products; auto is bfloat16 where the processor multiplies it natively",
        PRECISIONS,
        rare=True,
    )
    seed: int = option(1, "of all that is random", rare=True)
    deterministic: bool = option(
        False,
        "the same weights to the last bit from the same seed on the same machine, however often the run was stopped; "
        "slower on a graphics processor, and not with hours",
        rare=True,
    )

    def __post_init__(self) -> None:
        self._check_numbers()
        for name, known in (("schedule", SCHEDULES), ("subword_sampling", SAMPLED), ("precision", PRECISIONS)):
            value = getattr(self, name)
            check(value in known, f'[training] {name} must be one of {", ".join(known)}, not "{value}"')
        check(
            self.sampling_nbest > 1,
            f"[training] sampling_nbest must be at least 2, not {self.sampling_nbest}",
        )
        check(
            self.restarts == 0 or self.schedule == "cosine",
            f'[training] restarts are those of the schedule "cosine", not of "{self.schedule}"',
        )
        check(
            not (self.deterministic and self.hours),
            "[training] a deterministic run cannot end by hours, which no two runs spend alike: "
            "take one of the two out, and bound the run by updates",
        )

    def _check_numbers(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            is_number = not isinstance(value, float) or math.isfinite(value)
            check(is_number, f"[training] {field.name} must be a finite number, not {value}")
        for name in (
            "batch_tokens",
            "accumulate",
            "updates",
            "updates_per_round",
            "warmup_updates",
            "plateau_patience",
            "patience",
            "dev_sentences",
        ):
            check(getattr(self, name) >= 1, f"[training] {name} must be at least 1, not {getattr(self, name)}")
        for name in ("learning_rate", "clip_norm", "sampling_alpha"):
            check(getattr(self, name) > 0, f"[training] {name} must be above 0, not {getattr(self, name)}")
        for name in ("label_smoothing", "ema", "source_noise"):
            check(0 <= getattr(self, name) < 1, f"[training] {name} must be in [0, 1), not {getattr(self, name)}")
        for name in ("restarts", "hours"):
            check(getattr(self, name) >= 0, f"[training] {name} must be 0 or more, not {getattr(self, name)}")
        check(
            0 <= self.final_learning_rate <= self.learning_rate,
            f"[training] final_learning_rate must be from 0 to learning_rate ({self.learning_rate:g}), "
            f"not {self.final_learning_rate:g}",
        )
        check_seed(self.seed, "[training] seed")
        check(
            0 < self.plateau_factor < 1,
            f"[training] plateau_factor must be between 0 and 1, not {self.plateau_factor}",
        )
