"""Parallel text: reading it unharmed, cleaning it, splitting it without leaks, writing it."""

import csv
import json
import os
import random
import re
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt.corpora.cleaning import CleaningReport, CleaningRules, Removal, clean, sentence_key
from nmt.corpora.corpus import Corpus, language_of, read_corpus, read_pair_files, write_pair_files
from nmt.corpora.preparation import prepare, split
from nmt.errors import ConfigError, CorpusError, MissingExtraError, NmtError

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "en-ja.tsv"
RULES = CleaningRules()

# What loaders are known to turn into nulls, numbers, dates, quotes, comments or line ends.
AWKWARD = [
    "NA",
    "null",
    "nan",
    "None",
    "-",
    "007",
    "1.50",
    "1e5",
    "True",
    "2020-01-01T00:00:00Z",
    "2020-01-01 00:00:00",
    '"',
    'He said "no.',
    '"quoted"',
    "# no comment",
    "a, b; c",
    "back\\slash \\n",
    " spaces  kept ",
    "a\x85b\u2028c\u2029d\x0be\x0cf\x1cg",
    "ﬁ\u3000全角 ’",
    "🙂👩‍👩‍👧",
    "",
]
PAIRS = Corpus(AWKWARD, AWKWARD[::-1])
LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\ufeff")), min_size=1, max_size=8
)
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\t\ufeff"))


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _tsv(folder: Path, corpus: Corpus, name: str = "corpus.tsv") -> Path:
    rows = zip(corpus.sources, corpus.targets, strict=True)
    return _write(folder, name, "".join(f"{source}\t{target}\n" for source, target in rows))


# --- reading


def test_corpus_sides_must_match() -> None:
    with pytest.raises(CorpusError, match="2 and 1"):
        Corpus(["a", "b"], ["c"])


def test_pair_files_come_through_unchanged(tmp_path: Path) -> None:
    write_pair_files(PAIRS, tmp_path / "train.en", tmp_path / "train.ja")
    assert read_corpus(tmp_path / "train", "en", "ja") == PAIRS
    assert read_corpus(str(tmp_path / "train"), "ja", "en") == Corpus(PAIRS.targets, PAIRS.sources)
    assert read_pair_files(tmp_path / "train.en", str(tmp_path / "train.ja")) == PAIRS


def test_tsv_comes_through_unchanged(tmp_path: Path) -> None:
    assert read_corpus(_tsv(tmp_path, PAIRS), "en", "ja") == PAIRS


@pytest.mark.parametrize("columns", [("en", "ja"), ("source", "target"), ("ja", "en")])
def test_csv_comes_through_unchanged(tmp_path: Path, columns: tuple[str, str]) -> None:
    with open(tmp_path / "corpus.csv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *columns])
        writer.writerows((number, *pair) for number, pair in enumerate(zip(PAIRS.sources, PAIRS.targets, strict=True)))
    expected = PAIRS if columns != ("ja", "en") else Corpus(PAIRS.targets, PAIRS.sources)
    assert read_corpus(tmp_path / "corpus.csv", "en", "ja") == expected


@pytest.mark.parametrize("ascii_only", [True, False])
def test_jsonl_comes_through_unchanged(tmp_path: Path, ascii_only: bool) -> None:
    rows = [{"en": source, "ja": target} for source, target in zip(PAIRS.sources, PAIRS.targets, strict=True)]
    rows[1::3] = [{"id": 7, "translation": row} for row in rows[1::3]]  # type: ignore[dict-item]
    text = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    assert read_corpus(_write(tmp_path, "corpus.jsonl", text), "en", "ja") == PAIRS


@given(sources=LINES, seed=st.integers(0, 99))
@example(sources=["a\rb", "\r", "c\x85\u2028", ""], seed=0)
def test_pair_files_keep_every_line(sources: list[str], seed: int) -> None:
    sources = [line.rstrip("\r") for line in sources]
    targets = random.Random(seed).sample(sources, len(sources))
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "a.en"), Path(folder, "a.ja")
        write_pair_files(Corpus(sources, targets), *files)
        assert read_pair_files(*files) == Corpus(sources, targets)
        assert files[0].read_bytes().count(b"\n") == len(sources)


