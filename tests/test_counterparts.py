"""Counterparts: the shipped Spanish model finds out what Italian pieces mean, from what it says itself."""

from pathlib import Path

import numpy as np
import pytest

from nmt import Translator, tokenizer
from nmt.corpora.corpus import Corpus, read_corpus
from nmt.finetuning import counterparts
from nmt.finetuning.counterparts import find_counterparts
from nmt.finetuning.start import first_weights, load_parent
from nmt.finetuning.vocabulary import Vocabulary
from nmt.tokenizer import Tokenizer

BOOK = Path(__file__).parent.parent / "data" / "phrase-book.tsv"
SAME = {
    "▁grazie": "▁gracias",
    "▁tempo": "▁tiempo",
    "▁stazione": "▁estación",
    "▁domani": "▁mañana",
    "▁bagno": "▁baño",
    "▁settimana": "▁semana",
    "▁treno": "▁tren",
    "▁costa": "▁cuesta",  # and not "▁costa", which is a coast
}


@pytest.fixture(scope="module")
def parent():
    return load_parent("en-es")


@pytest.fixture(scope="module")
def book():
    return read_corpus(BOOK, "en", "it")


@pytest.fixture(scope="module")
def italian(book):
    return tokenizer.train(book.targets, 1000, side="target", uses_spaces=True, seed=1)


@pytest.fixture(scope="module")
def found(parent, book, italian):
    return find_counterparts(Translator.load(parent.folder), parent.tokenizers[1], italian, book)


def test_words_meet_those_that_say_the_same(parent, italian, found):
    ours, theirs = Vocabulary.of(italian), Vocabulary.of(parent.tokenizers[1])
    for word, other in SAME.items():
        pieces, counts = found[ours.find(word)]
        assert theirs.pieces[pieces[counts.argmax()]] == other, word
        assert counts.max() > counts.sum() / 2


def test_only_pieces_that_are_text_and_were_seen_have_some(parent, book, italian, found):
    vocabulary = Vocabulary.of(italian)
    seen = np.bincount(np.concatenate(italian.encode_batch(book.targets)), minlength=italian.vocab_size)
    for k, (pieces, counts) in found.items():
        assert vocabulary.is_text[k] and len(pieces) == len(counts) > 0 and (counts > 0).all()
        assert counts.sum() <= seen[k] + 1e-6, "a piece has one counterpart each time at most"
        assert pieces.min() >= 0 and pieces.max() < parent.tokenizers[1].vocab_size
    assert len(found) > 0.9 * sum(seen[k] > 2 for k in range(len(vocabulary)) if vocabulary.is_text[k])


def test_of_a_large_corpus_a_part_is_enough(parent, book, italian, monkeypatch):
    monkeypatch.setattr(counterparts, "_MOST", 20)
    translator, asked = Translator.load(parent.folder), []
    translate = translator.translate_batch
    monkeypatch.setattr(
        translator, "translate_batch", lambda texts, search: asked.append(texts) or translate(texts, search)
    )
    find_counterparts(translator, parent.tokenizers[1], italian, book)
    assert len(asked[0]) == 20 and asked[0][0] == book.sources[0] and asked[0][-1] == book.sources[len(book) * 19 // 20]


def nearest(weights: dict[str, np.ndarray], child: Tokenizer, parent: Tokenizer, rows: np.ndarray) -> dict[str, str]:
    """For each of the words the piece of the parent whose row is most like its own, by the cosine."""
    table, ours, theirs = weights["target_embedding/table"], Vocabulary.of(child), Vocabulary.of(parent)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return {word: theirs.pieces[int((unit @ table[ours.find(word)]).argmax())] for word in SAME}


def test_a_new_language_starts_from_them_and_a_new_domain_does_not(parent, book, italian):
    tokenizers = parent.tokenizers[0], italian
    rows = parent.weights["target_embedding/table"]
    made = first_weights(parent, ("en", "it"), tokenizers, book, seed=1)
    assert nearest(made.weights, italian, parent.tokenizers[1], rows) == SAME
    assert made.target.num_aligned > 0.5 * italian.vocab_size > 0 == made.source.num_aligned
    for pair in (("en", "es"), ("de", "it")):  # the parent has nothing new to say, or cannot read it
        plain = first_weights(parent, pair, tokenizers, Corpus([], []), seed=1)
        assert plain.target.num_aligned == 0
        assert nearest(plain.weights, italian, parent.tokenizers[1], rows)["▁costa"] == "▁costa"
