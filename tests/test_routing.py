"""Two networks in one bundle: each sentence is translated by the one that learned its kind of text."""

import dataclasses
import json
import random
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from test_finetuning import QUICK, checksums, make_bundle, write_tsv

import nmt
import nmt.export
from nmt import (
    BundleError,
    ConfigError,
    FinetuningConfig,
    SearchConfig,
    TrainingError,
    Translator,
    bundle,
    deployment,
    inspection,
)
from nmt.cli import main
from nmt.config import Term, TranslationOptions
from nmt.corpora.corpus import Corpus
from nmt.engines.routed import RoutedEngine, Router
from nmt.evaluation.scoring import Scorer
from nmt.evaluation.verification import holds, verify
from nmt.finetuning import ending, routing, start
from nmt.finetuning.config import NEW_DOMAIN, NEW_DOMAIN_OWN, NEW_DOMAIN_ROUTED
from nmt.finetuning.rehearsal import everyday_sentences
from nmt.finetuning.routing import find_routing, tell_apart
from nmt.finetuning.start import load_parent, with_words
from nmt.inspection import inspect_found
from nmt.tokenizer import BOS_ID, EOS_ID
from nmt.training.checkpoint import load_arrays
from nmt.translating import loading

PAIR = "en", "ja"
WORDS = ("mask", "array", "index", "kernel", "tensor", "dtype", "axis", "shape", "buffer", "iterator")
EVERYDAY = ["Where is the station?", "Thank you very much.", "I am hungry."]
OWN = {"source_vocabulary": "new", "target_vocabulary": "new"}
PLAIN = TranslationOptions(check=False)  # what a random network says looks wrong, and would be searched again


def manual(count, seed=1):
    """Sentences that nobody says at home."""
    rng = random.Random(seed)
    return [f"The {' '.join(rng.choices(WORDS, k=rng.randint(2, 6)))} is {rng.choice(WORDS)}." for _ in range(count)]


@pytest.fixture(autouse=True)
def few_sentences(monkeypatch):
    monkeypatch.setattr(ending, "_COMPARED", 8)


@pytest.fixture(scope="module")
def work(tmp_path_factory, tokenizers, sample):
    folder = tmp_path_factory.mktemp("routing")
    keras.utils.set_random_seed(1)
    make_bundle(folder / "parent", PAIR, tokenizers)
    targets = (sample.targets * 2)[:400]
    write_tsv(folder / "manual.tsv", manual(400), targets)
    return folder


@pytest.fixture(scope="module")
def child(work):
    """The run of a child whose parent stays beside it, with nothing said about that, and what was told."""
    told, before = [], checksums(work / "parent")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ending, "_COMPARED", 8)
        options = FinetuningConfig(parent=str(work / "parent"), **OWN, learning_rate=3e-2, **{**QUICK, "updates": 20})
        result = nmt.finetune(work / "manual.tsv", work / "run", options, progress=False, tell=told.append)
    assert checksums(work / "parent") == before
    return result, told


@pytest.fixture(scope="module")
def engines(work, child):
    """The parent, the child's own network, and both."""
    alone = work / "alone"
    shutil.copytree(child[0].folder, alone)
    values = json.loads((alone / "config.json").read_text(encoding="utf-8"))
    del values["sha256"][bundle.ROUTER]  # as if the parent were not there
    (alone / "config.json").write_text(json.dumps(values), encoding="utf-8")
    return tuple(Translator.load(folder) for folder in (work / "parent", alone, child[0].folder))


def test_a_child_with_words_of_its_own_starts_from_half_of_its_parents_matrices(work, child):
    parents, first = load_parent(work / "parent").weights, load_arrays(work / "run" / "start.npz")
    kernels = [name for name in parents if parents[name].ndim > 1 and "embedding" not in name]
    assert len(kernels) > 5
    for name in kernels:
        np.testing.assert_array_equal(first[name], parents[name] / 2)
    assert "First weights: the parent's matrices times 0.5" in (child[0].folder / bundle.CARD).read_text("utf-8")