@settings(max_examples=20)
@given(pairs=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
@example(pairs=[("source", "goal"), ("", ""), ("a", "\x00")])
def test_tables_keep_every_row(pairs: list[tuple[str, str]]) -> None:
    corpus = Corpus([source for source, _ in pairs], [target for _, target in pairs])
    with tempfile.TemporaryDirectory() as folder:
        assert read_corpus(_tsv(Path(folder), corpus), "en", "ja") == corpus
        text = "\n".join(json.dumps({"en": source, "ja": target}, ensure_ascii=False) for source, target in pairs)
        assert read_corpus(_write(Path(folder), "c.jsonl", text), "en", "ja") == corpus
        with open(Path(folder, "c.csv"), "w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("en", "ja"), *pairs])
        assert read_corpus(Path(folder, "c.csv"), "en", "ja") == corpus


@pytest.mark.parametrize(
    "texts", [["007", "1.50", "1e5"], ["2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"], ["NA", ""]]
)
def test_columns_of_one_kind_stay_text(tmp_path: Path, texts: list[str]) -> None:
    corpus = Corpus(texts, texts)
    assert read_corpus(_tsv(tmp_path, corpus), "en", "ja") == corpus
    rows = "".join(f"{text},{text}\n" for text in texts)
    assert read_corpus(_write(tmp_path, "c.csv", f"en,ja\n{rows}"), "en", "ja") == corpus
    rows = "".join(json.dumps({"en": text, "ja": text}) + "\n" for text in texts)
    assert read_corpus(_write(tmp_path, "c.jsonl", rows), "en", "ja") == corpus


def test_tsv_lines_end_at_newlines_only(tmp_path: Path) -> None:
    path = _write(tmp_path, "c.tsv", "a\rb\tc\n\n\t\nd\te\rf\n")
    assert read_corpus(path, "en", "ja") == Corpus(["a\rb", "", "", "d"], ["c", "", "", "e\rf"])


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_byte_order_mark(tmp_path: Path, bom: bytes, end: bytes, last: bool) -> None:
    def file(name: str, *lines: str) -> Path:
        return _write(tmp_path, name, bom + end.join(line.encode() for line in lines) + (end if last else b""))

    expected = Corpus(["a", "b"], ["あ", "い"])
    assert read_pair_files(file("c.en", "a", "b"), file("c.ja", "あ", "い")) == expected
    assert read_corpus(file("c.tsv", "a\tあ", "b\tい"), "en", "ja") == expected
    assert read_corpus(file("h.tsv", "ja\ten", "あ\ta", "い\tb"), "en", "ja") == expected
    assert read_corpus(file("c.csv", "en,ja", "a,あ", "b,い"), "en", "ja") == expected
    assert read_corpus(file("c.jsonl", '{"en":"a","ja":"あ"}', '{"en":"b","ja":"い"}'), "en", "ja") == expected


@pytest.mark.parametrize(
    ("header", "is_header"),
    [
        ("en\tja", True),
        ("source\ttarget", True),
        ("EN\tJA", False),
        ("en\tfr", False),
        ("source\tja", False),
        ("the source\tthe target", False),
    ],
)
def test_tsv_header(tmp_path: Path, header: str, is_header: bool) -> None:
    first = header.split("\t")
    corpus = read_corpus(_write(tmp_path, "c.tsv", f"{header}\nYes.\tはい。\n"), "en", "ja")
    assert corpus.sources == ["Yes."] if is_header else [first[0], "Yes."]
    assert corpus.targets == ["はい。"] if is_header else [first[1], "はい。"]


def test_tsv_with_more_columns(tmp_path: Path) -> None:
    path = _write(tmp_path, "plain.tsv", "Yes.\tはい。\tCC BY\nNo.\tいいえ。\tCC BY\n")
    assert read_corpus(path, "en", "ja") == Corpus(["Yes.", "No."], ["はい。", "いいえ。"])
    path = _write(tmp_path, "named.tsv", "id\tja\ten\n7\tはい。\tYes.\n")
    assert read_corpus(path, "en", "ja") == Corpus(["Yes."], ["はい。"])


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_columns_by_name(tmp_path: Path, suffix: str) -> None:
    content = {
        "tsv": "en\tja\told\nnew\tあ\tい\n",
        "csv": "en,ja,old\nnew,あ,い\n",
        "jsonl": '{"en": "new", "ja": "あ", "old": "い"}\n',
    }[suffix]
    path = _write(tmp_path, f"c.{suffix}", content)
    assert read_corpus(path, "en", "ja", target_column="old") == Corpus(["new"], ["い"])
    with pytest.raises(CorpusError, match=r"missing column english; the columns are: en, ja, old"):
        read_corpus(path, "en", "ja", source_column="english")


def test_line_breaks_in_cells_become_spaces(tmp_path: Path) -> None:
    path = _write(tmp_path, "c.csv", 'en,ja\n"a\nb","あ\r\nい"\n')
    assert read_corpus(path, "en", "ja") == Corpus(["a b"], ["あ い"])
    path = _write(tmp_path, "c.jsonl", '{"en": "a\\nb", "ja": "あ\\r\\nい"}\n')
    assert read_corpus(path, "en", "ja") == Corpus(["a b"], ["あ い"])


def test_json_null_and_lone_surrogate(tmp_path: Path) -> None:
    path = _write(tmp_path, "c.jsonl", '{"en": null, "ja": "\\ud83d"}\n\n{"en": "\\ud83d\\ude00", "ja": "a"}\n')
    assert read_corpus(path, "en", "ja") == Corpus(["", "😀"], ["\ufffd", "a"])


@pytest.mark.parametrize("name", ["a [1]*.tsv", "a b's.csv", "日本語.jsonl", "hf__x.en-ja.tsv"])
def test_any_file_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {".tsv": "a\tb\n", ".csv": "en,ja\na,b\n", ".jsonl": '{"en": "a", "ja": "b"}\n'}[Path(name).suffix]
    path = _write(tmp_path, name, content)
    assert read_corpus(path, "en", "ja") == Corpus(["a"], ["b"])
    monkeypatch.chdir(tmp_path)
    assert read_corpus(name, "en", "ja") == Corpus(["a"], ["b"])


@pytest.mark.parametrize(
    ("files", "place", "message"),
    [
        ({}, "no", r"no such file: .*no\.en"),
        ({}, "no.tsv", r"no such file: .*no\.tsv"),
        ({"a.en": b"x\n"}, "a", r"no such file: .*a\.ja"),
        ({"a.txt": b"x\n"}, "a.txt", r"a\.txt is neither a table \(\.tsv, .*, \.tmx\) nor a prefix .*a\.en"),
        ({"a.en": b"x\ny\n", "a.ja": b"x\n"}, "a", r"a\.en has 2 lines and .*a\.ja has 1;"),
        ({"a.en": b"x\n", "a.ja": b""}, "a", r"a\.ja is empty"),
        ({"a.en": b"\xef\xbb\xbf", "a.ja": b"x"}, "a", r"a\.en is empty"),
        ({"a.en": b"x\ny\n", "a.ja": b"x\n\x83\x65\n"}, "a", r"a\.ja, line 2: not UTF-8 \(byte 0x83\)"),
        ({"a.tsv": b""}, "a.tsv", r"a\.tsv is empty"),
        ({"a.tsv": b"x\ty\n\xff\tz\n"}, "a.tsv", r"a\.tsv, line 2: not UTF-8 \(byte 0xff\)"),
        ({"a.tsv": "A cat.\tX\n".encode("utf-16-le")}, "a.tsv", r"a\.tsv, line 1: not UTF-8 but, it seems, UTF-16"),
        ({"a.tsv": "A cat.\tX\n".encode("utf-16-be")}, "a.tsv", r"a\.tsv, line 1: not UTF-8 but, it seems, UTF-16"),
        ({"a.tsv": b"x y\n"}, "a.tsv", r"a\.tsv: missing column: line 1 has no tab"),
        ({"a.tsv": b"x\ty\nz\n"}, "a.tsv", r"a\.tsv, line 2: expected 2 columns as in line 1, found 1"),
        ({"a.tsv": b"x\ty\nz\tz\tz\n"}, "a.tsv", r"a\.tsv, line 2: expected 2 columns as in line 1, found 3"),
        ({"a.tsv": b"en\tja\n"}, "a.tsv", r"a\.tsv is empty: it holds no pairs"),
        ({"a.csv": b"en,ja\n"}, "a.csv", r"a\.csv is empty: it holds no pairs"),
        ({"a.csv": b"en,de\nx,y\n"}, "a.csv", r"missing column ja or target; the columns are: en, de;"),
        ({"a.csv": b"en,ja\nx,y,z\nx,y,z\n"}, "a.csv", r"names 2 columns, but the second has 3 cells"),
        ({"a.csv": b"en,ja\nx,y\nx,y,z\n"}, "a.csv", r"a\.csv cannot be read as \.csv: Expected 2 fields in line 3"),
        ({"a.csv": b'en,ja\nx,y\n"x,y\n'}, "a.csv", r"a\.csv cannot be read as \.csv: EOF inside string"),
        ({"a.csv": b'en,ja\n"' + b"x" * 200_000}, "a.csv", r"a\.csv cannot be read as \.csv: .*is a quote not closed"),
        ({"a.jsonl": b"\n\n"}, "a.jsonl", r"a\.jsonl is empty: it holds no pairs"),
        ({"a.jsonl": b'{"en":"x","ja":"y"}\n{"en":\n'}, "a.jsonl", r"a\.jsonl, line 2: not JSON"),
        ({"a.jsonl": b'{"en":"x","ja":"y"}\n{"en":"x"}\n'}, "a.jsonl", r"line 2: missing column ja or target; .*: en;"),
        ({"a.jsonl": b'{"en":"x","ja":5}\n'}, "a.jsonl", r'line 1: "ja" must be text, not 5'),
        ({"a.jsonl": b'["x","y"]\n'}, "a.jsonl", r"line 1: expected an object"),
    ],
)
def test_errors_are_one_clear_line(
    tmp_path: Path, files: dict[str, bytes], place: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, content in files.items():
        _write(tmp_path, name, content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus(tmp_path / place, "en", "ja")
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "".join(capfd.readouterr()) == ""


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").mkdir()
    with pytest.raises(CorpusError, match=r"cannot read .*a\.tsv"):
        read_corpus(tmp_path / "a.tsv", "en", "ja")


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_without_datasets(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    content = {"tsv": "a\tb\n", "csv": "en,ja\na,b\n", "jsonl": '{"en": "a", "ja": "b"}\n'}[suffix]
    with pytest.raises(MissingExtraError, match=r"Reading corpora needs .*\[train\]"):
        read_corpus(_write(tmp_path, f"c.{suffix}", content), "en", "ja")
    pairs = Corpus(["a"], ["b"])
    write_pair_files(pairs, tmp_path / "c.en", tmp_path / "c.ja")
    assert read_corpus(tmp_path / "c", "en", "ja") == pairs  # two plain files need nothing


def test_reading_is_silent_offline_and_leaves_nothing_behind(tmp_path: Path) -> None:
    _write(tmp_path, "c.tsv", "a\tb\n")
    _write(tmp_path, "c.csv", "en,ja\na,b\n")
    _write(tmp_path, "c.jsonl", '{"en": "a", "ja": "b"}\n')
    (tmp_path / "tmp").mkdir()
    code = """
import socket, sys
def refuse(*arguments): sys.exit(f"connects to {arguments}")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = socket.getaddrinfo = refuse
from nmt.corpora.corpus import Corpus, read_corpus
assert "datasets" not in sys.modules
import datasets
state = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
for suffix in ("tsv", "csv", "jsonl"):
    assert read_corpus(f"c.{suffix}", "en", "ja") == Corpus(["a"], ["b"]), suffix
assert state == (datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled())
"""
    # none of the switches that would keep `datasets` from calling home
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(SAMPLE.parents[2])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"c.tsv", "c.csv", "c.jsonl"}


@pytest.mark.parametrize("text", ["a\nb", "a\r"])
def test_line_breaks_are_not_written(tmp_path: Path, text: str) -> None:
    with pytest.raises(CorpusError, match=r"sentence 2 .* line break"):
        write_pair_files(Corpus(["x", text], ["y", "z"]), tmp_path / "a.en", tmp_path / "a.ja")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("a.en", "en"),
        ("x/corpus.v2.ja", "ja"),
        ("train.pt-BR", "pt-BR"),
        ("train.zh-Hant.txt", "zh-Hant"),
        ("train.fil", "fil"),
    ],
)
def test_language_of(file: str, code: str) -> None:
    assert language_of(file) == language_of(Path(file)) == code


@pytest.mark.parametrize("file", ["a", "a.txt", "en", "a.tsv", "a.csv", "a.en.tsv", "a.english", "a.en.gz2", "a.EN"])
def test_language_not_told(file: str) -> None:
    with pytest.raises(CorpusError, match=f"cannot tell the language of {re.escape(file)}"):
        language_of(file)


# --- cleaning

BAD = {
    "empty": [("", "はい。"), ("Yes.", "\u3000 "), ("\t", "")],
    "broken encoding": [
        ("Caf\ufffd", "カフェです。"),
        ("The cafÃ© is open.", "カフェは開いています。"),
        ("Itâ€™s open.", "開いています。"),
        ("It is open.", "é\x96\x8bã\x81\x84ã\x81¦ã\x81\x84ã\x81¾ã\x81\x99ã\x80\x82"),
        ("It is open.", "é–‹ã„ã¦ã„ã¾ã™ã€‚"),
        ("It is open.", "縺ｯ縺�".replace("�", "い縺")),
        ("It\x00is open.", "開いています。"),
        ("It is\ropen.", "開いています。"),
        ("It is\u2028open.", "開いています。"),
        ("Привет".encode().decode("cp1252", "replace").replace("\ufffd", "\xad"), "こんにちは。"),
        ("It is \ud800 open.", "開いています。"),
    ],
    "too long": [("word " * 101, "言葉" * 110), ("a" * 501, "あ" * 300)],
    "length ratio": [
        ("I went to the market and bought a lot of very fresh fruit.", "はい。"),
        ("Yes.", "私は昨日市場に行って果物をたくさん買いました。"),
    ],
    "source = target": [("Oh dear!", "oh dear"), ("Ａ１", "A1"), ("...", "…")],
    "wrong script": [("Where is it?", "Where is the thing?"), ("どこですか。", "どこですか、それは。")],
    "duplicate": [("Good.", "いいです。"), (" Good.", "いいです。 ")],
}
GOOD = [
    ("Good.", "いいです。"),
    ("Good.", "よろしい。"),
    ("Good!", "いいです。"),
    ("I work at NASA.", "NASAで働いています。"),
    ("123", "百二十三"),
    ("Fine words are seldom true.", "巧言令色、鮮なし仁。"),
    ("Here you are.", "どうぞ。"),
    ("No.", "いいえ、結構です。"),
    ("He said “naïve café”.", "彼は「ナイーブなカフェ」と言いました。"),
]


@pytest.mark.parametrize("pair", [("Hotel", "Hotel"), ("Taxi!", "¡Taxi!"), ("Pardon?", "Pardon ?"), ("No.", "No")])
def test_a_word_that_both_languages_have_is_no_copy(pair: tuple[str, str]) -> None:
    assert len(clean(Corpus([pair[0]], [pair[1]]), "en", "es", RULES)[0]) == 1


@pytest.mark.parametrize(
    ("text", "pair"),
    [("我昨天去了市场，买了很多水果。", ("zh", "ja")), ("os.path.join()", ("en", "de")), ("www.a.org/b", ("en", "de"))],
)
def test_what_only_looks_like_a_word_is_a_copy(text: str, pair: tuple[str, str]) -> None:
    assert len(clean(Corpus([text], [text]), *pair, RULES)[0]) == 0


def test_clean_removes_and_counts_by_reason() -> None:
    bad = [(reason, pair) for reason, pairs in BAD.items() for pair in pairs]
    pairs = [*GOOD, *(pair for _, pair in bad)]
    corpus = Corpus([source for source, _ in pairs], [target for _, target in pairs])
    kept, report = clean(corpus, "en", "ja", RULES)
    assert list(zip(kept.sources, kept.targets, strict=True)) == GOOD
    assert {removal.reason: removal.count for removal in report.removals} == {r: len(p) for r, p in BAD.items()}
    assert (report.num_read, report.num_kept) == (len(pairs), len(GOOD))
    for removal in report.removals:
        assert list(removal.examples) == [(s.strip(), t.strip()) for s, t in BAD[removal.reason][:3]]


@pytest.mark.parametrize(("reason", "pair"), [(reason, pair) for reason in BAD for pair in BAD[reason]])
def test_each_bad_pair_alone(reason: str, pair: tuple[str, str]) -> None:
    corpus = Corpus(["Good.", pair[0]], ["いいです。", pair[1]])
    _, report = clean(corpus, "en", "ja", RULES)
    assert [removal.reason for removal in report.removals if removal.count] == [reason]


@pytest.mark.parametrize(
    ("language", "source", "target"),
    [
        ("fr", "The café—“no” she said.", "Le café—“non” dit-elle, «\u00a0déjà\u00a0»."),
        ("pt", "The heart of São Paulo.", "O CORAÇÃO DE SÃO PAULO, AMANHÃ. Ã"),
        ("de", "He lives in that big house.", "Er wohnt in dem großen Haus dort."),
        ("ru", "He lives in that big house.", "Он живёт в том большом доме."),
        ("ko", "He lives in that big house.", "그는 저 큰 집에 산다."),
        ("zh", "He lives in that big house.", "他住在那栋大房子里。"),
        ("vi", "He lives in that big house.", "Anh ấy sống trong căn nhà lớn đó."),
        ("xx", "He lives in that big house.", "ገጽ ገጽ ገጽ ገጽ ገጽ ገጽ"),
    ],
)
def test_clean_keeps_good_text_of_other_languages(language: str, source: str, target: str) -> None:
    _, report = clean(Corpus([source], [target]), "en", language, RULES)
    assert report.num_kept == 1, str(report)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_clean_accounts_for_every_pair(source: str, target: str) -> None:
    corpus = Corpus([source, target, source], [target, source, target])
    kept, report = clean(corpus, "en", "ja", RULES)
    assert report.num_read == 3 == len(kept) + sum(removal.count for removal in report.removals)
    assert clean(kept, "en", "ja", RULES)[0] == kept
    assert json.loads(json.dumps(report.as_dict()))["kept"] == len(kept)


def test_rules_are_obeyed() -> None:
    corpus = Corpus(["one two three"], ["eins zwei drei vier"])
    for rules, reason in [
        (CleaningRules(max_characters=18), "too long"),
        (CleaningRules(max_words=3), "too long"),
        (CleaningRules(max_length_ratio=1.1), "length ratio"),
    ]:
        _, report = clean(corpus, "en", "de", rules)
        assert [removal.reason for removal in report.removals if removal.count] == [reason]
    with pytest.raises(ConfigError, match="max_words must be at least 1"):
        CleaningRules(max_words=0)
    with pytest.raises(ConfigError, match="not a language code"):
        clean(Corpus([], []), "en", "Japanese", RULES)


def test_report_reads_well() -> None:
    report = CleaningReport(2000, 1990, (Removal("empty", 10, (("x" * 80, ""),)), Removal("duplicate", 0, ())))
    assert str(report).splitlines() == [
        "read                     2,000  100.00 %",
        "kept                     1,990   99.50 %",
        "removed                     10    0.50 %",
        "  empty                     10    0.50 %",
        f"      {'x' * 59}… | ",
        "  duplicate                  0    0.00 %",
    ]
    assert str(CleaningReport(0, 0, ())).count("0.00 %") == 3
    assert report.as_dict()["removed"][0] == {"reason": "empty", "count": 10, "examples": ((("x" * 80), ""),)}


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    corpus = read_corpus(SAMPLE, "en", "ja")
    prepare(corpus, "en", "ja", tmp_path, RULES)
    assert capsys.readouterr() == ("", "")
    prepare(corpus, "en", "ja", tmp_path, RULES, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "cleaning: 100%" in err and "splitting: 100%" in err


def test_progress_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(MissingExtraError, match=r"\[train\]"):
        clean(Corpus(["a"], ["b"]), "en", "de", RULES, progress=True)


# --- splitting


def _plain_key(text: str) -> str:
    """A plain reading of "without case, spaces and punctuation", to hold against the one in use."""
    return "".join(c for c in text.casefold() if not c.isspace() and c not in string.punctuation + "。、！？「」…・’“”")


def _linked_corpus(size: int, seed: int) -> Corpus:
    """Pairs of which many share a sentence up to case, spaces and punctuation."""
    rng = random.Random(seed)
    words = [f"{first}{second}" for first in "abcdefghij" for second in "aeiou"]

    def text() -> str:
        sentence = " ".join(rng.choice(words) for _ in range(rng.choice([2, 3, 4])))
        return rng.choice([sentence, sentence.title() + "!", sentence.replace(" ", "-"), f"“{sentence}”"])

    pairs = [(text(), text().upper()) for _ in range(size)]
    pairs += [(source, f"{target} too") for source, target in rng.sample(pairs, size // 5)]
    return Corpus([source for source, _ in pairs], [target for _, target in pairs])


def _sentences(corpus: Corpus) -> set[str]:
    return {_plain_key(text) for text in (*corpus.sources, *corpus.targets)}


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), sizes=st.tuples(st.integers(0, 30), st.integers(0, 30)))
def test_parts_share_no_sentence(seed: int, sizes: tuple[int, int]) -> None:
    corpus = _linked_corpus(200, seed)
    train, dev, test = split(corpus, *sizes, seed)
    assert (len(dev), len(test), len(train)) == (*sizes, len(corpus) - sum(sizes))
    assert not _sentences(train) & _sentences(dev)
    assert not _sentences(train) & _sentences(test)
    assert not _sentences(dev) & _sentences(test)
    pairs = sorted(zip(corpus.sources, corpus.targets, strict=True))
    assert pairs == sorted(pair for part in (train, dev, test) for pair in zip(part.sources, part.targets, strict=True))


def test_the_corpus_for_splitting_is_linked() -> None:
    corpus = _linked_corpus(200, 1)
    texts = [*corpus.sources, *corpus.targets]
    assert len({_plain_key(text) for text in texts}) < len(set(texts)) < len(texts)


def test_split_depends_on_seed_and_pairs_only() -> None:
    corpus = _linked_corpus(300, 5)
    parts = split(corpus, 30, 30, 1)
    assert split(corpus, 30, 30, 1) == parts
    assert split(corpus, 30, 30, 2) != parts
    order = random.Random(0).sample(range(len(corpus)), len(corpus))
    shuffled = Corpus([corpus.sources[n] for n in order], [corpus.targets[n] for n in order])
    again = split(shuffled, 30, 30, 1)
    assert (again.dev, again.test) == (parts.dev, parts.test)
    assert sorted(again.train.sources) == sorted(parts.train.sources)


def test_pairs_linked_in_a_chain_stay_together() -> None:
    chain = Corpus([f"s{n // 2}" for n in range(100)], [f"t{(n + 1) // 2}" for n in range(100)])
    with pytest.raises(CorpusError, match="only 0 of 5 pairs for dev share no sentence with the rest of its 100 pairs"):
        split(chain, 5, 0, 1)
    loose = Corpus([f"x{n}" for n in range(10)], [f"y{n}" for n in range(10)])
    train, dev, test = split(Corpus(chain.sources + loose.sources, chain.targets + loose.targets), 5, 5, 1)
    assert set(dev.sources + test.sources) == set(loose.sources)
    assert train == chain


@pytest.mark.parametrize("seed", range(5))
def test_large_groups_stay_in_train(seed: int) -> None:
    fours = Corpus([f"s{n // 4}" for n in range(200)], [f"t{n}" for n in range(200)])
    loose = Corpus([f"x{n}" for n in range(100)], [f"y{n}" for n in range(100)])
    train, dev, test = split(Corpus(fours.sources + loose.sources, fours.targets + loose.targets), 30, 30, seed)
    assert (len(dev), len(test)) == (30, 30)
    assert set(fours.sources) <= set(train.sources)


@pytest.mark.parametrize("sizes", [(5, 5), (0, 10), (11, 0)])
def test_too_small_to_split(sizes: tuple[int, int]) -> None:
    corpus = Corpus([f"x{n}" for n in range(10)], [f"y{n}" for n in range(10)])
    with pytest.raises(CorpusError, match=r"too small: dev \(\d+\) and test \(\d+\) leave nothing of its 10 pairs"):
        split(corpus, *sizes, 1)
    with pytest.raises(ConfigError, match="must be 0 or more, not -1 and 2"):
        split(corpus, -1, 2, 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("It's 10 o'clock.", "its 10 O’CLOCK"),
        ("１０時です。", "10時です"),
        ("Straße!", "STRASSE"),
        ("カ゛ラス", "カ゛ラス。"),
        ("ｶﾞﾗｽ", "ガラス"),
        ("é", "e\u0301"),
        ("!?", "。"),
    ],
)
def test_same_sentence(first: str, second: str) -> None:
    assert sentence_key(first) == sentence_key(second)


@pytest.mark.parametrize(("first", "second"), [("か", "が"), ("ca", "ça"), ("कि", "की"), ("1", "2"), ("a", "")])
def test_other_sentence(first: str, second: str) -> None:
    assert sentence_key(first) != sentence_key(second)


@given(st.text(), st.lists(st.tuples(st.integers(0, 9), st.sampled_from(" .,-'!?。、「」\u3000")), max_size=3))
def test_case_spaces_and_punctuation_make_no_difference(text: str, marks: list[tuple[int, str]]) -> None:
    other = text.casefold()
    for place, mark in marks:
        other = other[:place] + mark + other[place:]
    assert sentence_key(other) == sentence_key(text)


# --- preparing


def test_prepare_writes_what_it_says(tmp_path: Path) -> None:
    corpus = read_corpus(SAMPLE, "en", "ja")
    dirty = Corpus([*corpus.sources, "Yes.", ""], [*corpus.targets, "no translation", "空です。"])
    out = tmp_path / "some" / "where"
    prepared = prepare(dirty, "en", "ja", out, RULES)
    names = {f"{part}.{language}" for part in ("train", "dev", "test") for language in ("en", "ja")}
    assert {path.name for path in out.iterdir()} == {*names, "report.json"}
    parts = [read_corpus(out / name, "en", "ja") for name in ("train", "dev", "test")]
    assert [len(part) for part in parts] == [prepared.num_train, prepared.num_dev, prepared.num_test]
    assert prepared.num_dev == prepared.num_test == len(corpus) // 20
    written = [pair for part in parts for pair in zip(part.sources, part.targets, strict=True)]
    assert sorted(written) == sorted(zip(corpus.sources, corpus.targets, strict=True))
    record = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (record["source_language"], record["target_language"], record["seed"]) == ("en", "ja", 1)
    assert record["parts"] == {"train": len(parts[0]), "dev": len(parts[1]), "test": len(parts[2])}
    assert (record["read"], record["kept"]) == (len(dirty), len(corpus))
    assert {entry["reason"]: entry["count"] for entry in record["removed"] if entry["count"]} == {
        "empty": 1,
        "wrong script": 1,
    }
    assert record["rules"]["max_words"] == RULES.max_words


def test_prepare_again_replaces_and_an_empty_part_has_no_files(tmp_path: Path) -> None:
    corpus = read_corpus(SAMPLE, "en", "ja")
    prepare(corpus, "en", "ja", tmp_path, RULES, dev_size=10, test_size=10)
    prepare(corpus, "en", "ja", tmp_path, RULES, dev_size=20, test_size=0)
    assert {path.name for path in tmp_path.iterdir()} == {"train.en", "train.ja", "dev.en", "dev.ja", "report.json"}
    assert len(read_corpus(tmp_path / "dev", "en", "ja")) == 20


def test_a_failed_run_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = read_corpus(SAMPLE, "en", "ja")
    prepare(corpus, "en", "ja", tmp_path, RULES)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device", "dev.ja")

    monkeypatch.setattr(json, "dump", full_disk)
    with pytest.raises(CorpusError, match=r"cannot write dev\.ja: No space left on device"):
        prepare(corpus, "en", "ja", tmp_path, RULES, seed=2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_prepare_refuses_clearly(tmp_path: Path) -> None:
    corpus = Corpus(["a b c", ""], ["d e f", "g"])
    with pytest.raises(CorpusError, match=r"none of the 2 pairs is usable: empty \(1\), wrong script \(1\); .* in ja"):
        prepare(corpus, "en", "ja", tmp_path / "out", RULES)
    with pytest.raises(CorpusError, match="too small"):
        prepare(corpus, "en", "de", tmp_path / "out", RULES)
    with pytest.raises(ConfigError, match='both "en"'):
        prepare(corpus, "en", "en", tmp_path / "out", RULES)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").write_text("a file")
    with pytest.raises(CorpusError, match=r"cannot write .*out"):
        prepare(Corpus(list("abc"), list("xyz")), "en", "de", tmp_path / "out", RULES)


def test_examples_that_utf8_cannot_spell_are_reported(tmp_path: Path) -> None:
    corpus = Corpus([*(f"number {n}" for n in range(30)), "\ud800"], [*(f"Nummer {n}" for n in range(30)), "x"])
    prepare(corpus, "en", "de", tmp_path, RULES)
    removed = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["removed"]
    assert [entry["examples"] for entry in removed if entry["count"]] == [[["\ud800", "x"]]]


def test_the_sample_is_clean() -> None:
    corpus = read_corpus(SAMPLE, "en", "ja")
    assert len(corpus) >= 300
    kept, report = clean(corpus, "en", "ja", RULES)
    assert kept == corpus, str(report)
    assert len(set(map(sentence_key, corpus.sources))) == len(set(map(sentence_key, corpus.targets))) == len(corpus)


def test_speed() -> None:
    sources = [f"This is sentence number {n}, and it is about as long as most are." for n in range(10_000)]
    targets = [f"これは{n}番目の文で、長さはほかの多くの文とだいたい同じです。" for n in range(10_000)]
    start = time.process_time()
    clean(Corpus(sources, targets), "en", "ja", RULES)
    assert time.process_time() - start < 1.2  # 250,000 pairs in 30 seconds


def test_every_error_is_one_of_ours() -> None:
    assert issubclass(CorpusError, NmtError) and issubclass(ConfigError, NmtError)
