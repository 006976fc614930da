"""One network for several target languages: the tokens that name them, and the bundle for each that comes of it."""

import itertools
import re

import numpy as np
import pytest

import nmt
from nmt import SearchConfig, Translator, cli, tokenizer
from nmt.bundle import BundleConfig
from nmt.config import DataConfig, ModelConfig, Recipe, load_recipe
from nmt.corpora.corpus import Corpus, write_pair_files
from nmt.engines.keras import KerasEngine
from nmt.errors import BundleError, ConfigError
from nmt.network.model import TranslationModel
from nmt.tokenizer import BOS_ID, PAD_ID
from nmt.training import trainer as training
from nmt.training.batches import BatchPlan, encode_corpus
from nmt.training.sampling import SubwordSampling
from nmt.training.targets import Target, TargetEngine, language_tokens, targets_of, weights_for

HEAD = 'name = "many"\nsource_language = "en"\ntarget_language = "de"\n'
RECIPE = Recipe("many", "en", "de", other_targets=("fr",), data=DataConfig(train=("{target}/train",)))


@pytest.fixture(scope="module")
def target(sample):
    return tokenizer.train(sample.sources, 420, side="target", tokens=language_tokens(RECIPE))


def test_a_language_is_named_by_a_piece_that_no_text_has(target):
    ids = [target.id_of(token) for token in ("<2de>", "<2fr>")]
    assert len({*ids, *range(4)}) == 6 and max(ids) < target.vocab_size
    assert [one.start for one in targets_of(RECIPE, target)] == ids
    for text in ("<2de>", "Say <2fr> now.", "<2", "2de>"):
        assert not set(target.encode(text)) & set(ids)
        assert target.decode([ids[0], *target.encode(text)]) == text
    with pytest.raises(KeyError, match="<2es>"):
        target.id_of("<2es>")


def test_one_language_has_no_token(tokenizers):
    alone = Recipe("one", "en", "ja")
    assert language_tokens(alone) == () and targets_of(alone, tokenizers[1]) == (Target("ja", BOS_ID),)


@pytest.mark.parametrize("sampled", [False, True])
def test_each_target_begins_with_the_token_of_its_language(sample, tokenizers, target, sampled):
    corpus = encode_corpus(Corpus(sample.sources, sample.sources), tokenizers[0], target, 60)
    starts = np.where(np.arange(len(corpus)) % 3 == 0, *(one.start for one in targets_of(RECIPE, target)))
    sampling = SubwordSampling(None, target, 0.2, 16, 60, 3) if sampled else None
    plan = BatchPlan(corpus, 300, 1, sampling=sampling, starts=starts)
    plain = BatchPlan(corpus, 300, 1, sampling=sampling)
    for numbers, one, other in itertools.islice(
        zip(plan.one_pass(0), plan.batches(), plain.batches(), strict=False), len(plan.one_pass(0))
    ):
        np.testing.assert_array_equal(one["target"][:, 0], starts[numbers])
        assert (other["target"][:, 0] == BOS_ID).all()
        for name, columns in (("source", slice(None)), ("target", slice(1, None)), ("labels", slice(None))):
            np.testing.assert_array_equal(one[name][:, columns], other[name][:, columns])
        assert (one["target"] != PAD_ID).sum() == (one["labels"] != PAD_ID).sum()


