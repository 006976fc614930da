"""The command line, with a translator that only changes case, so that every other byte can be checked."""

import argparse
import contextlib
import dataclasses
import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import BundleError, NmtError, SearchConfig, __version__, bundle
from nmt.cli import build_parser, main
from nmt.commands import data, lines, translate
from nmt.commands import jobs as command_jobs
from nmt.config import Term, TranslationOptions
from nmt.jobs import chunks
from nmt.jobs.workers import InProcess


@dataclasses.dataclass(frozen=True)
class FakeAlternative:
    text: str
    score: float


@dataclasses.dataclass(frozen=True)
class FakeSentence:
    source: str
    alternatives: tuple[FakeAlternative, ...]


@dataclasses.dataclass(frozen=True)
class FakeTranslation:
    source: str
    text: str
    sentences: tuple[FakeSentence, ...] = ()
    score: float = -0.5


class FakeTranslator:
    """Upper-cases; breaks a line where the source says BREAK, fails where it says FAIL; remembers its calls."""

    info = types.SimpleNamespace(name="fake", target_language="ja")
    loads: ClassVar[list[tuple[str, str, int]]] = []
    calls: ClassVar[list[tuple[int, SearchConfig | None]]] = []
    options: ClassVar[list[TranslationOptions | None]] = []

    @classmethod
    def load(cls, name_or_folder: str | Path, *, engine: str = "auto", num_threads: int = 0) -> "FakeTranslator":
        if str(name_or_folder) == "missing":
            raise BundleError('no model "missing";\n installed: fake')
        cls.loads.append((str(name_or_folder), engine, num_threads))
        return cls()

    def translate(self, text: str, config: SearchConfig | None, options: TranslationOptions) -> FakeTranslation:
        count = config.num_alternatives if config else 1
        choices = tuple(FakeAlternative(f"{text.upper()} {n}", -n / 2) for n in range(count))
        self.calls.append((1, config))
        return FakeTranslation(text, text.upper(), (FakeSentence(text, choices),))

    def translate_batch(
        self, texts: Sequence[str], config: SearchConfig | None = None, options: TranslationOptions | None = None
    ) -> list[FakeTranslation]:
        self.calls.append((len(texts), config))
        self.options.append(options)
        if "FAIL" in texts:
            raise NmtError("the model failed")
        return [FakeTranslation(text, "a\nb\r" if text == "BREAK" else text.swapcase()) for text in texts]


OWN_SEARCH = SearchConfig(beam_size=4, length_penalty=0.7, num_alternatives=2)


NMT = (  # a program
    "import sys, types; import test_cli; module = types.ModuleType('nmt.translator');"
    "module.Translator = test_cli.FakeTranslator; sys.modules['nmt.translator'] = module;"
    "from nmt import bundle; bundle.find = test_cli.Path; bundle.read_config = lambda _: test_cli.CONFIG;"
    "from nmt.cli import main; sys.stderr and print('ready', file=sys.stderr, flush=True); sys.exit(main())"
)


