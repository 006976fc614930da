"""The documentation: links lead somewhere, what it names exists, and the site builds. Examples: test_docs_examples."""

import argparse
import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

import nmt
from nmt import config
from nmt.bundle import BundleConfig
from nmt.cli import build_parser
from nmt.config import load_recipe
from nmt.option import from_dict

ROOT = Path(__file__).parent.parent
PAGES = (
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", "benchmarks/README.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "nmt" / "pretrained").glob("*/README.md")),
)
FIRST_SCREEN = 40  # lines


def hook(name: str) -> ModuleType:
    """One of the modules that MkDocs runs."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


repository, generated = hook("repository"), hook("generated")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The names that headings have as addresses, where Markdown is shown in the repository and on the site."""
    found = set()
    for heading in re.findall(r"^#+ (.+?)\s*$", prose(path), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    links = [match["target"] for match in repository.LINK.finditer(prose(path))]
    for link in links:
        if link.startswith(("https://", "mailto:")):
            continue
        assert not link.startswith(("http://", "/")), f"{link}: relative links work everywhere"
        file, _, anchor = unquote(link).partition("#")
        target = path.parent / file if file else path
        target = target / "README.md" if target.is_dir() and (target / "README.md").exists() else target
        assert target.exists(), link
        assert target.resolve().is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), f"{link}: there is {sorted(anchors(target))}"


def is_there(dotted: str) -> bool:
    """Whether a module, or a name in one, exists; nothing is imported, since that takes long for some."""
    if dotted.removeprefix("nmt.") in nmt.__all__:
        return True
    path, _, name = dotted.replace(".", "/").rpartition("/")
    if (ROOT / path / f"{name}.py").exists() or (ROOT / path / name / "__init__.py").exists():
        return True
    homes = [home for home in (ROOT / f"{path}.py", ROOT / path / "__init__.py") if home.exists()]
    return any(
        re.search(rf"^(?:def|class) {name}\b|^{name}\b", home.read_text("utf-8"), re.MULTILINE) for home in homes
    )


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_files_and_modules_that_are_named_exist(path: Path) -> None:
    if path.name == "CHANGELOG.md":
        pytest.skip("tells of what was")
    for words in re.findall(r"`([^`\n]+)`", prose(path)):
        for word in re.findall(r"(?:nmt|ui|tests|benchmarks|docs|data)/[\w/.-]*\w/?", words):
            if not words.startswith(("http", "~", "/")) and f"/{word}" not in words:
                assert (ROOT / word).exists(), word
        if re.fullmatch(r"nmt(\.\w+)+", words):
            assert is_there(words), words


def test_every_package_has_its_place_in_the_decisions() -> None:
    text = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for package in (ROOT / "nmt").glob("*/__init__.py"):
        assert f"`{package.parent.name}`" in text.partition("The packages of nmt")[2], package.parent.name


def test_every_page_has_one_title_and_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        titles = re.findall(r"^# .+$", prose(path), re.MULTILINE)
        assert len(titles) == 1, f"{named(path)}: {titles}"
        assert f": {path.relative_to(ROOT / 'docs').as_posix()}\n" in menu, f"{named(path)} is in no menu"


def test_the_first_screen_answers_what_one_asks_first() -> None:
    screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN])
    for needed in ("![", "**For**", "**Not for**", "BLEU", "4.5 MB", "one core", "make demo", "nmt translate"):
        assert needed in screen


def test_every_public_name_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    shown = {path.rpartition(".")[2] for path in re.findall(r"^::: (\S+)$", text, re.MULTILINE)}
    shown |= {name for name, value in vars(nmt.errors).items() if "errors" in shown and isinstance(value, type)}
    assert set(nmt.__all__) - {"__version__"} <= shown, "docs/python.md does not show them"


@pytest.mark.parametrize("kind", ["Recipe", "DataConfig", "ModelConfig", "TrainingConfig", "SearchConfig"])
def test_the_recipe_page_has_every_option(kind: str) -> None:
    page = generated.filled((ROOT / "docs" / "recipe.md").read_text(encoding="utf-8"))
    assert generated.options(kind) in page
    for field in dataclasses.fields(getattr(config, kind)):
        if not dataclasses.is_dataclass(field.default_factory):
            assert f"| `{field.name}` | " in page, f"{kind}.{field.name} has no documentation"


