"""The pictures of the network's inside: what is in the HTML, what cannot get into it, and how a browser shows it."""

import dataclasses
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import nmt
from nmt.config import ModelConfig
from nmt.network.forward import GATES, Layer
from nmt_ui import inside, labels, wording

TOKENS = st.lists(
    st.text(max_size=6) | st.sampled_from(["<script>", '"><img src=x>', "&amp;", "▁", "<0xE3>", "<unk>"]), max_size=5
)
WHATS = [what for _, what in inside.quantity_choices()]
TAGS = set(re.findall(r"\w+", "div section h3 p figure figcaption table caption thead tbody tr th td span bdi i ol li"))
ATTRIBUTES = {"class", "style", "scope", "lang", "role", "tabindex", "aria-label"}
NAMES = ("encoder 1 forwards", "encoder 1 backwards", "decoder 1")


def make_inspection(
    source: list[str], target: list[str], languages: tuple[str, str] = ("en", "ja"), **network: str
) -> nmt.Inspection:
    """An inspection of these tokens, an end after each side, with invented numbers."""
    config = ModelConfig(**network)
    rng = np.random.default_rng(len(source))
    source, target = [*source, "</s>"], [*target, "</s>"]
    layers = []
    for name in NAMES:
        rows = len(target if name.startswith("decoder") else source)
        hidden, cell, *gates = rng.uniform(-1, 1, (6, rows, 30))
        names = () if config.cell == "simple_rnn" else GATES[config.cell]
        parts = {
            gate: values if gate == "candidate" else abs(values) for gate, values in zip(names, gates, strict=False)
        }
        side = "target" if name.startswith("decoder") else "source"
        layers.append(Layer(name, side, hidden, cell * 3 if config.cell == "lstm" else None, parts))
    return nmt.Inspection(
        config,
        *languages,
        tuple(source),
        tuple(target),
        rng.dirichlet(np.ones(len(source)), len(target)),
        tuple(layers),
        (0.25,) * len(target),
        tuple(((token, 0.25), *((f"▁other{k}", 0.1) for k in range(7))) for token in target),
    )


