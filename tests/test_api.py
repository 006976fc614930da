"""The HTTP interface: what the clients of LibreTranslate rely on, what is refused and how, and that nothing leaks."""

import asyncio
import base64
import contextlib
import html.parser
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmt
from nmt.cli import build_parser
from nmt_ui import app, detect
from nmt_ui.models import Models
from nmt_ui.settings import ServerConfig, read_keys

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from nmt_ui.api import files, markup, parts, translating
from nmt_ui.api.gate import Gate, Keys, RateLimit, Refused
from nmt_ui.api.routes import build
from nmt_ui.api.work import AbandonedError, BusyError, LateError, Stop, Work

HELLO = {"q": "Good morning!", "source": "en", "target": "ja"}
JSON = {"content-type": "application/json"}
KEY = "0123456789abcdef"


def make_info(name: str, source: str, target: str) -> nmt.BundleInfo:
    return nmt.BundleInfo(name, Path("/models") / name, source, target, 1_000, 10, "CC0", "someone")


class FakeTranslator:
    """Translates into capital letters; the k-th alternative has k exclamation marks. Each line is a sentence."""

    def __init__(self, info: nmt.BundleInfo):
        self.info = info
        self.search = nmt.SearchConfig()
        self.calls: list[tuple[list[str], nmt.SearchConfig]] = []
        self.hold: threading.Event | None = None
        self.error: Exception | None = None
        self.started = threading.Semaphore(0)

    def translate_batch(self, texts: Sequence[str], config: nmt.SearchConfig | None = None) -> list[nmt.Translation]:
        config = config or self.search
        self.calls.append((list(texts), config))
        self.started.release()
        if self.hold is not None:
            assert self.hold.wait(30)
        if self.error is not None:
            raise self.error
        return [self._one(text, config.num_alternatives) for text in texts]

    def _one(self, text: str, num_alternatives: int) -> nmt.Translation:
        sentences = []
        for line in text.split("\n"):
            if core := line.strip():
                versions = [core.upper() + "!" * k for k in range(num_alternatives)]
                found = tuple(nmt.Alternative(one, -0.1, (), (), np.zeros((0, 1))) for one in versions)
                sentences.append(nmt.Sentence(core, (), found))
        return nmt.Translation(text, text.upper(), -0.1, tuple(sentences))


OPEN = Gate(Keys(frozenset()), RateLimit(0))


class Site:
    """A client of the interface on three models, and what stands behind it."""

    def __init__(self, folder: Path, num_workers: int = 4, keys: frozenset[str] = frozenset(), **settings: Any):
        infos = [make_info("en-ja", "en", "ja"), make_info("ja-en", "ja", "en"), make_info("en-de", "en", "de")]
        self.fakes = {info.name: FakeTranslator(info) for info in infos}
        self.loaded: list[str] = []
        self.config = ServerConfig(**settings)
        self.work = Work(self.config.max_waiting, num_workers)
        models: Any = Models({info.name: info for info in infos}, self._load)
        gate = Gate(Keys(keys), RateLimit(self.config.requests_per_minute))
        self.app = build(models, self.config, gate, self.work, folder)
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def _load(self, name: str) -> Any:
        self.loaded.append(name)
        return self.fakes[name]

    def post(self, said: dict[str, Any] | None = None, path: str = "/translate", **changes: Any) -> Any:
        return self.client.post(path, json={**(HELLO if said is None else said), **changes})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def error_of(response: Any, status: int) -> str:
    """The message of an error, which has the shape that LibreTranslate's clients read."""
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    assert response.headers["content-type"] == "application/json"
    return str(response.json()["error"])


# What is translated


def test_a_text(site: Site) -> None:
    assert site.post().json() == {"translatedText": "GOOD MORNING!"}
    assert site.fakes["en-ja"].calls[0][1] == nmt.SearchConfig()


def test_a_list_gives_a_list(site: Site) -> None:
    answer = site.post(q=["One.", "", "Two.\nThree."]).json()
    assert answer == {"translatedText": ["ONE.", "", "TWO.\nTHREE."]}
    assert site.post(q=["One."]).json() == {"translatedText": ["ONE."]}


@pytest.mark.parametrize("how", ["json", "form", "multipart", "address", "both"])
def test_every_way_to_say_it(site: Site, how: str) -> None:
    said = {**HELLO, "q": "Say 日本 & 100% + é"}
    ways: dict[str, dict[str, Any]] = {
        "json": {"json": said},
        "form": {"data": said},
        "multipart": {"files": {name: (None, value) for name, value in said.items()}},
        "address": {"params": said},
        "both": {"params": {**said, "q": "other"}, "data": {"q": said["q"]}},
    }
    response = site.client.post("/translate", **ways[how])
    assert response.json() == {"translatedText": "SAY 日本 & 100% + É"}


def test_a_form_has_several_texts_and_the_line_breaks_of_forms(site: Site) -> None:
    response = site.client.post("/translate", data={**HELLO, "q": ["a\r\nb", "c"]})
    assert response.json() == {"translatedText": ["A\nB", "C"]}


@pytest.mark.parametrize(("num", "beam"), [(1, 5), (4, 5), (7, 8)])
def test_alternatives(site: Site, num: int, beam: int) -> None:
    answer = site.post(alternatives=num).json()
    assert answer["alternatives"] == ["GOOD MORNING!" + "!" * k for k in range(1, num + 1)]
    assert site.fakes["en-ja"].calls[0][1] == nmt.SearchConfig(beam_size=beam, num_alternatives=num + 1)
    lists = site.post(q=["a", "b"], alternatives=num).json()["alternatives"]
    assert [found[0] for found in lists] == ["A!", "B!"]


def test_alternatives_of_several_sentences_keep_what_is_between(site: Site) -> None:
    answer = site.post(q=" One.\n\n  Two.\n", alternatives=2).json()
    assert answer["translatedText"] == " ONE.\n\n  TWO.\n"
    assert answer["alternatives"] == [" ONE.!\n\n  TWO.!\n", " ONE.!!\n\n  TWO.!!\n"]


