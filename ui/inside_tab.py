"""The tab that shows what the network does with the sentence that was just translated."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

import nmt

from . import inside, stand_ins
from .models import Models

START = "Translate a sentence under Chat or Live, or write one here, and see what each part of the network does."
LONGEST = 400  # characters: a wider table helps nobody
_FIRST_QUANTITY = "hidden"

Shown = Mapping[str, Any]  # `model`, `sentence` and `translation` of what the visitor looks at; may be empty


@dataclass(frozen=True, eq=False)
class Look:
    """What there is to see in a sentence; where there is nothing, only `heading`, which says why."""

    heading: str  # HTML
    inspection: nmt.Inspection | None = None
    layer: str | None = None  # the one that is shown
    what: str = _FIRST_QUANTITY  # the one that is shown of it
    panel: str = ""  # HTML


def look(models: Models, shown: Shown, layer: str | None, what: str) -> Look:
    """Look into a sentence; where `shown` has no translation, at the one that the model finds best.

    Args:
        models: what is installed.
        shown: which sentence.
        layer: which part of the network to show; its first where it has no such part.
        what: one of `inside.quantity_choices`; the first where the network has no such thing.
    """
    sentence, translation = str(shown.get("sentence") or "").strip(), str(shown.get("translation") or "")
    if not sentence or shown.get("model") not in models.infos:
        return Look(_said(START))
    if len(sentence) > LONGEST:
        return Look(_said(f"One sentence of at most {LONGEST} characters, please."))
    try:
        found = models.get(shown["model"]).inspect(sentence, translation or None)
    except nmt.NmtError as error:
        return Look(_said(f"Sorry, this cannot be looked into: {error}"))
    names = [name for _, name in inside.layer_choices(found)]
    layer = layer if layer in names else names[0]
    there = [key for _, key in inside.quantity_choices(found)]
    what = what if what in there else there[0]
    return Look(heading(found, sentence, translation), found, layer, what, inside.panel(found, layer, what))


def panel(inspection: nmt.Inspection | None, layer: str | None, what: str) -> str:
    """The pictures, in the part of the network and of the kind that is chosen."""
    return "" if inspection is None or layer is None else inside.panel(inspection, layer, what)


def heading(inspection: nmt.Inspection, sentence: str, translation: str) -> str:
    """What is being looked at, as HTML."""
    source, target = escape(inspection.source_language), escape(inspection.target_language)
    written = f' → <bdi lang="{target}">{escape(translation)}</bdi>' if translation else ""
    notes = "".join(_said(note) for note in stand_ins.explain(sentence, inspection.source_tokens))
    return f'<p class="nmt-looked-at"><bdi lang="{source}">{escape(sentence)}</bdi>{written}</p>{notes}'


def build(models: Models, tab: gr.Tab, model: gr.Dropdown) -> None:
    """Make the components, inside the tab.

    Args:
        models: what is installed.
        tab: brings up what its visitor looks at when it is selected.
        model: the dropdown with the model that translates what is written here.
    """
    shown = gr.JSON(visible=False)  # the browser knows, see browser/words.js
    inspection = gr.State(None)
    sentence = gr.Textbox(label="Sentence", placeholder="A sentence to look at", submit_btn="Look inside", max_lines=3)
    said = gr.HTML(_said(START), js_on_load=None, apply_default_css=False)
    with gr.Row():
        layer = gr.Dropdown([], label="Layer", filterable=False, min_width=240)
        quantities = inside.quantity_choices()
        what = gr.Dropdown(quantities, value=_FIRST_QUANTITY, label="What of it", filterable=False, min_width=240)
    pictures = gr.HTML("", js_on_load=None, apply_default_css=False)

    def values(found: Look) -> tuple[Any, ...]:
        if found.inspection is None:
            return None, gr.skip(), gr.skip(), found.heading, ""
        layers = gr.update(choices=inside.layer_choices(found.inspection), value=found.layer)
        quantities = gr.update(choices=inside.quantity_choices(found.inspection), value=found.what)
        return found.inspection, layers, quantities, found.heading, found.panel

    def look_at_shown(now: Shown, layer: str | None, what: str) -> tuple[Any, ...]:
        if not now:
            return (gr.skip(),) * 6
        return (str(now.get("sentence", "")), *values(look(models, now, layer, what)))

    def look_at_text(text: str, model: str, layer: str | None, what: str) -> tuple[Any, ...]:
        return values(look(models, {"model": model, "sentence": text}, layer, what))

    outputs = [inspection, layer, what, said, pictures]
    # Not by the queue: see chat_route.py.
    quiet: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private", "queue": False}
    js = "(shown, layer, what) => [nmtPage.shown, layer, what]"
    tab.select(look_at_shown, [shown, layer, what], [sentence, *outputs], js=js, **quiet)
    sentence.submit(look_at_text, [sentence, model, layer, what], outputs, **quiet)
    for dropdown in (layer, what):
        dropdown.input(panel, [inspection, layer, what], pictures, trigger_mode="always_last", **quiet)


def _said(text: str) -> str:
    return f'<p class="nmt-quiet">{escape(text)}</p>'
