"""Jobs: nothing is lost, doubled or shifted, however often and wherever they are interrupted."""

import contextlib
import dataclasses
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt import DocumentOptions, NmtError, SearchConfig, Translator, bundle, translate_file
from nmt.config import TranslationOptions
from nmt.jobs import chunks, inputs, workers
from nmt.jobs import files as jobs
from nmt.jobs.inputs import check_input
from nmt.jobs.journal import Journal, Result, journal_path
from nmt.jobs.workers import InProcess, ModelSettings, Processes, translate_chunks

IDENTITY = {"model": "fake", "search": {}, "version": "0"}
UNCHECKED = TranslationOptions(check=False)  # all that a model with random weights says looks wrong
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@dataclasses.dataclass(frozen=True)
class FakeSentence:
    source: str
    alternatives: tuple[types.SimpleNamespace, ...]
    problems: tuple[str, ...] = ()


class FakeTranslator:
    """Changes case; fails at the call that it is told to."""

    info = types.SimpleNamespace(folder=Path(), source_language="en", target_language="ja")
    search = SearchConfig()

    def __init__(self, fails_at: int = 0, change: Callable[[str], str] = str.swapcase):
        self.calls: list[list[str]] = []
        self._fails_at, self._change = fails_at, change

    def translate_batch(
        self, texts: Sequence[str], config: SearchConfig | None = None, options: TranslationOptions | None = None
    ) -> list[types.SimpleNamespace]:
        self.calls.append(list(texts))
        if len(self.calls) == self._fails_at:
            raise NmtError("the model failed")
        return [self._translation(text) for text in texts]

    def _translation(self, text: str) -> types.SimpleNamespace:
        new = self._change(text)
        problems = ("is odd",) if "odd" in text else ()
        sentence = FakeSentence(text, (types.SimpleNamespace(text=new),), problems)
        return types.SimpleNamespace(source=text, text=new, score=-len(text) / 10, sentences=(sentence,))


