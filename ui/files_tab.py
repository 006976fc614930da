"""The tab for files: what the browser is told about formats and limits. The interface for programs does the rest."""

from typing import Any

import gradio as gr

import nmt

from .settings import ServerConfig

TABLES = ("csv", "tsv", "parquet")  # whoever brings one says which columns are to be translated
JS = "nmtPage.files({element, props});"


def offered(config: ServerConfig) -> dict[str, Any]:
    """The formats that can be translated, with what they are; those of them that are tables; the largest upload."""
    return {
        "formats": [[end, what] for end, what in nmt.FORMATS.items()],
        "tables": list(TABLES),
        "megabytes": config.max_upload_mb,
    }


def build(config: ServerConfig) -> gr.HTML:
    """The component, to be made inside a `gr.Tab`."""
    return gr.HTML(html_template="", js_on_load=JS, apply_default_css=False, **offered(config))
