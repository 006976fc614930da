"""The page as a visitor meets it: `nmt ui` on the shipped model, in real Chromium, cut off from the network.

Skipped where there is no browser or no shipped model, unless NMT_REQUIRE_BROWSER=1 makes that a failure.
"""

import ast
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest

import nmt

pytestmark = pytest.mark.slow

MODEL = "en-ja"
JAPANESE = re.compile("[ぁ-ゖァ-ヺ一-鿿]")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no name leads anywhere
)
START_SECONDS = 120  # a busy machine, and Gradio takes several seconds to import on an idle one

CONNECTIONS = "connections.log"
# Run by the server's interpreter at its start: notes where it connects, and refuses everything but this machine.
WATCHER = """
import os, sys

log = open(os.environ["NMT_TEST_CONNECTIONS"], "a", buffering=1)

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        host = arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    else:
        return
    log.write(repr((event, host)) + "\\n")
    if host not in (None, "127.0.0.1", "localhost", "::1"):
        raise OSError(f"the test refuses {event} to {host}")

sys.addaudithook(watch)
"""
# And this lets it find models in a folder of the test.
INSTALLED = """
import pathlib
import nmt.bundle

nmt.bundle.PRETRAINED = pathlib.Path(os.environ["NMT_TEST_MODELS"])
"""
# Copies of the shipped model that say they are for other languages: what they translate into is Japanese all the same.
COPIES = {"ja-en": ("ja", "en"), "en-ar": ("en", "ar"), "mine": ("en", "ja")}


def _missing(what: str) -> NoReturn:
    if os.environ.get("NMT_REQUIRE_BROWSER") == "1":
        pytest.fail(f"NMT_REQUIRE_BROWSER=1, but {what}")
    pytest.skip(f"THE PAGE IS NOT TESTED: {what}")


def _chromium() -> str:
    for name in ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    _missing("there is no Chromium (on Debian: apt install chromium fonts-noto-cjk)")


@dataclass
class Server:
    """A running `nmt ui`."""

    process: subprocess.Popen[str]
    address: str
    folder: Path

    def connections(self) -> list[tuple[str, str]]:
        lines = (self.folder / CONNECTIONS).read_text(encoding="utf-8").splitlines()
        return [ast.literal_eval(line) for line in lines]

    def errors(self) -> str:
        return (self.folder / "errors.log").read_text(encoding="utf-8")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nmt", "ui", "--model", MODEL, *arguments]


