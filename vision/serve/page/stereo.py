"""The tab that finds depth in two views."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from vision.geometry import CameraPair, StereoCalibration, read_calibration, read_cameras
from vision.serve.page import examples
from vision.serve.page.clouds import cloud_viewer
from vision.serve.page.files import name_of, new_folder
from vision.serve.page.findings import notes_html
from vision.serve.page.stereo_files import StereoFiles, stereo_files
from vision.serve.page.toolkit import given, gr
from vision.serve.page.waiting import STOPPED, Line, kind_errors, refusal, session_of, told
from vision.structures.stereo import StereoResult

TASK = "stereo"
_ABOUT = """\
Two views of one moment, the camera of the right one to the right of the left one; or one file with both, side by side.
A calibration gives depths in its unit."""

_KEY = """\
<p class="key">Disparity: blue far, red near. Confidence: white sure, black unsure. Hidden or wrong: white where a
pixel is hidden in the other view, or its match is wrong.</p>"""


def stereo_tab(line: Line) -> None:
    """Add the tab's parts to the page that is being built."""
    gr.Markdown(_ABOUT)
    with gr.Row():
        left = _input("Left view, or both views side by side", "stereo-left")
        right = _input("Right view", "stereo-right")
    with gr.Accordion("Calibration", open=False):
        calibration = gr.File(
            label="Calibration: Middlebury, KITTI, OpenCV, ROS and others", file_count="multiple", height=120,
            elem_id="stereo-calibration",
        )  # fmt: skip
        is_raw = gr.Checkbox(label="The views are raw: rectify them first", elem_id="stereo-raw")
    with gr.Row():
        start = gr.Button("Match", variant="primary", elem_id="stereo-start")
        example = gr.Button("Load an example", elem_id="stereo-example")
        stop = gr.Button("Stop", variant="stop", elem_id="stereo-stop")
    status = gr.HTML("", elem_classes="status", elem_id="stereo-status")
    with gr.Column(visible=False) as results:
        notes = gr.HTML(visible=False, elem_id="stereo-notes")
        gr.HTML(_KEY)
        with gr.Row():
            disparity = _output("Disparity", "stereo-disparity")
            views = gr.ImageSlider(
                label="Left and right", interactive=False, elem_id="stereo-views", buttons=["fullscreen"],
                format="png",
            )  # fmt: skip
        with gr.Row():
            confidence = _output("Confidence", "stereo-confidence")
            occlusion = _output("Hidden or wrong", "stereo-occlusion")
        cloud_label = gr.HTML(elem_id="stereo-points")
        cloud = cloud_viewer("stereo-cloud")
        files = gr.File(
            label="Downloads", file_count="multiple", interactive=False, height=230, elem_id="stereo-downloads"
        )

    def match(
        first: str | None, second: str | None, known: list[str] | None, raw: bool, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        if first is None:
            raise refusal("Choose a left view first" if second else "Choose two views, or one file with both")
        geometry = _geometry(known, raw)
        parts = [0, 1]
        made = yield from told(
            line.wait(
                (session_of(request), TASK),
                lambda stop: _matched(line, first, second, geometry, stop, parts),
                lambda: "Matching …" if parts[1] <= 1 else f"Matching part {parts[0] + 1} of {parts[1]} …",
            ),
            status,
        )
        if made is None:
            return
        yield {
            status: made.summary,
            results: gr.Column(visible=True),
            notes: gr.HTML(notes_html(made.notes), visible=bool(made.notes)),
            disparity: made.disparity,
            views: made.views,
            confidence: made.confidence,
            occlusion: made.occlusion,
            cloud_label: made.cloud_label,
            cloud: gr.HTML(value=made.cloud, visible=bool(made.cloud)),
            files: made.files,
        }

    outputs = [status, results, notes, disparity, views, confidence, occlusion, cloud_label, cloud, files]
    start.click(match, [left, right, calibration, is_raw], outputs, show_progress="hidden", api_visibility="private")
    example.click(
        lambda: examples.stereo_files(new_folder(line.services)), None, [left, right], api_visibility="private"
    )

    def give_up(request: gr.Request) -> str:
        line.stop(session_of(request), TASK)
        return STOPPED

    stop.click(give_up, None, status, queue=False, api_visibility="private")


def _input(label: str, name: str) -> gr.Image:
    return given(
        gr.Image(
            label=label, sources=["upload", "clipboard"], image_mode=None, height=260, elem_id=name, buttons=[]
        )
    )  # fmt: skip


def _output(label: str, name: str) -> gr.Image:
    return gr.Image(label=label, interactive=False, elem_id=name, buttons=["download", "fullscreen"], format="png")


def _geometry(known: list[str] | None, is_raw: bool) -> StereoCalibration | CameraPair | None:
    if not known:
        if is_raw:
            raise refusal("Rectifying needs a calibration of the raw cameras: choose its file, or uncheck it")
        return None
    with kind_errors():
        return read_cameras(known) if is_raw else read_calibration(known)


def _matched(
    line: Line,
    left: str,
    right: str | None,
    geometry: StereoCalibration | CameraPair | None,
    stop: threading.Event,
    parts: list[int],
) -> StereoFiles:
    def tell(done: int, of: int) -> None:
        parts[:] = [done, of]

    result: StereoResult = line.services.stereo(left, right, geometry=geometry, stop=stop, on_part=tell)
    return stereo_files(result, new_folder(line.services), name_of(left, "left"))
