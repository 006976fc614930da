"""The tab that fine-tunes: what the browser is told about limits. Its routes do the rest."""

from typing import Any

import gradio as gr

import nmt

from .detect import LANGUAGES
from .finetunings import LONGEST_NAME, MOST_MINUTES, SUFFIXES
from .settings import ServerConfig

JS = "nmtPage.train({element, props});"
USUAL_MINUTES = 5


def offered(config: ServerConfig) -> dict[str, Any]:
    """The kinds of files, the languages by code, and what fits into the fields."""
    names = {code: nmt.language(code).name for code in LANGUAGES}
    return {
        "suffixes": list(SUFFIXES),
        "languages": dict(sorted(names.items(), key=lambda one: one[1])),
        "minutes": USUAL_MINUTES,
        "mostMinutes": MOST_MINUTES,
        "longestName": LONGEST_NAME,
        "megabytes": config.max_upload_mb,
    }


def build(config: ServerConfig) -> gr.HTML:
    """The component, to be made inside a `gr.Tab`."""
    return gr.HTML(html_template="", js_on_load=JS, apply_default_css=False, **offered(config))
