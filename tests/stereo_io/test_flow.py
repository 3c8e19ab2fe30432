"""Flow fields of every data set's format."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.images import ImageError
from vision.stereo_io import read_flo, read_flow, write_flow, write_pfm, write_png


@pytest.fixture
def flow() -> np.ndarray:
    values = np.random.default_rng(0).uniform(-500, 500, (9, 7, 2)).astype(np.float32)
    values[2, 3, 0] = np.nan
    values[4, 5, 1] = np.inf
    return values


@pytest.mark.parametrize(("name", "step"), [("a.flo", 0), ("a.npy", 0), ("a.png", 1 / 64)])
def test_round_trip(tmp_path: Path, flow: np.ndarray, name: str, step: float) -> None:
    write_flow(tmp_path / name, flow)
    read = read_flow(tmp_path / name)
    known = np.isfinite(flow).all(axis=2)
    assert read.dtype == np.float32 and read.flags.writeable
    np.testing.assert_array_equal(np.isnan(read), np.repeat(~known[..., None], 2, axis=2))
    np.testing.assert_allclose(read[known], flow[known], atol=step / 2, rtol=0)


def test_bytes_of_a_flo_file(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.flo", np.array([[[1.0, 2.0], [np.nan, 0.0]]]))
    expected = b"PIEH" + struct.pack("<ii4f", 2, 1, 1, 2, 1e10, 1e10)
    assert (tmp_path / "a.flo").read_bytes() == expected


def test_kitti_channels(tmp_path: Path) -> None:
    """OpenCV's order is blue, green, red: known, y, x."""
    stored = np.array([[[1, 2**15 - 64, 2**15 + 128], [0, 7, 9]]], dtype=np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), stored)
    read = read_flow(tmp_path / "a.png")
    assert read[0, 0].tolist() == [2, -1] and np.isnan(read[0, 1]).all()


def test_flying_things_pfm(tmp_path: Path, flow: np.ndarray) -> None:
    write_pfm(tmp_path / "a.pfm", np.dstack([flow, np.zeros((9, 7))]))
    read = read_flow(tmp_path / "a.pfm")
    np.testing.assert_array_equal(read[0], flow[0])
    write_pfm(tmp_path / "b.pfm", flow[..., 0])
    with pytest.raises(ImageError, match="of a flow field"):
        read_flow(tmp_path / "b.pfm")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with b''"),
        (b"PIEX" + bytes(16), "expected a .flo file"),
        (b"PIEH" + struct.pack("<i", 3), "expected a .flo file"),
        (b"PIEH" + struct.pack("<ii", 0, 2), "expected positive"),
        (b"PIEH" + struct.pack("<ii", 2**30, 2**30), "the limit is"),
        (b"PIEH" + struct.pack("<ii", 1, 2) + bytes(15), "truncated: 15 bytes of data, 1 x 2 x 2 need 16"),
        (b"PIEH" + struct.pack("<ii", 1, 2) + bytes(17), "longer than its header says"),
    ],
)
def test_broken_flo(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.flo").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_flo(tmp_path / "a.flo")
    assert message in caught.value.reason


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_truncated_png(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0).integers(1, 65536, (60, 80, 3)).astype(np.uint16)
    write_png(tmp_path / "a.png", noise)
    assert np.isfinite(read_flow(tmp_path / "a.png")).all()
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError):
        read_flow(tmp_path / "a.png")


def test_one_large_motion_does_not_cost_the_others(tmp_path: Path) -> None:
    flow = np.full((2, 3, 2), 7.5, np.float32)
    flow[0, 1], flow[1, 2] = [3, -600], np.nan
    assert write_flow(tmp_path / "a.png", flow) == 1
    flow[0, 1] = np.nan
    np.testing.assert_array_equal(read_flow(tmp_path / "a.png"), flow)


def test_refusals(tmp_path: Path) -> None:
    write_png(tmp_path / "gray.png", np.ones((4, 5), np.uint16))
    write_png(tmp_path / "bytes.png", np.ones((4, 5, 3), np.uint8))
    for name in ("gray.png", "bytes.png"):
        with pytest.raises(ImageError, match="three channels of 16 bits"):
            read_flow(tmp_path / name)
    with pytest.raises(ImageError, match="no format of flow"):
        read_flow(tmp_path / "a.jpg")
    write_flow(tmp_path / "a.flo", np.full((2, 3, 2), np.nan))
    with pytest.raises(ImageError, match="not a single known"):
        read_flow(tmp_path / "a.flo")
    with pytest.raises(ValueError, match="reaches 512 pixels"):
        write_flow(tmp_path / "b.png", np.full((2, 3, 2), 512.0))
    with pytest.raises(ValueError, match="expected \\[H, W, 2\\]"):
        write_flow(tmp_path / "b.flo", np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"expected \.flo, \.png or \.npy"):
        write_flow(tmp_path / "b.pfm", np.ones((2, 3, 2)))


def test_spring(tmp_path: Path, flow: np.ndarray) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.flo5", "w") as file:
        file["flow"] = flow
    np.testing.assert_array_equal(read_flow(tmp_path / "a.flo5")[0], flow[0, ::2])
