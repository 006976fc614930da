"""The journal and complete files: whatever happens to the bytes on the disk, nothing wrong comes out."""

import os
import resource
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt import NmtError
from nmt.jobs.journal import Journal, Problem, Result, complete_file, journal_path

JOB = {"input": "abc", "search": {"beam_size": 5}}
TEXTS = st.text(st.characters(exclude_categories=[]), max_size=20)  # half surrogate pairs too
PROBLEMS = st.builds(Problem, TEXTS, TEXTS, st.lists(TEXTS, max_size=2).map(tuple))
RESULTS = st.builds(Result, TEXTS, st.floats(allow_nan=False), st.lists(PROBLEMS, max_size=2).map(tuple))
RECORDS = st.lists(st.lists(RESULTS, min_size=1, max_size=4), max_size=5)


def filled(path: Path, records: list[list[Result]]) -> Journal:
    path.unlink(missing_ok=True)
    journal = Journal(path, JOB)
    for record in records:
        journal.append(record)
    return journal


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals") / "journal"


@given(RECORDS)
@settings(max_examples=40)
def test_what_goes_in_comes_out(place: Path, records: list[list[Result]]) -> None:
    everything = [result for record in records for result in record]
    journal = filled(place, records)
    for same in (journal, Journal(place, JOB)):
        assert list(same.results()) == everything
        assert (same.count, same.other) == (len(everything), ())


@given(RECORDS, st.data())
@settings(max_examples=60)
def test_a_cut_or_changed_byte_costs_the_records_from_there_on(
    place: Path, records: list[list[Result]], data: st.DataObject
) -> None:
    filled(place, records)
    content = place.read_bytes() if records else b""
    cut = data.draw(st.integers(0, len(content)))
    damage = data.draw(st.sampled_from([b"", b"\n", b"x", b"\0\0\0", b"0" * 16 + b" {}\n"]))
    place.write_bytes(content[:cut] + damage)
    journal = Journal(place, JOB)
    whole_lines = content[:cut].count(b"\n") + (content[cut : cut + 1] == b"\n" and damage == b"\n")
    whole = records[: max(0, whole_lines - 1)]
    assert list(journal.results()) == [result for record in whole for result in record]
    journal.append([Result("after", -1.0)])
    assert list(Journal(place, JOB).results())[journal.count - 1 :] == [Result("after", -1.0)]
    assert Journal(place, JOB).count == journal.count == sum(map(len, whole)) + 1


def test_a_journal_of_another_job_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    filled(path, [[Result("one", -0.5)]])
    other = Journal(path, {"input": "other", "search": {"beam_size": 5}})
    assert (other.count, other.other) == (0, ("input",))
    assert list(other.results()) == []
    other.append([Result("two", -0.5)])
    assert (Journal(path, JOB).count, Journal(path, JOB).other) == (0, ("input",))
    path.write_bytes(b"something else\n")
    assert (Journal(path, JOB).count, Journal(path, JOB).other) == (0, ())


def test_two_that_write_one_journal_do_not_pass_unnoticed(tmp_path: Path) -> None:
    ours, theirs = Journal(tmp_path / "journal", JOB), Journal(tmp_path / "journal", JOB)
    ours.append([Result("one", 0.0), Result("two", 0.0)])
    theirs.append([Result("one", 0.0)])
    with pytest.raises(NmtError, match="being translated twice at once"):
        list(ours.results())


def test_nothing_is_written_before_the_first_result(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", JOB)
    assert list(journal.results()) == []
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_one_record(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = filled(path, [[Result("one", -0.5)]])
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))  # Python ignores the signal: the write fails
    try:
        with pytest.raises(NmtError, match=r"cannot write .*journal: .*; what is done is kept"):
            journal.append([Result("x" * 100_000, -0.5)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for same in (journal, Journal(path, JOB)):
        assert list(same.results()) == [Result("one", -0.5)]
    journal.append([Result("two", -0.5)])
    assert [result.text for result in Journal(path, JOB).results()] == ["one", "two"]


def test_journals_are_hidden_beside_the_output(tmp_path: Path) -> None:
    assert journal_path(tmp_path / "novel.ja.txt") == tmp_path / ".novel.ja.txt.nmt-journal"
    for name in ("x" * 255, "語" * 85):
        (tmp_path / name).touch()
        journal = journal_path(tmp_path / name)
        journal.touch()
        assert journal.name.startswith(".")


def test_a_file_is_complete_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with pytest.raises(ZeroDivisionError), complete_file(path) as stream:
        stream.write(b"half")
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".out.txt.nmt-part").write_bytes(b"what a kill left behind, longer than the rest")
    with complete_file(path) as stream:
        stream.write(b"all")
        assert not path.exists()
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("out.txt", b"all")]
    with pytest.raises(NmtError, match="cannot write"), complete_file(tmp_path / "nowhere" / "out.txt"):
        pass


def test_links_and_pipes_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with complete_file(tmp_path / "link.txt") as stream:
        stream.write(b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with complete_file(tmp_path / "pipe") as stream:
        stream.write(b"through")
    reader.join()
    assert read == [b"through"]
    assert (tmp_path / "pipe").is_fifo()


def test_all_that_was_written_has_reached_the_disk_when_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut cannot be tested, but the order can: written, then synced, and only then named or counted."""
    synced: list[tuple[bytes, bool]] = []
    path, output = tmp_path / "journal", tmp_path / "output.txt"

    def fsync(number: int) -> None:
        synced.append((os.pread(number, 10_000, 0), output.exists()))

    def open_to_read(opener):
        return lambda self, mode="r", **options: opener(self, mode.replace("wb", "w+b"), **options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "open", open_to_read(Path.open))
    journal = Journal(path, JOB)
    for count in (1, 2):
        journal.append([Result(f"line {count}", -1.0)])
        assert synced.pop() == (path.read_bytes(), False)
    with complete_file(output) as stream:
        stream.write(b"whole")
    assert synced == [(b"whole", False)]
    assert output.read_bytes() == b"whole"