CONFIG = types.SimpleNamespace(search=OWN_SEARCH, source_language="en", target_language="ja", sha256={})


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "find", Path)
    monkeypatch.setattr(bundle, "read_config", lambda _: CONFIG)
    module = types.ModuleType("nmt.translator")
    vars(module)["Translator"] = FakeTranslator
    monkeypatch.setitem(sys.modules, "nmt.translator", module)
    FakeTranslator.loads.clear()
    FakeTranslator.calls.clear()


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("nmt: error: ") and written.err.count("\n") == 1
    return written.err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option, expected in (("--version", f"nmt {__version__}\n"), ("--help", "translate text, files")):
        with pytest.raises(SystemExit) as stop:
            main([option])
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice"),
        (["data"], "required"),
        (["data", "prepare", "--out", "o"], "give a table"),
        (["data", "prepare", "--out", "o", "--source", "a.en"], "both --source and --target"),
        (["data", "prepare", "--out", "o", "--source", "a.en", "--target", "a.ja", "t.tsv"], "not both"),
        (["data", "prepare", "--out", "o", "--source", "a.en", "--target", "a.ja", "--source-column", "x"], "a table"),
        (["translate"], "--model"),
        (["translate", "--mod", "fake", "--text", "x"], "--model"),
        (["translate", "--model", "fake", "--text", "x", "file"], "not both"),
        (["translate", "--model", "fake", "-", "file"], "cannot be mixed"),
        (["translate", "--model", "fake", "file", "--alternatives", "3"], "--text"),
        (["translate", "--model", "fake", "--text", "\udcff"], "not UTF-8"),
        (["translate", "--model", "fake", "--out", "."], "is a folder"),
        (["translate", "--model", "fake", "--column", "x"], "go with files"),
        (["translate", "--model", "fake", "--unwrap", "--text", "x"], "go with files"),
        (["translate", "--model", "fake", "--scores", "s", "--text", "x"], "--scores go with files"),
        (["translate", "--model", "fake", "--workers", "0", "x"], "number of processes, or ray"),
        (["translate", "--model", "fake", "--workers", "many", "x"], "number of processes, or ray"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err
    assert FakeTranslator.loads == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["translate", "--model", "fake", "--output", "o"],
            "nmt translate: error: unknown option --output; did you mean --out? (nmt translate --help lists",
        ),
        (["translate", "--model", "fake", "--beamsize=3"], "unknown option --beamsize; did you mean --beam-size?"),
        (["train", "a.toml", "--quickly"], "nmt train: error: unknown option --quickly (nmt train --help"),
        (["train", "a.toml", "b.toml"], 'nmt train: error: "b.toml" is one argument too many'),
        (
            ["data", "prepare", "t.tsv", "--out", "o", "--dev-sise", "3"],
            "nmt data prepare: error: unknown option --dev-sise; did you mean --dev-size? (nmt data prepare --help",
        ),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    feed(monkeypatch, b"typed\n")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    with pytest.raises(SystemExit) as stop:
        main(["translate", "--model", "fake"])
    assert stop.value.code == 2
    assert "nothing to translate" in capsys.readouterr().err
    assert main(["translate", "--model", "fake", "-"]) == 0
    assert capsys.readouterr().out == "TYPED\n"


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "--model", "fake", "--text", "Good morning, José!"]) == 0
    assert capsys.readouterr().out == "GOOD MORNING, JOSÉ!\n"


def test_alternatives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "--model", "fake", "--text", "Yes.", "--alternatives", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == ["Yes.", "   0.000  YES. 0", "  -0.500  YES. 1"]


def test_options_reach_the_translator() -> None:
    arguments = "translate --model en-xx --text x --engine keras --threads 3 --beam-size 8 --length-penalty 0.5"
    assert main(arguments.split()) == 0
    assert main(["translate", "--model", "en-xx", "--text", "x"]) == 0
    assert main(["translate", "--model", "en-xx", "--text", "x", "--alternatives", "9"]) == 0
    assert FakeTranslator.loads == [("en-xx", "keras", 3), ("en-xx", "auto", 0), ("en-xx", "auto", 0)]
    assert [config for _, config in FakeTranslator.calls] == [
        SearchConfig(beam_size=8, length_penalty=0.5),
        None,
        SearchConfig(beam_size=9, length_penalty=0.7, num_alternatives=9),
    ]


def test_options_start_from_the_search_of_the_model() -> None:
    for options, expected in (
        (["--length-penalty", "0.2"], SearchConfig(beam_size=4, length_penalty=0.2)),
        (["--beam-size", "1"], SearchConfig(beam_size=1, length_penalty=0.7)),
        (["--alternatives", "3"], SearchConfig(beam_size=4, length_penalty=0.7, num_alternatives=3)),
    ):
        assert main(["translate", "--model", "en-xx", "--text", "x", *options]) == 0
        assert FakeTranslator.calls[-1] == (1, expected)


def test_engines_are_those_that_can_be_loaded() -> None:
    assert importlib.import_module("nmt.translating.loading").ENGINES == translate.ENGINES


def test_impossible_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "--model", "fake", "--text", "x", "--beam-size", "0"]) == 1
    assert "beam_size must be at least 1" in error_line(capsys)


