"""Bootstrap resampling: sacreBLEU's own figures, and what they must say of systems that are clearly alike or not."""

import math
import random

import pytest
from sacrebleu.significance import PairedTest

from nmt.errors import ConfigError
from nmt.evaluation.metrics import corpus_scores, metrics
from nmt.evaluation.significance import estimate

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "it", "was", "raining", "hard", "today", "so", "we", "went"]


def sentences(seed, number=60):
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(5, 15))) for _ in range(number)]


def spoiled(texts, share, seed=1):
    rng = random.Random(seed)
    return [" ".join(rng.choice(WORDS) if rng.random() < share else word for word in text.split()) for text in texts]


REFERENCES = sentences(1)


def estimates(*systems, num_samples=200, language="en"):
    """By metric, one for each system."""
    return {
        metric.name: estimate(metric, [metric.count(system, REFERENCES) for system in systems], num_samples)
        for metric in metrics(language)
    }


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_figures_are_those_of_sacrebleu(language):
    systems = [spoiled(REFERENCES, share, seed) for share, seed in ((0.3, 1), (0.32, 2), (0.5, 3))]
    for metric in metrics(language):
        found = estimates(*systems, language=language)[metric.name]
        named = [(str(k), system) for k, system in enumerate(systems)]
        signatures, results = PairedTest(named, {"m": metric.scorer}, [REFERENCES], "bs", n_samples=200)()
        (name,) = signatures
        for one, theirs in zip(found, results[name], strict=True):
            assert one.value == pytest.approx(theirs.score)
            assert one.margin == pytest.approx(theirs.ci, rel=1e-4)
            assert (one.difference and one.difference.p_value) == theirs.p_value
            assert set(one.signature.split("|")) == set(str(signatures[name]).split("|"))


def test_the_scores_are_those_without_resampling():
    system = spoiled(REFERENCES, 0.3)
    plain = {score.name: score.value for score in corpus_scores(system, REFERENCES, "en")}
    for name, (one,) in estimates(system).items():
        assert one.value == pytest.approx(plain[name])
        assert one.difference is None
        assert 0 < one.margin < 20


def test_a_system_is_no_better_than_itself():
    system = spoiled(REFERENCES, 0.3)
    for _, other in estimates(system, list(system)).values():
        assert other.difference.p_value == 1
        assert (other.difference.low, other.difference.value, other.difference.high) == (0, 0, 0)


def test_a_clear_difference_is_seen_in_both_directions():
    good, bad = spoiled(REFERENCES, 0.1), spoiled(REFERENCES, 0.6)
    for first, second, sign in ((good, bad, -1), (bad, good, 1)):
        for _, other in estimates(first, second).values():
            difference = other.difference
            assert difference.p_value == pytest.approx(1 / 201)
            assert sign * difference.low > 0 and sign * difference.high > 0
            assert difference.low < difference.value < difference.high


def test_a_small_difference_may_be_chance():
    slightly = list(spoiled(REFERENCES, 0.3))
    slightly[7], slightly[20] = REFERENCES[7], "no such thing"
    for _, other in estimates(spoiled(REFERENCES, 0.3), slightly).values():
        assert other.difference.p_value > 0.05
        assert other.difference.low <= 0 <= other.difference.high


def test_without_resampling_nothing_is_claimed():
    for first, second in estimates(REFERENCES, spoiled(REFERENCES, 0.2), num_samples=0).values():
        assert math.isnan(first.margin) and math.isnan(second.difference.p_value)
        assert second.difference.value < 0
        assert "bs:" not in first.signature
    with pytest.raises(ConfigError, match="0 or more"):
        estimates(REFERENCES, num_samples=-1)
