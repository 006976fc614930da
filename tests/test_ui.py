"""The page without a browser: what it answers, what it tells the browser, what it saves, and what nobody can fetch."""

import asyncio
import dataclasses
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmt
from nmt_ui import app, chat, corrections, inside, pairs, payload, remarks, stand_ins
from nmt_ui.api.gate import Gate, Keys, RateLimit
from nmt_ui.chat import Request, Settings, respond
from nmt_ui.corrections import Corrections, data_folder, is_local
from nmt_ui.models import Models
from nmt_ui.settings import ServerConfig

STATION = "Where is the station?"
LIMITS = ServerConfig()
DEFAULTS = Settings()
BROWSER = Path(app.__file__).parent / "browser"


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


def make_words(text: str) -> tuple[nmt.Word, ...]:
    return tuple(nmt.Word(m[0], m.start(), m.end(), 0.5, (0,)) for m in re.finditer(r"\S+", text))


def make_alternative(text: str, score: float = -0.2) -> nmt.Alternative:
    return nmt.Alternative(text, score, (), (), np.zeros((0, 1)), lambda: make_words(text))


def make_sentence(source: str, num_alternatives: int = 1) -> nmt.Sentence:
    texts = [source[::-1] + "!" * k for k in range(num_alternatives)]
    return nmt.Sentence(source, ("</s>",), tuple(make_alternative(text, -0.2 - k) for k, text in enumerate(texts)))


class FakeTranslator:
    """Translates each line into its reverse, three letters at a time; the alternatives are longer and less likely."""

    def __init__(self, info: nmt.BundleInfo, error: Exception | None = None):
        self.info = info
        self.search = nmt.SearchConfig(length_penalty=0.7)
        self.error = error
        self.configs: list[nmt.SearchConfig] = []
        self.was_closed = False

    def stream(self, text: str, config: nmt.SearchConfig) -> Iterator[nmt.Partial]:
        self.configs.append(config)
        try:
            if self.error:
                raise self.error
            lines = text.split("\n")
            spoken = [line for line in lines if any(map(str.isalpha, line))]
            sentences = tuple(make_sentence(line, config.num_alternatives) for line in spoken)
            whole = "\n".join(line[::-1] for line in lines)
            for k in range(3, len(whole), 3):
                yield nmt.Partial(whole[:k])
            yield nmt.Partial(whole, True, nmt.Translation(text, whole, -0.2, sentences))
        finally:
            self.was_closed = True

    def choices(self, sentence: str, before: str, num_choices: int, config: Any) -> tuple[nmt.Choice, ...]:
        if self.error:
            raise self.error
        return tuple(nmt.Choice(f"w{k}", f"{before}w{k}.", 0.5 / (k + 1)) for k in range(min(3, num_choices)))

    def complete(self, sentence: str, before: str, config: Any) -> nmt.Sentence:
        return nmt.Sentence(sentence, ("</s>",), (make_alternative(f"{before} etc."),))

    def inspect(self, sentence: str, translation: str | None) -> nmt.Inspection:
        raise nmt.MissingExtraError("Reading training weights", "ui")


def make_models(*infos: nmt.BundleInfo, error: Exception | None = None) -> Any:
    found = infos or (make_info(), make_info("ja-en", "ja", "en"), make_info("de-ja", "de", "ja"))
    known = {info.name: info for info in found}
    load: Any = lambda name: FakeTranslator(known[name], error)  # noqa: E731
    return Models(known, load)


def ask(models: Models, text: str, settings: Settings = DEFAULTS, limits: ServerConfig = LIMITS) -> list[Any]:
    """Every message about one request."""
    return list(respond(models, Request(text, "en-ja", settings), limits))


# What the browser is told about a translation


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), TEXT)
def test_pieces_and_words_say_what_the_translation_says(sides: list[tuple[str, str]], between: str) -> None:
    sentences = tuple(nmt.Sentence(source, (), (make_alternative(target),)) for source, target in sides)
    whole = between.join(target for _, target in sides)
    told = payload.describe(nmt.Translation("", whole, 0.0, sentences))
    json.dumps(told)
    said = ""
    for piece in told["pieces"]:
        said += piece if isinstance(piece, str) else told["sentences"][piece]["options"][0]["text"]
    assert said == whole
    for sentence in told["sentences"]:
        for option in sentence["options"]:
            parts = [gap + word for gap, word, _, _ in option["words"]]
            assert "".join(parts) + option["rest"] == option["text"]


def test_a_very_long_translation_is_told_as_plain_text() -> None:
    sentences = tuple(make_sentence("a b c", 2) for _ in range(payload.MAX_WORDS))
    whole = "c b a" * payload.MAX_WORDS
    assert payload.describe(nmt.Translation("", whole, 0.0, sentences)) == {"pieces": [whole], "sentences": []}


def test_tokens_are_told_as_people_read_them() -> None:
    sentence = nmt.Sentence("Hi there", ("▁Hi", "▁the", "re", "</s>"), (make_alternative("x"),))
    assert payload.describe_sentence(sentence)["tokens"] == ["Hi", "the", "re", ""]