@pytest.mark.parametrize(
    ("given_bytes", "expected"),
    [
        (b"", b""),
        (b"one", b"ONE"),
        (b"\n", b"\n"),
        (b"one\r\n\r\ntwo\n  \nthree", b"ONE\r\n\r\nTWO\n  \nTHREE"),
        (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n", b"\xef\xbb\xbfONE\n\xef\xbb\xbfTWO\n"),
        ("a\u2028b\x0bc\x85d\re\n".encode(), "A\u2028B\x0bC\x85D\rE\n".encode()),
        (b"x\nBREAK\ny\n", b"X\na b \nY\n"),
    ],
)
def test_standard_input_keeps_its_lines(
    given_bytes: bytes, expected: bytes, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    for files in ([], ["-"]):
        feed(monkeypatch, given_bytes)
        assert main(["translate", "--model", "fake", *files]) == 0
        assert capsysbinary.readouterr().out == expected


@given(
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["\n", "\r\n"]))), st.text()
)
def test_lines_are_parted_and_joined_exactly(pairs: list[tuple[str, str]], last: str) -> None:
    content = "".join(text + end for text, end in pairs).encode() + last.encode("utf-8", "ignore")
    found = list(lines.read_lines(io.BytesIO(content), "it"))
    assert "".join(line.before + line.text + line.after for line in found).encode() == content
    assert len(found) == content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert not any("\n" in line.text for line in found)
    out = io.BytesIO()
    workers = InProcess(FakeTranslator(), None)  # type: ignore[arg-type]
    command_jobs.translate_stream(workers, io.BytesIO(content), "it", out, None, None)
    assert out.getvalue().count(b"\n") == content.count(b"\n")
    assert [line.after for line in lines.read_lines(io.BytesIO(out.getvalue()), "out")] == [
        line.after for line in found
    ]


def test_input_is_streamed_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_TEXTS", 100)
    out = io.BytesIO()
    written_when_read = []

    class Watched(io.BytesIO):
        def __next__(self) -> bytes:
            written_when_read.append(out.getvalue().count(b"\n"))
            return super().__next__()

    workers = InProcess(FakeTranslator(), None)  # type: ignore[arg-type]
    source = Watched(b"".join(b"line %d\n" % (k - k % 2) for k in range(250)))
    assert command_jobs.translate_stream(workers, source, "it", out, None, None) == 250
    assert [size for size, _ in FakeTranslator.calls] == [50, 50, 25], "what comes twice is translated once"
    assert out.getvalue() == source.getvalue().swapcase()
    assert max(number - done for number, done in enumerate(written_when_read)) == 99


def test_who_interrupts_files_learns_how_they_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "a.txt").write_text("one\n", encoding="utf-8")
    monkeypatch.setattr(command_jobs.jobs, "translate_files", interrupted)
    assert main(["translate", "--model", "fake", str(tmp_path / "a.txt")]) == 130
    said = "nmt: error: interrupted; the same command goes on where this one stopped"
    assert capsys.readouterr().err.splitlines()[-1] == said


def test_files_are_written_beside_their_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    novel, notes = tmp_path / "novel.txt", tmp_path / "notes.draft.md"
    novel.write_bytes(b"one\r\ntwo")
    notes.write_bytes(b"three\n")
    assert main(["translate", "--model", "fake", str(novel), str(notes)]) == 0
    written = capsys.readouterr()
    assert written.out == ""
    assert "novel.ja.txt (2 texts" in written.err
    assert (tmp_path / "novel.ja.txt").read_bytes() == b"ONE\r\nTWO"
    assert (tmp_path / "notes.draft.ja.md").read_bytes() == b"THREE\n"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("option", "said"),
    [("--column", "--column goes with csv, parquet, tsv, not with txt"), ("--field", "--field goes with json, jsonl")],
)
def test_an_option_that_no_file_has_a_use_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    novel, table = tmp_path / "novel.txt", tmp_path / "t.csv"
    novel.write_text("one\n", encoding="utf-8")
    table.write_text("text\ntwo\n", encoding="utf-8")
    assert main(["translate", "--model", "fake", str(novel), option, "text"]) == 1
    assert said in capsys.readouterr().err and not (tmp_path / "novel.ja.txt").exists()
    assert main(["translate", "--model", "fake", str(novel), str(table), "--column", "text"]) == 0
    assert (tmp_path / "novel.ja.txt").exists() and (tmp_path / "t.ja.csv").exists()
    assert main(["translate", "--model", "fake", str(table), "--column", "text", "--unwrap"]) == 1
    assert "--unwrap goes with txt, not with csv" in capsys.readouterr().err


