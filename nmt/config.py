"""Options of every part, as frozen dataclasses, and the recipe file (TOML) that holds them.

Every default in the package is written here, those of training in `nmt.training_config`, and nowhere else.
"""

import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path

from nmt.errors import ConfigError
from nmt.languages import language
from nmt.option import check as _check
from nmt.option import documented, from_dict, option
from nmt.training_config import TrainingConfig as TrainingConfig

CELLS = ("lstm", "gru", "simple_rnn")
TARGET = "{target}"  # in the place of a corpus: the code of the target language
ATTENTIONS = ("general", "dot", "additive", "multi_head", "none")


@dataclass(frozen=True)
class ModelConfig:
    """Kind and sizes of the network, and the noise it is trained with.

    The vocabulary sizes are 0 in a recipe; training fills them in from the tokenizers, which may be smaller
    than asked for when the corpus is small.
    """

    source_vocab_size: int = option(0, "leave it 0: training fills in the size of the source vocabulary", rare=True)
    target_vocab_size: int = option(0, "leave it 0: training fills in the size of the target vocabulary", rare=True)
    embedding_dim: int = option(256, "width of the embeddings; the output layer shares the target's", (64, 512))
    bidirectional: bool = option(True, "whether the encoder also reads backwards", rare=True)
    encoder_layers: int = option(2, "layers of the encoder", (1, 4))
    encoder_units: int = option(256, "units of an encoder layer, per direction", (64, 512))
    decoder_layers: int = option(2, "layers of the decoder; the first one attends", (1, 4))
    decoder_units: int = option(512, "units of a decoder layer", (128, 1024))
    attention_dim: int = option(256, "width in which the decoder's state is compared with the source", (64, 512))
    dropout: float = option(0.2, "noise on what a recurrent layer hands on; the less data, the more", (0.0, 0.5))
    word_dropout: float = option(
        0.1, "share of whole source and target words whose embedding is zeroed; the less data, the more", (0.0, 0.3)
    )
    weight_drop: float = option(
        0.1, "noise on recurrent kernels (Merity et al. 2017, section 2)", (0.0, 0.5), rare=True
    )
    cell: str = option(
        "lstm",
        "what remembers, in encoder and decoder: an LSTM, a GRU (Cho et al. 2014) or a plain RNN (Elman 1990)",
        CELLS,
    )
    attention: str = option(
        "general",
        "how the decoder finds what to read: general and dot as in Luong et al. 2015, additive as in Bahdanau et al. "
        "2015, multi_head as in Vaswani et al. 2017, none as in Sutskever et al. 2014",
        ATTENTIONS,
    )
    attention_heads: int = option(4, "heads of multi_head, which share attention_dim", (2, 8), rare=True)
    lexical: bool = option(
        False,
        "whether the embeddings of the words that are attended to also go straight to the output, a help with rare "
        "words (Nguyen & Chiang 2018, section 4)",
    )

    @property
    def memory_dim(self) -> int:
        """Width of what the encoder makes of a source token."""
        return self.encoder_units * (2 if self.bidirectional else 1)

    @property
    def state_parts(self) -> tuple[str, ...]:
        """What a cell carries from step to step: h, and for an LSTM c."""
        return ("h", "c") if self.cell == "lstm" else ("h",)

    def __post_init__(self) -> None:
        for name, known in (("cell", CELLS), ("attention", ATTENTIONS)):
            value = getattr(self, name)
            _check(value in known, f'[model] {name} must be one of {", ".join(known)}, not "{value}"')
        for name in (
            "embedding_dim",
            "encoder_layers",
            "encoder_units",
            "decoder_layers",
            "decoder_units",
            "attention_dim",
            "attention_heads",
        ):
            _check(getattr(self, name) >= 1, f"[model] {name} must be at least 1, not {getattr(self, name)}")
        for name in ("dropout", "word_dropout", "weight_drop"):
            _check(0 <= getattr(self, name) < 1, f"[model] {name} must be in [0, 1), not {getattr(self, name)}")
        _check(
            self.attention != "dot" or self.memory_dim == self.decoder_units,
            f"[model] attention dot compares the decoder's {self.decoder_units} units with a memory of "
            f"{self.memory_dim}: make them equal (decoder_units = encoder_units, twice that where bidirectional), "
            "or choose general",
        )
        _check(
            not (self.lexical and self.attention == "none"),
            "[model] lexical passes on the words that are attended to, and with attention none there are none",
        )
        _check(
            self.attention != "multi_head" or self.attention_dim % self.attention_heads == 0,
            f"[model] attention_dim ({self.attention_dim}) must be a multiple of attention_heads "
            f"({self.attention_heads}) for attention multi_head",
        )