@pytest.mark.parametrize(
    ("source", "target", "model"), [("en", "de", "en-de"), ("EN", "JA", "en-ja"), ("en-US", "ja_JP", "en-ja")]
)
def test_codes_are_taken_as_they_are_meant(site: Site, source: str, target: str, model: str) -> None:
    assert site.post(source=source, target=target).json() == {"translatedText": "GOOD MORNING!"}
    assert site.loaded == [model]


def test_each_model_is_loaded_once_however_many_ask(tmp_path: Path) -> None:
    site = Site(tmp_path, num_workers=16)
    barrier = threading.Barrier(12)

    def ask() -> None:
        barrier.wait()
        assert site.post().status_code == 200

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.loaded == ["en-ja"]


def test_into_its_own_language_a_text_stays(site: Site) -> None:
    assert site.post(target="en").json() == {"translatedText": HELLO["q"]}
    assert site.loaded == []


@pytest.mark.parametrize(
    ("text", "target", "detected"),
    [("駅はどこですか。", "en", "ja"), ("Where is the station?", "ja", "en"), ("駅はどこですか。", "ja", "ja")],
)
def test_the_source_is_detected(site: Site, text: str, target: str, detected: str) -> None:
    answer = site.post({"q": text, "source": "auto", "target": target}).json()
    assert answer["detectedLanguage"]["language"] == detected
    assert 50 < answer["detectedLanguage"]["confidence"] <= 100
    assert answer["translatedText"] == (text if detected == target else text.upper())
    several = site.post({"q": [text, text], "source": "auto", "target": target}).json()
    assert [one["language"] for one in several["detectedLanguage"]] == [detected] * 2


def test_a_detected_language_that_is_not_installed(site: Site) -> None:
    said = {"q": "Bonjour, je voudrais un café, s'il vous plaît.", "source": "auto", "target": "ja"}
    assert "looks like French" in error_of(site.post(said), 400)


def test_a_text_in_the_wrong_language_is_translated_with_a_warning(site: Site) -> None:
    answer = site.post(q="駅はどこですか。").json()
    assert "does not look like English" in answer["warning"]
    assert answer["translatedText"] == "駅はどこですか。"


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("Where is the station?", "en"),
        ("駅はどこですか。", "ja"),
        ("Wo ist der Bahnhof?", "de"),
        ("Où est la gare ?", "fr"),
    ],
)
def test_detect(site: Site, text: str, best: str) -> None:
    found = site.client.post("/detect", data={"q": text}).json()
    assert found[0]["language"] == best
    assert [one["confidence"] for one in found] == sorted((one["confidence"] for one in found), reverse=True)
    assert all(set(one) == {"language", "confidence"} for one in found)


@pytest.mark.parametrize("text", ["😀😀", "12345", " ", "\x00"])
def test_without_letters_no_language_is_likely(site: Site, text: str) -> None:
    (found,) = site.client.post("/detect", json={"q": text}).json()
    assert found["confidence"] == 0.0
    assert site.post({"q": text, "source": "auto", "target": "ja"}).json()["translatedText"] == text


def test_detection_on_short_sentences(sample: Any) -> None:
    right = total = 0
    for texts, code in ((sample.sources, "en"), (sample.targets, "ja")):
        for text in texts:
            total += 1
            right += detect.detect(text, sorted(detect.LANGUAGES))[0].language == code
    assert right / total > 0.98


# What is refused


@pytest.mark.parametrize("missing", ["q", "source", "target"])
@pytest.mark.parametrize("empty", [True, False])
def test_missing_parameters(site: Site, missing: str, empty: bool) -> None:
    said = {name: value for name, value in HELLO.items() if name != missing} | ({missing: ""} if empty else {})
    assert error_of(site.post(said), 400) == f"Invalid request: missing {missing} parameter"
    assert error_of(site.client.post("/translate", data=said), 400) == f"Invalid request: missing {missing} parameter"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"q": 5}, "neither a text nor a list"),
        ({"q": ["a", None]}, "neither a text nor a list"),
        ({"q": {"a": "b"}}, "neither a text nor a list"),
        ({"q": []}, "missing q"),
        ({"q": "\ud800"}, "surrogate"),
        ({"source": ["en"]}, "source parameter is not a text"),
        ({"target": "xx"}, "xx is not supported; installed are de, en, ja"),
        ({"source": "zz" * 5_000}, "zz is not supported"),
        ({"source": "de"}, "Japanese (ja) is not available as a target language from German (de)"),
        ({"format": "docx"}, "docx format is not supported"),
        ({"alternatives": "many"}, "alternatives parameter is not a number"),
        ({"alternatives": [1]}, "alternatives parameter is not a number"),
        ({"alternatives": 11}, "must be <= 10"),
    ],
)
def test_impossible_parameters(site: Site, changes: dict[str, Any], reason: str) -> None:
    message = error_of(site.client.post("/translate", content=json.dumps({**HELLO, **changes}), headers=JSON), 400)
    assert reason in message
    assert len(message) < 300
    assert site.loaded == []


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b'{"q": "\xff\xfe"}', "application/json", "the body is not UTF-8 (byte 7)"),
        (b"q=%ff%fe&source=en&target=ja", "application/x-www-form-urlencoded", "the form is not UTF-8"),
        (b"q=\xff&source=en&target=ja", "application/x-www-form-urlencoded", "the form is not UTF-8"),
        (b'{"q": "a"', "application/json", "Invalid JSON format"),
        (b'["q"]', "application/json", "expected an object"),
        (b"[" * 100_000, "application/json", "Invalid JSON format"),
        (b'{"q": NaN}', "application/json", "Invalid JSON format"),
        (b"", "application/json", "Invalid JSON format"),
        (b'{"q": "a"}', "text/plain", "send JSON"),
        (b"&a=" * 2_000, "application/x-www-form-urlencoded", "more than 1,000 fields"),
        (b"nonsense", "multipart/form-data; boundary=x", "Invalid request"),
        (b"nonsense", "multipart/form-data", "Invalid request"),
    ],
)
def test_broken_bodies(site: Site, body: bytes, kind: str, reason: str) -> None:
    assert reason in error_of(site.client.post("/translate", content=body, headers={"content-type": kind}), 400)


