"""Every notebook runs from top to bottom, offline, and is kept without its outputs; its page shows the same code."""

import hashlib
import os
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted((ROOT / "docs" / "notebooks").glob("*.html"))
BUNDLES = sorted(path.parent.name for path in (ROOT / "nmt" / "pretrained").glob("*/config.json"))
MODEL = os.environ.get("NMT_NOTEBOOK_MODEL", "en-ja")

# Read by the kernel's interpreter when it starts.
WATCHER = """
import sys

def watch(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"the test refuses a connection to {address}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if arguments[0] not in (None, "", "127.0.0.1", "localhost", "::1"):
            raise OSError(f"the test refuses to look up {arguments[0]}")

sys.addaudithook(watch)
"""


def test_the_notebooks_are_numbered():
    assert NOTEBOOKS and NOTEBOOKS[0].name.startswith("01_")
    assert len({path.name[:3] for path in NOTEBOOKS}) == len(NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_clean(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata.language_info) == {"name"}, "which Python it last ran on is nobody's business"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        assert cell.source.strip() and not cell.metadata
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, f"{cell.id}: clear the outputs"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_of_its_notebook(path):
    notebook = nbformat.read(ROOT / "notebooks" / f"{path.stem}.ipynb", as_version=4)
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    page = path.read_text(encoding="utf-8")
    remedy = f"run python docs/notebooks/render.py {path.stem}"
    assert f'name="code-sha256" content="{hashlib.sha256(code.encode()).hexdigest()}"' in page, remedy
    for cell in notebook.cells:
        assert f"id={cell.id}" in page.replace('"', ""), f"{remedy}: there is no cell {cell.id}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_needs_nothing_else(path):
    page = path.read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link|iframe)|@import|url\(", page)
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]+)', page))
    for target in re.findall(r'href="([^"#]+)', page):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_pages_are_small():
    sizes = {path.name: path.stat().st_size for path in PAGES}
    assert max(sizes.values(), default=0) < 600_000 and sum(sizes.values()) < 4_000_000, sizes


@pytest.mark.slow
@pytest.mark.skipif(
    MODEL not in BUNDLES and not Path(MODEL).is_dir(),
    reason=f"NO MODEL {MODEL} IS IN nmt/pretrained YET: THE NOTEBOOKS WERE NOT RUN",
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    (tmp_path / "sitecustomize.py").write_text(WATCHER, encoding="utf-8")
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # as a reader has it: pictures in the notebook
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(tmp_path / "work")}}
    )
    client.execute()

    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "Warning" not in said, said
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    shows = sum("plt.show()" in cell.source for cell in notebook.cells)
    assert len(pictures) == shows, "a picture for each plt.show()"
    assert not any((tmp_path / "work").iterdir()), "it writes to its own temporary folder"
