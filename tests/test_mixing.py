"""Several corpora in one run: weights, what a pass holds, lists in a recipe, and runs that began without them."""

import dataclasses
import functools
import hashlib
import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import DataConfig, Recipe, load_recipe
from nmt.corpora.corpus import Corpus, write_pair_files
from nmt.corpora.rows import Rows
from nmt.errors import ConfigError, CorpusError, TrainingError
from nmt.option import from_dict
from nmt.training import batches, mixing
from nmt.training import trainer as training
from nmt.training.batches import BatchPlan, EncodedCorpus
from nmt.training.checkpoint import load_arrays
from nmt.training.mixing import Share, pairs_of_pass, read_mixture, shares_of
from nmt.training.run_folder import check_data, check_recipe, write_recipe

HEAD = 'name = "a"\nsource_language = "en"\ntarget_language = "ja"\n'


def encoded(num_pairs: int) -> EncodedCorpus:
    rng = np.random.default_rng(0)
    rows = [rng.integers(4, 90, rng.integers(1, 20)) for _ in range(num_pairs)]
    return EncodedCorpus(Rows.of(rows), Rows.of(rows), ["x"] * num_pairs, np.empty(0, dtype=np.int64))


# --- passes

SIZES_AND_WEIGHTS = st.lists(st.tuples(st.integers(1, 40), st.floats(0.01, 5)), min_size=1, max_size=4)


@given(SIZES_AND_WEIGHTS, st.integers(0, 5), st.integers(0, 5))
def test_a_pass_has_every_pair_as_often_as_its_weight_says(
    parts: list[tuple[int, float]], seed: int, number: int
) -> None:
    shares = shares_of(*zip(*parts, strict=True))
    found = pairs_of_pass(shares, seed, number)
    counts, first = Counter(found.tolist()), 0
    for size, weight in parts:
        times = [counts[k] for k in range(first, first + size)]
        assert max(times) - min(times) <= 1  # as evenly as it goes up
        assert sum(times) == max(1, round(size * weight))
        first += size
    assert sum(counts.values()) == len(found) and max(counts) < first
    np.testing.assert_array_equal(found, pairs_of_pass(shares, seed, number))


def test_without_weights_a_pass_is_every_pair_once() -> None:
    np.testing.assert_array_equal(pairs_of_pass(shares_of([3, 4], []), 1, 0), np.arange(7))


def test_the_rest_is_another_in_each_pass_and_with_each_seed() -> None:
    shares = shares_of([100, 100], [1.0, 0.3])
    rests = [frozenset(pairs_of_pass(shares, *key)[100:].tolist()) for key in ((1, 0), (1, 1), (2, 0))]
    assert all(len(rest) == 30 and min(rest) >= 100 for rest in rests)
    assert len(set(rests)) == 3
    seen = Counter(k for number in range(200) for k in pairs_of_pass(shares, 1, number)[100:].tolist())
    assert len(seen) == 100 and min(seen.values()) > 35 and max(seen.values()) < 90  # 60 expected


def test_a_corpus_of_which_nothing_is_left_is_no_part_of_a_pass() -> None:
    np.testing.assert_array_equal(pairs_of_pass(shares_of([2, 0, 1], [1.0, 5.0, 2.0]), 1, 0), [0, 1, 2, 2])


@pytest.mark.parametrize("first", [0, 1, 40, 300])
def test_batch_k_of_a_mixture_needs_no_batch_before_it(first: int) -> None:
    shares = (Share(150, 225), Share(150, 40))
    plan = BatchPlan(encoded(300), 200, 3, None, shares)
    sizes = [sum(map(len, plan.one_pass(number))) for number in (0, 1)]
    assert sizes == [265, 265]
    assert any(not np.array_equal(a, b) for a, b in zip(plan.one_pass(0), plan.one_pass(1), strict=False))
    expected = next(itertools.islice(plan.batches(), first, None))
    again = next(BatchPlan(encoded(300), 200, 3, None, shares).batches(first))
    for name in ("source", "target", "labels"):
        np.testing.assert_array_equal(expected[name], again[name])


def test_equal_weights_are_no_weights() -> None:
    corpus = encoded(300)
    for weights in ([], [1.0, 1.0]):
        plan = BatchPlan(corpus, 200, 3, None, shares_of([120, 180], weights))
        for one, other in zip(plan.one_pass(1), BatchPlan(corpus, 200, 3).one_pass(1), strict=True):
            np.testing.assert_array_equal(one, other)


# --- reading


def test_corpora_stand_one_behind_the_other(tmp_path: Path) -> None:
    write_pair_files(Corpus(["a", "b"], ["c", "d"]), tmp_path / "x.en", tmp_path / "x.de")
    (tmp_path / "y.tsv").write_text("e\tf\n", encoding="utf-8")
    mixture = read_mixture([tmp_path / "x", str(tmp_path / "y.tsv")], "en", ["de", "de"], tmp_path / "run")
    assert mixture.corpus == Corpus(["a", "b", "e"], ["c", "d", "f"])
    assert mixture.sizes == (2, 1)
    assert not (tmp_path / "run").exists()
    with pytest.raises(CorpusError, match="no such file"):
        read_mixture([tmp_path / "x", tmp_path / "z"], "en", ["de", "de"])


# --- recipes


def load(tmp_path: Path, lines: str) -> DataConfig:
    path = tmp_path / "recipe.toml"
    path.write_text(f"{HEAD}[data]\n{lines}\n", encoding="utf-8")
    return load_recipe(path).data


