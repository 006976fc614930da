"""Where a fine-tuning starts: the parent, the child's tokenizers, and its first weights."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt import bundle, tokenizer
from nmt.bundle import BundleConfig
from nmt.corpora.corpus import Corpus
from nmt.errors import BundleError
from nmt.finetuning.config import NEW_DOMAIN_OWN, FinetuningConfig, SizeDefaults
from nmt.finetuning.counterparts import find_counterparts
from nmt.finetuning.plan import defaults_for
from nmt.finetuning.transfer import Counterparts, Transferred, shrunk, transfer
from nmt.finetuning.vocabulary import Vocabulary, extended, spelled_in_bytes
from nmt.languages import language, same_language
from nmt.tokenizer import Tokenizer
from nmt.translator import Translator

Tokenizers = tuple[Tokenizer, Tokenizer]
SIDES = ("source", "target")
_MANY_BYTES = 0.05  # of the tokens
_WORDY = 1.3  # times the tokens of a vocabulary of its own: captions have 1.0, manuals 1.5 and 1.8


@dataclass(frozen=True, eq=False)
class Parent:
    """A bundle that is trained further. Nothing of it is changed.

    Attributes:
        folder, config: of the bundle.
        weights: its training weights by name.
        tokenizers: source and target.
        reason: why this one; empty where it was asked for.
    """

    folder: Path
    config: BundleConfig
    weights: Mapping[str, np.ndarray]
    tokenizers: Tokenizers
    reason: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """Its languages."""
        return self.config.source_language, self.config.target_language

    def translates(self, pair: tuple[str, str]) -> bool:
        """Whether these are its languages; a region makes no other one."""
        return all(map(same_language, pair, self.pair))

    def is_continued_by(self, pair: tuple[str, str], tokenizers: "Tokenizers") -> bool:
        """Whether a child says what its parent does until it learns: in its languages, by its pieces, new ones last."""
        both = zip(tokenizers, self.tokenizers, strict=True)
        return self.translates(pair) and all(
            Vocabulary.of(child).begins_with(Vocabulary.of(own)) for child, own in both
        )


def load_parent(name_or_folder: str | Path, reason: str = "") -> Parent:
    """Read what a child is made of.

    Raises:
        BundleError: no such bundle, a damaged one, or one without training weights.
    """
    folder = bundle.find(name_or_folder)
    config = bundle.read_config(folder)
    weights = bundle.read_weights(folder, config)
    source, target = (
        Tokenizer.load(bundle.check_file(folder, config, name))
        for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)
    )
    for side, one in zip(SIDES, (source, target), strict=True):
        rows = weights.get(f"{side}_embedding/table")
        if rows is None or len(rows) != one.vocab_size:
            raise BundleError(f"{folder}: the training weights are not those of the {side} tokenizer beside them")
    return Parent(folder, config, weights, (source, target), reason)


def with_words(options: FinetuningConfig, parent: Parent, pair: tuple[str, str], corpus: Corpus) -> FinetuningConfig:
    """The options of a child that has its parent beside it, with vocabularies that suit its text.

    They are its own where the parent needs `_WORDY` times the tokens for the new targets; otherwise they are the
    parent's, whose rows have learned, with more pieces for the target.
    """
    asked = options.source_vocabulary, options.target_vocabulary
    if "auto" not in asked:
        return options
    size = options.vocab_size or round(defaults_for(NEW_DOMAIN_OWN, len(corpus)).vocab_size)
    spaces = language(pair[1]).uses_spaces
    own = tokenizer.train(corpus.targets, size, side="target", uses_spaces=spaces, seed=options.seed)
    counts = [sum(map(len, one.encode_batch(corpus.targets))) for one in (parent.tokenizers[1], own)]
    usual = ("new", "new") if counts[0] >= _WORDY * counts[1] else ("keep", "extend")
    source, target = (found if one == "auto" else one for one, found in zip(asked, usual, strict=True))
    return dataclasses.replace(options, source_vocabulary=source, target_vocabulary=target)


def make_tokenizers(
    parent: Parent,
    pair: tuple[str, str],
    corpus: Corpus,
    options: FinetuningConfig,
    usual: SizeDefaults,
) -> Tokenizers:
    """The child's tokenizers.

    A side in the parent's language keeps the parent's tokenizer, since with it every row of the embedding is one that
    has learned; a side in another language has its own.

    Raises:
        CorpusError: there is too little text for one of its own.
    """
    made = []
    asked = options.source_vocabulary, options.target_vocabulary
    texts = corpus.sources, corpus.targets
    for k, side in enumerate(SIDES):
        choice = asked[k] if asked[k] != "auto" else "keep" if same_language(pair[k], parent.pair[k]) else "new"
        if choice == "keep":
            made.append(parent.tokenizers[k])
            continue
        size = options.vocab_size or round(usual.vocab_size)
        extra = round(usual.extra_pieces) if options.extra_pieces is None else options.extra_pieces
        spaces = language(pair[k]).uses_spaces
        if choice == "new":
            made.append(tokenizer.train(texts[k], size, side=side, uses_spaces=spaces, seed=options.seed))
        else:
            # More candidates than are wanted, since most pieces are the parent's already.
            own = tokenizer.train(texts[k], size + 4 * extra, side=side, uses_spaces=spaces, seed=options.seed)
            made.append(extended(parent.tokenizers[k], own, texts[k], extra))
    return made[0], made[1]


def first_weights(
    parent: Parent,
    pair: tuple[str, str],
    tokenizers: Tokenizers,
    corpus: Corpus,
    seed: int,
    shrink: float | None = None,
) -> Transferred:
    """The child's weights before it has learned anything; see `nmt.finetuning.transfer`.

    Args:
        pair, tokenizers, corpus: the child's. Where `can_align`, the parent translates the corpus or a part of it.
        seed: of the rows that are drawn.
        shrink: factor of the weight matrices, see `shrunk`; default: 1.
    """
    counterparts: Counterparts = {}
    if can_align(parent, pair, tokenizers[1]):
        translator = Translator.load(parent.folder)
        counterparts = find_counterparts(translator, parent.tokenizers[1], tokenizers[1], corpus)
    parents, children = (
        (Vocabulary.of(source), Vocabulary.of(target)) for source, target in (parent.tokenizers, tokenizers)
    )
    if children[1].begins_with(parents[1]):  # extended: the parent's pieces stay its own
        counterparts = {k: found for k, found in counterparts.items() if k >= len(parents[1])}
    made = transfer(parent.weights, parents, children, seed, counterparts)
    return dataclasses.replace(made, weights=shrunk(made.weights, shrink or 1.0))


def can_align(parent: Parent, pair: tuple[str, str], target: Tokenizer) -> bool:
    """Whether a child has pieces of its own in a new language, and the parent can read its source and say the same."""
    is_new = same_language(pair[0], parent.pair[0]) and not same_language(pair[1], parent.pair[1])
    return is_new and target.model != parent.tokenizers[1].model


def about_source(parent: Parent, pair: tuple[str, str]) -> list[str]:
    """A warning where the parent reads another language: its encoder is most of what it can lend."""
    if same_language(pair[0], parent.pair[0]):
        return []
    own, other = (language(code).name for code in (pair[0], parent.pair[0]))
    return [
        f"{parent.config.name} reads {other} and not {own}, so little of it is of use; a parent that reads {own}, or "
        "nmt train, may be better"
    ]


def about_spelling(parent: Parent, tokenizers: Tokenizers, corpus: Corpus) -> list[str]:
    """A warning for each side of which much is spelled in bytes."""
    warnings = []
    texts = corpus.sources, corpus.targets
    for side, own, one, lines in zip(SIDES, parent.tokenizers, tokenizers, texts, strict=True):
        share = spelled_in_bytes(one, lines)
        if share <= _MANY_BYTES:
            continue
        if one.model == own.model:
            remedy = f"--{side}-vocabulary extend adds them"
        elif Vocabulary.of(one).begins_with(Vocabulary.of(own)):
            remedy = f"more --extra-pieces, or --{side}-vocabulary new, may help"
        else:
            remedy = "a larger --vocab-size, or more text, may help"
        warnings.append(
            f"{share:.0%} of the {side} tokens are single bytes: the vocabulary lacks characters of this text; {remedy}"
        )
    return warnings
