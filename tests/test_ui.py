"""The chat page without a browser: what it answers, what it shows, and what it lets nobody fetch."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmt
from nmt_ui import app, replies
from nmt_ui.replies import Reply, Translators, Turn, answer, format_heading, format_reply, format_score

STATION = "Where is the station?"


def make_info(name: str = "en-ja", source: str = "en", target: str = "ja", **changes: Any) -> nmt.BundleInfo:
    values: dict[str, Any] = {
        "size_bytes": 10_340_000,
        "num_parameters": 9_000_000,
        "licence": "CC BY 2.0 FR",
        "data_credit": "Tatoeba",
    }
    fixed: dict[str, Any] = {
        "name": name,
        "folder": Path("/models") / name,
        "source_language": source,
        "target_language": target,
    }
    return nmt.BundleInfo(**(fixed | values | changes))


class FakeTranslator:
    """Translates each line into its reverse; the alternatives are longer and less likely."""

    def __init__(self, info: nmt.BundleInfo, error: nmt.NmtError | None = None):
        self.info = info
        self.search = nmt.SearchConfig(length_penalty=0.7)
        self.error = error

    def translate(self, text: str, config: nmt.SearchConfig | None = None) -> nmt.Translation:
        if self.error:
            raise self.error
        config = config or nmt.SearchConfig()
        sentences = tuple(make_sentence(line, config.num_alternatives) for line in text.splitlines() if line.strip())
        lines = [line[::-1] for line in text.splitlines()]
        return nmt.Translation(text, "\n".join(lines), -0.2, sentences)


def make_sentence(source: str, num_alternatives: int) -> nmt.Sentence:
    alternatives = [
        nmt.Alternative(source[::-1] + "!" * k, -0.2 - 0.1 * k, (), (), np.zeros((0, 1)))
        for k in range(num_alternatives)
    ]
    return nmt.Sentence(source, ("</s>",), tuple(alternatives))


class Shown(HTMLParser):
    """The tags of a piece of HTML, and its text by the class of the innermost element."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self._classes: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._classes.append(dict(attrs).get("class") or tag)

    def handle_endtag(self, tag: str) -> None:
        self._classes.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((self._classes[-1], data))

    def text(self, name: str) -> str:
        return "".join(data for kind, data in self.texts if kind == name)


def test_an_answer_is_the_translation_with_its_alternatives() -> None:
    reply = answer(FakeTranslator(make_info()), f"{STATION}\n\nHow much is this?", beam_size=5)
    assert reply.text == f"{STATION[::-1]}\n\n?siht si hcum woH"
    assert reply.language == "ja"
    assert [len(sentence.alternatives) for sentence in reply.sentences] == [replies.NUM_ALTERNATIVES] * 2
    assert reply.note == ""


@pytest.mark.parametrize("beam_size", [1, 2])
def test_no_more_alternatives_than_the_beam_is_wide(beam_size: int) -> None:
    (sentence,) = answer(FakeTranslator(make_info()), STATION, beam_size).sentences
    assert len(sentence.alternatives) == beam_size


@pytest.mark.parametrize(
    ("text", "source", "noted"),
    [
        (STATION, "en", False),
        ("駅はどこですか。", "en", True),
        ("駅はどこですか。", "ja", False),
        (STATION, "ja", True),
    ],
)
def test_a_plain_word_when_the_text_is_in_another_language(text: str, source: str, noted: bool) -> None:
    reply = answer(FakeTranslator(make_info(source=source, target="de")), text, 5)
    assert bool(reply.note) == noted
    assert reply.text == text[::-1], "it is translated all the same"
    if noted:
        assert nmt.language(source).name in Shown(format_reply(reply)).text("nmt-note")


def test_an_error_is_an_answer_in_plain_words() -> None:
    reply = answer(FakeTranslator(make_info(), nmt.BundleError("weights are missing; train again")), STATION, 5)
    assert "weights are missing; train again" in reply.text
    assert not reply.sentences
    assert "nmt-copy" not in format_reply(reply), "there is no translation to copy"


