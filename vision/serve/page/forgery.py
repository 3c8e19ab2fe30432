"""The tab that judges images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vision.files import write_csv
from vision.images import IMAGE_SUFFIXES
from vision.report import ReportWriter
from vision.serve.page import examples
from vision.serve.page.files import name_of, new_folder
from vision.serve.page.findings import findings_html, table_html
from vision.serve.page.toolkit import gr
from vision.serve.page.waiting import STOPPED, Line, refusal, session_of
from vision.structures.forgery import ForgeryResult, result_fields
from vision.structures.heatmap import HeatMap
from vision.visualization.forgery import overlay_of

TASK = "forgery"
MAX_IMAGES = 100
_KEPT_VIEWS = 30  # images whose maps are kept to be looked at; the report has all
_ABOUT = """\
Drop images, or choose a folder. A verdict is evidence, not proof; the map shows what moved the score, not the outline
of an edit."""

_KEY = '<p class="key"><i></i> blue real, gray no evidence, red generated</p>'


@dataclass
class Judged:
    """What the page keeps of one image.

    Attributes:
        record: `ForgeryResult.to_dict()`, under the name that the user gave.
        views: the image, and its map over it, uint8; None without a map.
    """

    record: dict[str, Any]
    views: tuple[np.ndarray, np.ndarray] | None


def forgery_tab(line: Line) -> None:
    """Add the tab's parts to the page that is being built."""
    gr.Markdown(_ABOUT)
    files = gr.File(file_count="multiple", label="Images", height=180, elem_id="forgery-files")
    with gr.Row():
        start = gr.Button("Judge", variant="primary", elem_id="forgery-start")
        folder = gr.UploadButton("Choose a folder", file_count="directory", elem_id="forgery-folder")
        example = gr.Button("Load examples", elem_id="forgery-example")
        stop = gr.Button("Stop", variant="stop", elem_id="forgery-stop")
    status = gr.HTML("", elem_classes="status", elem_id="forgery-status")
    with gr.Column(visible=False) as results:
        table = gr.HTML(elem_id="forgery-table")
        chosen = gr.Dropdown([], label="Image to look at", elem_id="forgery-chosen")
        with gr.Row():
            with gr.Column():
                slider = gr.ImageSlider(
                    label="Image and heat map", elem_id="forgery-slider", interactive=False, buttons=["fullscreen"],
                    format="png",
                )  # fmt: skip
                gr.HTML(_KEY)
            findings = gr.HTML(elem_id="forgery-findings")
        with gr.Row():
            csv = gr.DownloadButton("Table (CSV)", elem_id="forgery-csv")
            report = gr.DownloadButton("Report (HTML)", elem_id="forgery-report")
    kept = gr.State([], time_to_live=line.services.settings.keep_seconds)

    def judge(paths: list[str] | None, request: gr.Request) -> Iterator[dict[Any, Any]]:
        named = _checked(paths)
        found: list[ForgeryResult] = []
        try:
            for number, path in enumerate(named):
                for text in _one(line, session_of(request), path, number, len(named), found):
                    yield {status: text}
        except CancelledError:
            if not found:
                yield {status: STOPPED}
                return
        judged = [_kept(result, place) for place, result in enumerate(found)]
        table_file, page = _files(line, found)
        names = [(one.record["path"], place) for place, one in enumerate(judged)]
        yield {
            status: _count(found, len(named)),
            results: gr.Column(visible=True),
            kept: judged,
            table: table_html([one.record for one in judged]),
            chosen: gr.Dropdown(names, value=0, visible=len(judged) > 1),
            csv: gr.DownloadButton(value=table_file),
            report: gr.DownloadButton(value=page),
            **look(judged, 0),
        }

    def look(judged: list[Judged], place: int | None) -> dict[Any, Any]:
        if place is None or not 0 <= place < len(judged):
            return {slider: gr.skip(), findings: gr.skip()}
        one = judged[place]
        return {
            slider: gr.ImageSlider(value=one.views, visible=one.views is not None),
            findings: findings_html(one.record, one.views is not None),
        }

    def load() -> list[str]:
        return examples.forgery_files(new_folder(line.services))

    outputs = [status, results, kept, table, chosen, csv, report, slider, findings]
    running = start.click(judge, files, outputs, show_progress="hidden", api_visibility="private")
    folder.upload(_images_of, folder, files, show_progress="hidden", api_visibility="private")
    example.click(load, None, files, api_visibility="private")
    chosen.input(look, [kept, chosen], [slider, findings], show_progress="hidden", api_visibility="private")

    def give_up(request: gr.Request) -> str:
        line.stop(session_of(request), TASK)
        return STOPPED

    stop.click(give_up, None, status, queue=False, cancels=None, api_visibility="private")
    del running


def _checked(paths: list[str] | None) -> list[str]:
    if not paths:
        raise refusal("Choose at least one image first")
    if len(paths) > MAX_IMAGES:
        raise refusal(f"These are {len(paths)} images; expected at most {MAX_IMAGES} at a time")
    return paths


def _images_of(paths: list[str]) -> list[str]:
    """Of the files of a folder those that are called images; whatever else lies there is nobody's choice."""
    images = [path for path in paths if Path(path).suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise refusal(f"The folder has no image among its {len(paths)} files")
    return images


def _one(line: Line, session: str, path: str, number: int, total: int, found: list[ForgeryResult]) -> Iterator[str]:
    """Judge one image and say how it stands."""
    of = f" {number + 1} of {total}" if total > 1 else ""
    result = yield from line.wait(
        (session, TASK),
        lambda stop: line.services.forgery([path])[0],
        lambda: f"Looking at image{of} …",
        is_part=number > 0,
    )
    found.append(replace(result, path=name_of(path)))


def _kept(result: ForgeryResult, place: int) -> Judged:
    record = result.to_dict()
    if record["error"]:
        record["error"] = record["error"][:1].upper() + record["error"][1:]
    heat = result.heatmap if place < _KEPT_VIEWS else None
    return Judged(record, None if heat is None else _views(heat))


def _views(heat: HeatMap) -> tuple[np.ndarray, np.ndarray]:
    return heat.preview, overlay_of(heat.preview, heat)


def _files(line: Line, found: Sequence[ForgeryResult]) -> tuple[str, str]:
    """The table and the report."""
    folder = new_folder(line.services)
    fields = result_fields()
    lines = [[_cell(result.to_dict()[name]) for name in fields] for result in found]
    write_csv(folder / "forgery.csv", fields, lines)
    with ReportWriter(folder) as writer:
        for result in found:
            writer.add(result.to_dict(), None, result.heatmap)
        page = writer.finish({"images": len(found)})
    return str(folder / "forgery.csv"), str(page)


def _cell(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def _count(found: Sequence[ForgeryResult], total: int) -> str:
    failed = sum(result.error is not None for result in found)
    text = f"{len(found) - failed} of {total} images judged" if total > 1 else "Done"
    return f"{text}; {failed} could not be read." if failed and total > 1 else f"{text}."
