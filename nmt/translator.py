"""Text in, translation out: the one facade that the command line, the page and scripts use."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt import bundle, languages, segment
from nmt.bundle import BundleConfig, BundleInfo
from nmt.config import SearchConfig
from nmt.engines import Engine
from nmt.errors import BundleError, ConfigError, MissingExtraError
from nmt.search import Hypothesis, max_lengths, search
from nmt.tokenizer import EOS_ID, Tokenizer

# Letters spelled in bytes could come out as a line break or as half a character.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]+")
ENGINES = ("auto", "onnx", "keras")


@dataclass(frozen=True, eq=False)
class Alternative:
    """One way to translate a sentence.

    Attributes:
        text: the translation.
        score: length-normalised log-probability; higher is better.
        tokens: its subwords.
        log_probs: of each token, in nats.
        attention: (len(tokens), len(source_tokens)), where each token read; rows sum to 1.
    """

    text: str
    score: float
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]
    attention: np.ndarray


@dataclass(frozen=True, eq=False)
class Sentence:
    """A translated sentence; `alternatives` are best first and never empty. `source_tokens` end with `</s>`."""

    source: str
    source_tokens: tuple[str, ...]
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, eq=False)
class Translation:
    """A translated text. `score` is the mean of its sentences' scores, 0.0 where there was nothing to translate."""

    source: str
    text: str
    score: float
    sentences: tuple[Sentence, ...]