def test_everyday_sentences_are_the_parents_and_new_ones_the_childs(engines):
    both = engines[2]
    new = manual(3, seed=9)
    config = SearchConfig(beam_size=3, num_alternatives=2, max_length_extra=6)
    of_parent, of_child, found = (one.translate_batch([*EVERYDAY, *new], config, PLAIN) for one in engines)
    assert all(a.text != b.text for a, b in zip(of_parent, of_child, strict=True)), "they do say different things"
    expected = [*of_parent[: len(EVERYDAY)], *of_child[len(EVERYDAY) :]]
    for one, other in zip(found, expected, strict=True):
        assert [a.text for a in one.sentences[0].alternatives] == [a.text for a in other.sentences[0].alternatives]
        assert one.score == pytest.approx(other.score, abs=1e-4)  # the parent's softmax has more pieces, all improbable
    assert isinstance(both.sentences.searcher.engine, RoutedEngine)


@pytest.mark.parametrize(
    "config",
    [
        SearchConfig(beam_size=1),
        SearchConfig(beam_size=4, coverage_penalty=0.2),
        SearchConfig(beam_size=3, no_repeat_ngram=2),
        SearchConfig(beam_size=1, temperature=1.0, seed=3),
    ],
)
def test_a_mixed_batch_is_searched_like_its_sentences_alone(engines, config):
    both, texts = engines[2], [EVERYDAY[0], manual(1, seed=5)[0], EVERYDAY[2], *manual(2, seed=7)]
    together = both.translate_batch(texts, config, PLAIN)
    for text, one in zip(texts, together, strict=True):
        alone = both.translate(text, config, PLAIN)
        assert (alone.text, alone.score) == (one.text, one.score)
        words = [found.sentences[0].alternatives[0].words for found in (alone, one)]
        assert words[0] == words[1]


def test_steps_of_both_networks_come_in_the_order_of_their_sentences(engines):
    parent, alone, both = (one.sentences.searcher.engine for one in engines)
    texts = [manual(1)[0], EVERYDAY[0], manual(1)[0]]
    ids, theirs, others = (
        [one.sentences.task(one.planner.one(text, PLAIN), PLAIN).ids for text in texts]
        for one in (engines[2], engines[1], engines[0])
    )
    assert ids[1] == others[1] and ids[0] != theirs[0] and len(ids[0]) == len(theirs[0])
    tokens, none, live = np.full((3, 1), BOS_ID), np.zeros((3, 1), dtype=np.int64), np.arange(3)
    step = both.step(tokens, live, none, both.encode(ids), 4, full=True)
    for row, engine, read in ((0, alone, theirs), (1, parent, others), (2, alone, theirs)):
        own = engine.step(tokens[:1], live[:1], none[:1], engine.encode([read[row]]), 4, full=True)
        np.testing.assert_array_equal(step.ids[row], own.ids[0])
        size = own.all_log_probs.shape[2]
        np.testing.assert_allclose(step.all_log_probs[row, :, :size], own.all_log_probs[0], atol=1e-5)
        assert (step.all_log_probs[row, :, size:] == -np.inf).all()
        width = own.attention.shape[2]
        np.testing.assert_array_equal(step.attention[row, :, :width], own.attention[0])
        assert not step.attention[row, :, width:].any()
    # The longest has ended: the others are as wide as they were, and go on from their own states.
    rest = both.step(step.ids[1:2, 0, :2], np.array([1]), np.zeros((1, 2), dtype=np.int64), step.state, 4)
    start = parent.step(tokens[:1], live[:1], none[:1], parent.encode([ids[1]]), 4)
    own = parent.step(step.ids[1:2, 0, :2], live[:1], np.zeros((1, 2), dtype=np.int64), start.state, 4)
    np.testing.assert_array_equal(rest.ids, own.ids)
    assert rest.attention.shape[2] == step.attention.shape[2] and rest.state.states[1] is None


