"""A job on a Ray cluster: the same bytes as one process, whatever is lost on the way."""

import contextlib
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nmt import DocumentOptions, MissingExtraError, NmtError, SearchConfig, Translator, bundle, translate_file
from nmt.cli import main
from nmt.config import TranslationOptions
from nmt.jobs import chunks
from nmt.jobs import files as jobs
from nmt.jobs.cluster import RayWorkers
from nmt.jobs.inputs import check_input
from nmt.jobs.journal import journal_path
from nmt.jobs.workers import ModelSettings

SEARCH = SearchConfig(beam_size=2, max_length_extra=3)
UNCHECKED = TranslationOptions(check=False)  # all that a model with random weights says looks wrong


def test_without_ray_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"'\.\[cluster\]'"):
        RayWorkers(ModelSettings(tmp_path))
    (tmp_path / "a.txt").write_bytes(b"one\n")
    monkeypatch.setattr(bundle, "find", Path)
    monkeypatch.setattr(bundle, "read_config", lambda _: bundle.BundleConfig("x", "en", "ja", None))  # type: ignore[arg-type]
    assert main(["translate", "--model", str(tmp_path), "--workers", "ray", str(tmp_path / "a.txt")]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "pip install '.[cluster]'" in told


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, rng = tmp_path_factory.mktemp("text") / "a.txt", random.Random(4)
    words = ["where", "is", "the", "station", "good", "morning", "tomorrow", "my", "sister", "lives", "small", "town"]
    lines = [" ".join(rng.choices(words, k=rng.randint(1, 16))) for _ in range(1200)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def expected(text: Path, tiny_bundle: Path) -> bytes:
    target = text.with_name("expected.txt")
    translate_file(text, Translator.load(tiny_bundle, num_threads=1), target, search=SEARCH, translation=UNCHECKED)
    return target.read_bytes()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two machines of two processors each, as far as Ray can tell; this process is connected to them."""
    ray = pytest.importorskip("ray")
    utils = pytest.importorskip("ray.cluster_utils")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(chunks, "CHUNK_TEXTS", 50)
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    made.second = made.add_node(num_cpus=2)
    try:
        ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
        made.wait_for_nodes()
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def translate(text: Path, target: Path, folder: Path, **options: Any) -> jobs.JobReport:
    model = ModelSettings(folder, SEARCH, UNCHECKED)
    with contextlib.closing(RayWorkers(model)) as workers:
        source = check_input(text, DocumentOptions(), "en", "ja")
        return jobs.translate_files([(source, target)], workers, model.identity(), **options)


quiet = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


@quiet
@pytest.mark.slow
def test_two_machines_write_the_same_bytes(
    tmp_path: Path, text: Path, tiny_bundle: Path, cluster: Any, expected: bytes
) -> None:
    translate(text, tmp_path / "out.txt", tiny_bundle)
    assert (tmp_path / "out.txt").read_bytes() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


@quiet
@pytest.mark.slow
@pytest.mark.parametrize("loss", ["worker", "machine"])
def test_what_is_lost_midway_is_done_elsewhere(
    tmp_path: Path, text: Path, tiny_bundle: Path, cluster: Any, expected: bytes, loss: str
) -> None:
    import ray

    find = ray.remote(num_cpus=0)(lambda: os.getpid())
    lost: list[int] = []

    def lose(progress: jobs.Progress) -> None:
        if lost or progress.num_words < 0.2 * progress.total_words:
            return
        if loss == "machine":
            lost.append(0)
            cluster.remove_node(cluster.second, allow_graceful=False)
        else:
            lost.extend(_busy_workers()[:2])
            for pid in lost:
                os.kill(pid, signal.SIGKILL)

    assert ray.get(find.remote()) != os.getpid()
    report = translate(text, tmp_path / "out.txt", tiny_bundle, progress=lose)
    assert lost and not report.files[0].error
    assert (tmp_path / "out.txt").read_bytes() == expected


def _busy_workers() -> list[int]:
    """The processes that are at a task of ours."""
    import psutil

    processes = psutil.Process().children(recursive=True)
    return [process.pid for process in processes if "ray::_translate" in " ".join(process.cmdline())]


@quiet
@pytest.mark.slow
def test_a_job_goes_on_between_one_process_and_a_cluster(
    tmp_path: Path, text: Path, tiny_bundle: Path, cluster: Any, expected: bytes
) -> None:
    target = tmp_path / "out.txt"

    def stop(progress: jobs.Progress) -> None:
        if progress.num_words > 0.4 * progress.total_words:
            raise NmtError("enough")

    with pytest.raises(NmtError, match="enough"):
        translate(text, target, tiny_bundle, progress=stop)
    assert journal_path(target).exists() and not target.exists()
    translate_file(text, Translator.load(tiny_bundle, num_threads=1), target, search=SEARCH, translation=UNCHECKED)
    assert target.read_bytes() == expected


@quiet
@pytest.mark.slow
def test_the_command_makes_a_cluster_of_this_machine(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "a.txt").write_text("Good morning!\n\nWhere is the station?\nYes.\n", encoding="utf-8")
    outputs = []
    for workers in ("ray", "1"):
        command = ["--workers", workers, "--beam-size", "2", "--out", str(tmp_path / workers)]
        assert main(["translate", "--model", str(tiny_bundle), str(tmp_path / "a.txt"), *command]) == 0
        outputs.append((tmp_path / workers).read_bytes())
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\n") == 4
