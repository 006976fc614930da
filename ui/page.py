"""The page itself. Importing this module imports Gradio; call `offline.go_offline` before."""

from collections.abc import Iterator
from functools import partial
from html import escape
from typing import Any

import fastapi
import gradio as gr
from gradio.components.chatbot import ExampleMessage

import nmt

from . import offline, theme
from .replies import Reply, Translators, Turn, answer, format_heading, format_pair, format_reply

MAX_BEAM_SIZE = 12
EXAMPLES = {"en": ("Where is the station?", "How much is this?", "I have to go to sleep.")}

Update = tuple[Any, Any]  # the messages shown, and the text box

WAITING = '<div class="nmt-waiting" role="status">Translating</div>'

# Runs in the browser, once for each reply; on a plain http address of another computer there is no clipboard object.
COPY = """
element.addEventListener('click', async event => {
    const button = event.target.closest('.nmt-copy');
    if (!button) return;
    const text = element.querySelector('.nmt-text');
    if (navigator.clipboard) await navigator.clipboard.writeText(text.textContent);
    else { getSelection().selectAllChildren(text); document.execCommand('copy'); }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
});
"""


def messages(turns: list[Turn]) -> list[dict[str, Any]]:
    """The conversation as `gr.Chatbot` takes it."""
    result: list[dict[str, Any]] = []
    for turn in turns:
        # Even with render_markdown=False the text of a message is HTML to Gradio, sanitised but not escaped. A bare
        # string would also be stripped and dedented, a text part is not.
        result.append({"role": "user", "content": [{"type": "text", "text": escape(turn.source, quote=False)}]})
        html = WAITING if turn.reply is None else format_reply(turn.reply)
        part = gr.HTML(html, js_on_load=COPY, apply_default_css=False, render=False)
        result.append({"role": "assistant", "content": [part]})
    return result


def respond(translators: Translators, turns: list[Turn], text: str, model: str, beam_size: int) -> Iterator[Update]:
    """Add a turn, show it at once, and again with what came back for it. Nothing happens for an empty message.

    `turns` is the visitor's one conversation and changes in place: a second message may come while the first is being
    translated, and so may the wish to clear it all.
    """
    if not text.strip():
        yield gr.skip(), gr.skip()
        return
    turn = Turn(text)
    turns.append(turn)
    yield messages(turns), ""
    try:
        turn.reply = answer(translators.get(model), text, int(beam_size))
    except nmt.NmtError as error:
        turn.reply = Reply(f"Sorry, the model {model} could not be loaded: {error}")
    except Exception:
        turn.reply = Reply("Something went wrong. The terminal in which this page was started says what.")
        yield messages(turns), gr.skip()
        raise
    yield messages(turns), gr.skip()


def clear(turns: list[Turn]) -> Update:
    """Forget the conversation."""
    turns.clear()
    return [], ""


def build(translators: Translators, selected: str) -> gr.Blocks:
    """The page on these models, `selected` chosen at first; `site` makes something to serve of it."""
    info = translators.infos[selected]

    def try_example(chosen: gr.SelectData, turns: list[Turn], model: str, beam_size: int) -> Iterator[Update]:
        yield from respond(translators, turns, chosen.value["text"], model, beam_size)

    def switch(model: str) -> tuple[str, Any, Any]:
        info = translators.infos[model]
        return format_heading(info), gr.update(label=_source_name(info)), gr.update(examples=_examples(info))

    with gr.Blocks(title=f"Translate: {format_pair(info)}", analytics_enabled=False) as page:
        turns = gr.State([])
        heading = gr.HTML(format_heading(info), js_on_load=None, apply_default_css=False)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                conversation = gr.Chatbot(
                    elem_id="conversation",
                    show_label=False,
                    height="max(20rem, calc(100dvh - 16rem))",
                    render_markdown=False,
                    latex_delimiters=[],
                    buttons=[],
                    examples=_examples(info),
                )
                text = gr.Textbox(
                    label=_source_name(info),
                    placeholder="Type or paste text, then press Enter",
                    max_lines=8,
                    autofocus=True,
                    submit_btn="Translate",
                )
            with gr.Column(scale=1, min_width=240):
                model = gr.Dropdown(list(translators.infos), value=selected, label="Model", filterable=False)
                beam_size = gr.Slider(
                    1, MAX_BEAM_SIZE, nmt.SearchConfig().beam_size, step=1, label="Beam size", buttons=[]
                )
                clear_button = gr.Button("Clear", size="md")

        shown = [conversation, text]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        send: dict[str, Any] = {"trigger_mode": "multiple", **quiet}
        text.submit(partial(respond, translators), [turns, text, model, beam_size], shown, **send)
        conversation.example_select(try_example, [turns, model, beam_size], shown, **send)
        clear_button.click(clear, turns, shown, **quiet)
        model.change(switch, model, [heading, text, conversation], **quiet)
    page.queue(default_concurrency_limit=4)
    return page


def _source_name(info: nmt.BundleInfo) -> str:
    return nmt.language(info.source_language).name


def _examples(info: nmt.BundleInfo) -> list[ExampleMessage]:
    return [{"text": text} for text in EXAMPLES.get(info.source_language, ())]


def site(page: gr.Blocks) -> fastapi.FastAPI:
    """The page with its theme, as an application that calls nobody and lets the browser call nobody else."""
    return gr.mount_gradio_app(
        offline.web_app(),
        page,
        path="/",
        theme=theme.theme(),
        css=theme.CSS,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        show_error=False,
    )