def test_out_names_a_file_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    novel = tmp_path / "novel.txt"
    novel.write_bytes(b"one\n")
    (tmp_path / "there").mkdir()
    for out, expected in (
        ("named.txt", "named.txt"),
        ("there", "there/novel.ja.txt"),
        ("new/", "new/novel.ja.txt"),
    ):
        assert main(["translate", "--model", "fake", str(novel), "--out", f"{tmp_path}/{out}"]) == 0
        assert (tmp_path / expected).read_bytes() == b"ONE\n"
    (tmp_path / "other.txt").write_bytes(b"two\n")
    both = [str(novel), str(tmp_path / "other.txt")]
    assert main(["translate", "--model", "fake", *both, "--out", str(tmp_path / "both")]) == 0
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["novel.ja.txt", "other.ja.txt"]
    feed(monkeypatch, b"three\n")
    assert main(["translate", "--model", "fake", "--out", str(tmp_path / "piped.txt")]) == 0
    assert (tmp_path / "piped.txt").read_bytes() == b"THREE\n"
    assert main(["translate", "--model", "fake", "--text", "four", "--out", str(tmp_path / "text.txt")]) == 0
    assert (tmp_path / "text.txt").read_bytes() == b"FOUR\n"


def test_outputs_that_would_collide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_bytes(b"one\n")
    same_names = [str(tmp_path / folder / "x.txt") for folder in "ab"]
    assert main(["translate", "--model", "fake", *same_names, "--out", str(tmp_path / "c")]) == 1
    assert "would both be written" in error_line(capsys)
    assert main(["translate", "--model", "fake", same_names[0], "--out", same_names[0]]) == 1
    assert "would be overwritten" in error_line(capsys)
    (tmp_path / "a" / "x.ja.txt").write_bytes(b"an input\n")
    assert main(["translate", "--model", "fake", same_names[0], str(tmp_path / "a" / "x.ja.txt")]) == 1
    assert "would be overwritten" in error_line(capsys)
    assert FakeTranslator.calls == []
    assert Path(same_names[0]).read_bytes() == b"one\n"


@pytest.mark.parametrize("output", ["--out", "--report", "--scores"])
@pytest.mark.parametrize("helper", ["--glossary", "--keep"])
@pytest.mark.parametrize("kind", ["file", "input", "text"])
def test_what_is_read_is_not_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    helper: str,
    kind: str,
) -> None:
    if kind == "text" and output != "--out":
        return
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_bytes(b"one\n")
    Path("helper").write_bytes(b"a\tb\n")
    Path("link").symlink_to("helper")
    feed(monkeypatch, b"one\n")
    what = {"file": ["in.txt"], "input": [], "text": ["--text", "one"]}[kind]
    for name in ("helper", "./helper", "link"):
        assert main(["translate", "--model", "fake", *what, helper, "helper", output, name]) == 1
        assert "is read as well and would be replaced; choose another name" in error_line(capsys)
    assert Path("helper").read_bytes() == b"a\tb\n" and FakeTranslator.calls == []


def test_standard_input_is_not_written(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    for option in ("--out", "--report", "--scores"):
        source.write_bytes(b"one\n")
        with (
            source.open("rb") as stream,
            start_process("translate", "--model", "fake", option, str(source), stdin=stream) as process,
        ):
            assert process.stderr and b"is read as well" in process.stderr.read()
        assert process.returncode == 1 and source.read_bytes() == b"one\n"


def test_two_outputs_have_two_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_bytes(b"one\n")
    for what in ([], ["in.txt"]):
        feed(monkeypatch, b"one\n")
        assert main(["translate", "--model", "fake", *what, "--report", "x", "--scores", "./x"]) == 1
        assert "--report and --scores are both x; give each a name of its own" in error_line(capsys)
        assert main(["translate", "--model", "fake", *what, "--out", "x", "--scores", "x"]) == 1
        assert "are both x" in error_line(capsys)
        assert main(["translate", "--model", "fake", *what, "--scores", "."]) == 1
        assert ". is a folder; --scores needs the name of a file" in error_line(capsys)
        feed(monkeypatch, b"one\n")
    assert not Path("x").exists() and FakeTranslator.calls == []


def test_a_link_to_another_input_is_translated_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert main(["translate", "--model", "fake", str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]) == 0
    assert [(tmp_path / f"{name}.ja.txt").read_bytes() for name in "ab"] == [b"ONE\n"] * 2


def test_standard_output_by_its_name_goes_behind_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"one\n")
    (tmp_path / "all.txt").write_bytes(b"before\n")
    for mode, expected in (("ab", b"before\nONE\n"), ("wb", b"ONE\n")):
        with (
            (tmp_path / "all.txt").open(mode) as stream,
            start_process(
                "translate", "--model", "fake", str(tmp_path / "in.txt"), "--out", "/dev/stdout", stdout=stream
            ) as process,
        ):
            assert process.stderr and b"wrote /dev/stdout" in process.stderr.read()
            assert process.wait() == 0
            os.write(stream.fileno(), b"after\n")
        assert (tmp_path / "all.txt").read_bytes() == expected + b"after\n"
    with start_process("translate", "--model", "fake", str(tmp_path / "in.txt"), "--out", "/dev/fd/1") as process:
        assert process.stdout and process.stdout.read() == b"ONE\n"
    assert process.returncode == 0 and {path.name for path in tmp_path.iterdir()} == {"in.txt", "all.txt"}


