"""Counterparts: the shipped Spanish model finds out what Italian pieces mean, from what it says itself."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from nmt import Translator, tokenizer
from nmt.corpora.corpus import Corpus, read_corpus
from nmt.finetuning import counterparts
from nmt.finetuning.counterparts import find_counterparts
from nmt.finetuning.start import first_weights, load_parent
from nmt.finetuning.vocabulary import Vocabulary, extended
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
    vocabulary, other = Vocabulary.of(italian), Vocabulary.of(parent.tokenizers[1])
    seen = np.bincount(np.concatenate(italian.encode_batch(book.targets)), minlength=italian.vocab_size)
    for k, (pieces, counts) in found.items():
        assert vocabulary.is_text[k] and len(pieces) == len(counts) > 0 and (counts > 0).all()
        assert counts.sum() <= seen[k] + 1e-6, "a piece has one counterpart each time at most"
        assert all(other.is_text[j] for j in pieces)
    assert all(k in found for k in range(len(vocabulary)) if vocabulary.is_text[k] and seen[k] > 9)


def asked_of(translator, monkeypatch):
    """The texts and searches that the translator is asked for."""
    asked, translate = [], translator.translate_batch

    def noted(texts, search, options):
        asked.append((texts, search))
        return translate(texts, search, options)

    monkeypatch.setattr(translator, "translate_batch", noted)
    return asked


def test_of_a_large_corpus_a_part_is_enough(parent, book, italian, monkeypatch):
    monkeypatch.setattr(counterparts, "_MOST", 20)
    translator = Translator.load(parent.folder)
    asked = asked_of(translator, monkeypatch)
    find_counterparts(translator, parent.tokenizers[1], italian, book)
    assert asked[0][0] == [book.sources[len(book) * k // 20] for k in range(20)]


def test_fewer_long_sentences_are_looked_at_and_none_that_are_too_long(parent, book, italian, monkeypatch):
    monkeypatch.setattr(counterparts, "_CELLS", 4000)
    translator = Translator.load(parent.folder)
    asked = asked_of(translator, monkeypatch)
    word = next(word for word in SAME if len(italian.encode(word[1:])) == 1)[1:]
    texts = [f"{word} " * 20, f"{word} " * 61] * 50
    find_counterparts(translator, parent.tokenizers[1], italian, Corpus([f"a {k}" for k in range(100)], texts))
    assert len(asked[0][0]) == 4000 // 20**2 and all(int(text[2:]) % 2 == 0 for text in asked[0][0])
    only_long = Corpus(["thanks"], [f"{word} " * 61])
    assert find_counterparts(translator, parent.tokenizers[1], italian, only_long) == {}


def test_what_is_passed_over_puts_no_pair_beside_another(parent, book, italian, found):
    """Too long targets before each pair of the book change nothing of what is found."""
    long = " ".join(book.targets[:40])
    sources = [text for one in book.sources for text in ("Hello", one)]
    again = find_counterparts(
        Translator.load(parent.folder),
        parent.tokenizers[1],
        italian,
        Corpus(sources, [text for one in book.targets for text in (long, one)]),
    )
    assert again.keys() == found.keys()
    for k, (pieces, counts) in found.items():
        np.testing.assert_array_equal(again[k][0], pieces)
        np.testing.assert_allclose(again[k][1], counts)


def test_however_a_parent_searches_it_is_asked_for_its_one_best_guess(parent, book, italian, found, monkeypatch):
    translator = Translator.load(parent.folder)
    search = dataclasses.replace(translator.search, num_alternatives=3, temperature=1.0)
    monkeypatch.setattr(type(translator), "search", property(lambda self: search))
    again = find_counterparts(translator, parent.tokenizers[1], italian, book)
    assert again.keys() == found.keys()
    assert all(np.array_equal(again[k][0], found[k][0]) for k in found)


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
        plain = first_weights(parent, pair, tokenizers, book, seed=1)
        assert plain.target.num_aligned == 0
        assert nearest(plain.weights, italian, parent.tokenizers[1], rows)["▁costa"] == "▁costa"


def test_the_pieces_that_a_child_shares_with_its_parent_by_its_number_keep_their_rows(
    parent, book, italian, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Translator, "load", lambda folder: pytest.fail("it has nothing to translate for"))
        kept = first_weights(parent, ("en", "it"), parent.tokenizers, book, seed=1)
    assert kept.target.num_aligned == 0
    rows = parent.weights["target_embedding/table"]
    np.testing.assert_array_equal(kept.weights["target_embedding/table"], rows)
    wide = extended(parent.tokenizers[1], italian, book.targets, 200)
    made = first_weights(parent, ("en", "it"), (parent.tokenizers[0], wide), book, seed=1)
    np.testing.assert_array_equal(made.weights["target_embedding/table"][: len(rows)], rows)
    assert 0 < made.target.num_aligned <= wide.vocab_size - len(rows)
