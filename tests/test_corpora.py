"""The ways in: compressed files, Parquet, folders and data sets of the hub; what a place tells; several at once."""

import calendar
import gzip
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.cli import main
from nmt.corpora.corpus import Corpus, language_of, located, read_corpus, read_pair_files
from nmt.corpora.hub import HubPlace
from nmt.corpora.naming import languages_told
from nmt.errors import ConfigError, CorpusError, MissingExtraError
from nmt.languages import looks_like
from nmt.text.protect import shield
from nmt.text.quantities import plain_digits

ROOT = Path(__file__).parent.parent
PAIRS = Corpus(["NA", ' "a', "007", "", "a\x85b\u2028c"], ["-", "null", "2020-01-01T00:00:00Z", "🙂", "# x"])
SMALL = Corpus(["a", "b"], ["あ", "い"])
# Without the switches that keep `datasets` from calling home, and where every connection is an error.
REFUSE = """
import socket, sys
def refuse(*arguments, **named): sys.exit(f"connects to {arguments}")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
"""


def _write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def _parquet(path: Path, **columns: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def _rows(corpus: Corpus) -> list[dict[str, str]]:
    return [{"en": source, "ja": target} for source, target in zip(corpus.sources, corpus.targets, strict=True)]


def _jsonl(corpus: Corpus) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(corpus))


def _python(code: str, folder: Path, *words: str, **more: str) -> str:
    """The output of a program that runs in `folder`, which is its home too."""
    hidden = ("HF_", "HTTP", "ALL_PROXY")  # settings of the hub's client, and proxies
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(hidden)}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# --- gzip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.tsv.gz", "".join(f"{s}\t{t}\n" for s, t in zip(PAIRS.sources, PAIRS.targets, strict=True))),
        ("c.jsonl.gz", _jsonl(PAIRS)),
        ("c.csv.gz", 'en,ja\nNA,-\n" ""a",null\n007,2020-01-01T00:00:00Z\n"",🙂\na\x85b\u2028c,# x\n'),
    ],
)
def test_compressed_tables(name: str, content: str, tmp_path: Path) -> None:
    path = _write(tmp_path / name, content)
    assert read_corpus(path, "en", "ja") == PAIRS == read_corpus(str(path), "en", "ja")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_compressed_pair_files(tmp_path: Path) -> None:
    _write(tmp_path / "t.en.gz", "\ufeffa\r\nb\n")
    _write(tmp_path / "t.ja", "あ\nい")
    assert read_corpus(tmp_path / "t", "en", "ja") == SMALL
    assert read_pair_files(tmp_path / "t.en.gz", tmp_path / "t.ja") == SMALL
    _write(tmp_path / "t.en", "plain\ngoes first\n")
    assert read_corpus(tmp_path / "t", "en", "ja").sources[0] == "plain"


@pytest.mark.parametrize(("file", "code"), [("a.en.gz", "en"), ("a.pt-BR.txt.gz", "pt-BR"), ("train.ja.gz", "ja")])
def test_language_of_compressed_files(file: str, code: str) -> None:
    assert language_of(file) == code


@pytest.mark.parametrize("file", ["a.gz", "a.tsv.gz", "a.txt.gz", "a.jsonl.gz"])
def test_no_language_in_compressed_files(file: str) -> None:
    with pytest.raises(CorpusError, match="cannot tell the language"):
        language_of(file)


def _cut(data: bytes) -> bytes:
    return gzip.compress(data * 1000)[:-20]


