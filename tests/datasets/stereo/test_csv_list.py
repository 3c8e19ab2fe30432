"""Stereo pairs listed in a CSV file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.datasets import StereoCSVDataset
from vision.errors import UsageError
from vision.stereo_io import write_disparity, write_png

TRUTH = np.arange(1, 193, dtype=np.float32).reshape(12, 16) / 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two views, disparities and a mask in `data/pics`; the CSV files go to `data`."""
    pictures = tmp_path / "data" / "pics"
    pictures.mkdir(parents=True)
    for name, level in (("l 1", 10), ("r,1", 20)):
        Image.fromarray(np.full((12, 16, 3), level, np.uint8)).save(pictures / f"{name}.png")
    write_disparity(pictures / "d.pfm", TRUTH)
    write_disparity(pictures / "dr.png", TRUTH + 1)
    write_png(pictures / "m.png", np.where(TRUTH < 20, 255, 0).astype(np.uint8))
    return tmp_path / "data"


def listing(folder: Path, text: str) -> Path:
    (folder / "pairs.csv").write_bytes(text.encode())
    return folder / "pairs.csv"


def test_all_columns(folder: Path) -> None:
    text = "\ufeffmask,right,left,disparity_right,disparity,scene\n"
    text += 'pics/m.png,"pics/r,1.png",pics/l 1.png,pics/dr.png,pics/d.pfm,room\n'
    dataset = StereoCSVDataset(listing(folder, text))
    sample = dataset.read(0)
    assert sample["left"].max() == 10 and sample["right"].max() == 20 and sample["scene"] == "room"
    np.testing.assert_array_equal(sample["disparity"], TRUTH)
    np.testing.assert_array_equal(sample["disparity_right"], TRUTH + 1)
    np.testing.assert_array_equal(sample["visible"], TRUTH < 20)


def test_optional_cells_and_absolute_paths(folder: Path) -> None:
    left = folder / "pics" / "l 1.png"
    text = f'left,right,disparity\r\n{left}, "pics/r,1.png",\r\n\r\npics/l 1.png,pics/l 1.png,pics/d.pfm\r\n'
    dataset = StereoCSVDataset(listing(folder, text.replace(', "', ',"')))
    first, second = dataset.read(0), dataset.read(1)
    assert first["disparity"] is None and first["visible"] is None and first["scene"] == "l 1"
    assert second["disparity"] is not None and second["path"] == str(left)


def test_kind_and_scale(folder: Path) -> None:
    write_png(folder / "gray.png", np.full((12, 16), 80, np.uint8))
    path = listing(folder, "left,right,disparity\npics/l 1.png,pics/l 1.png,gray.png\n")
    assert StereoCSVDataset(path, disparity_scale=16).read(0)["disparity"][0, 0] == 5
    with pytest.raises(ValueError, match="give scale="):
        StereoCSVDataset(path).read(0)


def test_masks_of_zero_and_one(folder: Path) -> None:
    write_png(folder / "bits.png", (TRUTH < 20).astype(np.uint8))
    path = listing(folder, "left,right,mask\npics/l 1.png,pics/l 1.png,bits.png\n")
    np.testing.assert_array_equal(StereoCSVDataset(path).read(0)["visible"], TRUTH < 20)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the columns are missing; expected left, right"),
        ("left\npics/l 1.png\n", "line 1: the columns are left; expected left, right"),
        ("pics/l 1.png,pics/l 1.png\n", "line 1: the columns are pics/l 1.png"),
        ("left,right,depth\na,b,c\n", "line 1: .*depth; expected"),
        ("left,right,left\na,b,c\n", "each once"),
        ("left,right\n", "lists no pair"),
        ("left,right\npics/l 1.png,pics/l 1.png\npics/l 1.png\n", "line 3: no right image"),
        ("left,right\n,pics/l 1.png\n", "line 2: no left image"),
        ("left,right\npics/l 1.png,pics/r,1.png\n", "line 2: more cells than the header"),
        (
            "left,right,mask\npics/l 1.png,pics/l 1.png,none.png\n",
            "line 2: mask .*none.png' is no file; paths start at",
        ),
        ('left,right\n"pics', "not a CSV file"),
    ],
)
def test_mistakes_name_the_line(folder: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        StereoCSVDataset(listing(folder, text))
    assert "pairs.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_csv_file(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read \\(No such file"):
        StereoCSVDataset(folder / "none.csv")
    with pytest.raises(UsageError, match="is a folder; expected a CSV file of pairs"):
        StereoCSVDataset(folder)
    with pytest.raises(UsageError, match="is no text"):
        StereoCSVDataset(folder / "pics" / "l 1.png")
