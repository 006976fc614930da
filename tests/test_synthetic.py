"""Training text out of what a model has translated: the surest part of it, cleaned, and nothing that is held out."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import cli
from nmt.corpora.corpus import Corpus, read_corpus, write_pair_files
from nmt.corpora.synthetic import read_scored, surest
from nmt.errors import ConfigError, CorpusError

COUNT = 20


def scored(path: Path, rows: list[tuple[str, str, float]]) -> Path:
    lines = [json.dumps({"file": "x", "source": s, "translation": t, "score": score}) for s, t, score in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@given(st.lists(st.floats(allow_nan=False), max_size=30), st.floats(0.01, 1))
def test_the_surest_are_kept_in_order(scores, share):
    corpus = Corpus([f"s{k}" for k in range(len(scores))], [f"t{k}" for k in range(len(scores))])
    kept = surest(corpus, scores, share)
    places = [int(text[1:]) for text in kept.sources]
    assert kept.targets == [f"t{k}" for k in places] and places == sorted(places)
    assert len(places) == round(share * len(scores))
    left = set(range(len(scores))) - set(places)
    assert not places or all(scores[k] <= min(scores[place] for place in places) for k in left)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, float("nan")])
def test_a_share_that_is_none(share):
    with pytest.raises(ConfigError, match="share must be above 0"):
        surest(Corpus(["a"], ["b"]), [1.0], share)


def test_what_nmt_translate_has_written_becomes_a_corpus(tiny_bundle, sample, tmp_path, capsys):
    """Held-out sentences and repeated ones are not in it, and both sides still answer each other."""
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in [*sample.sources[:COUNT], sample.sources[0]]))
    scores, out = tmp_path / "scores.jsonl", tmp_path / "new" / "forward"
    job = ["translate", str(tmp_path / "a.txt"), "--model", str(tiny_bundle), "--out", str(tmp_path / "b.txt")]
    assert cli.main([*job, "--scores", str(scores)]) == 0
    corpus, found = read_scored(scores)
    assert corpus.sources == [*sample.sources[:COUNT], sample.sources[0]] and len(set(found)) > 1
    assert corpus.targets == [" ".join(line.split()) for line in (tmp_path / "b.txt").read_text().splitlines()]
    write_pair_files(Corpus([sample.sources[3].upper()], ["x"]), tmp_path / "dev.en", tmp_path / "dev.ja")
    words = ["data", "synthetic", str(scores), "--source-language", "en", "--target-language", "ja", "--share", "1"]
    capsys.readouterr()
    # a model that has learned nothing writes what no rule lets pass
    readable = [
        (s, "訳" * (len(s) // 3) + f"{k}", score)
        for k, (s, score) in enumerate(zip(corpus.sources, found, strict=True))
    ]
    scored(scores, [*readable[:-1], (*readable[0][:2], readable[-1][2])])
    assert cli.main([*words, "--out", str(out), "--apart-from", str(tmp_path / "dev")]) == 0
    said = capsys.readouterr().out
    left = read_corpus(out, "en", "ja")
    expected = [k for k in range(COUNT) if k != 3]
    assert list(zip(left.sources, left.targets, strict=True)) == [readable[k][:2] for k in expected]
    assert "21 of 21 translations" in said and said.endswith(f"{out}.ja: {len(expected)} pairs\n")


def test_several_files_are_judged_by_one_measure(tmp_path, capsys):
    one = scored(tmp_path / "one", [("a b", "c d", -1.0), ("e f", "g h", -9.0)])
    other = scored(tmp_path / "other", [("i j", "k l", -2.0), ("m n", "o p", -3.0)])
    words = ["--source-language", "en", "--target-language", "de", "--out", str(tmp_path / "x"), "--share", "0.5"]
    assert cli.main(["data", "synthetic", str(one), str(other), *words]) == 0
    assert read_corpus(tmp_path / "x", "en", "de") == Corpus(["a b", "i j"], ["c d", "k l"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Hello", "line 1 has no"),
        ('{"source": "a", "translation": "b"}', "line 1 has no"),
        ('["a"]', "line 1 has no"),
        ('{"source": 1, "translation": "b", "score": 1}', "line 1 has no"),
        ("", "is empty"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path, capsys, line, said):
    (tmp_path / "x").write_text(line, encoding="utf-8")
    with pytest.raises(CorpusError, match=said):
        read_scored(tmp_path / "x")
    words = ["--source-language", "en", "--target-language", "de", "--out", str(tmp_path / "y")]
    assert cli.main(["data", "synthetic", str(tmp_path / "x"), *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("nmt: error: ") and said in error and error.count("\n") == 1


def test_nothing_is_written_where_nothing_is_left(tmp_path, capsys):
    scores = scored(tmp_path / "x", [("a b", "a b", -1.0), ("c", "", -2.0)])
    words = ["data", "synthetic", str(scores), "--source-language", "en", "--target-language", "de", "--out"]
    assert cli.main([*words, str(tmp_path / "y")]) == 1
    said = capsys.readouterr()
    assert "none of the 2 translations can be learned from" in said.err and "source = target" in said.out
    assert cli.main([*words, "."]) == 1
    assert "--out takes the beginning of two names" in capsys.readouterr().err
    assert not list(tmp_path.glob("y*"))