# Remarks


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\r\nb\rc\n\td", "a\nb\nc\n\td"),
        ("\x00a\x07\x1b[31mb\x85\ud800", "a[31mb"),
        ("\u200fשלום\u200d👩\u200d🔬", "\u200fשלום\u200d👩\u200d🔬"),
    ],
)
def test_control_characters_are_no_text(given: str, kept: str) -> None:
    assert remarks.without_controls(given) == kept


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u3000", "\t"])
def test_no_text_is_refused_in_plain_words(text: str) -> None:
    assert "no text" in remarks.refusal(text, 10)
    (message, last) = ask(make_models(), text)
    assert message["state"] == "working"
    assert last["state"] == "failed"
    assert "no text" in last["notes"][0]["text"]


def test_too_long_a_text_is_refused_not_cut() -> None:
    limits = ServerConfig(max_text_length=100_000)
    longest = "a" * 100_000
    assert ask(make_models(), longest, limits=limits)[-1]["text"] == longest
    last = ask(make_models(), longest + "a", limits=limits)[-1]
    assert last["state"] == "failed"
    assert "100,001 characters" in last["notes"][0]["text"]
    assert "100,000" in last["notes"][0]["text"]


@pytest.mark.parametrize(
    ("text", "said", "better"),
    [
        (STATION, "", ""),
        ("駅はどこですか。", "Japanese", "ja-en"),
        ("Ich möchte morgen nach Hause gehen.", "German", "de-ja"),
        ("Я не знаю, где находится вокзал.", "Russian", ""),
    ],
)
def test_a_plain_word_and_a_better_model_for_the_wrong_language(text: str, said: str, better: str) -> None:
    remark = remarks.about_language(text, "en-ja", make_models())
    assert bool(remark) == bool(said)
    if remark:
        assert f"looks like {said}" in remark.text
        assert remark.model == better
        (note,) = ask(make_models(), text)[-1]["notes"]
        assert note.get("model", "") == better


def test_nothing_to_translate_comes_back_with_a_word_about_it() -> None:
    last = ask(make_models(), "😀😀")[-1]
    assert (last["state"], last["text"]) == ("done", "😀😀")
    assert "no words" in last["notes"][-1]["text"]


# The chat


def test_a_message_is_worked_on_at_once_and_then_its_translation_grows() -> None:
    messages = ask(make_models(), f"{STATION}\n\nHow much is this?")
    assert messages[0]["state"] == "working"
    assert (messages[0]["source"], messages[0]["target"], messages[0]["label"]) == ("en", "ja", "English → Japanese")
    last = messages[-1]
    assert (last["state"], last["text"]) == ("done", f"{STATION[::-1]}\n\n?siht si hcum woH")
    assert last["pieces"] == [0, "\n\n", 1]
    assert [len(sentence["options"]) for sentence in last["sentences"]] == [chat.NUM_ALTERNATIVES] * 2
    for message in messages[1:]:
        assert last["text"].startswith(message["text"])


def test_the_growing_is_shown_as_often_as_eyes_notice() -> None:
    now = iter(np.arange(0, 100, 0.001))
    messages = list(respond(make_models(), Request("a" * 3_000, "en-ja"), LIMITS, clock=lambda: next(now)))
    assert 10 < len(messages) < 60, "of 1,000 partial translations in two seconds"


def test_a_translation_that_takes_too_long_is_stopped_and_says_so() -> None:
    models = make_models()
    now = iter(np.arange(0, 1_000, 1.0))
    limits = ServerConfig(timeout=20)
    *_, last = respond(models, Request("a" * 3_000, "en-ja"), limits, clock=lambda: next(now))
    assert last["state"] == "stopped"
    assert "longer than 20 s" in last["notes"][0]["text"]
    assert 0 < len(last["text"]) < 3_000, "what there is of it"
    assert models.get("en-ja").was_closed


def test_who_stops_listening_stops_the_work() -> None:
    models = make_models()
    messages = respond(models, Request("abc" * 100, "en-ja"), LIMITS)
    next(messages)
    next(messages)
    messages.close()
    assert models.get("en-ja").was_closed


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), {"beam_size": 5, "length_penalty": 0.7, "num_alternatives": 4, "temperature": 0.0}),
        (Settings(beam_size=2, length_penalty=1.5), {"beam_size": 2, "length_penalty": 1.5, "num_alternatives": 2}),
        (Settings("greedy", 9), {"beam_size": 1, "num_alternatives": 1}),
        (Settings("sampling", temperature=0.9), {"temperature": 0.9, "length_penalty": 0.7}),
    ],
)
def test_the_drawer_is_obeyed_and_what_is_not_touched_is_left_to_the_model(
    settings: Settings, expected: dict[str, float]
) -> None:
    models = make_models()
    last = ask(models, STATION, settings)[-1]
    (config,) = models.get("en-ja").configs
    assert {name: getattr(config, name) for name in expected} == expected
    assert last["settings"]["method"] == settings.method


