"""What is noticed about a bad translation, and that a second search helps."""

import numpy as np
import pytest

from nmt import Translator
from nmt.bundle import BundleConfig
from nmt.config import ModelConfig, SearchConfig, TranslationOptions
from nmt.search.beam import Step
from nmt.text import quality
from nmt.tokenizer import EOS_ID

SIZES = quality.Sizes(source=10, target=10, limit=32)


@pytest.mark.parametrize(
    ("source", "text", "language", "kind"),
    [
        ("I like the sea.", "", "ja", quality.EMPTY),
        ("I like the sea.", "私は海が海が海が好き。", "ja", quality.LOOP),
        ("I like the sea.", "Ich mag das, ich mag das, ich mag das Meer.", "de", ""),  # a capital: not quite the same
        ("I like the sea.", "Das Meer, das Meer das Meer das Meer.", "de", quality.LOOP),
        ("I like the sea.", "I like the sea", "de", quality.COPY),
        ("I like the sea.", "I like the wide open sea", "ja", quality.COPY),
        ("I like the sea.", "Мне нравится море", "de", quality.COPY),
    ],
)
def test_what_is_wrong_is_named(source, text, language, kind):
    found = [problem.partition(":")[0] for problem in quality.problems(source, text, SIZES, language)]
    assert found == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("source", "text", "language"),
    [
        ("Ha, ha, ha, ha!", "ハハハハハハ！", "ja"),
        ("The school is only a walk away.", "La scuola è a soli cinque minuti a piedi di distanza.", "it"),
        ("It is 1,000,000.", "Es sind 1.000.000.", "de"),
        ("NASA", "NASA", "ja"),
        ("Tom Jackson, John Smith and Mary", "Tom Jackson, John Smith und Mary", "de"),
        ("He works for NASA.", "彼はNASAで働く。", "ja"),
    ],
)
def test_what_is_right_is_left_in_peace(source, text, language):
    assert quality.problems(source, text, SIZES, language) == ()


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        (quality.Sizes(10, 32, 32), quality.LONG),
        (quality.Sizes(10, 41, 99), quality.LONG),
        (quality.Sizes(10, 2, 32), quality.SHORT),
        (quality.Sizes(3, 1, 18), None),
        (quality.Sizes(1, 7, 14), None),
        (quality.Sizes(1, 3, 3), None),
        (quality.Sizes(10, 3, 32), None),
    ],
)
def test_lengths_that_are_out_of_line(sizes, kind):
    found = quality.problems("Source text.", "Ein Text", sizes, "de")
    assert [problem.partition(":")[0] for problem in found] == ([kind] if kind else [])


def test_the_second_search_fits_the_problem():
    config = SearchConfig(beam_size=5, length_penalty=1.0)
    short = quality.other_search(config, ["too short: 2 tokens for 10"])
    looping = quality.other_search(config, ['repetition: "a"'])
    assert short.beam_size == looping.beam_size == 10
    assert short.length_penalty > 1 > looping.length_penalty
    assert quality.blocks_repeats(['repetition: "a"']) and not quality.blocks_repeats(["not translated"])
    assert quality.other_search(SearchConfig(length_penalty=10.0), [quality.EMPTY]).length_penalty == 10.0


class Stuck:
    """An engine that says the same token again and again, unless that is forbidden; any token is possible."""

    def __init__(self, vocab_size, favourite):
        self.vocab_size, self.favourite = vocab_size, favourite
        self.num_calls = 0

    def encode(self, sources):
        return len(max(sources, key=len))

    def step(self, tokens, sentences, parents, state, num_candidates, full=False):
        self.num_calls += 1
        values = np.full(self.vocab_size, -30.0, dtype=np.float32)
        values[:EOS_ID] = -np.inf
        values[self.favourite], values[EOS_ID] = -0.01, -5.0
        order = np.argsort(-values, kind="stable")[:num_candidates]
        grid = tokens.shape

        def spread(row):
            return np.broadcast_to(row, (*grid, *np.shape(row))).copy()

        attention = np.full((*grid, state), 1 / state, dtype=np.float32)
        everything = spread(values) if full else None
        return Step(spread(order), spread(values[order]), spread(values[EOS_ID]), attention, state, everything)


@pytest.fixture
def stuck(tokenizers):
    source, target = tokenizers
    favourite = max(range(260, target.vocab_size), key=lambda k: len(target.decode([k])))
    engine = Stuck(target.vocab_size, favourite)
    sizes = ModelConfig(source_vocab_size=source.vocab_size, target_vocab_size=target.vocab_size)
    config = BundleConfig("stuck", "en", "ja", sizes, SearchConfig(beam_size=2, max_length_extra=20))
    return Translator(engine, source, target, config)


def test_a_loop_is_broken_by_a_second_search(stuck):
    without = stuck.translate("Yes.", options=TranslationOptions(check=False)).sentences[0]
    assert without.problems == () and len(without.alternatives[0].tokens) > 10
    sentence = stuck.translate("Yes.").sentences[0]
    assert len(sentence.alternatives[0].tokens) < 6
    assert not any(problem.startswith(quality.LOOP) for problem in sentence.problems)


def test_what_still_fails_is_reported_and_kept(stuck):
    translation = stuck.translate("I have 12345 books {x} here.")
    assert translation.text.count("{x}") == 1  # what has to be there is, wherever
    assert "place is a guess: {x}" in translation.sentences[0].problems
    assert "12345" not in translation.text  # a plain number is put in where it was read, or not at all
    assert "missing number: 12345" in translation.sentences[0].problems
