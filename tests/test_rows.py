"""Rows in one flat array, in memory or in a file, and sentences that lie in one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpora.rows import Rows, RowWriter
from nmt.corpora.texts import StoredTexts, gather, sample

NUMBERS = st.lists(st.lists(st.integers(0, 65_535), max_size=6), max_size=12)
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=20)
LARGE = st.sampled_from([0, 30, 10_000])


def _rows(rows: list[list[int]], large: int) -> Rows:
    with RowWriter(np.uint16, None, large) as writer:
        for start in range(0, len(rows), 5):
            writer.extend(rows[start : start + 5])
        return writer.finish()


def _lists(rows: Rows) -> list[list[int]]:
    return [row.tolist() for row in rows]


@given(numbers=NUMBERS, large=LARGE, first=st.integers(-15, 15), last=st.integers(-15, 15), step=st.integers(1, 3))
def test_rows_are_what_was_written(numbers: list[list[int]], large: int, first: int, last: int, step: int) -> None:
    rows = _rows(numbers, large)
    assert _lists(rows) == numbers
    assert rows.lengths.tolist() == [len(row) for row in numbers]
    assert _lists(rows[first:last:step]) == numbers[first:last:step]
    assert _lists(rows.followed_by(rows[1:])) == numbers + numbers[1:]
    assert _lists(rows[1:].followed_by(rows)) == numbers[1:] + numbers
    for k in range(-len(numbers), len(numbers)):
        assert rows[k].tolist() == numbers[k]
    for k in (len(numbers), -len(numbers) - 1):
        with pytest.raises(IndexError):
            rows[k]


@given(numbers=NUMBERS.filter(bool), large=LARGE, wider=st.integers(0, 2), data=st.data())
def test_rows_side_by_side(numbers: list[list[int]], large: int, wider: int, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(numbers) - 1), max_size=6))
    width = max((len(numbers[k]) for k in chosen), default=0) + wider
    matrix = _rows(numbers, large).matrix(np.array(chosen, dtype=np.int64), width)
    assert (matrix.dtype, matrix.shape) == (np.int32, (len(chosen), width))
    assert matrix.tolist() == [numbers[k] + [0] * (width - len(numbers[k])) for k in chosen]


@settings(max_examples=50)
@given(texts=TEXTS, large=LARGE, first=st.integers(-25, 25), last=st.integers(-25, 25), step=st.integers(1, 3))
def test_texts_are_what_was_gathered(texts: list[str], large: int, first: int, last: int, step: int) -> None:
    chunks = [(texts[k : k + 3], [f"{text}!" for text in texts[k : k + 3]]) for k in range(0, len(texts), 3)]
    sources, targets = gather(iter(chunks), None, large)
    assert (list(sources), list(targets)) == (texts, [f"{text}!" for text in texts])
    assert len(sources) == len(texts)
    assert list(sources[first:last:step]) == texts[first:last:step]
    assert [sources[k] for k in range(-len(texts), len(texts))] == texts + texts
    size = sum(len(text.encode()) for text in texts) * 2 + len(texts)
    assert isinstance(sources, StoredTexts) == (size > large)


def test_files_lie_in_the_folder_and_vanish(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    small = gather([(["a"], ["b"])], folder)
    assert isinstance(small[0], list) and not folder.exists()
    texts = [f"sentence {n}" for n in range(1000)]
    stored = gather([(texts, texts)], folder, large=1000)
    assert folder.is_dir() and not list(folder.iterdir())
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(folder) in maps.read_text(encoding="utf-8")
    assert list(stored[1]) == texts


def test_an_error_on_the_way_closes_the_file() -> None:
    def chunks():
        yield ["x" * 100], ["y" * 100]
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):  # and no warning of an open file
        gather(chunks(), None, large=10)


def test_a_sample_is_in_order_and_only_where_there_is_more() -> None:
    texts = [str(n) for n in range(1000)]
    assert sample(texts, 1000, seed=1) is texts
    drawn = sample(texts, 100, seed=1)
    assert len(set(drawn)) == 100 and list(map(int, drawn)) == sorted(map(int, drawn))
    assert drawn == sample(texts, 100, seed=1) != sample(texts, 100, seed=2)


_LARGE_CORPUS = """
import itertools, sys
from pathlib import Path
import numpy as np
from nmt import tokenizer
from nmt.training.batches import BatchPlan, SourceNoise, encode_corpus
from nmt.corpora.texts import StoredTexts, sample
from nmt.training.mixing import read_mixture, shares_of

folder, num_pairs = Path(sys.argv[1]), int(sys.argv[2])
mixture = read_mixture([folder / "a", folder / "b"], "en", ["de", "de"], folder)
assert isinstance(mixture.corpus.sources, StoredTexts)
source = tokenizer.train(sample(mixture.corpus.sources, 2000, 1), 500, side="source")
target = tokenizer.train(sample(mixture.corpus.targets, 2000, 1), 500, side="target")
encoded = encode_corpus(mixture.corpus, source, target, 60, folder)
assert len(encoded) == num_pairs and encoded.sizes(mixture.sizes) == mixture.sizes
noise = SourceNoise(encoded, source, 0.01, 60, seed=1)
plan = BatchPlan(encoded, 2000, 1, noise, shares_of(mixture.sizes, [1.0, 1.5]))
seen = sum(len(batch["source"]) for batch in itertools.islice(plan.batches(), 1000))
assert seen > 50_000
status = Path("/proc/self/status").read_text(encoding="utf-8")
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_two_million_pairs_take_little_memory(tmp_path: Path) -> None:
    """In lists they took 2,466 MB, of which most were small arrays."""
    rng = np.random.default_rng(0)
    words = np.array([f"{a}{b}" for a in ("ba", "ko", "li", "mu", "ne", "pa", "ro") for b in ("n", "st", "la", "do")])
    for name, count in (("a", 1_500_000), ("b", 500_000)):
        chosen = words[rng.integers(0, len(words), (count, 7))]
        for code, columns in (("en", chosen), ("de", chosen[:, ::-1])):
            with open(tmp_path / f"{name}.{code}", "w", encoding="utf-8") as stream:
                stream.writelines(f"{' '.join(row)}.\n" for row in columns.tolist())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _LARGE_CORPUS, str(tmp_path), "2000000"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 600, f"{done.stdout} MB at the peak"
    assert {path.suffix for path in tmp_path.iterdir()} == {".en", ".de"}