def test_sampling_draws_anew_each_time() -> None:
    seeds = {Settings("sampling").config(nmt.SearchConfig()).seed for _ in range(20)}
    assert len(seeds) > 1


@pytest.mark.parametrize("settings", [Settings(beam_size=0), Settings("magic"), Settings(length_penalty=math.nan)])
def test_an_impossible_setting_is_an_answer_too(settings: Settings) -> None:
    last = ask(make_models(), STATION, settings)[-1]
    assert last["state"] == "failed"
    assert last["notes"][0]["text"].startswith("Sorry")


def test_an_error_is_an_answer_in_plain_words() -> None:
    last = ask(make_models(error=nmt.BundleError("weights are missing; train again")), STATION)[-1]
    assert last["state"] == "failed"
    assert "weights are missing; train again" in last["notes"][0]["text"]
    (last,) = respond(make_models(), Request(STATION, "xx-yy"), LIMITS)
    assert 'no model "xx-yy"' in last["notes"][0]["text"]


def test_a_fault_of_ours_leaves_no_message_waiting_for_ever() -> None:
    messages = respond(make_models(error=ZeroDivisionError("secret")), Request(STATION, "en-ja"), LIMITS)
    next(messages)
    last = next(messages)
    assert last["state"] == "failed"
    assert last["notes"] == [{"text": chat.FAULT}]
    with pytest.raises(ZeroDivisionError):
        next(messages)


# The route that the chat listens to


def listening(models: Any, **settings: Any) -> Any:
    """A client of an application with this route, and its queue."""
    fastapi = pytest.importorskip("fastapi")
    from starlette.testclient import TestClient

    from nmt_ui.api.work import Work
    from nmt_ui.chat_route import add_route

    config = ServerConfig(**settings)
    application, work = fastapi.FastAPI(), Work(config.max_waiting, 2)
    add_route(application, models, config, work, Gate(Keys(frozenset()), RateLimit(config.requests_per_minute)))
    return TestClient(application), work


def lines_of(response: Any) -> list[dict[str, Any]]:
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_message_goes_in_and_lines_come_out() -> None:
    client, work = listening(make_models())
    asked = {"text": STATION, "model": "en-ja", "settings": {"method": "beam", "beam_size": 2, "length_penalty": None}}
    with work:
        lines = lines_of(client.post("/chat/stream", json=asked))
    assert [line["state"] for line in lines[:-1]] == ["working"] * (len(lines) - 1)
    assert (lines[-1]["state"], lines[-1]["text"]) == ("done", STATION[::-1])
    assert lines[-1]["settings"]["beam_size"] == 2
    assert len(lines[-1]["sentences"][0]["options"]) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"text": None}, {"text": 3}, {"model": ["en-ja"]}, {"settings": "wide"}, {"settings": {"beam_size": "5"}}],
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    client, work = listening(make_models())
    with work:
        answer = client.post("/chat/stream", json={"text": STATION, "model": "en-ja", **wrong})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


def test_a_message_beyond_the_limit_of_the_server_is_not_even_read() -> None:
    client, work = listening(make_models(), max_text_length=10)
    with work:
        (_, last) = lines_of(client.post("/chat/stream", json={"text": "a" * 11, "model": "en-ja"}))
        assert "11 characters" in last["notes"][0]["text"]
        assert client.post("/chat/stream", json={"text": "a" * 100_000, "model": "en-ja"}).status_code == 413


def test_more_messages_than_the_server_takes_are_told_so() -> None:
    client, work = listening(make_models(), max_waiting=0)
    hold = threading.Event()
    with work:
        for _ in range(2):
            work.submit(lambda: hold.wait(30))
        (line,) = lines_of(client.post("/chat/stream", json={"text": STATION, "model": "en-ja"}))
        hold.set()
    assert line["state"] == "failed"
    assert "busy" in line["notes"][0]["text"]


