"""Training from the page: a process and a folder for each, who may start one, and what the browser is told."""

import asyncio
import io
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmt
from nmt_ui import finetunings as finetunings_module
from nmt_ui.corrections import Corrections, is_from_own_page
from nmt_ui.finetuning_report import describe, first_sentence, read_figures, read_log, read_rounds
from nmt_ui.finetunings import Finetunings, Wanted, missing
from nmt_ui.models import Models
from nmt_ui.settings import ServerConfig

# Stands for `nmt finetune`: says what that says, goes on when a file lets it, and leaves what that leaves.
FAKE = """
import json, pathlib, shutil, sys, time

bundle, options = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2]))
run = pathlib.Path(options["--out"])
run.mkdir(exist_ok=True)
(run / "arguments.json").write_text(json.dumps(sys.argv[2:]))
say = lambda text: (sys.stderr.write(text), sys.stderr.flush())
pairs = pathlib.Path(options["--data"]).read_text(encoding="utf-8")
if "wrong" in pairs:
    say("nmt: error: none of the 3 pairs is usable\\n")
    sys.exit(1)
if "crash" in pairs:
    sys.exit(9)
say("warning: there are only 3 pairs to learn from\\n3 pairs to learn from, 1 to watch, 1 for the scores\\n")
say("training takes at most 60 seconds: 50 updates of 0.54 s\\n")
say("\\r  0%|          | 00:00<?\\r 40%|####      | 00:15<00:23, ")
(run / "log.csv").write_text("update,hours,loss,dev chrF\\n0,0.002,nan,43.5\\n20,0.004,3.1,45.5\\n")
while "wait" in pairs and not (run / "let-go").exists():
    time.sleep(0.02)
say("\\nwriting the model and measuring it\\n")
shutil.copytree(bundle, run / "bundle", dirs_exist_ok=True)
rows = [{"test": "new", "system": system, "metric": "chrF", "value": value, "margin": 1.0, "sentences": 12,
         "difference": change, "low": change, "high": change, "p_value": p}
        for system, value, change, p in (("before", 40.0, None, None), ("after", 44.0, 4.0, 0.001))]
(run / "finetuning.json").write_text(json.dumps({"measured": rows, "parent": "en-ja", "best_update": 20,
    "updates": 50, "seconds": 30.5, "pairs": {"train": 3}}))
print("The new text (12 sentences)")
print("The model is in", run / "bundle")
"""
PATIENCE = 900.0  # seconds: it is polite, and the machine may be busy with other work
PAIRS = "Hello.\tやあ。\n"


def wanted(name: str = "mine", **changes: Any) -> Wanted:
    values = {"parent": "tiny", "parent_folder": "/models/tiny", "source": "en", "target": "ja", "minutes": 2.0}
    return Wanted(name=name, **(values | changes))


@pytest.fixture
def command(tmp_path: Path, tiny_bundle: Path) -> list[str]:
    """What is run instead of `nmt finetune`."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE, encoding="utf-8")
    return [sys.executable, "-I", "-S", str(script), str(tiny_bundle)]


@pytest.fixture
def running(tmp_path: Path, command: list[str]) -> Iterator[Finetunings]:
    with Finetunings(tmp_path / "models", command) as found:
        yield found


def begin(running: Finetunings, text: str = PAIRS, name: str = "mine") -> None:
    running.start(wanted(name), io.BytesIO(text.encode()), ".tsv")


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.02)
    pytest.fail("it never came to that")


def test_a_training_runs_to_its_end_and_says_all_about_it(running: Finetunings) -> None:
    begin(running)
    until(lambda: running.state("mine") == "done")
    told = describe(running, "mine")
    json.dumps(told)
    assert (told["label"], told["parent"], told["minutes"]) == ("English → Japanese", "tiny", 2.0)
    assert told["warnings"] == ["there are only 3 pairs to learn from"]
    assert told["lines"][0].startswith("3 pairs to learn from")
    assert told["rounds"] == [
        {"update": 0.0, "hours": 0.002, "loss": None, "dev chrF": 43.5},
        {"update": 20.0, "hours": 0.004, "loss": 3.1, "dev chrF": 45.5},
    ]
    (test,) = told["figures"]["tests"]
    assert [row["chance"] for row in test["rows"]] == ["", "not chance"]
    arguments = json.loads((running.run_folder("mine") / "arguments.json").read_text())
    asked = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert (asked["--from"], asked["--to"], asked["--name"], asked["--minutes"]) == (
        "/models/tiny",
        "en-ja",
        "mine",
        "2",
    )
    assert Path(asked["--data"]).read_text(encoding="utf-8") == PAIRS


def test_the_options_are_those_of_the_command(running: Finetunings, command: list[str]) -> None:
    from nmt.cli import build_parser

    begin(running)
    until(lambda: running.state("mine") == "done")
    arguments = json.loads((running.run_folder("mine") / "arguments.json").read_text())
    parsed = build_parser().parse_args(["finetune", *arguments])
    assert (parsed.parent, parsed.pair, parsed.minutes, parsed.name) == ("/models/tiny", "en-ja", 2.0, "mine")


def test_it_is_stopped_and_goes_on(running: Finetunings) -> None:
    begin(running, PAIRS + "wait\n")
    until(lambda: describe(running, "mine")["share"] == 0.4)
    told = describe(running, "mine")
    assert (told["state"], told["left"], len(told["rounds"])) == ("working", "0:23", 2)
    with pytest.raises(nmt.ConfigError, match=r'"mine" is still at work'):
        begin(running, name="other")
    assert not (running.folder / "other").exists()
    running.stop("mine")
    assert running.state("mine") == "stopped"
    running.stop("mine")
    (running.run_folder("mine") / "let-go").touch()
    running.go_on("mine", 7.0)
    until(lambda: running.state("mine") == "done")
    assert describe(running, "mine")["minutes"] == 7.0


def test_the_page_that_ends_takes_its_trainings_along(tmp_path: Path, command: list[str]) -> None:
    with Finetunings(tmp_path / "models", command) as first:
        begin(first, "wait")
        until(lambda: first.state("mine") == "working")
    assert Finetunings(tmp_path / "models", command).state("mine") == "stopped"


def test_a_training_of_a_page_that_is_gone_is_still_known_and_can_be_stopped(
    tmp_path: Path, command: list[str]
) -> None:
    pytest.importorskip("fcntl")
    first, second = (Finetunings(tmp_path / "models", command) for _ in range(2))
    begin(first, "wait")
    until(lambda: describe(first, "mine")["share"] == 0.4)
    assert second.state("mine") == "working"
    with pytest.raises(nmt.ConfigError, match="still at work"):
        second.go_on("mine", 1.0)
    second.stop("mine")
    until(lambda: second.state("mine") == "stopped")
    until(lambda: first.state("mine") == "stopped")


@pytest.mark.parametrize(("text", "said"), [("wrong", "none of the 3 pairs is usable"), ("crash", "stands in")])
def test_more_time_that_fails_is_not_taken_for_what_was_done_before(running: Finetunings, text: str, said: str) -> None:
    begin(running)
    until(lambda: running.state("mine") == "done")
    (running.place("mine") / "pairs.tsv").write_text(text, encoding="utf-8")
    running.go_on("mine", 4.0)
    until(lambda: running.state("mine") != "working")
    told = describe(running, "mine")
    assert told["state"] == "failed" and said in told["error"] and not told["figures"]
    (running.place("mine") / "pairs.tsv").unlink()
    with pytest.raises(nmt.ConfigError, match="the pairs that mine learns from are no longer in"):
        running.go_on("mine", 4.0)


def test_of_few_sentences_nothing_is_said_about_chance(tmp_path: Path) -> None:
    row = {"test": "new", "system": "after", "metric": "chrF", "value": 70.0, "margin": 0.0, "sentences": 9}
    change = {"difference": 35.6, "low": 35.6, "high": 35.6, "p_value": 0.001}
    values = {"measured": [row | change], "parent": "en-ja", "best_update": 1, "updates": 1, "seconds": 1.0}
    path = tmp_path / "finetuning.json"
    path.write_text(json.dumps(values | {"pairs": {"train": 90}}), encoding="utf-8")
    ((found,),) = [test["rows"] for test in read_figures(path)["tests"]]
    assert found["chance"] == "too few sentences to say" and found["difference"] == 35.6
    assert (found["p_value"], found["low"], found["high"]) == (None, None, None)


@pytest.mark.parametrize(("text", "said"), [("wrong", "none of the 3 pairs is usable"), ("crash", "stands in")])
def test_what_fails_says_why(running: Finetunings, text: str, said: str) -> None:
    begin(running, text)
    until(lambda: running.state("mine") != "working")
    told = describe(running, "mine")
    assert told["state"] == "failed"
    assert said in told["error"]
    (running.place("mine") / "pairs.tsv").write_text(PAIRS, encoding="utf-8")
    running.go_on("mine", 2.0)
    until(lambda: running.state("mine") == "done")
    assert describe(running, "mine")["error"] == ""


def test_the_newest_is_the_first_and_rubbish_is_none(running: Finetunings) -> None:
    for name in ("one", "two"):
        begin(running, name=name)
        until(lambda name=name: running.state(name) == "done")
        os.utime(running.folder / name / "start.json", (0, 0) if name == "one" else None)
    (running.folder / "rubbish").mkdir()
    (running.folder / "broken").mkdir()
    (running.folder / "broken" / "start.json").write_text('{"name": 3}')
    assert running.names() == ["two", "one"]
    with pytest.raises(nmt.ConfigError, match="choose another name"):
        begin(running, name="two")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a" * 61, "ä", "a b", "-rf"])
def test_a_name_stays_in_its_folder(running: Finetunings, name: str) -> None:
    with pytest.raises(nmt.ConfigError, match="name is made of"):
        wanted(name)
    for ask in (running.stop, running.place, running.run_folder, running.state):
        with pytest.raises(nmt.ConfigError, match="there is no fine-tuning"):
            ask(name)


@pytest.mark.parametrize("minutes", [-1.0, float("nan"), float("inf"), 2_000.0])
def test_impossible_times_are_refused(minutes: float) -> None:
    with pytest.raises(nmt.ConfigError, match="minutes must be"):
        wanted(minutes=minutes)


def test_other_files_are_refused(running: Finetunings) -> None:
    with pytest.raises(nmt.ConfigError, match=r"ends in \.tsv, \.csv, \.jsonl"):
        running.start(wanted(), io.BytesIO(b"x"), ".exe")
    assert not running.folder.exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(nmt.ConfigError, match="cannot write"):
        begin(Finetunings(tmp_path / "file", command))


def test_what_is_not_installed_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == ""
    monkeypatch.setattr(finetunings_module.importlib.util, "find_spec", lambda name: None)
    assert missing().endswith("pip install '.[train]'")
    assert "\n" not in missing()


@pytest.mark.slow
def test_the_real_command_trains_is_stopped_and_goes_on(tmp_path: Path, tiny_bundle: Path, sample: Any) -> None:
    pairs = "".join(f"{source}\t{target}\n" for source, target in zip(sample.sources, sample.targets, strict=True))
    asked = wanted(parent_folder=str(tiny_bundle), minutes=0.05)
    with Finetunings(tmp_path / "models") as running:
        running.start(asked, io.BytesIO(pairs.encode()), ".tsv")
        until(lambda: len(describe(running, "mine")["lines"]) > 0 or running.state("mine") != "working", PATIENCE)
        running.stop("mine")
        assert describe(running, "mine")["state"] in ("stopped", "done")
        running.go_on("mine", 0.1)
        until(lambda: running.state("mine") != "working", PATIENCE)
        told = describe(running, "mine")
        assert told["state"] == "done", running.log("mine")
        assert (told["share"], told["error"]) == (1.0, "")
        assert any("pairs to learn from" in line or "goes on after" in line for line in told["lines"])
        assert {row["system"] for test in told["figures"]["tests"] for row in test["rows"]} == {"before", "after"}
        assert all(round_["dev chrF"] is not None for round_ in told["rounds"])
        (info,) = nmt.installed(running.run_folder("mine"))
        assert info.name == "mine"
        assert first_sentence(running.run_folder("mine"), "en")


# What is read from its files


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_whatever_a_process_says_can_be_read(text: str) -> None:
    said = read_log(text)
    assert said.share is None or said.share >= 0
    assert all(line.strip() == line for line in said.lines)


def test_a_bar_tells_how_far_it_is() -> None:
    assert read_log("").share is None
    assert read_log("warning: few\n").share is None
    begun = "training takes at most 2 minutes: 1,200 updates of 0.1 s\n"
    assert read_log(begun).share == 0.0
    assert read_log(begun + "\r  0%|   | 00:04<?\r  \rupdate 300: loss 3.1, dev chrF 40.0\n").share == 0.25
    far = read_log(begun + "\r 50%|###   | 1:00:15<1:00:05, update 600, loss 3, 9 tokens/s")
    assert (far.share, far.left) == (0.5, "1:00:05")
    assert read_log(begun + "writing the model and measuring it\n").share == 1.0
    assert read_log("a\nnmt: error: no\n").error == "no"


def test_broken_files_are_no_figures(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in ("", "{", "[]", '{"measured": [{}]}', "update\n\n3,4,5\n\x00"):
        path.write_text(content, encoding="utf-8")
        assert read_figures(path) == {}
        read_rounds(path)
    assert read_rounds(tmp_path / "none") == []
    assert first_sentence(tmp_path, "en") == ""


# Who may, by way of the routes


HERE = {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}


class Place:
    """The routes on a tiny model, asked by a client at this computer."""

    def __init__(self, folder: Path, command: list[str], tiny: Any, **settings: Any):
        fastapi = pytest.importorskip("fastapi")
        from starlette.testclient import TestClient

        from nmt_ui import finetuning_route
        from nmt_ui.api.work import Work

        self.config = ServerConfig(corrections=str(folder / "corrected"), **settings)
        self.finetunings = Finetunings(folder / "models", command)
        load = lambda name: tiny if name == "tiny" else nmt.Translator.load(self.models.infos[name].folder)  # noqa: E731
        self.models: Models = Models({"tiny": tiny.info}, load)
        self.tuning = finetuning_route.set_up(self.models, self.finetunings, self.config, True)
        application, self.work = fastapi.FastAPI(), Work(8, 2)
        finetuning_route.add_routes(application, self.tuning, self.config, self.work)
        self.client = TestClient(application, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 5000))

    def post(self, what: str, headers: dict[str, str] | None = None, **said: Any) -> Any:
        return self.client.post(f"/finetuning/{what}", headers=headers or HERE, **(said or {"json": {}}))

    def start(self, text: str = PAIRS, name: str = "mine", **changes: str) -> Any:
        fields = {"name": name, "parent": "tiny", "source": "en", "target": "ja", "minutes": "2", **changes}
        return self.post("start", data=fields, files={"file": ("my pairs.TSV", text.encode())})

    def run(self) -> Any:
        (run,) = self.post("state").json()["runs"]
        return run


@pytest.fixture
def place(tmp_path: Path, command: list[str], tiny_bundle: Path) -> Iterator[Place]:
    made = Place(tmp_path, command, nmt.Translator.load(tiny_bundle, num_threads=1))
    with made.finetunings, made.work:
        yield made


def test_a_finished_model_is_offered_at_once_and_set_beside_its_parent(place: Place) -> None:
    assert place.post("state").json() == {
        "place": str(place.finetunings.folder),
        "missing": "",
        "corrections": [],
        "runs": [],
    }
    assert place.start().json() == {}
    until(lambda: place.run()["state"] == "done")
    assert place.run()["pair"]["model"] == "mine"
    assert list(place.models.infos) == ["tiny", "mine"]
    told = place.post("compare", json={"name": "mine", "text": "Where is the station?"}).json()
    assert [told[side]["model"] for side in ("before", "after")] == ["tiny", "mine"]
    assert told["before"]["text"] == told["after"]["text"] != "", "the fake one copies its parent"
    assert place.models.get("mine") is place.models.get("mine")
    place.post("state")
    assert len(place.models.infos) == 2


def test_a_page_that_is_started_again_has_the_models_that_were_trained(
    place: Place, tmp_path: Path, command: list[str], tiny_bundle: Path
) -> None:
    place.start()
    until(lambda: place.run()["state"] == "done")
    again = Place(tmp_path, command, nmt.Translator.load(tiny_bundle, num_threads=1))
    assert list(again.models.infos) == ["tiny", "mine"]
    shutil.rmtree(place.finetunings.run_folder("mine") / "bundle")
    broken = Place(tmp_path, command, nmt.Translator.load(tiny_bundle, num_threads=1))
    assert list(broken.models.infos) == ["tiny"], "one that is damaged takes no other along"


def test_corrections_are_learned_from(place: Place) -> None:
    kept = Corrections(Path(place.config.corrections))
    for k in range(3):
        kept.save(place.models.infos["tiny"], f"Number {k}.", "番")
    assert place.post("state").json()["corrections"] == [{"source": "en", "target": "ja", "count": 3}]
    fields = {"name": "mine", "parent": "tiny", "source": "en", "target": "ja", "minutes": 2}
    assert "no corrections from en to de" in place.post("start", json={**fields, "target": "de"}).json()["error"]
    with pytest.raises(nmt.ConfigError, match="no corrections"):
        kept.open("../x", "ja")
    assert place.post("start", json=fields).json() == {}
    until(lambda: place.run()["state"] == "done")
    assert (place.finetunings.place("mine") / "pairs.jsonl").read_text(encoding="utf-8").count("\n") == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../up"}, "name is made of"),
        ({"name": "tiny"}, 'there is a model "tiny" already'),
        ({"parent": "other"}, 'no model "other"'),
        ({"minutes": "soon"}, "minutes must be a number"),
        ({"minutes": "-1"}, "minutes must be"),
        ({"target": "en"}, "different"),
        ({"target": "--out x"}, "is not a language code"),
        ({"name": ""}, "missing name"),
    ],
)
def test_what_makes_no_sense_is_said_in_plain_words(place: Place, changes: dict[str, str], said: str) -> None:
    answer = place.start(**changes)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert place.post("state").json()["runs"] == []


def test_what_is_not_there_cannot_be_asked_for(place: Place) -> None:
    for what in ("stop", "go_on", "compare"):
        answer = place.post(what, json={"name": "none", "minutes": 1, "text": "Yes."})
        assert answer.status_code == 400, what
        assert "there is no" in answer.json()["error"] or "cannot be gone on" in answer.json()["error"]


def test_the_page_learns_whether_its_visitor_may_train(place: Place) -> None:
    for headers, may in ((HERE, True), ({**HERE, "x-forwarded-for": "203.0.113.5"}, False)):
        answer = place.post("allowed", headers)
        assert (answer.status_code, answer.json()) == (200, {"allowed": may}), headers


@pytest.mark.parametrize("what", ["state", "start", "stop", "go_on", "compare"])
def test_strangers_train_nothing(place: Place, what: str) -> None:
    for headers in (
        {"origin": "http://evil.example", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
        {**HERE, "x-forwarded-for": "203.0.113.5"},
    ):
        answer = place.post(what, headers)
        assert answer.status_code == 403, headers
        assert "--finetuning FOLDER" in answer.json()["error"]


def test_with_the_option_every_visitor_of_the_page_may_but_no_other_site(
    tmp_path: Path, command: list[str], tiny_bundle: Path
) -> None:
    from starlette.testclient import TestClient

    made = Place(tmp_path, command, nmt.Translator.load(tiny_bundle), finetuning=str(tmp_path))
    client = TestClient(made.client.app, base_url="http://example.org", client=("203.0.113.5", 5000))
    own = {"origin": "http://example.org"}
    assert client.post("/finetuning/state", json={}, headers=own).status_code == 200
    other = {"origin": "http://evil.example"}
    assert client.post("/finetuning/state", json={}, headers=other).status_code == 403
    assert client.post("/finetuning/state", json={}).status_code == 403


def test_only_a_page_of_this_server_asks() -> None:
    assert is_from_own_page({"sec-fetch-site": "same-origin"})
    assert is_from_own_page({"origin": "http://a:1", "host": "a:1"})
    assert not is_from_own_page({"sec-fetch-site": "same-site", "origin": "http://a", "host": "a"})
    assert not is_from_own_page({"host": ""})


def test_where_models_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert ServerConfig().finetuning_folder() == tmp_path / "nmt" / "models"
    assert ServerConfig(finetuning="~/mine").finetuning_folder() == Path.home() / "mine"


@pytest.mark.parametrize(
    ("settings", "is_local", "offered"), [({}, True, True), ({}, False, False), ({"finetuning": "/none"}, False, True)]
)
def test_it_is_offered_to_this_computer_only_unless_asked_for(
    tiny_bundle: Path, settings: dict[str, Any], is_local: bool, offered: bool
) -> None:
    pytest.importorskip("gradio")
    from nmt_ui import finetuning_route, page

    tiny = nmt.Translator.load(tiny_bundle, num_threads=1)
    models = Models({"tiny": tiny.info}, lambda name: tiny)
    config = ServerConfig(**settings)
    tuning = finetuning_route.set_up(models, Finetunings(Path("/none")), config, is_local)

    async def make() -> Any:
        return page.build(models, "tiny", config, is_local, tuning)

    told = asyncio.run(make()).get_config_file()
    labels = [part["props"].get("label") for part in told["components"] if part["type"] == "tabitem"]
    assert ("Train" in labels) is offered
    (chat,) = (part["props"]["props"] for part in told["components"] if "trains" in part["props"].get("props", {}))
    assert chat["trains"] is offered


def test_two_at_once_are_one(place: Place) -> None:
    found: list[str] = []

    def go(k: int) -> None:
        try:
            begin(place.finetunings, "wait", f"m{k}")
        except nmt.ConfigError as error:
            found.append(str(error))

    threads = [threading.Thread(target=go, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all("still at work" in error for error in found)