def test_an_impossible_beam_size_is_an_answer_too() -> None:
    assert "beam_size" in answer(FakeTranslator(make_info()), STATION, 0).text


def test_too_long_a_text_is_refused_not_cut() -> None:
    longest = "a" * replies.MAX_CHARACTERS
    assert answer(FakeTranslator(make_info()), longest, 1).text == longest
    refused = answer(FakeTranslator(make_info()), longest + "a", 1)
    assert f"{replies.MAX_CHARACTERS + 1:,}" in refused.text
    assert "nmt translate" in refused.text


@given(text=st.text(), source=st.text(), other=st.text(), note=st.text())
def test_text_is_shown_as_it_is_and_never_as_html(text: str, source: str, other: str, note: str) -> None:
    alternatives = tuple(nmt.Alternative(t, -1.0, (), (), np.zeros((0, 1))) for t in (text, other))
    sentence = nmt.Sentence(source, (), alternatives)
    for sentences in ((sentence,), (sentence, sentence)):
        shown = Shown(format_reply(Reply(text, "ja", sentences, note)))
        assert set(shown.tags) <= {"div", "p", "details", "summary", "table", "caption", "tr", "td", "button"}
        assert shown.text("nmt-text") == text
        assert shown.text("nmt-note") == note
        assert shown.text("td") == (text + other) * len(sentences)
        assert shown.text("caption") == (source.strip() * 2 if len(sentences) == 2 else "")


def test_the_alternatives_of_one_sentence_are_open_and_of_several_folded() -> None:
    one, two = make_sentence("One.", 2), make_sentence("Two.", 2)
    assert "<details open" in format_reply(Reply("x", "ja", (one,))).replace(' class="nmt-choices"', "")
    several = format_reply(Reply("x", "ja", (one, two)))
    assert " open" not in several
    assert "2 sentences" in several


@pytest.mark.parametrize(
    ("score", "shown"), [(-0.314, "−0.31"), (-12.0, "−12.00"), (-0.001, "0.00"), (0.0, "0.00"), (-0.0, "0.00")]
)
def test_scores_have_two_decimals(score: float, shown: str) -> None:
    assert format_score(score) == shown


def test_the_heading_says_which_model_answers_and_where_it_comes_from() -> None:
    heading = format_heading(make_info(data_credit="Tatoeba & <friends>"))
    shown = Shown(heading)
    assert set(shown.tags) == {"div", "h1", "p", "strong"}
    text = "".join(data for _, data in shown.texts)
    for part in (
        "English → Japanese",
        "en-ja",
        "10.3 MB",
        "Tatoeba & <friends>",
        "CC BY 2.0 FR",
        "leaves the computer",
    ):
        assert part in text
    bare = Shown(format_heading(make_info(licence="", data_credit=""))).text("p")
    assert bare.startswith(", 10.3 MB. Nothing")