@pytest.mark.parametrize("name", ["c.tsv.gz", "c.csv.gz", "c.jsonl.gz", "c.en.gz"])
@pytest.mark.parametrize("spoil", [lambda data: data, _cut, lambda data: gzip.compress(data)[:12] + b"x" * 20])
def test_broken_compression_is_one_clear_line(name: str, spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(spoil(b"en\tja\n"))
    place = tmp_path / ("c" if name == "c.en.gz" else name)
    (tmp_path / "c.ja").write_text("x\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"gz cannot be unpacked: .*is it gzip, and whole\?") as caught:
        read_corpus(place, "en", "ja")
    assert "\n" not in str(caught.value)


def test_errors_in_compressed_files_name_the_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"c\.tsv\.gz, line 2: not UTF-8"):
        read_corpus(_write(tmp_path / "c.tsv.gz", b"a\tb\n\xff\tc\n"), "en", "ja")
    with pytest.raises(CorpusError, match=r"c\.csv\.gz cannot be read as \.csv: EOF inside string"):
        read_corpus(_write(tmp_path / "c.csv.gz", 'en,ja\nx,y\n"x,y\n'), "en", "ja")
    with pytest.raises(CorpusError, match=r"c\.jsonl\.gz is empty"):
        read_corpus(_write(tmp_path / "c.jsonl.gz", ""), "en", "ja")
    with pytest.raises(CorpusError, match=r"no such file: .*none\.tsv\.gz"):
        read_corpus(tmp_path / "none.tsv.gz", "en", "ja")


# --- Parquet

CELLS = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"))


@settings(max_examples=20)
@given(pairs=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), nested=st.booleans())
def test_parquet_keeps_every_row(pairs: list[tuple[str | None, str | None]], nested: bool, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("p") / "c.parquet"
    text = pyarrow.string()
    rows = [{"en": source, "ja": target} for source, target in pairs]
    if nested:
        _parquet(
            path, id=range(len(rows)), translation=pyarrow.array(rows, pyarrow.struct([("en", text), ("ja", text)]))
        )
    else:
        _parquet(path, **{name: pyarrow.array([row[name] for row in rows], text) for name in ("ja", "en")})
    expected = Corpus([source or "" for source, _ in pairs], [target or "" for _, target in pairs])
    assert read_corpus(path, "en", "ja") == expected


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()])
def test_parquet_of_every_kind_of_text(kind: object, tmp_path: Path) -> None:
    path = _parquet(tmp_path / "c.parquet", source=pyarrow.array(PAIRS.sources, kind), target=PAIRS.targets)
    assert read_corpus(path, "en", "ja") == PAIRS
    words = pyarrow.array(["a", "a\r\nb"]).dictionary_encode()
    assert read_corpus(_parquet(tmp_path / "d.parquet", en=words, ja=words), "en", "ja").sources == ["a", "a b"]


def test_parquet_columns_by_name(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "c.parquet", translation=_rows(SMALL), old=["x", "y"])
    assert read_corpus(path, "en", "ja", target_column="old") == Corpus(["a", "b"], ["x", "y"])
    assert read_corpus(path, "ja", "en") == Corpus(SMALL.targets, SMALL.sources)
    with pytest.raises(CorpusError, match=r"missing column de or target; the columns are: en, ja, old;"):
        read_corpus(path, "en", "de")


def test_parquet_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match=r'the column "ja" must be text; it is of type int64'):
        read_corpus(_parquet(tmp_path / "n.parquet", en=["a"], ja=[1]), "en", "ja")
    with pytest.raises(CorpusError, match=r"e\.parquet is empty: it holds no pairs"):
        text = pyarrow.array([], pyarrow.string())
        read_corpus(_parquet(tmp_path / "e.parquet", en=text, ja=text), "en", "ja")
    with pytest.raises(CorpusError, match=r"x\.parquet cannot be read as Parquet") as caught:
        read_corpus(_write(tmp_path / "x.parquet", "nothing of the kind"), "en", "ja")
    assert "\n" not in str(caught.value)
    odd = pyarrow.array([b"caf\xe9"], pyarrow.binary()).cast(pyarrow.string(), safe=False)
    with pytest.raises(CorpusError, match=r"o\.parquet cannot be read as Parquet: 'utf-8' codec"):
        read_corpus(_parquet(tmp_path / "o.parquet", en=odd, ja=["b"]), "en", "ja")
    with pytest.raises(CorpusError, match=r"no such file: .*none\.parquet"):
        read_corpus(tmp_path / "none.parquet", "en", "ja")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"Reading corpora needs .*\[train\]"):
        read_corpus(_parquet(tmp_path / "c.parquet", en=["a"], ja=["b"]), "en", "ja")


