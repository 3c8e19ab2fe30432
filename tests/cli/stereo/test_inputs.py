"""Inputs of `vision stereo` other than two images: lists with calibrations, both views in one file."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from vision.cli.main import main
from vision.stereo_io import read_pfm

Stereo = Callable[..., int]
Capture = pytest.CaptureFixture[str]
DISPARITY = 12
CALIB = "cam0=[{f} 0 64; 0 {f} 48; 0 0 1]\ndoffs=0\nbaseline=100\nwidth=128\nheight=96\n"


class Told(nn.Module):
    stereo = True

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        """By the red channel in the corner, so that exchanged views are told."""
        sign = 1.0 if img0[0, 0, 0, 0] > img1[0, 0, 0, 0] else -1.0
        field = torch.zeros(2, *img0.shape[2:], 2)
        field[0, :, :, 0], field[1, :, :, 0] = -sign * DISPARITY, sign * DISPARITY
        return {"field_up": field}


@pytest.fixture
def stereo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stereo:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: Told())
    return lambda *arguments: main(["stereo", *map(str, arguments), "--scale", "1", "--no-image", "--json"])


def views() -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 200, (20, 30, 3), dtype=np.uint8)
    scene = cv2.resize(noise, (150, 100), interpolation=cv2.INTER_CUBIC)
    left, right = scene[:96, :128].copy(), scene[:96, DISPARITY : 128 + DISPARITY].copy()
    left[:8, :8], right[:8, :8] = 255, 0
    return left, right


def save(**options: Any) -> None:
    for name, view in zip(("l.png", "r.png"), views(), strict=True):
        Image.fromarray(view).save(name, **options)


def records(capsys: Capture) -> tuple[list[dict[str, Any]], str]:
    out, err = capsys.readouterr()
    return json.loads(out), err


def test_each_pair_of_a_list_has_its_calibration(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    save()
    for focal in (300, 600):
        Path(f"{focal}.txt").write_text(CALIB.format(f=focal))
    Path("bad.txt").write_text("nothing")
    lines = ["left,right,calib,color", *(f"l.png,r.png,{name}," for name in ("300.txt", "600.txt", "bad.txt", ""))]
    Path("pairs.csv").write_text("\n".join(lines))
    assert stereo("pairs.csv", "-o", "o", "--save", "depth") == 1
    found, err = records(capsys)
    assert [record["error"] and "unknown kind of calibration" in record["error"] for record in found] == [
        *(None, None, True, None)
    ]
    for number, focal in (("", 300), ("-2", 600)):
        np.testing.assert_allclose(read_pfm(tmp_path / f"o/l{number}_depth.pfm"), focal * 100 / DISPARITY)
    assert (
        not (tmp_path / "o/l-3_depth.pfm").exists()
        and "no calibration is known of this pair" in found[3]["warnings"][-1]
    )
    assert "nothing is done with the columns color" in err


def test_how_a_calibration_of_a_list_is_understood_is_told(stereo: Stereo, capsys: Capture) -> None:
    save()
    matrix = "!!opencv-matrix\n   rows: 3\n   cols: {n}\n   dt: d\n   data: [{data}]\n"
    k = matrix.format(n=3, data="300., 0., 64., 0., 300., 48., 0., 0., 1.")
    shift = matrix.format(n=1, data="-0.1, 0., 0.")
    turn = matrix.format(n=3, data="1., 0., 0., 0., 1., 0., 0., 0., 1.")
    Path("c.yml").write_text(f"%YAML:1.0\n---\nK1: {k}K2: {k}R: {turn}T: {shift}")
    Path("pairs.csv").write_text("left,right,calib\nl.png,r.png,c.yml\n")
    assert stereo("pairs.csv", "-o", "o", "--save", "depth") == 0
    assert any("has no P1 and P2" in warning for warning in records(capsys)[0][0]["warnings"])


def test_a_list_with_calibrations_saves_depth_and_points(stereo: Stereo, tmp_path: Path) -> None:
    save()
    Path("c.txt").write_text(CALIB.format(f=300))
    Path("pairs.csv").write_text("left,right,calib\nl.png,r.png,c.txt\n")
    assert stereo("pairs.csv", "-o", "o") == 0
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        "l_disp.pfm",
        "l_depth.pfm",
        "l_points.ply",
        "l_camera.json",
    }


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ("left,right,calib", ["--flow"], "the list's column calib does not apply"),
        ("left,right,calib", ["--focal", 3, "--baseline", 1], "--focal and the list's column calib exclude each other"),
        ("left,right,x", ["--rectify"], "--rectify needs a calibration of raw cameras"),
        ("left,right,x", ["--save", "depth16"], "--save depth16 needs a calibration"),
        ("left,right,x", ["--max-depth", 3], "--max-depth needs a calibration"),
    ],
)
def test_options_that_do_not_go_with_a_list(
    stereo: Stereo, columns: str, options: list[Any], message: str, capsys: Capture
) -> None:
    save()
    Path("c.txt").write_text(CALIB.format(f=300))
    Path("pairs.csv").write_text(f"{columns}\nl.png,r.png,c.txt\n")
    assert stereo("pairs.csv", *options) == 2
    assert message in capsys.readouterr().err


def test_an_empty_cell_costs_its_pair_alone(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    save()
    Path("pairs.csv").write_text("left,right\n,x.png\nl.png,r.png\nl.png,\n,\n")
    assert stereo("pairs.csv", "-o", "o") == 1
    found, _ = records(capsys)
    assert [record["error"] for record in found] == [
        "pairs.csv, line 2: no left image; expected a file name",
        None,
        "pairs.csv, line 4: no right image; expected a file name",
        "pairs.csv, line 5: no left and no right image; expected a file name",
    ]
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["l_disp.pfm"]


def median(capsys: Capture) -> float:
    (record,), _ = records(capsys)
    return float(record["disparity_median"])


def test_both_views_side_by_side(stereo: Stereo, capsys: Capture) -> None:
    Image.fromarray(np.hstack(views())).save("both.png")
    assert stereo("both.png", "--side-by-side") == 0
    assert median(capsys) == DISPARITY
    assert stereo("both.png") == 2 and "both views in one image with --side-by-side" in capsys.readouterr().err
    Image.fromarray(np.zeros((20, 14, 3), np.uint8)).save("narrow.png")
    assert stereo("narrow.png", "--side-by-side") == 1
    assert "expected two views side by side" in records(capsys)[0][0]["error"]
    Image.fromarray(np.hstack(views())[:, :-1]).save("odd.png")
    assert stereo("odd.png", "--side-by-side") == 1
    assert "expected two views of one width" in records(capsys)[0][0]["error"]


def test_folders_of_both_views(stereo: Stereo, capsys: Capture) -> None:
    Path("all").mkdir()
    for number in (10, 8):
        Image.fromarray(np.hstack(views())).save(f"all/{number}.png")
    assert stereo("all", "--side-by-side", "-o", "o") == 0
    assert [Path(record["left"]).name for record in records(capsys)[0]] == ["8.png", "10.png"]


def jps(flags: int | None) -> None:
    """The segment of VRex's standard: APP3, mark, length, then separation, flags, layout (side by side) and stereo."""
    left, right = views()
    Image.fromarray(np.hstack([right, left] if not flags else [left, right])).save("a.jpg", quality=95)
    data = Path("a.jpg").read_bytes()
    if flags is not None:
        body = b"_JPSJPS_" + struct.pack(">H", 4) + bytes([0, flags, 2, 1])
        data = data[:2] + b"\xff\xe3" + struct.pack(">H", len(body) + 2) + body + data[2:]
    Path("a.jps").write_bytes(data)


