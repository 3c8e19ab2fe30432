"""Disparity maps of every data set's format."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.errors import UsageError
from vision.images import ImageError
from vision.stereo_io import read_disparity, read_gray, write_depth16, write_disparity, write_pfm, write_png


@pytest.fixture
def disparity() -> np.ndarray:
    values = np.random.default_rng(0).uniform(0, 250, (9, 7)).astype(np.float32)
    values[2, 3] = np.nan
    values[4] = np.inf
    return values


@pytest.mark.parametrize(("name", "step"), [("a.pfm", 0), ("a.npy", 0), ("a.PNG", 1 / 256)])
def test_round_trip(tmp_path: Path, disparity: np.ndarray, name: str, step: float) -> None:
    write_disparity(tmp_path / name, disparity)
    read = read_disparity(tmp_path / name)
    known = np.isfinite(disparity)
    assert read.dtype == np.float32 and read.flags.writeable
    np.testing.assert_array_equal(np.isnan(read), ~known)
    np.testing.assert_allclose(read[known], disparity[known], atol=step / 2, rtol=0)


def test_kitti_says_unknown_by_zero(tmp_path: Path) -> None:
    write_disparity(tmp_path / "a.png", np.array([[0, 1e-4, 2, np.nan, -3, 255.99]]))
    stored = np.asarray(Image.open(tmp_path / "a.png"))
    assert stored.tolist() == [[1, 1, 512, 0, 0, 65533]]
    with pytest.raises(ValueError, match=r"reaches 256 pixels.*write \.pfm"):
        write_disparity(tmp_path / "b.png", np.array([[256.0]]))
    assert not (tmp_path / "b.png").exists()


def test_pfm_says_unknown_by_infinity(tmp_path: Path) -> None:
    write_disparity(tmp_path / "a.pfm", np.array([[1, np.nan]]))
    assert np.frombuffer((tmp_path / "a.pfm").read_bytes()[-8:], "<f4").tolist() == [1, np.inf]


def test_crestereo_zero_is_far_not_unknown(tmp_path: Path) -> None:
    write_png(tmp_path / "0_left.disp.png", np.array([[0, 32, 48]], dtype=np.uint16))
    assert read_disparity(tmp_path / "0_left.disp.png").tolist() == [[0, 1, 1.5]]


@pytest.mark.parametrize(
    ("kind", "height", "scale"),
    [
        ("middlebury2003", 375, 4),
        ("middlebury2003", 750, 2),
        ("middlebury2003", 1500, 1),
        ("middlebury2005", 370, 3),
        ("middlebury2005", 555, 2),
        ("middlebury2005", 1110, 1),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "pgm"])
def test_middlebury_gray_levels(tmp_path: Path, kind: str, height: int, scale: int, suffix: str) -> None:
    levels = np.full((height, 2), 90, dtype=np.uint8)
    levels[0, 0] = 0
    Image.fromarray(levels).save(tmp_path / f"disp2.{suffix}")
    read = read_disparity(tmp_path / f"disp2.{suffix}", kind)
    assert np.isnan(read[0, 0]) and np.nanmin(read) == np.nanmax(read) == 90 / scale
    assert read_disparity(tmp_path / f"disp2.{suffix}", kind, scale=9)[1, 1] == 10


def test_gray_levels_without_a_scale(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.full((20, 30), 90, np.uint8))
    with pytest.raises(ImageError, match="give scale="):
        read_disparity(tmp_path / "a.png")
    with pytest.raises(ImageError, match="20 pixels high"):
        read_disparity(tmp_path / "a.png", "middlebury2003")
    assert read_disparity(tmp_path / "a.png", scale=3)[0, 0] == 30


def test_negative_displacements_become_positive(tmp_path: Path) -> None:
    write_pfm(tmp_path / "left.pfm", np.array([[-3, 0, np.inf]]))
    assert read_disparity(tmp_path / "left.pfm")[0, :2].tolist() == [3, 0]
    write_pfm(tmp_path / "mixed.pfm", np.array([[-3, 2]]))
    assert read_disparity(tmp_path / "mixed.pfm").tolist() == [[-3, 2]]


def test_pfm_of_the_other_row_order(tmp_path: Path) -> None:
    write_pfm(tmp_path / "a.pfm", np.array([[1, 2], [3, 4]])[::-1])
    assert read_disparity(tmp_path / "a.pfm", "pfm-top-down").tolist() == [[1, 2], [3, 4]]


def test_equal_channels_count_as_one(tmp_path: Path) -> None:
    values = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    write_pfm(tmp_path / "a.pfm", np.dstack([values] * 3))
    np.testing.assert_array_equal(read_disparity(tmp_path / "a.pfm"), values)
    write_pfm(tmp_path / "a.pfm", np.dstack([values, values, values + 1]))
    with pytest.raises(ImageError, match="expected one disparity per pixel"):
        read_disparity(tmp_path / "a.pfm")


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.jpg", "suffix says no format"), ("a.pfm", "no such file"), ("a.png", "no such file"), ("a.npy", "no such")],
)
def test_names_that_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_disparity(tmp_path / name)


def test_nothing_known(tmp_path: Path) -> None:
    write_pfm(tmp_path / "a.pfm", np.full((3, 4), np.nan))
    write_png(tmp_path / "a.png", np.zeros((3, 4), np.uint16))
    for name in ("a.pfm", "a.png"):
        with pytest.raises(ImageError, match="not a single known disparity"):
            read_disparity(tmp_path / name)


def test_arguments(tmp_path: Path) -> None:
    write_pfm(tmp_path / "a.pfm", np.full((3, 4), 6.0))
    assert read_disparity(tmp_path / "a.pfm", scale=2)[0, 0] == 3
    with pytest.raises(ValueError, match="kind is 'exr'"):
        read_disparity(tmp_path / "a.pfm", "exr")
    for scale in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="expected a positive number"):
            read_disparity(tmp_path / "a.pfm", scale=scale)
    with pytest.raises(ValueError, match=r"expected \.pfm, \.npy or \.png"):
        write_disparity(tmp_path / "a.tif", np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"\(2, 2, 1\); expected \[H, W\]"):
        write_disparity(tmp_path / "b.pfm", np.ones((2, 2, 1)))
    with pytest.raises(ImageError, match="the limit is 11"):
        read_disparity(tmp_path / "a.pfm", max_pixels=11)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_png(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0).integers(1, 65536, (60, 80)).astype(np.uint16)
    write_png(tmp_path / "a.png", noise)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError):
        read_disparity(tmp_path / "a.png")


def test_numpy_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(ImageError, match="not a complete"):
        read_disparity(path)
    for array, message in ((np.ones((2, 2), complex), "complex128"), (np.ones(4), "height and width")):
        np.save(path, array)
        with pytest.raises(ImageError, match=message):
            read_disparity(path)
    np.save(path, np.ones((40, 50)))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ImageError, match="not a complete"):
        read_disparity(path)
    path.write_bytes(b"")
    with pytest.raises(ImageError, match="not a complete"):
        read_disparity(path)


def test_gray_images(tmp_path: Path) -> None:
    mask = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    Image.fromarray(mask).convert("1").save(tmp_path / "bits.png")
    Image.fromarray(np.dstack([mask] * 3)).save(tmp_path / "rgb.png")
    Image.fromarray(mask).convert("P").save(tmp_path / "palette.png")
    for name in ("bits.png", "rgb.png", "palette.png"):
        np.testing.assert_array_equal(read_gray(tmp_path / name), mask)
    Image.fromarray(np.dstack([mask, mask, 255 - mask])).save(tmp_path / "color.png")
    with pytest.raises(ImageError, match="color image"):
        read_gray(tmp_path / "color.png")
    with pytest.raises(ImageError, match="the limit is 3"):
        read_gray(tmp_path / "bits.png", max_pixels=3)


def test_spring_takes_every_second_pixel(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    values = np.arange(1, 25, dtype=np.float32).reshape(4, 6)
    values[0, 2] = np.nan
    with h5py.File(tmp_path / "a.dsp5", "w") as file:
        file["disparity"] = values
    np.testing.assert_array_equal(read_disparity(tmp_path / "a.dsp5"), values[::2, ::2])
    with h5py.File(tmp_path / "b.dsp5", "w") as file:
        file["depth"] = values
    with pytest.raises(ImageError, match="no array 'disparity'; it holds \\['depth'\\]"):
        read_disparity(tmp_path / "b.dsp5")
    (tmp_path / "c.dsp5").write_bytes((tmp_path / "a.dsp5").read_bytes()[:500])
    with pytest.raises(ImageError, match="damaged HDF5"):
        read_disparity(tmp_path / "c.dsp5")


def test_hdf5_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImageError, match="pip install h5py"):
        read_disparity(tmp_path / "a.dsp5")


def test_kitti_loses_what_16_bits_do_not_hold(tmp_path: Path) -> None:
    values = np.array([[12.0, 300.0, np.nan], [255.99, 256.0, -1.0]])
    assert write_disparity(tmp_path / "a.png", values) == 2
    np.testing.assert_array_equal(read_gray(tmp_path / "a.png"), [[3072, 0, 0], [65533, 0, 0]])
    with pytest.raises(UsageError, match="reaches 300 pixels, all of it too much; the 16-bit PNG holds less than 256"):
        write_disparity(tmp_path / "b.png", values[:1, 1:])
    assert write_disparity(tmp_path / "c.pfm", values) == 0


def test_sintel(tmp_path: Path) -> None:
    """Bytes by hand: 4 * 25 + 32 / 64 = 100.5, 4 * 80 + 96 / 64 + 128 / 16384 = 321.5078125."""
    stored = np.array([[[25, 32, 0], [80, 96, 128]]], np.uint8)
    Image.fromarray(stored).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_disparity(tmp_path / "a.png", kind="sintel"), [[100.5, 321.5078125]])
    Image.fromarray(stored[..., 0]).save(tmp_path / "gray.png")
    with pytest.raises(ImageError, match="mode L; expected RGB"):
        read_disparity(tmp_path / "gray.png", kind="sintel")
    with pytest.raises(ImageError, match="the limit is 1"):
        read_disparity(tmp_path / "a.png", kind="sintel", max_pixels=1)


def test_depth_in_millimeters(tmp_path: Path) -> None:
    depth = np.array([[1.2345, 0.0001, 65.535, 65.536], [np.nan, np.inf, -1, 0.5]])
    assert write_depth16(tmp_path / "a.png", depth) == 2
    np.testing.assert_array_equal(read_gray(tmp_path / "a.png"), [[1234, 1, 65535, 0], [0, 0, 0, 500]])
    assert write_depth16(tmp_path / "b.png", 100 * depth, "cm") == 2
    np.testing.assert_array_equal(read_gray(tmp_path / "b.png"), read_gray(tmp_path / "a.png"))
    with pytest.raises(UsageError, match="expected one of mm, cm, m"):
        write_depth16(tmp_path / "c.png", depth, "inch")
    with pytest.raises(UsageError, match="expected \\[H, W\\]"):
        write_depth16(tmp_path / "c.png", depth[0])


def test_a_header_of_npy_is_held_to_the_limit(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((5, 5), np.float32))
    with pytest.raises(ImageError, match="has 5 x 5 = 25 pixels; the limit is 24"):
        read_disparity(tmp_path / "a.npy", max_pixels=12)
    assert read_disparity(tmp_path / "a.npy", max_pixels=13).shape == (5, 5)
