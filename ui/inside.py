"""What goes on inside the network, as HTML: plain functions from an inspection to tables that can be pointed at.

Every picture is a table with headers, and every cell says in words what it shows: seen when pointed at or touched, and
always there for those who listen. No scripts, nothing from elsewhere; what came from a visitor or a model is escaped.
"""

from collections.abc import Sequence
from html import escape

import numpy as np

import nmt

from .labels import NOTES, Label, label, labels, width
from .wording import CELLS, QUANTITIES, layer_name, number, percent, spoken, when

NUM_UNITS = 24  # shown of a layer
MAX_ACROSS = 60  # letters of all labels above a table; with more they stand upright

CSS = """
.nmt-inside { --plus: var(--primary-700, #2b486d); --minus: #a9561c; --zero: var(--background-fill-secondary, #f3f1ed);
    --ground: var(--block-background-fill, #fff); --quiet: var(--body-text-color-subdued, #767067);
    padding: 1rem; border-radius: var(--radius-lg, 8px); background: var(--ground);
    color: var(--body-text-color, #1e1c19); font-size: 0.875rem; line-height: 1.5; }
.dark .nmt-inside { --plus: var(--primary-300, #9bb5d3); --minus: #e39a5c; }
.nmt-inside section + section { margin-top: 1.75rem; }
.nmt-inside section + p.note { margin-top: 1.75rem; }
.nmt-inside h3 { font-size: 1rem; font-weight: 600; line-height: 1.4; margin: 0; color: inherit; }
.nmt-inside p { margin: 0.1rem 0 0.75rem; max-width: 44rem; color: var(--quiet); font-size: inherit; }
.nmt-inside p.note { margin: 0.25rem 0 0; font-size: 0.8125rem; }
.nmt-inside figure { position: relative; margin: 0; } /* `said` stands in here: it must not scroll along */
.nmt-inside .scroll { overflow-x: auto; padding-bottom: 0.25rem; }
.nmt-inside .scroll:focus-visible { outline: 2px solid var(--plus); outline-offset: 3px; }
.nmt-inside table, .nmt-inside tr, .nmt-inside th, .nmt-inside td { border: 0 !important; padding: 0; margin: 0;
    background: none; font-size: inherit; line-height: 1.2; }
.nmt-inside .heat { border-collapse: separate; border-spacing: 2px; width: auto; }
.nmt-inside .heat th { font-weight: 400; white-space: nowrap; text-align: center; }
.nmt-inside .heat thead th { padding: 0 0.3rem 0.25rem; vertical-align: bottom; }
.nmt-inside .heat thead td { padding-bottom: 0.25rem; vertical-align: bottom; text-align: end; color: var(--quiet); }
.nmt-inside .upright thead th { writing-mode: vertical-rl; text-align: end; padding: 0 0 0.25rem; line-height: 1.9rem; }
.nmt-inside .heat tbody th, .nmt-inside .heat thead td { position: sticky; left: 0; background: var(--ground);
    padding-inline: 0 0.5rem; text-align: end; z-index: 1; }
.nmt-inside .heat tbody td { min-width: 1.9rem; height: 1.9rem; border-radius: 3px; cursor: default;
    background: color-mix(in oklab, var(--plus) calc(var(--v) * 100%), var(--zero)); }
.nmt-inside .heat tbody td.minus { background: color-mix(in oklab, var(--minus) calc(var(--v) * 100%), var(--zero)); }
.nmt-inside .units { border-spacing: 2px 1px; }
.nmt-inside .units tbody th { color: var(--quiet); font-variant-numeric: tabular-nums; font-size: 0.75rem; }
.nmt-inside .units tbody td { height: 1rem; border-radius: 2px; }
.nmt-inside .heat tbody td:hover { outline: 2px solid var(--body-text-color, #1e1c19); outline-offset: 0; }
.nmt-inside .heat tbody tr:hover > th { color: var(--body-text-color, #1e1c19); text-decoration: underline; }
.nmt-inside figcaption { min-height: 1.5rem; line-height: 1.5rem; font-size: 0.8125rem; color: var(--quiet); }
.nmt-inside .said, .nmt-inside .nmt-hidden { position: absolute; left: 0; top: 0; width: 1px; height: 1px;
    clip-path: inset(50%); overflow: hidden; white-space: nowrap; }
.nmt-inside td:hover > .said { clip-path: none; top: auto; bottom: 0; width: 100%; height: 1.5rem; z-index: 2;
    background: var(--ground); line-height: 1.5rem; font-size: 0.8125rem; pointer-events: none; }
.nmt-inside .scale { display: flex; gap: 0.5rem; align-items: center; margin-bottom: 0.75rem; font-size: 0.8125rem;
    color: var(--quiet); font-variant-numeric: tabular-nums; }
.nmt-inside .scale i { width: 7rem; height: 0.6rem; border-radius: 3px;
    background: linear-gradient(90deg in oklab, var(--zero), var(--plus)); }
.nmt-inside .scale.signed i { background: linear-gradient(90deg in oklab, var(--minus), var(--zero), var(--plus)); }
.nmt-inside .special { color: var(--quiet); font-style: italic; }
.nmt-inside .steps { list-style: none; margin: 0; padding: 0; display: grid; gap: 1.25rem 1.5rem;
    grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
.nmt-inside .steps li { position: relative; margin: 0; min-width: 0; }
.nmt-inside .steps table { width: 100%; border-collapse: collapse; table-layout: fixed; }
.nmt-inside .steps caption { text-align: start; font-weight: 600; padding: 0 0 0.25rem; color: inherit; }
.nmt-inside .steps caption span { color: var(--quiet); font-weight: 400; font-variant-numeric: tabular-nums; }
.nmt-inside .steps th { width: 46%; font-weight: 400; text-align: start; overflow-wrap: anywhere; color: var(--quiet);
    padding: 0.1rem 0.5rem 0.1rem 0; }
.nmt-inside .steps td { text-align: end; font-variant-numeric: tabular-nums; color: var(--quiet); font-size: 0.75rem;
    background: linear-gradient(var(--bar) 0 0) 0 50% / calc(var(--v) * (100% - 3.1rem)) 0.6rem no-repeat;
    --bar: color-mix(in oklab, var(--plus) 28%, var(--zero)); }
.nmt-inside .steps .chosen th { color: var(--body-text-color, #1e1c19); font-weight: 600; }
.nmt-inside .steps .chosen td { color: var(--body-text-color, #1e1c19); --bar: var(--plus); }
@media (max-width: 640px) {
    .nmt-inside .steps { grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); }
    .nmt-inside .steps th { width: 38%; }
    .nmt-inside figcaption, .nmt-inside td:hover > .said { height: 2.5rem; line-height: 1.25rem; white-space: normal; }
}
"""


