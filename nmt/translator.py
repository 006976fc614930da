"""Text in, translation out: the one facade that the command line, the page and scripts use."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nmt import bundle, languages, loading, segment
from nmt.bundle import BundleConfig, BundleInfo
from nmt.config import SearchConfig, TranslationOptions
from nmt.engines import Engine
from nmt.masking import Masked, mask
from nmt.protect import MARK, Shielded, Span, reveal, shield
from nmt.sentences import SentenceTranslator
from nmt.tokenizer import Tokenizer
from nmt.translation import Alternative, Sentence, Translation

__all__ = ["Alternative", "Sentence", "Translation", "Translator"]

_OPTIONS = TranslationOptions()


class Translator:
    """Translates text with one model. Safe to share between threads: concurrent calls are searched together.

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
        num_workers: int = 1,
    ):
        self._info, self._search = info or bundle.unsaved_info(config), config.search
        self._source, self._config = source, config
        self._sentences = SentenceTranslator(engine, source, target, config, num_workers)
        self._source_uses_spaces = languages.language(config.source_language).uses_spaces
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
            num_threads: processor threads, 0: all. With ONNX Runtime each has its own batch. Keras can be told
                before its first use in a process only.

        Raises:
            BundleError: there is no such model, or it is damaged.
            MissingExtraError: its engine is not installed.
            ConfigError: an engine that does not exist.
        """
        loaded = loading.load(name_or_folder, engine, num_threads)
        return cls(loaded.engine, loaded.source, loaded.target, loaded.config, loaded.info, loaded.num_workers)

    def translate(
        self, text: str, config: SearchConfig | None = None, options: TranslationOptions | None = None
    ) -> Translation:
        """Translate one text; see `translate_batch`."""
        return self.translate_batch([text], config, options)[0]

    def translate_batch(
        self, texts: Sequence[str], config: SearchConfig | None = None, options: TranslationOptions | None = None
    ) -> list[Translation]:
        """Translate texts, each of any number of sentences and lines.

        White space and line breaks between sentences stay as they are, except that a single space between sentences
        goes where the target language does not use spaces. A sentence longer than the model has learned is cut at
        sensible points, and the parts are translated one by one. A text without anything to translate comes back
        unchanged.

        Addresses, placeholders, tags, code, emoji and numbers with units come through unchanged, each exactly once. A
        sentence whose translation looks wrong is searched again; what still looks wrong is in `Sentence.problems`.

        Args:
            texts: what to translate.
            config: how to search; the bundle's own setting where None.
            options: what else to keep: the user's own words, a glossary; or to switch off what is on by default.
        """
        config, options = config or self._search, options or _OPTIONS
        plans = [self._plan(text, options) for text in texts]
        parts = [part for plan in plans for part in plan if isinstance(part, Masked)]
        sentences = iter(self._sentences.translate(parts, config, options))
        return [self._assemble(text, plan, sentences) for text, plan in zip(texts, plans, strict=True)]

    def _plan(self, text: str, options: TranslationOptions) -> list[str | Masked]:
        """The text as parts in order: sentences to translate, and as plain text what stays between them."""
        shielded = Shielded(text, ())
        if options.protect or options.do_not_translate:
            shielded = shield(text, options.do_not_translate, self._source_uses_spaces, all_kinds=options.protect)
        spans = iter(shielded.spans)
        pieces = segment.split_text(shielded.skeleton)
        plan: list[str | Masked] = []
        limit = self._config.max_source_tokens - 1  # training counts EOS
        for k, piece in enumerate(pieces):
            if k and piece.is_sentence and pieces[k - 1].is_sentence and self._target_uses_spaces:
                plan.append(" ")  # after a full stop that needs no space: 「はい。いいえ。」
            own = [next(spans) for _ in range(piece.text.count(MARK))] if shielded.spans else []
            if not piece.is_sentence:
                between = 0 < k < len(pieces) - 1
                kept = segment.joint(piece.text, self._target_uses_spaces) if between else piece.text
                plan.append(reveal(kept, iter(own)) if own else kept)
                continue
            parts = [piece.text]
            if self._num_tokens(piece.text, own) > limit:
                parts = segment.split_long(piece.text, limit, functools.partial(self._num_tokens, spans=own))
            waiting = iter(own)
            for part in parts:
                plan.extend(self._part(part, [next(waiting) for _ in range(part.count(MARK) if own else 0)]))
        return plan

    def _part(self, part: str, spans: list[Span]) -> list[str | Masked]:
        """A sentence, or a part of a long one, with the white space at its ends kept apart."""
        core = part.strip()
        masked = mask(core, spans, self._config.source_language, self._config.target_language)
        if masked is None or not core or not self._source.encode(masked.text):
            return [reveal(part, iter(spans)) if spans else part]
        start = part.index(core)
        before, after = part[:start], part[start + len(core) :]
        margins = [segment.joint(space, self._target_uses_spaces) for space in (before, after)]
        return [*margins[: bool(before)], masked, *margins[1 : 1 + bool(after)]]

    def _num_tokens(self, text: str, spans: Sequence[Span]) -> int:
        """How long the model's view of a part of a skeleton is at most."""
        if spans:
            text = text.replace(
                MARK, max((span.text for span in spans if span.kind == "measure"), key=len, default="Tom")
            )
        return len(self._source.encode(text))

    def _assemble(self, text: str, plan: list[str | Masked], sentences: Iterator[Sentence]) -> Translation:
        done: list[Sentence] = []
        output: list[str] = []
        for part in plan:
            if isinstance(part, Masked):
                done.append(next(sentences))
                output.append(done[-1].alternatives[0].text)
            else:
                output.append(part)
        score = float(np.mean([sentence.alternatives[0].score for sentence in done])) if done else 0.0
        return Translation(text, "".join(output), score, tuple(done))
