"""The tab that trains, as a visitor meets it; what trains is a stand-in that does in a moment what takes minutes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_browser import MODEL, Server, Visit, _missing, _serving, _visiting, browser, text_of
from test_ui_training import FAKE

import nmt

__all__ = ["browser"]
pytestmark = pytest.mark.slow

# At the start of the interpreter that should fine-tune: the stand-in runs in its place.
INSTEAD = """
if "finetune" in sys.orig_argv:
    sys.argv = ["finetune", os.environ["NMT_TEST_BUNDLE"], *sys.orig_argv[sys.orig_argv.index("finetune") + 1 :]]
    exec(open(os.environ["NMT_TEST_FAKE"]).read())
    os._exit(0)
"""
PAIRS = "Where is the station?\t駅はどこですか。\nI like cats.\t猫が好きです。\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    (folder,) = [info.folder for info in nmt.installed() if info.name == MODEL] or [None]
    if folder is None:
        _missing(f"the model {MODEL} is not in nmt/pretrained")
    place = tmp_path_factory.mktemp("training")
    (place / "fake.py").write_text(FAKE, encoding="utf-8")
    environment = {"NMT_TEST_BUNDLE": str(folder), "NMT_TEST_FAKE": str(place / "fake.py")}
    with _serving(place, "--port", "0", more=INSTEAD, **environment) as running:
        yield running


@pytest.fixture
def visit(browser: Any, server: Server) -> Iterator[Visit]:
    with _visiting(browser, server.address) as opened:
        opened.open("Train")
        opened.page.locator(".nmt-new").wait_for()
        opened.page.wait_for_function("document.querySelector('#nmt-name').value !== ''")
        yield opened
        assert opened.foreign() == []
        assert opened.complaints == []


def give(visit: Visit, text: str = PAIRS, name: str = "pairs.tsv") -> None:
    visit.page.set_input_files("#nmt-pairs", {"name": name, "mimeType": "text/plain", "buffer": text.encode()})


def start(visit: Visit, name: str, text: str = PAIRS) -> Any:
    """Start a training; returns its card."""
    give(visit, text)
    visit.page.get_by_label("Name of the new model").fill(name)
    visit.page.get_by_role("button", name="Start training").click()
    card = visit.page.get_by_role("article", name=name)
    card.wait_for()
    return card


def until(card: Any, state: str) -> None:
    card.locator(".nmt-state", has_text=state).wait_for(timeout=120_000)


def test_a_model_is_trained_set_beside_its_parent_and_used(visit: Visit, server: Server) -> None:
    assert visit.page.get_by_role("button", name="Start training").is_disabled()
    card = start(visit, "my-words")
    until(card, "Done")
    assert "only 3 pairs" in card.locator(".nmt-note").inner_text()
    assert card.locator("svg").count() == 1, "of the loss there is one value"
    assert "from 43.5 to 45.5" in card.locator("svg").get_attribute("aria-label")
    row = card.locator(".nmt-scores tbody tr").inner_text()
    assert row.split() == ["chrF", "40.0", "44.0", "+4.0", "not", "chance"]
    card.get_by_label("The same sentence through both").fill("I like cats.")
    card.get_by_role("button", name="Compare").click()
    card.locator("dd").nth(1).wait_for()
    assert "猫" in card.locator("dd").first.inner_text()
    assert card.locator("dd").all_inner_texts()[0] == card.locator("dd").all_inner_texts()[1]
    visit.page.wait_for_function("nmtPage.pairs()['my-words']")
    card.get_by_role("button", name="Use it").click()
    assert "my-words" in visit.page.locator("#model").inner_text()
    visit.page.wait_for_function("document.querySelector('#pair input').value.includes('(my-words)')")
    assert "猫" in text_of(visit.send("I like cats."))
    visit.page.reload()
    visit.turn(0)
    visit.page.wait_for_function("document.querySelector('#model')?.innerText.includes('my-words')")
    visit.page.wait_for_function("document.querySelector('#pair input').value.includes('(my-words)')")
    visit.open("Inside the LSTM")
    visit.page.locator(".nmt-inside").wait_for()
    folder = server.folder / "data" / "nmt" / "models" / "my-words"
    assert json.loads((folder / "start.json").read_text())["parent"] == MODEL


def test_it_is_stopped_and_goes_on_and_there_is_one_at_a_time(visit: Visit, server: Server) -> None:
    card = start(visit, "long", PAIRS + "wait\twait\n")
    card.locator("svg").wait_for()
    visit.page.wait_for_function("document.querySelector('.nmt-lesson progress').value > 0.3")
    assert "40 % trained" in card.locator(".nmt-now").inner_text()
    assert "Training takes at most 60 seconds" in card.locator(".nmt-now").inner_text()
    give(visit)
    assert visit.page.get_by_role("button", name="Start training").is_disabled()
    assert "One at a time: long" in visit.page.locator(".nmt-new").inner_text()
    card.get_by_role("button", name="Stop").click()
    until(card, "Stopped")
    assert visit.page.get_by_role("button", name="Start training").is_enabled()
    (server.folder / "data" / "nmt" / "models" / "long" / "run" / "let-go").touch()
    visit.page.reload()
    visit.open("Train")
    card.get_by_role("button", name="Go on").click()
    until(card, "Done")


def test_what_goes_wrong_is_said_where_it_happened(visit: Visit) -> None:
    give(visit, name="pairs.docx")
    assert "ends in .tsv, .csv, .jsonl" in visit.page.locator(".nmt-new [role=alert]").inner_text()
    give(visit, "")
    assert "is empty" in visit.page.locator(".nmt-new [role=alert]").inner_text()
    card = start(visit, "bad", "wrong")
    until(card, "Ended early")
    assert "None of the 3 pairs is usable." in card.inner_text()
    give(visit)
    visit.page.get_by_label("Name of the new model").fill("bad")
    visit.page.get_by_role("button", name="Start training").click()
    visit.page.locator(".nmt-new [role=alert]", has_text="choose another name").wait_for()
    assert len(visit.complaints) == 1 and "400 (Bad Request)" in visit.complaints.pop(), "by the browser itself"


def test_corrections_of_this_page_are_learned_from(visit: Visit, server: Server) -> None:
    folder = server.folder / "data" / "nmt"
    folder.mkdir(parents=True, exist_ok=True)
    pair = json.dumps({"ja": "猫", "en": "cat"}) + "\n"
    (folder / "corrections-ja-en.jsonl").write_text(2 * pair, encoding="utf-8")
    visit.page.reload()
    visit.open("Train")
    visit.page.get_by_label("Learn from").select_option(
        label="what was corrected on this page: 2 pairs, Japanese → English"
    )
    assert visit.page.get_by_label("Start from").input_value() == "ja-en"
    assert visit.page.locator("#nmt-name").input_value() == "ja-en-mine"
    assert not visit.page.locator(".nmt-new .nmt-drop").is_visible()
    visit.page.get_by_role("button", name="Start training").click()
    until(visit.page.get_by_role("article", name="ja-en-mine"), "Done")
    assert (folder / "models" / "ja-en-mine" / "pairs.jsonl").read_text(encoding="utf-8") == 2 * pair


def test_another_language_is_explained_and_names_follow(visit: Visit) -> None:
    assert visit.page.locator("#nmt-name").input_value().startswith("en-ja-mine")
    visit.page.get_by_label("Into", exact=True).select_option("it")
    assert visit.page.locator("#nmt-name").input_value() == "en-it-mine"
    assert "few thousand" in visit.page.locator(".nmt-new").inner_text()
    visit.page.get_by_label("Start from").select_option("en-ar")
    assert visit.page.get_by_label("Into", exact=True).input_value() == "ar"
    visit.page.get_by_label("Name of the new model").fill("own")
    visit.page.get_by_label("Into", exact=True).select_option("fr")
    assert visit.page.locator("#nmt-name").input_value() == "own", "what somebody wrote stays"


def test_what_is_missing_is_one_line_and_no_broken_form(browser: Any, tmp_path: Path) -> None:
    lacking = (
        "import importlib.util\n_find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'keras' else _find(name, *more)\n"
    )
    with _serving(tmp_path, "--port", "0", more=lacking) as second, _visiting(browser, second.address) as visit:
        visit.open("Train")
        visit.page.locator(".nmt-train .nmt-note", has_text="pip install '.[train]'").wait_for()
        assert not visit.page.locator(".nmt-new").is_visible()
        assert visit.complaints == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, server: Server, colours: str) -> None:
    screen = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "color_scheme": colours}
    with _visiting(browser, server.address, **screen) as visit:
        visit.open("Train")
        visit.page.locator(".nmt-new").wait_for()
        card = start(visit, f"phone-{colours}")
        until(card, "Done")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        nameless = visit.page.evaluate(
            """() => Array.from(document.querySelectorAll('.nmt-train :is(button, input, select)'))
                .filter(node => node.checkVisibility() && !node.labels?.length && !node.innerText?.trim())
                .map(node => node.outerHTML)"""
        )
        assert nameless == []
        assert os.listdir(server.folder / "data" / "nmt" / "models")


def test_who_comes_through_a_proxy_sees_no_tab_for_training(browser: Any, server: Server) -> None:
    with _visiting(browser, server.address, extra_http_headers={"x-forwarded-for": "203.0.113.5"}) as opened:
        opened.page.wait_for_function("document.body.classList.contains('nmt-no-training')")
        assert not opened.page.get_by_role("tab", name="Train", exact=True).is_visible()
        assert opened.page.get_by_role("tab", name="Files", exact=True).is_visible()
        opened.page.wait_for_timeout(1500)  # it would look once a second
        assert len([url for url in opened.requests if "/finetuning/" in url]) == 1
        assert opened.complaints == []
