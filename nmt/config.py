"""Options of every part, as frozen dataclasses, and the recipe file (TOML) that holds them.

Every default in the package is written here and nowhere else.
"""

import dataclasses
import difflib
import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nmt.errors import ConfigError


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network and the noise it is trained with.

    The vocabulary sizes are 0 in a recipe; training fills them in from the tokenizers, which may be smaller
    than asked for when the corpus is small.
    """

    source_vocab_size: int = 0
    target_vocab_size: int = 0
    embedding_dim: int = 256
    bidirectional: bool = True
    encoder_layers: int = 2
    encoder_units: int = 256  # per direction
    decoder_layers: int = 2
    decoder_units: int = 512
    attention_dim: int = 256
    dropout: float = 0.2  # on embeddings and between layers
    word_dropout: float = 0.1  # share of whole source and target words whose embedding is zeroed
    weight_drop: float = 0.1  # on recurrent kernels (Merity et al. 2017, section 2)

    def __post_init__(self) -> None:
        for name in (
            "embedding_dim",
            "encoder_layers",
            "encoder_units",
            "decoder_layers",
            "decoder_units",
            "attention_dim",
        ):
            _check(getattr(self, name) >= 1, f"[model] {name} must be at least 1, not {getattr(self, name)}")
        for name in ("dropout", "word_dropout", "weight_drop"):
            _check(0 <= getattr(self, name) < 1, f"[model] {name} must be in [0, 1), not {getattr(self, name)}")


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast and on what batches the network learns."""

    batch_tokens: int = 2000  # target tokens in a batch, padding included
    updates: int = 20_000  # upper bound on the number of optimizer updates
    hours: float = 0.0  # stop after so much training time, finishing the learning-rate decay by then; 0: no bound
    updates_per_round: int = 500  # a round ends with an evaluation on dev and a checkpoint
    learning_rate: float = 1e-3  # reached at the end of the warm-up
    warmup_updates: int = 500
    final_learning_rate: float = 5e-5  # reached at the last update, by a cosine
    clip_norm: float = 1.0
    label_smoothing: float = 0.1
    ema: float = 0.998  # exponential moving average of the weights, the ones that are evaluated and kept; 0: none
    patience: int = 10  # rounds without a better dev chrF before training stops
    dev_sentences: int = 500  # of the dev part, translated after each round
    precision: str = "auto"  # float32, mixed_bfloat16, or auto: bfloat16 where the processor multiplies it natively
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("batch_tokens", "updates", "updates_per_round", "warmup_updates", "patience", "dev_sentences"):
            _check(getattr(self, name) >= 1, f"[training] {name} must be at least 1, not {getattr(self, name)}")
        for name in ("learning_rate", "clip_norm"):
            _check(getattr(self, name) > 0, f"[training] {name} must be above 0, not {getattr(self, name)}")
        for name in ("label_smoothing", "ema"):
            _check(0 <= getattr(self, name) < 1, f"[training] {name} must be in [0, 1), not {getattr(self, name)}")
        _check(
            self.precision in ("auto", "float32", "mixed_bfloat16"),
            f'[training] precision must be "auto", "float32" or "mixed_bfloat16", not "{self.precision}"',
        )


@dataclass(frozen=True)
class SearchConfig:
    """How a translation is chosen.

    A hypothesis of n tokens with summed log-probability p scores ``p / ((5 + n) / 6) ** length_penalty``
    (Wu et al. 2016, section 7, equation 14, without the coverage term).
    """

    beam_size: int = 5  # 1 is greedy search
    length_penalty: float = 1.0
    num_alternatives: int = 1  # how many different translations to return for each sentence, at most beam_size
    max_length_factor: float = 2.0  # a translation has at most factor × source tokens + max_length_extra tokens
    max_length_extra: int = 12
    batch_size: int = 64  # sentences searched together; changes speed, never the result

    def __post_init__(self) -> None:
        for name in ("beam_size", "num_alternatives", "max_length_extra", "batch_size"):
            _check(getattr(self, name) >= 1, f"[search] {name} must be at least 1, not {getattr(self, name)}")
        _check(0 <= self.length_penalty <= 10, f"[search] length_penalty must be in [0, 10], not {self.length_penalty}")
        _check(
            0 < self.max_length_factor <= 100,
            f"[search] max_length_factor must be above 0 and at most 100, not {self.max_length_factor}",
        )
        _check(
            self.num_alternatives <= self.beam_size,
            f"[search] num_alternatives ({self.num_alternatives}) cannot exceed beam_size ({self.beam_size})",
        )


@dataclass(frozen=True)
class DataConfig:
    """Where the parallel text is and what its subword vocabulary looks like.

    Paths are relative to the recipe file. `train`, `dev` and `test` each name a prefix (`corpus/train` stands for
    `corpus/train.en` and `corpus/train.ja`) or one file with both sides (.tsv, .csv, .jsonl).
    """

    train: str = ""
    dev: str = ""
    test: str = ""
    source_vocab_size: int = 4000  # clamped where the corpus is too small for it; 0: chosen from the corpus
    target_vocab_size: int = 4000
    joint_vocab: bool = False  # one vocabulary for both sides
    max_tokens: int = 100  # longer training sentences are left out, and counted

    def __post_init__(self) -> None:
        for name in ("source_vocab_size", "target_vocab_size"):
            _check(getattr(self, name) >= 0, f"[data] {name} must be 0 or more, not {getattr(self, name)}")
        _check(self.max_tokens >= 4, f"[data] max_tokens must be at least 4, not {self.max_tokens}")


@dataclass(frozen=True)
class Recipe:
    """Everything that makes one model: what `nmt train` reads."""

    name: str
    source_language: str
    target_language: str
    output: str = ""  # folder of the run, relative to the recipe; default runs/<name> in the working folder
    licence: str = ""  # of the training data, for the model card
    data_credit: str = ""  # who made the training data, for the model card
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    data: DataConfig = field(default_factory=DataConfig)


def from_dict(kind: type, values: dict[str, Any], where: str) -> Any:
    """Build the dataclass `kind` from `values`, checking every key and type.

    Args:
        kind: a dataclass of this module.
        values: its fields by name; nested dataclasses are dictionaries.
        where: what an error message calls the place, such as `en-ja.toml [model]`.

    Raises:
        ConfigError: an unknown key (the nearest known one is named), a missing one, or a value of another type.
    """
    hints = typing.get_type_hints(kind)
    result: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known: {', '.join(hints)}"
            raise ConfigError(f'{where}: unknown key "{key}"{hint}')
        wanted = hints[key]
        if dataclasses.is_dataclass(wanted):
            if not isinstance(value, dict):
                raise ConfigError(f'{where}: "{key}" must be a table')
            result[key] = from_dict(typing.cast(type, wanted), value, f"{where} [{key}]")
        elif wanted is float and type(value) in (int, float):
            result[key] = float(value)
        elif type(value) is wanted:
            result[key] = value
        else:
            raise ConfigError(f'{where}: "{key}" must be {wanted.__name__}, not {value!r}')
    missing = [
        f.name
        for f in dataclasses.fields(kind)
        if f.name not in result and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing {', '.join(missing)}")
    return kind(**result)


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe file.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, or an impossible value.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read recipe {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    return typing.cast(Recipe, from_dict(Recipe, values, str(path)))
