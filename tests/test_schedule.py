"""Learning rates: each schedule is the formula of its paper, and none leaves its bounds."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import TrainingConfig
from nmt.errors import ConfigError
from nmt.training.checkpoint import Progress
from nmt.training.schedule import learning_rate
from nmt.training_config import SCHEDULES

OPTIONS = st.builds(
    lambda schedule, peak, share, warmup, restarts: TrainingConfig(
        schedule=schedule,
        learning_rate=peak,
        final_learning_rate=peak * share,
        warmup_updates=warmup,
        restarts=restarts if schedule == "cosine" else 0,
    ),
    st.sampled_from(SCHEDULES),
    st.floats(1e-5, 1e-1),
    st.floats(0, 1),
    st.integers(1, 1000),
    st.integers(0, 3),
)


@given(OPTIONS, st.integers(0, 100_000), st.floats(0, 1), st.integers(0, 50))
def test_no_rate_is_above_the_highest_or_below_zero(options, update, share, reductions):
    rate = learning_rate(options, update, share, reductions)
    assert 0 <= rate <= options.learning_rate * (1 + 1e-12)


@given(OPTIONS, st.integers(0, 999))
def test_every_warm_up_is_linear_to_the_learning_rate(options, update):
    update %= options.warmup_updates
    expected = options.learning_rate * (update + 1) / options.warmup_updates
    assert learning_rate(options, update, 0.0) == pytest.approx(expected)


def test_the_inverse_square_root_is_that_of_the_paper():
    """d ** -0.5 * min(step ** -0.5, step * warmup ** -1.5), up to the factor that makes the peak what was asked for."""
    options = TrainingConfig(schedule="inverse_sqrt", learning_rate=2e-3, warmup_updates=400)
    steps = (1, 7, 399, 400, 401, 1600, 40_000)
    paper = [min(step**-0.5, step * 400**-1.5) for step in steps]
    found = [learning_rate(options, step - 1, 0.5) for step in steps]
    assert found == pytest.approx([2e-3 * value / paper[3] for value in paper])
    assert found[5] == pytest.approx(1e-3), "four times the updates, half the rate"


def test_a_cosine_with_restarts_goes_down_in_each_cycle():
    options = TrainingConfig(warmup_updates=1, learning_rate=1e-3, final_learning_rate=1e-5, restarts=2)
    shares = [k / 300 for k in range(301)]
    rates = [learning_rate(options, 10, share) for share in shares]
    rises = [k for k in range(300) if rates[k + 1] > rates[k]]
    assert rises == [99, 199]
    assert rates[0] == pytest.approx(rates[100]) == pytest.approx(rates[200]) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(1e-5)


def test_without_restarts_the_cosine_is_the_one_of_older_runs():
    options = TrainingConfig(warmup_updates=1)
    for share in (0.0, 0.1, 1 / 3, 0.999, 1.0):
        span = options.learning_rate - options.final_learning_rate
        expected = options.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * share))
        assert learning_rate(options, 500, share) == expected


def test_a_plateau_lowers_the_rate_and_stops_at_the_final_one():
    options = TrainingConfig(
        schedule="plateau", learning_rate=1e-3, final_learning_rate=3e-4, plateau_factor=0.5, warmup_updates=1
    )
    rates = [learning_rate(options, 10, 0.0, reductions) for reductions in range(4)]
    assert rates == pytest.approx([1e-3, 5e-4, 3e-4, 3e-4])


def test_a_plateau_is_so_many_rounds_without_a_gain():
    progress, found = Progress(), []
    for score in (10, 9, 12, 11, 12, 10, 11, 10, 13, 12, 12):
        progress.record(3.0, {"chrF": float(score)}, 100.0)
        progress.watch_plateau(2)
        found.append(progress.num_reductions)
    assert found == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3]
    again = Progress(**dataclasses.asdict(progress))
    assert (again.num_reductions, again.rounds_on_plateau) == (3, 0), "a checkpoint holds it"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "linear"}, r"schedule must be one of cosine, inverse_sqrt, plateau, not \"linear\""),
        ({"schedule": "plateau", "restarts": 1}, "restarts are those of the schedule"),
        ({"restarts": -1}, "restarts must be 0 or more"),
        ({"plateau_factor": 1.0}, "plateau_factor must be between 0 and 1"),
        ({"plateau_patience": 0}, "plateau_patience must be at least 1"),
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"subword_sampling": "target"}, "subword_sampling must be one of none, source, both"),
        ({"sampling_nbest": 1}, "sampling_nbest must be at least 2"),
        ({"sampling_alpha": 0.0}, "sampling_alpha must be above 0"),
        ({"deterministic": True, "hours": 1.0}, r"deterministic run cannot end by hours.*bound the run by updates"),
    ],
    ids=str,
)
def test_options_that_cannot_be(changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        TrainingConfig(**changes)
    assert "\n" not in str(error.value)


@given(st.integers(1, 100_000), st.integers(0, 50))
def test_a_warm_up_takes_a_tenth_of_a_run_that_ends_by_the_clock(warmup, update):
    """A slow machine makes few of the updates that were thought of."""
    timed = TrainingConfig(warmup_updates=warmup, hours=1.0, learning_rate=1e-3, final_learning_rate=1e-3)
    assert learning_rate(timed, update, 0.1) == pytest.approx(1e-3)
    assert learning_rate(timed, update, 0.05) >= 0.5e-3
    counted = dataclasses.replace(timed, hours=0.0)
    assert learning_rate(counted, update, 0.5) == pytest.approx(1e-3 * min(1.0, (update + 1) / warmup))