def test_keras_gives_sentences_to_the_same_networks(child):
    texts = [*EVERYDAY, *manual(3, seed=9)]
    targets = ["はい。"] * len(texts)
    found = [Scorer.load(child[0].folder, engine=engine).score(texts, targets) for engine in ("onnx", "keras")]
    for one, other in zip(*found, strict=True):
        assert one.per_token == pytest.approx(other.per_token, abs=0.05), "but for 8 bits"


def test_what_is_looked_at_is_the_network_that_translates(work, child, engines):
    for text, folder in ((EVERYDAY[0], work / "parent"), (manual(1)[0], work / "alone")):
        seen, own = (nmt.inspect(one, text, "はい。") for one in (child[0].folder, folder))
        np.testing.assert_array_equal(seen.layers[0].hidden, own.layers[0].hidden)
        assert seen.probabilities == pytest.approx(own.probabilities, abs=1e-5)


def test_what_is_found_is_looked_at_in_the_network_that_found_it(child, engines):
    for text in (EVERYDAY[0], *manual(1)):
        found = engines[2].translate(text, SearchConfig(beam_size=3, max_length_extra=6), PLAIN)
        best = found.sentences[0].alternatives[0]
        seen = inspect_found(child[0].folder, found)
        assert seen.source_tokens == found.sentences[0].source_tokens and seen.target_tokens[:-1] == best.tokens
        np.testing.assert_allclose(np.log(seen.probabilities[:-1]), best.log_probs, atol=0.3)  # but for 8 bits
    networks = inspection._networks(child[0].folder)
    parent, own = networks._all
    letters = ["\u2581" if sign == " " else sign for sign in manual(1)[0]]
    assert {*letters} <= parent.source_ids.keys() & own.source_ids.keys()
    assert networks.of_tokens(letters) is own, "tokens that both have"


def test_what_is_typed_may_become_text_of_the_other_kind(engines):
    search = SearchConfig(beam_size=3, max_length_extra=6)
    live, whole = nmt.LiveTranslator(engines[2], search, PLAIN), manual(1, seed=9)[0]
    typed = [whole[:end] for end in range(1, len(whole) + 1)]
    read = [engines[2].sentences.task(engines[2].planner.one(text, PLAIN), PLAIN).ids for text in (typed[2], whole)]
    writes = [engines[2].sentences.searcher.engine.target_of(ids) for ids in read]
    assert writes[0] is not writes[1], "it begins as anything might"
    for text in typed:
        last = live.update(text)
    assert last.text == engines[2].translate(whole, search, PLAIN).text

    parents, own = ([*one.pieces(range(260, one.vocab_size))] for one in writes)
    foreign, shared = next(piece for piece in parents if piece not in own), next(p for p in own if p in parents)
    masked = engines[2].planner.one(whole, PLAIN)
    assert engines[2].sentences.ids(masked, [shared, foreign, shared]) == (writes[1].id_of(shared),)


def test_what_is_given_to_the_parents_network_is_spelled_as_it_writes(work, child, engines, sample):
    parent, both = loading.load(work / "parent"), loading.load(child[0].folder)
    target = next(text for text in sample.targets if both.target.encode(text) != parent.target.encode(text))
    own, found = (
        Scorer.load(folder).score([EVERYDAY[0], *manual(1)], [target] * 2)
        for folder in (work / "parent", child[0].folder)
    )
    assert found[0].tokens == own[0].tokens and found[0].per_token == pytest.approx(own[0].per_token, abs=0.05)
    assert found[1].tokens != own[1].tokens, "the child's network writes more pieces"
    seen = nmt.inspect(child[0].folder, EVERYDAY[0], target)
    assert seen.target_tokens == own[0].tokens

    config = SearchConfig(beam_size=3, max_length_extra=6)
    for begin in (target, target[:3]):
        texts = [one.complete(EVERYDAY[0], begin, config, PLAIN).alternatives[0] for one in (engines[0], engines[2])]
        assert texts[0].text == texts[1].text and texts[0].tokens == texts[1].tokens
    words = (text[k : k + 3] for text in sample.targets for k in range(len(text) - 2))
    word = next(word for word in words if both.target.encode(word) != parent.target.encode(word))
    asked = dataclasses.replace(PLAIN, glossary=(Term("station", (word,)),))
    texts = [one.translate(EVERYDAY[0], config, asked) for one in (engines[0], engines[2])]
    assert word in texts[0].text
    assert texts[0].sentences[0].alternatives[0].tokens == texts[1].sentences[0].alternatives[0].tokens