@dataclass(frozen=True)
class SearchConfig:
    """How a translation is chosen.

    A hypothesis of n tokens with summed log-probability p scores ``p / ((5 + n) / 6) ** length_penalty``
    plus ``coverage_penalty`` times the sum over the source tokens of ``log(min(attention paid to it, 1))``
    (Wu et al. 2016, section 7, equations 14 and 15).
    """

    beam_size: int = option(5, "hypotheses kept in the search; 1 is greedy", (1, 12))
    length_penalty: float = option(1.5, "higher prefers longer translations; 0: none", (0.0, 2.0))
    num_alternatives: int = option(
        1, "different translations returned for each sentence, at most beam_size", (1, 5), rare=True
    )
    max_length_factor: float = option(
        2.0, "a translation has at most factor × source tokens + max_length_extra tokens", (1.0, 4.0), rare=True
    )
    max_length_extra: int = option(12, "see max_length_factor", (4, 50), rare=True)
    batch_size: int = option(64, "sentences searched together; changes speed, never the result", (8, 256), rare=True)
    coverage_penalty: float = option(
        0.0, "higher prefers translations that read all of the source; 0: none", (0.0, 0.5), rare=True
    )
    no_repeat_ngram: int = option(0, "no run of so many tokens is written twice; 0: any may be", (3, 6), rare=True)
    temperature: float = option(
        0.0, "0: the best translation; above: one drawn by chance, the wilder the higher", (0.3, 1.2), rare=True
    )
    top_k: int = option(0, "of a draw: only the k most probable tokens; 0: all", (5, 50), rare=True)
    top_p: float = option(
        1.0,
        "of a draw: only the most probable tokens that make up this share (Holtzman et al. 2020)",
        (0.5, 1.0),
        rare=True,
    )
    seed: int = option(0, "of a draw: the same seed draws the same translation of the same sentence", rare=True)

    def __post_init__(self) -> None:
        for name in ("beam_size", "num_alternatives", "max_length_extra", "batch_size"):
            _check(getattr(self, name) >= 1, f"[search] {name} must be at least 1, not {getattr(self, name)}")
        for name in ("no_repeat_ngram", "top_k", "seed"):
            _check(getattr(self, name) >= 0, f"[search] {name} must be 0 or more, not {getattr(self, name)}")
        _check(
            0 <= self.coverage_penalty <= 10,
            f"[search] coverage_penalty must be in [0, 10], not {self.coverage_penalty}",
        )
        _check(0 <= self.temperature <= 10, f"[search] temperature must be in [0, 10], not {self.temperature}")
        _check(0 < self.top_p <= 1, f"[search] top_p must be above 0 and at most 1, not {self.top_p}")
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
class Term:
    """A word or phrase and how it is to be translated; any of the `targets` will do, the first is preferred."""

    source: str
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        for word in (self.source, *self.targets):
            _check(bool(word) and word == word.strip(), f"a glossary term must be text without margins, not {word!r}")
        _check(bool(self.targets), f'the glossary gives no translation of "{self.source}"')


@dataclass(frozen=True)
class TranslationOptions:
    """What a translation must keep, beside being found by a search."""

    protect: bool = True  # addresses, placeholders, tags, code, emoji and numbers with units come through unchanged
    do_not_translate: tuple[str, ...] = ()  # words and phrases that do so as well, spelled exactly like this
    glossary: tuple[Term, ...] = ()
    check: bool = True  # search again where a translation looks wrong, and mend numbers
    spelling: bool = True  # read misspelled words as what was meant, where the language's words are known

    def __post_init__(self) -> None:
        for word in self.do_not_translate:
            _check(
                bool(word) and word == word.strip() and len(word.splitlines()) == 1,
                f"do_not_translate takes words and phrases on one line and without margins, not {word!r}",
            )