def test_a_bundle_of_one_language_says_what_the_network_says_after_its_token(sample, tokenizers, target):
    sizes = ModelConfig(tokenizers[0].vocab_size, target.vocab_size, 16, encoder_units=12, decoder_units=24)
    models = [TranslationModel(sizes) for _ in range(2)]
    rng = np.random.default_rng(1)
    weights = {name: 0.5 * rng.normal(size=one.shape) for name, one in models[0].named_weights().items()}
    models[0].set_named_weights({name: value.astype("float32") for name, value in weights.items()})
    found = []
    for one in targets_of(RECIPE, target):
        models[1].set_named_weights(weights_for(one, models[0].named_weights()))
        config = BundleConfig("many", "en", one.language, sizes, SearchConfig(beam_size=2))
        engines = TargetEngine(KerasEngine(models[0]), one), KerasEngine(models[1])
        texts = [
            [
                found.text
                for found in Translator(engine, tokenizers[0], target, config).translate_batch(sample.sources[:9])
            ]
            for engine in engines
        ]
        assert texts[0] == texts[1]
        found.append(texts[0])
    assert found[0] != found[1], "the language makes a difference"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('other_targets = ["de"]', "other_targets must name each language once, not de"),
        ('other_targets = ["fr", "fr"]', "other_targets must name each language once, not fr, fr"),
        (
            'other_targets = "fr"\n[data]\ntrain = "x/train"',
            "[data] train: with other_targets a place must have {target}",
        ),
        ('other_targets = "fr"\n[data]\ntrain = "{target}"\ndev = "d"', 'and "d" has not'),
        ("other_targets = [1]", 'every item of "other_targets" must be str'),
    ],
)
def test_impossible_recipes_are_answered_clearly(tmp_path, lines, said):
    path = tmp_path / "recipe.toml"
    path.write_text(HEAD + lines, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_recipe(path)
    assert said in str(caught.value)


WORDS = ("one", "two", "three", "four", "five", "six", "seven")
LANGUAGES = {"de": dict(zip(WORDS, ("eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben"), strict=True)),
             "fr": dict(zip(WORDS, ("un", "deux", "trois", "quatre", "cinq", "six", "sept"), strict=True))}  # fmt: skip


def write_parts(folder):
    rng = np.random.default_rng(4)
    sources = list({tuple(rng.choice(WORDS, rng.integers(2, 6))) for _ in range(1400)})
    for code, words in LANGUAGES.items():
        rng.shuffle(sources)
        targets = [" ".join(words[word] for word in row) for row in sources]
        corpus = Corpus([" ".join(row) for row in sources], targets)
        (folder / code).mkdir()
        for name, part in (("dev", slice(0, 60)), ("test", slice(60, 120)), ("train", slice(120, None))):
            pairs = Corpus(corpus.sources[part], corpus.targets[part])
            write_pair_files(pairs, folder / code / f"{name}.en", folder / code / f"{name}.{code}")


@pytest.mark.slow
def test_a_network_learns_two_languages_and_becomes_a_bundle_for_each(tmp_path, capsys):
    write_parts(tmp_path)
    recipe = tmp_path / "many.toml"
    recipe.write_text(
        f"""{HEAD}other_targets = ["fr"]
[data]
train = "{{target}}/train"
dev = "{{target}}/dev"
test = "{{target}}/test"
source_vocab_size = 300
target_vocab_size = 320
[model]
embedding_dim = 32
encoder_layers = 1
encoder_units = 32
decoder_layers = 1
decoder_units = 64
attention_dim = 32
dropout = 0.0
word_dropout = 0.0
weight_drop = 0.0
[training]
batch_tokens = 400
updates = 360
updates_per_round = 120
warmup_updates = 40
learning_rate = 0.005
ema = 0.95
[search]
beam_size = 2
""",
        encoding="utf-8",
    )
    run = tmp_path / "run"
    assert cli.main(["train", str(recipe), "--out", str(run)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in said[:2]] == ["bundle-de:", "bundle-fr:"]
    assert all(re.fullmatch(r".*: on the test part, BLEU [\d.]+, chrF [\d.]+, TER [\d.]+", line) for line in said[:2])
    assert said[2:] == [f"The models are in {run / 'bundle-de'}, {run / 'bundle-fr'}"]
    for code, words in LANGUAGES.items():
        folder = run / f"bundle-{code}"
        info = nmt.bundle.read_info(folder)
        assert (info.name, info.target_language) == (f"many-{code}", code)
        assert "one network learned to translate into de, fr" in (folder / "README.md").read_text(encoding="utf-8")
        test = [(tmp_path / code / f"test.{one}").read_text(encoding="utf-8").splitlines() for one in ("en", code)]
        found = [one.text for one in Translator.load(folder).translate_batch(test[0])]
        right = sum(one == other for one, other in zip(found, test[1], strict=True))
        assert right >= 54, f"{right} of 60, such as {found[:3]}"
        assert words["two"] in Translator.load(folder, engine="keras").translate("one two three").text
    header = (run / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert {"dev chrF", "dev de BLEU", "dev fr chrF"} <= set(header.split(","))

    with pytest.raises(BundleError, match="has several models: give one of bundle-de, bundle-fr in it"):
        Translator.load(run)
    stamp = (run / "bundle-fr" / "config.json").stat().st_mtime_ns
    assert training.train(recipe, output=run, progress=False) == run
    assert (run / "bundle-fr" / "config.json").stat().st_mtime_ns == stamp, "nothing was left to do"

    made = tmp_path / "mine"
    command = ["finetune", "--from", str(run / "bundle-fr"), "--to", "en-fr", "--out", str(made)]
    data = ["--data", str(tmp_path / "fr" / "test"), "--dev-size", "10", "--test-size", "0"]
    assert cli.main([*command, *data, "--updates", "20", "--batch-tokens", "200"]) == 0
    assert Translator.load(made).translate("one two three").text == "un deux trois"