def layer_choices(inspection: nmt.Inspection) -> list[tuple[str, str]]:
    """What the page offers as layers: a name for people, and the one that `panel` takes."""
    return [(layer_name(layer.name), layer.name) for layer in inspection.layers]


def quantity_choices(inspection: nmt.Inspection | None = None) -> list[tuple[str, str]]:
    """What the page offers to look at, of this network or of any LSTM: a name for people, and what `panel` takes."""
    _, keys = CELLS[inspection.network.cell if inspection else "lstm"]
    return [(f"{QUANTITIES[key].name}: {QUANTITIES[key].what}", key) for key in keys]


def panel(inspection: nmt.Inspection, layer: str, what: str) -> str:
    """The HTML of everything: where it looked, what a layer held, what else it could have written.

    Args:
        inspection: of one sentence.
        layer: one of `layer_choices`.
        what: one of `quantity_choices`; where the network has no such thing, the panel says so.
    """
    parts = (attention_map(inspection), state_map(inspection, layer, what), candidate_lists(inspection))
    return f'<div class="nmt-inside">{"".join(parts)}{_notes(inspection)}</div>'


def attention_map(inspection: nmt.Inspection) -> str:
    """Where the network looked: source tokens across, target tokens down."""
    network = inspection.network
    if network.attention == "none":
        return _section("Where it looked", "This network has no attention: it writes from what it remembers alone.", "")
    across = labels(inspection.source_tokens, inspection.source_language)
    down = labels(inspection.target_tokens, inspection.target_language)
    rows = []
    for target, weights in zip(down, inspection.attention, strict=True):
        cells = "".join(
            _cell(weight, f"While writing {target.said}, it looked at {source.said}: {percent(weight)}")
            for source, weight in zip(across, weights, strict=True)
        )
        rows.append(f"<tr>{_header('row', target, inspection.target_language)}{cells}</tr>")
    table = _table(
        "Attention: how much it looked at each source token while writing each target token",
        across,
        inspection.source_language,
        "".join(rows),
        "attention",
    )
    heads = f" The mean of its {network.attention_heads} heads." if network.attention == "multi_head" else ""
    return _section(
        "Where it looked",
        "Each row is a piece of the translation, each column a piece of the source. "
        f"The stronger a cell's colour, the more the network looked there while writing.{heads}",
        _figure(table, _scale("0 %", "100 %", "from faint, not at all, to strong, only there")),
    )