@dataclass(frozen=True)
class DataConfig:
    """Where the parallel text is and what its subword vocabulary looks like.

    A place is a prefix (`corpus/train` stands for `corpus/train.en` and `corpus/train.ja`), one file with both sides
    (.tsv, .csv, .jsonl, .parquet, .tmx, the text formats also as .gz), a folder with a data set, or a data set of the
    Hugging Face hub (`hf:OWNER/NAME/CONFIG:SPLIT`). Paths are relative to the recipe file. `{target}` in a place
    stands for the code of the target language: with several of them (`other_targets`), for each in turn.
    """

    train: tuple[str, ...] = option((), 'what to learn from: a place, or several, ["a/train", "b/train"]')
    dev: str = option("", "what training is watched on, to keep the best weights")
    test: str = option("", "what the finished model is scored on, for the model card")
    weights: tuple[float, ...] = option(
        (),
        "how often the pairs of each place are seen: with 2 twice in each pass over the data, with 0.5 in every other; "
        "empty: all once",
    )
    source_vocab_size: int = option(
        4000, "subwords; clamped where the corpus is too small for it; 0: chosen from the corpus", (1000, 16_000)
    )
    target_vocab_size: int = option(4000, "the same for the target", (1000, 16_000))
    joint_vocab: bool = option(False, "one vocabulary for both sides: for languages that share words", rare=True)
    max_tokens: int = option(100, "longer training sentences are left out, and counted", (40, 200))

    def __post_init__(self) -> None:
        for name in ("source_vocab_size", "target_vocab_size"):
            _check(getattr(self, name) >= 0, f"[data] {name} must be 0 or more, not {getattr(self, name)}")
        _check(self.max_tokens >= 4, f"[data] max_tokens must be at least 4, not {self.max_tokens}")
        _check(all(self.train), "[data] train must name places, not empty texts")
        _check(
            len(self.weights) in (0, len(self.train)),
            f"[data] weights must be one number for each place in train: there are {len(self.weights)} "
            f"for {len(self.train)}",
        )
        for weight in self.weights:
            _check(0.001 <= weight <= 1000, f"[data] weights must be from 0.001 to 1000, not {weight}")


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a model, which is the name of a folder as well.

    Raises:
        ConfigError: it is empty, or names a place and not just a folder.
    """
    is_folder = bool(name.strip(". ")) and not set(name) & set("/\\\0\n\r")
    _check(is_folder, f'a model is called something like en-ja-mine, without slashes, not "{name}"')


@dataclass(frozen=True)
class Recipe:
    """Everything that makes one model: what `nmt train` reads."""

    name: str = field(metadata=documented("what the model is called", example="my-model"))
    source_language: str = field(metadata=documented("code of the language to translate from", example="en"))
    target_language: str = field(metadata=documented("code of the language to translate into", example="ja"))
    other_targets: tuple[str, ...] = option(
        (),
        "codes of further languages that the same network learns to translate into (Johnson et al. 2017); every place "
        "in [data] then has {target} in it",
        rare=True,
    )
    output: str = option("", "folder of the run, relative to the recipe; empty: runs/<name> in the working folder")
    licence: str = option("", "licence of the training data, for the model card")
    data_credit: str = option("", "who made the training data, for the model card")
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    data: DataConfig = field(default_factory=DataConfig)

    @property
    def target_languages(self) -> tuple[str, ...]:
        """All of them, the first one first."""
        return (self.target_language, *self.other_targets)

    def __post_init__(self) -> None:
        check_name(self.name)
        codes = self.target_languages
        for code in (self.source_language, *codes):
            language(code)
        _check(self.source_language not in codes, f"source and target must be two languages, not twice {codes[0]}")
        _check(len(set(codes)) == len(codes), f"other_targets must name each language once, not {', '.join(codes[1:])}")
        for name in ("train", "dev", "test") if self.other_targets else ():
            places = getattr(self.data, name)
            for place in (places,) if isinstance(places, str) else places:
                _check(
                    not place or TARGET in place,
                    f"[data] {name}: with other_targets a place must have {TARGET} in it, "
                    f'for the code of each target language, and "{place}" has not',
                )


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
