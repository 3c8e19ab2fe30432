"""The tab that finds and follows people in a clip."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vision.errors import UsageError
from vision.files import write_csv, write_text
from vision.serve.page import examples
from vision.serve.page.charts import counts_svg
from vision.serve.page.files import name_of, new_folder
from vision.serve.page.findings import notes_html, rows_html
from vision.serve.page.toolkit import given, gr
from vision.serve.page.waiting import Line, refusal, session_of, told
from vision.structures.mot import mot_lines
from vision.structures.video import NO_TRACK, VideoResult

TASK = "video"
_ABOUT = """\
A clip with people in it. They are found in each frame, with what earlier frames showed in memory, and followed by
number."""
_TRACK_COLUMNS = ("frame", "time", "track", "class", "score", "left", "top", "right", "bottom")


@dataclass
class Found:
    """What a clip showed.

    Attributes:
        video: the annotated clip.
        csv, mot: files of the tracks.
        counts: seconds and how many things, per frame.
        tracks: number, class, first and last second, frames.
        notes: warnings.
        summary: in a line.
    """

    video: str = ""
    csv: str = ""
    mot: str = ""
    counts: list[tuple[float, int]] = field(default_factory=list)
    tracks: dict[int, list[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    summary: str = ""


def video_tab(line: Line) -> None:
    """Add the tab's parts to the page that is being built."""
    gr.Markdown(_ABOUT)
    clip = given(gr.Video(label="Clip", sources=["upload"], height=300, elem_id="video-clip", buttons=[]))
    with gr.Row():
        start = gr.Button("Find people", variant="primary", elem_id="video-start")
        example = gr.Button("Load an example", elem_id="video-example")
        stop = gr.Button("Stop", variant="stop", elem_id="video-stop")
    status = gr.HTML("", elem_classes="status", elem_id="video-status")
    with gr.Column(visible=False) as results:
        notes = gr.HTML(visible=False, elem_id="video-notes")
        drawn = gr.Video(label="What was found", interactive=False, elem_id="video-drawn", buttons=[])
        chart = gr.HTML(elem_id="video-chart")
        table = gr.HTML(elem_id="video-table")
        with gr.Row():
            csv = gr.DownloadButton("Tracks (CSV)", elem_id="video-csv")
            mot = gr.DownloadButton("Tracks (MOT)", elem_id="video-mot")

    def find(path: str | None, request: gr.Request) -> Iterator[dict[Any, Any]]:
        if path is None:
            raise refusal("Choose a clip first")
        seen = [0, 0]

        def doing() -> str:
            of = f" of {seen[1]}" if seen[1] else ""
            return f"Looking at frame {seen[0]}{of} …" if seen[0] else "Opening the clip …"

        found = yield from told(
            line.wait(
                (session_of(request), TASK), lambda stop: find_people(line, path, stop, seen), doing, is_soft=True
            ),
            status,
        )
        if found is None:
            return
        rows = [
            [str(number), name, f"{first:.1f} s", f"{last:.1f} s", str(frames)]
            for number, (name, first, last, frames) in sorted(found.tracks.items())
        ]
        yield {
            status: found.summary,
            results: gr.Column(visible=True),
            notes: gr.HTML(notes_html(found.notes), visible=bool(found.notes)),
            drawn: found.video,
            chart: counts_svg(found.counts),
            table: rows_html(["Track", "Class", "From", "To", "Frames"], rows) if rows else "",
            csv: gr.DownloadButton(value=found.csv),
            mot: gr.DownloadButton(value=found.mot),
        }

    outputs = [status, results, notes, drawn, chart, table, csv, mot]
    start.click(find, clip, outputs, show_progress="hidden", api_visibility="private")
    example.click(lambda: examples.video_file(new_folder(line.services)), None, clip, api_visibility="private")

    def give_up(request: gr.Request) -> str:
        line.stop(session_of(request), TASK)
        return "Ending with this frame."

    stop.click(give_up, None, status, queue=False, api_visibility="private")


def find_people(line: Line, path: str, stop: threading.Event, seen: list[int]) -> Found:
    """Look at a clip until it ends, somebody gives up, or time is over; what was found until then counts.

    Args:
        line: of the server.
        path: of the clip.
        stop: ends it after a frame.
        seen: frames that were looked at, and all of them (0 where nobody knows), for who watches.

    Raises:
        UsageError: it cannot be opened, or has no frame.
    """
    from vision.apis.video import VideoFrames, VideoSink
    from vision.visualization import draw_frame

    settings = line.services.settings
    frames = VideoFrames(path, max_pixels=settings.max_pixels)
    inferencer = line.services.video(frames.fps)
    seen[1] = frames.count or 0
    folder = new_folder(line.services)
    base = folder / (Path(name_of(path, "clip")).stem[:60] or "clip")
    found = Found(f"{base}_people.mp4", f"{base}_tracks.csv", f"{base}_mot.txt")
    rows: list[list[Any]] = []
    lines: list[str] = []
    until = time.monotonic() + settings.timeout
    with VideoSink(found.video, frames.fps) as sink:
        for frame in frames:
            result = inferencer.process(frame)
            sink.write(draw_frame(frame.image, result) if result.error is None else frame.image, frame.time)
            now = frame.number / frames.fps if frame.time is None else frame.time
            rows += _rows(result, now)
            lines += mot_lines(result)
            _count(found, result, now)
            seen[0] += 1
            if stop.is_set() or time.monotonic() > until:
                found.notes.append(
                    f"Ended after {seen[0]} frames: {'it was stopped' if stop.is_set() else 'time is over'}."
                )
                break
    if not seen[0]:
        raise UsageError("the clip has no frame that can be decoded; expected at least one", code="no-frames")
    found.notes += [str(notice) for notice in frames.warnings]
    write_csv(found.csv, _TRACK_COLUMNS, rows)
    write_text(found.mot, "".join(f"{text}\n" for text in lines))
    most = max(count for _, count in found.counts)
    found.summary = f"Done: {seen[0]} frames, {len(found.tracks)} tracks, at most {most} at once."
    return found


def _rows(result: VideoResult, now: float) -> list[list[Any]]:
    return [
        [
            *(result.frame, round(now, 4), "" if track == NO_TRACK else int(track), result.name_of(int(label))),
            *(round(float(score), 4), *(round(float(edge), 2) for edge in box)),
        ]
        for box, score, label, track in zip(result.boxes, result.scores, result.labels, result.track_ids, strict=True)
    ]


def _count(found: Found, result: VideoResult, now: float) -> None:
    found.counts.append((now, len(result)))
    found.notes += [str(warning) for warning in result.warnings if len(found.notes) < 20]
    for label, track in zip(result.labels.tolist(), result.track_ids.tolist(), strict=True):
        if track == NO_TRACK:
            continue
        one = found.tracks.setdefault(int(track), [result.name_of(label), now, now, 0])
        one[2], one[3] = now, one[3] + 1