def test_card_record_and_files_say_that_there_are_two(work, child):
    result, told = child
    assert any("parent stays beside the new one" in line and "are recognised" in line for line in told)
    config = bundle.read_config(result.folder)
    assert config.is_routed and {*bundle.KEPT.values(), bundle.ROUTER} <= config.sha256.keys()
    for name, kept in bundle.KEPT.items():
        assert (result.folder / kept).read_bytes() == (work / "parent" / name).read_bytes()
    sizes = [
        (one.source_vocab_size, one.target_vocab_size)
        for one in (config.model, load_parent(work / "parent").config.model)
    ]
    assert sizes[0] != sizes[1], "each has its own vocabularies"
    card = (result.folder / "README.md").read_text(encoding="utf-8")
    assert "- Two networks: parent, beside it in this bundle" in card and "Kept near the parent by: nothing" in card
    said = json.loads((result.run / "finetuning.json").read_text(encoding="utf-8"))["options"]
    assert (said["route"], said["near"], said["blend"], said["rehearse"]) == ("yes", 0.0, 1.0, 0.0)
    size = sum(path.stat().st_size for path in result.folder.iterdir())
    assert bundle.read_info(result.folder).size_bytes == size
    test = nmt.corpora.corpus.read_corpus(result.run / "data" / "test", *PAIR)
    assert holds(list(verify(result.folder, test)))


