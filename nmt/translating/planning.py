"""A text as the sentences to translate and what stays between them, and back."""

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from nmt import languages
from nmt.bundle import BundleConfig
from nmt.config import TranslationOptions
from nmt.text import glossary, names, segment
from nmt.text.masking import Masked, calmed, mask, mended
from nmt.text.protect import MARK, Shielded, Span, also, reveal, shield
from nmt.text.typos import Typos, Vocabulary, has_words
from nmt.tokenizer import Tokenizer
from nmt.translation import Sentence, Translation

Plan = list[str | Masked]  # in order: sentences to translate, and as plain text what stays as it is


class Planner:
    """Takes texts apart for one model.

    Args:
        source: its tokenizer.
        config: of the bundle.
    """

    def __init__(self, source: Tokenizer, config: BundleConfig):
        self._source = source
        self._languages = (config.source_language, config.target_language)
        self._source_uses_spaces, self._target_uses_spaces = (
            languages.language(code).uses_spaces for code in self._languages
        )
        self._keeps_names = names.keeps_names(*self._languages, source.vocab_size)
        self._num_pieces = functools.lru_cache(maxsize=10_000)(lambda word: len(source.encode(word)))
        vocabulary = Vocabulary(self._num_pieces, functools.lru_cache(maxsize=10_000)(source.log_prob))
        self._typos = Typos(config.source_language, vocabulary) if has_words(config.source_language) else None
        self._limit = config.max_source_tokens - 1  # training counts EOS

    def plan(self, text: str, options: TranslationOptions) -> Plan:
        """The sentences of a text and what stays between them; a sentence too long for the model is in parts."""
        shielded = self._shielded(text, options)
        spans = iter(shielded.spans)
        pieces = segment.split_text(shielded.skeleton)
        plan: Plan = []
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
            if not self._fits(piece.text, own):
                parts = segment.split_long(piece.text, self._limit, functools.partial(self._num_tokens, spans=own))
            waiting = iter(own)
            for part in parts:
                spans_of_part = [next(waiting) for _ in range(part.count(MARK) if own else 0)]
                plan.extend(self._part(part, spans_of_part, options))
        return plan

    def _shielded(self, text: str, options: TranslationOptions) -> Shielded:
        if not options.protect and not options.do_not_translate:
            return Shielded(text, ())
        shielded = shield(text, options.do_not_translate, self._source_uses_spaces, all_kinds=options.protect)
        if not options.protect or not self._keeps_names:
            return shielded
        found = names.unknown_names(shielded.skeleton, self._num_pieces)
        asked = (span for span in found if not self._has_term(shielded.skeleton[slice(*span)], options))
        return also(shielded, asked)

    def _has_term(self, name: str, options: TranslationOptions) -> bool:
        """Whether the glossary says how to translate a name, or a part of it."""
        return bool(glossary.terms_in(name, options.glossary, self._source_uses_spaces))

    def _part(self, part: str, spans: list[Span], options: TranslationOptions) -> Plan:
        """A sentence, or a part of a long one, with the white space at its ends kept apart."""
        core = part.strip()
        masked = mask(core, spans, *self._languages)
        if masked is None or not core or not self._is_readable(masked.text):
            return [reveal(part, iter(spans)) if spans else part]
        masked = self._as_meant(masked, options)
        start = part.index(core)
        before, after = part[:start], part[start + len(core) :]
        margins = [segment.joint(space, self._target_uses_spaces) for space in (before, after)]
        return [*margins[: bool(before)], masked, *margins[1 : 1 + bool(after)]]

    def _as_meant(self, masked: Masked, options: TranslationOptions) -> Masked:
        """Without slips of the finger, and with the capitals that the model has learned."""
        language, num_tokens = self._languages[0], self._num_tokens
        if not options.spelling or self._typos is None:
            return calmed(masked, language, num_tokens, self._source.knows_capitals)
        is_kept = glossary.words_of(options.glossary).__contains__
        if masked.text.islower() or masked.text.isupper():  # before misspelled words get the capitals of names
            masked = mended(masked, self._typos, is_kept)
        masked = calmed(masked, language, num_tokens, self._source.knows_capitals)
        return mended(masked, self._typos, is_kept)

    def _fits(self, text: str, spans: Sequence[Span]) -> bool:
        """Whether the model can read a part of a skeleton at once; mostly without counting its tokens."""
        if not spans and text.isascii() and len(text) < self._limit:  # at most one for each letter, and a space
            return True
        return self._num_tokens(text, spans) <= self._limit

    def _is_readable(self, text: str) -> bool:
        return any(c.isascii() and c.isalnum() for c in text) or bool(self._source.encode(text))

    def _num_tokens(self, text: str, spans: Sequence[Span] = ()) -> int:
        """How long the model's view of a part of a skeleton is at most."""
        if spans:
            text = text.replace(
                MARK, max((span.text for span in spans if span.kind == "measure"), key=len, default="Tom")
            )
        return len(self._source.encode(text))

    def one(self, sentence: str, options: TranslationOptions) -> Masked | None:
        """A text as a single sentence, whatever else could be seen in it; None where there is nothing to translate."""
        found = [part for part in self.plan(sentence, options) if isinstance(part, Masked)]
        if len(found) > 1:
            shielded = self._shielded(sentence, options)
            found = [p for p in self._part(shielded.skeleton, list(shielded.spans), options) if isinstance(p, Masked)]
        return found[0] if found else None


def assemble(text: str, plan: Plan, sentences: Iterator[Sentence]) -> Translation:
    """The translation of a text whose sentences, in order, are translated like this."""
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