def state_map(inspection: nmt.Inspection, layer: str, what: str) -> str:
    """What the most active units of a layer held: tokens across, units down."""
    held, quantity = inspection.layer(layer), QUANTITIES[what]
    title = f"{layer_name(layer)}: {quantity.name[0].lower()}{quantity.name[1:]}"
    values = {"hidden": held.hidden, "cell": held.cell, **held.gates}.get(what)
    if values is None:
        kind, keys = CELLS[inspection.network.cell]
        there = ", ".join(QUANTITIES[key].name for key in keys)
        return _section(title, f"A {kind} has no such thing. What it has: {there}.", "")
    language = inspection.source_language if held.side == "source" else inspection.target_language
    across = labels(inspection.tokens(layer), language)
    moments = [when(held.side, held.backwards, one) for one in across]
    units = inspection.most_active(layer, NUM_UNITS)
    top = float(np.abs(values[:, units]).max(initial=0.0)) if what == "cell" else 1.0
    rows = []
    for unit in units:
        cells = "".join(
            _cell(
                value / max(top, 1e-9),
                f"{moment}, unit {unit} {quantity.says.format(value=spoken(value, top, quantity.share))}",
            )
            for moment, value in zip(moments, values[:, unit], strict=True)
        )
        rows.append(f'<tr><th scope="row">{unit}</th>{cells}</tr>')
    table = _table(title, across, language, "".join(rows), "units", "unit")
    ends = ("0 %", "100 %") if quantity.share else (number(-top), number(top))
    meaning = (
        "from faint, closed, to blue, open" if quantity.share else "from brown, negative, over faint to blue, positive"
    )
    count = f"The {len(units)} units" if len(units) < values.shape[1] else f"All {len(units)} units"
    order = "that change most over the sentence, the liveliest on top." if len(units) > 1 else ""
    return _section(
        title,
        f"{escape(quantity.explanation)} {count} {order}",
        _figure(table, _scale(*ends, meaning, signed=not quantity.share)),
    )


def candidate_lists(inspection: nmt.Inspection) -> str:
    """At each step the most probable tokens, the written one marked."""
    language = inspection.target_language
    uses_spaces = nmt.language(language).uses_spaces
    written = labels(inspection.target_tokens, language)
    steps = []
    for k, token in enumerate(inspection.target_tokens):
        candidates = list(inspection.candidates[k])
        if token not in dict(candidates):
            candidates.append((token, inspection.probabilities[k]))
        rows = []
        for candidate, probability in candidates:
            chosen = candidate == token
            one = written[k] if chosen else label(candidate, uses_spaces)
            mark = '<span class="nmt-hidden"> (written)</span>' if chosen else ""
            rows.append(
                f'<tr class="{"chosen" if chosen else "other"}">{_header("row", one, language, mark)}'
                f'<td style="--v:{probability:.3f}">{percent(probability)}</td></tr>'
            )
        steps.append(
            f"<li><table><caption><span>{k + 1}</span> {_text(written[k], language)}</caption>"
            '<thead class="nmt-hidden"><tr><th scope="col">Candidate</th><th scope="col">Probability</th></tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></li>"
        )
    return _section(
        "What it could have written",
        f"At each step the {len(inspection.candidates[0])} most probable pieces, with the written one marked.",
        f'<ol class="steps">{"".join(steps)}</ol>',
    )


# ---------------------------------------------------------------- elements


def _section(title: str, lead: str, content: str) -> str:
    return f"<section><h3>{escape(title)}</h3><p>{lead}</p>{content}</section>"


def _table(caption: str, across: Sequence[Label], language: str, rows: str, kind: str, corner: str = "") -> str:
    upright = " upright" if sum(width(one.text) + 2 for one in across) > MAX_ACROSS else ""
    head = "".join(_header("col", one, language) for one in across)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f'<table class="heat {kind}{upright}"><caption class="nmt-hidden">{escape(caption)}</caption>'
        f"<thead><tr><td>{corner}</td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _header(scope: str, one: Label, language: str, extra: str = "") -> str:
    return f'<th scope="{scope}">{_text(one, language)}{extra}</th>'


def _text(one: Label, language: str) -> str:
    if one.special:
        return f'<bdi class="special">{escape(one.text)}</bdi>'
    return f'<bdi lang="{escape(language)}">{escape(one.text)}</bdi>'


def _cell(strength: float, said: str) -> str:
    sign = "minus" if strength < 0 else "plus"
    return f'<td class="{sign}" style="--v:{abs(strength):.3f}"><span class="said">{escape(said)}</span></td>'


def _figure(table: str, scale: str) -> str:
    return f"<figure>{scale}{table}<figcaption>Point at a cell to read it in words.</figcaption></figure>"


def _scale(low: str, high: str, meaning: str, signed: bool = False) -> str:
    kind = "signed" if signed else "share"
    return (
        f'<span class="scale {kind}" role="img" aria-label="Colours: {meaning}"><span>{low}</span><i></i>'
        f"<span>{high}</span></span>"
    )


def _notes(inspection: nmt.Inspection) -> str:
    """What the marks mean that occur."""
    uses_spaces = nmt.language(inspection.target_language).uses_spaces
    shown = labels(inspection.source_tokens, inspection.source_language)
    shown += labels(inspection.target_tokens, inspection.target_language)
    shown += [label(token, uses_spaces) for step in inspection.candidates for token, _ in step]
    marks = {one.mark for one in shown}
    return "".join(f'<p class="note">{escape(note)}</p>' for mark, note in NOTES.items() if mark in marks)
