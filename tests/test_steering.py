"""Searches that may go only some ways, over tables of probabilities, compared with trying everything."""

import functools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_glossary import Full
from test_search import FIRST, everything
from test_search import Table as PlainTable

from nmt import ConfigError, SearchConfig
from nmt.search.beam import coverage, search
from nmt.search.constraints import Demands, constrained_search
from nmt.search.sampling import Sampled, chances, probabilities
from nmt.search.steering import Loyalty, Steered, branch
from nmt.tokenizer import EOS_ID


@functools.cache
def known_log_probs(seed, vocab_size, sharpness, prefix):
    return PlainTable([seed], vocab_size, sharpness).log_probs(seed, prefix)


class Table(PlainTable):
    """The table, which remembers what it has drawn."""

    def log_probs(self, seed, prefix):
        return known_log_probs(seed, self.vocab_size, self.sharpness, tuple(prefix))


class FullTable(Full, Table):
    """The one that hands out whole distributions."""


TOKENS = st.integers(FIRST, FIRST + 2)
PATHS = st.lists(st.lists(TOKENS, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3)


def run(seeds, guides, config, longest=5, no_repeat=0, **options):
    table = FullTable(seeds, **options)
    steered = Steered(table, guides, no_repeat)
    return search(steered, steered.start(None), np.full(len(seeds), longest), config)


def begins(ids, paths):
    return any(ids[: len(path)] == path for path in paths)


def plain(hypotheses):
    return [(h.ids, h.score, h.log_probs) for h in hypotheses]


@given(st.integers(0, 10_000), PATHS, st.sampled_from([0.0, 1.0]))
@settings(max_examples=25)
def test_a_wide_beam_with_a_prefix_finds_what_exhaustive_search_finds(seed, paths, alpha):
    config = SearchConfig(beam_size=120, num_alternatives=5, length_penalty=alpha)
    (found,) = run([seed], [branch(paths)], config)
    best = [one for one in everything(Table([seed]), seed, 5, alpha) if begins(one[1], paths)][:5]
    assert [h.ids for h in found] == [ids for _, ids in best]
    assert [h.score for h in found] == pytest.approx([score for score, _ in best], abs=1e-5)


@given(st.integers(0, 10_000), PATHS, st.integers(1, 4), st.integers(4, 9))
def test_every_hypothesis_begins_as_told_with_the_networks_own_probabilities(seed, paths, beam, longest):
    config = SearchConfig(beam_size=beam, num_alternatives=beam)
    (found,) = run([seed], [branch(paths)], config, longest)
    table = Table([seed])
    assert found and len({h.ids for h in found}) == len(found)
    for h in found:
        assert begins(h.ids, paths)
        assert h.ids[-1] == EOS_ID and len(h.ids) <= longest and len(h.attention) == len(h.ids)
        assert h.log_probs == pytest.approx([table.log_probs(seed, h.ids[:k])[h.ids[k]] for k in range(len(h.ids))])


GUIDES = st.one_of(
    st.none(),
    PATHS.map(branch),
    st.tuples(st.lists(TOKENS, max_size=5).map(tuple), st.sampled_from([0.0, 1.0, 9.0])).map(lambda a: Loyalty(*a)),
)


@given(
    st.lists(st.tuples(st.integers(0, 500), GUIDES), min_size=1, max_size=6),
    st.integers(1, 4),
    st.sampled_from([0, 1, 2, 3]),
)
@settings(max_examples=60)
def test_a_sentence_does_not_see_its_neighbours(sentences, beam, no_repeat):
    config = SearchConfig(beam_size=beam, num_alternatives=beam)
    seeds, guides = [seed for seed, _ in sentences], [guide for _, guide in sentences]
    together = run(seeds, guides, config, 7, no_repeat)
    for seed, guide, hypotheses in zip(seeds, guides, together, strict=True):
        (alone,) = run([seed], [guide], config, 7, no_repeat)
        assert plain(hypotheses) == plain(alone)
        if guide is None and not no_repeat:
            assert plain(alone) == plain(search(Table([seed]), None, np.array([7]), config)[0])


@given(st.integers(0, 10_000), st.lists(TOKENS, min_size=1, max_size=4).map(tuple), st.integers(1, 4))
def test_loyalty_without_bounds_is_a_prefix_and_without_patience_is_nothing(seed, ids, beam):
    config = SearchConfig(beam_size=beam, num_alternatives=beam)
    (loyal,) = run([seed], [Loyalty(ids, 1e6)], config, 7)
    assert plain(loyal) == plain(run([seed], [branch([ids])], config, 7)[0])
    greedy = SearchConfig(beam_size=1)
    assert plain(run([seed], [Loyalty(ids, 0.0)], greedy, 7)[0]) == plain(run([seed], [None], greedy, 7)[0])


@given(st.integers(0, 10_000), st.lists(TOKENS, min_size=1, max_size=6).map(tuple), st.floats(0, 4))
def test_loyalty_ends_at_the_first_token_that_is_too_improbable(seed, ids, margin):
    table = Table([seed])
    kept = 0
    while kept < len(ids):
        log_probs = table.log_probs(seed, ids[:kept])
        if log_probs[ids[kept]] < log_probs.max() - margin:
            break
        kept += 1
    (found,) = run([seed], [Loyalty(ids, margin)], SearchConfig(beam_size=2), 9)
    assert found[0].ids[:kept] == ids[:kept]


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 5))
def test_no_run_of_tokens_is_written_twice(seed, size, beam):
    config = SearchConfig(beam_size=beam, num_alternatives=beam)
    (found,) = run([seed], [None], config, 14, no_repeat=size)
    assert found
    for h in found:
        runs = [h.ids[k : k + size] for k in range(len(h.ids) - size + 1)]
        assert len(set(runs)) == len(runs)


