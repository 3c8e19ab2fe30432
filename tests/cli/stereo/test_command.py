"""`vision stereo`: what is read, what is written, what is told, and the exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
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
from vision.geometry import read_calibration
from vision.stereo_io import read_disparity, read_flo, read_flow, read_pfm
from vision.structures.stereo import result_fields

Stereo = Callable[..., int]
Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[3]
DISPARITY = 12
PLAIN_CAMERAS = """%YAML:1.0
---
K1: [300, 0, 120, 0, 300, 100, 0, 0, 1]
T: {t}
"""
CALIB = "cam0=[300 0 120; 0 300 100; 0 0 1]\ndoffs=3\nbaseline=50\nwidth=240\nheight=200\n"


class Told(nn.Module):
    """Finds the disparity 12 everywhere, and the flow (3, -4) if it is a flow model."""

    def __init__(self, stereo: bool = True) -> None:
        super().__init__()
        self.stereo = stereo

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        field = torch.zeros(2, *img0.shape[2:], 2)
        there = torch.tensor([-float(DISPARITY), 0] if self.stereo else [3.0, -4.0])
        field[0], field[1] = there, -there
        return {"field_up": field}


@pytest.fixture
def stereo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stereo:
    """A function that runs `vision stereo ARGUMENTS` in tmp_path with a model that knows the answer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: Told("stereo" in name))
    return lambda *arguments: main(["stereo", *map(str, arguments)])


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two images of 240 x 200, at a disparity of 12 pixels."""
    return save_pair(tmp_path, "left.png", "right.png")


def save_pair(folder: Path, left: str, right: str, seed: int = 0) -> tuple[Path, Path]:
    noise = np.random.default_rng(seed).integers(0, 256, (42, 60, 3), dtype=np.uint8)
    scene = cv2.resize(noise, (300, 210), interpolation=cv2.INTER_CUBIC)
    paths = folder / left, folder / right
    for path, column in zip(paths, (0, DISPARITY), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene[:200, column : column + 240]).save(path)
    return paths


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_pair_gives_a_pfm_and_an_image(stereo: Stereo, pair: tuple[Path, Path], capsys: Capture) -> None:
    assert stereo(*pair, "-o", "out/deep") == 0
    folder = pair[0].parent / "out/deep"
    assert names(folder) == {"left_disp.pfm", "left_stereo.png"}
    disparity = read_pfm(folder / "left_disp.pfm")
    assert disparity.shape == (200, 240) and (disparity == DISPARITY).all()
    assert Image.open(folder / "left_stereo.png").width > 700
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == [
        "state",
        "size",
        "min",
        "median",
        "max",
        "occluded",
        "seconds",
        "path",
        "notes",
    ]
    cells = out.splitlines()[1].split()
    assert cells[:8] == ["matched", "240", "x", "200", "12.0", "12.0", "12.0", "5.0%"] and "left_disp.pfm" in out
    assert err == "1 pair: 1 matched\n"


def test_the_current_folder_is_the_default(stereo: Stereo, pair: tuple[Path, Path]) -> None:
    assert stereo(*pair, "--no-image") == 0
    assert names(pair[0].parent) == {"left.png", "right.png", "left_disp.pfm"}


def test_everything_that_can_be_saved(stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(CALIB)
    kinds = "pfm,png16,npy,color,confidence,occlusion,depth,ply"
    assert stereo(*pair, "-o", "o", "--save", kinds, "--view", "both", "--calib", "calib.txt") == 0
    both = ["disp.pfm", "disp.png", "disp.npy", "color.png", "confidence.png", "occlusion.png", "depth.pfm"]
    right = {f"left_{name.replace('.', '_right.')}" for name in both}
    assert names(tmp_path / "o") == {f"left_{name}" for name in both} | right | {
        "left_points.ply",
        "left_stereo.png",
        "left_camera.json",
    }
    for name in ("disp.png", "disp.npy", "disp_right.png", "disp_right.npy", "disp_right.pfm"):
        assert (read_disparity(tmp_path / "o" / f"left_{name}") == DISPARITY).all()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "o/left_occlusion.png"))[0] == 255, np.arange(240) < 12)
    confidence = np.asarray(Image.open(tmp_path / "o/left_confidence_right.png"))
    assert (confidence[:, :228] == 255).all() and (confidence[:, 228:] < 25).all()
    np.testing.assert_allclose(read_pfm(tmp_path / "o/left_depth.pfm"), 300 * 50 / 15)
    header, data = (tmp_path / "o/left_points.ply").read_bytes().split(b"end_header\n", 1)
    count = 200 * 228
    assert (
        f"element vertex {count}\n".encode() in header and b"comment unit: mm\n" in header and len(data) == 15 * count
    )
    first = np.frombuffer(data[:12], "<f4")
    np.testing.assert_allclose(first, [(12 - 120) / 300 * 1000, -100 / 300 * 1000, 1000], rtol=1e-6)


def test_right_view_alone(stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert stereo(*pair, "-o", "o", "--view", "right", "--no-image") == 0
    assert names(tmp_path / "o") == {"left_disp_right.pfm"}


def test_depth_by_focal_and_baseline(stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path) -> None:
    assert stereo(*pair, "-o", "o", "--focal", 600, "--baseline", 0.2, "--max-depth", 9, "--no-image") == 0
    assert names(tmp_path / "o") == {"left_disp.pfm", "left_depth.pfm", "left_points.ply", "left_camera.json"}
    np.testing.assert_allclose(read_pfm(tmp_path / "o/left_depth.pfm"), 10)
    header = (tmp_path / "o/left_points.ply").read_bytes()
    assert b"element vertex 0\n" in header and b"unit: units of the baseline" in header


def test_json_csv_and_jsonl_hold_the_same(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    assert stereo(pair[0], "missing.png", "--json", "--csv", "a.csv", "-o", "o") == 1
    out, err = capsys.readouterr()
    (record,) = json.loads(out)
    assert (
        list(record) == [*result_fields(), "points", "points_beyond", "max_depth", "files"]
        and record["error"] == "missing.png: no such file; check the path"
    )
    assert err == f"vision stereo: {pair[0]}: missing.png: no such file; check the path\n"
    assert stereo(*pair, "--jsonl", "--csv", "b.csv", "-o", "o") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["files"] == [os.path.join("o", name) for name in ("left_disp.pfm", "left_stereo.png")]
    with (tmp_path / "b.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["disparity_median"] == "12.0" and row["files"] == "; ".join(record["files"]) and row["error"] == ""


def test_folders_of_equal_names(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    for name in ("a.png", "sub/b.png", "c.png"):
        save_pair(tmp_path, f"left/{name}", f"right/{name}")
    (tmp_path / "left/alone.png").write_bytes((tmp_path / "left/a.png").read_bytes())
    (tmp_path / "right/c.png").write_bytes(b"damaged")
    assert stereo("left", "right", "-o", "o", "--no-image", "--json") == 1
    out, err = capsys.readouterr()
    records = json.loads(out)
    assert [record["left"] for record in records] == [os.path.join("left", n) for n in ("a.png", "c.png", "sub/b.png")]
    assert [record["error"] is None for record in records] == [True, False, True]
    assert names(tmp_path / "o") == {"a_disp.pfm", "b_disp.pfm"}
    assert f"warning: without a partner of the same name: {os.path.join('left', 'alone.png')}\n" in err


def test_unmatched_images_are_a_warning(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    save_pair(tmp_path, "left/a.png", "right/a.jpg")
    save_pair(tmp_path, "left/b.png", "right/c.png")
    assert stereo("left", "right", "-o", "o", "--no-image") == 0
    assert f"{os.path.join('left', 'b.png')}, {os.path.join('right', 'c.png')}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "style", [("im_left_{}.png", "im_right_{}.png"), ("{}_l.png", "{}_r.png"), ("x{}.png", "y{}.png")]
)
def test_folders_of_other_names(stereo: Stereo, tmp_path: Path, style: tuple[str, str], capsys: Capture) -> None:
    for number in (1, 2):
        save_pair(tmp_path, f"one/{style[0].format(number)}", f"two/{style[1].format(number)}", seed=number)
    assert stereo("one", "two", "-o", "o", "--no-image", "--json") == 0
    out, err = capsys.readouterr()
    pairs = [(Path(record["left"]).name, Path(record["right"]).name) for record in json.loads(out)]
    assert pairs == [tuple(name.format(number) for name in style) for number in (1, 2)]
    assert "warning" not in err


def test_one_folder_with_both_views(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    for scene in ("a", "b"):
        save_pair(tmp_path, f"all/{scene}/im0.png", f"all/{scene}/im1.png")
    (tmp_path / "all/b/mask0.png").write_bytes((tmp_path / "all/b/im0.png").read_bytes())
    assert stereo("all", "-o", "o", "--no-image", "--json") == 0
    out, err = capsys.readouterr()
    expected = [[os.path.join("all", scene, f"im{view}.png") for view in (0, 1)] for scene in ("a", "b")]
    assert [[record["left"], record["right"]] for record in json.loads(out)] == expected
    assert "without a partner of the same name: " + os.path.join("all", "b", "mask0.png") in err


def test_frames_of_folders_keep_their_names(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    """Each side lost another frame."""
    for name in ("8", "9", "10"):
        save_pair(tmp_path, f"l/{name}.png", f"r/{name}.png")
    (tmp_path / "l/9.png").unlink()
    (tmp_path / "r/10.png").rename(tmp_path / "r/11.png")
    save_pair(tmp_path, "l/12.png", "r/12.png")
    assert stereo("--video", "l", "r", "--save", "pfm", "--no-image", "-o", "o") == 0
    assert names(tmp_path / "o/l_frames") == {"8_disp.pfm", "12_disp.pfm"}
    left = os.path.join("l", "10.png")
    assert f"1 left and 2 right frames have no partner of the same name and are left out, such as {left}" in (
        capsys.readouterr().err
    )


def test_videos_of_two_rates_are_refused(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    for side, rate in (("l", 30), ("r", 25)):
        writer = cv2.VideoWriter(str(tmp_path / f"{side}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), rate, (240, 200))
        writer.write(np.full((200, 240, 3), 9, np.uint8))
        writer.release()
    assert stereo("--video", "l.mp4", "r.mp4") == 2
    assert "30 frames per second, the right one 25; expected equal rates" in capsys.readouterr().err
    assert stereo("--video", "l.mp4", "r.mp4", "--fps", 10, "--no-checks") == 0
    assert "warning: the left video has 30 frames per second, the right one 25; " in capsys.readouterr().err


def test_csv_of_pairs_and_equal_names(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    for scene in ("cones", "dolls"):
        save_pair(tmp_path, f"data/{scene}/left.png", f"data/{scene}/right.png")
    lines = ["scene,left,right", "c,cones/left.png,cones/right.png", "d,dolls/left.png,dolls/right.png", "e,gone.png,x"]
    (tmp_path / "data/pairs.csv").write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    assert stereo("data/pairs.csv", "-o", "o", "--no-image", "--json") == 1
    records = json.loads(capsys.readouterr().out)
    assert [record["error"] is None for record in records] == [True, True, False]
    assert names(tmp_path / "o") == {"left_disp.pfm", "left-2_disp.pfm"}


def test_warnings_are_told_but_are_no_failure(stereo: Stereo, pair: tuple[Path, Path], capsys: Capture) -> None:
    assert stereo(*reversed(pair), "--no-image") == 0
    assert f"vision stereo: {pair[1]}: warning: the views look swapped: 100%" in capsys.readouterr().err
    assert stereo(*reversed(pair), "--no-image", "--no-checks") == 0
    assert "swapped" not in capsys.readouterr().err
    shifted = np.roll(np.asarray(Image.open(pair[1])), 3, axis=0)
    Image.fromarray(shifted).save(pair[1])
    assert stereo(*pair, "--no-image", "--json") == 0
    out, err = capsys.readouterr()
    (warning,) = json.loads(out)[0]["warnings"]
    assert "rows differ by 3.0 pixels" in warning and "--rectify" in warning and warning in err


def test_views_of_different_sizes(stereo: Stereo, pair: tuple[Path, Path], capsys: Capture) -> None:
    Image.open(pair[1]).crop((0, 0, 200, 200)).save(pair[1])
    assert stereo(*pair) == 1
    out, _ = capsys.readouterr()
    assert f"is 240 x 200 pixels but {pair[1]} is 200 x 200; expected two views of one size" in out
    assert names(pair[0].parent) == {"left.png", "right.png"}


def test_a_disparity_that_16_bits_do_not_hold(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(globals(), "DISPARITY", 300)
    assert stereo(*pair, "-o", "o", "--save", "png16,npy", "--json", "--no-checks") == 1
    (record,) = json.loads(capsys.readouterr().out)
    assert "16-bit PNG holds less than 256" in record["error"]
    assert (
        names(tmp_path / "o")
        == {"left_disp.pfm", "left_disp.npy", "left_stereo.png"}
        == {Path(name).name for name in record["files"]}
    )


class Sloped(nn.Module):
    """Disparities that grow by the column: 250 to 265, or 0.05 to 12, by the width of the images."""

    stereo = True

    def __init__(self, least: float, most: float) -> None:
        super().__init__()
        self.least, self.most = least, most

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        field = torch.zeros(2, *img0.shape[2:], 2)
        field[0, :, :, 0] = -torch.linspace(self.least, self.most, img0.shape[3])
        field[1] = -field[0]
        return {"field_up": field}


def test_one_large_disparity_does_not_cost_the_png(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: Sloped(250, 265))
    assert stereo(*pair, "-o", "o", "--save", "png16", "--json", "--no-checks", "--scale", 1) == 0
    (record,) = json.loads(capsys.readouterr().out)
    stored = read_disparity(tmp_path / "o/left_disp.png")
    lost = int(np.isnan(stored).sum())
    assert lost == 200 * int((torch.linspace(250, 265, 240) * 256 > 65535.5).sum()) > 0
    assert record["error"] is None and f"{lost:,} pixels are too large for the 16-bit PNG" in record["warnings"][0]


def test_clouds_end_where_disparities_are_below_a_pixel(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("vision.models.match_stereo", lambda name, checkpoint=None: Sloped(0.05, 12))
    monkeypatch.setattr("vision.apis.stereo.inferencer.textureless", lambda *_: np.zeros((2, 200, 240), bool))
    options = ["--focal", 600, "--baseline", 0.2, "--save", "ply", "--json", "--no-checks", "--scale", 1, "--no-image"]
    assert stereo(*pair, "-o", "o", *options) == 0
    out, err = capsys.readouterr()
    (record,) = json.loads(out)
    disparities = torch.linspace(0.05, 12, 240).numpy()
    beyond = 200 * int((disparities < 1).sum())
    assert (record["max_depth"], record["points_beyond"]) == (120.0, beyond) and record["points"] > 0
    points = np.frombuffer((tmp_path / "o/left_points.ply").read_bytes().split(b"end_header\n")[1], "u1").reshape(
        -1, 15
    )
    z = points[:, 8:12].copy().view("<f4")
    assert len(points) == record["points"] and 100 < z.max() <= 120
    assert f"{beyond:,} points beyond 120, where the disparity is below 1 pixel, are not in the cloud" in err
    assert stereo(*pair, "-o", "o", *options, "--max-depth", 1e9) == 0
    out, err = capsys.readouterr()
    (far,) = json.loads(out)
    assert (far["points"], far["points_beyond"]) == (record["points"] + beyond, 0) and "not in the cloud" not in err


def test_plain_areas_are_left_out_of_clouds(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    for path, column in zip(pair, (100, 100 - DISPARITY), strict=True):
        image = np.asarray(Image.open(path)).copy()
        image[50:150, column : column + 100] = 255
        Image.fromarray(image).save(path)
    assert stereo(*pair, "--focal", 600, "--baseline", 0.2, "--save", "ply", "--json", "--no-checks") == 0
    (record,) = json.loads(capsys.readouterr().out)
    plain = record["textureless"] * 200 * 240
    assert 70**2 < plain < 100**2 and record["points"] == pytest.approx(200 * 228 - plain, abs=3)


@pytest.mark.parametrize(
    ("baseline", "options", "stored", "said"),
    [
        (0.1, [], 2500, "taken as meters"),
        (0.1, ["--unit", "m"], 2500, ""),
        (10, ["--unit", "cm"], 2500, ""),
        (100, ["--unit", "mm"], 2500, ""),
        (100, ["--unit", "m"], 0, "48,000 depths beyond 65.535 m are unknown"),
    ],
)
def test_depth_as_16_bit_png(
    stereo: Stereo,
    pair: tuple[Path, Path],
    tmp_path: Path,
    baseline: float,
    options: list[str],
    stored: int,
    said: str,
    capsys: Capture,
) -> None:
    arguments = ["--focal", 300, "--baseline", baseline, "--save", "depth16,depth-npy", "--no-image", *options]
    assert stereo(*pair, "-o", "o", *arguments) == 0
    assert names(tmp_path / "o") == {"left_disp.pfm", "left_depth.png", "left_depth.npy", "left_camera.json"}
    depth = np.asarray(Image.open(tmp_path / "o/left_depth.png"))
    assert depth.shape == (200, 240) and (depth == stored).all()
    np.testing.assert_allclose(np.load(tmp_path / "o/left_depth.npy"), 300 * baseline / DISPARITY)
    err = capsys.readouterr().err
    assert said in err and ("warning" in err) == bool(said)


def write_cameras(path: Path, **change: Any) -> None:
    k = np.array([[300.0, 0, 120], [0, 300, 100], [0, 0, 1]])
    values = {"K1": k, "D1": np.zeros(5), "K2": k, "D2": np.zeros(5), "R": np.eye(3), "T": np.array([[-0.1], [0], [0]])}
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in {**values, **change}.items():
        storage.write(name, value)
    storage.release()


def test_rectify(stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, capsys: Capture) -> None:
    write_cameras(tmp_path / "stereo.yml", R=cv2.Rodrigues(np.array([0.0, 0, 0.02]))[0])
    assert stereo(*pair, "--rectify", "--calib", "stereo.yml", "-o", "o", "--csv", "o.csv", "--json") == 0
    (record,) = json.loads(capsys.readouterr().out)
    camera = read_calibration(tmp_path / "o/left_camera.json")
    told = [record[name] for name in ("focal", "focal_y", "cx", "cy", "baseline", "doffs")]
    assert told == [camera.focal, camera.focal_y, camera.cx, camera.cy, pytest.approx(camera.baseline), camera.doffs]
    assert camera.baseline == pytest.approx(0.1) and (record["unit"], camera.size) == ("", (240, 200))
    # The right camera looks straight across the baseline: the left one has to make the whole turn.
    np.testing.assert_allclose(
        cv2.Rodrigues(np.reshape(record["rotation"], (3, 3)))[0].ravel(), [0, 0, 0.02], atol=1e-9
    )
    with (tmp_path / "o.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["focal"] == str(camera.focal) and row["rotation"] == "; ".join(map(str, record["rotation"]))
    disparity, depth = (read_pfm(tmp_path / f"o/left_{name}.pfm") for name in ("disp", "depth"))
    np.testing.assert_allclose(depth, camera.focal * camera.baseline / (disparity + camera.doffs), rtol=1e-5)
    extra = {"left_camera.json", "left_rectified.png", "left_rectified_right.png", "left_depth.pfm", "left_points.ply"}
    assert names(tmp_path / "o") == {"left_disp.pfm", "left_stereo.png"} | extra
    assert Image.open(tmp_path / "o/left_rectified_right.png").size == (240, 200)
    capsys.readouterr()
    assert stereo(*pair, "--calib", "stereo.yml", "-o", "o2", "--save", "depth") == 0
    assert "warning: the calibration has no P1 and P2" in capsys.readouterr().err
    np.testing.assert_allclose(read_pfm(tmp_path / "o2/left_depth.pfm"), 300 * 0.1 / DISPARITY, rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such calibration file"),
        ("", "the file is empty"),
        ("garbage", "unknown kind of calibration"),
        (CALIB.replace("baseline=50", "baseline=0"), "baseline is 0; expected a positive number"),
        (CALIB.replace("300 0 120", "x 0 120"), "cam0 holds 'x'"),
        ("%YAML:1.0\n---\nK1: [", "damaged YAML"),
        ("%YAML:1.0\n---\nK1: " + "[" * 50_000, "damaged YAML"),
        ("%YAML:1.0\n---\nK1:\n  " + "- " * 50_000 + "1", "nested more than 16 levels deep"),
        ('{"K1":' + "[" * 60_000, "nested more than 16 levels deep"),
        ("<?xml version='1.0'?><opencv_storage>" + "<a>" * 30_000, "nested more than 16 levels deep"),
        (PLAIN_CAMERAS.format(t="[0.12, 0, 0]"), "camera 2 stands to the left of camera 1"),
        (PLAIN_CAMERAS.format(t="[0, -0.12, 0]"), "the cameras stand above each other"),
    ],
)
def test_calibrations_that_cannot_be_used(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, content: str | None, message: str, capsys: Capture
) -> None:
    if content is not None:
        (tmp_path / "calib.txt").write_text(content)
    before = names(tmp_path)
    assert stereo(*pair, "--calib", "calib.txt") == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("vision stereo: calib.txt: ") and message in err
    assert names(tmp_path) == before


def test_a_calibration_for_other_images(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "calib.txt").write_text(CALIB.replace("width=240", "width=300"))
    assert stereo(*pair, "--calib", "calib.txt", "--json") == 1
    assert "is for images of 300 x 200 pixels, these are 240 x 200" in json.loads(capsys.readouterr().out)[0]["error"]


def test_kittis_gray_cameras_are_known_by_their_folder(stereo: Stereo, tmp_path: Path) -> None:
    rows = ["P0: {f} 0 120 0 {r}", "P1: {f} 0 120 -60 {r}", "P2: {f} 0 120 5 {r}", "P3: {f} 0 120 -25 {r}"]
    (tmp_path / "calib.txt").write_text("\n".join(row.format(f=300, r="0 300 100 0 0 0 1 0") for row in rows))
    for folder, baseline in (("image_0", 0.2), ("image_2", 0.1)):
        left, right = save_pair(tmp_path, f"{folder}/a.png", f"{folder}r/a.png")
        assert stereo(left, right, "--calib", "calib.txt", "-o", folder, "--save", "depth", "--no-image") == 0
        np.testing.assert_allclose(read_pfm(tmp_path / folder / "a_depth.pfm"), 300 * baseline / DISPARITY, rtol=1e-5)


def test_kittis_gray_cameras_are_known_where_the_command_runs(
    stereo: Stereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    rows = ["P0: {f} 0 120 0 {r}", "P1: {f} 0 120 -60 {r}", "P2: {f} 0 120 5 {r}", "P3: {f} 0 120 -25 {r}"]
    (tmp_path / "calib.txt").write_text("\n".join(row.format(f=300, r="0 300 100 0 0 0 1 0") for row in rows))
    for folder, baseline in (("image_0", 0.2), ("left", 0.1)):
        save_pair(tmp_path, f"{folder}/a.png", f"{folder}/b.png")
        monkeypatch.chdir(tmp_path / folder)
        assert stereo("a.png", "b.png", "--calib", "../calib.txt", "-o", "o", "--save", "depth", "--json") == 0
        out, err = capsys.readouterr()
        assert json.loads(out)[0]["baseline"] == pytest.approx(baseline)
        assert ("the color ones are used" in err) == (folder == "left")


def test_flow(stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, capsys: Capture) -> None:
    weights = tmp_path / "flow.safetensors"
    assert stereo(*pair, "--flow", "--checkpoint", weights, "-o", "o", "--save", "png16,color", "--view", "both") == 0
    kinds = ["left_flow.flo", "left_flow.png", "left_color.png"]
    right = {name.replace(".", "_right.") for name in kinds}
    assert names(tmp_path / "o") == {*kinds, *right, "left_stereo.png"}
    for name, sign in (("left_flow.flo", 1), ("left_flow_right.flo", -1)):
        assert (read_flo(tmp_path / "o" / name) == [3 * sign, -4 * sign]).all()
    assert (read_flow(tmp_path / "o/left_flow.png") == [3, -4]).all()
    assert " 5.0 " in capsys.readouterr().out
    assert stereo(*pair, "--flow") == 2
    assert "model 'match_flow_base' ships without weights; name a file with --checkpoint" in capsys.readouterr().err


def code_of(arguments: list[str]) -> int:
    """argparse leaves by SystemExit, as a program does."""
    try:
        return main(arguments)
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["L"], "alone; expected LEFT RIGHT, two images or folders, or one folder with both views, or a CSV file"),
        (["L", "R", "L"], "got 3 inputs; expected LEFT RIGHT"),
        (["L", "EMPTY"], "are a folder and a file"),
        (["EMPTY", "EMPTY"], "no images in folder"),
        (["none.csv"], "none.csv: cannot be read (No such file or directory)"),
        (["BAD.csv"], "the columns are a, b; expected left and right"),
        (["HALF.csv"], "HALF.csv, line 2: no right image"),
        (["L", "R", "--save", "jpg"], "argument --save: expected some of pfm,png16,npy"),
        (["L", "R", "--save", "depth"], "--save depth needs a calibration"),
        (["L", "R", "--rectify"], "--rectify needs a calibration of raw cameras"),
        (["L", "R", "--focal", "5"], "--focal and --baseline go together"),
        (["L", "R", "--focal", "0", "--baseline", "1"], "focal is 0; expected a positive number"),
        (["L", "R", "--focal", "5", "--baseline", "0"], "baseline is 0; expected a positive number"),
        (["L", "R", "--cx", "5"], "--cx needs --focal"),
        (["L", "R", "--focal", "x"], "expected a number, got 'x'"),
        (["L", "R", "--max-depth", "-1"], "expected a number above 0, got '-1'"),
        (["L", "R", "--max-depth", "3"], "--max-depth needs a calibration"),
        (["L", "R", "--fps", "3"], "--fps is for --video"),
        (["L", "R", "--no-warm-start"], "--no-warm-start is for --video"),
        (["--video", "L", "R", "--no-image"], "leaves nothing to write"),
        (["L", "R", "--scale", "5"], "expected a number from 0.1 to 4, got '5'"),
        (["L", "R", "--max-size", "10"], "expected a whole number from 192 on, got '10'"),
        (["--tile", "L", "R"], "expected a whole number from 384 on"),
        (["L", "R", "--precision", "fp8"], "invalid choice: 'fp8'"),
        (["L", "R", "--device", "abacus"], "unknown device 'abacus'"),
        (["L", "R", "-o", "L"], "--output 'L' cannot be written"),
        (["L", "R", "--no-warm-start"], "--no-warm-start is for --video"),
        (["L", "R", "--flow", "--focal", "1", "--baseline", "1"], "a calibration does not apply"),
        (["L", "R", "--model", "match_stereo_tiny"], "'match_stereo_tiny' ships without weights"),
        (["L", "R", "--json", "--jsonl"], "not allowed with argument"),
        (["--video", "L"], "--video got 1 inputs; expected LEFT RIGHT"),
        (["--video", "L", "gone.mp4"], "video 'gone.mp4' is no file"),
        (["--video", "BAD.csv", "BAD.csv"], "as no video does; expected a file that holds the frames itself"),
        ([], "the following arguments are required: INPUT"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(
    stereo: Stereo, pair: tuple[Path, Path], tmp_path: Path, capsys: Capture, arguments: list[str], message: str
) -> None:
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "BAD.csv").write_text("a,b\n1,2\n")
    (tmp_path / "HALF.csv").write_text("left,right\nx.png,\n")
    for path, name in zip(pair, "LR", strict=True):
        path.rename(tmp_path / name)
    before = names(tmp_path)
    assert code_of(["stereo", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("vision stereo: ") and message in err
    assert names(tmp_path) == before


def test_unknown_models_and_missing_weights(pair: tuple[Path, Path], capsys: Capture) -> None:
    words = ["stereo", *map(str, pair), "-o", str(pair[0].parent / "o")]
    assert main([*words, "--model", "nonsense"]) == 2
    assert "unknown stereo model 'nonsense'" in capsys.readouterr().err
    assert main([*words, "--checkpoint", "gone.safetensors"]) == 2
    assert "gone.safetensors does not exist" in capsys.readouterr().err


def test_full_disk(stereo: Stereo, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vision.files.os.replace", fill)
    assert stereo(*pair, "-o", "o") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert names(pair[0].parent / "o") == set()


def save_video(path: Path, frames: int, column: int, wide: bool = False) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (42, 90, 3), dtype=np.uint8)
    scene = cv2.resize(noise, (450, 210), interpolation=cv2.INTER_CUBIC)
    size = (480 if wide else 240, 200)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, size)
    for number in range(frames):
        views = [scene[:200, number + c : number + c + 240] for c in ((0, DISPARITY) if wide else (column,))]
        writer.write(np.hstack(views))
    writer.release()


def frames_of(path: Path) -> tuple[int, int, int, float]:
    capture = cv2.VideoCapture(str(path))
    keys = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
    count, width, height, fps = (capture.get(key) for key in keys)
    capture.release()
    return int(count), int(width), int(height), fps


def test_video_of_two_files(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    save_video(tmp_path / "left.mp4", 4, 0)
    save_video(tmp_path / "right.mp4", 3, DISPARITY)
    assert stereo("--video", "left.mp4", "right.mp4", "-o", "o", "--save", "pfm,confidence", "--csv", "f.csv") == 0
    out, err = capsys.readouterr()
    assert out.startswith("3 of 3 frames matched") and "the left video has 4 frames, the right one 3" in err
    assert frames_of(tmp_path / "o/left_stereo.mp4") == (3, 480, 200, 10)
    assert names(tmp_path / "o") == {"left_stereo.mp4", "left_frames"}
    assert len(names(tmp_path / "o/left_frames")) == 6
    assert (read_pfm(tmp_path / "o/left_frames/000002_disp.pfm") == DISPARITY).all()
    with (tmp_path / "f.csv").open(newline="") as file:
        assert [row["left"] for row in csv.DictReader(file)] == [f"frame {number} left" for number in range(3)]


def test_a_video_has_one_camera_file(stereo: Stereo, tmp_path: Path) -> None:
    save_video(tmp_path / "left.mp4", 2, 0)
    save_video(tmp_path / "right.mp4", 2, DISPARITY)
    options = ("--focal", 300, "--baseline", 0.1, "--save", "depth", "--no-image")
    assert stereo("--video", "left.mp4", "right.mp4", "-o", "o", *options) == 0
    assert names(tmp_path / "o") == {"left_camera.json", "left_frames"}
    assert names(tmp_path / "o/left_frames") == {"000000_depth.pfm", "000001_depth.pfm"}
    camera = read_calibration(tmp_path / "o/left_camera.json")
    assert (camera.focal, camera.size) == (300, (240, 200)) and camera.baseline == pytest.approx(0.1)
    # Numbered beside it on the next run, though nothing else is in its way.
    (tmp_path / "o/left_frames").rename(tmp_path / "away")
    assert stereo("--video", "left.mp4", "right.mp4", "-o", "o", *options) == 0
    assert "left-2_camera.json" in names(tmp_path / "o")


def test_videos_that_end_early_are_told_of(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    save_video(tmp_path / "right.mp4", 5, DISPARITY)
    writer = cv2.VideoWriter(str(tmp_path / "left.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (240, 200))
    for _ in range(5):
        writer.write(np.random.default_rng(0).integers(0, 256, (200, 240, 3), dtype=np.uint8))
    writer.release()
    whole = (tmp_path / "left.avi").read_bytes()
    (tmp_path / "left.avi").write_bytes(whole[: len(whole) // 2])
    assert stereo("--video", "left.avi", "right.mp4", "-o", "o") == 0
    assert "warning: the left video ends after" in capsys.readouterr().err


def test_large_frames_are_refused(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    save_video(tmp_path / "left.mp4", 1, 0)
    assert stereo("--video", "left.mp4", "left.mp4", "--max-pixels", 100) == 2
    assert "frames of 240 x 200 pixels; the limit is 100" in capsys.readouterr().err
    save_pair(tmp_path, "l/0.png", "r/0.png")
    assert stereo("--video", "l", "r", "--max-pixels", 100) == 2
    assert "the limit is 100" in capsys.readouterr().err


def test_one_name_that_cannot_be_written_does_not_stop_the_others(
    stereo: Stereo, tmp_path: Path, capsys: Capture
) -> None:
    for name in "ab":
        save_pair(tmp_path, f"left/{name}.png", f"right/{name}.png")
    (tmp_path / "o/a_disp.pfm").mkdir(parents=True)
    assert stereo("left", "right", "-o", "o", "--no-image", "--json") == 1
    first, second = json.loads(capsys.readouterr().out)
    assert "cannot write" in first["error"] and "a_disp.pfm" in first["error"]
    assert second["error"] is None and (tmp_path / "o/b_disp.pfm").is_file()


def test_names_that_are_all_equal_are_pairs(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    for name in ("a.png", "a.bmp"):
        save_pair(tmp_path, f"left/{name}", f"right/{name}")
    assert stereo("left", "right", "-o", "o", "--json") == 0
    out, err = capsys.readouterr()
    assert [Path(record["left"]).name for record in json.loads(out)] == ["a.bmp", "a.png"] and "warning" not in err


def test_video_side_by_side_and_json(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    save_video(tmp_path / "both.mp4", 3, 0, wide=True)
    assert stereo("--video", "both.mp4", "--side-by-side", "--fps", 5, "-o", "o", "--json") == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["frames"], record["matched"], record["cuts"]) == (3, 3, 0)
    assert frames_of(tmp_path / "o/both_stereo.mp4") == (3, 480, 200, 5)


def test_video_of_folders(stereo: Stereo, tmp_path: Path, capsys: Capture) -> None:
    for number in range(3):
        save_pair(tmp_path, f"left/{number}.png", f"right/{number}.png", seed=number)
    assert stereo("--video", "left/", "right/", "-o", "o") == 0
    assert frames_of(tmp_path / "o/left_stereo.mp4")[0] == 3
    (tmp_path / "right/1.png").write_bytes(b"damaged")
    assert stereo("--video", "left", "right", "-o", "p") == 2
    assert "1.png: not an image of a known kind" in capsys.readouterr().err
    assert names(tmp_path / "p") == set()


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from vision.cli.main import main\n"
        "try:\n    main([*sys.argv[1:], '--help'])\n"
        "finally:\n"
        "    print([n for n in ('torch', 'numpy', 'cv2', 'PIL', 'rich') if n in sys.modules], file=sys.stderr)\n"
    )
    for words in (["stereo"], ["export", "stereo"]):
        done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, env=ENVIRONMENT)
        assert done.stderr == "[]\n" and done.returncode == 0 and "exit codes" in done.stdout


def test_the_real_model_without_a_training_framework(pair: tuple[Path, Path], tmp_path: Path) -> None:
    from vision.checkpoint import write_safetensors
    from vision.models import MatchStereo

    torch.manual_seed(0)
    weights = tmp_path / "nano.safetensors"
    write_safetensors(weights, MatchStereo.from_variant("nano").state_dict(), {"variant": "nano", "stereo": True})
    script = (
        "import sys\n"
        "from vision.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "training = ('mmengine', 'mmcv', 'mmdet', 'mmseg', 'timm', 'torchvision')\n"
        "print(code, [name for name in training if name in sys.modules], file=sys.stderr)\n"
    )
    arguments = ["stereo", *map(str, pair), "--checkpoint", str(weights), "-o", str(tmp_path / "o")]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stderr.splitlines()[-1] == "0 []", done.stderr
    assert names(tmp_path / "o") == {"left_disp.pfm", "left_stereo.png"}
