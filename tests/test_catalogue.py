"""The catalogue of public corpora, and how it is shown."""

import re
import subprocess
import sys

import pytest

from nmt.cli import main
from nmt.corpora.catalogue import WEIGHTS, Entry, catalogue, entries_for
from nmt.corpora.hub import PREFIX, HubPlace
from nmt.corpora.naming import languages_told
from nmt.errors import ConfigError
from nmt.languages import LANGUAGES

ENTRIES = catalogue()


def test_there_are_corpora_for_the_pairs_of_the_recipes() -> None:
    assert 15 <= len(ENTRIES) <= 30
    for pair in ("en-ja", "en-de", "en-fr", "en-es", "en-nl", "en-ru", "de-fr", "en-vi"):
        assert sum(entry.weights == "yes" for entry in entries_for(pair)) >= 2, pair


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_is_complete(entry: Entry) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", entry.name)
    assert 10 < len(entry.about) < 70 and entry.about == entry.about.strip(" .")
    assert entry.home.startswith("https://")
    assert entry.weights in WEIGHTS and entry.licence and entry.size
    assert list(entry.languages) == sorted(set(entry.languages)) and set(entry.languages) <= LANGUAGES.keys()
    assert not entry.only_with or entry.only_with in entry.languages
    assert ("{other}" in entry.where) <= (entry.only_with == "en")
    if "{pair}" not in entry.where and "{other}" not in entry.where:
        assert len(entry.languages) == 2 or not entry.where.startswith(PREFIX)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_place_can_be_asked_for(entry: Entry) -> None:
    pairs = [(a, b) for a in entry.languages for b in entry.languages if entry.has(a, b)]
    assert pairs and {(b, a) for a, b in pairs} == set(pairs)
    for first, second in pairs:
        place = entry.place(first, second)
        assert place == entry.place(second, first)
        if place.startswith(PREFIX):
            HubPlace.parse(place)
            told = languages_told(place)
            assert told is None or set(told) == {first, second}
        else:
            assert re.fullmatch(r"https://[\w./-]+", place)
            assert ".zip" not in place or "-".join(sorted((first, second))) in place


def test_without_english_a_corpus_with_english_is_not_offered() -> None:
    names = {entry.name for entry in entries_for("de-fr")}
    assert "europarl" in names and not names & {"opus-100", "manythings", "wmt16", "jesc"}
    assert entries_for("ja-en") == entries_for("en-ja")


def _table(text: str) -> tuple[list[list[str]], str]:
    table, _, rest = text.partition("\n\n")
    rows = table.splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", rows[0])]
    for row in rows:
        assert all(row[start - 1 : start] in (" ", "") and row[start : start + 1].strip() for start in starts[1:]), row
    ends = [*starts[1:], None]
    return [[row[a:b].strip() for a, b in zip(starts, ends, strict=True)] for row in rows], rest


def test_all_are_listed_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    rows, rest = _table(capsys.readouterr().out)
    assert rows[0] == ["NAME", "LANGUAGES", "LICENCE", "WEIGHTS", "WHAT"]
    assert [row[0] for row in rows[1:]] == [entry.name for entry in ENTRIES]
    assert "as stated by the pages of the corpora; check them before use" in rest


@pytest.mark.parametrize("pair", ["en-ja", "ja-en"])
def test_those_of_a_pair_are_listed_with_their_places(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", pair]) == 0
    rows, rest = _table(capsys.readouterr().out)
    assert rows[0] == ["NAME", "PAIRS", "LICENCE", "WEIGHTS", "WHERE"]
    places = {row[0]: row[4] for row in rows[1:]}
    assert places["opus-100"] == "hf:Helsinki-NLP/opus-100/en-ja"
    assert places["kde4"].endswith("/moses/en-ja.txt.zip")
    assert "jparacrawl" in places and "europarl" not in places
    assert "check them before use" in rest


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("en-sw", r"no corpus of the catalogue lists en-sw \(sw is in none of them\); these have more .*: tatoeba, "),
        ("en-jp", r"jp is in none of them"),
        ("ja-nb-en", r'"ja-nb-en" is not a pair of languages; expected two codes such as en-ja'),
        ("en", r'"en" is not a pair'),
        ("en-en", r'"en-en" is not a pair'),
        ("english-japanese", r"not a language code"),
    ],
)
def test_unknown_pairs_get_a_clear_line(pair: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=said):
        entries_for(pair)
    assert main(["data", "list", pair]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and re.search(said, captured.err) and captured.err.count("\n") == 1


def test_listing_needs_nothing_but_the_package() -> None:
    code = """
import sys
for name in ("datasets", "numpy", "pyarrow", "keras", "tqdm", "sentencepiece"):
    sys.modules[name] = None
from nmt.cli import main
sys.exit(main(["data", "list", "en-ja"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