def test_the_recipes_that_are_shown_are_recipes(tmp_path: Path) -> None:
    (shown,) = re.findall(
        r"^```toml\n(.*?)^```$", (ROOT / "docs/recipe.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "recipe.toml").write_text(shown, encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.toml").training.hours == 1.5
    for part in re.findall(
        r"^```toml\n(.*?)^```$", (ROOT / "data/README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        ((table, values),) = tomllib.loads(part).items()
        from_dict({"data": config.DataConfig}[table], values, "data/README.md")


def test_the_bundle_that_is_shown_is_one() -> None:
    text = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
    values = json.loads(re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0])
    assert values.keys() == {"format_version"} | {field.name for field in dataclasses.fields(BundleConfig)}
    shipped = json.loads((ROOT / "nmt/pretrained/en-ja/config.json").read_text(encoding="utf-8"))
    for name in values["sha256"].keys() | {"source.model", "README.md", "config.json", "weights.safetensors"}:
        assert f"`{name}`" in text
    assert values["num_parameters"] == shipped["num_parameters"]


def test_every_format_is_told() -> None:
    text = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
    assert not [end for end in nmt.FORMATS if f"`.{end}`" not in text]


def test_every_command_is_on_its_page() -> None:
    page = generated.commands("")
    found = list(generated.parsers(build_parser()))
    assert {"nmt translate", "nmt data prepare", "nmt ui"} <= {parser.prog for parser in found}
    for parser in found:
        assert f"\n## {parser.prog}\n" in f"\n{page}"
    assert all(isinstance(parser, argparse.ArgumentParser) for parser in found)


def test_models_and_notebooks_are_listed() -> None:
    assert "[en-ja](../nmt/pretrained/en-ja/README.md)" in generated.models("")
    listed = generated.notebooks("")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(../notebooks/{path.name})" in listed


def test_links_are_led_to_the_pages_of_the_site() -> None:
    known = {"index.md": "README.md", "data.md": "data/README.md"}
    text = (
        "See [a](docs/faq.md#x), [b](data/README.md), [c](LICENSE), [d](https://x.org) `[e](data/README.md)` "
        '<img src="docs/images/page.png">'
    )
    assert repository.led(text, "README.md", "index.md", known) == (
        "See [a](faq.md#x), [b](data.md), [c](source/LICENSE.md), [d](https://x.org) `[e](data/README.md)` "
        '<img src="images/page.png">'
    )
    back = "[a](../../README.md#start) [b](../network.md) [c](../no-such-page.md) [d](#here)"
    assert repository.led(back, "docs/decisions/README.md", "decisions/README.md", known) == (
        "[a](../index.md#start) [b](../network.md) [c](../no-such-page.md) [d](#here)"
    )


class _Resources(HTMLParser):
    """What a page of the site loads, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and given.get("src"):
            self.loaded.append(given["src"] or "")
        elif tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(given.get("href") or "")
        elif tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What make docs builds."""
    place = tmp_path_factory.mktemp("site") / "site"
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", place)
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
    return place


@pytest.mark.slow
def test_the_site_is_whole_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if "notebooks" not in page.parts]
    assert {"index.html", "python.html", "benchmarks.html", "changes.html"} <= {page.name for page in pages}
    for page in pages:
        found = _Resources()
        found.feed(page.read_text(encoding="utf-8"))
        for link in found.loaded:
            assert not re.match(r"[a-z]+:|//", link) or link.startswith("data:"), f"{page.name} loads {link}"
        for link in (*found.loaded, *found.links):
            if not re.match(r"[a-z]+:|//|#", link) and page.name != "404.html":
                target = page.parent / unquote(link).partition("#")[0].partition("?")[0]
                assert target.exists(), f"{page.relative_to(site)} leads to {link}"
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_site_says_what_options_and_classes_mean(site: Path) -> None:
    recipe = (site / "recipe.html").read_text(encoding="utf-8")
    assert "target tokens in a batch" in recipe and "<!-- options" not in recipe
    python = (site / "python.html").read_text(encoding="utf-8")
    assert "Hypotheses kept in the search; 1 is greedy. Useful: 1 to 12." in python
    assert "option(" not in re.sub(r"<[^>]+>", "", python), "the default of a field is shown, not how it is written"
    assert (site / "search" / "search_index.js").exists(), "search works in pages that are opened as files"
