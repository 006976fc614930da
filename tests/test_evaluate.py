"""`nmt evaluate` on real, if random, models."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from nmt import Translator
from nmt.cli import main
from nmt.evaluation.metrics import corpus_scores

SOURCES = ["Good morning!", "Where is the station?", "Yes.", "My sister lives in a small town near the sea."]
REFERENCES = ["おはよう。", "駅はどこですか。", "はい。", "妹は海の近くの小さな町に住んでいます。"]


@pytest.fixture
def files(tmp_path):
    for name, lines in (("test.en", SOURCES), ("test.ja", REFERENCES), ("other.ja", REFERENCES[::-1])):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [str(tmp_path / "test.en"), str(tmp_path / "test.ja")]


def evaluated(capsys, *arguments):
    assert main(["evaluate", *arguments, "--samples", "20", "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_one_model(tiny_bundle, files, capsys):
    assert main(["evaluate", "--model", str(tiny_bundle), *files, "--samples", "20"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].startswith("tiny beam 3: 4 sentences in")
    texts = [one.text for one in Translator.load(tiny_bundle).translate_batch(SOURCES)]
    scores = corpus_scores(texts, REFERENCES, "ja")
    assert [line.partition("  ")[0] for line in table[1:5]] == [score.name for score in scores]
    for line, score in zip(table[1:5], scores, strict=True):
        assert f"{score.value:.2f}" in line and "version:" in line
    assert "Differences" not in "".join(table)
    assert any(line.startswith("Length of the source") for line in table)


def test_beams_models_and_files_are_systems(tiny_bundle, files, tmp_path, capsys):
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    models = ["--model", str(tiny_bundle), "--model", str(copy), "--beam-size", "1", "--beam-size", "2"]
    result = evaluated(capsys, *models, "--translations", str(tmp_path / "other.ja"), *files)
    names = [system["name"] for system in result["systems"]]
    expected = [f"tiny ({folder}) {kind}" for folder in (tiny_bundle, copy) for kind in ("greedy", "beam 2")]
    assert names == [*expected, str(tmp_path / "other.ja")]
    by_name = dict(zip(names, result["systems"], strict=True))
    assert by_name[names[0]]["scores"][0]["difference"] is None
    assert by_name[names[2]]["scores"][2]["difference"]["p_value"] == 1, "the copy writes the same"
    assert by_name[names[0]]["seconds"] > 0 and by_name[names[4]]["seconds"] is None
    assert result["test_set"] == "test"


def test_translations_alone_need_no_model(files, tmp_path, capsys):
    command = ["evaluate", "--translations", files[1], "--translations", str(tmp_path / "other.ja"), *files]
    report = tmp_path / "report.html"
    figures = tmp_path / "figures.json"
    assert main([*command, "--samples", "20", "--report", str(report), "--json", str(figures)]) == 0
    written = capsys.readouterr()
    assert "BLEU ja-mecab" in written.out and ", p = " in written.out
    assert f"wrote {report}" in written.err
    page = report.read_text(encoding="utf-8")
    assert "English to Japanese" in page and "妹は海の近くの小さな町に住んでいます。" in page
    first, second = json.loads(figures.read_text(encoding="utf-8"))["systems"]
    assert first["scores"][1]["value"] == pytest.approx(100) and second["scores"][1]["value"] < 50


def test_the_language_can_be_told(files, tmp_path, capsys):
    shutil.copy(files[0], tmp_path / "source.txt")
    command = ["--translations", files[1], str(tmp_path / "source.txt"), files[1]]
    assert main(["evaluate", *command]) == 1
    assert "cannot tell the language" in capsys.readouterr().err
    result = evaluated(capsys, *command, "--source-language", "en", "--target-language", "zh")
    assert result["systems"][0]["scores"][0]["name"] == "BLEU zh"


def test_words_are_counted_where_one_says(files, tmp_path, capsys):
    (tmp_path / "train.en").write_text("Yes.\n" * 5, encoding="utf-8")
    result = evaluated(capsys, "--translations", files[1], *files, "--training-text", str(tmp_path / "train.en"))
    rarest = result["breakdowns"][1]
    assert rarest["title"].endswith("the training text")
    assert {group["label"]: group["num_sentences"] for group in rarest["groups"]} == {"never": 3, "2–9": 1}


def test_line_by_line(files, tiny_bundle, tmp_path, capsys):
    (tmp_path / "short.ja").write_text("はい。\n", encoding="utf-8")
    (tmp_path / "empty.en").touch()
    short, empty = str(tmp_path / "short.ja"), str(tmp_path / "empty.en")
    for arguments, reason in (
        (["--model", "missing", files[0], short], "has 4 lines and"),
        (["--translations", short, *files], "has 4 lines and"),
        (["--model", "missing", empty, empty], "is empty"),
        (["--model", "missing", *files], 'no model "missing"'),
        (["--model", str(tiny_bundle), *files, "--target-language", "de"], "translates en→ja, not en→de"),
        (["--model", str(tiny_bundle), *files, "--report", str(tmp_path / "no" / "r.html")], "cannot write"),
        (["--model", str(tiny_bundle), *files, "--beam-size", "0"], "beam_size must be at least 1"),
    ):
        assert main(["evaluate", *arguments]) == 1
        assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "nothing to evaluate"),
        (["--translations", "x", "--beam-size", "1"], "go with --model"),
        (["--translations", "x", "--translations", "x"], "--translations x is given twice"),
        (["--model", "en-ja", "--model", "en-ja"], "en-ja is given twice"),
        (["--model", "en-ja", "--beam-size", "5", "--beam-size", "5"], "--beam-size 5 is given twice"),
        (["--translations", "x", "--samples", "-1"], "--samples must be 0 or more, not -1"),
    ],
)
def test_wrong_usage(arguments, reason, capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", *arguments, "a.en", "a.ja"])
    assert reason in capsys.readouterr().err


def test_packed_files_are_read_as_well(files, tmp_path, capsys):
    packed = []
    for file in files:
        path = tmp_path / f"{Path(file).name}.gz"
        path.write_bytes(gzip.compress(Path(file).read_bytes()))
        packed.append(str(path))
    for source, reference in (files, packed):
        assert main(["evaluate", "--translations", reference, source, reference, "--samples", "0"]) == 0
        assert "100.00" in capsys.readouterr().out