def test_messages_count_towards_the_requests_of_a_visitor() -> None:
    client, work = listening(make_models(), requests_per_minute=2)
    asked = {"text": STATION, "model": "en-ja"}
    with work:
        answers = [client.post("/chat/stream", json=asked) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"].startswith("Not so fast: this server takes 2 messages a minute")
    assert 0 < int(answers[2].headers["retry-after"]) <= 30


@pytest.mark.parametrize(("length", "seconds"), [(1, 60.0), (10_000, 60.0), (25_000, 150.0), (100_000, 600.0)])
def test_a_longer_text_may_take_longer(length: int, seconds: float) -> None:
    assert ServerConfig().seconds_for(length) == seconds
    assert ServerConfig(timeout=2.0).seconds_for(length) == seconds / 30
    assert ServerConfig(max_text_length=length).longest_wait == 600.0, "that of files is never undercut"


def test_a_long_text_is_given_its_time_by_the_chat() -> None:
    limits = ServerConfig(timeout=20)
    long = "a" * 30_000
    for step, state in ((0.002, "done"), (0.02, "stopped")):  # 10,000 looks at the clock
        now = iter(np.arange(0, 1_000, step))
        *_, last = respond(make_models(), Request(long, "en-ja"), limits, clock=lambda now=now: next(now))
        assert last["state"] == state
    assert "longer than 60 s" in last["notes"][0]["text"]


def test_a_blank_message_and_a_real_one_at_once_get_each_their_own() -> None:
    client, work = listening(make_models())

    def talk(text: str) -> str:
        last = lines_of(client.post("/chat/stream", json={"text": text, "model": "en-ja"}))[-1]
        return str(last["text"]) if last["state"] == "done" else str(last["state"])

    with work, ThreadPoolExecutor(4) as visitors:
        texts = [text for k in range(60) for text in ("  \n", f"Number {k} is the one.")]
        found = list(visitors.map(talk, texts))
    assert found == [text[::-1] if text.strip() else "failed" for text in texts]


def test_many_at_the_same_time_get_each_their_own() -> None:
    client, work = listening(make_models())
    said = [f"Number {k} is the one." for k in range(12)]
    found: dict[str, str] = {}

    def talk(text: str) -> None:
        found[text] = lines_of(client.post("/chat/stream", json={"text": text, "model": "en-ja"}))[-1]["text"]

    with work:
        threads = [threading.Thread(target=talk, args=(text,)) for text in said]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {text: text[::-1] for text in said}


# Corrections


LOCAL = {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("changes", "client", "expected"),
    [
        ({}, "127.0.0.1", True),
        ({"host": "localhost:7860", "origin": "http://localhost:7860"}, "::1", True),
        ({"host": "[::1]:7860", "origin": "http://[::1]:7860"}, "::ffff:127.0.0.1", True),
        ({}, "192.168.1.7", False),
        ({}, "", False),
        ({"host": "evil.example:7860", "origin": "http://evil.example:7860"}, "127.0.0.1", False),
        ({"origin": "http://evil.example"}, "127.0.0.1", False),
        ({"origin": "http://127.0.0.1:9999"}, "127.0.0.1", False),
        ({"origin": ""}, "127.0.0.1", False),
        ({"sec-fetch-site": "cross-site"}, "127.0.0.1", False),
        ({"x-forwarded-for": "203.0.113.5"}, "127.0.0.1", False),
        ({"forwarded": "for=203.0.113.5"}, "127.0.0.1", False),
    ],
)
def test_who_sits_at_this_computer(changes: dict[str, str], client: str, expected: bool) -> None:
    assert is_local({**LOCAL, **changes}, client) is expected


@pytest.mark.parametrize(
    ("writers", "local", "other"), [("local", True, False), ("all", True, True), ("none", False, False)]
)
def test_who_may_save(tmp_path: Path, writers: Any, local: bool, other: bool) -> None:
    kept = Corrections(tmp_path, writers)
    assert kept.allowed == (writers != "none")
    for client, allowed in (("127.0.0.1", local), ("10.0.0.1", other)):
        if allowed:
            kept.check(LOCAL, client)
        else:
            with pytest.raises(nmt.ConfigError, match="--corrections FOLDER"):
                kept.check(LOCAL, client)


def test_a_correction_is_a_line_that_fine_tuning_reads(tmp_path: Path) -> None:
    kept = Corrections(tmp_path / "new" / "folder")
    path = kept.save(make_info(), " It's “fine”.\n", "大丈夫\n「です」。")
    kept.save(make_info(), "Yes.", "はい。")
    assert path == tmp_path / "new" / "folder" / "corrections-en-ja.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines == [{"en": "It's “fine”.", "ja": "大丈夫\n「です」。"}, {"en": "Yes.", "ja": "はい。"}]
    assert path.stat().st_mode & 0o077 == 0, "nobody else reads it"


@pytest.mark.parametrize(("source", "target"), [("", "x"), ("x", " \n"), ("x", "y" * 10_001)])
def test_no_correction_without_two_sides(tmp_path: Path, source: str, target: str) -> None:
    with pytest.raises(nmt.ConfigError, match="two sides"):
        Corrections(tmp_path).save(make_info(), source, target)
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "corrections-en-ja.jsonl"
    path.write_text('{"en": "Ye', encoding="utf-8")
    Corrections(tmp_path).save(make_info(), "No.", "いいえ。")
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[1]) == {"en": "No.", "ja": "いいえ。"}


def test_corrections_saved_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nmt_ui.corrections import _append\n"
        "for k in range(50): _append(Path(sys.argv[1]), (sys.argv[2] * 5000 + chr(10)).encode())"
    )
    path = tmp_path / "file"
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "abc"]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == sorted(letter * 5000 for letter in "abc" for _ in range(50))


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(nmt.ConfigError, match=r"cannot write .*corrections-en-ja\.jsonl") as caught:
        Corrections(tmp_path / "file").save(make_info(), "a", "b")
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Corrections(tmp_path)
    path = kept.save(make_info(), "Yes.", "はい。")
    before = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
    with pytest.raises(nmt.ConfigError, match="disk is full"):
        kept.save(make_info(), "No.", "いいえ。")
    assert path.read_bytes() == before


