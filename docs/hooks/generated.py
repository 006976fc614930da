"""What pages say of options, commands, models and notebooks, made from these themselves when the site is built.

A page has a comment where it goes, such as `<!-- options of TrainingConfig -->`. Where no site is built, the comment
is not seen, and the text beside it says which command prints the same.
"""

import argparse
import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt import config as configuration
from nmt.bundle import installed
from nmt.cli import build_parser
from nmt.option import documentation
from nmt.recipe import toml

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
PLACE = re.compile(r"^<!-- (options|commands|models|notebooks)(?: of (\w+))? -->$", re.MULTILINE)
_WIDTH = "96"  # of a line of help: what a page has room for


def options(kind: str) -> str:
    """A table of the fields of a dataclass in `nmt.config` that are no tables themselves."""
    lines = ["| option | default | useful | meaning |", "|---|---|---|---|"]
    for field in dataclasses.fields(getattr(configuration, kind)):
        about = documentation(field)
        if about is None:
            continue
        default = "must be given" if field.default is dataclasses.MISSING else f"`{toml(field.default)}`"
        seldom = " *Seldom changed.*" if about.rare else ""
        lines.append(
            f"| `{field.name}` | {default} | {_useful(about.useful)} | {about.meaning.replace('|', '/')}.{seldom} |"
        )
    return "\n".join(lines)


def _useful(useful: tuple[Any, ...]) -> str:
    if not useful:
        return ""
    if isinstance(useful[0], str):
        return ", ".join(f"`{toml(one)}`" for one in useful)
    return f"{useful[0]:g} to {useful[1]:g}"


def commands(_: str) -> str:
    """The help of every command."""
    os.environ["COLUMNS"] = _WIDTH
    return "\n\n".join(
        f"## {parser.prog}\n\n```text\n{parser.format_help().rstrip()}\n```" for parser in parsers(build_parser())
    )


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the commands below one, without those that only lead to others."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                nested = list(parsers(below))
                yield from nested or [below]


def models(_: str) -> str:
    """A table of the models that come with the package."""
    lines = ["| model | parameters | size | scores | licence of the data |", "|---|---|---|---|---|"]
    for info in installed():
        scores = ", ".join(f"{name} {score:.1f}" for name, score in info.scores.items())
        name = f"[{info.name}](../nmt/pretrained/{info.folder.name}/README.md)"
        size = f"{info.size_bytes / 1e6:.1f} MB"
        lines.append(f"| {name} | {info.num_parameters / 1e6:.1f} million | {size} | {scores} | {info.licence} |")
    return "\n".join(lines)


def notebooks(_: str) -> str:
    """Title and first sentences of each notebook, with a link to it."""
    lines = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        title, _, rest = first.removeprefix("# ").partition("\n")
        about = rest.strip().partition("\n\n")[0].replace("\n", " ")
        lines.append(f"- [{title.strip()}](../notebooks/{path.name}): {about}")
    return "\n".join(lines)


_MAKERS: dict[str, Callable[[str], str]] = {
    "options": options,
    "commands": commands,
    "models": models,
    "notebooks": notebooks,
}


def filled(markdown: str) -> str:
    """A page with what its comments ask for."""
    return PLACE.sub(lambda match: _MAKERS[match[1]](match[2] or ""), markdown)


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:
    """Called by MkDocs for every page."""
    return filled(markdown)