# --- folders and the hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a data set as it lies on the hub."""
    place = tmp_path / "owner" / "name"
    _parquet(place / "data" / "train-00000-of-00001.parquet", translation=_rows(SMALL))
    _parquet(place / "data" / "validation-00000-of-00001.parquet", translation=_rows(PAIRS))
    return place


def test_a_folder_of_a_data_set(folder: Path) -> None:
    before = sorted(path for path in folder.rglob("*"))
    assert read_corpus(folder, "en", "ja") == SMALL == read_corpus(f"{folder}:train", "en", "ja")
    assert read_corpus(f"{folder}:validation", "en", "ja") == PAIRS
    assert read_corpus(f"{folder}:validation[:2]", "en", "ja").sources == PAIRS.sources[:2]
    with pytest.raises(CorpusError, match=r'name: Unknown split "dev"\. Should be one of .*validation'):
        read_corpus(f"{folder}:dev", "en", "ja")
    with pytest.raises(CorpusError, match=r"missing column de or target; the columns are: en, ja;"):
        read_corpus(folder, "en", "de")
    assert sorted(path for path in folder.rglob("*")) == before


def test_a_folder_of_json_lines_with_columns(tmp_path: Path) -> None:
    _write(tmp_path / "set" / "train.jsonl", _jsonl(SMALL))
    assert read_corpus(tmp_path / "set", "en", "ja") == SMALL


def test_a_saved_data_set(tmp_path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    saved = datasets.Dataset.from_list([{"translation": row} for row in _rows(SMALL)])
    saved.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict(train=saved, test=saved.select([1])).save_to_disk(str(tmp_path / "parts"))
    datasets.enable_progress_bars()
    assert read_corpus(tmp_path / "one", "en", "ja") == SMALL == read_corpus(tmp_path / "parts", "en", "ja")
    assert read_corpus(f"{tmp_path / 'parts'}:test", "en", "ja") == Corpus(["b"], ["い"])
    with pytest.raises(CorpusError, match='no split "dev"; there are: train, test'):
        read_corpus(f"{tmp_path / 'parts'}:dev", "en", "ja")


def test_folders_without_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"empty: The directory at .* doesn't contain any data files"):
        read_corpus(tmp_path / "empty", "en", "ja")
    _write(tmp_path / "work" / "train.en", "a\n")
    with pytest.raises(CorpusError, match=r"work is a folder; name a part of it: .*work/train"):
        read_corpus(tmp_path / "work", "en", "ja")


def test_a_copy_in_the_working_folder_stands_for_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parents[1])
    assert read_corpus("hf:owner/name", "en", "ja") == SMALL
    assert read_corpus("hf:owner/name:validation", "en", "ja") == PAIRS
    with pytest.raises(CorpusError, match=r"BuilderConfig 'en-de' not found\. Available: \['default'\]"):
        read_corpus("hf:owner/name/en-de", "en", "ja")


def test_local_places_are_read_silently_offline_and_leave_nothing(folder: Path, tmp_path: Path) -> None:
    _write(tmp_path / "c.tsv.gz", "a\tあ\nb\tい\n")
    _parquet(tmp_path / "c.parquet", en=SMALL.sources, ja=SMALL.targets)
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    code = f"""{REFUSE}
from nmt.corpora.corpus import Corpus, read_corpus
assert "datasets" not in sys.modules
for place in sys.argv[1:]:
    assert read_corpus(place, "en", "ja") == Corpus(["a", "b"], ["あ", "い"]), place
"""
    assert _python(code, tmp_path, "c.tsv.gz", "c.parquet", "owner/name", "hf:owner/name") == ""
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("hf:a/b", HubPlace("a/b", None, "train")),
        ("hf:Helsinki-NLP/opus-100/en-ja:train", HubPlace("Helsinki-NLP/opus-100", "en-ja", "train")),
        ("hf:a/b/c/d", HubPlace("a/b", "c/d", "train")),
        ("hf:a/b:test[:100]", HubPlace("a/b", None, "test[:100]")),
    ],
)
def test_places_on_the_hub(place: str, expected: HubPlace) -> None:
    assert HubPlace.parse(place) == expected


