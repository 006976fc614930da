"""A bundle that says the truth passes; one lie at a time is found."""

import json
import shutil

import pytest

from nmt import BundleError, bundle, export, graphs
from nmt.cli import main
from nmt.corpora.corpus import Corpus, write_pair_files
from nmt.evaluation import verification
from nmt.training.packing import pack

TEST = Corpus(
    ["Good morning!", "Where is the station?", "Yes.", "My sister lives in a small town near the sea."],
    ["おはよう。", "駅はどこですか。", "はい。", "妹は海の近くの小さな町に住んでいます。"],
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory, tiny_bundle):
    """A bundle as training makes it, scored on `TEST`."""
    folder = tmp_path_factory.mktemp("verification") / "made"
    files = {name: tiny_bundle / name for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "precision_costs", lambda *_: [])
        return pack(folder, bundle.read_config(tiny_bundle), bundle.read_weights(tiny_bundle), files, TEST, TEST, {})


@pytest.fixture
def own(tmp_path, packed):
    return shutil.copytree(packed, tmp_path / "own")


@pytest.fixture
def light(own):
    """Without training weights: nothing needs Keras."""
    path = own / bundle.CONFIG
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["sha256"][bundle.WEIGHTS]
    path.write_text(json.dumps(values), encoding="utf-8")
    (own / bundle.WEIGHTS).unlink()
    return own


def state(folder, name, value):
    """Make a bundle state another score."""
    path = folder / bundle.CONFIG
    values = json.loads(path.read_text(encoding="utf-8"))
    values["scores"][name] = value
    path.write_text(json.dumps(values), encoding="utf-8")


def checks(folder, test=TEST, tolerance=verification.TOLERANCE):
    return {check.name: check for check in verification.verify(folder, test, tolerance)}


def test_the_truth_holds(packed):
    found = checks(packed)
    assert list(found) == ["files", "card", "graphs", "BLEU ja-mecab", "BLEU char", "chrF", "TER"]
    assert all(check.holds for check in found.values()), found
    assert verification.holds(list(found.values()))


def test_a_wrong_score_is_found(light):
    stated = bundle.read_config(light).scores["chrF"]
    state(light, "chrF", round(stated + 0.03, 2))
    state(light, "COMET", 90.0)
    found = checks(light)
    assert found["chrF"].holds is False and f"found {stated:.2f} (-0.0" in found["chrF"].said
    assert found["COMET"].holds is False
    assert found["BLEU char"].holds and found["TER"].holds
    assert found["card"].holds is False and "chrF" in found["card"].said
    assert checks(light, tolerance=0.05)["chrF"].holds


def test_other_sentences_have_other_scores(light):
    found = checks(light, Corpus(TEST.sources[1:], TEST.targets[1:]))
    assert found["graphs"].holds is None and bundle.WEIGHTS in found["graphs"].said
    assert any(check.holds is False for check in found.values())


def test_an_altered_file_is_found_and_not_run(own):
    path = own / bundle.DECODER
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    found = checks(own)
    assert found["files"].holds is False and bundle.DECODER in found["files"].said
    assert found["graphs"].holds is None and found["scores"].holds is None


def test_a_missing_file_is_found_and_a_strange_one_named(own):
    (own / "notes.txt").touch()
    assert checks(own, None)["files"].holds and "notes.txt" in checks(own, None)["files"].said
    (own / bundle.SOURCE_TOKENIZER).unlink()
    (own / bundle.CARD).unlink()
    found = checks(own, None)
    assert found["files"].holds is False and bundle.SOURCE_TOKENIZER in found["files"].said
    assert found["card"].holds is False


def test_graphs_of_another_network_are_found(own):
    config, weights = bundle.read_config(own), bundle.read_weights(own)
    other = {name: values * 0.8 for name, values in weights.items()}
    bundle.replace_files(own, graphs.build(config.model, other))
    found = checks(own)
    assert found["files"].holds
    assert found["graphs"].holds is False and "another network" in found["graphs"].said


def test_nothing_is_claimed_without_a_test_set(packed):
    found = checks(packed, None)
    assert found["graphs"].holds is None and found["scores"].holds is None
    with pytest.raises(BundleError, match="no model"):
        list(verification.verify("missing"))


def test_the_command(light, tmp_path, capsys):
    write_pair_files(TEST, tmp_path / "test.en", tmp_path / "test.ja")
    assert main(["verify", str(light), "--test", str(tmp_path / "test")]) == 0
    said = capsys.readouterr().out
    assert said.count("holds  ") == 6 and said.endswith("6 of 7 checks done, all hold\n")
    state(light, "TER", 1.0)
    assert main(["verify", str(light), "--test", str(tmp_path / "test.en"), str(tmp_path / "test.ja")]) == 1
    assert "FAILS        TER: stated 1.00, found" in capsys.readouterr().out
    assert main(["verify", str(light), "--test", str(tmp_path / "test"), "--tolerance", "1000"]) == 1
    assert "card" in capsys.readouterr().out, "the card for people still says otherwise"
    for wrong in (["--test", "a", "b", "c"], ["--tolerance", "-1"], ["--tolerance", "nan"]):
        with pytest.raises(SystemExit):
            main(["verify", str(light), *wrong])