class Translator:
    """Translates text with one model. Safe to share between threads.

    Example:
        translator = Translator.load("en-ja")
        translator.translate("Good morning!").text
    """

    def __init__(
        self,
        engine: Engine,
        source: Tokenizer,
        target: Tokenizer,
        config: BundleConfig,
        info: BundleInfo | None = None,
    ):
        self._info, self._search = info or bundle.unsaved_info(config), config.search
        self._engine, self._source, self._target, self._config = engine, source, target, config
        self._target_uses_spaces = languages.language(config.target_language).uses_spaces

    @property
    def info(self) -> BundleInfo:
        """What the model says about itself."""
        return self._info

    @property
    def search(self) -> SearchConfig:
        """How this model searches unless told otherwise."""
        return self._search

    @classmethod
    def load(cls, name_or_folder: str | Path, *, engine: str = "auto", num_threads: int = 0) -> "Translator":
        """Open a model.

        Args:
            name_or_folder: an installed model such as "en-ja", or a bundle's folder.
            engine: "onnx" is fast and light; "keras" is the reference that training uses; "auto" takes the first where
                the bundle has its graphs.
            num_threads: processor threads for one call; 0 leaves the choice to the engine. Keras can only be told
                before its first use in a process.

        Raises:
            BundleError: there is no such model, or it is damaged.
            MissingExtraError: its engine is not installed.
            ConfigError: an engine that does not exist.
        """
        if engine not in ENGINES:
            raise ConfigError(f'engine must be one of {", ".join(ENGINES)}, not "{engine}"')
        folder = bundle.find(name_or_folder)
        config = bundle.read_config(folder)
        source, target = (
            Tokenizer.load(bundle.check_file(folder, config, name))
            for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)
        )
        for side, tokenizer, expected in (
            ("source", source, config.model.source_vocab_size),
            ("target", target, config.model.target_vocab_size),
        ):
            if tokenizer.vocab_size != expected:
                raise BundleError(
                    f"{folder}: the {side} tokenizer has {tokenizer.vocab_size} tokens, config.json says {expected}"
                )
        if engine == "auto":
            engine = "onnx" if bundle.DECODER in config.sha256 else "keras"
        load = _onnx_engine if engine == "onnx" else _keras_engine
        return cls(load(folder, config, num_threads), source, target, config, bundle.read_info(folder))

    def translate(self, text: str, config: SearchConfig | None = None) -> Translation:
        """Translate one text; see `translate_batch`."""
        return self.translate_batch([text], config)[0]

    def translate_batch(self, texts: Sequence[str], config: SearchConfig | None = None) -> list[Translation]:
        """Translate texts, each of any number of sentences and lines.

        White space and line breaks between sentences stay as they are, except that a single space between sentences
        goes where the target language does not use spaces. A sentence longer than the model has learned is cut at
        sensible points, and the parts are translated one by one. A text without anything to translate comes back
        unchanged.

        Args:
            texts: what to translate.
            config: how to search; the bundle's own setting where None.
        """
        config = config or self._search
        plans = [self._plan(text) for text in texts]
        parts = [part for plan in plans for part, is_sentence in plan if is_sentence]
        sentences = iter(self._translate_sentences(parts, config))
        return [self._assemble(text, plan, sentences) for text, plan in zip(texts, plans, strict=True)]

    def _plan(self, text: str) -> list[tuple[str, bool]]:
        """The text as parts in order: sentences to translate (True) and what stays between them (False)."""
        pieces = segment.split_text(text)
        plan: list[tuple[str, bool]] = []
        limit = self._config.max_source_tokens - 1  # training counts EOS
        for k, piece in enumerate(pieces):
            if k and piece.is_sentence and pieces[k - 1].is_sentence and self._target_uses_spaces:
                plan.append((" ", False))  # after a full stop that needs no space: 「はい。いいえ。」
            if not piece.is_sentence:
                between = 0 < k < len(pieces) - 1
                plan.append((segment.joint(piece.text, self._target_uses_spaces) if between else piece.text, False))
                continue
            parts = [piece.text]
            if self._num_tokens(piece.text) > limit:
                parts = segment.split_long(piece.text, limit, self._num_tokens)
            for part in parts:
                plan.extend(self._without_margins(part))
        return plan

    def _without_margins(self, part: str) -> list[tuple[str, bool]]:
        """A part of a long sentence, with the white space at its ends kept apart."""
        core = part.strip()
        if not core or not self._source.encode(core):
            return [(part, False)]
        start = part.index(core)
        before, after = part[:start], part[start + len(core) :]
        margins = [segment.joint(space, self._target_uses_spaces) for space in (before, after)]
        return [(margins[0], False)] * bool(before) + [(core, True)] + [(margins[1], False)] * bool(after)

    def _num_tokens(self, text: str) -> int:
        return len(self._source.encode(text))

    def _translate_sentences(self, sentences: list[str], config: SearchConfig) -> list[Sentence]:
        encoded = [[*ids, EOS_ID] for ids in self._source.encode_batch(sentences)]
        # Sentences of like length are searched together: less padding, and they finish together.
        order = sorted(range(len(encoded)), key=lambda k: len(encoded[k]))
        results: dict[int, Sentence] = {}
        for start in range(0, len(order), config.batch_size):
            group = order[start : start + config.batch_size]
            sources = [encoded[k] for k in group]
            longest = max_lengths([len(ids) for ids in sources], config)
            found = search(self._engine.step, self._engine.encode(sources), longest, config)
            for k, hypotheses in zip(group, found, strict=True):
                results[k] = self._sentence(sentences[k], encoded[k], hypotheses)
        return [results[k] for k in range(len(sentences))]

    def _sentence(self, source: str, ids: list[int], hypotheses: list[Hypothesis]) -> Sentence:
        alternatives: dict[str, Alternative] = {}  # one text can be spelled in several ways; the best counts
        for hypothesis in hypotheses:
            tokens = hypothesis.ids[:-1]
            text = _UNPRINTABLE.sub(" ", self._target.decode(tokens)).strip()
            if text and text not in alternatives:
                alternatives[text] = Alternative(
                    text=text,
                    score=hypothesis.score,
                    tokens=tuple(self._target.pieces(tokens)),
                    log_probs=hypothesis.log_probs[:-1],
                    attention=hypothesis.attention[:-1, : len(ids)],
                )
        if not alternatives:  # all that was found were spaces; the source says more than nothing
            nothing = np.zeros((0, len(ids)), dtype=np.float32)
            alternatives[source] = Alternative(source, hypotheses[0].score, (), (), nothing)
        return Sentence(source, tuple(self._source.pieces(ids)), tuple(alternatives.values()))

    def _assemble(self, text: str, plan: list[tuple[str, bool]], sentences: Iterator[Sentence]) -> Translation:
        done: list[Sentence] = []
        output: list[str] = []
        for part, is_sentence in plan:
            if is_sentence:
                done.append(next(sentences))
                output.append(done[-1].alternatives[0].text)
            else:
                output.append(part)
        score = float(np.mean([sentence.alternatives[0].score for sentence in done])) if done else 0.0
        return Translation(text, "".join(output), score, tuple(done))


def _onnx_engine(folder: Path, config: BundleConfig, num_threads: int) -> Engine:
    from nmt.engines.onnx import OnnxEngine

    encoder, decoder = (bundle.check_file(folder, config, name) for name in (bundle.ENCODER, bundle.DECODER))
    engine = OnnxEngine(encoder, decoder, num_threads)
    sizes = (engine.vocab_size, engine.decoder_units)
    if sizes != (config.model.target_vocab_size, config.model.decoder_units):
        raise BundleError(f"{decoder} is of another network than {folder / bundle.CONFIG} describes")
    return engine


def _keras_engine(folder: Path, config: BundleConfig, num_threads: int) -> Engine:
    try:
        from nmt import backend
        from nmt.engines.keras import KerasEngine
        from nmt.model import TranslationModel
    except ImportError:
        raise MissingExtraError("The Keras engine", "train") from None
    weights = bundle.read_weights(folder, config)
    backend.limit_threads(num_threads)
    model = TranslationModel(config.model)
    try:
        model.set_named_weights(weights)
    except ValueError as error:
        raise BundleError(f"{folder / bundle.WEIGHTS}: {error}") from None
    return KerasEngine(model)
