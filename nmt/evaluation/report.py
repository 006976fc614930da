"""A comparison as one HTML page that needs nothing else: no script, no address, and all text escaped."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from nmt.evaluation.breakdown import Breakdown
from nmt.evaluation.comparison import Comparison, Result
from nmt.evaluation.pictures import NUM_COLOURS, Series, bars
from nmt.evaluation.significance import Difference
from nmt.languages import language

_SHOWN = 20  # sentences in each list
_COLOURS = ("#3d7dca", "#d9822b", "#3a9d6e", "#b0529c", "#8a8a3a", "#7a6fd0")
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --quiet: light-dark(#666, #aaa); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; } th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); }
th { text-align: start; } td.number, th.number { text-align: end; font-variant-numeric: tabular-nums; }
td { white-space: nowrap; }
svg { width: 100%; height: auto; font-size: 12px; } svg text { fill: currentColor; }
.axis { stroke: var(--line); } .whisker { stroke: currentColor; }
.quiet { color: var(--quiet); font-size: .85rem; } code { overflow-wrap: anywhere; }
.key { display: inline-block; width: .8em; height: .8em; margin-inline: .8em .3em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; border-top: 1px solid var(--line);
  padding-top: .6rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0; }
""" + "\n".join(
    f".series{k} {{ fill: {colour}; background: {colour}; }}" for k, colour in enumerate(_COLOURS[:NUM_COLOURS])
)


def report(comparison: Comparison) -> str:
    """The page. Best and worst sentences are chosen by sentence chrF."""
    test = comparison.test
    pair = f"{language(test.source_language).name} to {language(test.target_language).name}"
    title = f"{test.name}: {pair}"
    names = ", ".join(result.system.name for result in comparison.results)
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(test.sources):,} sentences, translated by {escape(names)}.</p>",
        "<h2>Scores</h2>",
        _scores(comparison),
        _differences(comparison),
        "<h2>Which sentences are hard</h2>",
        *(_breakdown(one, comparison.results) for one in comparison.breakdowns),
        "<h3>How the sentences are spread</h3>",
        _spread(comparison.results),
        "<h2>Sentences</h2>",
        *(_best_and_worst(comparison, result) for result in comparison.results),
        *(_most_different(comparison, result) for result in comparison.results[1:]),
        "<h2>How it was counted</h2>",
        _signatures(comparison),
    ]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _scores(comparison: Comparison) -> str:
    metrics = [one.name for one in comparison.results[0].estimates]
    rows = []
    for result in comparison.results:
        seconds = result.system.seconds
        cells = [_interval(one.value, one.margin) for one in result.estimates]
        rows.append(
            [result.system.name, *cells, f"{result.ter.value:.2f}", "" if seconds is None else f"{seconds:.1f}"]
        )
    note = "± is half of the 95 % interval, by bootstrap resampling. Of TER, less is better."
    return _table(["", *metrics, "TER", "seconds"], rows) + f'<p class="quiet">{note}</p>'


def _differences(comparison: Comparison) -> str:
    first, *others = comparison.results
    if not others:
        return ""
    rows = [
        [result.system.name, one.name, *_difference(one.difference)]
        for result in others
        for one in result.estimates
        if one.difference is not None
    ]
    note = (
        "Paired bootstrap resampling (Koehn 2004). p: how often chance alone would bring such a difference, as "
        "sacreBLEU counts it; it is not corrected for the number of comparisons."
    )
    heading = f"<h3>Against {escape(first.system.name)}</h3>"
    head = ["", "metric", "difference", "95 % of resamples", "p"]
    return heading + _table(head, rows, num_texts=2) + f'<p class="quiet">{note}</p>'


def _difference(difference: Difference) -> list[str]:
    if math.isnan(difference.p_value):
        return [f"{difference.value:+.2f}", "", ""]
    between = f"{difference.low:+.2f} to {difference.high:+.2f}"
    return [f"{difference.value:+.2f}", between, f"{difference.p_value:.3f}"]


def _breakdown(breakdown: Breakdown, results: Sequence[Result]) -> str:
    metrics = [one.name for one in breakdown.groups[0].estimates[0]] if breakdown.groups else []
    last = len(metrics) - 1
    series = [
        Series(
            result.system.name,
            [group.estimates[k][last].value for group in breakdown.groups],
            [group.estimates[k][last].margin for group in breakdown.groups],
        )
        for k, result in enumerate(results)
    ]
    labels = [f"{group.label}\n{group.num_sentences:,}" for group in breakdown.groups]
    rows = [
        [group.label, result.system.name, f"{group.num_sentences:,}"]
        + [_interval(one.value, one.margin) for one in group.estimates[k]]
        for group in breakdown.groups
        for k, result in enumerate(results)
    ]
    return "".join(
        [
            f"<h3>{escape(breakdown.title)}</h3>",
            _key(results),
            bars(breakdown.title, labels, series, metrics[last] if metrics else ""),
            '<p class="quiet">chrF; below each group, the number of its sentences.</p>',
            "<details><summary>As a table</summary>",
            _table(["group", "", "sentences", *metrics], rows, num_texts=2),
            "</details>",
        ]
    )