def test_where_corrections_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path.home()
    assert data_folder({"XDG_DATA_HOME": "/data"}, "linux") == Path("/data/nmt")
    assert data_folder({}, "linux") == home / ".local/share/nmt"
    assert data_folder({}, "darwin") == home / "Library/Application Support/nmt"
    assert data_folder({"LOCALAPPDATA": "/app"}, "win32") == Path("/app/nmt")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert ServerConfig().corrections_folder() == tmp_path / "nmt"
    assert ServerConfig(corrections="~/mine").corrections_folder() == home / "mine"
    assert corrections.shown(home / "mine" / "file") == "~/mine/file"
    assert corrections.shown(Path("/elsewhere")) == "/elsewhere"


# Correcting, live, inside: what the browser calls


@pytest.fixture(scope="module")
def gradio() -> Any:
    return pytest.importorskip("gradio")


@pytest.fixture
def correct(gradio: Any, tmp_path: Path) -> dict[str, Callable[..., Any]]:
    from nmt_ui.correct import Correcting

    functions = Correcting(make_models(), Corrections(tmp_path)).functions()
    return {function.__name__: function for function in functions}


def test_other_words_and_what_they_lead_to(correct: dict[str, Any]) -> None:
    asked = {"model": "en-ja", "sentence": STATION, "before": "The "}
    found = correct["choices"](asked)
    assert found["words"][1] == {"word": "w1", "text": "The w1.", "probability": 0.25}
    assert correct["complete"](asked)["sentence"]["options"][0]["text"] == "The  etc."


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "xx"},
        {"model": None},
        {"sentence": None},
        {"sentence": "x" * 10_001},
        {"before": ["a"]},
        {"settings": "wide"},
        {"settings": {"method": "magic"}},
    ],
)
def test_nonsense_from_a_browser_is_answered_in_plain_words(correct: dict[str, Any], wrong: dict[str, Any]) -> None:
    found = correct["choices"]({"model": "en-ja", "sentence": STATION, "before": "", **wrong})
    assert list(found) == ["error"]
    assert found["error"].startswith("Sorry")