@pytest.mark.parametrize("flags", [None, 0, 4])
def test_jps_has_the_right_view_first_unless_it_says_otherwise(
    stereo: Stereo, flags: int | None, capsys: Capture
) -> None:
    jps(flags)
    assert stereo("a.jps") == 0
    assert median(capsys) == DISPARITY


def test_mpo_has_two_images(stereo: Stereo, capsys: Capture) -> None:
    left, right = (Image.fromarray(view) for view in views())
    left.save("a.mpo", save_all=True, append_images=[right], quality=95)
    for options in ([], ["--side-by-side"]):
        assert stereo("a.mpo", *options) == 0
        assert median(capsys) == DISPARITY
    assert stereo("a.mpo", "--max-pixels", 100) == 1
    assert "has 128 x 96 pixels; the limit is 100" in records(capsys)[0][0]["error"]
    Path("cut.mpo").write_bytes(Path("a.mpo").read_bytes()[:-3000])
    assert stereo("cut.mpo") == 1
    assert "damaged MPO" in records(capsys)[0][0]["error"]


class Notes(Told):
    """Notes the width of its images, whether it has a start, and the type in which a product comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, bool, torch.dtype]] = []

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        product = img0[0, 0] @ img0[0, 0].mT
        self.calls.append((img0.shape[3], init_flow is not None, product.dtype))
        return super().forward(img0, img1, init_flow)


F32 = torch.float32


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        ("l.png r.png", [(128, False, F32)]),
        ("l.png r.png --precision bf16", [(128, False, torch.bfloat16)]),
        ("l.png r.png --coarse-to-fine", [(64, False, F32), (128, True, F32)]),
        ("l.png r.png --max-size 192 --scale 4", [(192, False, F32)]),
        ("--video left right", [(128, False, F32), (128, True, F32)]),
        ("--video left right --no-warm-start", [(128, False, F32)] * 2),
    ],
)
def test_options_reach_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, calls: list[Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    network = Notes()
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: network)
    save()
    for side in ("left", "right"):
        Path(side).mkdir()
        for number in "12":
            Path(side, f"{number}.png").write_bytes(Path(f"{side[0]}.png").read_bytes())
    assert main(["stereo", "--scale", "1", "--no-checks", "--save", "npy", "--no-image", *options.split()]) == 0
    assert network.calls == calls


def test_figures_of_absurd_cameras_are_json(stereo: Stereo, capsys: Capture) -> None:
    save()
    assert stereo("l.png", "r.png", "-o", "o", "--focal", 1e200, "--baseline", 1e200, "--save", "ply") == 0
    assert records(capsys)[0][0]["max_depth"] is None


def test_doffs_is_added_to_disparities(stereo: Stereo, tmp_path: Path) -> None:
    save()
    options = ["--focal", 300, "--baseline", 2, "--doffs", 8, "--cx", 10, "--cy", 20, "--save", "depth,ply"]
    assert stereo("l.png", "r.png", "-o", "o", *options) == 0
    np.testing.assert_allclose(read_pfm(tmp_path / "o/l_depth.pfm"), 300 * 2 / (DISPARITY + 8))
    data = (tmp_path / "o/l_points.ply").read_bytes().split(b"end_header\n")[1]
    points = np.frombuffer(data, "u1").reshape(-1, 15)[:, :12].copy().view("<f4")
    columns, rows = points[:, 0] / 30 * 300 + 10, points[:, 1] / 30 * 300 + 20
    assert columns.max() == pytest.approx(127, abs=1e-3) and rows.max() == pytest.approx(95, abs=1e-3)
    assert columns.min() >= DISPARITY - 1e-3 and rows.min() == pytest.approx(0, abs=1e-3)
