"""HTML of the page: texts of strangers are shown and never obeyed; errors are one sentence and name no folder."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("gradio")

import gradio as gr

from vision.errors import UsageError
from vision.geometry import StereoCalibration
from vision.images import ImageError
from vision.serve.page.charts import counts_svg
from vision.serve.page.findings import findings_html, notes_html, rows_html
from vision.serve.page.stereo_files import with_scale
from vision.serve.page.waiting import kind_errors, place_in_line, sentence_of
from vision.serve.queue import Busy
from vision.structures.forgery import ForgeryResult, result_fields

EVIL = "<script>alert(1)</script>"


def test_every_field_is_escaped() -> None:
    record = ForgeryResult("a.png", verdict="real", probability=0.1).to_dict()
    for name in result_fields():
        if record[name] is None or isinstance(record[name], str):
            record[name] = EVIL
    record |= {"notes": [EVIL], "actions": [EVIL], "ingredients": [EVIL], "probability": 0.1}
    html = findings_html(record, True)
    assert "<script" not in html and html.count("&lt;script&gt;") > 10
    assert "<script" not in rows_html([EVIL], [[EVIL]]) + notes_html([EVIL])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ImageError("/tmp/x/a.png", "the file is no image"), "The file is no image."),
        (UsageError("/tmp/secret/clip.mp4: cannot be opened"), "Clip.mp4: cannot be opened."),
        (UsageError(f"no {EVIL}"), "No &lt;script&gt;alert(1)&lt;/script&gt;."),
        (Busy(7), "Too many are waiting. Try again in 7 seconds."),
        (KeyError("/tmp/secret"), "Something went wrong on the server."),
    ],
)
def test_errors(error: Exception, text: str) -> None:
    shown = sentence_of(error).message
    assert shown.startswith(text) and "/tmp" not in shown
    with pytest.raises(gr.Error), kind_errors():
        raise error


def test_place_in_line() -> None:
    assert [place_in_line(n) for n in (1, 3)] == ["Waiting: you are next.", "Waiting: 3 before you."]


def test_counts() -> None:
    svg = counts_svg([(0.0, 1), (0.5, 4), (1.0, 2)])
    assert "at most 4 at once" in svg and ">1.0 s<" in svg and "M44.0,128.0H376.0V14.0H708.0V90.0" in svg
    assert counts_svg([]) == ""


def test_scale() -> None:
    """As wide as the map, with a bar below; the bar's ends have the colors of the ends."""
    disparity = np.tile(np.linspace(1, 41, 640, dtype=np.float32), (200, 1))
    drawn = with_scale(disparity, StereoCalibration(focal=500, baseline=0.1, unit="m"))
    assert drawn.shape[1] == 640 and drawn.shape[0] > 230
    np.testing.assert_allclose(drawn[203, 5].astype(int), drawn[100, 12].astype(int), atol=12)
    assert with_scale(disparity[:50, :100], None).shape[1] == 480
