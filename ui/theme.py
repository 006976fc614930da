"""How the page looks: system fonts, paper and indigo, nothing fetched from anywhere."""

import gradio as gr

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

CSS = """
.gradio-container { width: 100%; max-width: 1080px !important; margin: 0 auto !important; }
.gradio-container textarea, #conversation .md, .nmt-text, .nmt-choices td, .nmt-choices caption {
    unicode-bidi: plaintext; }

.nmt-heading h1 { font-size: 1.5rem; font-weight: 650; margin: 0; letter-spacing: -0.01em; }
.nmt-heading p { margin: 0.15rem 0 0; font-size: 0.875rem; line-height: 1.5; color: var(--body-text-color-subdued); }
.nmt-heading strong { color: var(--body-text-color); font-weight: 600; }

#conversation { background: var(--block-background-fill); border-radius: var(--radius-lg); }
#conversation .bubble-wrap { background: none; }
#conversation .top-panel { display: none; } /* the page has its own button to clear */
#conversation .examples { grid-template-columns: 1fr; max-width: 22rem; }
#conversation .md { white-space: pre-wrap; overflow-wrap: anywhere; }
#conversation .user .message, #conversation .bot .message { white-space: normal; }
#conversation .bot .thought { opacity: 1; }

.nmt-text { font-size: 1.15rem; line-height: 1.65; white-space: pre-wrap; overflow-wrap: anywhere; }
.nmt-waiting { font-size: 0.875rem; color: var(--body-text-color-subdued);
    animation: nmt-waiting 1.2s ease-in-out infinite; }
@keyframes nmt-waiting { 50% { opacity: 0.35; } }
@media (prefers-reduced-motion: reduce) { .nmt-waiting { animation: none; } }
.nmt-note { margin: 0.4rem 0 0; padding-left: 0.6rem; border-left: 3px solid #c08a2b; font-size: 0.875rem; }
.nmt-choices { margin-top: 0.5rem; font-size: 0.875rem; line-height: 1.5; }
.nmt-choices summary { cursor: pointer; color: var(--body-text-color-subdued); }
.nmt-choices table { border-collapse: collapse; width: 100%; margin: 0.3rem 0 0.1rem; }
.nmt-choices caption { text-align: start; padding: 0.5rem 0 0.2rem; color: var(--body-text-color-subdued); }
.nmt-choices table, .nmt-choices tr, .nmt-choices td { border: 0 !important; background: none !important; }
.nmt-choices td { padding: 0.28rem 0 !important; box-shadow: 0 -1px var(--border-color-primary); text-align: start;
    vertical-align: top; overflow-wrap: anywhere; }
.nmt-choices .score { width: 3.5rem; text-align: end; white-space: nowrap; font-variant-numeric: tabular-nums;
    color: var(--body-text-color-subdued); }
.nmt-choices .chosen { font-weight: 600; }
.nmt-copy { margin-top: 0.5rem; font-size: 0.8125rem; color: var(--body-text-color-subdued); cursor: pointer; }
.nmt-copy:hover { color: var(--body-text-color); }

.submit-button { background: var(--button-primary-background-fill) !important; color: #fff !important; }
.submit-button:hover { background: var(--button-primary-background-fill-hover) !important; }
.dark input[type=range] { --neutral-200: var(--neutral-700); }

@media (max-width: 640px) {
    .gradio-container main { padding: 0.6rem !important; }
    #conversation { height: 58dvh !important; }
}
"""


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
        button_primary_background_fill_hover_dark="*primary_400",
        button_primary_text_color="white",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )
