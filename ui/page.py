"""The page itself: the pair of languages on top, and its tabs. Importing this module imports Gradio; call
`offline.go_offline` before."""

from collections.abc import Callable
from typing import Any

import fastapi
import gradio as gr

from . import chat_tab, corrections, files_tab, finetuning_tab, inside_tab, offline, pairs, theme
from .correct import Correcting, in_plain_words
from .finetuning_route import Finetuning
from .live_pane import LivePanes
from .models import Models
from .settings import ServerConfig

LIVE_JS = "nmtPage.live({element, props, server});"
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class Page:
    """The parts of the page and what happens between them.

    Args:
        models: what is offered.
        selected: the model that is chosen at first.
        config: limits.
        is_local: whether only this computer reaches the page.
        tuning: what models are trained with; None: that is not offered.
        told: whether `selected` was asked for, which goes before what a browser remembers.
    """

    def __init__(
        self,
        models: Models,
        selected: str,
        config: ServerConfig,
        is_local: bool,
        tuning: Finetuning | None = None,
        told: bool = False,
    ):
        self._models, self._selected, self._config, self._is_local = models, selected, config, is_local
        self._tuning, self._told = tuning if tuning and tuning.offered else None, told
        writers: Any = "all" if config.corrections else "local" if is_local else "none"
        kept = corrections.Corrections(config.corrections_folder(), writers)
        self._saving = {"allowed": kept.allowed, "place": corrections.shown(kept.folder)}
        self._correcting = Correcting(models, kept)

    def build(self) -> gr.Blocks:
        """Lay it out."""
        offered = {
            "pairs": pairs.pairs(self._models, self._is_local),
            "selected": self._selected,
            "told": self._told,
            "trains": self._tuning is not None,
        }
        search = self._models.get(self._selected).search
        with gr.Blocks(title="Translate", analytics_enabled=False) as blocks:
            model = self._top()
            with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
                with gr.Tab("Chat", id="chat"):
                    chat_tab.build(self._config, self._correcting, offered, self._saving, search)
                with gr.Tab("Live", id="live"):
                    self._live()
                with gr.Tab("Inside the LSTM", id="inside") as inside:
                    inside_tab.build(self._models, inside, model)
                with gr.Tab("Files", id="files"):
                    files_tab.build(self._config)
                if self._tuning is not None:
                    with gr.Tab("Train", id="train"):
                        finetuning_tab.build(self._config)
        return blocks

    def _top(self) -> gr.Dropdown:
        """The pair is chosen within the browser, see browser/pairs.js: an answer of the server could come too late."""
        models, selected = self._models, self._selected
        with gr.Row(elem_id="top"):
            title = '<h1><img src="favicon.ico" alt="">Translate</h1>'
            gr.HTML(title, js_on_load=None, apply_default_css=False, elem_id="title")
            model = gr.Dropdown(
                pairs.choices(models), value=selected, label="Languages", filterable=False, elem_id="pair"
            )
            swap = gr.Button("Swap", elem_id="swap", variant="secondary")
            follow = gr.Button("Follow", elem_id="follow", visible="hidden")  # clicked by a script
            relist = gr.Button("Relist", elem_id="relist", visible="hidden")  # the same, where there are new models
        said = pairs.heading(selected, models.infos[selected], self._is_local)
        gr.HTML(said, js_on_load=None, apply_default_css=False, elem_id="model")
        model.change(None, model, None, js="model => { nmtPage.listPair(model); }", **QUIET)
        swap.click(None, model, model, js="model => nmtPage.reverse(model)", **QUIET)
        follow.click(None, None, model, js="() => nmtPage.pair().model", **QUIET)
        relist.click(lambda: gr.update(choices=pairs.choices(models)), None, model, queue=False, **QUIET)
        return model

    def _live(self) -> None:
        functions = [in_plain_words(LivePanes(self._models).live), *self._correcting.functions()]
        gr.HTML(
            html_template="",
            js_on_load=LIVE_JS,
            apply_default_css=False,
            server_functions=functions,
            saving=self._saving,
        )


def build(
    models: Models,
    selected: str,
    config: ServerConfig | None = None,
    is_local: bool = True,
    tuning: Finetuning | None = None,
    told: bool = False,
) -> gr.Blocks:
    """The page on these models, `selected` chosen at first, see `Page`; `site` makes something to serve of it."""
    return Page(models, selected, config or ServerConfig(), is_local, tuning, told).build()


def site(page: gr.Blocks, add_routes: Callable[[fastapi.FastAPI], None] = lambda app: None) -> fastapi.FastAPI:
    """The page with its theme, as an application that calls nobody and lets the browser call nobody else.

    `add_routes` may add to it; Gradio gets all the other addresses.
    """
    app = offline.web_app()
    add_routes(app)
    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme.theme(),
        css=theme.css(),
        head=theme.head(),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        show_error=False,
    )
