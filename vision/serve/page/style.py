"""How the page looks: fonts of the visitor's system alone, readable in light and dark, wide and narrow."""

from __future__ import annotations

from vision.serve.page.toolkit import gr

SYSTEM_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
MONO_FONT = ["ui-monospace", "SFMono-Regular", "Menlo", "Liberation Mono", "monospace"]

# Lists of selectors without :is(), whose commas Gradio takes for those between selectors.
CSS = """
.gradio-container { max-width: min(1240px, 100vw) !important; min-width: 0 !important; margin: 0 auto; }
.gradio-container .main { min-width: 0 !important; max-width: 100% !important; }
.status { min-height: 1.6em; font-weight: 600; }
.status:empty { min-height: 0; }
.findings h2 { margin: 0.9em 0 0.2em; font-size: 1em !important; font-weight: 650; }
.findings ul { margin: 0; padding-left: 1.2em; list-style: disc; }
.findings li { margin: 0.15em 0; overflow-wrap: anywhere; }
.findings dl div { display: flex; gap: 0.8em; flex-wrap: wrap; }
.findings dt { min-width: 9em; opacity: 0.75; }
.findings dd { margin: 0; overflow-wrap: anywhere; }
.findings .badge { margin: 0; padding: 0.55em 0.8em; border-radius: 8px; font-weight: 600; border-left: 6px solid; }
.findings .badge.generated { background: #fde4dd; border-color: #c2410c; color: #4a1406; }
.findings .badge.real { background: #dcf5e5; border-color: #15803d; color: #063b1b; }
.findings .badge.open { background: #fdf1cf; border-color: #a16207; color: #422c04; }
.findings .badge.error, .findings .wrong { color: #b91c1c; }
.dark .findings .badge.error, .dark .findings .wrong { color: #fca5a5; }
.dark .findings .badge.generated { background: #4a1c10; color: #ffe1d6; }
.dark .findings .badge.real { background: #0d3b21; color: #d6f7e2; }
.dark .findings .badge.open { background: #43340c; color: #fdf1cf; }
.wide { overflow-x: auto; max-width: 100%; }
.wide table { border-collapse: collapse; min-width: 100%; border: 0; }
.gradio-container .wide table tr, .gradio-container .wide table th, .gradio-container .wide table td {
  border: 0 solid var(--border-color-primary) !important;
}
.gradio-container .wide table th, .gradio-container .wide table td {
  text-align: left; padding: 0.35em 0.7em; border-bottom-width: 1px !important; white-space: nowrap;
}
.gradio-container #forgery-table td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 12em; }
.wide th { font-weight: 650; }
.key { margin: 0; }
.key i {
  display: inline-block; width: 5em; height: 0.8em; border-radius: 3px; vertical-align: middle;
  background: linear-gradient(90deg, #3b4cc0, #dddddd, #b40426);
}
.gradio-container button.lg { min-width: min(130px, 100%) !important; padding-inline: 0.2em; }
input[type="range"]::-webkit-slider-thumb { box-shadow: 0 0 0 2px #2f7fd6 !important; }
input[type="range"]::-moz-range-thumb { box-shadow: 0 0 0 2px #2f7fd6 !important; }
.cloud canvas { display: block; width: 100%; height: 420px; border-radius: 8px; touch-action: pan-y; cursor: grab; }
.chart { margin: 0; max-width: 760px; }
.chart figcaption { font-weight: 650; margin-bottom: 0.3em; }
.chart svg { width: 100%; height: auto; }
.chart text { fill: currentColor; font-size: 14px; }
.chart .grid { stroke: currentColor; stroke-opacity: 0.2; }
.chart .curve { fill: none; stroke: #2f7fd6; stroke-width: 2.5; }
.dark .chart .curve { stroke: #6db3ff; }
:focus-visible { outline: 3px solid #2f7fd6 !important; outline-offset: 2px; }
@media (max-width: 640px) {
  .gradio-container { padding: 8px !important; }
  .gradio-container .main { padding: 8px !important; }
  .tab-container button { padding: 0 7px !important; }
  .cloud canvas { height: 320px; }
  .chart text { font-size: 22px; }
  .findings dt { min-width: 6.5em; }
  .findings dl div { flex-wrap: nowrap; }
}
"""


def theme() -> gr.Theme:
    """Gradio's base theme with fonts that are there already, larger text, and colors that stand out."""
    base = gr.themes.Base(
        primary_hue="blue", neutral_hue="slate", text_size="lg", font=SYSTEM_FONT, font_mono=MONO_FONT
    )
    return base.set(
        body_text_color_subdued="*neutral_500",
        link_text_color_dark="*primary_400",
        button_large_text_size="16px",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
    )