def run_job(
    paths: Sequence[Path],
    translator: FakeTranslator,
    *,
    options: DocumentOptions | None = None,
    identity: dict[str, object] | None = None,
    told: list[str] | None = None,
    **records: Path,
) -> jobs.JobReport:
    files = [(check_input(path, options or DocumentOptions(), "en", "ja"), path.with_suffix(".out")) for path in paths]
    in_process = InProcess(translator)  # type: ignore[arg-type]
    tell = None if told is None else told.append
    return jobs.translate_files(files, in_process, identity or IDENTITY, tell=tell, **records)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_TEXTS", 10)


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    """95 lines, of which 76 are texts and 70 of them different."""
    path = tmp_path / "novel.txt"
    lines = ["" if k % 5 == 4 else f"line {k % 88}" for k in range(95)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_file_from_a_script(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\n  two words \nthree")
    seen: list[jobs.Progress] = []
    report = translate_file(path, FakeTranslator(), progress=seen.append)  # type: ignore[arg-type]
    assert report == jobs.FileReport(path, tmp_path / "a.ja.txt", num_texts=3, num_words=4)
    assert (tmp_path / "a.ja.txt").read_bytes() == b"\xef\xbb\xbfONE\r\n\r\n  TWO WORDS \nTHREE"
    assert (seen[-1].num_words, seen[-1].total_words, seen[-1].seconds_left) == (4, 4, 0.0)
    (tmp_path / "there").mkdir()
    for out, expected in (("b.txt", "b.txt"), ("there", "there/a.ja.txt")):
        assert translate_file(path, FakeTranslator(), tmp_path / out).target == tmp_path / expected  # type: ignore[arg-type]
        assert (tmp_path / expected).exists()
    with pytest.raises(NmtError, match="would be overwritten"):
        translate_file(path, FakeTranslator(), path)  # type: ignore[arg-type]
    with pytest.raises(NmtError, match="does not exist"):
        translate_file(tmp_path / "nowhere.txt", FakeTranslator())  # type: ignore[arg-type]
    with pytest.raises(NmtError, match="there is no folder"):
        translate_file(path, FakeTranslator(), tmp_path / "nowhere" / "b.txt")  # type: ignore[arg-type]
    assert not [one for one in tmp_path.rglob(".*")]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("fails_at", range(1, 9))
def test_an_interrupted_job_continues_where_it_was(novel: Path, fails_at: int) -> None:
    expected = novel.read_bytes().swapcase()
    with pytest.raises(NmtError, match="the model failed"):
        run_job([novel], FakeTranslator(fails_at))
    assert not novel.with_suffix(".out").exists()
    translator, told = FakeTranslator(), []
    run_job([novel], translator, told=told)
    assert novel.with_suffix(".out").read_bytes() == expected
    assert len(translator.calls) == 8 - (fails_at - 1)
    assert ("continuing an interrupted job" in told[0]) == (fails_at > 1)
    assert sorted(path.name for path in novel.parent.iterdir()) == ["novel.out", "novel.txt"]


@pytest.mark.usefixtures("small_chunks")
def test_a_job_of_other_words_starts_over_and_says_so(novel: Path) -> None:
    def interrupted() -> list[str]:
        with pytest.raises(NmtError):
            run_job([novel], FakeTranslator(fails_at=3))
        return []

    for what, change in (
        ("the model", {"identity": IDENTITY | {"model": "other"}}),
        ("the search settings", {"identity": IDENTITY | {"search": {"beam_size": 9}}}),
        ("this program", {"identity": IDENTITY | {"version": "1"}}),
        ("what is to be translated of it", {"options": DocumentOptions(unwrap=True)}),
    ):
        told = interrupted()
        translator = FakeTranslator()
        run_job([novel], translator, told=told, **change)  # type: ignore[arg-type]
        assert f"starting over, since {what} changed" in told[0]
        assert sum(map(len, translator.calls)) >= 19
    told = interrupted()
    novel.write_bytes(novel.read_bytes().replace(b"line", b"verse"))
    run_job([novel], FakeTranslator(), told=told)
    assert "starting over, since the file changed" in told[0]
    assert novel.with_suffix(".out").read_bytes() == novel.read_bytes().swapcase()


@pytest.mark.usefixtures("small_chunks")
def test_small_files_share_chunks_and_duplicates_are_translated_once(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.txt" for k in range(12)]
    for k, path in enumerate(paths):
        path.write_text(f"file {k}\nthe same\nfile {k}\nthe same\n" if k != 5 else "", encoding="utf-8")
    translator = FakeTranslator()
    report = run_job(paths, translator)
    assert sum(map(len, translator.calls)) == 12
    assert len(translator.calls) == 5, "44 texts in chunks of 10"
    assert [file.num_texts for file in report.files] == [4] * 5 + [0] + [4] * 6
    assert all(path.with_suffix(".out").read_bytes() == path.read_bytes().swapcase() for path in paths)


@pytest.mark.usefixtures("small_chunks")
def test_files_are_done_one_after_the_other_and_other_files_may_join(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.txt" for k in range(6)]
    for k, path in enumerate(paths):
        path.write_text("".join(f"file {k} line {n}\n" for n in range(7)), encoding="utf-8")
    with pytest.raises(NmtError):
        run_job(paths[:4], FakeTranslator(fails_at=3))
    assert [path.with_suffix(".out").exists() for path in paths[:3]] == [True, True, False]
    translator = FakeTranslator()
    run_job([paths[4], *paths[:4], paths[5]], translator)
    assert all(path.with_suffix(".out").read_bytes() == path.read_bytes().swapcase() for path in paths)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", "d", "e", "long " * 3]), max_size=12), max_size=4),
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_chunks_give_each_text_its_translation(
    files: list[list[str]], chunk_texts: int, remembered: int, capacity: int, known_share: int
) -> None:
    submitted: list[list[str]] = []

    class Recorder(InProcess):
        def submit(self, texts: list[str]) -> Callable[[], list[Result]]:
            submitted.append(texts)
            return super().submit(texts)

    pool = Recorder(FakeTranslator())  # type: ignore[arg-type]
    pool.capacity = capacity
    num_known = known_share * sum(map(len, files)) // 100
    place = 0

    def known(chunk: chunks.Chunk) -> list[Result] | None:
        nonlocal place
        texts = [text for file in files for text in file][place : place + len(chunk.slots)]
        place += len(chunk.slots)
        return [Result(text.swapcase(), 0.0) for text in texts] if place <= num_known else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK_TEXTS", chunk_texts)
        patch.setattr(chunks, "REMEMBERED_TEXTS", remembered)
        patch.setattr(chunks, "LONGEST_REMEMBERED", 10)
        found: list[list[str]] = [[] for _ in files]
        ended: list[int] = []
        for chunk, results, _ in translate_chunks(chunks.cut(enumerate(files)), pool, known):
            assert len(chunk.slots) == len(results) <= chunk_texts
            for part in chunk.parts:
                assert part.first == len(found[part.file])
                found[part.file] += [result.text for result in results[: part.count]]
                results = results[part.count :]
            ended += chunk.ended
        cuts = [(len(c.slots), c.texts, c.parts) for c in chunks.cut(enumerate(files))]
    assert found == [[text.swapcase() for text in file] for file in files]
    assert ended == list(range(len(files)))
    assert [texts for _, texts, _ in cuts if texts][len(cuts) :] == []
    if num_known == 0:
        assert submitted == [texts for _, texts, _ in cuts if texts], (
            "what is translated together is the input's matter"
        )
        if remembered == 5:
            short = [text for texts in submitted for text in texts if len(text) <= 10]
            assert len(short) == len(set(short)), "five different texts fit in the memory"


@given(
    st.lists(st.tuples(TEXTS, st.sampled_from(["\n", "\r\n"]))), TEXTS, st.sampled_from(["{}", " {}\n\r\x0b", "\u2028"])
)
@settings(max_examples=60)
def test_lines_and_white_space_stay(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], last: str, shape: str
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    content = "".join(text + end for text, end in pairs) + last
    path.write_bytes(content.encode())
    translate_file(path, FakeTranslator(change=lambda text: shape.format(text.swapcase())))  # type: ignore[arg-type]
    new = path.with_name("a.ja.txt").read_bytes().decode()
    old_lines, new_lines = (re.split("(\r\n|\n|\r)", text) for text in (content, new))
    assert len(old_lines) == len(new_lines)
    for old, line in zip(old_lines, new_lines, strict=True):
        core = old.strip()
        before = old[: old.index(core)] if core else old
        after = old[len(before) + len(core) :]
        assert line.startswith(before) and line.endswith(after)
        assert bool(core) or line == old


def test_report_and_scores_tell_where(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_text("fine\n\nodd one\n", encoding="utf-8")
    records = {"problems": tmp_path / "report.jsonl", "scores": tmp_path / "scores.jsonl"}
    told: list[str] = []
    report = run_job(paths, FakeTranslator(), told=told, **records)
    assert [file.num_problems for file in report.files] == [1, 1]
    assert "(2 texts; 1 sentence failing a check)" in told[0]
    problems, scores = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in records.values()
    )
    odd = {"source": "odd one", "translation": "ODD ONE", "problems": ["is odd"]}
    assert problems == [{"file": str(path), "text": 2, **odd} for path in paths]
    assert scores[0] == {"file": str(paths[0]), "text": 1, "score": -0.4, "source": "fine", "translation": "FINE"}
    assert len(scores) == 4


def test_a_file_that_changes_meanwhile_is_not_mixed(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_bytes(b"one\ntwo\n")
    files = [(check_input(path, DocumentOptions(), "en", "ja"), path.with_suffix(".out")) for path in paths]
    for changed in (b"one\nnew\n", b"one\n", b"\xff"):
        paths[0].write_bytes(changed)
        report = jobs.translate_files(files, InProcess(FakeTranslator()), IDENTITY)  # type: ignore[arg-type]
        assert [bool(file.error) for file in report.files] == [True, False]
        assert not paths[0].with_suffix(".out").exists()
        assert paths[1].with_suffix(".out").read_bytes() == b"ONE\nTWO\n"
        paths[1].with_suffix(".out").unlink()


@pytest.mark.usefixtures("small_chunks")
def test_a_full_disk_stops_the_job_and_it_continues(novel: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, before[1]))  # Python ignores the signal: writing fails
    try:
        with pytest.raises(NmtError, match="the same command continues"):
            run_job([novel], FakeTranslator())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    translator, told = FakeTranslator(), []
    run_job([novel], translator, told=told)
    assert "continuing" in told[0] and 0 < len(translator.calls) < 8
    assert novel.with_suffix(".out").read_bytes() == novel.read_bytes().swapcase()


def test_an_output_that_fills_the_disk_is_not_half_there(tmp_path: Path) -> None:
    """The journal fits, the output does not: only the last step is done again."""
    path = tmp_path / "a.txt"
    path.write_text("".join(f"word{' ' * 500}\n" for _ in range(100)), encoding="utf-8")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        report = run_job([path], FakeTranslator())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "too large" in report.files[0].error
    assert sorted(one.name for one in tmp_path.iterdir()) == [".a.out.nmt-journal", "a.txt"]
    translator = FakeTranslator()
    run_job([path], translator)
    assert translator.calls == []
    assert path.with_suffix(".out").read_bytes() == path.read_bytes().swapcase()


def test_pipes_get_the_output_and_no_journal_beside_them(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"one\n")
    (tmp_path / "folder").mkdir()
    pipe = tmp_path / "folder" / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        translate_file(source, FakeTranslator(), pipe)  # type: ignore[arg-type]
        assert reader.communicate(timeout=60)[0] == b"ONE\n"
    assert list((tmp_path / "folder").iterdir()) == [pipe]


def test_a_journal_that_another_job_has_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", IDENTITY)
    journal.append([Result("one", 0.0)])
    journal.remove()
    with pytest.raises(NmtError, match="is the same file being translated twice at once"):
        journal.append([Result("two", 0.0)])
    assert not (tmp_path / "journal").exists()


class SlowTranslator(FakeTranslator):
    def translate_batch(
        self, texts: Sequence[str], config: SearchConfig | None = None, options: TranslationOptions | None = None
    ) -> list[types.SimpleNamespace]:
        time.sleep(0.02)
        return super().translate_batch(texts, config, options)


def work(path: str) -> None:
    """What the processes below do."""
    chunks.CHUNK_TEXTS = 10
    print("ready", flush=True)
    run_job([Path(path)], SlowTranslator(), told=(told := []))
    print(len(told), flush=True)


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.txt", random.Random(1)
    path.write_text("".join(f"line {k}\n" for k in range(400)), encoding="utf-8")
    command = [sys.executable, "-c", f"import test_jobs; test_jobs.work({str(path)!r})"]
    counts = []
    for _ in range(3):
        with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0.05, 0.3))
            process.kill()
        header = json.loads(journal_header(path)) if journal_path(path.with_suffix(".out")).exists() else {}
        counts.append(Journal(journal_path(path.with_suffix(".out")), header).count if header else 0)
    assert counts == sorted(counts) and counts[-1] > 0
    translator = FakeTranslator()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK_TEXTS", 10)
        run_job([path], translator)
    assert sum(map(len, translator.calls)) == 400 - counts[-1]
    assert path.with_suffix(".out").read_bytes() == path.read_bytes().swapcase()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.out", "a.txt"]


def journal_header(path: Path) -> bytes:
    return journal_path(path.with_suffix(".out")).read_bytes().split(b"\n")[0].partition(b" ")[2]


@pytest.fixture(scope="module")
def real(tiny_bundle: Path) -> Translator:
    return Translator.load(tiny_bundle, num_threads=1)


@given(st.text(st.sampled_from("ab. !?\n。、 A"), max_size=60))
@settings(max_examples=30)
def test_a_long_text_in_parts_is_the_same(real: Translator, text: str) -> None:
    config = SearchConfig(beam_size=1, max_length_factor=1, max_length_extra=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "LONG_TEXT", 12)
        (result,) = workers.translate_texts(real, [text], config, UNCHECKED)
    assert result.text == workers.as_one_line(real.translate(text, config, UNCHECKED).text, text)


def prose(path: Path, num_lines: int) -> Path:
    rng = random.Random(5)
    words = ["the", "a", "station", "morning", "good", "where", "see", "small", "town", "is", "tomorrow", "sister"]
    lines = [" ".join(rng.choices(words, k=rng.randint(1, 14))) + rng.choice([".", "?", ""]) for _ in range(num_lines)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.usefixtures("small_chunks")
def test_processes_write_the_same_bytes(tmp_path: Path, tiny_bundle: Path, real: Translator) -> None:
    path, search = prose(tmp_path / "a.txt", 60), SearchConfig(beam_size=2, max_length_extra=3)
    translate_file(path, real, tmp_path / "one.txt", search=search, translation=UNCHECKED)
    source = check_input(path, DocumentOptions(), "en", "ja")
    model = ModelSettings(tiny_bundle, search, UNCHECKED)
    assert model.identity() == workers.identity_of(real, search, UNCHECKED)
    with contextlib.closing(Processes(model, 2)) as pool:
        report = jobs.translate_files([(source, tmp_path / "two.txt")], pool, model.identity())
    assert not report.files[0].error
    assert (tmp_path / "one.txt").read_bytes() == (tmp_path / "two.txt").read_bytes()


@pytest.mark.usefixtures("small_chunks")
def test_a_lost_worker_process_ends_the_job_and_it_continues(
    tmp_path: Path, tiny_bundle: Path, real: Translator
) -> None:
    path, search = prose(tmp_path / "a.txt", 60), SearchConfig(beam_size=1, max_length_extra=3)
    source, model = check_input(path, DocumentOptions(), "en", "ja"), ModelSettings(tiny_bundle, search, UNCHECKED)
    killed: list[int] = []

    def kill(_: jobs.Progress) -> None:
        for process in pool._pool._processes.values():
            if not killed:
                os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)

    with contextlib.closing(Processes(model, 1)) as pool, pytest.raises(NmtError, match="worker process ended"):
        jobs.translate_files([(source, tmp_path / "b.txt")], pool, model.identity(), progress=kill)
    assert journal_path(tmp_path / "b.txt").exists()
    translate_file(path, real, tmp_path / "b.txt", search=search, translation=UNCHECKED)
    translate_file(path, real, tmp_path / "c.txt", search=search, translation=UNCHECKED)
    assert (tmp_path / "b.txt").read_bytes() == (tmp_path / "c.txt").read_bytes()


def test_an_unreadable_model_in_a_worker_says_so(tmp_path: Path, tiny_bundle: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_bundle, folder)
    (folder / bundle.DECODER).write_bytes(b"x")
    with (
        contextlib.closing(Processes(ModelSettings(folder), 1)) as pool,
        pytest.raises(NmtError, match=r"decoder\.onnx is damaged"),
    ):
        pool.submit(["one"])()


def work_for_real(folder: str, num_processes: str, *names: str) -> None:
    """What the processes below do: a command without the checks, which never like a model with random weights."""
    chunks.CHUNK_TEXTS = 64
    model = ModelSettings(Path(folder), SearchConfig(beam_size=1), UNCHECKED, num_threads=1)
    files = [check_input(Path(name), DocumentOptions(), "en", "ja") for name in names]
    pool = InProcess(model.load(), model.search, model.options)
    with contextlib.closing(Processes(model, 2) if num_processes == "2" else pool) as one:
        targets = [source.path.with_suffix(".out") for source in files]
        report = jobs.translate_files(list(zip(files, targets, strict=True)), one, model.identity())
    sys.exit(any(file.error for file in report.files))


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    code = "import sys, test_jobs; test_jobs.work_for_real(*sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=Path(__file__).parent)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("num_processes", ["1", "2"])
def test_a_real_process_killed_at_20_random_moments(tmp_path: Path, tiny_bundle: Path, num_processes: str) -> None:
    names = ["a.txt", "b.txt", "c.md"]
    for folder in ("whole", "killed"):
        (tmp_path / folder).mkdir()
        for k, name in enumerate(names):
            prose(tmp_path / folder / name, 1000 + 100 * k)
    start = time.monotonic()
    with started(tiny_bundle, "1", *(tmp_path / "whole" / name for name in names)) as process:
        assert process.wait(600) == 0
    length = time.monotonic() - start
    rng, num_killed = random.Random(2), 0
    arguments = (tiny_bundle, num_processes, *(tmp_path / "killed" / name for name in names))
    for _ in range(20):
        with started(*arguments) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0, max(0.4 * length, 2.0)))
            num_killed += process.poll() is None
    with started(*arguments) as process:
        assert process.wait(600) == 0
    assert num_killed >= 8
    outputs = sorted(path.name for path in (tmp_path / "killed").iterdir())
    assert outputs == sorted(path.name for path in (tmp_path / "whole").iterdir())
    for name in outputs:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(
            f"This is line number {k} of a long text, and no other line is like it.\n" for k in range(400_000)
        )
    code = (
        "import sys, test_jobs; test_jobs.FakeTranslator.calls = property(lambda _: [], lambda *_: None);"
        "test_jobs.run_job([test_jobs.Path(sys.argv[1])], test_jobs.FakeTranslator(fails_at=-1));"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=600)
    assert path.with_suffix(".out").stat().st_size == path.stat().st_size
    assert int(done.stdout) < 200_000, "kB at the most, for 28 MB of text that is journalled on the way"


def test_what_cannot_be_written_is_said_before_anything_is_done(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\n", encoding="utf-8")
    (source,) = [inputs.check_input(path, DocumentOptions(), "en", "ja")]
    worker = InProcess(FakeTranslator())  # type: ignore[arg-type]
    for records in ({"problems": tmp_path / "no" / "r.jsonl"}, {"scores": tmp_path / "no" / "s.jsonl"}):
        with pytest.raises(NmtError, match="there is no folder"):
            jobs.translate_files([(source, tmp_path / "b.txt")], worker, {}, **records)
    with pytest.raises(NmtError, match=r"a\.txt is a file, but several translations go into a folder"):
        inputs.name_outputs([source], path, True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.txt"]