@given(st.integers(0, 10_000), st.integers(1, 2))
@settings(max_examples=20)
def test_forbidding_repeats_leaves_the_best_of_the_others(seed, size):
    config = SearchConfig(beam_size=120)
    (found,) = run([seed], [None], config, 5, no_repeat=size)

    def repeats(ids):
        runs = [ids[k : k + size] for k in range(len(ids) - size + 1)]
        return len(set(runs)) < len(runs)

    best = next(ids for _, ids in everything(Table([seed]), seed, 5, config.length_penalty) if not repeats(ids))
    assert found[0].ids == best


def test_a_prefix_may_repeat_itself():
    ids = (FIRST, FIRST, FIRST)
    (found,) = run([1], [branch([ids])], SearchConfig(beam_size=2), 8, no_repeat=1)
    assert found[0].ids[:3] == ids
    assert FIRST not in found[0].ids[3:]


@given(st.integers(0, 5_000), st.lists(TOKENS, min_size=1, max_size=2).map(tuple), TOKENS)
@settings(max_examples=30)
def test_a_constrained_search_keeps_to_a_prefix(seed, ids, wanted):
    steered = Steered(FullTable([seed]), [branch([ids])])
    demands = [Demands((((wanted,),),))]
    found = constrained_search(steered, steered.start(None), np.array([8]), SearchConfig(beam_size=4), demands)[0]
    assert found
    assert found[0].ids[: len(ids)] == ids
    assert wanted in found[0].ids


def test_a_long_prefix_costs_no_recursion():
    ids = (FIRST, FIRST + 1) * 1500
    guide = branch([ids, (*ids[:-1], FIRST + 2)])
    assert guide.longest == 3000
    for token in ids[:-1]:
        assert guide.allowed(None).tolist() == [token]
        guide = guide.after(token)
    assert sorted(guide.allowed(None)) == [FIRST + 1, FIRST + 2]
    assert guide.after(FIRST + 2) is None


def test_few_ways_feed_few_hypotheses():
    widths = []

    class Counting(FullTable):
        def __call__(self, tokens, *rest, **options):
            widths.append(tokens.shape[1])
            return super().__call__(tokens, *rest, **options)

    steered = Steered(Counting([1]), [branch([(FIRST,) * 6])])
    search(steered, steered.start(None), np.array([12]), SearchConfig(beam_size=3))
    assert widths[:7] == [1] * 7
    assert widths[7] == 3


# ---------------------------------------------------------------- watching


@given(st.lists(st.integers(0, 500), min_size=1, max_size=4), st.integers(1, 4))
def test_watching_changes_nothing_and_shows_what_grows(seeds, beam):
    config = SearchConfig(beam_size=beam)
    seen = {k: [] for k in range(len(seeds))}

    def watch(sentence, hypothesis):
        seen[sentence].append(hypothesis)
        return True

    watches = [watch if k % 2 == 0 else None for k in range(len(seeds))]
    found = search(Table(seeds), None, np.full(len(seeds), 7), config, watches=watches)
    unseen = search(Table(seeds), None, np.full(len(seeds), 7), config)
    assert [plain(one) for one in found] == [plain(one) for one in unseen]
    for k, seed in enumerate(seeds):
        assert [len(h.ids) for h in seen[k]] == ([*range(1, len(seen[k]) + 1)] if k % 2 == 0 else [])
        for h in seen[k]:
            expected = [Table([seed]).log_probs(seed, h.ids[:n])[h.ids[n]] for n in range(len(h.ids))]
            assert h.log_probs == pytest.approx(expected)
            assert len(h.attention) == len(h.ids)


