"""What the site shows besides docs/: the README as its first page, other pages of the repository, linked sources.

Links are written as they work in the repository, relative to the file they stand in. Here they are led to where the
site has the same thing, so the site needs nothing but itself.
"""

import os
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
PAGES = {  # page of the site: file of the repository
    "index.md": "README.md",
    "data.md": "data/README.md",
    "benchmarks.md": "benchmarks/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
}
FOLDERS = {"notebooks": "docs/understanding.md", "data": "data/README.md", "benchmarks": "benchmarks/README.md"}
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".js": "javascript", ".sh": "sh"}
LINK = re.compile(r"(?P<before>\]\(|\b(?:src|href)=\")(?P<target>[^)\"\s]+)(?P<after>[)\"])")
FENCE = re.compile(r"^(```+)[^\n]*\n.*?^\1\s*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def pages(root: Path = ROOT) -> dict[str, str]:
    """Pages that are not in docs/, by their place on the site; the cards of the shipped models are among them."""
    cards = sorted((root / "nmt" / "pretrained").glob("*/README.md"))
    return PAGES | {f"models/{card.parent.name}.md": card.relative_to(root).as_posix() for card in cards}


def place(path: str, known: dict[str, str], root: Path = ROOT) -> str | None:
    """Where the site has a file or folder of the repository; None where there is no such thing.

    Args:
        path: from the root of the repository.
        known: what `pages` gave.
        root: of the repository.
    """
    path = FOLDERS.get(path, path)
    if (root / path).is_dir():
        path = posixpath.join(path, "README.md")
    if not (root / path).is_file():
        return None
    rendered = f"docs/notebooks/{Path(path).stem}.html"
    if path.startswith("notebooks/") and (root / rendered).is_file():
        path = rendered
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    named = {file: page for page, file in known.items()}
    return named.get(path) or (path if path.endswith(".ipynb") else f"source/{path}.md")


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Markdown with everything but its code changed."""
    parts, end = [], 0
    for code in FENCE.finditer(text):
        parts += [change(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join((*parts, change(text[end:])))


def resolve(target: str, file: str) -> tuple[str, str] | None:
    """A link as a path from the root of the repository and an anchor; None where it leads elsewhere.

    Args:
        target: as it is written.
        file: that it stands in, from the root of the repository.
    """
    path, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:|/", target) or not path:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path)), anchor


def linked(file: str, root: Path = ROOT) -> list[str]:
    """What a Markdown file links to in the repository, as paths from its root."""
    found: list[str] = []

    def note(text: str) -> str:
        found.extend(led[0] for match in LINK.finditer(text) if (led := resolve(match["target"], file)))
        return text

    outside_code((root / file).read_text(encoding="utf-8"), note)
    return found


def led(markdown: str, file: str, page: str, known: dict[str, str]) -> str:
    """Markdown with its links led to where the site has what they name; the others stay, for MkDocs to complain of."""

    def change(match: re.Match[str]) -> str:
        there = resolve(match["target"], file)
        goal = place(there[0], known) if there else None
        if there is None or goal is None:
            return match[0]
        relative = os.path.relpath(goal, posixpath.dirname(page) or ".")
        # MkDocs turns pages into addresses in Markdown only
        relative = re.sub(r"\.md$", ".html", relative) if match["before"].endswith('"') else relative
        return match["before"] + relative + ("#" + there[1]) * bool(there[1]) + match["after"]

    return outside_code(markdown, lambda text: LINK.sub(change, text))


def source_page(path: str, root: Path = ROOT) -> str:
    """A page that shows a file of the repository."""
    text = (root / path).read_text(encoding="utf-8")
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall(r"`+", text)), 3)
    language = LANGUAGES.get(Path(path).suffix, "text")
    head = "---\nsearch:\n  exclude: true\nhide: [toc]\n---\n"
    return f"{head}# {Path(path).name}\n\n`{path}`\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Called by MkDocs once it knows what is in docs/."""
    from mkdocs.structure.files import File

    known = pages()
    for page, path in known.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    read = [
        *known.values(),
        *(f"docs/{file.src_uri}" for file in files.documentation_pages() if file.src_uri not in known),
    ]
    notebooks = {path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb")}
    for path in sorted(notebooks.union(*map(linked, read))):
        goal = place(path, known)
        if goal is None or files.get_file_from_path(goal) is not None:
            continue
        if goal.startswith("source/"):
            files.append(File.generated(config, goal, content=source_page(path)))
        elif not path.startswith("docs/"):
            files.append(File.generated(config, goal, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:
    """Called by MkDocs for every page."""
    known = pages()
    uri = page.file.src_uri
    if uri.startswith("source/"):
        return markdown
    return led(markdown, known.get(uri, f"docs/{uri}"), uri, known)