@pytest.mark.parametrize("place", ["hf:", "hf:opus100", "hf:a/", "hf:/a", "hf:a b/c", "hf:a/b:"])
def test_misspelled_places_on_the_hub(place: str) -> None:
    with pytest.raises(CorpusError, match=r"names no data set; expected hf:OWNER/NAME"):
        read_corpus(place, "en", "ja")


def test_places_of_a_recipe() -> None:
    assert located("hf:a/b", Path("recipes")) == "hf:a/b"
    assert Path(located("a/train", Path("recipes"))) == Path("recipes/a/train")
    assert located("/a/train", Path("recipes")) == "/a/train"


def test_a_machine_without_network_gets_one_line(tmp_path: Path) -> None:
    code = """
import socket, sys
def refuse(*arguments, **named): raise OSError("Network is unreachable")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from nmt.cli import main
sys.stderr = sys.stdout
languages = ["--source-language", "en", "--target-language", "ja"]
sys.exit(main(["data", "prepare", "hf:no/such", *languages, "--out", "out"]) - 1)
"""
    said = _python(code, tmp_path, HF_HOME=str(tmp_path / "hub")).splitlines()
    assert len(said) == 1
    assert said[0].startswith("nmt: error: hf:no/such is not in the cache (")
    assert "the Hugging Face hub cannot be reached; connect this machine, or" in said[0]


# --- a hub of our own


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as `datasets` asks for."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        file = path.removeprefix("/datasets/me/pairs/resolve/").partition("/")[2]
        if path.startswith("/datasets/me/pairs/resolve/"):
            content = self.files.get(file)
            self._answer(404 if content is None else 200, content or b"", "EntryNotFound")
        elif path.startswith("/api/datasets/me/pairs/tree/"):
            self._answer(200, json.dumps(self._listing(path.partition("/tree/")[2].partition("/")[2])).encode())
        elif path.startswith("/api/datasets/me/pairs"):
            names = [{"rfilename": name} for name in self.files]
            self._answer(200, json.dumps({"id": "me/pairs", "sha": "a" * 40, "siblings": names, "tags": []}).encode())
        else:
            self._answer(404, b"", "RepoNotFound")

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        pass

    def _listing(self, folder: str) -> list[dict[str, object]]:
        rows: dict[str, dict[str, object]] = {}
        start = f"{folder}/" if folder else ""
        for name, content in self.files.items():
            if name.startswith(start):
                head, deeper, _ = name[len(start) :].partition("/")
                kind = {"type": "directory", "size": 0} if deeper else {"type": "file", "size": len(content)}
                rows[head] = {**kind, "oid": "0" * 40, "path": start + head}
        return list(rows.values())

    def _answer(self, status: int, content: bytes, error: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        if status == 404:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[http.server.ThreadingHTTPServer, str]]:
    table = _parquet(tmp_path / "made" / "x.parquet", translation=_rows(SMALL)).read_bytes()
    card = "---\nconfigs:\n- config_name: en-ja\n  data_files:\n  - split: train\n    path: en-ja/train-*\n---\n"
    _Hub.files = {"README.md": card.encode(), "en-ja/train-00000.parquet": table}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_a_data_set_comes_from_the_hub_and_then_from_the_cache(
    hub: tuple[http.server.ThreadingHTTPServer, str], tmp_path: Path
) -> None:
    code = """
import sys
from nmt.corpora.corpus import read_corpus
for place in sys.argv[1:]:
    try:
        print(read_corpus(place, "en", "ja"))
    except Exception as error:
        print(type(error).__name__, error)
"""
    home = str(tmp_path / "hub")
    places = ("hf:me/pairs/en-ja", "hf:me/pairs/en-ja:dev", "hf:me/pairs/de-en", "hf:me/nothing")
    said = _python(code, tmp_path, *places, HF_HOME=home, HF_ENDPOINT=hub[1]).splitlines()
    assert said[0] == str(SMALL)
    assert said[1].startswith('CorpusError hf:me/pairs/en-ja:dev cannot be loaded: Unknown split "dev".')
    assert said[2].startswith("CorpusError hf:me/pairs/de-en cannot be loaded: BuilderConfig 'de-en' not found.")
    assert said[3].startswith("CorpusError hf:me/nothing cannot be loaded: Dataset 'me/nothing' doesn't exist")
    for offline in ({"HF_ENDPOINT": "http://nowhere.invalid"}, {"HF_HUB_OFFLINE": "1"}):
        said = _python(code, tmp_path, "hf:me/pairs/en-ja", "hf:me/nothing", HF_HOME=home, **offline).splitlines()
        assert said[0] == str(SMALL)
        assert said[1].startswith("CorpusError hf:me/nothing is not in the cache")


