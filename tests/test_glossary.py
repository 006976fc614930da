"""Words with a given translation: read, found, and said by a search that would say something else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_search import FIRST, Table

from nmt import ConfigError, SearchConfig, Translator
from nmt.config import Term, TranslationOptions
from nmt.search.beam import search
from nmt.search.constraints import Demands, constrained_search
from nmt.text.glossary import missed_terms, read_glossary, spellings, terms_in
from nmt.tokenizer import EOS_ID


class Full(Table):
    """The table that also hands out the whole distribution, as an engine does."""

    def __call__(self, tokens, sentences, parents, state, num_candidates, full=False):
        step = super().__call__(tokens, sentences, parents, state, num_candidates)
        table = np.array(
            [[self.log_probs(self.seeds[o], p) for p in row] for o, row in zip(self.owners, step.state, strict=True)]
        )
        return step._replace(all_log_probs=table if full else None)


def run(seeds, demands, config, longest=8, vocab_size=9):
    return constrained_search(Full(seeds, vocab_size), None, np.full(len(seeds), longest), config, demands)


def says(ids, phrase):
    return any(ids[k : k + len(one)] == one for one in phrase for k in range(len(ids)))


TOKENS = st.integers(FIRST, FIRST + 8)
PHRASES = st.lists(
    st.lists(st.lists(TOKENS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple), max_size=2
).map(tuple)


@given(st.integers(0, 10_000), PHRASES, st.integers(1, 5), st.sampled_from([0, 2]))
@settings(max_examples=50)
def test_every_phrase_is_said(seed, phrases, beam, no_repeat):
    config = SearchConfig(beam_size=beam, num_alternatives=beam)
    (found,) = run([seed], [Demands(phrases)], config)
    assert 1 <= len(found) <= beam
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    for h in found:
        assert all(says(h.ids, phrase) for phrase in phrases)
        assert 2 <= len(h.ids) <= 8 and h.ids.count(EOS_ID) == 1 and h.ids[-1] == EOS_ID
        assert len(h.log_probs) == len(h.ids) == len(h.attention)


@given(st.lists(st.tuples(st.integers(0, 500), PHRASES), min_size=1, max_size=5), st.integers(1, 4))
@settings(max_examples=25)
def test_a_sentence_does_not_see_its_neighbours(sentences, beam):
    config = SearchConfig(beam_size=beam, num_alternatives=beam)
    demands = [Demands(phrases, no_repeat=2 * (seed % 2)) for seed, phrases in sentences]
    together = run([seed for seed, _ in sentences], demands, config)
    for (seed, _), one, found in zip(sentences, demands, together, strict=True):
        alone = run([seed], [one], config)[0]
        assert [(h.ids, h.score, h.log_probs) for h in found] == [(h.ids, h.score, h.log_probs) for h in alone]


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0]))
@settings(max_examples=10)
def test_without_demands_a_wide_beam_finds_what_the_plain_search_finds(seed, alpha):
    config = SearchConfig(beam_size=120, length_penalty=alpha)
    (plain,) = search(Table([seed]), None, np.array([4]), config)
    (found,) = run([seed], [Demands()], config, longest=4, vocab_size=3)
    assert found[0].ids == plain[0].ids
    assert found[0].score == pytest.approx(plain[0].score, abs=1e-5)


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_nothing_is_said_twice(seed):
    (found,) = run([seed], [Demands(no_repeat=2)], SearchConfig(beam_size=3), longest=12, vocab_size=4)
    pairs = list(zip(found[0].ids, found[0].ids[1:], strict=False))
    assert len(set(pairs)) == len(pairs)


def test_what_does_not_fit_is_said_as_far_as_possible():
    phrases = tuple(((FIRST + k, FIRST + k + 1),) for k in range(0, 8, 2))
    (found,) = run([1], [Demands(phrases)], SearchConfig(beam_size=4), longest=6)
    assert sum(says(found[0].ids, phrase) for phrase in phrases) == 2  # of five tokens


def test_a_glossary_is_read(tmp_path):
    path = tmp_path / "terms.tsv"
    path.write_bytes("\ufeffbank\t銀行\n\nnew York\tニューヨーク\tNY \nbank\tバンク\r\n".encode())
    assert read_glossary(path) == (Term("bank", ("銀行", "バンク")), Term("new York", ("ニューヨーク", "NY")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\nbank", r"line 2: expected a term, a tab"),
        (b"\tx", "line 1"),
        (b"a\t \n", "line 1"),
        (b"\xff\t", "UTF-8"),
    ],
)
def test_a_wrong_glossary_says_where(tmp_path, content, message):
    path = tmp_path / "terms.tsv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_glossary(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read_glossary(tmp_path / "no.tsv")


@pytest.mark.parametrize("bad", [("", ("x",)), ("a ", ("x",)), ("a", ()), ("a", ("",))])
def test_a_term_without_text_is_refused(bad):
    with pytest.raises(ConfigError):
        Term(*bad)


def test_terms_are_found_as_words():
    glossary = tuple(Term(word, ("x",)) for word in ("bank", "US", "river bank", "C++"))

    def found(text, uses_spaces=True):
        return [term.source for term in terms_in(text, glossary, uses_spaces)]

    assert found("Bank! The BANK, banks and embankment.") == ["bank"]
    assert found("It is us in the US.") == ["US"]
    assert found("The river  bank and the bank.") == ["river bank", "bank"]
    assert found("The river bank.") == ["river bank"]
    assert found("C++") == ["C++"]
    assert found("xxbankxx", uses_spaces=False) == ["bank"]
    assert found("") == []


def test_any_translation_of_a_term_counts():
    terms = (Term("bank", ("Bank", "Geldhaus")), Term("river", ("Fluss",)))
    assert missed_terms("das GELDHAUS am fluss", terms) == ()
    assert [term.source for term in missed_terms("die Bank", terms)] == ["river"]
    assert spellings(Term("bank", ("ufer", "Bank"))) == ("ufer", "Bank", "Ufer")


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    return Translator.load(tiny_bundle)


def test_a_real_network_keeps_to_the_glossary(translator):
    config = SearchConfig(beam_size=3, max_length_extra=6)
    options = TranslationOptions(glossary=(Term("station", ("駅前",)), Term("morning", ("朝", "あさ"))), check=False)
    texts = ["Good morning!", "Where is the station?", "Yes.", "This morning I saw the station.", "I see {x}."]
    plain = [translator.translate(text, config, TranslationOptions(check=False)).text for text in texts]
    together = translator.translate_batch(texts, config, options)
    alone = [translator.translate(text, config, options) for text in texts]
    assert [t.text for t in together] == [t.text for t in alone], "mixed batches change nothing"
    assert "駅前" in together[1].text and "駅前" in together[3].text
    assert any(word in together[0].text for word in ("朝", "あさ"))
    assert [together[2].text, together[4].text] == [plain[2], plain[4]], "no term, no change"
    assert all(not s.missed_terms for t in together for s in t.sentences)


def test_a_term_that_cannot_be_said_is_reported(translator):
    options = TranslationOptions(glossary=(Term("yes", ("とても長い訳語とても長い訳語",)),))
    config = SearchConfig(beam_size=2, max_length_factor=0.01, max_length_extra=3)
    (sentence,) = translator.translate("Yes.", config, options).sentences
    assert sentence.missed_terms == ("yes",)
    assert "glossary term missing: yes" in sentence.problems
