"""Alignment: in a language of which every word has one translation they are all found, in any order of the words."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpora.alignment import align
from nmt.corpora.rows import Rows

sentences = st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=5)


def translated(count, num_words=30, seed=1):
    """Sentences, and theirs with each word n called 2n + 1, in another order."""
    rng = np.random.default_rng(seed)
    sources = [rng.choice(num_words, rng.integers(1, 9), replace=False) for _ in range(count)]
    orders = [rng.permutation(len(row)) for row in sources]
    return Rows.of(sources), Rows.of([2 * row[order] + 1 for row, order in zip(sources, orders, strict=True)])


def test_every_word_finds_its_translation():
    sources, targets = translated(400)
    found = align(sources, targets, 30)
    is_same = 2 * sources.values[found.sources] + 1 == targets.values[found.targets]
    assert found.agreement[is_same].min() > 0.5 > 0.1 > found.agreement[~is_same].max()
    assert is_same.sum() == len(sources.values)


@given(sentences, st.data())
@settings(max_examples=50)
def test_every_word_of_a_sentence_is_beside_every_one_of_the_other(rows, data):
    others = [data.draw(st.lists(st.integers(0, 5), max_size=6)) for _ in rows]
    sources, targets = Rows.of(rows), Rows.of(others)
    found = align(sources, targets, 5)
    cells = list(zip(found.sources.tolist(), found.targets.tolist(), strict=True))
    for n, (row, other) in enumerate(zip(rows, others, strict=True)):
        expected = [
            (sources.offsets[n] + i, targets.offsets[n] + j) for i in range(len(row)) for j in range(len(other))
        ]
        is_short = max(len(row), len(other)) <= 5
        assert cells[found.first[n] : found.first[n + 1]] == (expected if is_short else [])
    assert found.first[-1] == len(cells) == len(found.agreement)
    assert ((found.agreement >= 0) & (found.agreement <= 1)).all()
    for ends, count in ((found.sources, len(sources.values)), (found.targets, len(targets.values))):
        assert (np.bincount(ends, found.agreement, count) <= 1 + 1e-9).all(), "a word translates one at most"


def by_the_book(sources, targets, rounds=6, nothing=1e-3):
    """Agreement of each cell, word by word: t(f|e) and t(e|f) of Model 1, and of their posteriors the product."""
    forward, backward = collections.defaultdict(lambda: 1.0), collections.defaultdict(lambda: 1.0)
    for _ in range(rounds):
        links, counts = [], collections.Counter()
        for row, other in zip(sources, targets, strict=True):
            for e in row:
                for f in other:
                    is_f_of_e = forward[e, f] / (sum(forward[x, f] for x in row) + nothing)
                    is_e_of_f = backward[e, f] / (sum(backward[e, x] for x in other) + nothing)
                    links.append(is_f_of_e * is_e_of_f)
                    counts[e, f] += links[-1]
        for e, f in counts:
            forward[e, f] = counts[e, f] / max(sum(n for (x, _), n in counts.items() if x == e), 1e-12)
            backward[e, f] = counts[e, f] / max(sum(n for (_, x), n in counts.items() if x == f), 1e-12)
    return links


@given(sentences, st.data())
@settings(max_examples=50)
def test_agreement_is_that_of_both_directions_of_model_1(rows, data):
    others = [data.draw(st.lists(st.integers(0, 5), max_size=6)) for _ in rows]
    np.testing.assert_allclose(align(Rows.of(rows), Rows.of(others), 6).agreement, by_the_book(rows, others), atol=1e-9)


def test_nothing_gives_nothing():
    found = align(Rows.of([[]]), Rows.of([[]]), 30)
    assert found.first.tolist() == [0, 0] and len(found.agreement) == 0


def test_what_stands_beside_everything_says_little():
    """A word of every sentence is aligned with what is in every other one as well, rather than with the rare ones."""
    sources, targets = translated(300)
    rows = Rows.of([[*row, 99] for row in sources]), Rows.of([[*row, 98] for row in targets])
    found = align(*rows, 30)
    is_frequent = rows[0].values[found.sources] == 99
    agreement = found.agreement[is_frequent & (rows[1].values[found.targets] == 98)]
    assert agreement.min() > 0.5
    assert found.agreement[is_frequent].sum() == pytest.approx(agreement.sum(), rel=0.05)