def test_a_search_can_be_given_up_for_one_sentence():
    watches = [lambda sentence, hypothesis: len(hypothesis.ids) < 2, None]
    found = search(Table([1, 2]), None, np.array([9, 9]), SearchConfig(beam_size=2), watches=watches)
    assert plain(found[1]) == plain(search(Table([2]), None, np.array([9]), SearchConfig(beam_size=2))[0])
    assert all(len(h.ids) <= 3 for h in found[0])


# ---------------------------------------------------------------- coverage


def test_coverage_is_that_of_the_paper():
    attention = np.array([[0.5, 0.5, 0.0], [0.9, 0.05, 0.05]])
    assert coverage(attention) == pytest.approx(np.log(1.0) + np.log(0.55) + np.log(0.05))


class Reading(Table):
    """Reads source token 0 or 1, by the token that it was given last."""

    def __call__(self, tokens, *rest):
        step = super().__call__(tokens, *rest)
        attention = np.zeros((*tokens.shape, 3), dtype=np.float32)  # the third is padding
        np.put_along_axis(attention, (tokens % 2)[:, :, None], 1.0, axis=2)
        return step._replace(attention=attention)


@given(st.integers(0, 2_000))
@settings(max_examples=40)
def test_the_best_score_with_coverage_is_found(seed):
    config = SearchConfig(beam_size=120, coverage_penalty=0.3, num_alternatives=3)
    found = search(Reading([seed]), None, np.array([4]), config, source_lengths=[2])[0]

    def score(total, ids):
        fed = (1, *ids[:-1])[1:]  # BOS is id 2
        read = np.zeros((len(ids), 2))
        read[0, 0] = 1
        for n, token in enumerate(fed, start=1):
            read[n, token % 2] = 1
        return total + 0.3 * coverage(read)

    best = sorted(
        ((score(s, ids), ids) for s, ids in everything(Table([seed]), seed, 4, config.length_penalty)), reverse=True
    )[:3]
    assert [h.ids for h in found] == [ids for _, ids in best]
    assert [h.score for h in found] == pytest.approx([s for s, _ in best], abs=1e-5)


class FullReading(Full, Reading):
    """The one that hands out whole distributions."""


@given(
    st.integers(0, 5_000),
    st.none() | PATHS.map(lambda paths: [path[:2] for path in paths]),
    st.sampled_from([0.0, 0.6, 2.0]),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.integers(0, 3),
)
@example(0, [(4,), (4, 4)], 0.0, 0.0, 1)
@settings(max_examples=30)
def test_all_that_steers_together_finds_the_best_of_what_is_allowed(seed, paths, alpha, weight, size):
    # What begins with a shorter path is not asked for: after that one anything may come.
    wanted = [path for path in paths or () if not any(path[: len(one)] == one != path for one in paths)]
    config = SearchConfig(beam_size=120, num_alternatives=4, length_penalty=alpha, coverage_penalty=weight)
    steered = Steered(FullReading([seed]), [branch(paths) if paths else None], size)
    (found,) = search(steered, steered.start(None), np.array([5]), config, source_lengths=[2])

    def is_allowed(ids):
        runs = [ids[k : k + size] for k in range(len(ids) - size + 1)] if size else []
        again = [k for k, one in enumerate(runs) if one in runs[:k]]  # within what is asked for it may
        asked = (any(ids[: k + size] == path[: k + size] for path in wanted) for k in again)
        return (not paths or begins(ids, paths)) and all(asked)

    def score(total, ids):
        read = np.zeros((len(ids), 2))
        for n, token in enumerate((2, *ids[:-1])):  # BOS is id 2
            read[n, token % 2] = 1
        return total + weight * coverage(read)

    allowed = [(score(s, ids), ids) for s, ids in everything(Table([seed]), seed, 5, alpha) if is_allowed(ids)]
    best = sorted(allowed, reverse=True)[:4]
    assert [h.ids for h in found] == [ids for _, ids in best]
    assert [h.score for h in found] == pytest.approx([s for s, _ in best], abs=1e-5)


@given(st.integers(0, 2_000), TOKENS)
@settings(max_examples=20)
def test_a_constrained_search_counts_what_was_read_as_well(seed, wanted):
    config = SearchConfig(beam_size=120, coverage_penalty=0.5, num_alternatives=3)
    demands = [Demands((((wanted,),),))]
    found = constrained_search(FullReading([seed]), None, np.array([4]), config, demands, source_lengths=[2])[0]
    plain = search(Reading([seed]), None, np.array([4]), SearchConfig(beam_size=120, coverage_penalty=0.5,
                   num_alternatives=120), source_lengths=[2])[0]  # fmt: skip
    best = [h for h in plain if wanted in h.ids][:3]
    assert [h.ids for h in found] == [h.ids for h in best]
    assert [h.score for h in found] == pytest.approx([h.score for h in best], abs=1e-5)