def test_out_minus_is_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    feed(monkeypatch, b"one\n")
    assert main(["translate", "--model", "fake", "--out", "-"]) == 0
    assert capsys.readouterr().out == "ONE\n" and not list(tmp_path.iterdir())
    with pytest.raises(SystemExit, match="2"):
        main(["translate", "--model", "fake", "in.txt", "--out", "-"])
    assert "--out - is standard output" in capsys.readouterr().err


def test_a_file_that_is_replaced_leaves_its_permissions(tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes(b"one\n")
    target.write_bytes(b"old\n")
    target.chmod(0o600)
    assert main(["translate", "--model", "fake", str(source), "--out", str(target)]) == 0
    assert target.read_bytes() == b"ONE\n" and target.stat().st_mode & 0o777 == 0o600


def test_a_link_that_leads_to_itself_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "in.txt").write_bytes(b"one\n")
    assert main(["translate", "--model", "fake", str(tmp_path / "in.txt"), "--out", str(tmp_path / "loop")]) == 0
    assert not (tmp_path / "loop").is_symlink() and (tmp_path / "loop").read_bytes() == b"ONE\n"


@pytest.mark.parametrize("closed", [1, 2])
def test_streams_that_are_closed(tmp_path: Path, closed: int) -> None:
    (tmp_path / "in.txt").write_bytes(b"one\n")
    script = f"import os, sys; os.close({closed}); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", script, "-c", NMT, "translate", "--model", "fake", *arguments]
        return subprocess.run(command, input=b"one\n", capture_output=True, cwd=Path(__file__).parent, check=False)

    done = run(str(tmp_path / "in.txt"))
    assert done.returncode == 0 and (tmp_path / "in.ja.txt").read_bytes() == b"ONE\n"
    assert b"Traceback" not in done.stderr and done.stdout == b""
    done = run(str(tmp_path / "nowhere.txt"))
    assert done.returncode == 1 and done.stdout == b"", "an error is not put into the output"
    done = run()
    if closed == 1:
        assert done.returncode == 1 and done.stderr.endswith(
            b"error: standard output is closed; name a file with --out\n"
        )
    else:
        assert (done.returncode, done.stdout) == (0, b"ONE\n")


def test_inputs_are_checked_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes("ok\ncafé\n".encode("latin-1"))
    for name, reason in (
        (tmp_path / "nowhere.txt", "nowhere.txt does not exist"),
        (tmp_path, "is a folder"),
        (bad, "bad.txt, line 2: byte 0xe9 is not UTF-8"),
        (Path(os.devnull), "not a regular file"),
    ):
        assert main(["translate", "--model", "fake", str(name)]) == 1
        assert reason in error_line(capsys)
    assert FakeTranslator.loads == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.txt"]


