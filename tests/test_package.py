"""The wheel, built from a copy of the tree and installed where the checkout cannot be seen."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEFT_BEHIND = shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__", "node_modules")
BUNDLES = sorted(path.parent.name for path in (ROOT / "nmt" / "pretrained").glob("*/config.json"))
MODEL = "en-ja"
EXTRAS = "ui"  # as make demo installs

needs_bundle = pytest.mark.skipif(not BUNDLES, reason="NO BUNDLE IS IN nmt/pretrained YET: THE WHEEL WAS NOT TRIED OUT")


def _run(*command: str | Path, cwd: Path) -> str:
    """The output of `command`, run without any sign of the checkout in the environment."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=_environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _environment() -> dict[str, str]:
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PORT", "KERAS_BACKEND")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def test_every_package_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = set()
    for folder, package in (("nmt", "nmt"), ("ui", "nmt_ui")):
        for path in (ROOT / folder).rglob("*.py"):
            found.add(".".join((package, *path.relative_to(ROOT / folder).parts[:-1])))
    assert set(declared) == found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree, out = tmp_path_factory.mktemp("tree") / "tree", tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND)
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", out, cwd=tree)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an empty environment with the wheel, as make demo has it."""
    place = tmp_path_factory.mktemp("installed")
    _run(sys.executable, "-m", "venv", place / "venv", cwd=place)
    python = place / "venv" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    _run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, f"{wheel}[{EXTRAS}]", cwd=place)
    return python.parent


@pytest.mark.slow
def test_what_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    version = wheel.name.split("-")[1]
    assert {name.partition("/")[0] for name in names} == {"nmt", "nmt_ui", f"nmt_lstm-{version}.dist-info"}
    assert {"nmt/py.typed", "nmt/cli.py", "nmt_ui/app.py"} <= names
    assert f"nmt_lstm-{version}.dist-info/licenses/LICENSE" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".part"))]
    for folder, package in (("nmt", "nmt"), ("ui", "nmt_ui")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                assert f"{package}/{path.relative_to(ROOT / folder).as_posix()}" in names


@pytest.mark.slow
def test_the_installed_command(installed: Path, tmp_path: Path) -> None:
    assert _run(installed / "nmt", "--version", cwd=tmp_path).startswith("nmt ")
    where = "import nmt, nmt_ui; print(nmt.__file__, nmt_ui.__file__, sep='\\n')"
    for path in _run(installed / "python", "-c", where, cwd=tmp_path).splitlines():
        assert Path(path).is_relative_to(installed.parent)
    listed = _run(installed / "nmt", "models", cwd=tmp_path)
    assert all(name in listed for name in BUNDLES)
    assert "hf:Helsinki-NLP/opus-100/en-ja" in _run(installed / "nmt", "data", "list", "en-ja", cwd=tmp_path)
    astray = "import importlib.util as u; print([name for name in ('ui', 'data', 'tests') if u.find_spec(name)])"
    assert _run(installed / "python", "-c", astray, cwd=tmp_path).strip() == "[]"


@pytest.mark.slow
@needs_bundle
def test_the_installed_package_translates(installed: Path, tmp_path: Path) -> None:
    answer = _run(installed / "nmt", "translate", "--model", MODEL, "--text", "Good morning!", cwd=tmp_path)
    assert "おはよう" in answer
    code = f"from nmt import Translator; print(Translator.load({MODEL!r}).translate('Good morning!').text)"
    assert _run(installed / "python", "-c", code, cwd=tmp_path) == answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _served(command: Path, cwd: Path) -> Iterator[str]:
    port = _free_port()
    with (cwd / "log").open("wb") as log:
        process = subprocess.Popen(
            [command, "ui"], cwd=cwd, env=_environment() | {"PORT": str(port)}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.mark.slow
@needs_bundle
def test_the_installed_page_is_served(installed: Path, tmp_path: Path) -> None:
    with _served(installed / "nmt", tmp_path) as address:
        page = ""
        give_up = time.monotonic() + 120
        while not page and time.monotonic() < give_up:
            time.sleep(0.5)
            with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address, timeout=10) as response:
                page = response.read().decode("utf-8")
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "<html" in page, log
    assert address.rstrip("/") in log
    assert "Traceback" not in log
