"""The tables of stereo results."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vision.metrics.stereo.errors import StereoScores
from vision.metrics.stereo.table import StereoRow, fair_mean, format_stereo_table, mean_rows, stereo_csv_lines


def rows(masked: bool = True) -> list[StereoRow]:
    truth = np.full((4, 6), 20.0)
    visible = np.arange(24).reshape(4, 6) < 12
    found = []
    for scene, with_mask in (("cones", masked), ("aloe", False)):
        for method, error in (("ours", 0.75), ("SGBM", 2.5)):
            scores = StereoScores()
            prediction = truth + error * np.where(visible, 1, 3)
            scores.add(scene, prediction, truth, visible if with_mask else None)
            found.append(StereoRow(scene, method, scores.scenes()[scene], 0.5 if method == "ours" else math.nan))
    return found


def test_text() -> None:
    title, head, rule, *lines = format_stereo_table(rows()).splitlines()
    assert title.split("  ")[-1] == "non-occluded pixels" and "all pixels with ground truth" in title
    assert head.split() == ["scene", "method", *["epe", "bad0.5", "bad1", "bad2", "bad3", "d1"] * 2, "seconds"]
    assert set(rule) == {"-"} and lines[4] == rule
    cells = lines[0].split()
    assert cells[:8] == ["cones", "ours", "1.50", "100.0", "50.0", "50.0", "0.0", "0.0"]
    assert cells[8:] == ["0.75", "100.0", "0.0", "0.0", "0.0", "0.0", "0.50"]
    assert lines[3].split() == ["aloe", "SGBM", "5.00", "100.0", "100.0", "100.0", "50.0", "50.0", *["-"] * 7]
    assert [line.split()[:3] for line in lines[5:]] == [["mean", "ours", "1.50"], ["mean", "SGBM", "5.00"]]
    assert len({len(line) for line in (head, *lines[:1])}) == 1


def test_columns_without_content_are_left_out() -> None:
    plain = [StereoRow(row.scene, "", row.errors) for row in rows(masked=False)[::2]]
    head = format_stereo_table(plain).splitlines()[1]
    assert head.split() == ["scene", "epe", "bad0.5", "bad1", "bad2", "bad3", "d1"]


def test_means() -> None:
    ours, sgbm = mean_rows(rows())
    assert (ours.method, sgbm.method, ours.seconds) == ("ours", "SGBM", 0.5) and math.isnan(sgbm.seconds)
    assert ours.errors["all"]["epe"] == pytest.approx(1.5) and ours.errors["noc"]["epe"] == pytest.approx(0.75)
    # aloe has no mask and enters with all its pixels.
    assert fair_mean(rows())["ours"] == pytest.approx(((0.75 + 1.5) / 2, (0 + 50) / 2))


def test_csv() -> None:
    header, lines = stereo_csv_lines(rows())
    assert header[:4] == ["scene", "method", "all_pixels", "all_epe"] and header[-2:] == ["noc_d1", "seconds"]
    assert all(len(line) == len(header) for line in lines)
    assert [line[:2] for line in lines] == [
        *(["cones", "ours"], ["cones", "SGBM"], ["aloe", "ours"], ["aloe", "SGBM"]),
        *(["mean", "ours"], ["mean", "SGBM"]),
    ]
    assert lines[3][header.index("noc_epe")] == "" and lines[3][header.index("noc_pixels")] == 0