# --- the first pairs only


def test_a_limit_reads_no_further(tmp_path: Path) -> None:
    _write(tmp_path / "c.en", b"a\nb\n\xff\n" + b"x\n" * 20_000)
    _write(tmp_path / "c.ja", "あ\nい\n")
    with pytest.raises(CorpusError, match="not UTF-8"):
        read_corpus(tmp_path / "c", "en", "ja")
    many = Corpus([f"s{n}" for n in range(30_000)], [f"t{n}" for n in range(30_000)])
    path = _parquet(tmp_path / "c.parquet", en=many.sources, ja=many.targets)
    assert read_corpus(path, "en", "ja") == many
    for limit in (1, 9_999, 10_000, 10_001, 29_999, 30_000, 40_000):
        assert read_corpus(path, "en", "ja", limit=limit) == Corpus(many.sources[:limit], many.targets[:limit])
    _write(tmp_path / "d.en", "".join(f"{n}\n" for n in range(15_000)))
    _write(tmp_path / "d.ja", "".join(f"{n}\n" for n in range(16_000)))
    assert len(read_corpus(tmp_path / "d", "en", "ja", limit=9_000)) == 9_000  # the uneven end is not looked at
    with pytest.raises(CorpusError, match=r"d\.en has 15,000 lines and .*d\.ja has 16,000;"):
        read_corpus(tmp_path / "d", "en", "ja")
    for limit in (0, -1):
        with pytest.raises(ConfigError, match="the limit must be at least 1 pair"):
            read_corpus(path, "en", "ja", limit=limit)


# --- what a place tells


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("hf:Helsinki-NLP/opus-100/en-ja:train", ("en", "ja")),
        ("hf:wmt/wmt16/de-en", ("de", "en")),
        ("hf:me/news.en-fr", ("en", "fr")),
        ("hf:bentrevett/multi30k", None),
        ("hf:en-de/x", None),
        ("KDE4.en-ja", ("en", "ja")),
        ("work/train", None),
        ("my-set", None),
        ("work/raw-all", None),
        ("hf:me/my-set", None),
        ("dev-set.en-de", ("en", "de")),
        ("all-new.en-de", ("en", "de")),
        ("en-cy", ("en", "cy")),
    ],
)
def test_languages_told_by_names(place: str, expected: tuple[str, str] | None) -> None:
    assert languages_told(place) == expected


@pytest.mark.parametrize(("name", "line"), [("x.csv", "a" * 140_000 + ",b"), ("x.jsonl", "[" * 200_000)])
def test_a_first_line_that_cannot_be_taken_apart_tells_nothing(name: str, line: str, tmp_path: Path) -> None:
    assert languages_told(str(_write(tmp_path / name, line + "\n"))) is None