class Reader(HTMLParser):
    """Collects the tables of a page, and refuses what must not be there."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[tuple[str, str]]]] = []  # of rows of (tag and scope, text)
        self.captions: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert tag in TAGS and set(values) <= ATTRIBUTES, (tag, values)
        assert "url" not in (values.get("style") or "")
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            assert tag == "td" or values.get("scope") in ("row", "col")
            self.tables[-1][-1].append((f"{tag} {values.get('scope', '')}".strip(), ""))
        elif tag == "caption":
            self.captions.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "caption" in self.open:
            self.captions[-1] += data
        elif "td" in self.open or "th" in self.open:
            kind, text = self.tables[-1][-1][-1]
            self.tables[-1][-1][-1] = (kind, text + data)


@given(TOKENS, TOKENS, st.sampled_from(NAMES), st.sampled_from(WHATS), st.sampled_from([("en", "ja"), ("ja", "en")]))
@example(["<script>alert(1)</script>"], ["'\"&<>"], "decoder 1", "cell", ("en", "ja"))
def test_every_token_is_there_and_none_is_markup(
    source: list[str], target: list[str], layer: str, what: str, languages: tuple[str, str]
) -> None:
    inspection = make_inspection(source, target, languages)
    reader = Reader(inside.panel(inspection, layer, what))
    texts = [
        [one.text for one in labels.labels(tokens, language)]
        for tokens, language in zip((inspection.source_tokens, inspection.target_tokens), languages, strict=True)
    ]
    attention, units, *steps = reader.tables
    for table, across in ((attention, texts[0]), (units, texts[layer.startswith("decoder")])):
        head, *body = table
        assert [cell for cell in head if cell[0] == "th col"] == [("th col", text) for text in across]
        for row in body:
            assert [kind for kind, _ in row] == ["th row", *["td"] * len(across)]
            assert all(text.strip() for kind, text in row if kind == "td")
    assert [row[0][1] for row in attention[1:]] == texts[1]
    assert [int(row[0][1]) for row in units[1:]] == list(inspection.most_active(layer, inside.NUM_UNITS))
    assert len(steps) == len(texts[1])
    for step, text in zip(steps, texts[1], strict=True):
        assert [cell[0] for cell in step[0]] == ["th col", "th col"]
        assert [row[0][1] for row in step[1:] if "(written)" in row[0][1]] == [f"{text} (written)"]
        assert len(step) - 1 >= 8


def test_cells_say_in_plain_words_what_they_show() -> None:
    inspection = make_inspection(["▁station", "?"], ["駅"])
    inspection.attention[0] = (0.73, 0.2699, 0.0001)
    for layer in inspection.layers:
        for values in (layer.hidden, layer.cell, *layer.gates.values()):
            values[:] = 0
            values[:, 17] = np.linspace(0.82, 0.1, len(values))
    html = inside.attention_map(inspection)
    assert "While writing “駅”, it looked at “station”: 73 %" in html
    assert "While writing “駅”, it looked at the end of the sentence: &lt; 0.1 %" in html
    expected = {
        "hidden": "holds +0.82: strongly positive",
        "cell": "remembers +0.82: strongly positive",
        "input": "takes in 82 % of what is new",
        "forget": "keeps 82 % of what it remembered",
        "candidate": "is offered +0.82: strongly positive",
        "output": "shows 82 % of its memory",
    }
    assert list(expected) == WHATS
    for what, words in expected.items():
        assert f"After reading “station”, unit 17 {words}<" in inside.state_map(inspection, NAMES[0], what)
        assert f"After reading back from the end to “station”, unit 17 {words}<" in inside.state_map(
            inspection, NAMES[1], what
        )
        assert f"While writing “駅”, unit 17 {words}<" in inside.state_map(inspection, NAMES[2], what)
        assert wording.QUANTITIES[what].explanation in inside.state_map(inspection, NAMES[2], what)


def test_what_was_written_is_listed_even_where_it_was_improbable() -> None:
    inspection = make_inspection([], ["駅"])
    inspection = dataclasses.replace(
        inspection, candidates=((("町", 0.9), *inspection.candidates[0][1:]), inspection.candidates[1])
    )
    rows = Reader(inside.candidate_lists(inspection)).tables[0]
    assert rows[1][0][1] == "町"
    assert [text for _, text in rows[-1]] == ["駅 (written)", "25 %"]


def test_the_choices_are_what_the_panel_takes() -> None:
    inspection = nmt.inspect("en-ja", "Where is the station?", "駅はどこですか。")
    assert inside.layer_choices(inspection)[0] == ("Encoder layer 1, reading forwards", "encoder 1 forwards")
    for name, layer in inside.layer_choices(inspection):
        for told, what in inside.quantity_choices():
            html = inside.panel(inspection, layer, what)
            assert f"<h3>{name}: {told[0].lower()}{told[1:].partition(':')[0]}</h3>" in html
            Reader(html)
    assert wording.layer_name("encoder 2") == "Encoder layer 2, reading"
    with pytest.raises(nmt.ConfigError, match="no layer"):
        inside.panel(inspection, "decoder 9", "hidden")


@pytest.mark.parametrize("cell", wording.CELLS)
def test_other_networks_show_what_they_have(cell: str) -> None:
    inspection = make_inspection(["▁a"], ["b"], cell=cell, attention="none")
    offered = [what for _, what in inside.quantity_choices(inspection)]
    for what, quantity in wording.QUANTITIES.items():
        html = inside.panel(inspection, NAMES[0], what)
        Reader(html)
        assert "has no attention" in html
        assert ("has no such thing" not in html) == (what in offered)
        unit = inspection.most_active(NAMES[0], 1)[0]
        assert (f"unit {unit} {quantity.says.partition(' ')[0]}" in html) == (what in offered)
    heads = make_inspection(["▁a"], ["b"], attention="multi_head")
    assert "The mean of its 4 heads." in inside.attention_map(heads)


@pytest.mark.parametrize(
    ("tokens", "language", "expected"),
    [
        (["▁Walk", "ing", ".", "</s>"], "en", ["Walk", "·ing", ".", "end"]),
        (["▁", "x", "'", "s"], "en", ["␣", "·x", "'", "·s"]),
        (["駅", "はどこ", "▁", "▁A", "。"], "ja", ["駅", "はどこ", "␣", "␣A", "。"]),
        (["<0xF0>", "<0x9F>", "<0x8E>", "<0x89>", "!"], "en", ["🎉 1/4", "🎉 2/4", "🎉 3/4", "🎉 4/4", "!"]),
        (["<0xC5>", "<0xBC>", "<0xC5>", "<0xBC>"], "ja", ["ż 1/2", "ż 2/2"] * 2),
        (["<0xE3>", "a", "<0x0A>", "<0x41>"], "ja", ["byte E3", "a", "byte 0A", "byte 41"]),
        (["<0xE2>", "<0x80>", "<0x8B>"], "ja", ["byte E2", "byte 80", "byte 8B"]),
        (["\u200b", "a\u202eb"], "ja", ["U+200B", "aU+202Eb"]),
    ],
)
def test_labels_are_for_people(tokens: list[str], language: str, expected: list[str]) -> None:
    found = labels.labels(tokens, language)
    assert [one.text for one in found] == expected
    assert {one.mark for one in found} - {""} <= set(labels.NOTES)
    inspection = make_inspection(tokens, [], (language, "ja"))
    html = inside.panel(inspection, NAMES[0], "hidden")
    for mark in {one.mark for one in found} - {""}:
        assert labels.NOTES[mark] in html


@given(st.floats(0, 1))
def test_shares_are_never_rounded_to_nothing_or_all(share: float) -> None:
    text = wording.percent(share)
    assert (text == "0 %") == (share == 0)
    assert (text == "100 %") == (share == 1)
    assert abs(float(text.removeprefix("< ").removesuffix(" %")) / 100 - share) <= 0.0051


def test_numbers_have_real_signs() -> None:
    assert [wording.number(x) for x in (1.0, -0.5, 0.001, -0.001, 2.345)] == ["+1", "−0.50", "0", "0", "+2.35"]


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, ("/usr/bin/chromium", "chromium", "google-chrome"))), None)
    if program is None:
        (pytest.fail if os.environ.get("NMT_REQUIRE_BROWSER") == "1" else pytest.skip)("there is no Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1000])
def test_pointing_shows_the_words_and_nothing_sticks_out(browser: Any, width: int) -> None:
    words = nmt.inspect(
        "en-ja", "My older sister lives in a small town near the sea and I visit her.", ""
    ).source_tokens
    html = inside.panel(make_inspection(list(words), list("私の姉は海の近く")), NAMES[2], "hidden")
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(f"<meta name=viewport content='width=device-width'><style>{inside.CSS}</style>{html}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    scrolls = page.evaluate("[...document.querySelectorAll('.scroll')].map(box => box.scrollWidth > box.clientWidth)")
    assert scrolls[0] == (width == 390)
    cell = page.locator(".attention tbody td").nth(3)
    cell.hover()
    said = cell.locator(".said")
    shown, box = said.bounding_box(), page.locator("figure").first.bounding_box()
    assert said.evaluate("e => getComputedStyle(e).clipPath") == "none"
    assert shown["x"] >= box["x"] and shown["x"] + shown["width"] <= box["x"] + box["width"] + 1
    assert said.evaluate("e => e.scrollHeight <= e.clientHeight + 1 && e.scrollWidth <= e.clientWidth + 1")
    table = page.locator(".attention").bounding_box()
    assert shown["y"] >= table["y"] + table["height"], "the words must not cover the picture"
    page.mouse.move(0, 0)
    assert said.evaluate("e => getComputedStyle(e).clipPath") != "none"
    page.close()


@pytest.mark.parametrize(("cell", "kept"), [("lstm", "cell"), ("gru", "hidden"), ("simple_rnn", "hidden")])
def test_a_network_is_asked_only_for_what_it_has(cell: str, kept: str) -> None:
    pytest.importorskip("gradio")
    from nmt_ui import inside_tab
    from nmt_ui.models import Models

    class Fake:
        def inspect(self, sentence: str, translation: str | None) -> nmt.Inspection:
            return make_inspection(["▁See", "▁Tom"], ["トム"], cell=cell)

    info = nmt.BundleInfo("x", Path(), "en", "ja", 0, 0, "", "")
    models: Any = Models({"x": info}, lambda name: Fake())  # type: ignore[arg-type,return-value]
    found = inside_tab.look(models, {"model": "x", "sentence": "See https://a.b"}, None, "cell")
    assert found.what == kept
    assert found.what in [key for _, key in inside.quantity_choices(found.inspection)]
    assert "has no such thing" not in found.panel
    assert "“https://a.b” the network reads “Tom”" in found.heading