@contextmanager
def _serving(folder: Path, *arguments: str, more: str = "", **environment: str) -> Iterator[Server]:
    """`nmt ui` with these arguments, watched, from a folder outside the checkout, until the block ends.

    `more` is code that each of its interpreters runs at its start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(WATCHER + INSTALLED + more, encoding="utf-8")
    models = _models(folder / "models")
    # What a user's environment may say must not matter: GRADIO_SHARE would open a tunnel, the others call home.
    names = {"GRADIO_SHARE": "True", "GRADIO_ANALYTICS_ENABLED": "True", "HF_HUB_OFFLINE": "0", "PYTHONUNBUFFERED": ""}
    variables = {
        **os.environ,
        **names,
        "PYTHONPATH": str(folder),
        "NMT_TEST_CONNECTIONS": str(folder / CONNECTIONS),
        "NMT_TEST_MODELS": str(models),
        "XDG_DATA_HOME": str(folder / "data"),
        **environment,
    }
    errors = (folder / "errors.log").open("w", encoding="utf-8")
    process = subprocess.Popen(
        _command(*arguments), cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    try:
        yield Server(process, _address(process, Path(errors.name)), folder)
    finally:
        process.kill()
        process.communicate()
        errors.close()


def _models(folder: Path) -> Path:
    """The shipped model, and copies of it for other pairs."""
    (shipped,) = (info.folder for info in nmt.installed() if info.name == MODEL)
    folder.mkdir(exist_ok=True)
    if not (folder / MODEL).exists():
        (folder / MODEL).symlink_to(shipped)
        for name, (source, target) in COPIES.items():
            (folder / name).mkdir()
            for path in shipped.iterdir():
                (folder / name / path.name).symlink_to(path)
            config = json.loads((shipped / "config.json").read_text(encoding="utf-8"))
            config |= {"name": name, "source_language": source, "target_language": target}
            (folder / name / "config.json").unlink()
            (folder / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _address(process: subprocess.Popen[str], errors: Path) -> str:
    """The address in the first line the server prints."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else "nothing"
    found = re.fullmatch(r"Translating on (http://127\.0\.0\.1:\d+) \(press Ctrl\+C to stop\)\n", line)
    assert found, f"nmt ui printed {line!r}, and {errors.read_text(encoding='utf-8')}"
    return found[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if MODEL not in [info.name for info in nmt.installed()]:
        _missing(f"the model {MODEL} is not in nmt/pretrained")
    folder = tmp_path_factory.mktemp("server")
    with _serving(folder, "--port", str(_free_port()), "--timeout", "600") as running:  # this machine may be busy
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = _chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        _missing("the package playwright is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """One visitor's page, and what happened on it besides what can be seen."""

    page: Any
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def box(self) -> Any:
        return self.page.locator("#nmt-message")

    def type(self, text: str) -> None:
        """Type a message and send it."""
        self.box.fill(text)
        self.box.press("Enter")

    def send(self, text: str) -> Any:
        """Send a message; returns the turn when it is complete."""
        count = self.page.locator(".nmt-turn").count()
        self.type(text)
        return self.turn(count)

    def turn(self, number: int) -> Any:
        """The turn of that number, when it is complete."""
        self.page.locator(".nmt-turn").nth(number).wait_for()
        self.page.wait_for_function(
            "number => !document.querySelectorAll('.nmt-turn')[number].classList.contains('nmt-working')", arg=number
        )
        return self.page.locator(".nmt-turn").nth(number)

    def said(self) -> list[str]:
        """What the visitor said."""
        return list(self.page.locator(".nmt-said-text").all_inner_texts())

    def open(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def choose(self, pair: str) -> None:
        self.page.get_by_role("combobox", name="Languages").click()
        self.page.get_by_role("option", name=pair, exact=True).click()

    def foreign(self) -> list[str]:
        own = urlsplit(self.address).netloc
        return [
            url for url in self.requests if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != own
        ]


@contextmanager
def _visiting(browser: Any, address: str, **screen: Any) -> Iterator[Visit]:
    context = browser.new_context(**({"viewport": {"width": 1200, "height": 800}} | screen))
    visit = Visit(context.new_page(), address)
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("websocket", lambda opened: visit.requests.append(opened.url))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("dialog", lambda dialog: (visit.complaints.append("a dialog"), dialog.dismiss()))
    visit.page.on(
        "console", lambda said: visit.complaints.extend([said.text] if said.type in ("error", "warning") else [])
    )
    visit.page.goto(address)
    visit.box.wait_for()
    yield visit
    context.close()


@pytest.fixture
def visit(browser: Any, server: Server) -> Iterator[Visit]:
    """A page just opened; when the test is over it must have asked nobody else, and complained of nothing."""
    with _visiting(browser, server.address) as opened:
        yield opened
        assert opened.requests
        assert opened.foreign() == []
        assert opened.complaints == []
    assert server.process.poll() is None


def text_of(turn: Any) -> str:
    return str(turn.locator(".nmt-text").inner_text())


# Chat


@pytest.mark.parametrize("example", ["Where is the station?", "How much is this?", "I have to go to sleep."])
def test_an_example_is_translated_and_another_way_to_say_it_can_be_picked(visit: Visit, example: str) -> None:
    visit.page.get_by_role("button", name=example).click()
    turn = visit.turn(0)
    translation = text_of(turn)
    assert JAPANESE.search(translation)
    assert visit.said() == [example]
    options = turn.locator(".nmt-others label")
    assert options.count() > 1
    assert options.first.locator("span").inner_text() == translation
    scores = [float(text.replace("\N{MINUS SIGN}", "-")) for text in turn.locator("small").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert turn.locator(".nmt-note").count() == 0
    other = options.nth(1).locator("span").inner_text()
    options.nth(1).click()
    assert text_of(turn) == other != translation
    options.nth(1).locator("input").press("ArrowUp")
    assert text_of(turn) == translation


def test_the_page_says_which_model_answers(visit: Visit) -> None:
    (info,) = (info for info in nmt.installed() if info.name == MODEL)
    heading = visit.page.locator("#model").inner_text()
    for part in (MODEL, f"{info.size_bytes / 1e6:.1f} MB", info.licence, info.data_credit, "leaves this computer"):
        assert part in heading
    assert visit.page.get_by_role("combobox", name="Languages").input_value() == "English → Japanese (en-ja)"


def test_several_sentences_and_lines(visit: Visit) -> None:
    turn = visit.send("Good morning! How are you?\n\nI like cats.")
    assert visit.said() == ["Good morning! How are you?\n\nI like cats."]
    lines = text_of(turn).split("\n")
    assert [bool(JAPANESE.search(line)) for line in lines] == [True, False, True]
    folded = turn.locator("details")
    assert "3 sentences" in folded.locator("summary").inner_text()
    assert folded.locator("label").count() == 0
    folded.locator("summary").click()
    folded.locator("legend").nth(2).wait_for()  # filled when the browser says that it is open
    assert folded.locator("legend").all_inner_texts() == ["Good morning!", "How are you?", "I like cats."]
    other = folded.locator("fieldset").nth(2).locator("label").nth(1)
    other.click()
    assert text_of(turn).split("\n")[2] == other.locator("span").inner_text()
    assert text_of(turn).split("\n")[0] == lines[0]


def test_shift_and_enter_break_the_line(visit: Visit) -> None:
    visit.box.press_sequentially("One.")
    visit.box.press("Shift+Enter")
    visit.box.press_sequentially("Two.")
    visit.box.press("Enter")
    visit.turn(0)
    assert visit.said() == ["One.\nTwo."]


def test_enter_within_an_input_method_sends_nothing(visit: Visit) -> None:
    visit.box.fill("にほん")
    event = {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True}
    visit.box.dispatch_event("keydown", event)
    assert visit.box.input_value() == "にほん"
    assert visit.said() == []


def test_a_plain_word_and_a_way_out_when_it_is_another_language(visit: Visit) -> None:
    turn = visit.send("駅はどこですか。")
    note = turn.locator(".nmt-note")
    assert "looks like Japanese" in note.inner_text()
    note.get_by_role("button", name="Use Japanese → English").click()
    turn = visit.turn(0)
    assert turn.locator(".nmt-note", has_text="looks like").count() == 0
    assert "Japanese → English" in turn.locator(".nmt-took").inner_text()
    assert "ja-en" in visit.page.locator("#model").inner_text()
    visit.page.wait_for_function("document.querySelector('#pair input').value == 'Japanese → English'")


HOSTILE = '<img src="https://example.com/x.png" onerror=alert(1)> <b>bold</b> **x** $$y$$ {{value}} ${1+1} & &amp;'


def test_text_is_never_html(visit: Visit) -> None:
    said = f"{HOSTILE} <script>alert(2)</script>"
    turn = visit.send(said)
    assert visit.said() == [said]
    assert "alert(1)" in text_of(turn)
    turn.locator(".nmt-word[title]").last.click()  # one that the network wrote; others may have no other words
    assert "alert(1)" in visit.page.locator(".nmt-choice").first.inner_text()
    visit.page.keyboard.press("Escape")
    turn.get_by_role("button", name="Look inside").click()
    visit.page.locator(".nmt-looked-at").wait_for()
    visit.open("Live")
    visit.page.locator("#nmt-live").fill(said)
    visit.page.locator(".nmt-live .nmt-word").first.wait_for()
    parts = visit.page.locator(".nmt-chat, .nmt-live, .nmt-looked-at, .nmt-inside")
    assert parts.count() >= 3
    for name in ("img", "b:not(.nmt-choice b)", "script", ".katex"):
        assert parts.locator(name).count() == 0
    visit.page.reload()
    visit.turn(0)
    assert visit.said() == [said]


def test_the_drawer_is_obeyed(visit: Visit) -> None:
    visit.page.get_by_role("button", name="How to search").click()
    visit.page.get_by_label("Greedy").check()
    assert visit.send("I like cats.").locator(".nmt-others").count() == 0
    visit.page.get_by_label("Beam search").check()
    beam = visit.page.get_by_role("spinbutton", name="Beam size")
    beam.fill("2")
    beam.blur()
    assert visit.send("I like cats.").locator(".nmt-others label").count() == 2
    visit.page.get_by_label("Sampling").check()
    heat = visit.page.get_by_role("spinbutton", name="Temperature")
    heat.fill("1")  # far above it many draws are gibberish, in whose place the page shows the search's own translation
    heat.blur()
    seen = {text_of(visit.send("The old man told me a long story about his dog."))}
    for _ in range(5):
        visit.page.get_by_role("button", name="Retry").last.click()
        seen.add(text_of(visit.turn(2)))
    assert len(seen) > 1, "drawn by chance"
    assert len(visit.said()) == 3


def test_nothing_happens_for_nothing_and_no_message_after_it_is_lost(visit: Visit) -> None:
    for blank in ("", "   ", "\n\n", "\u3000"):
        visit.type(blank)
        assert "first" in visit.page.locator(".nmt-hint").inner_text()
        visit.type("Hello.")  # at once
    visit.turn(3)
    assert visit.said() == ["Hello."] * 4
    for number in range(4):
        assert JAPANESE.search(text_of(visit.turn(number)))


@pytest.mark.parametrize("slowness", [1, 8])
def test_a_blank_message_never_takes_the_next_one_along(browser: Any, server: Server, slowness: int) -> None:
    """In one go, on a page that is still being laid out, by a browser that is slower than any phone."""
    with _visiting(browser, server.address) as visit:
        visit.page.context.new_cdp_session(visit.page).send("Emulation.setCPUThrottlingRate", {"rate": slowness})
        said = []
        for number in range(4):
            visit.page.reload(wait_until="commit")
            visit.box.wait_for()
            for blank in ("", "  ", "\n", "\u3000"):
                visit.type(blank)
            said.append(f"I have {number + 2} cats.")
            visit.type(said[-1])
            visit.page.locator(".nmt-said-text", has_text=said[-1]).wait_for()
            assert visit.box.input_value() == ""
            assert JAPANESE.search(text_of(visit.turn(number)))
        assert visit.said() == said


def test_two_windows_of_a_visitor_keep_what_each_has_said(visit: Visit) -> None:
    visit.send("I like cats.")
    other = Visit(visit.page.context.new_page(), visit.address)
    other.page.goto(visit.address)
    other.box.wait_for()
    assert other.said() == ["I like cats."]
    other.send("And dogs.")
    visit.send("And birds.")
    other.send("And fish.")
    assert visit.said() == ["I like cats.", "And birds."]
    visit.page.reload()
    visit.turn(3)
    assert visit.said() == ["I like cats.", "And dogs.", "And birds.", "And fish."], "in the order of time"
    other.page.locator(".nmt-turn").first.locator(".nmt-others label").nth(1).click()
    picked = text_of(other.page.locator(".nmt-turn").first)
    visit.send("And horses.")
    visit.page.reload()
    assert text_of(visit.turn(0)) == picked, "the newer state of the same message"
    visit.page.get_by_role("button", name="Clear", exact=True).click()
    other.page.wait_for_function("document.querySelectorAll('.nmt-turn').length === 0")
    other.page.reload()
    other.page.get_by_role("button", name="Where is the station?").wait_for()
    visit.page.get_by_role("button", name="Bring it back").click()
    assert len(visit.said()) == 5
    other.page.close()


def test_what_is_typed_while_a_message_is_answered_stays(visit: Visit) -> None:
    visit.type("One.")
    visit.box.press_sequentially("Two is more than one", delay=5)
    visit.turn(0)
    assert visit.box.input_value() == "Two is more than one"


def test_messages_sent_in_a_hurry_are_all_answered(visit: Visit) -> None:
    said = [f"I have {number} cats." for number in range(2, 10)]
    for text in said:
        visit.type(text)
    for number in range(len(said)):
        assert JAPANESE.search(text_of(visit.turn(number)))
    assert visit.said() == said


def test_a_message_is_edited_and_asked_again(visit: Visit) -> None:
    turn = visit.send("I like cats.")
    before = text_of(turn)
    visit.send("Good night.")
    turn.get_by_role("button", name="Edit").click()
    field = visit.page.get_by_label("Edit the message")
    field.fill("not this")
    field.press("Escape")
    assert visit.said()[0] == "I like cats."
    turn.get_by_role("button", name="Edit").click()
    field.fill("I like dogs.")
    field.press("Enter")
    turn = visit.turn(0)
    visit.page.wait_for_function("before => document.querySelector('.nmt-text').innerText != before", arg=before)
    assert visit.said() == ["I like dogs.", "Good night."]
    assert "犬" in text_of(turn)


def test_a_long_translation_grows_can_be_stopped_and_what_comes_next_is_answered(visit: Visit) -> None:
    visit.type("The weather is nice today, and I would like to go to the park with my friends.\n" * 1_000)
    visit.page.wait_for_function("document.querySelector('.nmt-working .nmt-text')?.innerText.length > 20")
    visit.page.get_by_role("button", name="Stop").click()
    turn = visit.turn(0)
    assert "Stopped here" in turn.locator(".nmt-note").inner_text()
    assert JAPANESE.search(text_of(turn)), "what there was of it stays"
    assert not visit.page.get_by_role("button", name="Stop").is_visible()
    assert JAPANESE.search(text_of(visit.send("Good morning.")))
    assert "Stopped here" in visit.page.locator(".nmt-note").inner_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("😀😀 🚉", "no words to translate"),
        ("\x00\x07", "no text in this"),
        ("Я не знаю, где вокзал.", "looks like Russian"),
        ("Where is teh station?", "Read “teh” as “the”."),
    ],
)
def test_strange_texts_get_a_clear_answer(visit: Visit, text: str, expected: str) -> None:
    assert expected in visit.send(text).locator(".nmt-note").inner_text()
    assert JAPANESE.search(text_of(visit.send("Hello.")))


def test_another_model_that_is_asked_for_goes_before_the_one_that_was_chosen_last(
    browser: Any, server: Server, tmp_path: Path
) -> None:
    with _serving(tmp_path, "--port", "0", "--model", "en-ar") as second, _visiting(browser, second.address) as visit:
        assert "en-ar" in visit.page.locator("#model").inner_text()
        visit.page.evaluate("localStorage.setItem('nmt-pair', 'ja-en'); localStorage.setItem('nmt-told', 'en-ja');")
        visit.page.reload()
        visit.page.wait_for_function("document.querySelector('#model')?.innerText.includes('en-ar')")
        visit.choose("Japanese → English")
        visit.page.reload()
        visit.page.wait_for_function("document.querySelector('#model')?.innerText.includes('ja-en')")


def test_a_hundred_thousand_characters(visit: Visit) -> None:
    sentence = "I like cats. "
    text = (sentence * (100_000 // len(sentence) + 1))[:100_000]
    visit.type(text + "!")
    assert "100,001 characters" in visit.page.locator(".nmt-hint").inner_text()
    assert visit.box.input_value() == text + "!", "nothing is lost"
    assert visit.said() == []
    visit.page.set_default_timeout(400_000)
    turn = visit.send(text)
    assert turn.locator(".nmt-note").count() == 0
    assert text_of(turn).count("猫") > 7_000
    visit.page.reload()
    assert text_of(visit.turn(0)).count("猫") > 7_000


def test_the_conversation_survives_a_reload_until_it_is_cleared(visit: Visit) -> None:
    turn = visit.send("I like cats.")
    turn.locator(".nmt-others label").nth(1).click()
    picked = text_of(turn)
    visit.send("😀")
    visit.page.reload()
    assert text_of(visit.turn(0)) == picked
    assert visit.said() == ["I like cats.", "😀"]
    assert turn.locator(".nmt-others input").nth(1).is_checked()
    assert JAPANESE.search(text_of(visit.send("And dogs.")))
    visit.box.fill("half a thou")
    visit.page.get_by_role("button", name="Clear", exact=True).click()
    visit.page.get_by_role("button", name="Where is the station?").wait_for()
    assert visit.said() == []
    assert visit.box.input_value() == ""
    visit.page.reload()
    visit.page.get_by_role("button", name="Where is the station?").wait_for()
    assert visit.said() == []
    visit.send("Yes.")
    visit.page.get_by_role("button", name="Clear", exact=True).click()
    assert visit.said() == []
    visit.page.get_by_role("button", name="Bring it back").click()
    assert visit.said() == ["Yes."]
    assert JAPANESE.search(text_of(visit.send("No.")))
    assert visit.said() == ["Yes.", "No."]


def test_copy_takes_the_translation_alone(browser: Any, server: Server) -> None:
    with _visiting(browser, server.address, permissions=["clipboard-read", "clipboard-write"]) as visit:
        turn = visit.send("Tom & Mary like cats.\n\nMe too.")
        turn.get_by_role("button", name="Copy").click()
        turn.get_by_text("Copied").wait_for()
        assert visit.page.evaluate("navigator.clipboard.readText()") == text_of(turn)


def test_visitors_do_not_see_one_another(browser: Any, server: Server, visit: Visit) -> None:
    visit.send("I have a secret.")
    with _visiting(browser, server.address) as other:
        other.send("Good night.")
        assert other.said() == ["Good night."]
    visit.send("Good day.")
    assert visit.said() == ["I have a secret.", "Good day."]


def test_unsure_words_are_marked_and_the_marks_can_be_switched_off(visit: Visit) -> None:
    visit.send("The old man told me a long story about his dog.")
    assert visit.page.locator(".nmt-chat .nmt-scale").is_visible()
    marked = visit.page.locator(".nmt-turn .nmt-p2, .nmt-turn .nmt-p3, .nmt-turn .nmt-p4").first
    line = "node => getComputedStyle(node).textDecorationLine"
    assert "sure" in marked.get_attribute("title")
    assert marked.evaluate(line) == "underline"
    switch = visit.page.get_by_role("switch", name="Mark unsure words")
    switch.uncheck()
    assert marked.evaluate(line) == "none"
    visit.page.reload()
    marked.wait_for()
    assert marked.evaluate(line) == "none"
    switch.check()
    assert marked.evaluate(line) == "underline"


def test_pairs_are_chosen_swapped_and_remembered(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Swap").click()
    visit.page.get_by_role("button", name="駅はどこですか。").wait_for()
    assert visit.box.get_attribute("lang") == "ja"
    turn = visit.send("駅はどこですか。")
    assert "Japanese → English" in turn.locator(".nmt-took").inner_text()
    visit.choose("English → Arabic")
    assert not visit.page.get_by_role("button", name="Swap").is_visible()
    turn = visit.send("שלום")
    assert turn.locator(".nmt-text").get_attribute("lang") == "ar"
    assert visit.page.locator(".nmt-said-text").last.evaluate("node => getComputedStyle(node).direction") == "rtl"
    visit.page.reload()
    visit.turn(1)
    assert "en-ar" in visit.page.locator("#model").inner_text()
    visit.page.wait_for_function("document.querySelector('#pair input').value == 'English → Arabic'")
    visit.choose("English → Japanese (mine)")
    assert "mine" in visit.page.locator("#model").inner_text()
    assert visit.send("Yes.").locator(".nmt-text").get_attribute("lang") == "ja"


# Correcting


def test_a_word_is_corrected_with_the_mouse_and_saved(visit: Visit, server: Server) -> None:
    turn = visit.send("I like cats. And you?")
    before = text_of(turn)
    turn.locator(".nmt-word").nth(1).click()
    choices = visit.page.locator(".nmt-choice")
    choices.nth(1).wait_for()
    assert visit.page.get_by_role("dialog").locator(".nmt-choice-head").inner_text().count("sure") == 1
    assert "%" in choices.first.inner_text()
    leads = choices.nth(1).locator(".nmt-leads").inner_text()
    choices.nth(1).click()
    turn.locator(".nmt-correction").wait_for()
    after = text_of(turn)
    assert after.startswith(leads) and after != before
    second = before[len(turn.locator(".nmt-pair").inner_text()) :]
    assert after.endswith(second[-3:]), "the other sentence is as it was"
    turn.get_by_role("button", name="Save this correction").click()
    turn.get_by_text("Saved in").wait_for()
    path = server.folder / "data" / "nmt" / "corrections-en-ja.jsonl"
    assert str(path) in turn.locator(".nmt-correction").inner_text()
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    assert line == {"en": "I like cats.", "ja": turn.locator(".nmt-pair").inner_text()}
    visit.page.reload()
    assert text_of(visit.turn(0)) == after
    turn.get_by_role("button", name="Take it back").click()
    assert text_of(turn) == before
    assert turn.locator(".nmt-correction").count() == 0


def test_a_word_is_corrected_from_the_keyboard_with_words_of_ones_own(visit: Visit) -> None:
    turn = visit.send("I like cats.")
    words = turn.locator(".nmt-word")
    first = words.first.inner_text()
    visit.page.locator(".nmt-log").focus()
    for _ in range(10):
        visit.page.keyboard.press("Tab")
        if words.nth(1).evaluate("node => node === document.activeElement"):
            break
    else:
        pytest.fail("the second word cannot be reached with the Tab key")
    visit.page.keyboard.press("Enter")
    choices = visit.page.locator(".nmt-choice")
    choices.first.wait_for()
    visit.page.wait_for_function("document.activeElement.classList.contains('nmt-choice')")
    visit.page.keyboard.press("Escape")
    assert visit.page.get_by_role("dialog").count() == 0
    assert words.nth(1).evaluate("node => node === document.activeElement"), "back where one was"
    visit.page.keyboard.press("ArrowLeft")
    assert words.first.evaluate("node => node === document.activeElement")
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("Enter")
    choices.first.wait_for()
    own = visit.page.get_by_label("Your own words")
    own.fill("は犬")
    own.press("Enter")
    turn.locator(".nmt-correction").wait_for()
    assert text_of(turn).startswith(f"{first}は犬")


def test_strangers_save_nothing(browser: Any, server: Server) -> None:
    """What another site's page, or a proxy, can send: the right request with the wrong headers."""
    path = server.folder / "data" / "nmt" / "corrections-en-ja.jsonl"
    before = path.read_bytes() if path.exists() else b""
    with _visiting(browser, server.address) as visit:
        save = """async headers => {
            const config = await (await fetch('config')).json();
            const part = config.components.find(one => one.props.server_fns?.includes('save'));
            const data = {model: 'en-ja', sentence: 'Spam.', translation: 'spam'};
            const body = {data, fn_name: 'save', component_id: part.id, session_hash: 'x'};
            headers = {...headers, 'content-type': 'application/json'};
            const asked = {method: 'POST', body: JSON.stringify(body), headers};
            return (await fetch('gradio_api/component_server/', asked)).json();
        }"""
        assert "error" in visit.page.evaluate(save, {"X-Forwarded-For": "203.0.113.5"})
        assert (path.read_bytes() if path.exists() else b"") == before
        assert "path" in visit.page.evaluate(save, {})


# Live


def test_a_translation_grows_while_one_types(visit: Visit) -> None:
    visit.open("Live")
    box = visit.page.locator("#nmt-live")
    box.press_sequentially("Where is the station?", delay=20)
    text = visit.page.locator(".nmt-live .nmt-text")
    visit.page.wait_for_function("document.querySelector('.nmt-live .nmt-text').innerText.includes('駅')")
    box.press_sequentially(" I like cats.", delay=20)
    visit.page.wait_for_function("document.querySelector('.nmt-live .nmt-text').innerText.includes('猫')")
    took = visit.page.locator(".nmt-live .nmt-took")
    visit.page.wait_for_function("/on screen in/.test(document.querySelector('.nmt-live .nmt-took').innerText)")
    assert re.fullmatch(r"translated in \d+ ms, on screen in \d+ ms", took.inner_text())
    times = visit.page.evaluate("performance.getEntriesByName('nmt-live').map(entry => entry.duration)")
    assert len(times) > 3
    print(
        f"keystroke to paint, ms: median {sorted(times)[len(times) // 2]:.0f}, worst {max(times):.0f}, n {len(times)}"
    )
    box.fill("")
    visit.page.wait_for_function("document.querySelector('.nmt-live .nmt-text').innerText === ''")
    assert text.inner_text() == took.inner_text() == ""


def test_what_stays_is_not_painted_again(visit: Visit) -> None:
    visit.open("Live")
    box = visit.page.locator("#nmt-live")
    box.fill("I like cats.")
    word = visit.page.locator(".nmt-live .nmt-word").first
    word.wait_for()
    word.evaluate("node => { node.isTheSame = true; }")
    box.press_sequentially(" And dogs.")
    visit.page.wait_for_function("document.querySelector('.nmt-live .nmt-text').innerText.includes('犬')")
    assert word.evaluate("node => node.isTheSame === true")


def test_live_words_are_corrected_and_stay_so_while_one_types_on(visit: Visit) -> None:
    visit.open("Live")
    box = visit.page.locator("#nmt-live")
    box.fill("I like cats.")
    visit.page.locator(".nmt-live .nmt-word").nth(1).click()
    choice = visit.page.locator(".nmt-choice").nth(1)
    leads = choice.locator(".nmt-leads").inner_text()
    choice.click()
    visit.page.locator(".nmt-correction").wait_for()
    box.press("End")
    box.press_sequentially(" Yes.")
    text = visit.page.locator(".nmt-live .nmt-text")
    visit.page.wait_for_function(
        "leads => document.querySelector('.nmt-live .nmt-text').innerText.length > leads.length", arg=leads
    )
    assert text.inner_text().startswith(leads)


def test_after_a_swap_the_translation_is_what_is_translated(visit: Visit) -> None:
    visit.open("Live")
    box = visit.page.locator("#nmt-live")
    box.fill("I like cats.")
    visit.page.locator(".nmt-live .nmt-word").first.wait_for()
    said = visit.page.locator(".nmt-live .nmt-text").inner_text()
    visit.page.get_by_role("button", name="Swap").click()
    visit.page.wait_for_function("said => document.querySelector('#nmt-live').value === said", arg=said)
    assert visit.page.locator(".nmt-pane-name").all_inner_texts() == ["Japanese", "English"]


def test_too_much_for_live_says_where_else(visit: Visit) -> None:
    visit.open("Live")
    visit.page.locator("#nmt-live").fill("a b " * 1_300)
    note = visit.page.locator(".nmt-live .nmt-note")
    note.wait_for()
    assert "use Chat or Files" in note.inner_text()
    visit.page.locator("#nmt-live").fill("Yes.")
    visit.page.locator(".nmt-live .nmt-word").first.wait_for()


# Inside the LSTM


def test_the_network_is_looked_into(visit: Visit) -> None:
    visit.open("Inside the LSTM")
    visit.page.get_by_text("write one here").wait_for()
    visit.open("Chat")
    turn = visit.send("Where is the station?")
    translation = text_of(turn)
    visit.open("Inside the LSTM")
    visit.page.locator(".nmt-inside").wait_for()
    assert visit.page.locator(".nmt-looked-at").inner_text() == f"Where is the station? → {translation}"
    pictures = visit.page.locator(".nmt-inside")
    before = pictures.inner_text()
    visit.page.get_by_role("combobox", name="Layer").click()
    visit.page.get_by_role("option").last.click()
    visit.page.wait_for_function("before => document.querySelector('.nmt-inside').innerText !== before", arg=before)
    sentence = visit.page.get_by_label("Sentence")
    sentence.fill("I like cats.")
    sentence.press("Enter")
    visit.page.wait_for_function("document.querySelector('.nmt-looked-at').innerText === 'I like cats.'")
    assert "cats" in pictures.inner_text()


def test_a_turn_is_looked_into_with_the_translation_that_was_picked(visit: Visit) -> None:
    turn = visit.send("I like cats.")
    turn.locator(".nmt-others label").nth(1).click()
    picked = text_of(turn)
    turn.get_by_role("button", name="Look inside").click()
    visit.page.locator(".nmt-looked-at").wait_for()
    assert picked in visit.page.locator(".nmt-looked-at").inner_text()
    assert visit.page.get_by_role("tab", name="Inside the LSTM").get_attribute("aria-selected") == "true"


# Files


def give(visit: Visit, name: str, content: bytes) -> None:
    visit.open("Files")
    visit.page.set_input_files("#nmt-file", {"name": name, "mimeType": "application/octet-stream", "buffer": content})


def fetch(visit: Visit) -> tuple[str, bytes]:
    link = visit.page.locator(".nmt-download")
    link.wait_for()
    with visit.page.expect_download() as waiting:
        link.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_a_file_goes_in_and_its_translation_comes_out(visit: Visit) -> None:
    give(visit, "a letter.txt", b"I like cats.\r\n\r\n  Where is the station?\r\n")
    visit.page.get_by_role("button", name="Translate the file").click()
    name, content = fetch(visit)
    assert name == "a letter.ja.txt"
    lines = content.decode().split("\r\n")
    assert [bool(JAPANESE.search(line)) for line in lines] == [True, False, True, False]
    give(visit, "page.html", b"<p>I <b>like</b> cats.</p>")
    visit.page.get_by_role("button", name="Translate the file").click()
    name, content = fetch(visit)
    assert name == "page.ja.html"
    assert JAPANESE.search(content.decode()) and b"<p>" in content


def test_a_file_is_dropped(visit: Visit) -> None:
    visit.open("Files")
    place = visit.page.locator(".nmt-drop")
    place.wait_for()
    dropped = visit.page.evaluate_handle(
        """() => { const data = new DataTransfer(); data.items.add(new File(['Yes.'], 'short.txt')); return data; }"""
    )
    place.dispatch_event("dragover", {"dataTransfer": dropped})
    place.dispatch_event("drop", {"dataTransfer": dropped})
    assert "short.txt (4 bytes)" in place.inner_text()
    visit.page.get_by_role("button", name="Translate the file").click()
    assert fetch(visit)[0] == "short.ja.txt"


def test_of_a_table_the_columns_are_named(visit: Visit) -> None:
    give(visit, "data.csv", b"id,title\n1,I like cats.\n")
    button = visit.page.get_by_role("button", name="Translate the file")
    button.click()
    note = visit.page.locator(".nmt-file-said .nmt-note")
    note.wait_for()
    assert "title" in note.inner_text()
    visit.page.get_by_label("Columns to translate").fill("title")
    button.click()
    name, content = fetch(visit)
    assert name == "data.ja.csv"
    assert content.startswith(b"id,title\n1,") and JAPANESE.search(content.decode())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.txt", b"", "empty"),
        ("big.txt", b"x" * 10_000_001, "up to 10 MB"),
        ("photo.png", b"x", "cannot be translated here"),
        ("broken.json", b"{not json", "broken.json"),
        ("broken.docx", b"PK no", "broken.docx"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_plain_words(visit: Visit, name: str, content: bytes, said: str) -> None:
    give(visit, name, content)
    button = visit.page.get_by_role("button", name="Translate the file")
    if button.is_enabled():
        button.click()
    note = visit.page.locator(".nmt-file-said .nmt-note")
    note.wait_for()
    assert said in note.inner_text()
    assert "/tmp" not in note.inner_text()
    give(visit, "good.txt", b"Yes.")
    button.click()
    assert fetch(visit)[0] == "good.ja.txt"


def test_a_file_is_stopped_and_nothing_of_it_stays(visit: Visit) -> None:
    give(
        visit, "long.txt", b"The weather is nice today, and I would like to go to the park with my friends.\n" * 20_000
    )
    visit.page.get_by_role("button", name="Translate the file").click()
    visit.page.locator(".nmt-file-said", has_text="words").wait_for()
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.locator(".nmt-file-said", has_text="Stopped.").wait_for()
    assert visit.page.get_by_role("button", name="Translate the file").is_enabled()


# Everywhere


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_tab_fits_a_phone(browser: Any, server: Server, colours: str) -> None:
    screen = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "color_scheme": colours}
    with _visiting(browser, server.address, **screen) as visit:
        long = "This is a rather long sentence, which has to be broken into several lines on a small screen."
        turn = visit.send(f"{long} https://example.com/{'x' * 80}")
        colour = visit.page.evaluate("getComputedStyle(document.querySelector('.nmt-text')).color")
        brightness = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3
        assert (brightness > 128) == (colours == "dark")
        width = "document.documentElement.scrollWidth"
        assert visit.page.evaluate(width) <= 390
        turn.locator(".nmt-word").first.tap()
        visit.page.locator(".nmt-choice").first.wait_for()
        box = visit.page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["y"] + box["height"] <= 844
        assert visit.page.evaluate("document.activeElement.tagName") != "INPUT", "no keyboard comes up"
        visit.page.get_by_role("button", name="Close").tap()
        for tab, part in (("Live", ".nmt-live"), ("Inside the LSTM", ".nmt-inside"), ("Files", ".nmt-files")):
            visit.open(tab)
            visit.page.locator(part).wait_for()
            assert visit.page.evaluate(width) <= 390, tab


def test_everything_has_a_name_for_those_who_listen(visit: Visit) -> None:
    visit.send("I like cats.")
    for tab, part in (
        ("Live", ".nmt-live"),
        ("Inside the LSTM", ".nmt-inside"),
        ("Files", ".nmt-files"),
        ("Chat", ".nmt-log"),
    ):
        visit.open(tab)
        visit.page.locator(part).wait_for()
        nameless = visit.page.evaluate(
            """() => Array.from(document.querySelectorAll('button, input, textarea, select, [role=button]'))
                .filter(node => node.checkVisibility({visibilityProperty: true}) && !node.closest('[aria-hidden=true]'))
                .filter(node => !(node.getAttribute('aria-label') || node.labels?.length || node.innerText?.trim()
                    || node.title || node.getAttribute('aria-labelledby')))
                .map(node => node.outerHTML.slice(0, 200))"""
        )
        assert nameless == [], tab
    assert visit.page.evaluate("document.documentElement.lang")


def test_a_server_that_is_gone_is_said_to_be_gone(browser: Any, tmp_path: Path) -> None:
    with _serving(tmp_path, "--port", "0") as second, _visiting(browser, second.address) as visit:
        visit.send("Yes.")
        second.process.kill()
        second.process.wait()
        visit.type("No.")
        visit.page.locator(".nmt-failed .nmt-note").wait_for(timeout=60_000)
        assert "Is nmt ui still running?" in visit.page.locator(".nmt-failed").inner_text()
        visit.open("Live")
        visit.page.locator("#nmt-live").fill("Yes.")
        visit.page.locator(".nmt-live .nmt-note").wait_for()


def test_a_page_that_asks_for_a_key_works_with_one(browser: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("0123456789abcdef\n", encoding="utf-8")
    known = {"http_credentials": {"username": "me", "password": "0123456789abcdef"}}
    with (
        _serving(tmp_path / "server", "--port", "0", "--api-keys", str(keys)) as second,
        _visiting(browser, second.address, **known) as visit,
    ):
        turn = visit.send("I like cats.")
        assert JAPANESE.search(text_of(turn))
        turn.locator(".nmt-word").first.click()
        visit.page.locator(".nmt-choice").first.wait_for()
        give(visit, "letter.txt", b"Yes.")
        visit.page.get_by_role("button", name="Translate the file").click()
        assert fetch(visit)[0] == "letter.ja.txt"
        assert visit.complaints == []


def test_the_server_talks_to_this_machine_only(visit: Visit, server: Server) -> None:
    visit.send("Nobody else may know.")
    noted = server.connections()
    assert ("socket.bind", "127.0.0.1") in noted, "the watcher is not watching"
    assert {host for _, host in noted} <= {"127.0.0.1", "localhost", "::1"}


def test_the_browser_refuses_other_hosts(browser: Any, server: Server) -> None:
    with _visiting(browser, server.address) as visit:
        blocked = "new Promise(done => document.addEventListener('securitypolicyviolation', e => done(e.blockedURI)))"
        visit.page.evaluate(f"window.blocked = {blocked}; new Image().src = 'https://example.com/pixel.png'; 0")
        assert visit.page.evaluate("window.blocked").startswith("https://example.com")


def test_the_port_comes_from_the_environment_and_stopping_is_quiet(
    browser: Any, server: Server, tmp_path: Path
) -> None:
    port = _free_port()
    with _serving(tmp_path, PORT=str(port)) as second:
        assert second.address == f"http://127.0.0.1:{port}"
        with _visiting(browser, second.address) as visit:
            visit.send("Goodbye.")
            second.process.send_signal(signal.SIGINT)  # with the page still open and connected
            said, _ = second.process.communicate(timeout=30)
        assert (second.process.returncode, said) == (0, "")
        assert "Error" not in second.errors()
        assert "ERROR" not in second.errors()


def test_a_taken_port_is_one_line(server: Server, tmp_path: Path) -> None:
    port = server.address.rpartition(":")[2]
    done = subprocess.run(_command("--port", port), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert port in line
    assert "--port" in line