def test_languages_of_a_prefix_told_by_its_folder() -> None:
    assert languages_told("corpora/en-it/train") == ("en", "it")
    assert languages_told("corpora/en-it/de-en") == ("de", "en"), "its own name says more"
    assert languages_told("corpora/en-it/train.clean") == ("en", "it")
    assert languages_told("corpora/en-it/train.tmx.gz") is None, "a file of its own, which the folder may only hold"
    assert languages_told("corpora/hi-res/train") is None, "no language is called res"


def test_languages_told_by_columns(tmp_path: Path) -> None:
    assert languages_told(str(_write(tmp_path / "c.tsv.gz", "ja\ten\nx\ty\n"))) == ("ja", "en")
    assert languages_told(str(_write(tmp_path / "c.jsonl.gz", _jsonl(SMALL)))) == ("en", "ja")
    assert languages_told(str(_parquet(tmp_path / "c.parquet", translation=_rows(SMALL)))) == ("en", "ja")
    assert languages_told(str(_parquet(tmp_path / "d.parquet", id=[1], fr=["x"], en=["y"]))) == ("fr", "en")
    (tmp_path / "de-en.csv.gz").write_bytes(b"not gzip")
    assert languages_told(str(tmp_path / "de-en.csv.gz")) == ("de", "en")


# --- nmt data prepare


def _numbers(first: int, last: int) -> Corpus:
    names = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
    pairs = [(f"number {n}", " ".join(names[int(digit)] for digit in str(n))) for n in range(first, last)]
    return Corpus([source for source, _ in pairs], [target for _, target in pairs])


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    """Three corpora: pairs 100 to 199, 150 to 249 and 300 to 399."""
    parts = [_numbers(100, 200), _numbers(150, 250), _numbers(300, 400)]
    _write(tmp_path / "c.en", "".join(f"{text}\n" for text in parts[0].sources))
    _write(tmp_path / "c.de", "".join(f"{text}\n" for text in parts[0].targets))
    rows = [{"de": target, "en": source} for source, target in zip(parts[1].sources, parts[1].targets, strict=True)]
    _write(tmp_path / "c.jsonl.gz", "".join(json.dumps(row) + "\n" for row in rows))
    _parquet(tmp_path / "c.parquet", en=parts[2].sources, de=parts[2].targets)
    return [str(tmp_path / name) for name in ("c.parquet", "c", "c.jsonl.gz")]