def test_a_text_as_long_as_allowed_and_one_character_more(tmp_path: Path) -> None:
    site = Site(tmp_path, max_text_length=1_000)
    assert site.post(q="😀" * 1_000).json() == {"translatedText": "😀" * 1_000}
    assert error_of(site.post(q="a" * 1_001), 413) == "Invalid request: request (1001) exceeds text limit (1000)"
    assert "exceeds" in error_of(site.post(q=["a" * 500, "a" * 501]), 413)


def test_a_hundred_thousand_characters(site: Site) -> None:
    text = "A sentence of some length. And another one!\n" * 2_300
    assert len(text) > 100_000
    text = text[:100_000]
    translated = site.post(q=text).json()["translatedText"]
    assert translated.replace(" ", "") == text.upper().replace(" ", ""), "Japanese has no space between sentences"
    assert max(sum(map(len, texts)) for texts, _ in site.fakes["en-ja"].calls) <= translating.BATCH


def test_a_body_too_large_is_refused_whether_or_not_it_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, max_text_length=100)
    body = json.dumps({**HELLO, "q": "a" * 100_000}).encode()
    assert "Request too large" in error_of(site.client.post("/translate", content=body, headers=JSON), 413)
    chunks = (body[k : k + 1_000] for k in range(0, len(body), 1_000))
    assert "Request too large" in error_of(site.client.post("/translate", content=chunks, headers=JSON), 413)


def test_a_200_mb_upload_is_refused_and_never_in_memory(site: Site, tmp_path: Path) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield head
        for _ in range(200):
            sent += 1_000_000
            yield b"a" * 1_000_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert "10,065,536 bytes" in error_of(site.client.post("/translate_file", content=body(), headers=headers), 413)
    assert list(tmp_path.iterdir()) == []


def test_other_methods_and_paths(site: Site) -> None:
    assert error_of(site.client.get("/translate"), 405) == "Method Not Allowed"
    assert error_of(site.client.get("/nothing"), 404) == "Not Found"


def test_control_characters_come_back_as_text(site: Site) -> None:
    text = "a\x00b\x07\x1b[31mc\u202ed"
    assert site.post(q=text).json() == {"translatedText": text.upper()}


def test_markup_in_a_text_is_text(site: Site) -> None:
    said = "<script>alert(1)</script> & <b>x</b>"
    response = site.post(q=said)
    assert response.json() == {"translatedText": said.upper()}
    assert response.headers["content-type"] == "application/json"


def test_an_error_of_the_translator(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.fakes["en-ja"].error = nmt.BundleError("the weights are gone")
    assert error_of(site.post(), 500) == "Cannot translate text: the weights are gone"
    site.fakes["en-ja"].error = ZeroDivisionError("secret")
    assert "secret" not in error_of(site.post(), 500)
    site.fakes["en-ja"].error = None
    assert site.post().status_code == 200


# HTML


def translate_html(text: str) -> str:
    fake: Any = FakeTranslator(make_info("en-ja", "en", "ja"))
    (answer,) = translating.translate(fake, [text], html=True, num_alternatives=0, stop=Stop())
    return answer.text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>Hello</p>", "<p>HELLO</p>"),
        ("Hello <b>big</b> world", "HELLO <b>BIG</b> WORLD"),
        ("<b>One</b> two", "<b>ONE</b> TWO"),
        ('<P CLASS="a>b" id=x > Hi \n there</P >', '<P CLASS="a>b" id=x > HI THERE</P >'),
        ("a &lt;b&gt; &amp; c", "A &lt;B&gt; &amp; C"),
        ("<script>alert('hi')</script>Hi", "<script>alert('hi')</script>HI"),
        (
            "<style>p { color: red }</style><!-- note --><p>x</p>",
            "<style>p { color: red }</style><!-- note --><p>X</p>",
        ),
        ("<pre>keep <b>this</b></pre> go", "<pre>keep <b>this</b></pre> GO"),
        ('<span translate="no">Acme</span> is big', '<span translate="no">Acme</span> IS BIG'),
        ('<div class="notranslate">a<div>b</div>c</div>d', '<div class="notranslate">a<div>b</div>c</div>D'),
        ("one<br>two", "ONE<br>TWO"),
        ("a < b", "A &lt; B"),
        ("x <a href='unclosed", "X <a href='unclosed"),
        ("<script>never closed <b>", "<script>never closed <b>"),
        ("<img src=x onerror=alert(1)>hi", "<img src=x onerror=alert(1)>HI"),
        ("12 <b>34</b>", "12 <b>34</b>"),
        ("<!DOCTYPE html><title>t</title>", "<!DOCTYPE html><title>T</title>"),
        ("<b><i>Nested</i> deep</b> tags", "<b><i>NESTED</i> DEEP</b> TAGS"),
        ("", ""),
    ],
)
def test_html_keeps_its_tags(source: str, expected: str) -> None:
    assert translate_html(source) == expected


def test_html_is_asked_for(site: Site) -> None:
    answer = site.post(q="<p>Hi</p>", format="html", alternatives=2).json()
    assert answer == {"translatedText": "<p>HI</p>", "alternatives": []}
    assert site.post(q="<p>Hi</p>").json() == {"translatedText": "<P>HI</P>"}
    japanese = {"q": '<p class="the station is where">駅</p>', "source": "auto", "target": "en", "format": "html"}
    assert site.post(japanese).json()["detectedLanguage"]["language"] == "ja"


