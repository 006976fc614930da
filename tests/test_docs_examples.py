"""Every example of the documentation is run: shell and Python, page by page and from top to bottom.

Quick ones in `make test`, long ones in `make test-slow`, made shorter by `SHORTER`. What cannot run is in `NOT_RUN`
with the reason; its options are still those of the command line.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from beside import two_at_a_time

from nmt.cli import build_parser

ROOT = Path(__file__).parent.parent
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "nmt" / "pretrained").glob("*/README.md")),
)
NOT_RUN = (  # of a command: a pattern, and why
    (r"make |\.ci/run", "these run the tests; that the targets exist is checked"),
    (r"pip |python3 -m venv|\. \.venv", "test_package installs; that the extras exist is checked"),
    (r"docker ", "needs a Docker daemon; test_the_wheels_of_the_container_install does what the image does"),
    (r"ray start|RAY_ADDRESS=", "needs several machines; test_cluster runs Ray on this one"),
    (r".*--workers ray", "test_cluster"),
    (r"curl --remote-name|unzip |nmt data prepare TED2020", "needs the network"),
    (r"nmt data prepare hf:", "needs the network; test_corpora reads a hub of its own"),
    (r".*--processes 2", "needs two machines; test_parallel runs two processes on this one"),
    (r".*--processes", "needs several processes at once; test_parallel starts them"),
    (r"KERAS_BACKEND=torch", "is not installed everywhere; test_backends"),
)
SLOW = r"(\w+=\w+ +)?nmt (train|finetune|evaluate|verify|export|score|ui)|curl |.*(runs|models)/|.*--workers"
SLOW_PYTHON = r"nmt\.finetune\(|127\.0\.0\.1"
ELSEWHERE = {"docs/deployment.md"}  # whose Python test_deployment runs
SHORTER = (
    (r"--minutes [\d.]+", "--minutes 0.02 --dev-size 20 --test-size 20"),
    (r"minutes=2\b", "minutes=0.02, dev_size=20, test_size=20"),
    (r"--trial-updates \d+", "--trial-updates 2"),
    (r"verify en-ja --test corpus/test|verify +en-ja --test corpus/test", "verify en-ja"),
)
PORT = "7860"


@dataclass(frozen=True)
class Example:
    """A command, or a piece of Python, and where it stands."""

    page: str
    line: int
    language: str
    text: str

    @property
    def is_slow(self) -> bool:
        pattern = SLOW if self.language == "sh" else SLOW_PYTHON
        return bool(re.match(pattern, self.text) if self.language == "sh" else re.search(pattern, self.text))

    @property
    def is_run(self) -> bool:
        if self.language == "python":
            return self.page not in ELSEWHERE
        return not any(re.match(pattern, self.text) for pattern, _ in NOT_RUN)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def examples(path: Path) -> list[Example]:
    """The examples of a page, in order."""
    text, found = path.read_text(encoding="utf-8"), []
    for block in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, block.start()) + 2
        if block[1] == "python":
            found.append(Example(named(path), line, "python", block[2]))
        elif block[1] == "sh":
            commands = re.sub(r"\\\n\s*", "", block[2]).splitlines()
            found += [Example(named(path), line, "sh", one) for one in commands if one.strip()]
    return found


ALL = {named(path): examples(path) for path in PAGES}


def test_code_says_what_it_is() -> None:
    for path in PAGES:
        fences = re.findall(r"^```(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        opening = set(fences[::2]) - ({""} if path.name == "README.md" and path.parent == ROOT else set())
        known = {"sh", "python", "text", "toml", "json", "js", "ini", "nginx", "dockerfile"}
        assert opening <= known, f"{named(path)}: {opening - known}"


def test_there_are_examples() -> None:
    assert sum(len(found) for found in ALL.values()) > 60
    for pattern, _ in NOT_RUN:
        assert any(re.match(pattern, one.text) for found in ALL.values() for one in found), f"nobody needs {pattern}"


def nmt_arguments(command: str) -> list[str]:
    """The arguments of `nmt` in a command line; none where it runs something else."""
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    ends = [words.index(end) for end in ("<", ">", "|", "&&") if end in words]
    return words[1 : min(ends, default=len(words))] if words[:1] == ["nmt"] else []


@pytest.mark.parametrize("page", [page for page, found in ALL.items() if found])
def test_the_command_line_knows_every_option(page: str) -> None:
    for example in ALL[page]:
        if example.language == "sh" and (arguments := nmt_arguments(example.text)):
            with contextlib.redirect_stderr(sys.stdout):
                build_parser().parse_args(arguments)


def test_targets_and_extras_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", text, re.MULTILINE):
            assert "".join(name) in targets, name
        for named_extras in re.findall(r"(?:'\.|nmt-lstm)\[([\w,]+)\]", text):
            assert set(named_extras.split(",")) <= extras.keys(), named_extras


def test_the_server_that_systemd_starts_is_one() -> None:
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^ExecStart=/opt/nmt/bin/(nmt .*)$", page, re.MULTILINE)
    assert build_parser().parse_args(nmt_arguments(command)).command == "ui"
    (command,) = re.findall(r"^CMD (\[.*\])$", page, re.MULTILINE)
    assert build_parser().parse_args(json.loads(command)[1:]).host == "0.0.0.0"


ITALIAN = ("Dov'è la stazione?", "Buongiorno!", "Mi piacciono i gatti.", "Quanto costa?", "A domani.", "Ho fame.")


def make_folder(tmp_path: Path) -> Path:
    """A folder with what the examples speak of: the project's data, files to translate, corpora, another model."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    recipe = tmp_path / "data" / "recipes" / "sample.toml"
    shorter = re.sub(r"^updates = \d+", "updates = 6", recipe.read_text(encoding="utf-8"), flags=re.MULTILINE)
    recipe.write_text(
        re.sub(r"^updates_per_round = \d+", "updates_per_round = 3", shorter, flags=re.MULTILINE), "utf-8"
    )
    pairs = [line.split("\t") for line in (ROOT / "data/sample/en-ja.tsv").read_text(encoding="utf-8").splitlines()]
    english, japanese = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    italian = [f"{ITALIAN[k % 6]} {ITALIAN[k // 6 % 6]} {ITALIAN[k // 36 % 6]}" for k in range(len(english))]

    def write(name: str, lines: list[str]) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    for prefix, count in (("test", 12), ("train", 60), ("corpus/test", 12), ("work/train", 60), ("work/dev", 12)):
        write(f"{prefix}.en", english[:count])
        write(f"{prefix}.ja", japanese[:count])
    for side in ("en", "ja"):
        shutil.copy(tmp_path / f"test.{side}", tmp_path / "work")
    write("theirs.ja", japanese[1:13])
    for prefix, target, lines in (
        ("corpora/tatoeba/en-ja/train", "ja", japanese),
        ("corpora/tatoeba/en-ja/dev", "ja", japanese),
        ("corpora/python-docs/en-ja/train", "ja", japanese),
        ("corpora/tatoeba/en-it/train", "it", italian),
    ):
        count = 20 if prefix.endswith("dev") else 120
        write(f"{prefix}.en", english[-count:])
        write(f"{prefix}.{target}", lines[-count:])
    for name in ("letter.txt", "in.txt", "big.txt"):
        write(name, ["Good morning!", "", "Where is the station? I am late."])
    write("page.html", ["<p>Where is the <b>station</b>?</p>"])
    write("a.srt", ["1", "00:00:01,000 --> 00:00:02,000", "Good morning!"])
    write("data.csv", ["text,number", "Good morning!,1"])
    write("page.json", ['{"title": "Good morning!", "id": "x"}'])
    write("keys.txt", ["a-key-of-this-test"])
    write("runs/sample/log.csv", ["round,chrf"])
    _word_file(tmp_path / "report.docx")
    (tmp_path / "translated").mkdir()
    (tmp_path / "my-model").symlink_to(ROOT / "nmt" / "pretrained" / "en-ja")
    return tmp_path


