"""How the page looks: system fonts, paper and indigo, nothing fetched from anywhere."""

from pathlib import Path

import gradio as gr

from . import inside

# Plain strings become font families as they are; gr.themes.GoogleFont would become a link to another host.
FONTS = (
    "system-ui",
    "-apple-system",
    "'Segoe UI'",
    "Roboto",
    "'Hiragino Sans'",
    "'Yu Gothic UI'",
    "'Noto Sans CJK JP'",
    "'Noto Sans JP'",
    "sans-serif",
)
MONO_FONTS = ("ui-monospace", "Menlo", "Consolas", "'DejaVu Sans Mono'", "monospace")

INDIGO = gr.themes.Color(
    name="indigo dye",
    c50="#f1f5fa",
    c100="#e0e9f3",
    c200="#c3d3e6",
    c300="#9bb5d3",
    c400="#6c8fb8",
    c500="#49709f",
    c600="#355a87",
    c700="#2b486d",
    c800="#243b58",
    c900="#1d2f46",
    c950="#131f2f",
)
PAPER = gr.themes.Color(
    name="paper",
    c50="#faf9f7",
    c100="#f3f1ed",
    c200="#e6e2db",
    c300="#d1cbc1",
    c400="#a49d92",
    c500="#767067",
    c600="#5a554d",
    c700="#423e38",
    c800="#2a2824",
    c900="#1e1c19",
    c950="#151412",
)

_BROWSER = Path(__file__).parent / "browser"
_STYLES = ("page.css", "tabs.css")
_SCRIPTS = (
    "words",
    "pairs",
    "choices",
    "result",
    "composer",
    "turn",
    "chat",
    "live",
    "files",
    "curve",
    "lesson",
    "form",
    "train",
)  # later ones use earlier ones


def css() -> str:
    """The style of the page."""
    return "".join((_BROWSER / name).read_text(encoding="utf-8") for name in _STYLES) + inside.CSS


def head() -> str:
    """What goes into the head of the page: the scripts of its own parts."""
    return "".join(f"<script>{(_BROWSER / f'{name}.js').read_text(encoding='utf-8')}</script>" for name in _SCRIPTS)


def theme() -> gr.themes.Base:
    """The colours, fonts and edges of the page, for light and dark."""
    return gr.themes.Base(
        primary_hue=INDIGO,
        secondary_hue=INDIGO,
        neutral_hue=PAPER,
        radius_size=gr.themes.sizes.radius_md,
        font=FONTS,
        font_mono=MONO_FONTS,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_shadow="none",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_weight="500",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        border_color_accent_subdued="*primary_200",
        border_color_accent_subdued_dark="*primary_800",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*primary_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_color_focus="*primary_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )
