"""How a fine-tuning stands, as plain values for the browser: what it said, how far it is, its curve, its figures."""

import csv
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nmt

from .corrections import shown
from .finetunings import Finetunings
from .payload import pair_name_of

_BAR = re.compile(r"\s*(\d+)%\|.*\|\s*\S+<([\d:]+|\?)")
_UPDATES = re.compile(r"\b([\d,]+) updates of ")
_ROUND = re.compile(r"update ([\d,]+): loss ")
_AT_UPDATE = re.compile(r"\bupdate ([\d,]+),")
_WARNING, _ERROR, _MEASURING = "warning: ", "nmt: error: ", "writing the model"
_MOST_LINES = 12
_ENOUGH = 10  # sentences, from which on an interval says something; as in `nmt finetune`
_SILENT = "It ended without a word. What it has said stands in"


@dataclass(frozen=True)
class Said:
    """What a process has said.

    Attributes:
        lines: for people, in order, without warnings.
        warnings: about the data.
        error: why it ended; empty where it did not, or said nothing about it.
        share: of the training that lies behind, 0 to 1; None before it begins.
        left: time to go, such as "0:40"; empty where that is not known.
    """

    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    error: str
    share: float | None
    left: str


def read_log(text: str) -> Said:
    """What the log of `nmt finetune` says; a bar that is rewritten in place counts as last seen."""
    lines, warnings, error, left = [], [], "", ""
    total = update = percent = 0
    for line in text.split("\n"):
        written = [part for part in line.split("\r") if part.strip()]
        for part in written:
            if bar := _BAR.match(part):
                percent, left = int(bar[1]), bar[2].lstrip("?")
            for pattern in (_ROUND, _AT_UPDATE):
                if found := pattern.search(part):
                    update = max(update, _number(found[1]))
        said = written[-1].strip() if written else ""
        if not said or _BAR.match(said) or _ROUND.match(said):
            continue
        if found := _UPDATES.search(said):
            total = _number(found[1])
        if said.startswith(_WARNING):
            warnings.append(said.removeprefix(_WARNING))
        elif said.startswith(_ERROR):
            error = said.removeprefix(_ERROR)
        else:
            lines.append(said)
    begun = total or update or percent
    share = max(percent / 100, update / total if total else 0.0) if begun else None
    if any(line.startswith(_MEASURING) for line in lines):
        share, left = 1.0, ""
    return Said(tuple(lines[-_MOST_LINES:]), tuple(dict.fromkeys(warnings)), error, share, _short(left))


def read_rounds(path: Path) -> list[dict[str, float | None]]:
    """The rounds so far, as `log.csv` has them; what is no finite number is None."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [{name: _finite(value) for name, value in row.items() if name} for row in csv.DictReader(file)]
    except (OSError, csv.Error):
        return []


def read_figures(path: Path) -> dict[str, Any]:
    """What came of it: `tests`, each with a `title` and `rows`, and `kept`, the update whose weights were the best."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        measured = [_judged(one) for one in values["measured"]]
        sizes = values["pairs"]
        return {
            "tests": [{"title": title, "rows": rows} for title, rows in _by_test(measured, values["parent"])],
            "kept": values["best_update"],
            "updates": values["updates"],
            "seconds": values["seconds"],
            "pairs": sizes["train"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def describe(finetunings: Finetunings, name: str) -> dict[str, Any]:
    """Everything about one, for the browser.

    Raises:
        ConfigError: there is none of that name.
    """
    state, run = finetunings.state(name), finetunings.run_folder(name)
    wanted, said = finetunings.wanted(name), read_log(finetunings.log(name))
    if wanted is None:
        raise nmt.ConfigError(f'the folder of "{name}" is damaged')
    error = said.error or f"{_SILENT} {shown(finetunings.place(name) / 'log')}."
    return {
        "name": name,
        "state": state,
        "parent": wanted.parent,
        "source": wanted.source,
        "target": wanted.target,
        "label": pair_name_of(wanted.source, wanted.target),
        "minutes": wanted.minutes,
        "place": shown(run),
        "lines": list(said.lines),
        "warnings": list(said.warnings),
        "error": error if state == "failed" else "",
        "share": said.share,
        "left": said.left,
        "rounds": read_rounds(run / "log.csv"),
        "figures": read_figures(run / "finetuning.json") if state == "done" else {},
    }


def first_sentence(run: Path, language: str) -> str:
    """A sentence that the model has not learned from, to try it on; empty where there is none."""
    try:
        with (run / "data" / f"test.{language}").open(encoding="utf-8") as lines:
            return min((line.strip() for line, _ in zip(lines, range(20), strict=False)), key=_handiness, default="")
    except (OSError, UnicodeDecodeError):
        return ""


def _handiness(line: str) -> int:
    return abs(len(line) - 40)


def _by_test(measured: Sequence[dict[str, Any]], parent: str) -> list[tuple[str, list[dict[str, Any]]]]:
    titles = {
        "new": "Sentences like yours that it has not seen",
        "old": f"Sentences like those that {parent} was made for",
        "scratch": "Beside a model that learned from your sentences alone",
    }
    tests = dict.fromkeys(one["test"] for one in measured)
    return [(titles.get(test, test), [one for one in measured if one["test"] == test]) for test in tests]


def _judged(measured: dict[str, Any]) -> dict[str, Any]:
    """With how often chance alone brings such a difference, in words; of few sentences nobody can tell."""
    p_value = measured["p_value"]
    if p_value is None:
        return {**measured, "chance": ""}
    if measured["sentences"] < _ENOUGH:
        return {**measured, "chance": "too few sentences to say", "p_value": None, "low": None, "high": None}
    likely = "may be chance" if p_value >= 0.05 else "hardly chance" if p_value >= 0.01 else "not chance"
    return {**measured, "chance": likely}


def _finite(value: str | None) -> float | None:
    try:
        number = float(value or "nan")
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _number(text: str) -> int:
    return int(text.replace(",", "") or 0)


def _short(left: str) -> str:
    """00:40 as 0:40."""
    return re.sub(r"^0(?=\d:)", "", left)