def _word_file(path: Path) -> None:
    import docx

    document = docx.Document()
    document.add_paragraph("Good morning!")
    document.save(path)


class Stage:
    """Where the examples of a page are played, one after the other; a server that one starts serves those after it."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack):
        self._folder, self._stack, self._port = folder, stack, PORT
        self._environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        self._environment |= {"XDG_DATA_HOME": str(folder / "home")}

    def play(self, example: Example) -> None:
        text = example.text.replace(f":{PORT}", f":{self._port}")
        for pattern, shorter in SHORTER:
            text = re.sub(pattern, shorter, text)
        if example.language == "sh" and nmt_arguments(text)[:1] == ["ui"]:
            self._port = self._stack.enter_context(self._server(text))
            return
        command = ["bash", "-euo", "pipefail", "-c", text]
        if example.language == "python":
            command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", text]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, encoding="utf-8", check=False
        )
        said = f"{example.page}, line {example.line}: {text}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
        assert "Traceback" not in done.stderr, said

    @contextlib.contextmanager
    def _server(self, command: str) -> Iterator[str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        words = ["nmt", *nmt_arguments(command), "--port", port]
        with (self._folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                words, cwd=self._folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            give_up = time.monotonic() + 120
            while "Translating on" not in (self._folder / "server.log").read_text(encoding="utf-8"):
                assert process.poll() is None and time.monotonic() < give_up, "the server does not start"
                time.sleep(0.2)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=60)


QUICK_PAGES = [page for page, found in ALL.items() if any(one.is_run and not one.is_slow for one in found)]
SLOW_PAGES = [page for page, found in ALL.items() if any(one.is_run and one.is_slow for one in found)]


def play(folder: Path, page: str, *, slow: bool) -> None:
    """Run the examples of a page, the slow ones too or not."""
    with contextlib.ExitStack() as stack:
        stage = Stage(make_folder(folder), stack)
        for example in ALL[page]:
            if example.is_run and (slow or not example.is_slow):
                stage.play(example)


@pytest.mark.parametrize("page", QUICK_PAGES)
def test_quick_examples_run(page: str, tmp_path: Path) -> None:
    play(tmp_path, page, slow=False)


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., None]]:
    def play_slow(page: str) -> None:
        play(tmp_path_factory.mktemp("page"), page, slow=True)

    with two_at_a_time(request, "test_all_examples_run", play_slow) as done:
        yield done


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW_PAGES)
def test_all_examples_run(page: str, played: Callable[..., None]) -> None:
    played(page=page)


@pytest.mark.slow
def test_the_wheels_of_the_container_install(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    (gather,) = re.findall(r"^pip (wheel .*)$", page, re.MULTILINE)
    (install,) = re.findall(r"^    pip (install .*)$", page, re.MULTILINE)
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, tree)
    for name in ("nmt", "ui"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *shlex.split(gather)], cwd=tree, check=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "image"], check=True)
    python = tmp_path / "image" / "bin" / "python"
    words = shlex.split(install.replace("/wheels", str(tree / "wheels")))
    subprocess.run([python, "-m", "pip", "--quiet", *words], cwd=tmp_path, check=True)
    said = subprocess.run(
        [python.parent / "nmt", "translate", "--model", "en-ja", "--text", "Good morning!"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "おはよう" in said.stdout
