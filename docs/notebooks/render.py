"""Runs the notebooks and writes each as a page that needs no program to be read: no script, nothing from elsewhere.

    pip install -e '.[dev]'                             # once
    python docs/notebooks/render.py                     # all of them
    python docs/notebooks/render.py 05_attention        # or some

`tests/test_notebooks.py` compares the code in each page with that of its notebook.
"""

import hashlib
import html
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).parents[2]
STYLE = """
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.55 system-ui, sans-serif; color: #1f2328 }
h1, h2, h3 { line-height: 1.25 } h2 { margin-top: 2.2rem } a { color: #0969da } img { max-width: 100%; height: auto }
code, pre { font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace }
pre { overflow-x: auto; margin: 0; white-space: pre }
p code, li code, td code { background: #eff1f3; padding: .1em .3em; border-radius: 4px }
.jp-CodeCell { margin: 1rem 0 } .highlight, .jp-CodeMirrorEditor { background: #f6f8fa; border-radius: 6px }
.highlight { padding: .7rem .9rem; overflow-x: auto } .jp-OutputArea-output { padding: .5rem .9rem; overflow-x: auto }
.jp-InputPrompt, .jp-OutputPrompt, .anchor-link { display: none }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border: 1px solid #d0d7de; padding: .3rem .7rem; text-align: left }
"""


def fingerprint(notebook: nbformat.NotebookNode) -> str:
    """Of the code of a notebook."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def run(notebook: nbformat.NotebookNode) -> None:
    """Run it from top to bottom, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IPYTHONDIR"] = folder
        NotebookClient(
            notebook, timeout=3600, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()


def page(notebook: nbformat.NotebookNode, pages: set[str]) -> str:
    """The whole page; links to other notebooks lead to their pages, where they are among `pages`."""

    def link(match: re.Match[str]) -> str:
        return f'href="{match[1]}.html"' if match[1] in pages else f'href="../notebooks/{match[1]}.ipynb"'

    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    body, _ = exporter.from_notebook_node(notebook)
    body = re.sub(r'href="([^"/:#]+)\.ipynb"', link, body)
    body = body.replace('href="../', 'href="../../')
    title = html.escape(notebook.cells[0].source.splitlines()[0].removeprefix("# "))
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta name="code-sha256" content="{fingerprint(notebook)}">',
        f"<title>{title}</title>",
        f"<style>{colours}{STYLE}</style>",
    ]
    return "\n".join(["<!doctype html>", '<html lang="en">', *head, body, "</html>", ""])


def main(names: list[str]) -> None:
    """Render these notebooks, or all."""
    os.environ.pop("MPLBACKEND", None)  # as a reader has it: pictures in the notebook
    here = Path(__file__).parent
    chosen = [path for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if not names or path.stem in names]
    pages = {path.stem for path in (*chosen, *here.glob("*.html"))}
    for path in chosen:
        notebook = nbformat.read(path, as_version=4)
        begin = time.monotonic()
        run(notebook)
        target = here / f"{path.stem}.html"
        target.write_text(page(notebook, pages), encoding="utf-8")
        print(f"{target.relative_to(ROOT)}: {time.monotonic() - begin:.0f} s, {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
