"""Every notebook runs from top to bottom, offline, and is kept without its outputs; its page shows the same code."""

import functools
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from beside import two_at_a_time

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


EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

path, place, executed = sys.argv[1:]
notebook = nbformat.read(path, as_version=4)
NotebookClient(notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": place}}).execute()
nbformat.write(notebook, executed)
"""


def execute(folder, path):
    """Run a notebook in a folder of its own; returns it, and what it left in that folder."""
    place, executed = folder / path.stem, folder / path.name
    place.mkdir()
    found = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": found}
    environment.pop("MPLBACKEND", None)  # as a reader has it: pictures in the notebook
    command = [sys.executable, "-c", EXECUTE, path, place, executed]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return nbformat.read(executed, as_version=4), list(place.iterdir())


@pytest.fixture(scope="module")
def executed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "sitecustomize.py").write_text(WATCHER, encoding="utf-8")
    with two_at_a_time(request, "test_a_notebook_runs", functools.partial(execute, folder)) as done:
        yield done


@pytest.mark.slow
@pytest.mark.skipif(
    MODEL not in BUNDLES and not Path(MODEL).is_dir(),
    reason=f"NO MODEL {MODEL} IS IN nmt/pretrained YET: THE NOTEBOOKS WERE NOT RUN",
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, executed):
    notebook, left = executed(path=path)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "Warning" not in said, said
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    shows = sum("plt.show()" in cell.source for cell in notebook.cells)
    assert len(pictures) == shows, "a picture for each plt.show()"
    assert not left, "it writes to its own temporary folder"