# ---------------------------------------------------------------- sampling


def draw(seed, config, count, longest=4, vocab_size=3, source=(5, 6)):
    """`count` translations by chance of one sentence."""
    limits = np.full(count, longest)
    sampled = Sampled(
        FullTable([seed] * count, vocab_size), config, chances(config.seed, [source] * count, range(count), limits)
    )
    found = search(sampled, sampled.start(None), limits, SearchConfig(beam_size=1, length_penalty=0))
    return [hypotheses[0] for hypotheses in found]


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 0, 1.0), (0.5, 0, 1.0), (1.0, 2, 1.0), (1.5, 0, 0.7)]
)
def test_sampling_gives_the_distribution_of_the_table(temperature, top_k, top_p):
    config = SearchConfig(temperature=temperature, top_k=top_k, top_p=top_p, seed=7)
    count, table = 2000, Table([3])
    drawn = [h.ids for h in draw(3, config, count)]
    expected = {}

    def walk(ids, chance):
        if len(ids) == 3:
            expected[(*ids, EOS_ID)] = chance
            return
        shares = probabilities(table.log_probs(3, ids), config, may_end=bool(ids))
        for token in np.flatnonzero(shares):
            if token == EOS_ID:
                expected[(*ids, EOS_ID)] = chance * shares[token]
            else:
                walk((*ids, int(token)), chance * shares[token])

    walk((), 1.0)
    assert sum(expected.values()) == pytest.approx(1.0)
    assert set(drawn) <= expected.keys(), "nothing is drawn that cannot be"
    common = {ids: count * chance for ids, chance in expected.items() if count * chance >= 5}
    statistic = sum((drawn.count(ids) - number) ** 2 / number for ids, number in common.items())
    freedom = len(common) - 1
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5, "four standard deviations of chi-square"
    assert len(set(drawn)) > 3


def test_probabilities_are_cut_to_the_most_probable():
    log_probs = np.log(np.array([1e-9, 1e-9, 1e-9, 0.1, 0.4, 0.3, 0.2], dtype=np.float32))
    of = lambda **options: probabilities(log_probs, SearchConfig(temperature=1.0, **options)).round(3).tolist()[3:]  # noqa: E731
    assert of() == [0.1, 0.4, 0.3, 0.2]
    assert of(top_k=2) == [0.0, 0.571, 0.429, 0.0]
    assert of(top_p=0.41) == [0.0, 0.571, 0.429, 0.0]
    assert of(top_p=0.39) == [0.0, 1.0, 0.0, 0.0]
    assert of(top_k=3, top_p=0.99) == [0.0, 0.444, 0.333, 0.222]
    for temperature in (0.01, 1e-320):
        cold = probabilities(log_probs, SearchConfig(temperature=temperature), may_end=False)
        assert cold[4] == pytest.approx(1.0)


@given(st.integers(0, 500), PATHS)
@settings(max_examples=20)
def test_a_draw_keeps_to_a_prefix(seed, paths):
    config, count = SearchConfig(temperature=1.0, seed=3), 5
    limits = np.full(count, 6)
    steered = Steered(FullTable([seed] * count), [branch(paths)] * count)
    sampled = Sampled(steered, config, chances(3, [(5, 6)] * count, range(count), limits))
    found = search(sampled, sampled.start(steered.start(None)), limits, SearchConfig(beam_size=1))
    assert all(begins(hypotheses[0].ids, paths) for hypotheses in found)


def test_a_draw_depends_on_its_seed_and_sentence_alone():
    config = SearchConfig(temperature=1.0, seed=1)
    few, many = draw(3, config, 2, longest=8), draw(3, config, 40, longest=8)
    assert plain(few) == plain(many[:2])
    assert {h.ids for h in draw(3, SearchConfig(temperature=1.0, seed=2), 40, longest=8)} != {h.ids for h in many}
    table = chances(1, [(4, 5), (6,)], [0, 0], np.array([3, 5]))
    assert (table == chances(1, [(6,), (4, 5)], [0, 0], np.array([5, 3]))[::-1]).all()


def test_log_probabilities_of_a_draw_are_the_networks_own():
    for h in draw(3, SearchConfig(temperature=0.7, top_k=2), 5):
        expected = [Table([3]).log_probs(3, h.ids[:k])[h.ids[k]] for k in range(len(h.ids))]
        assert h.log_probs == pytest.approx(expected)


@pytest.mark.parametrize(
    "options",
    [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.1}, {"top_k": -1}, {"seed": -1}, {"no_repeat_ngram": -1},
     {"coverage_penalty": -0.1}],
)  # fmt: skip
def test_impossible_settings_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        SearchConfig(**options)