def test_prepare_takes_several_corpora(inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "prepare", *inputs, "--dev-size", "9", "--test-size", "9", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "out: en→de, train 232, dev 9, test 9 pairs" in capsys.readouterr().out  # of 250 different ones
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (report["read_from"], report["limit"], report["seed"]) == (inputs, None, 1)
    assert (report["read"], report["kept"]) == (300, 250)

    assert main([*words, "--limit", "60", "--seed", "7"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (report["limit"], report["seed"], report["read"], report["kept"]) == (60, 7, 180, 170)
    train = read_corpus(tmp_path / "out" / "train", "en", "de")
    assert "number 170" in train.sources and "number 215" not in train.sources


def test_what_others_hold_out_is_left_out(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["data", "prepare", inputs[2], "--dev-size", "20", "--test-size", "9", "--out", str(tmp_path / "a")]) == 0
    )
    words = ["--source-language", "en", "--target-language", "de", "--out", str(tmp_path / "b"), "--dev-size", "1"]
    words += [word for part in ("dev", "test") for word in ("--apart-from", str(tmp_path / "a" / part))]
    assert main(["data", "prepare", inputs[1], *words]) == 0
    held = {text for part in ("dev", "test") for text in read_corpus(tmp_path / "a" / part, "en", "de").sources}
    common = held & set(_numbers(100, 200).sources)
    assert common and not held & set(read_corpus(tmp_path / "b" / "train", "en", "de").sources)
    assert re.search(rf"held out +{len(common)} ", capsys.readouterr().out)


def test_another_seed_sets_other_pairs_apart(inputs: list[str], tmp_path: Path) -> None:
    chosen = []
    for seed in ([], ["--seed", "1"], ["--seed", "2"]):
        assert main(["data", "prepare", inputs[0], "--out", str(tmp_path / "out"), *seed]) == 0
        chosen.append((tmp_path / "out" / "dev.en").read_text(encoding="utf-8"))
    assert chosen[0] == chosen[1] != chosen[2]


def test_prepare_takes_several_pairs_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "prepare", "--out", str(tmp_path / "out")]
    for name, part in (("a", _numbers(100, 150)), ("b", _numbers(200, 250))):
        for flag, code, texts in (("--source", "en", part.sources), ("--target", "de", part.targets)):
            words += [flag, str(_write(tmp_path / f"{name}.{code}.gz", "".join(f"{text}\n" for text in texts)))]
    assert main(words) == 0
    assert "train 90, dev 5, test 5 pairs" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["read_from"] == [f"{tmp_path / name}.en.gz and {tmp_path / name}.de.gz" for name in "ab"]


def test_corpora_of_other_languages_are_not_mixed(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        assert main(["data", "prepare", *words, "--out", str(tmp_path / "out")]) == 1
        return capsys.readouterr().err

    other = str(_parquet(tmp_path / "d.parquet", en=["a"], fr=["b"]))
    assert "d.parquet seems to be en-fr, but" in said(inputs[0], other)
    turned = str(_write(tmp_path / "x.de-en.tsv", "eins\tone\n"))  # the columns are not named, so their order counts
    assert "x.de-en.tsv seems to be de-en, but" in said(inputs[0], turned)
    assert "cannot tell the languages" in said(inputs[1])
    for missing in ("missing.parquet", "nosuch/prefix", str(tmp_path / "nothing")):
        assert f"no such file: {missing}" in said(missing)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "a.en", "--source", "b.en", "--target", "a.de"], "equally often"),
        (["a.tsv", "--limit", "0"], "--limit must be at least 1"),
        (["a.tsv", "--seed", "x"], "invalid int value"),
    ],
)
def test_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["data", "prepare", "--out", "o", *words])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en-US"><seg>Click <bpt i="1">&lt;b&gt;</bpt><hi>Save</hi><ept i="1">&lt;/b&gt;</ept> now
 &amp; <ph><sub>x</sub></ph>wait.</seg></tuv>
 <tuv xml:lang="IT_it"><seg>Fai clic su Salva
   e aspetta.</seg></tuv><tuv xml:lang="fr"><seg>Cliquez.</seg></tuv></tu>
<tu><tuv lang="en-GB"><seg>Colour</seg></tuv><tuv lang="en"><seg>Color</seg></tuv><tuv lang="it"><seg/></tuv></tu>
<tu><tuv xml:lang="en"><seg>Only English</seg></tuv></tu>
</body></tmx>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["memory.tmx", "memory.tmx.gz"])
def test_a_translation_memory_is_read(tmp_path: Path, name: str, encoding: str) -> None:
    file = _write(tmp_path / name, TMX.replace("UTF-8", encoding).encode(encoding))
    found = read_corpus(file, "en", "it")
    assert found == Corpus(["Click Save now & wait.", "Color"], ["Fai clic su Salva e aspetta.", ""])
    assert read_corpus(file, "fr", "en-US") == Corpus(["Cliquez."], ["Click Save now & wait."])
    assert read_corpus(file, "it-IT", "en-GB") == Corpus([""], ["Colour"])
    assert languages_told(str(file)) is None, "of three languages two must be said"


def test_a_memory_is_prepared(tmp_path: Path) -> None:
    rows = [
        line.split("\t") for line in (ROOT / "data/number-book.tsv").read_text(encoding="utf-8").splitlines()[1:400]
    ]
    unit = '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>{}</seg></tuv></tu>'
    body = "".join(unit.format(row[0], row[1]) for row in rows)
    file = _write(tmp_path / "m.tmx", f"<tmx><body>{body}</body></tmx>")
    assert main(["data", "prepare", str(file), "--out", str(tmp_path / "out")]) == 0
    found = read_corpus(tmp_path / "out" / "train", "en", "de")
    assert len(found) > 300 and set(zip(found.sources, found.targets, strict=True)) <= {tuple(row[:2]) for row in rows}


