"""Text in, translation out: the one facade that the command line, the page and scripts use."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from nmt import bundle, languages
from nmt.bundle import BundleConfig, BundleInfo
from nmt.config import SearchConfig, TranslationOptions
from nmt.engines import Engine
from nmt.inspection import NUM_OPEN, Inspection, folder_of, inspect_found, inspect_pair, stamp_of
from nmt.text.masking import Masked
from nmt.tokenizer import Tokenizer
from nmt.translating import loading
from nmt.translating.choosing import choose
from nmt.translating.loading import LoadedModel
from nmt.translating.planning import Planner, assemble
from nmt.translating.sentences import SentenceTranslator
from nmt.translating.streaming import stream
from nmt.translation import Alternative, Choice, Partial, Sentence, Translation, Word, untranslated

__all__ = ["Alternative", "Choice", "Partial", "Sentence", "Translation", "Translator", "Word", "inspect"]

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
        self._planner = Planner(source, config)
        self._sentences = SentenceTranslator(engine, source, target, config, num_workers)
        self._uses_spaces = languages.language(config.target_language).uses_spaces

    @property
    def info(self) -> BundleInfo:
        """What the model says about itself."""
        return self._info

    @property
    def search(self) -> SearchConfig:
        """How this model searches unless told otherwise."""
        return self._search

    @property
    def planner(self) -> Planner:
        """What takes texts apart: for those who build on this class."""
        return self._planner

    @property
    def sentences(self) -> SentenceTranslator:
        """What translates sentences: for those who build on this class."""
        return self._sentences

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
            ConfigError: an engine that does not exist, or fewer than 0 threads.
        """
        return cls.opened(loading.load(name_or_folder, engine, num_threads))

    @classmethod
    def ensemble(
        cls, names_or_folders: Sequence[str | Path], *, engine: str = "auto", num_threads: int = 0
    ) -> "Translator":
        """Open several models that translate together, each next token by the mean of their probabilities.

        They must have been trained with the same vocabularies, as runs of one recipe with different seeds are. It
        takes as many times as long as there are models.

        Args and errors are those of `load`; ConfigError also where the languages or vocabularies differ.
        """
        return cls.opened(loading.load_ensemble(names_or_folders, engine, num_threads))

    @classmethod
    def opened(cls, model: LoadedModel) -> "Translator":
        """A translator of a model that has been loaded."""
        return cls(model.engine, model.source, model.target, model.config, model.info, model.num_workers)

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

        Addresses, file names, placeholders, tags, code, emoji and numbers with units come through unchanged, each
        exactly once. A sentence whose translation looks wrong is searched again; what still looks wrong is in
        `Sentence.problems`.

        Args:
            texts: what to translate.
            config: how to search; the bundle's own setting where None.
            options: what else to keep: the user's own words, a glossary; or to switch off what is on by default.
        """
        config, options = config or self._search, options or _OPTIONS
        plans = [self._planner.plan(text, options) for text in texts]
        parts = [part for plan in plans for part in plan if isinstance(part, Masked)]
        sentences = iter(self._sentences.translate(parts, config, options))
        return [assemble(text, plan, sentences) for text, plan in zip(texts, plans, strict=True)]

    def stream(
        self, text: str, config: SearchConfig | None = None, options: TranslationOptions | None = None
    ) -> Iterator[Partial]:
        """Translate one text and hand out what there is of it, sentence by sentence and token by token.

        The last partial has the same translation that `translate` gives. What was shown before can change until then.
        Closing the generator stops the work.
        """
        options = options or _OPTIONS
        plan = self._planner.plan(text, options)
        return stream(self._sentences, text, plan, config or self._search, options)

    def complete(
        self,
        sentence: str,
        before: str,
        config: SearchConfig | None = None,
        options: TranslationOptions | None = None,
    ) -> Sentence:
        """The best translations of one sentence that begin with exactly `before`.

        Args:
            sentence: what to translate.
            before: the beginning of its translation, as a user typed it: it can end within a word or a protected span.
                Protected spans that are not in it follow behind it.
            config, options: as for `translate_batch`. A wider beam finds better ways to go on from an unlikely
                beginning.
        """
        options = options or _OPTIONS
        masked = self._planner.one(sentence, options)
        if masked is None:
            text = sentence if sentence.startswith(before) else before
            return Sentence(sentence, (), (untranslated(text, 0),))
        return self._sentences.fulfil([self._sentences.task(masked, options, before)], config or self._search)[0]

    def choices(
        self,
        sentence: str,
        before: str,
        num_choices: int = 8,
        config: SearchConfig | None = None,
        options: TranslationOptions | None = None,
    ) -> tuple[Choice, ...]:
        """What could stand right after `before`, each with the best translation that goes on from there.

        Args:
            sentence: what to translate.
            before: the beginning of its translation; "" for the first word.
            num_choices: at most so many different words.
            config, options: as for `translate_batch`; glossary and checks play no part.

        Returns:
            The most probable words first; a word is what it is in `Alternative.words`. None where `before` is the
            whole translation, or there is nothing to translate.
        """
        options = options or _OPTIONS
        masked = self._planner.one(sentence, options)
        if masked is None or num_choices < 1:
            return ()
        begin = self._sentences.opening(masked, before)
        task = self._sentences.task(masked, options)
        return choose(self._sentences, task, begin, num_choices, config or self._search, self._uses_spaces)

    def inspect(self, sentence: str, translation: str | None = None) -> Inspection:
        """What goes on inside the network while it translates a sentence.

        Args:
            sentence: one sentence.
            translation: of it, whether or not the model would give it; its best one where None.

        Raises:
            See `nmt.inspect`.
        """
        config = self._search
        if translation is not None:  # it may be one of the alternatives
            config = dataclasses.replace(config, num_alternatives=config.beam_size)
        return inspect_found(self._info, self.translate(sentence, config), translation)


def inspect(bundle: str | Path | BundleInfo, sentence: str, translation: str | None = None) -> Inspection:
    """Run the network on one sentence and keep every number.

    The translation is fed to the decoder whatever the network would have written (teacher forcing). Both texts are
    taken whole, in the one spelling that the tokenizers give them.

    Args:
        bundle: an installed one such as "en-ja", a bundle's folder, or what is known about one.
        sentence: one sentence of the source language.
        translation: of it; where None, the best one that `Translator` finds, in the very tokens that it read and wrote.

    Raises:
        BundleError: there is no such model, or it has no training weights, or it is damaged.
        ConfigError: more or less than one sentence, or one that is too long.
        MissingExtraError: the package that reads training weights is not installed.
    """
    if translation is not None:
        return inspect_pair(bundle, sentence, translation)
    folder = folder_of(bundle)
    return inspect_found(folder, _loaded(folder, stamp_of(folder)).translate(sentence))


@functools.lru_cache(maxsize=NUM_OPEN)
def _loaded(folder: Path, stamp: int) -> Translator:
    return Translator.load(folder, num_threads=1)