@pytest.mark.parametrize("name", [bundle.ROUTER, bundle.KEPT[bundle.DECODER]])
def test_a_damaged_part_is_one_clear_line(child, tmp_path, name, capsys):
    shutil.copytree(child[0].folder, tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(b"nothing")
    assert main(["translate", "--model", str(tmp_path / "model"), "--text", "Yes."]) == 1
    said = capsys.readouterr().err
    assert name in said and "damaged" in said and said.count("\n") == 1


def test_a_router_comes_back_from_its_file(tmp_path):
    router = Router(np.array([0.5, -1.0, 2.0], dtype=np.float32), 1.75)
    (tmp_path / "router.npy").write_bytes(router.dump())
    again = Router.load(tmp_path / "router.npy", 3)
    np.testing.assert_array_equal(again.scores, router.scores)
    assert again.threshold == 1.75 and again.takes([2]) and not again.takes([0, 1, 2]) and not again.takes([])
    with pytest.raises(BundleError, match="not of a vocabulary of 4 pieces"):
        Router.load(tmp_path / "router.npy", 4)
    (tmp_path / "router.npy").write_bytes(b"\x80\x04nothing")
    with pytest.raises(BundleError, match="damaged"):
        Router.load(tmp_path / "router.npy", 3)


def test_kinds_of_text_are_told_apart_where_they_differ(tokenizers):
    everyday = everyday_sentences("en")
    found = tell_apart(tokenizers[0], manual(300), everyday)
    assert found.recognised > 0.95 and found.mistaken <= 0.02
    assert found.router.scores[EOS_ID] == 0
    unseen = manual(200, seed=2)
    assert sum(map(found.router.takes, tokenizers[0].encode_batch(unseen))) > 190
    # What is rare in the package's sentences alone, and a few odd words, make no manual.
    for text in ("“I’m fine, thanks.”", "555-0134", "№ 7: 3,5 %", "Congratulations!", ""):
        assert not found.router.takes(tokenizers[0].encode(text)), text
    few = tell_apart(tokenizers[0], manual(1), everyday)
    assert few.recognised == 0 and not any(map(few.router.takes, tokenizers[0].encode_batch(everyday[:500])))
    alike = tell_apart(tokenizers[0], everyday[::2], everyday[1::2])
    assert alike.recognised < 0.1, "the same kind of text"


def test_regression_is_at_its_optimum_and_stays_where_nothing_says_otherwise():
    rng = np.random.default_rng(1)
    kinds = [[list(rng.integers(k, 12 + 3 * k, size=6)) for _ in range(60 * (k + 1))] for k in (0, 1)]
    says, bayes = np.arange(16) != 5, rng.normal(size=16) * (np.arange(16) != 5)

    def loss(weights):  # of the best bias; both kinds weigh the same
        odds = [np.array([weights[ids].sum() for ids in kind])[:, None] + np.linspace(-3, 3, 601) for kind in kinds]
        signed = [np.logaddexp(0, sign * one).mean(axis=0) * 90 for sign, one in zip((1, -1), odds, strict=True)]
        return sum(signed).min() + routing._NEAR / 2 * np.square(weights - bayes).sum()

    found = routing._discriminating(bayes, *kinds, says)
    assert found[5] == 0 and found[15] == bayes[15], "what says nothing, and what never came"
    assert loss(found) < loss(bayes) - 1
    for _ in range(50):
        assert loss(found + 0.05 * rng.normal(size=16) * says) > loss(found)


def test_when_the_parent_stays_beside_its_child(work, sample, monkeypatch):
    parent = load_parent(work / "parent")

    def found(options=None, pair=PAIR, sources=None):
        sources = manual(400) if sources is None else sources
        data = nmt.finetuning.data.FinetuningData(
            nmt.corpora.corpus.Corpus(sources, ["x"] * len(sources)),
            *[nmt.corpora.corpus.Corpus([], [])] * 2,
            None,
            None,
            None,
            (),
        )
        return find_routing(options or FinetuningConfig(), parent, pair, data)

    assert found() is not None
    assert found(sources=manual(100)) is None, "too few to say"
    assert found(sources=list(sample.sources) + everyday_sentences("en")[:300]) is None, "too much alike"
    assert found(FinetuningConfig(route="yes"), sources=list(sample.sources)) is not None, "but it is asked for"
    for held in (
        {"rehearse": 0.0},
        {"near": 0.1},
        {"blend": 1.0},
        {"mix": "old"},
        {"low_rank": 4},
        {"freeze": ("encoder",)},
    ):
        assert found(FinetuningConfig(**held)) is None, held
        assert found(FinetuningConfig(route="yes", **held)) is not None
    assert found(FinetuningConfig(route="no")) is None
    assert found(FinetuningConfig(target_vocabulary="extend")) is not None
    assert found(FinetuningConfig(source_vocabulary="new")) is not None
    assert found(FinetuningConfig(), ("en", "it")) is None
    with pytest.raises(ConfigError, match="route keeps the parent beside the new model; this one will translate en-it"):
        found(FinetuningConfig(route="yes"), ("en", "it"))
    monkeypatch.setattr(routing, "everyday_sentences", lambda code: [])
    assert found() is None
    with pytest.raises(ConfigError, match="no English sentences to tell the new ones from"):
        found(FinetuningConfig(route="yes"))
    with pytest.raises(ConfigError, match='route must be one of auto, yes, no, not "maybe"'):
        FinetuningConfig(route="maybe")


def test_a_run_goes_on_as_it_began(work, child, monkeypatch):
    options = FinetuningConfig(parent=str(work / "parent"), **OWN, learning_rate=3e-2, **{**QUICK, "updates": 20})
    for route in ("auto", "yes"):
        again = nmt.finetune(
            work / "manual.tsv", work / "run", dataclasses.replace(options, route=route), progress=False
        )
        assert again == child[0]
    with pytest.raises(TrainingError, match="other options"):
        nmt.finetune(work / "manual.tsv", work / "run", dataclasses.replace(options, route="no"), progress=False)


@pytest.mark.parametrize("choice", ["keep", "auto"])
def test_a_child_of_two_networks_keeps_the_one_for_everyday_text(work, child, tmp_path, choice):
    options, told = (
        FinetuningConfig(parent=str(child[0].folder), target_vocabulary=choice, learning_rate=1e-2, **QUICK),
        [],
    )
    result = nmt.finetune(work / "manual.tsv", tmp_path / "run", options, progress=False, tell=told.append)
    assert any("the everyday network of" in line and "stays beside the new one" in line for line in told)
    assert any("has learned a kind of text before" in line for line in told)
    for name, kept in bundle.KEPT.items():
        assert (result.folder / kept).read_bytes() == (work / "parent" / name).read_bytes()
    config = SearchConfig(beam_size=3, max_length_extra=6)
    found = [
        [one.text for one in Translator.load(folder).translate_batch(EVERYDAY, config, PLAIN)]
        for folder in (work / "parent", result.folder)
    ]
    assert found[0] == found[1]
    start, own = np.load(tmp_path / "run" / "start.npz"), bundle.read_weights(child[0].folder)
    np.testing.assert_array_equal(start["encoder_0/forward/kernel"], own["encoder_0/forward/kernel"])


def test_of_two_networks_none_is_lost(work, child, tmp_path, capsys):
    for options in (["--route", "no"], ["--near", "0.1"]):
        command = ["finetune", "--from", str(child[0].folder), "--data", str(work / "manual.tsv"), *options]
        assert main([*command, "--out", str(tmp_path / "run")]) == 1
        assert "has two networks, and a child with one would lose" in capsys.readouterr().err
    shutil.copytree(child[0].folder, tmp_path / "model")
    (tmp_path / "model" / bundle.ROUTER).unlink()
    with pytest.raises(BundleError, match=r"cannot read .*router\.npy"):
        nmt.export.export(tmp_path / "model")
    files = next(check for check in verify(tmp_path / "model", None) if check.name == "files")
    assert not files.holds and bundle.ROUTER in files.said


def test_graphs_of_both_networks_are_exported(child, tmp_path):
    shutil.copytree(child[0].folder, tmp_path / "model")
    nmt.export.export(tmp_path / "model", "float32")
    assert bundle.read_config(tmp_path / "model").is_routed
    for name in (bundle.DECODER, bundle.KEPT[bundle.DECODER]):
        assert (tmp_path / "model" / name).stat().st_size > (child[0].folder / name).stat().st_size
    texts = [*EVERYDAY, *manual(2)]
    for one, other in zip(
        *(Scorer.load(f).score(texts, ["はい。"] * 5) for f in (child[0].folder, tmp_path / "model")), strict=True
    ):
        assert one.per_token == pytest.approx(other.per_token, abs=0.05), "but for 8 bits"


def test_8_bits_are_judged_by_both_networks(work, child):
    folder = child[0].folder
    config = bundle.read_config(folder)
    networks, sources = loading.networks_of(folder, config), (*EVERYDAY, *manual(2, seed=9))
    texts = tuple(t.text for t in Translator.load(folder, engine="keras").translate_batch(sources))
    weights = [bundle.read_weights(folder, config, one.files[bundle.WEIGHTS]) for one in networks]
    router = loading.read_router(folder, config, networks[0])
    costs = (
        nmt.export.precision_costs(config, of, own, Corpus(sources, texts), *chooses)
        for of, own, chooses in ((networks, weights, [router]), (networks[1:], weights[1:], []))
    )
    with_both, alone = ({cost.metric: cost.float32 for cost in found} for found in costs)
    assert with_both["chrF"] == pytest.approx(100) and alone["chrF"] < 90


def test_what_is_deployed_says_that_it_is_one_of_two_networks(child, tmp_path):
    said = deployment.deploy(child[0].folder, "litert", tmp_path / "lite")
    assert "the new one of its two networks" in said
    assert (tmp_path / "lite" / bundle.CARD).read_text(encoding="utf-8").startswith("> This folder holds one network")


def test_an_ensemble_takes_models_of_one_network(child):
    with pytest.raises(ConfigError, match="has two networks, and an ensemble takes models of one"):
        Translator.ensemble([child[0].folder] * 2)
    assert Translator.ensemble([child[0].folder]).translate(EVERYDAY[0], None, PLAIN).text


def test_sentences_are_no_longer_than_both_networks_have_learned(work, child):
    limits = [bundle.read_config(folder).max_source_tokens for folder in (work / "parent", child[0].folder)]
    assert limits[1] <= limits[0]


def test_a_child_that_may_forget_learns_more(work):
    for own, routed, held in zip(NEW_DOMAIN_OWN, NEW_DOMAIN_ROUTED, NEW_DOMAIN, strict=True):
        assert own.pairs == routed.pairs == held.pairs and own.passes >= routed.passes > held.passes
        assert own.learning_rate >= routed.learning_rate > held.learning_rate


def test_a_child_has_its_own_words_where_the_parents_are_too_short(work, sample, tmp_path, monkeypatch):
    parent, shipped, options = load_parent(work / "parent"), load_parent("en-ja"), FinetuningConfig()
    lines = (Path(__file__).parent.parent / "data" / "sample" / "en-ja.tsv").read_text(encoding="utf-8").splitlines()
    targets = [line.split("\t")[1] for line in lines]

    def chosen(options=options):
        found = with_words(options, shipped, PAIR, Corpus(["x"] * len(targets), targets))
        return found.source_vocabulary, found.target_vocabulary

    assert chosen() == ("keep", "extend"), "what the parent was made for"
    monkeypatch.setattr(start, "_WORDY", 0.5)
    assert chosen() == ("new", "new")
    asked = dataclasses.replace(options, target_vocabulary="keep")
    assert chosen(asked) == ("new", "keep"), "what is asked for is done"

    quick = FinetuningConfig(parent=str(work / "parent"), **QUICK)
    result = nmt.finetune(work / "manual.tsv", tmp_path / "run", quick, progress=False)
    assert bundle.read_config(result.folder).model.source_vocab_size != parent.config.model.source_vocab_size
    assert result == nmt.finetune(work / "manual.tsv", tmp_path / "run", quick, progress=False)


def test_a_parent_without_graphs_gets_some(work, tmp_path, monkeypatch):
    shutil.copytree(work / "parent", tmp_path / "parent")
    for name in (bundle.ENCODER, bundle.DECODER):
        (tmp_path / "parent" / name).unlink()
    values = json.loads((tmp_path / "parent" / "config.json").read_text(encoding="utf-8"))
    values["sha256"] = {k: v for k, v in values["sha256"].items() if not k.endswith(".onnx")}
    (tmp_path / "parent" / "config.json").write_text(json.dumps(values), encoding="utf-8")
    options = FinetuningConfig(parent=str(tmp_path / "parent"), **QUICK)
    result = nmt.finetune(work / "manual.tsv", tmp_path / "run", options, progress=False)
    one, other = Translator.load(result.folder), Translator.load(work / "parent")
    config = SearchConfig(beam_size=2, max_length_extra=4)
    for text in EVERYDAY:
        assert one.translate(text, config, PLAIN).score == pytest.approx(
            other.translate(text, config, PLAIN).score, abs=0.1
        )