def test_a_memory_of_two_languages_tells_them_and_may_be_long(tmp_path: Path) -> None:
    unit = '<tu><tuv xml:lang="en-US"><seg>a {0}</seg></tuv><tuv xml:lang="de-AT"><seg>ein {0}</seg></tuv></tu>'
    body = "".join(unit.format(k) for k in range(25_000))
    file = _write(tmp_path / "m.tmx", f"<tmx><body>{body}</body></tmx>")
    assert languages_told(str(file)) == ("en", "de")
    found = read_corpus(file, "de", "en")
    assert len(found) == 25_000 and (found.sources[-1], found.targets[-1]) == ("ein 24999", "a 24999")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as TMX: no element found"),
        ("<tmx><body><tu>", "cannot be read as TMX: no element found: line 1"),
        ("<html></html>", "begins with <html> instead of <tmx>"),
        ("<tmx><body/></tmx>", "has no unit in en and it; it has no units"),
        (TMX.replace("IT_it", "es").replace('"it"', '"es"'), "its languages are en-US, es, fr, en-GB, en"),
    ],
)
def test_what_is_no_memory_of_both_languages_is_said(content: str, said: str, tmp_path: Path) -> None:
    file = _write(tmp_path / "m.tmx", content)
    with pytest.raises(CorpusError, match=re.escape(said)):
        read_corpus(file, "en", "it")
    with pytest.raises(CorpusError, match="no such file"):
        read_corpus(tmp_path / "none.tmx", "en", "it")
    with pytest.raises(CorpusError, match="cannot be unpacked"):
        (tmp_path / "bad.tmx.gz").write_bytes(b"no gzip")
        read_corpus(tmp_path / "bad.tmx.gz", "en", "it")


def test_the_number_book_is_what_its_script_writes_and_keeps_every_number():
    found = subprocess.run(
        [sys.executable, "data/number_book.py"], cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
    )
    text = (ROOT / "data/number-book.tsv").read_text(encoding="utf-8")
    assert found.stdout == text
    heads, *rows = [line.split("\t") for line in text.splitlines()]
    assert heads == ["en", "de", "es", "fr", "it", "ja"] and len({row[0] for row in rows}) == len(rows) > 2_500
    months = {name: str(k) for k, name in enumerate(calendar.month_name) if name}
    for english, *others in rows:
        assert all(cell == cell.strip() != "" and "{" not in cell for cell in others), english
        for code, other in zip(heads[1:], others, strict=True):
            said = re.sub("|".join(months), lambda match: months[match[0]], english) if code == "ja" else english
            assert sorted(plain_digits(said)) == sorted(plain_digits(other)), (english, other)
            assert all(span.text in other for span in shield(english).spans), (english, other)


def test_the_phrase_book_has_every_language_on_every_line_and_nothing_twice():
    lines = [line.split("\t") for line in (ROOT / "data/phrase-book.tsv").read_text(encoding="utf-8").splitlines()]
    judged = (ROOT / "data/everyday/en.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == ["en", "de", "es", "fr", "it", "ja"] and len(lines) > 3_000
    assert all(len(cells) == 6 and all(cell == cell.strip() != "" for cell in cells) for cells in lines)
    english = [cells[0] for cells in lines[1:]]
    assert len(set(english)) == len(english) and not set(english) & set(judged)
    found = read_corpus(ROOT / "data/phrase-book.tsv", "en", "fr")
    assert dict(zip(found.sources, found.targets, strict=True))["Good morning!"] == "Bonjour !"
    for k, code in enumerate(lines[0]):
        texts = [cells[k] for cells in lines[1:]]
        assert sum(looks_like(text, code) for text in texts) > 0.9 * len(texts), code