def test_the_other_files_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    (tmp_path / "good.txt").write_bytes(b"one\n")
    names = [str(tmp_path / name) for name in ("bad.txt", "nowhere.txt", "good.txt")]
    assert main(["translate", "--model", "fake", *names]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.startswith("nmt: error: ") for line in told] == [True, True, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.txt", "good.ja.txt", "good.txt"]


def test_a_file_named_twice_is_translated_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n")
    assert main(["translate", "--model", "fake", str(tmp_path / "a.txt"), str(tmp_path / "." / "a.txt")]) == 0
    assert capsys.readouterr().err.count("wrote") == 1
    assert (tmp_path / "a.ja.txt").read_bytes() == b"ONE\n"


def test_a_bad_line_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed(monkeypatch, b"one\ntwo\n\xff\xfe\nthree\n")
    assert main(["translate", "--model", "fake"]) == 1
    written = capsys.readouterr()
    assert written.out == "ONE\nTWO\n", "what came before it is not lost"
    assert "standard input, line 3: byte 0xff at position 1 is not UTF-8" in written.err
    assert written.err.endswith("; the 2 lines before it are translated\n") and written.err.count("\n") == 1
    feed(monkeypatch, b"one\n\xff\n")
    assert main(["translate", "--model", "fake", "--out", str(tmp_path / "out.txt")]) == 1
    assert "translated" not in error_line(capsys) and not list(tmp_path.iterdir()), "no half file"


def test_a_failure_leaves_no_half_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_TEXTS", 3)
    source, earlier = tmp_path / "in.txt", tmp_path / "in.ja.txt"
    source.write_bytes(b"line\n" * 3 + b"FAIL\n")
    earlier.write_bytes(b"from before\n")
    assert main(["translate", "--model", "fake", str(source)]) == 1
    assert "the model failed" in error_line(capsys)
    assert len(FakeTranslator.calls) == 2
    assert earlier.read_bytes() == b"from before\n"
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {"in.ja.txt", "in.txt"}


def test_glossary_and_words_to_keep_reach_the_translator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "terms.tsv").write_bytes(b"bank\tBank\tUfer\n")
    (tmp_path / "keep.txt").write_bytes(b"\xef\xbb\xbfAcme Corp\r\n\n Foo \nFoo\n")
    options = ["--model", "fake", "--glossary", str(tmp_path / "terms.tsv"), "--keep", str(tmp_path / "keep.txt")]
    feed(monkeypatch, b"one\n")
    assert main(["translate", *options]) == 0
    expected = TranslationOptions(do_not_translate=("Acme Corp", "Foo"), glossary=(Term("bank", ("Bank", "Ufer")),))
    assert FakeTranslator.options[-1] == expected
    capsys.readouterr()
    for option, reason in (("--glossary", "cannot read the glossary"), ("--keep", "No such file")):
        assert main(["translate", "--model", "fake", "--text", "x", option, str(tmp_path / "nowhere")]) == 1
        assert reason in error_line(capsys)


def test_report_and_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n\ntwo\n")
    scores, report = tmp_path / "scores.jsonl", tmp_path / "report.jsonl"
    options = ["--model", "fake", "--scores", str(scores), "--report", str(report)]
    assert main(["translate", str(tmp_path / "a.txt"), *options]) == 0
    assert [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()] == [
        {"file": str(tmp_path / "a.txt"), "text": 1, "score": -0.5, "source": "one", "translation": "ONE"},
        {"file": str(tmp_path / "a.txt"), "text": 2, "score": -0.5, "source": "two", "translation": "TWO"},
    ]
    assert report.read_bytes() == b""
    feed(monkeypatch, b"three\n")
    assert main(["translate", *options]) == 0
    assert capsys.readouterr().out == "THREE\n"
    assert json.loads(scores.read_text(encoding="utf-8"))["file"] == "standard input"
    for taken, reason in (("a.txt", "choose another name"), ("a.ja.txt", "give each a name of its own")):
        assert main(["translate", str(tmp_path / "a.txt"), "--model", "fake", "--report", str(tmp_path / taken)]) == 1
        assert reason in error_line(capsys)


def test_progress_is_for_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_TEXTS", 10)
    (tmp_path / "a.txt").write_bytes(b"".join(b"word %d\n" % k for k in range(100)))
    assert main(["translate", "--model", "fake", str(tmp_path / "a.txt")]) == 0
    assert "words/s" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["translate", "--model", "fake", str(tmp_path / "a.txt")]) == 0
    shown = capsys.readouterr().err.split("\r")
    assert any(re.fullmatch(r" 50%  100 of 200 words  [\d,]+ words/s  0:00 left", line) for line in shown), shown
    assert any(line.startswith("wrote") for line in shown)
    feed(monkeypatch, b"line\n" * 20)
    assert main(["translate", "--model", "fake"]) == 0
    assert re.search(r"standard input: 20 lines  [\d,]+ words/s", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (NmtError("two\n  lines"), 1, "two lines"),
        (OSError(28, "No space left on device", "out.txt"), 1, "out.txt: No space left on device"),
        (OSError("bare"), 1, "bare"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ModuleNotFoundError("No module named 'keras'", name="keras"), 1, "pip install '.[train]'"),
    ],
)
def test_errors_are_one_line(
    error: BaseException,
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FakeTranslator, "load", fail)
    assert main(["translate", "--model", "fake", "--text", "x"]) == status
    assert message in error_line(capsys)


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nmt.translator", None)
    with pytest.raises(ModuleNotFoundError, match=r"nmt\.translator"):
        main(["translate", "--model", "fake", "--text", "x"])


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "--model", "missing", "--text", "x"]) == 1
    assert 'no model "missing"; installed: fake' in error_line(capsys)