def test_each_model_is_loaded_once_however_many_ask_at_the_same_time() -> None:
    loaded: list[str] = []
    arrived = threading.Barrier(8)

    def load(name: str) -> FakeTranslator:
        loaded.append(name)
        return FakeTranslator(make_info(name))

    translators = Translators({"en-ja": make_info(), "en-de": make_info("en-de")}, load)
    assert loaded == []
    got = []

    def ask() -> None:
        arrived.wait()
        got.append(translators.get("en-ja"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == ["en-ja"]
    assert len({id(translator) for translator in got}) == 1
    assert translators.get("en-de") is not got[0]


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two installed models and one in a folder; returns the list of what was loaded."""
    known = {str(info.folder): info for info in (make_info(), make_info("en-de", "en", "de"))}
    known["mine"] = make_info(folder=Path("mine"))  # of the same name as an installed one
    known["other"] = make_info("en-fr", "en", "fr", folder=Path("other"))
    loaded: list[str] = []

    class Loader:
        @classmethod
        def load(cls, place: str | Path) -> FakeTranslator:
            loaded.append(str(place))
            folder = str(place) if str(place) in known else f"/models/{place}"
            if folder not in known:
                raise nmt.BundleError(f'no model "{place}"')
            return FakeTranslator(known[folder])

    monkeypatch.setattr(nmt, "installed", lambda: [info for place, info in known.items() if place.startswith("/")])
    monkeypatch.setattr(nmt, "Translator", Loader)
    return loaded


@pytest.mark.parametrize(
    ("model", "names", "selected"),
    [
        (None, ["en-ja", "en-de"], "en-ja"),
        ("en-de", ["en-ja", "en-de"], "en-de"),
        ("/models/en-de", ["en-ja", "en-de"], "en-de"),
        ("other", ["en-ja", "en-de", "en-fr"], "en-fr"),
        ("mine", ["en-ja", "en-de", "mine"], "mine"),
    ],
)
def test_offered_models(shelf: list[str], model: str | None, names: list[str], selected: str) -> None:
    translators, name = app.offered(model)
    assert list(translators.infos) == names
    assert name == selected
    assert len(shelf) == 1, "the chosen one, so that an error comes before the address"
    translators.get(selected)
    assert len(shelf) == 1, "and it is not loaded again"
    for other in names:
        assert translators.get(other).info is translators.infos[other]


def test_no_model_at_all(shelf: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(nmt.BundleError, match='no model "en-xx"'):
        app.offered("en-xx")
    monkeypatch.setattr(nmt, "installed", list)
    with pytest.raises(nmt.BundleError, match=r"no model is installed; .*--model FOLDER"):
        app.offered(None)


def test_a_taken_port_is_one_line_that_says_what_to_do() -> None:
    with app.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert port > 0
        with pytest.raises(nmt.ConfigError, match=rf"port {port} .*--port or the variable PORT") as caught:
            app.listen("127.0.0.1", port)
        assert "\n" not in str(caught.value)


def test_an_address_of_another_computer_is_one_line_too() -> None:
    with pytest.raises(nmt.ConfigError, match="--host must be an address of this computer"):
        app.listen("192.0.2.1", 0)


def test_importing_has_no_side_effects() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import nmt_ui.app, nmt_ui.replies;"
        "print(os.environ == before, sorted({'gradio', 'fastapi', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["True", "[]\n"]


@pytest.fixture(scope="module")
def page() -> Any:
    """`nmt_ui.page`, with Gradio's own deprecations forgiven."""
    pytest.importorskip("gradio")
    from nmt_ui import page

    return page


@pytest.fixture
def translators() -> Translators:
    infos = {"en-ja": make_info(), "ja-en": make_info("ja-en", "ja", "en"), "broken": make_info("broken")}

    def load(name: str) -> FakeTranslator:
        if name == "broken":
            raise nmt.BundleError("config.json is missing")
        return FakeTranslator(infos[name])

    return Translators(infos, load)


def test_a_message_is_shown_at_once_and_then_its_translation(page: Any, translators: Translators) -> None:
    turns = [Turn("Yes.", Reply("はい。", "ja"))]
    updates = page.respond(translators, turns, STATION, "en-ja", 5)
    waiting, box = next(updates)
    assert box == ""
    assert [message["role"] for message in waiting] == ["user", "assistant"] * 2
    assert waiting[-1]["content"][0].value == page.WAITING
    ((shown, _),) = updates
    assert turns[1].reply is not None
    assert turns[1].reply.text == STATION[::-1]
    assert Shown(shown[1]["content"][0].value).text("nmt-text") == "はい。"
    assert Shown(shown[3]["content"][0].value).text("nmt-text") == STATION[::-1]


def test_a_second_message_may_come_before_the_first_is_answered(page: Any, translators: Translators) -> None:
    turns: list[Turn] = []
    first = page.respond(translators, turns, "One.", "en-ja", 5)
    second = page.respond(translators, turns, "Two.", "en-ja", 5)
    next(first)
    next(second)
    for updates in (second, first):
        *_, (shown, _) = updates
        assert [message["content"][0]["text"] for message in shown[::2]] == ["One.", "Two."]
    assert [turn.reply.text for turn in turns if turn.reply] == [".enO", ".owT"]


def test_what_was_cleared_while_it_was_translated_stays_away(page: Any, translators: Translators) -> None:
    turns: list[Turn] = []
    updates = page.respond(translators, turns, STATION, "en-ja", 5)
    next(updates)
    assert page.clear(turns) == ([], "")
    ((shown, _),) = updates
    assert shown == []


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u3000"])
def test_nothing_happens_for_nothing(page: Any, translators: Translators, text: str) -> None:
    (update,) = page.respond(translators, [], text, "en-ja", 5)
    assert update == (page.gr.skip(),) * 2


def test_a_model_that_cannot_be_loaded_is_an_answer(page: Any, translators: Translators) -> None:
    turns: list[Turn] = []
    for model in ("broken", "en-ja"):
        list(page.respond(translators, turns, STATION, model, 5))
    first, second = (turn.reply for turn in turns)
    assert first is not None and "config.json is missing" in first.text
    assert second is not None and second.text == STATION[::-1], "the next message is translated"


def test_a_fault_of_ours_leaves_no_message_waiting_for_ever(page: Any) -> None:
    def load(name: str) -> FakeTranslator:
        raise ZeroDivisionError(name)

    updates = page.respond(Translators({"en-ja": make_info()}, load), [], STATION, "en-ja", 5)
    next(updates)
    shown, _ = next(updates)
    assert "Something went wrong" in shown[-1]["content"][0].value
    with pytest.raises(ZeroDivisionError):
        next(updates)


def test_a_message_is_escaped_since_gradio_takes_it_for_html(page: Any) -> None:
    said = "  <img src=x> & **x**\n\ty"
    (message, _) = page.messages([Turn(said)])
    assert message["content"] == [{"type": "text", "text": "  &lt;img src=x&gt; &amp; **x**\n\ty"}]


@pytest.fixture(scope="module")
def site(page: Any) -> Iterator[Any]:
    from starlette.testclient import TestClient

    translators = Translators({"en-ja": make_info()}, lambda name: FakeTranslator(make_info(name)))

    async def make() -> Any:  # where no event loop runs, Gradio makes some of its own and never closes them
        return page.site(page.build(translators, "en-ja"))

    with TestClient(asyncio.run(make())) as client:
        yield client


def test_the_page_names_no_other_host(site: Any) -> None:
    config = site.get("/config").json()
    assert config["analytics_enabled"] is False
    assert config["stylesheets"] == []
    assert config["footer_links"] == []
    assert config["run_history"] is False
    assert config["space_id"] is None
    assert "http" not in site.get("/theme.css").text.replace("http://www.w3.org/2000/svg", "")


def test_the_browser_is_told_to_refuse_every_other_host(site: Any) -> None:
    for path in ("/", "/theme.css", "/favicon.ico", "/manifest.json", "/gradio_api/upload"):
        policy = site.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        sources = {word for rule in policy.split(";") for word in rule.split()[1:]}
        assert sources <= {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}


@pytest.mark.parametrize(
    "route", ["file=https://example.com/", "proxy=https://example.com/", "upload", "runs", "vibe-code"]
)
def test_routes_the_page_does_not_need_are_closed(site: Any, route: str) -> None:
    call: Callable[..., Any]
    for call in (site.get, site.post, site.head):
        answered = call(f"/gradio_api/{route}")
        assert answered.status_code == 404
        assert answered.text in ("Not part of this page.", "")


def test_going_offline_sets_what_gradio_reads(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in page.offline.ENVIRONMENT:
        monkeypatch.setenv(name, "something else")
    page.offline.go_offline()
    from gradio import analytics

    assert not analytics.analytics_enabled()
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_a_listening_socket_is_reachable_before_the_server_runs() -> None:
    with app.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass
