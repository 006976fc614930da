"""The chat as components: the conversation, and a drawer that says how to search."""

import json
from typing import Any

import gradio as gr

import nmt

from .chat import MAX_BEAM_SIZE, METHODS, Settings
from .correct import Correcting
from .settings import ServerConfig

JS = "nmtPage.chat({element, props, server});"


def build(
    config: ServerConfig,
    correcting: Correcting,
    offered: dict[str, Any],
    saving: dict[str, Any],
    search: nmt.SearchConfig,
) -> None:
    """Make the components, inside a `gr.Tab`.

    Args:
        config: limits.
        correcting: what is asked for when a word is pointed at.
        offered: `pairs` by the name of the model, see `pairs.pairs`, and the one that is `selected` at first.
        saving: whether corrections can be saved, and where.
        search: how the selected model searches.
    """
    gr.HTML(
        html_template="",
        js_on_load=JS,
        apply_default_css=False,
        server_functions=correcting.functions(),
        saving=saving,
        limit=config.max_text_length,
        **offered,
    )
    _drawer(search)


def _drawer(search: nmt.SearchConfig) -> None:
    defaults = Settings()
    with gr.Accordion("How to search", open=False, elem_id="search"):
        method = gr.Radio(
            [(name, key) for key, name in METHODS.items()],
            value=defaults.method,
            label="Method",
            info="Greedy takes the likeliest word each time, a beam search weighs several translations against one "
            "another, and sampling draws by chance: Retry gives another one.",
        )
        with gr.Row():
            beam_size = gr.Slider(
                1,
                MAX_BEAM_SIZE,
                search.beam_size,
                step=1,
                label="Beam size",
                info="Translations kept in the search",
                elem_classes="nmt-of-beam",
            )
            penalty = gr.Slider(
                0, 2, search.length_penalty, step=0.1, label="Length penalty", info="Higher prefers longer ones"
            )
            heat = gr.Slider(
                0.1,
                1.5,
                defaults.temperature,
                step=0.1,
                label="Temperature",
                info="Higher is wilder",
                elem_classes="nmt-of-sampling",
            )
    # What nobody has touched is left to the model: another one may prefer something else.
    own = json.dumps([search.beam_size, search.length_penalty])
    parts: list[Any] = [method, beam_size, penalty, heat]
    gr.on(
        [part.change for part in parts],
        None,
        parts,
        None,
        js=f"(...values) => {{ nmtPage.setSearch({own}, ...values); }}",
        show_progress="hidden",
        api_visibility="private",
    )