def test_outputs_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "nowhere" / "out.txt"
    assert main(["translate", "--model", "fake", "--text", "x", "--out", str(out)]) == 1
    assert f"cannot write {out}: No such file or directory" in error_line(capsys)
    assert FakeTranslator.calls == []


def start_process(*arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    """`nmt` as a process of its own, with the translator of this file."""
    return subprocess.Popen(
        [sys.executable, "-c", NMT, *arguments],
        **({"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams),
        cwd=Path(__file__).parent,
        bufsize=0,
    )


def test_a_reader_that_goes_away() -> None:
    with start_process("translate", "--model", "fake") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"line\n" * 100_000)
        message = process.stderr.read().decode()
    assert message == "ready\nnmt: error: the reader of the output closed it\n"
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk() -> None:
    command = [sys.executable, "-m", "nmt", "completion", "bash"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "nmt: error: No space left on device\n")


def test_interrupting() -> None:
    with start_process("translate", "--model", "fake") as process:
        assert process.stdin and process.stderr
        assert process.stderr.readline() == b"ready\n"
        process.stdin.write(b"line\n" * chunks.CHUNK_TEXTS)
        assert process.stdout and process.stdout.readline() == b"LINE\n"
        process.send_signal(signal.SIGINT)
        message = process.stderr.read().decode()
    assert message == "nmt: error: interrupted\n"
    assert process.returncode == 130


def test_models(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    info = types.SimpleNamespace(
        name="en-ja",
        source_language="en",
        target_language="ja",
        size_bytes=9_940_000,
        scores={"BLEU": 23.14, "chrF": 27.0},
        licence="CC BY 2.0 FR",
    )
    module = types.ModuleType("nmt.bundle")
    monkeypatch.setitem(sys.modules, "nmt.bundle", module)
    vars(module)["installed"] = lambda: [info]
    assert main(["models"]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split("  ") == ["en-ja", "en→ja", "9.9 MB", "BLEU 23.1, chrF 27.0", "CC BY 2.0 FR"]
    vars(module)["installed"] = list
    assert main(["models"]) == 0
    assert "No models are installed" in capsys.readouterr().out


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str, int]]:
    calls: list[tuple[str | None, str, int]] = []
    module = types.ModuleType("nmt_ui.app")
    vars(module)["serve"] = lambda model, host, port, config: calls.append((model, host, port))
    monkeypatch.setitem(sys.modules, "nmt_ui.app", module)
    return calls


def test_ui(served: list[tuple[str | None, str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert main(["ui"]) == 0
    monkeypatch.setenv("PORT", "8001")
    assert main(["ui", "--host", "0.0.0.0"]) == 0
    assert main(["ui", "--model", "en-ja", "--port", "9000"]) == 0
    assert served == [(None, "127.0.0.1", 7860), (None, "0.0.0.0", 8001), ("en-ja", "127.0.0.1", 9000)]


@pytest.mark.parametrize(("port", "reason"), [("http", "must be a number"), ("70000", "to 65535"), ("-1", "to 65535")])
def test_ui_with_an_impossible_port(
    port: str,
    reason: str,
    served: list[tuple[str | None, str, int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PORT", port)
    assert main(["ui"]) == 1
    assert reason in error_line(capsys)
    assert served == []


def test_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls = []

    def train(recipe_path: Path, *, output: Path | None = None, progress: bool = True, processes: Any = None) -> Path:
        calls.append((recipe_path, output, processes.count))
        return Path("somewhere")

    module = types.ModuleType("nmt.training.trainer")
    vars(module)["train"] = train
    monkeypatch.setitem(sys.modules, "nmt.training.trainer", module)
    monkeypatch.setattr(bundle, "read_info", lambda _: types.SimpleNamespace(scores={"BLEU": 23.14}))
    assert main(["train", "a.toml"]) == 0
    assert main(["train", "a.toml", "--out", str(tmp_path)]) == 0
    assert calls == [(Path("a.toml"), None, 1), (Path("a.toml"), tmp_path, 1)]
    assert capsys.readouterr().out == "on the test part, BLEU 23.14\nThe model is in somewhere\n" * 2


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    numbers = [
        f"{a} {b}"
        for a in ["alpha", "beta", "gamma", "delta"]
        for b in ["one", "two", "three", "four", "five", "six", "seven"]
    ]
    (tmp_path / "a.en").write_text("".join(f"{text}\n" for text in [*numbers, ""]), encoding="utf-8")
    (tmp_path / "a.de").write_text("".join(f"{text} und\n" for text in [*numbers, "leer"]), encoding="utf-8")
    return ["--source", str(tmp_path / "a.en"), "--target", str(tmp_path / "a.de")]


def test_data_prepare(pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--dev-size", "3", "--test-size", "2"]
    assert main(["data", "prepare", *pair, "--out", str(tmp_path / "out"), *sizes]) == 0
    report = capsys.readouterr().out
    assert report.endswith("out: en→de, train 23, dev 3, test 2 pairs\n")
    assert "empty" in report
    assert {"train.en", "train.de", "dev.en", "test.de"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert len((tmp_path / "out" / "train.en").read_text(encoding="utf-8").splitlines()) == 23


@pytest.mark.parametrize(
    ("name", "first", "options", "expected"),
    [
        ("a.tsv", "en\tja", [], ("en", "ja")),
        ("a.csv", 'id,"fr",note,en', [], ("fr", "en")),
        ("a.jsonl", '{"id": 1, "translation": {"en": "x", "ja": "y"}}', [], ("en", "ja")),
        ("a.jsonl", '{"sv": "x", "en": "y"}', [], ("sv", "en")),
        ("news.en-ja.tsv", "x\ty", [], ("en", "ja")),
        ("de-en.jsonl", "[", [], ("de", "en")),
        ("a.tsv", "x\ty", ["--source-language", "en", "--target-language", "pt-BR"], ("en", "pt-BR")),
        ("en-ja.tsv", "x\ty", ["--target-language", "zh"], ("en", "zh")),
    ],
)
def test_languages_of_a_table(
    name: str, first: str, options: list[str], expected: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(first + "\n", encoding="utf-8")
    words = ["data", "prepare", str(tmp_path / name), "--out", "out", *options]
    assert data._languages(build_parser().parse_args(words)) == expected


def test_languages_that_nothing_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "corpus.tsv").write_text("x\ty\n", encoding="utf-8")
    assert main(["data", "prepare", str(tmp_path / "corpus.tsv"), "--out", str(tmp_path / "out")]) == 1
    assert "add --source-language and --target-language" in error_line(capsys)
    assert main(["data", "prepare", str(tmp_path / "nothing.tsv"), "--out", str(tmp_path / "out")]) == 1
    assert "nothing.tsv: No such file" in error_line(capsys)


def _words(parser: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        found |= {option for option in action.option_strings if option.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            found |= set(action.choices)
            for command in action.choices.values():
                found |= _words(command)
    return found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    expected = _words(build_parser())
    assert {"prepare", "--beam-size", "completion"} <= expected
    assert {word for word in expected if word.removeprefix("--" if shell == "fish" else "") not in script} == set()
    if shutil.which(shell):
        (tmp_path / "script").write_text(script, encoding="utf-8")
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True, timeout=60)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nmt tra", {"translate", "train"}),
        ("nmt data p", {"prepare", "phrases"}),
        ("nmt translate --mo", {"--model"}),
        ("nmt translate --engine k", {"keras"}),
        ("nmt translate nov", {"novel.txt"}),
        ("nmt train rec", {"recipe.toml"}),
        ("nmt completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_completion_in_bash(typed: str, expected: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    for name in ("novel.txt", "recipe.toml"):
        (tmp_path / name).touch()
    ask = f"""
COMP_LINE='{typed}'; COMP_WORDS=({typed}{' ""' if typed.endswith(" ") else ""})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); COMP_POINT=${{#COMP_LINE}}
$(complete -p nmt | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    script = capsys.readouterr().out + ask
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == expected, done.stderr