def _spread(results: Sequence[Result]) -> str:
    labels = [f"{low}–{low + 10}" for low in range(0, 100, 10)]
    series = []
    for result in results:
        numbers = [0.0] * len(labels)
        for value in result.sentence_chrf:
            numbers[min(int(value // 10), len(numbers) - 1)] += 1
        series.append(Series(result.system.name, numbers))
    title = "Sentences by their chrF"
    return _key(results) + bars(title, labels, series, "sentences") + f'<p class="quiet">{title}.</p>'


def _best_and_worst(comparison: Comparison, result: Result) -> str:
    chrf = result.sentence_chrf
    # Of equally good ones the longest: that a short sentence is right says little.
    order = sorted(range(len(chrf)), key=lambda k: (-chrf[k], -len(comparison.test.references[k])))
    num_shown = min(_SHOWN, (len(order) + 1) // 2)
    parts = []
    for title, chosen in (("best", order[:num_shown]), ("worst", order[::-1][:num_shown])):
        entries = "".join(_entry(comparison, k, [result]) for k in chosen)
        parts.append(
            f"<details><summary>{escape(result.system.name)}: the {len(chosen)} {title}</summary>{entries}</details>"
        )
    return "".join(parts)


def _most_different(comparison: Comparison, other: Result) -> str:
    first = comparison.results[0]
    gains = [after - before for before, after in zip(first.sentence_chrf, other.sentence_chrf, strict=True)]
    order = sorted(range(len(gains)), key=lambda k: -abs(gains[k]))
    texts = zip(first.system.translations, other.system.translations, strict=True)
    differ = [one != another for one, another in texts]
    parts = []
    for better, chosen in (
        (other, [k for k in order if differ[k] and gains[k] > 0][:_SHOWN]),
        (first, [k for k in order if differ[k] and gains[k] < 0][:_SHOWN]),
    ):
        worse = first if better is other else other
        title = f"{better.system.name} is better than {worse.system.name} by most"
        entries = "".join(_entry(comparison, k, [first, other]) for k in chosen) or "<p>No sentence.</p>"
        parts.append(f"<details><summary>{escape(title)}: {len(chosen)}</summary>{entries}</details>")
    same = len(differ) - sum(differ)
    return f"<p>{escape(other.system.name)} and {escape(first.system.name)} agree on {same:,} sentences.</p>" + "".join(
        parts
    )


def _entry(comparison: Comparison, k: int, results: Iterable[Result]) -> str:
    """One sentence: its line number, source, reference and translations."""
    test = comparison.test
    rows = [(f"line {k + 1:,}", test.sources[k], test.source_language)]
    rows.append(("reference", test.references[k], test.target_language))
    for result in results:
        label = f"{result.system.name}, {result.sentence_chrf[k]:.1f}"
        rows.append((label, result.system.translations[k], test.target_language))
    return "<dl>" + "".join(f"<dt>{escape(label)}</dt>{_text(text, code)}" for label, text, code in rows) + "</dl>"


def _text(text: str, code: str) -> str:
    direction = "rtl" if language(code).right_to_left else "ltr"
    return f'<dd lang="{escape(code)}" dir="{direction}">{escape(text)}</dd>'


def _signatures(comparison: Comparison) -> str:
    first = comparison.results[0]
    rows = [[one.name, one.signature] for one in first.estimates]
    rows.append([first.ter.name, first.ter.signature])
    return _table(["metric", "sacreBLEU signature"], rows, num_texts=2)


def _key(results: Sequence[Result]) -> str:
    """Which colour is whose."""
    names = [
        f'<span class="key series{k % NUM_COLOURS}"></span>{escape(result.system.name)}'
        for k, result in enumerate(results)
    ]
    return f"<p>{''.join(names)}</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], num_texts: int = 1) -> str:
    """A table whose first columns are text and the others numbers."""

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = ["" if k < num_texts else ' class="number"' for k in range(len(cells))]
        inner = "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return f"<tr>{inner}</tr>"

    return f'<div class="wide"><table>{row(head, "th")}{"".join(row(cells, "td") for cells in rows)}</table></div>'


def _interval(value: float, margin: float) -> str:
    return f"{value:.2f}" if math.isnan(margin) else f"{value:.2f} ± {margin:.2f}"