@pytest.mark.parametrize(
    ("lines", "train", "weights"),
    [
        ('train = "a"', ("a",), ()),
        ('train = ["a"]', ("a",), ()),
        ('train = ["a", "b"]', ("a", "b"), ()),
        ('train = ["a", "b"]\nweights = [1, 2.5]', ("a", "b"), (1.0, 2.5)),
        ('train = "a"\nweights = 2', ("a",), (2.0,)),
        ('train = ""', (), ()),
        ("train = []", (), ()),
    ],
)
def test_places_and_weights(tmp_path: Path, lines: str, train: tuple[str, ...], weights: tuple[float, ...]) -> None:
    data = load(tmp_path, lines)
    assert (data.train, data.weights) == (train, weights)
    assert all(type(weight) is float for weight in data.weights)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("train = 3", '[data]: every item of "train" must be str, not 3'),
        ('train = ["a", 3]', 'every item of "train" must be str, not 3'),
        ('train = [["a"]]', "must be str, not ['a']"),
        ('train = ["a", ""]', "[data] train must name places"),
        ('train = "a"\nweights = "2"', """every item of "weights" must be float, not '2'"""),
        ('train = "a"\nweights = [true]', 'every item of "weights" must be float, not True'),
        ('train = ["a", "b"]\nweights = [1.0]', "one number for each place in train: there are 1 for 2"),
        ('train = "a"\nweights = [0.0]', "weights must be from 0.001 to 1000, not 0.0"),
        ('train = "a"\nweights = [nan]', "weights must be from 0.001 to 1000, not nan"),
        ('dev = ["a"]', """"dev" must be str, not ['a']"""),
    ],
)
def test_wrong_lists_are_answered_clearly(tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, lines)
    assert said in str(caught.value)


def test_lists_come_back_from_json() -> None:
    recipe = Recipe("a", "en", "ja", data=DataConfig(train=("a", "b"), weights=(1.0, 3.0)))
    assert from_dict(Recipe, json.loads(json.dumps(dataclasses.asdict(recipe))), "x") == recipe


def test_a_run_that_began_before_there_were_lists_is_still_its_own(tmp_path: Path) -> None:
    data = DataConfig(train=("a/train",), dev="a/dev")
    recipe = Recipe("a", "en", "ja", data=data)
    write_recipe(tmp_path, recipe)
    path = tmp_path / "recipe.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values["data"]["train"] = "a/train"
    del values["data"]["weights"], values["training"]["source_noise"]
    path.write_text(json.dumps(values), encoding="utf-8")
    check_recipe(tmp_path, recipe)
    (tmp_path / "source.model").touch()
    for train, weights in ((("b/train",), ()), (("a/train",), (2.0,)), (("a/train", "b/train"), ())):
        other = dataclasses.replace(recipe, data=dataclasses.replace(data, train=train, weights=weights))
        with pytest.raises(TrainingError, match="another recipe"):
            check_recipe(tmp_path, other)


def test_the_checksum_of_the_data_is_that_of_the_first_version(tmp_path: Path) -> None:
    """Over each side, its lines joined, and a zero byte."""
    corpus = Corpus([f"s{n}" for n in range(20_001)], [f"t{n}" for n in range(20_001)])
    check_data(tmp_path, corpus, Corpus(["a"], ["b"]))
    text = "".join("\n".join(side) + "\0" for side in (corpus.sources, corpus.targets, ["a"], ["b"]))
    known = hashlib.sha256(text.encode()).hexdigest()
    assert (tmp_path / "data.sha256").read_text(encoding="utf-8") == known


@pytest.mark.slow
def test_a_model_learns_from_a_mixture_in_lists_or_in_files(
    tmp_path: Path, sample: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, part in (
        ("a", slice(0, 150)),
        ("b", slice(150, 250)),
        ("dev", slice(250, 256)),
        ("test", slice(256, 260)),
    ):
        pairs = Corpus(sample.sources[part], sample.targets[part])
        write_pair_files(pairs, tmp_path / f"{name}.en", tmp_path / f"{name}.ja")
    path = tmp_path / "mixed.toml"
    path.write_text(
        f"""{HEAD}
[data]
train = ["a", "b"]
weights = [1.0, 2.5]
dev = "dev"
test = "test"
source_vocab_size = 300
target_vocab_size = 400
[model]
embedding_dim = 16
encoder_layers = 1
encoder_units = 12
decoder_layers = 1
decoder_units = 24
attention_dim = 16
[training]
batch_tokens = 300
updates = 4
updates_per_round = 2
source_noise = 0.2
[search]
beam_size = 1
""",
        encoding="utf-8",
    )
    run = tmp_path / "run"
    bundle = training.train(path, output=run, progress=False)
    assert "in each pass over the data `a` 1×, `b` 2.5×" in (bundle / "README.md").read_text(encoding="utf-8")
    assert training.train(path, output=run, progress=False) == bundle  # it knows its recipe again

    monkeypatch.setattr(mixing, "gather", functools.partial(mixing.gather, large=1000))
    monkeypatch.setattr(batches, "RowWriter", functools.partial(batches.RowWriter, large=1000))
    training.train(path, output=tmp_path / "files", progress=False)
    assert (tmp_path / "files" / "data.sha256").read_bytes() == (run / "data.sha256").read_bytes()
    in_lists, in_files = (load_arrays(folder / "best.npz") for folder in (run, tmp_path / "files"))
    for name, values in in_lists.items():
        np.testing.assert_array_equal(values, in_files[name])

    path.write_text(path.read_text(encoding="utf-8").replace("2.5", "2.0"), encoding="utf-8")
    with pytest.raises(TrainingError, match="another recipe"):
        training.train(path, output=run, progress=False)
