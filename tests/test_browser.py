"""The chat page as a visitor meets it: `nmt ui` on the shipped model, in real Chromium, cut off from the network.

Skipped where there is no browser or no shipped model, unless NMT_REQUIRE_BROWSER=1 makes that a failure.
"""

import ast
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


def _missing(what: str) -> NoReturn:
    if os.environ.get("NMT_REQUIRE_BROWSER") == "1":
        pytest.fail(f"NMT_REQUIRE_BROWSER=1, but {what}")
    pytest.skip(f"THE CHAT PAGE IS NOT TESTED: {what}")


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
def _serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """`nmt ui` with these arguments, watched, from a folder outside the checkout, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(WATCHER, encoding="utf-8")
    # What a user's environment may say must not matter: GRADIO_SHARE would open a tunnel, the others call home.
    names = {"GRADIO_SHARE": "True", "GRADIO_ANALYTICS_ENABLED": "True", "HF_HUB_OFFLINE": "0", "PYTHONUNBUFFERED": ""}
    variables = {
        **os.environ,
        **names,
        "PYTHONPATH": str(folder),
        "NMT_TEST_CONNECTIONS": str(folder / CONNECTIONS),
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
    with _serving(tmp_path_factory.mktemp("server"), "--port", str(_free_port())) as running:
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

    def send(self, text: str) -> Any:
        """Type a message and send it; returns the reply when it is complete."""
        replies = self.page.locator(".bot .nmt-text")
        count = replies.count()
        box = self.page.get_by_role("textbox").first
        box.fill(text)
        box.press("Enter")
        replies.nth(count).wait_for()
        return self.reply()

    def reply(self) -> Any:
        self.page.locator(".nmt-waiting").first.wait_for(state="detached")
        return self.page.locator(".bot.message").last

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
    visit.page.on(
        "console", lambda said: visit.complaints.extend([said.text] if said.type in ("error", "warning") else [])
    )
    visit.page.goto(address)
    visit.page.get_by_role("textbox").first.wait_for()
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


@pytest.mark.parametrize("example", ["Where is the station?", "How much is this?", "I have to go to sleep."])
def test_an_example_is_translated_with_alternatives(visit: Visit, example: str) -> None:
    visit.page.get_by_text(example).click()
    visit.page.locator(".bot .nmt-text").wait_for()
    reply = visit.reply()
    translation = reply.locator(".nmt-text").inner_text()
    assert JAPANESE.search(translation)
    assert visit.page.locator(".user.message").inner_text().strip() == example
    rows = reply.locator(".nmt-choices tr")
    assert rows.count() > 1
    assert rows.first.locator("td").first.inner_text() == translation
    scores = [float(text.replace("\N{MINUS SIGN}", "-")) for text in reply.locator(".score").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert reply.locator(".nmt-note").count() == 0


def test_the_page_says_which_model_answers(visit: Visit) -> None:
    (info,) = (info for info in nmt.installed() if info.name == MODEL)
    heading = visit.page.locator(".nmt-heading").inner_text()
    for part in (
        "English → Japanese",
        MODEL,
        f"{info.size_bytes / 1e6:.1f} MB",
        info.licence,
        "Nothing you type leaves",
    ):
        assert part in heading


def test_several_sentences_and_lines(visit: Visit) -> None:
    reply = visit.send("Good morning! How are you?\n\nI like cats.")
    lines = reply.locator(".nmt-text").inner_text().split("\n")
    assert [bool(JAPANESE.search(line)) for line in lines] == [True, False, True]
    folded = reply.locator("details")
    assert "3 sentences" in folded.locator("summary").inner_text()
    assert not folded.locator("table").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("caption").all_inner_texts() == ["Good morning!", "How are you?", "I like cats."]
    assert visit.send("Thank you.").locator("tr").first.is_visible(), "the conversation goes on"


def test_a_plain_word_when_it_is_not_english(visit: Visit) -> None:
    note = visit.send("駅はどこですか。").locator(".nmt-note")
    assert "does not look like English" in note.inner_text()


def test_text_is_never_html(visit: Visit) -> None:
    said = '<img src="https://example.com/x.png" onerror=alert(1)> <b>bold</b> **x** $$y$$ {{value}} ${1+1} & &amp;'
    visit.send(said)
    assert visit.page.locator(".user.message").inner_text().strip() == said
    assert visit.page.locator("#conversation img, #conversation b, #conversation strong, .katex").count() == 0


def test_the_beam_size_is_used(visit: Visit) -> None:
    beam = visit.page.get_by_role("spinbutton")
    beam.fill("1")
    beam.blur()
    assert visit.send("I like cats.").locator("tr").count() == 1
    beam.fill("6")
    beam.blur()
    assert visit.send("I like cats.").locator("tr").count() > 1


def test_nothing_happens_for_nothing_and_clear_clears(visit: Visit) -> None:
    box = visit.page.get_by_role("textbox").first
    box.fill("   ")
    box.press("Enter")
    visit.page.wait_for_timeout(1500)
    visit.send("Hello.")  # had the empty message been sent, it would be here first
    assert visit.page.locator(".user.message").all_inner_texts() == ["Hello."]
    box.fill("half a thou")
    visit.page.get_by_role("button", name="Clear").last.click()
    visit.page.get_by_text("Where is the station?").wait_for()
    assert visit.page.locator(".user.message, .bot.message").count() == 0
    assert box.input_value() == ""
    visit.send("Yes.")
    assert visit.page.locator(".user.message").all_inner_texts() == ["Yes."], "what was cleared stays away"


def test_messages_sent_in_a_hurry_are_all_answered(visit: Visit) -> None:
    box = visit.page.get_by_role("textbox").first
    said = ["One.", "Two.", "Three."]
    for number, text in enumerate(said):
        box.fill(text)
        box.press("Enter")
        visit.page.locator(".user.message").nth(number).wait_for()  # by then the box is empty again
    visit.page.locator(".bot .nmt-text").nth(2).wait_for()
    assert visit.page.locator(".user.message").all_inner_texts() == said
    assert visit.page.locator(".nmt-waiting").count() == 0


def test_copy_takes_the_translation_alone(browser: Any, server: Server) -> None:
    with _visiting(browser, server.address, permissions=["clipboard-read", "clipboard-write"]) as visit:
        reply = visit.send("Tom & Mary like cats.")
        reply.get_by_role("button", name="Copy").click()
        reply.get_by_text("Copied").wait_for()
        assert visit.page.evaluate("navigator.clipboard.readText()") == reply.locator(".nmt-text").inner_text()


def test_visitors_do_not_see_one_another(browser: Any, server: Server, visit: Visit) -> None:
    visit.send("I have a secret.")
    with _visiting(browser, server.address) as other:
        other.send("Good night.")
        assert other.page.locator(".user.message").all_inner_texts() == ["Good night."]
    visit.send("Good day.")
    assert visit.page.locator(".user.message").all_inner_texts() == ["I have a secret.", "Good day."]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, server: Server, colours: str) -> None:
    screen = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, "color_scheme": colours}
    with _visiting(browser, server.address, **screen) as visit:
        visit.send("This is a rather long sentence, which has to be broken into several lines on a small screen.")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
        colour = visit.page.evaluate("getComputedStyle(document.querySelector('.nmt-text')).color")
        brightness = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3
        assert (brightness > 128) == (colours == "dark")


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
