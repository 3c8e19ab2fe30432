"""tools/evaluate_stereo.py on a small tree."""

from __future__ import annotations

import csv
import runpy
import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import vision.apis
from vision.datasets import StereoFolderDataset
from vision.metrics.stereo.evaluation import evaluate_matchers
from vision.stereo_io import write_disparity, write_png

TOOL = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/evaluate_stereo.py"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two flat walls at 6 and 8 pixels, the first with a mask; a pair without truth and one that is broken."""
    rng = np.random.default_rng(0)
    for name, shift in (("a", 6), ("b", 8), ("c", 4), ("d", 4)):
        wall = cv2.GaussianBlur(rng.integers(0, 256, (80, 160, 3)).astype(np.uint8), (0, 0), 1.2)
        (tmp_path / name).mkdir()
        Image.fromarray(wall[:, :140]).save(tmp_path / name / "left.png")
        Image.fromarray(wall[:, shift : 140 + shift]).save(tmp_path / name / "right.png")
        if name != "c":
            write_disparity(tmp_path / name / "disp.png", np.full((80, 140), float(shift)))
    write_png(tmp_path / "a" / "mask_nocc.png", np.where(np.arange(140) < 6, 0, np.full((80, 1), 255)).astype(np.uint8))
    (tmp_path / "d" / "right.png").write_bytes(b"no image")
    return tmp_path


class Inferencer:
    """Stands for the real one: half a pixel off everywhere, and it knows what it was asked for."""

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        Inferencer.last = self

    def disparity(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        assert left.dtype == right.dtype == np.uint8 and left.shape == right.shape == (80, 140, 3)
        best = min(range(1, 12), key=lambda d: np.abs(left[:, 12:].astype(int) - right[:, 12 - d : -d or None]).mean())
        return np.full(left.shape[:2], best + 0.75, np.float32)


def test_table_and_csv(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision.apis, "StereoInferencer", Inferencer, raising=False)
    out = root / "out" / "table.csv"
    assert TOOL["main"]([str(root), "--max-size", "512", "--csv", str(out)]) == 0
    assert Inferencer.last.arguments == {
        "model": "match_stereo_nano",
        "checkpoint": None,
        "device": "cpu",
        "scale": None,
        "max_size": 512,
        "tile": None,
        "coarse_to_fine": False,
    }
    printed = capsys.readouterr()
    rows = [line.split() for line in printed.out.splitlines()]
    assert [row[:2] for row in rows[3:9]] == [[s, m] for s in "ab" for m in ("ours", "SGBM", "BM")]
    assert rows[3][2:8] == ["0.75", "100.0", "0.0", "0.0", "0.0", "0.0"]
    assert "left out:" in printed.err and "d/right.png" in printed.err.replace("\n", "")
    assert "mean over scenes" in printed.out and "ours         EPE  0.750 px   bad-2   0.00 %" in printed.out
    with open(out, newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["method"] for line in lines if line["scene"] == "mean"] == ["ours", "SGBM", "BM"]
    assert int(lines[0]["all_pixels"]) == 80 * 140 and int(lines[0]["noc_pixels"]) == 80 * 134
    assert all(float(line["seconds"]) > 0 for line in lines)
    # A flat wall is easy, and the filled border has its value.
    assert all(float(line["all_epe"]) < 0.5 for line in lines if line["method"] == "SGBM")


def test_opencv_alone_needs_no_model(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vision.apis", types.ModuleType("vision.apis"))
    assert TOOL["main"]([str(root), "--no-ours", "--pad-opencv", "--limit", "1"]) == 0
    rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    methods = [row[1 if row[0] == "a" else 0] for row in rows if row[0] in ("a", "mean")]
    assert len(methods) == 8


def test_csv_of_pairs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "pairs.csv").write_text("left,right,disparity,scene\nb/left.png,b/right.png,b/disp.png,wall\n")
    assert TOOL["main"]([str(root / "pairs.csv"), "--layout", "csv", "--no-ours"]) == 0
    assert "wall" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "--no-ours"], "is not a folder; expected <scene>/"),
        ([".", "--layout", "kitti2015", "--no-ours"], "found no pair of images; looked for"),
        ([".", "--no-ours", "--no-opencv"], "leave no matcher"),
        ([".", "--no-ours", "--limit", "0"], "expected a whole number above 0"),
        (["c", "--no-ours"], "none of the 1 pairs has ground truth"),
        ([".", "--no-ours", "--limit", "1", "--csv", "a/left.png/x.csv"], "cannot write"),
    ],
)
def test_mistakes_are_one_line(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(SystemExit) as caught:
        TOOL["main"](arguments)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and message in error.splitlines()[-1]


def test_pairs_of_one_scene_are_pooled(root: Path) -> None:
    dataset = StereoFolderDataset(root)
    dataset.pairs = [pair._replace(scene="wall") for pair in dataset.pairs[:2]]
    zero = lambda left, right, most: np.zeros(left.shape[:2], np.float32)  # noqa: E731
    (row,) = evaluate_matchers(dataset, {"zero": zero})
    assert row.scene == "wall" and row.errors["all"]["epe"] == 7 and row.errors["all"]["pixels"] == 2 * 80 * 140
    assert row.errors["noc"]["epe"] == 6
    (row,) = evaluate_matchers(dataset, {"zero": zero}, max_disparity=7)
    assert row.errors["all"]["epe"] == 6


def test_occlusions_from_the_disparities_of_both_views(root: Path) -> None:
    """The first six columns of the left view lie outside the right one."""
    (root / "a" / "mask_nocc.png").unlink()
    right = np.full((80, 140), 6.0)
    right[10:20] = np.nan
    write_disparity(root / "a" / "disp_right.png", right)
    zero = lambda left, right, most: np.zeros(left.shape[:2], np.float32)  # noqa: E731
    row = evaluate_matchers(StereoFolderDataset(root), {"zero": zero}, limit=1)[0]
    assert row.errors["all"]["pixels"] == 80 * 140 and row.errors["noc"]["pixels"] == 70 * 134


def test_an_unknown_model_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: str, **_: Any) -> None:
        raise ValueError(f"no model {model!r}")

    monkeypatch.setattr(vision.apis, "StereoInferencer", refuse, raising=False)
    with pytest.raises(SystemExit) as caught:
        TOOL["main"]([str(root), "--model", "raft"])
    assert caught.value.code == 2 and "no model 'raft'" in capsys.readouterr().err.splitlines()[-1]
