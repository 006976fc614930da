"""Bundles with their serving graphs: built, compared, refused, and never half written."""

import dataclasses
import shutil

import pytest

from nmt import BundleError, ConfigError, CorpusError, Translator, bundle, export, graphs
from nmt.cli import main
from nmt.corpora.corpus import Corpus
from nmt.evaluation.metrics import corpus_scores
from nmt.training.packing import pack
from nmt.translating import loading

SENTENCES = ["Good morning!", "Where is the station?", "Yes.", "My sister lives in a small town near the sea."]


@pytest.fixture
def own(tmp_path, tiny_bundle):
    """A copy of the tiny bundle that a test may change."""
    return shutil.copytree(tiny_bundle, tmp_path / "own")


@pytest.fixture
def dev():
    return Corpus(SENTENCES, ["おはよう。", "駅はどこですか。", "はい。", "妹は海の近くの小さな町に住んでいます。"])


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_float32_graphs_translate_like_keras(own):
    said = export.export(own, "float32")
    assert "float32" in said
    assert sum((own / name).stat().st_size for name in (bundle.ENCODER, bundle.DECODER)) > 60_000
    fast, reference = Translator.load(own), Translator.load(own, engine="keras")
    texts = [[t.text for t in one.translate_batch(SENTENCES)] for one in (fast, reference)]
    assert texts[0] == texts[1]


def test_exporting_again_gives_the_same_graphs(own):
    # The weights in the folder are in half precision, so the first export from it may differ from what was there.
    export.export(own)
    first = content(own)
    export.export(own)
    assert content(own) == first


def test_the_comparison_is_of_the_two_kinds_of_graphs(own, dev):
    config, weights = bundle.read_config(own), bundle.read_weights(own)
    costs = export.precision_costs(config, loading.networks_of(own, config), [weights], dev)
    assert [cost.metric for cost in costs] == ["BLEU ja-mecab", "BLEU char", "chrF"]
    for cost in costs:
        assert 0 < cost.p_value <= 1
    with pytest.raises(CorpusError):
        export.precision_costs(config, loading.networks_of(own, config), [weights], Corpus([], []))
    gain = export.PrecisionCost("BLEU", 30.0, 30.5, 0.001)
    assert not export.too_costly([export.PrecisionCost("chrF", 30.0, 29.9, 0.001), gain])
    assert not export.too_costly([export.PrecisionCost("chrF", 30.0, 29.7, 0.2)]), "chance"
    assert export.too_costly([gain, export.PrecisionCost("chrF", 30.0, 29.7, 0.01)])


def test_too_high_a_price_is_refused_and_nothing_written(own, dev, monkeypatch, capsys):
    before = content(own)
    costs = [export.PrecisionCost("chrF", 30.0, 25.0, 0.001)]
    monkeypatch.setattr(export, "precision_costs", lambda *_: costs)
    with pytest.raises(BundleError, match=r"30\.00 in float32, 25\.00 in 8 bits.*--force"):
        export.export(own, dev=dev)
    assert content(own) == before
    assert "25.00 in 8 bits" in export.export(own, dev=dev, force=True)
    (own.parent / "a.en").write_text("Yes.\n")
    (own.parent / "a.ja").write_text("はい。\n")
    command = ["export", "--model", str(own), "--source", str(own.parent / "a.en"), "--reference"]
    assert main([*command, str(own.parent / "a.ja")]) == 1
    assert "nmt: error: 8 bits lose more than 0.2" in capsys.readouterr().err


def test_the_command_exports(own, capsys):
    assert main(["export", "--model", str(own), "--precision", "float32"]) == 0
    assert "float32" in capsys.readouterr().out
    assert Translator.load(own).translate("Yes.").text


def test_mistakes_are_named(own, tmp_path, capsys):
    with pytest.raises(ConfigError, match="int8, float32"):
        export.export(own, "int3")
    (own / bundle.WEIGHTS).unlink()
    with pytest.raises(BundleError, match="no training weights"):
        export.export(own)
    with pytest.raises(SystemExit):
        main(["export", "--model", str(own), "--source", "a.en"])
    assert "--source and --reference go together" in capsys.readouterr().err


def test_the_command_offers_what_there_is():
    from nmt.commands.export import PRECISIONS

    assert PRECISIONS == graphs.PRECISIONS


def test_a_failed_replacement_leaves_the_bundle_as_it_was(own, monkeypatch):
    before = content(own)
    monkeypatch.setattr(
        bundle, "_write_config", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space"):
        bundle.replace_files(own, {"encoder.onnx": b"x"})
    assert content(own) == before
    assert [path.name for path in own.parent.iterdir()] == ["own"]


@pytest.mark.parametrize("costly", [False, True])
def test_packing_keeps_8_bits_unless_they_cost_too_much(tmp_path, tiny_bundle, dev, monkeypatch, costly):
    costs = [export.PrecisionCost("chrF", 30.0, 20.0 if costly else 29.9, 0.001)]
    monkeypatch.setattr(export, "precision_costs", lambda *_: costs)
    config, weights = bundle.read_config(tiny_bundle), bundle.read_weights(tiny_bundle)
    files = {name: tiny_bundle / name for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)}
    folder = pack(tmp_path / "made", config, weights, files, dev, dev, {"Updates": "7"})
    size = sum((folder / name).stat().st_size for name in (bundle.ENCODER, bundle.DECODER))
    small = sum(map(len, graphs.build(config.model, weights, "int8").values()))
    assert (size > 1.5 * small) == costly
    card = (folder / bundle.CARD).read_text(encoding="utf-8")
    assert ("float32" if costly else "int8") in card
    assert card.count("tok:ja-mecab") == 2, "greedy and beam search, each with its signature"
    scores = bundle.read_info(folder).scores
    texts = [t.text for t in Translator.load(folder).translate_batch(dev.sources)]
    again = {s.name: s.value for s in corpus_scores(texts, dev.targets, "ja")}
    assert scores == pytest.approx(again, abs=0.006)


def test_a_bundle_is_exported_from_wherever_it_is_named(own, monkeypatch):
    (own / "notes").mkdir()
    (own.parent / "link").symlink_to(own)
    monkeypatch.chdir(own)
    export.export(".", "float32")
    export.export(own.parent / "link", "float32")
    assert Translator.load(own).translate("Yes.").text
    assert {path.name for path in own.parent.iterdir()} == {"own", "link"}


def test_the_card_says_when_the_graphs_are_not_those_that_were_scored(own):
    card = own / bundle.CARD
    card.write_text("# tiny\n\n- Serving graphs: int8; as good\n", encoding="utf-8")
    export.export(own, "float32")
    assert card.read_text(encoding="utf-8").endswith(
        "- Serving graphs: float32, exported after the scores below were measured\n"
    )


def test_packing_touches_nothing_but_its_folder(tmp_path, tiny_bundle, dev, monkeypatch):
    """Whatever the model is called."""
    monkeypatch.setattr(export, "precision_costs", lambda *_: [export.PrecisionCost("chrF", 30.0, 29.9, 0.001)])
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").touch()
    config = dataclasses.replace(bundle.read_config(tiny_bundle), name=str(precious))
    files = {name: tiny_bundle / name for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)}
    pack(tmp_path / "made", config, bundle.read_weights(tiny_bundle), files, dev, dev, {})
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "precious"]


def test_a_folder_that_is_no_model_is_not_replaced_by_one(tmp_path, tiny_bundle):
    config, weights = bundle.read_config(tiny_bundle), bundle.read_weights(tiny_bundle)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(BundleError, match="holds something that is no model"):
        bundle.write(tmp_path, config, {}, weights, "")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