def test_tags_move_with_their_words() -> None:
    (run,) = (part for part in markup.parse("I <b>love</b> cats") if isinstance(part, markup.Run))
    assert run.texts() == ["I love cats", "I", "love", "cats"]
    assert run.translated(["猫が大好き", "私", "大好き。", "猫"]) == "猫が<b>大好き</b>"
    assert run.translated(["猫を愛する", "私", "大好き", "猫"]) == "私 <b>大好き</b> 猫"


@given(st.text("<>/!-ab\"'= &;\n", max_size=60))
def test_html_that_is_parsed_is_whole(source: str) -> None:
    assert (
        "".join(
            f"{part.before}{''.join(token.raw for token in part.tokens)}{part.after}"
            if isinstance(part, markup.Run)
            else part
            for part in markup.parse(source)
        )
        == source
    )


class Tags(html.parser.HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append(tag)


@given(st.lists(st.sampled_from(["<b>", "</b>", "<p>", "</p>", "a", " ", "&lt;script&gt;", "x < y", "<br>"])))
def test_translating_html_makes_no_new_tags(pieces: list[str]) -> None:
    source = "".join(pieces)
    assert Tags(translate_html(source)).found == Tags(source).found


@pytest.mark.parametrize("unit", ["<a ", "<!--", "<pre ", "<b>", '<a b="', "<a b='", "= ", "&", "<", "<pre>", "</"])
def test_no_html_takes_long(unit: str) -> None:
    start = time.process_time()
    markup.parse(unit * (100_000 // len(unit)))
    assert time.process_time() - start < 5


# Parts


@given(st.text("aA.!? \n。「」」\t\u3000"))
def test_parts_are_the_text(text: str) -> None:
    divided = parts.split(text)
    assert "".join(divided) == text
    assert "".join(parts.merged(divided, 10)) == text
    assert [part for batch in parts.batches(divided, 10) for part in batch] == divided


@pytest.mark.parametrize(
    ("text", "divided"),
    [
        ("The first one. The second one.", ["The first one. The second one."]),
        ("This is plain. The next.", ["This is plain. ", "The next."]),
        ("Mr. Smith is here. He waits.", ["Mr. Smith is here. He waits."]),
        ("Really? Yes, really!", ["Really? ", "Yes, really!"]),
        ("はい。「いいえ。」そう。", ["はい。", "「いいえ。」そう。"]),
        ("a\n\n b", ["a\n", "\n", " b"]),
    ],
)
def test_a_part_ends_where_there_is_no_doubt(text: str, divided: list[str]) -> None:
    assert parts.split(text) == divided


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path) -> Iterator[Any]:
    yield nmt.Translator.load(tiny_bundle, num_threads=1)


TEXTS = [
    "Good morning! How are you today? I like cats.",
    "This is plain. The next one follows. Mr. Smith said so.\n\n  - A list. With points.\n1. And numbers!\n",
    "はい。いいえ。そうです。",
    " Space at both ends. Really! Yes, really.  ",
    "\t\n \n",
    "a" * 100 + ". B" + "b" * 100,
]


@pytest.mark.parametrize("text", TEXTS)
def test_parts_say_together_what_the_whole_says(tiny: Any, text: str) -> None:
    whole = tiny.translate(text).text
    streamed = list(translating.stream(tiny, text, Stop()))
    assert "".join(piece.source for piece in streamed) == text
    assert "".join(piece.text for piece in streamed) == whole
    (answer,) = translating.translate(tiny, [text], html=False, num_alternatives=0, stop=Stop())
    assert answer == translating.Answer(whole)
    (several,) = translating.translate(tiny, [text], html=False, num_alternatives=2, stop=Stop())
    assert len({several.text, *several.alternatives}) == 1 + len(several.alternatives)


@pytest.mark.parametrize("text", ["", "😀🎉", "\x00\x1b[0m\x7f", "\ufffd", "<script>alert(1)</script>", "ก" * 50])
def test_odd_texts_on_a_real_model(tiny: Any, text: str, tmp_path: Path) -> None:
    infos = {"tiny": tiny.info}
    with (
        Work(1, 1) as work,
        TestClient(build(Models(infos, lambda name: tiny), ServerConfig(), OPEN, work, tmp_path)) as client,
    ):
        response = client.post("/translate", json={**HELLO, "q": [text]})
    assert response.status_code == 200
    (translated,) = response.json()["translatedText"]
    assert isinstance(translated, str)
    if not re.search(r"[^\W\d_]", text):
        assert translated == text


# The stream


def events_of(response: Any) -> list[tuple[str, dict[str, Any]]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stream_of_sentences(site: Site, method: str) -> None:
    said = {**HELLO, "q": "Really? Yes, really!\nGo."}
    how: dict[str, Any] = {"params": said} if method == "GET" else {"json": said}
    *sentences, (last, done) = events_of(site.client.request(method, "/translate/stream", **how))
    assert [event for event, _ in sentences] == ["sentence"] * 3
    assert [data["index"] for _, data in sentences] == [0, 1, 2]
    assert [data["source"] for _, data in sentences] == ["Really? ", "Yes, really!\n", "Go."]
    assert "".join(data["translatedText"] for _, data in sentences) == done["translatedText"]
    assert (last, done) == ("done", {"translatedText": "REALLY?YES, REALLY!\nGO."})


def test_a_stream_detects_and_refuses_like_the_rest(site: Site) -> None:
    said = {"q": "駅はどこですか。", "source": "auto", "target": "en"}
    (_, done) = events_of(site.post(said, "/translate/stream"))[-1]
    assert done["detectedLanguage"]["language"] == "ja"
    assert "missing q" in error_of(site.post({**HELLO, "q": ""}, "/translate/stream"), 400)
    assert "not a list" in error_of(site.post({**HELLO, "q": ["a"]}, "/translate/stream"), 400)
    assert "is not supported" in error_of(site.post({**HELLO, "target": "xx"}, "/translate/stream"), 400)
    assert events_of(site.post({**HELLO, "target": "en"}, "/translate/stream"))[0][1]["translatedText"] == HELLO["q"]


def test_an_error_ends_a_stream(site: Site) -> None:
    site.fakes["en-ja"].error = nmt.BundleError("the weights are gone")
    assert events_of(site.post(path="/translate/stream")) == [
        ("error", {"error": "Cannot translate text: the weights are gone"})
    ]


def test_a_stream_says_when_it_takes_too_long(tmp_path: Path) -> None:
    site = Site(tmp_path, timeout=0.2)
    site.fakes["en-ja"].hold = threading.Event()
    ((name, data),) = events_of(site.post(path="/translate/stream"))
    site.fakes["en-ja"].hold.set()
    assert name == "error"
    assert "longer than 0.2 s" in data["error"]


# Files


def upload(site: Any, name: str, content: bytes, **fields: str) -> Any:
    data = {"source": "en", "target": "ja", **fields}
    return site.post("/translate_file", files={"file": (name, content)}, data=data)


def fetch(client: Any, response: Any) -> Any:
    assert response.status_code == 200, response.text
    address = response.json()["translatedFileUrl"]
    assert address.startswith("http://testserver/download_file/")
    return client.get(address)


@pytest.fixture(scope="module")
def real(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A client of the interface on a real model, and the folder where files are kept."""
    folder = tmp_path_factory.mktemp("files")
    models = Models({"tiny": tiny.info}, lambda name: tiny)
    with Work(5, 2) as work:
        yield TestClient(build(models, ServerConfig(), OPEN, work, folder)), folder


@pytest.mark.parametrize(
    "content",
    [
        "Hello.\r\nHow are you?\n\n  Fine",
        "\ufeffHello.\n",
        "no line break",
        "<script>alert(1)</script>\n",
        "A line.\n" * 20,
    ],
)
def test_a_text_file(real: tuple[Any, Path], tiny: Any, content: str) -> None:
    client, folder = real
    before = len(list(folder.iterdir()))
    answer = fetch(client, upload(client, "my novel.txt", content.encode()))
    lines = [tiny.translate(line).text for line in content.removeprefix("\ufeff").splitlines(keepends=True)]
    assert answer.content.decode().removeprefix("\ufeff") == "".join(lines)
    assert answer.content.decode().startswith("\ufeff") == content.startswith("\ufeff")
    assert "my%20novel.ja.txt" in answer.headers["content-disposition"]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert len(list(folder.iterdir())) == before + 1, "the upload is gone"


def test_a_file_of_nothing_and_one_in_the_target_language(site: Site) -> None:
    assert fetch(site.client, upload(site.client, "a.txt", b"")).content == b""
    station = "駅はどこですか。\n".encode()
    answer = fetch(site.client, upload(site.client, "a.txt", station, source="auto"))
    assert answer.content == station
    assert "a.ja.txt" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("name", "content", "fields", "reason"),
    [
        ("a.xyz", b"Hi", {}, "file format not supported; supported are "),
        ("txt", b"Hi", {}, "file format not supported"),
        ("a.txt", b"ok\n" * 9_000 + b"\xff", {}, "a.txt"),
        ("a.txt", b"Hi", {"target": "xx"}, "xx is not supported"),
        ("a.txt", b"Hi", {"source": ""}, "missing source"),
    ],
)
def test_files_that_are_refused(
    real: tuple[Any, Path], name: str, content: bytes, fields: dict[str, str], reason: str
) -> None:
    client, folder = real
    before = len(list(folder.iterdir()))
    message = error_of(upload(client, name, content, **fields), 400)
    assert reason in message
    assert str(folder) not in message
    assert len(list(folder.iterdir())) == before


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def endless(path: Path, translator: Any, out: Path, *, options: Any, progress: Any) -> None:
        try:
            while True:
                time.sleep(0.01)
                progress(None)
        finally:
            ended.set()

    monkeypatch.setattr(nmt, "translate_file", endless)
    site = Site(tmp_path, timeout=0.05)
    assert "longer than 0.5 s" in error_of(upload(site.client, "a.txt", b"Hi"), 504)
    assert ended.wait(10)
    with site.work:
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_request_without_a_file(site: Site) -> None:
    for how in ({"data": {"source": "en"}}, {"json": {"file": "a.txt"}}, {"files": {"other": ("a.txt", b"x")}}):
        assert "missing file" in error_of(site.client.post("/translate_file", **how), 400)


def test_only_what_was_given_out_can_be_fetched(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    for name in ("secret", "secret.txt", "..", "%2e%2e%2fsecret", "a" * 40, "." * 30):
        assert site.client.get(f"/download_file/{name}").status_code == 404


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\x\\y.txt", "y.txt"),
        ('a"b\r\nc;.txt', "a_b_c_.txt"),
        ("本.txt", "本.txt"),
        ("...", "file"),
    ],
)
def test_names_of_files_are_harmless(given: str, safe: str) -> None:
    assert files.safe_name(given) == safe


def test_files_are_kept_for_a_while_and_within_bounds(tmp_path: Path) -> None:
    now = 0.0
    shelf = files.Shelf(tmp_path / "kept", 1_000, clock=lambda: now)
    shelf.folder.mkdir()

    def keep(size: int) -> str:
        path = tmp_path / "new"
        path.write_bytes(b"a" * size)
        return shelf.keep(path, "a.txt")

    first, second = keep(600), keep(300)
    assert (kept := shelf.find(first)) is not None
    assert kept.path.stat().st_size == 600
    third = keep(300)
    assert shelf.find(first) is None, "the oldest makes room"
    assert not kept.path.exists()
    now = files.KEPT_SECONDS + 1
    assert shelf.find(second) is None
    assert shelf.find(third) is None
    assert list(shelf.folder.iterdir()) == []
    assert shelf.find(keep(5_000)) is not None, "a large one alone"


# What the server says about itself


def test_languages(site: Site) -> None:
    assert site.client.get("/languages").json() == [
        {"code": "de", "name": "German", "targets": []},
        {"code": "en", "name": "English", "targets": ["de", "ja"]},
        {"code": "ja", "name": "Japanese", "targets": ["en"]},
    ]


def test_health_and_settings(tmp_path: Path) -> None:
    site = Site(tmp_path, keys=frozenset({KEY}), max_text_length=77)
    assert site.client.get("/health").json() == {"status": "ok"}
    settings = site.client.get("/frontend/settings").json()
    assert settings["charLimit"] == 77
    assert settings["apiKeys"] is settings["keyRequired"] is True
    assert settings["language"]["source"] == {"code": "en", "name": "English"}
    assert ".txt" in settings["supportedFilesFormat"]


def test_metrics(site: Site) -> None:
    site.post()
    site.post(q="")
    site.client.get("/download_file/one")
    site.client.get("/nothing/like/this")
    said = site.client.get("/metrics").text
    for line in (
        'nmt_requests_total{path="/translate",status="200"} 1.0',
        'nmt_requests_total{path="/translate",status="400"} 1.0',
        'nmt_requests_total{path="/download_file",status="404"} 1.0',
        'nmt_requests_total{path="other",status="404"} 1.0',
        'nmt_characters_total{source="en",target="ja"} 13.0',
        'nmt_request_seconds_count{path="/translate"} 2.0',
        "nmt_waiting 0.0",
    ):
        assert line in said
    from prometheus_client.parser import text_string_to_metric_families

    assert "process_resident_memory_bytes" in {family.name for family in text_string_to_metric_families(said)}


def test_openapi_describes_every_route_and_the_page_shows_it(site: Site) -> None:
    schema = site.client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        *("/translate", "/translate/stream", "/translate_file", "/detect", "/languages", "/frontend/settings"),
        *("/health", "/metrics", "/download_file/{name}"),
    }
    page = site.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in schema["paths"]:
        assert path in page.text
    links = re.findall(r"""(?:src|href|action)=["']?([^"'> ]+)""", page.text)
    assert links and not [link for link in links if "//" in link], "nothing is fetched from elsewhere"
    assert "<script" not in page.text


def test_every_declared_error_is_an_error_of_the_description(site: Site) -> None:
    schema = site.client.get("/openapi.json").json()
    declared = set(schema["paths"]["/translate"]["post"]["responses"])
    assert {"200", "400", "403", "413", "429", "500", "503", "504"} <= declared


# Keys, rates, the queue


@pytest.mark.parametrize("how", ["json", "form", "address", "bearer", "basic"])
def test_a_key(tmp_path: Path, how: str) -> None:
    site = Site(tmp_path, keys=frozenset({KEY, "another-key"}))
    basic = base64.b64encode(f"me:{KEY}".encode()).decode()
    ways: dict[str, dict[str, Any]] = {
        "json": {"json": {**HELLO, "api_key": KEY}},
        "form": {"data": {**HELLO, "api_key": KEY}},
        "address": {"params": {**HELLO, "api_key": KEY}},
        "bearer": {"json": HELLO, "headers": {"authorization": f"Bearer {KEY}"}},
        "basic": {"json": HELLO, "headers": {"authorization": f"Basic {basic}"}},
    }
    assert site.client.post("/translate", **ways[how]).status_code == 200


def test_no_key_and_a_wrong_one(tmp_path: Path) -> None:
    site = Site(tmp_path, keys=frozenset({KEY}))
    assert "get an API key" in error_of(site.post(), 400)
    assert error_of(site.post(api_key=KEY[:-1]), 403) == "Invalid API key"
    assert error_of(site.post({"q": "a", "api_key": "x"}, "/detect"), 403) == "Invalid API key"
    assert error_of(upload(site.client, "a.txt", b"a", api_key="x"), 403) == "Invalid API key"
    assert error_of(site.client.get("/metrics"), 400)
    assert site.client.get("/metrics", headers={"authorization": f"Bearer {KEY}"}).status_code == 200
    assert site.client.get("/languages").status_code == 200
    assert site.loaded == []


def test_the_file_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# mine\n{KEY}\n\n  other-key-1  \n", encoding="utf-8")
    assert read_keys(str(path)) == {KEY, "other-key-1"}
    assert read_keys("") == frozenset()
    for content, reason in (("", "has no API key"), ("short\n", "line 1"), (f"{KEY}\nwith space in it", "line 2")):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(nmt.ConfigError, match=reason) as caught:
            read_keys(str(path))
        assert "with space" not in str(caught.value), "a key is a secret"
    with pytest.raises(nmt.ConfigError, match="cannot read"):
        read_keys(str(tmp_path / "none"))


def test_the_rate_limit_says_when_to_come_back() -> None:
    now = 0.0
    gate = Gate(Keys(frozenset({KEY})), RateLimit(2, clock=lambda: now))
    for _ in range(2):
        gate.admit("10.0.0.1", KEY)
    with pytest.raises(Refused) as caught:
        gate.admit("10.0.0.2", KEY)
    assert (caught.value.status, caught.value.headers) == (429, {"retry-after": "30"})
    now = 29.0
    with pytest.raises(Refused):
        gate.admit("10.0.0.1", KEY)
    now = 30.0
    gate.admit("10.0.0.1", KEY)
    statuses = []
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            gate.admit("10.0.0.1", "guess")
        statuses.append(caught.value.status)
    assert statuses == [403, 403, 429], "who guesses is slowed down too"


def test_one_subscriber_is_one_caller_and_the_memory_is_bounded() -> None:
    rate = RateLimit(1)
    gate = Gate(Keys(frozenset()), rate)
    gate.admit("2001:db8::1", "")
    with pytest.raises(Refused):
        gate.admit("2001:db8::2", "")
    for k in range(11_000):
        gate.admit(f"10.{k >> 16}.{k >> 8 & 255}.{k & 255}", "")
    assert len(rate._callers) <= 10_000


def test_too_many_requests(tmp_path: Path) -> None:
    site = Site(tmp_path, requests_per_minute=2)
    assert [site.post().status_code for _ in range(3)] == [200, 200, 429]
    response = site.post()
    assert error_of(response, 429).startswith("Slowdown: 2 per 1 minute")
    assert 1 <= int(response.headers["retry-after"]) <= 30
    assert site.client.get("/health").status_code == 200


def test_a_full_queue_answers_at_once_and_recovers(tmp_path: Path) -> None:
    site = Site(tmp_path, num_workers=1, max_waiting=1)
    fake = site.fakes["en-ja"]
    fake.hold = threading.Event()
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(site.post())) for _ in range(2)]
    threads[0].start()
    assert fake.started.acquire(timeout=10)
    threads[1].start()
    while site.work.num_waiting < 1:
        time.sleep(0.01)
    refused = site.post()
    assert "busy" in error_of(refused, 503)
    assert refused.headers["retry-after"] == "1"
    assert "busy" in error_of(site.post(path="/translate/stream"), 503)
    assert "busy" in error_of(upload(site.client, "a.txt", b"Hi"), 503)
    assert site.client.get("/health").status_code == 200, "what needs no translator is answered"
    assert "nmt_waiting 1.0" in site.client.get("/metrics").text
    fake.hold.set()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert site.post().status_code == 200


def test_a_timeout_frees_the_caller_at_once_and_the_worker_soon(tmp_path: Path) -> None:
    site = Site(tmp_path, num_workers=1, timeout=0.3)
    fake = site.fakes["en-ja"]
    fake.hold = threading.Event()
    text = "A line of text.\n" * 2_000
    assert "longer than 0.96 s" in error_of(site.post(q=text), 504), "32,000 characters have more time than a sentence"
    assert site.work.num_working == 1, "a thread cannot be interrupted"
    fake.hold.set()
    with site.work:
        pass
    assert site.work.num_working == 0
    assert len(fake.calls) == 1, "and it goes no further than the batch in work"


def test_work_says_what_became_of_it() -> None:
    async def go() -> None:
        with Work(0, 1) as work:
            assert await work.run(lambda stop: 5, 10) == 5
            with pytest.raises(ZeroDivisionError):
                await work.run(lambda stop: 1 // 0, 10)
            hold = threading.Event()
            with pytest.raises(AbandonedError):
                await work.run(lambda stop: hold.wait(10), 10, gone=lambda: asyncio.sleep(0.05))
            with pytest.raises(BusyError):
                await work.run(lambda stop: 5, 10)
            hold.set()
            while work.num_working:
                await asyncio.sleep(0.01)
            stopped = threading.Event()

            def endless(stop: Stop) -> None:
                with contextlib.suppress(AbandonedError):
                    while True:
                        time.sleep(0.01)
                        stop.check()
                stopped.set()

            with pytest.raises(LateError):
                await work.run(endless, 0.1)
            assert stopped.wait(10)

    asyncio.run(go())


# The server as a whole


@pytest.mark.parametrize(("origin", "allowed"), [("https://a.example", True), ("https://b.example", False)])
def test_other_sites_may_call_only_where_they_are_named(tmp_path: Path, origin: str, allowed: bool) -> None:
    site = Site(tmp_path, cors_origins=("https://a.example",))
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    preflight = site.client.options("/translate", headers=asked)
    assert (preflight.status_code == 200) == allowed
    for said in (HELLO, {"q": ""}):
        answer = site.client.post("/translate", json=said, headers={"origin": origin})
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


def test_by_default_no_other_site_may_call(site: Site) -> None:
    answer = site.client.post("/translate", json=HELLO, headers={"origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"max_text_length": 0}, "--max-text-length must be at least 1"),
        ({"max_upload_mb": 0}, "--max-upload-mb must be at least 1"),
        ({"requests_per_minute": -1}, "--requests-per-minute must be at least 0"),
        ({"max_waiting": -1}, "--max-waiting must be at least 0"),
        ({"threads": -1}, "--threads must be at least 0"),
        ({"timeout": 0.0}, "--timeout must be above 0"),
        ({"timeout": float("nan")}, "--timeout must be above 0"),
        ({"cors_origins": ("example.org",)}, "must look like https://example.org"),
        ({"cors_origins": ("https://example.org/path",)}, "must look like https://example.org"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(nmt.ConfigError, match=reason):
        ServerConfig(**settings)


def test_the_command_has_the_defaults_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[ServerConfig] = []
    monkeypatch.setattr(app, "serve", lambda model, host, port, config: given.append(config))
    words = ["--api-keys", "f", "--max-text-length", "5", "--max-upload-mb", "6", "--requests-per-minute", "7"]
    words += ["--max-waiting", "8", "--timeout", "9.5", "--cors-origin", "*", "--cors-origin", "http://a:1"]
    for line in ([], [*words, "--threads", "2"]):
        arguments = build_parser().parse_args(["ui", *line])
        assert arguments.run(arguments) == 0
    assert given[0] == ServerConfig()
    assert given[1] == ServerConfig("f", 5, 6, 7, 8, 9.5, ("*", "http://a:1"), 2)


SERVER = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
import nmt
from nmt_ui import app
from nmt_ui.settings import ServerConfig
from test_api import FakeTranslator, make_info
import time

class Slow(FakeTranslator):
    def translate_batch(self, texts, config=None):
        time.sleep(1.0 if "slow" in "".join(texts) else 0)
        return super().translate_batch(texts, config)

class Loader:
    @classmethod
    def load(cls, place, *, num_threads=0):
        return Slow(make_info("en-ja", "en", "ja"))

nmt.installed = lambda: [make_info("en-ja", "en", "ja")]
nmt.Translator = Loader
app.serve(None, "127.0.0.1", 0, ServerConfig(api_keys={keys!r}, max_upload_mb=1))
"""


@contextlib.contextmanager
def listening_on(site: Site) -> Iterator[tuple[str, int]]:
    """The interface alone on a real socket, whose address it gives."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(site.app, log_level="warning", lifespan="off"))
    with app.listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def listening(site: Site) -> Iterator[str]:
    with listening_on(site) as (host, port):
        yield f"http://{host}:{port}"


def send(connection: socket.socket, path: str, said: dict[str, Any], missing: int = 0) -> None:
    """Send a request, or all but its last bytes."""
    body = json.dumps(said).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[: len(body) - missing])


@pytest.mark.parametrize("path", ["/translate", "/translate/stream"])
def test_nothing_goes_on_for_a_client_that_has_left(tmp_path: Path, path: str) -> None:
    site = Site(tmp_path, num_workers=1)
    fake = site.fakes["en-ja"]
    fake.hold = threading.Event()
    with listening_on(site) as place:
        with socket.create_connection(place) as connection:
            send(connection, path, {**HELLO, "q": "A line of text.\n" * 2_000})
            assert fake.started.acquire(timeout=30)
        while 'nmt_requests_total{path="%s"' % path not in site.client.get("/metrics").text:  # noqa: UP031
            time.sleep(0.05)
        fake.hold.set()
        with site.work:
            pass
    assert len(fake.calls) == 1


def test_a_request_that_does_not_arrive(tmp_path: Path) -> None:
    site = Site(tmp_path, timeout=0.3)
    with listening_on(site) as place, socket.create_connection(place, timeout=30) as connection:
        send(connection, "/translate", HELLO, missing=1)
        answer = b"".join(iter(lambda: connection.recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.3 s" in answer


@contextlib.contextmanager
def serving(folder: Path, keys: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process with a fake translator, and its address."""
    code = SERVER.format(tests=str(Path(__file__).parent), keys=keys)
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, (folder / "errors").read_text()
            yield process, found[0]
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("gradio")
    with serving(tmp_path_factory.mktemp("server")) as (_, address):
        yield address


def test_libretranslatepy(listening: str) -> None:
    client = pytest.importorskip("libretranslatepy").LibreTranslateAPI(listening)
    assert client.translate("Good morning!\nYes.", "en", "ja", timeout=30) == "GOOD MORNING!\nYES."
    assert client.detect("Where is the station?", timeout=60)[0]["language"] == "en"
    assert {"code": "en", "name": "English", "targets": ["de", "ja"]} in client.languages(timeout=30)


def test_deep_translator(listening: str) -> None:
    libre = pytest.importorskip("deep_translator").LibreTranslator
    client = libre(source="en", target="ja", custom_url=f"{listening}/", api_key="none")
    assert client.translate("Good morning & 100% 日本") == "GOOD MORNING & 100% 日本"
    assert client.translate_batch(["One.", "Two."]) == ["ONE.", "TWO."]


@pytest.mark.slow
def test_gradio_client(server: str) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(server, verbose=False, analytics_enabled=False)
    try:
        assert client.predict("Good morning!", "en", "ja", api_name="/translate") == "GOOD MORNING!"
        with pytest.raises(Exception, match="is not installed"):
            client.predict("Good morning!", "en", "xx", api_name="/translate")
    finally:
        client.close()


@pytest.mark.slow
def test_the_page_and_the_interface_are_one_server(server: str) -> None:
    requests = pytest.importorskip("requests")
    assert "<html" in requests.get(server, timeout=30).text
    for path in ("/", "/docs", "/translate", "/languages", "/metrics"):
        headers = requests.get(f"{server}{path}", timeout=30).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_real_200_mb_upload_gets_its_answer(listening: str) -> None:
    host, _, port = listening.removeprefix("http://").partition(":")
    block = b"a" * 1_000_000
    head = f"POST /translate_file HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"{head}Content-Length: {200 * len(block)}\r\n\r\n".encode())
        for _ in range(200):
            connection.sendall(block)
        answer = b"".join(iter(lambda: connection.recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Request too large" in answer


@pytest.mark.slow
def test_with_keys_the_page_asks_for_one(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    requests = pytest.importorskip("requests")
    (tmp_path / "keys").write_text(KEY, encoding="utf-8")
    with serving(tmp_path, keys=str(tmp_path / "keys")) as (_, address):
        closed = requests.get(address, timeout=30)
        assert closed.status_code == 401
        assert closed.headers["www-authenticate"].startswith("Basic ")
        assert requests.post(f"{address}/gradio_api/queue/join", json={}, timeout=30).status_code == 401
        assert requests.get(address, auth=("anyone", KEY), timeout=30).status_code == 200
        assert requests.post(f"{address}/translate", json=HELLO, timeout=30).status_code == 400
        said = requests.post(f"{address}/translate", json={**HELLO, "api_key": KEY}, timeout=30)
        assert said.json() == {"translatedText": "GOOD MORNING!"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_accepted_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    pytest.importorskip("gradio")
    requests = pytest.importorskip("requests")
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    with serving(tmp_path) as (process, address):
        answers: list[Any] = []
        said = {**HELLO, "q": "slow"}
        threads = [
            threading.Thread(
                target=lambda: answers.append(requests.post(f"{address}/translate", json=said, timeout=60).json())
            )
            for _ in range(40)  # more than are worked on at a time
        ]
        for thread in threads:
            thread.start()
        while "nmt_waiting 8.0" not in requests.get(f"{address}/metrics", timeout=60).text:
            time.sleep(0.05)
        assert list(place.glob("nmt-ui-*"))
        process.send_signal(number)
        for thread in threads:
            thread.join()
        process.communicate(timeout=60)
    assert answers == [{"translatedText": "SLOW"}] * 40
    assert process.returncode == 0
    assert list(place.glob("nmt-ui-*")) == []
    assert "Traceback" not in (tmp_path / "errors").read_text()