def test_a_fault_behind_a_word_is_an_answer(gradio: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nmt_ui.correct import Correcting

    functions = Correcting(make_models(error=ZeroDivisionError("secret")), Corrections(tmp_path)).functions()
    assert functions[0]({"model": "en-ja", "sentence": "a", "before": ""}) == {"error": chat.FAULT}
    assert "secret" in capsys.readouterr().err


class FakeRequest:
    def __init__(self, host: str = "127.0.0.1"):
        self.headers = LOCAL
        self.client = type("Client", (), {"host": host})()


def test_saving_names_the_file_and_is_refused_to_strangers(correct: dict[str, Any], tmp_path: Path) -> None:
    asked = {"model": "en-ja", "sentence": "Yes.", "translation": "はい。"}
    assert correct["save"](asked, FakeRequest()) == {"path": str(tmp_path / "corrections-en-ja.jsonl")}
    assert "error" in correct["save"](asked, FakeRequest("10.0.0.1"))
    assert len((tmp_path / "corrections-en-ja.jsonl").read_text(encoding="utf-8").splitlines()) == 1


class FakeLive:
    def __init__(self, translator: Any):
        self.translator = translator
        self.seen: list[str] = []

    def update(self, text: str) -> Any:
        self.seen.append(text)
        (*_, last) = self.translator.stream(text, nmt.SearchConfig())
        return nmt.LiveTranslation(last.text, 0, 1, last.translation.sentences, 0.01)


def test_each_pane_has_a_live_translator_of_its_own() -> None:
    from nmt_ui.live_pane import MAX_LENGTH, LivePanes

    made: list[FakeLive] = []

    def make(translator: Any) -> Any:
        made.append(FakeLive(translator))
        return made[-1]

    panes = LivePanes(make_models(), make, num_panes=2)
    for pane, text in (("a", "W"), ("a", "We"), ("b", "Yes."), ("a", "We\x00 go")):
        found = panes.live({"pane": pane, "model": "en-ja", "text": text})
    assert [live.seen for live in made] == [["W", "We", "We go"], ["Yes."]]
    assert (found["text"], found["seconds"], found["notes"]) == ("og eW", 0.01, [])
    assert (found["pieces"], found["unsure"]) == ([0], 4)
    panes.live({"pane": "c", "model": "en-ja", "text": "x"})
    panes.live({"pane": "b", "model": "en-ja", "text": "y"})
    assert len(made) == 4, "the pane not typed in for longest was forgotten"
    (note,) = panes.live({"pane": "a", "model": "en-ja", "text": "駅はどこですか。この近くですか。"})["notes"]
    assert note["model"] == "ja-en"
    for wrong in ({"model": "xx"}, {"text": None}, {"pane": 3}, {"text": "x" * (MAX_LENGTH + 1)}):
        with pytest.raises(nmt.ConfigError):
            panes.live({"pane": "a", "model": "en-ja", "text": "x", **wrong})


needs_model = pytest.mark.skipif(
    "en-ja" not in [info.name for info in nmt.installed()], reason="the model en-ja is not in nmt/pretrained"
)


@pytest.fixture(scope="module")
def real() -> Models:
    infos = {info.name: info for info in nmt.installed()}
    return Models(infos, lambda name: nmt.Translator.load(infos[name].folder, num_threads=1))


@needs_model
def test_the_shipped_model_streams_is_corrected_and_looked_into(real: Models, gradio: Any, tmp_path: Path) -> None:
    from nmt_ui.correct import Correcting
    from nmt_ui.inside_tab import look, panel
    from nmt_ui.live_pane import LivePanes

    last = ask(real, "I like cats.\n\nWhere is the <b>station</b>? 🚉")[-1]
    assert last["state"] == "done"
    assert "\n\n" in last["text"]
    words = last["sentences"][0]["options"][0]["words"]
    assert all(probability is None or 0 <= probability <= 1 for _, _, probability, _ in words)
    choices, complete, _ = Correcting(real, Corrections(tmp_path)).functions()
    asked = {"model": "en-ja", "sentence": "I like cats.", "before": ""}
    found = choices(asked)["words"]
    assert len(found) > 2
    assert found == sorted(found, key=lambda one: -one["probability"])
    option = complete({**asked, "before": found[2]["word"]})["sentence"]["options"][0]
    assert option["text"].startswith(found[2]["word"])
    live = LivePanes(real).live({"pane": "a", "model": "en-ja", "text": "I like"})
    assert live["text"] and live["sentences"]
    written = last["sentences"][0]["options"][0]["text"]
    seen = look(real, {"model": "en-ja", "sentence": "I like cats.", "translation": written}, "no such layer", "hidden")
    assert seen.inspection is not None and seen.inspection.source_tokens[-1] == "</s>"
    assert seen.layer == inside.layer_choices(seen.inspection)[0][1]
    assert "I like cats." in seen.heading and written in seen.heading and "nmt-inside" in seen.panel
    for _, layer in inside.layer_choices(seen.inspection):
        for _, what in inside.quantity_choices():
            assert "nmt-inside" in panel(seen.inspection, layer, what)
    assert panel(None, None, "hidden") == ""


def test_what_cannot_be_looked_into_says_why(gradio: Any) -> None:
    from nmt_ui.inside_tab import LONGEST, look

    def said(**shown: str) -> str:
        found = look(make_models(), shown, None, "hidden")
        assert (found.inspection, found.panel) == (None, "")
        return found.heading

    assert "needs" in said(model="en-ja", sentence="<b>Hi</b>")
    assert str(LONGEST) in said(model="en-ja", sentence="x" * (LONGEST + 1))
    for empty in ({}, {"model": "en-ja", "sentence": " "}, {"model": "gone", "sentence": "Hi."}):
        assert "write one here" in said(**empty)


@needs_model
@pytest.mark.parametrize(
    ("sentence", "tokens", "said"),
    [
        ("I like cats.", "▁I ▁like ▁cat s . </s>", []),
        ("It’s Ｆｕｌｌ… ok", "▁It <0xE2> <0x80> <0x99> s ▁Full . . . ▁ok </s>", []),
        ("See https://a.b/c.", "▁See ▁Tom . </s>", ["In place of “https://a.b/c” the network reads “Tom”"]),
        (
            "Call {name} 🎉 or me@x.org!",
            "▁Call ▁Mary ▁or ▁Tom ! </s>",
            ["“{name}” the network reads “Mary”", "does not see “🎉”", "“me@x.org” the network reads “Tom”"],
        ),
        ("<b>I</b> am", "▁I ▁am </s>", ["does not see “<b>”", "does not see “</b>”"]),
        ("GO HOME!", "▁go ▁home ! </s>", ["reads it in small letters"]),
    ],
)
def test_what_the_network_reads_instead_is_said_in_words(sentence: str, tokens: str, said: list[str]) -> None:
    found = stand_ins.explain(sentence, tokens.split())
    assert sorted(found) == sorted(dict.fromkeys(found))
    assert len(found) == len(said)
    for part in said:
        assert any(part in one for one in found), found


@given(TEXT, st.lists(st.sampled_from(["▁a", "b", "<0xE3>", "</s>", "▁", "🎉", "<unk>"])))
def test_whatever_is_read_can_be_explained(sentence: str, tokens: list[str]) -> None:
    assert all(stand_ins.explain(sentence, tokens))
    assert stand_ins.explain(sentence, [f"▁{word}" for word in sentence.split()]) == []


def test_what_is_looked_at_is_escaped(real: Models) -> None:
    from nmt_ui.inside_tab import heading

    said = "<img src=x onerror=alert(1)>"
    html = heading(real.get("en-ja").inspect("Hi."), said, said)
    assert "<img" not in html


# Pairs of languages


def test_the_top_says_which_model_answers_and_where_it_comes_from() -> None:
    info = make_info(data_credit="Tatoeba & <friends>")
    for local, where in ((True, "this computer"), (False, "the computer that serves this page")):
        about = pairs.about(info, local)
        for part in ("10.3 MB", "Tatoeba & <friends>", "CC BY 2.0 FR", f"Nothing you type leaves {where}."):
            assert part in about
    html = pairs.heading("<en>", info, True)
    assert "<friends>" not in html and "<en>" not in html
    assert pairs.about(make_info(licence="", data_credit=""), True).startswith(", 10.3 MB. Nothing")


def test_pairs_know_their_way_back_and_their_examples() -> None:
    found = pairs.pairs(make_models(), is_local=True)
    assert found["en-ja"]["reverse"] == "ja-en"
    assert found["ja-en"]["reverse"] == "en-ja"
    assert found["de-ja"]["reverse"] == ""
    assert STATION in found["en-ja"]["examples"]
    for pair in found.values():
        assert pair["examples"]
        for text in pair["examples"]:
            assert nmt.looks_like(text, pair["source"])


def test_two_models_of_a_pair_can_be_told_apart() -> None:
    models = make_models(make_info("en-ja"), make_info("mine"), make_info("en-de", "en", "de"))
    assert pairs.choices(models) == [
        ("English → Japanese (en-ja)", "en-ja"),
        ("English → Japanese (mine)", "mine"),
        ("English → German", "en-de"),
    ]


# Models


def test_each_model_is_loaded_once_however_many_ask_at_the_same_time() -> None:
    loaded: list[str] = []
    arrived = threading.Barrier(8)

    def load(name: str) -> Any:
        loaded.append(name)
        return FakeTranslator(make_info(name))

    models = Models({"en-ja": make_info(), "en-de": make_info("en-de")}, load)
    assert loaded == []
    got = []

    def take() -> None:
        arrived.wait()
        got.append(models.get("en-ja"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == ["en-ja"]
    assert len({id(translator) for translator in got}) == 1
    assert models.get("en-de") is not got[0]


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two installed models and one in a folder; returns the list of what was loaded."""
    known = {str(info.folder): info for info in (make_info("en-de", "en", "de"), make_info())}
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
        (None, ["en-ja", "en-de"], "en-ja"),  # the usual one, though another comes first by name
        ("en-de", ["en-de", "en-ja"], "en-de"),
        ("/models/en-de", ["en-de", "en-ja"], "en-de"),
        ("other", ["en-fr", "en-de", "en-ja"], "en-fr"),
        ("mine", ["mine", "en-de", "en-ja"], "mine"),
    ],
)
def test_offered_models(shelf: list[str], model: str | None, names: list[str], selected: str) -> None:
    models, name = app.installed_models(model, nmt.Translator.load)
    assert list(models.infos) == names
    assert name == selected
    assert len(shelf) == 1, "the chosen one, so that an error comes before the address"
    models.get(selected)
    assert len(shelf) == 1, "and it is not loaded again"
    for other in names:
        assert models.get(other).info is models.infos[other]
    models.add("new", make_info("en-fr", "en", "fr", folder=Path("other")))
    assert list(models.infos) == [*names, "new"]
    assert models.get("new").info.target_language == "fr"
    before = models.get(selected)
    models.add(selected, dataclasses.replace(before.info, num_parameters=7))
    assert models.get(selected) is not before, "it has been trained further, and is read anew"


def test_without_the_usual_model_the_first_is_chosen(shelf: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nmt, "installed", lambda: [make_info("en-de", "en", "de"), make_info("fr-en", "fr", "en")])
    assert app.installed_models(None, nmt.Translator.load)[1] == "en-de"


def test_no_model_at_all(shelf: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(nmt.BundleError, match='no model "en-xx"'):
        app.installed_models("en-xx", nmt.Translator.load)
    monkeypatch.setattr(nmt, "installed", list)
    with pytest.raises(nmt.BundleError, match=r"no model is installed; .*--model FOLDER"):
        app.installed_models(None, nmt.Translator.load)


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


def test_a_listening_socket_is_reachable_before_the_server_runs() -> None:
    with app.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass


def test_importing_has_no_side_effects() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import nmt_ui.app, nmt_ui.chat, nmt_ui.pairs, nmt_ui.live_pane;"
        "print(os.environ == before, sorted({'gradio', 'fastapi', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["True", "[]\n"]


# The page as an application


@pytest.fixture(scope="module")
def site(gradio: Any) -> Iterator[Any]:
    from starlette.testclient import TestClient

    from nmt_ui import page

    async def make() -> Any:  # where no event loop runs, Gradio makes some of its own and never closes them
        return page.site(page.build(make_models(), "en-ja"))

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
    own = (config["head"] + config["css"]).replace("'http://www.w3.org/2000/svg'", "")  # a name, not an address
    assert not re.search(r"https?:|url\(|@import|src=", own)


@pytest.mark.parametrize(
    ("is_local", "folder", "allowed"), [(True, "", True), (False, "", False), (False, "/shared", True)]
)
def test_corrections_are_offered_where_they_can_be_saved(
    gradio: Any, is_local: bool, folder: str, allowed: bool
) -> None:
    from nmt_ui import page

    async def make() -> Any:
        return page.build(make_models(), "en-ja", ServerConfig(corrections=folder), is_local)

    config = asyncio.run(make()).get_config_file()
    told = [part["props"]["props"] for part in config["components"] if "saving" in part["props"].get("props", {})]
    assert len(told) == 2, "to the chat and to the live pane"
    for props in told:
        assert props["saving"]["allowed"] is allowed
        assert props["saving"]["place"] == folder or not folder


def test_the_browser_is_told_to_refuse_every_other_host(site: Any) -> None:
    for path in ("/", "/theme.css", "/favicon.ico", "/manifest.json", "/gradio_api/upload"):
        policy = site.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        sources = {word for rule in policy.split(";") for word in rule.split()[1:]}
        assert sources <= {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}


@pytest.mark.parametrize(
    "route",
    ["file=https://example.com/", "file=/etc/passwd", "proxy=https://example.com/", "upload", "runs", "vibe-code"],
)
def test_routes_the_page_does_not_need_are_closed(site: Any, route: str) -> None:
    call: Callable[..., Any]
    for call in (site.get, site.post, site.head):
        answered = call(f"/gradio_api/{route}")
        assert answered.status_code == 404
        assert answered.text in ("Not part of this page.", "")


def test_going_offline_sets_what_gradio_reads(gradio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from nmt_ui import offline

    for name in offline.ENVIRONMENT:
        monkeypatch.setenv(name, "something else")
    offline.go_offline()
    from gradio import analytics

    assert not analytics.analytics_enabled()
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_no_script_of_the_page_turns_text_into_markup() -> None:
    for path in BROWSER.glob("*.js"):
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(", code), path
        assert "</script" not in code, "it would end the element that the script is put into"
        named = code.replace("'http://www.w3.org/2000/svg'", "")  # a name, not an address
        assert "http:" not in named and "https:" not in named


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to check scripts with")
def test_every_script_is_valid(tmp_path: Path) -> None:
    scripts = tmp_path / "all.js"
    scripts.write_text("\n".join(path.read_text(encoding="utf-8") for path in BROWSER.glob("*.js")), encoding="utf-8")
    done = subprocess.run(["node", "--check", scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_has_all_its_scripts(gradio: Any) -> None:
    from nmt_ui import theme

    for path in BROWSER.glob("*.js"):
        assert path.read_text(encoding="utf-8") in theme.head(), path.name


# Files: the stream that the page listens to; the rest is tested with the interface for programs


@needs_model
def test_a_file_is_translated_with_progress_and_can_be_fetched(real: Models, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    from nmt_ui.api.gate import Keys
    from nmt_ui.api.routes import build
    from nmt_ui.api.work import Work

    table = "id,title,note\r\n1,I like cats.,keep\r\n2,Where is the station?,keep\r\n"
    with Work(5, 2) as work:
        client = TestClient(
            build(real, ServerConfig(max_upload_mb=1), Gate(Keys(frozenset()), RateLimit(0)), work, tmp_path)
        )

        def send(name: str, content: bytes, **fields: str) -> list[tuple[str, dict[str, Any]]]:
            data = {"source": "en", "target": "ja", "model": "en-ja", **fields}
            response = client.post("/translate_file/stream", files={"file": (name, content)}, data=data)
            if response.status_code != 200:
                return [("refused", response.json())]
            found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", response.text)
            return [(kind, json.loads(said)) for kind, said in found]

        *progress, (kind, done) = send("a.csv", table.encode(), columns="title, ")
        assert kind == "done"
        assert progress and progress[-1][0] == "progress"
        assert progress[-1][1]["done"] == progress[-1][1]["total"] > 0
        answer = client.get(done["translatedFileUrl"].removeprefix("http://testserver"))
        rows = answer.content.decode().split("\r\n")
        assert rows[0] == "id,title,note"
        assert rows[1].startswith("1,") and rows[1].endswith(",keep") and "cats" not in rows[1]
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [], "the upload is gone"

        ((kind, said),) = send("a.csv", table.encode())
        assert kind == "error" and "title" in said["error"] and str(tmp_path) not in said["error"]
        assert send("a.exe", b"x")[0][0] == "refused"
        ((kind, said),) = send("a.txt", b"x" * 1_200_000)
        assert kind == "refused" and "1,065,536 bytes" in said["error"]
        ((kind, said),) = send("a.json", b"{not json")
        assert kind == "error" and "a.json" in said["error"]
        ((kind, said),) = send("a.txt", b"Hi", target="xx")
        assert kind == "error" and "xx is not supported" in said["error"]
