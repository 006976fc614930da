"""What fine-tuning changed: scores before and after with their intervals, as a table for people and for programs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nmt.corpora.corpus import Corpus
from nmt.evaluation import pictures, significance
from nmt.evaluation.metrics import metrics
from nmt.evaluation.pictures import Curve
from nmt.evaluation.significance import Estimate
from nmt.translator import Translator

_ENOUGH = 10  # sentences, from which on an interval says something


@dataclass(frozen=True)
class Measured:
    """One system on one test set.

    Attributes:
        test: what was translated: "new", "old", or "scratch" for the new text against a model trained from nothing.
        system: "before" (the parent), "after" (the child), or "from nothing".
        metric: "BLEU", "BLEU ja-mecab", "chrF" …
        value: 0 to 100.
        margin: half of the 95 % interval around it.
        difference: to the system before; None for that itself, and where there is none.
        low, high: where 95 % of the resampled differences lie.
        p_value: how often chance would bring such a difference; see `nmt.evaluation.significance.Difference`.
        sentences: in the test set.
    """

    test: str
    system: str
    metric: str
    value: float
    margin: float
    sentences: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


def measure(name: str, test: Corpus, systems: dict[str, Translator], language: str) -> list[Measured]:
    """Translate a test set by each system's own search, and compare the others with the first.

    Args:
        name: of the test set.
        test: sentences and references.
        systems: by name; the first is what the others are compared with.
        language: code of the target.
    """
    texts = [[one.text for one in translator.translate_batch(test.sources)] for translator in systems.values()]
    found = []
    for metric in metrics(language):
        estimates = significance.estimate(metric, [metric.count(lines, test.targets) for lines in texts])
        found += [_measured(name, system, one, len(test)) for system, one in zip(systems, estimates, strict=True)]
    return found


def _measured(test: str, system: str, one: Estimate, sentences: int) -> Measured:
    change = one.difference
    return Measured(
        test=test,
        system=system,
        metric=one.name,
        value=round(one.value, 2),
        margin=round(one.margin, 2),
        sentences=sentences,
        difference=None if change is None else round(change.value, 2),
        low=None if change is None else round(change.low, 2),
        high=None if change is None else round(change.high, 2),
        p_value=None if change is None else round(change.p_value, 4),
    )


def said(measured: Sequence[Measured], titles: dict[str, str]) -> list[str]:
    """Lines for the terminal, a heading before each test set."""
    lines = []
    for test in dict.fromkeys(one.test for one in measured):
        rows = [one for one in measured if one.test == test]
        lines.append(f"{titles[test]} ({rows[0].sentences:,} sentences)")
        lines += [f"  {one.metric:<14} {one.system:<13} {_value(one):<16}{_change(one)}".rstrip() for one in rows]
    return lines


def card_section(measured: Sequence[Measured], titles: dict[str, str], picture: str) -> list[str]:
    """Lines of Markdown for the model card."""
    lines = ["## What fine-tuning changed", ""]
    for test in dict.fromkeys(one.test for one in measured):
        rows = [one for one in measured if one.test == test]
        lines += [f"{titles[test]}, {rows[0].sentences:,} sentences, with 95 % intervals:", ""]
        lines += ["| system | metric | score | change |", "|---|---|---|---|"]
        lines += [f"| {one.system} | {one.metric} | {_value(one)} | {_change(one)} |" for one in rows]
        lines.append("")
    return [*lines, f"![Scores on dev and loss, by update]({picture})"]


def learning_curves(history: Sequence[dict[str, float]]) -> str:
    """An SVG file: the scores on dev after each round, and the loss."""
    names = [name for name in history[0] if name.startswith("dev ")]
    scores = [Curve(name.removeprefix("dev "), [(row["update"], row[name]) for row in history]) for name in names]
    losses = [(row["update"], row["loss"]) for row in history if math.isfinite(row["loss"])]
    drawn = [pictures.curves("Scores on dev", scores, "updates")]
    if losses:
        drawn.append(pictures.curves("Loss in training", [Curve("nats per token", losses)], "updates"))
    return pictures.file(drawn)


def _value(one: Measured) -> str:
    return f"{one.value:.2f} ± {one.margin:.2f}" if one.sentences >= _ENOUGH else f"{one.value:.2f}"


def _change(one: Measured) -> str:
    if one.difference is None:
        return ""
    if one.sentences < _ENOUGH:
        return f"{one.difference:+.2f} (too few sentences to say more)"
    return f"{one.difference:+.2f} ({one.low:+.2f} to {one.high:+.2f}, p = {one.p_value:.3f})"
