"""Portable Float Maps: what is written is read, byte by byte as the format says, and broken files are refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from vision.images import ImageError
from vision.stereo_io import read_pfm, write_pfm

ROWS = np.array([[1.5, -2.0, 3.25], [4.0, np.inf, -0.125]], dtype=np.float32)


def pfm(path: Path, header: bytes, values: np.ndarray = ROWS[::-1], order: str = "<") -> Path:
    path.write_bytes(header + values.astype(f"{order}f4").tobytes())
    return path


@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (5, 2, 3)])
def test_round_trip(tmp_path: Path, little_endian: bool, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(0, 100, shape).astype(np.float32)
    array.flat[0] = np.nan
    write_pfm(tmp_path / "a.pfm", array, little_endian)
    read = read_pfm(tmp_path / "a.pfm")
    assert read.dtype == np.float32 and read.flags.writeable and read.dtype.isnative
    np.testing.assert_array_equal(read, array)
    assert [file.name for file in tmp_path.iterdir()] == ["a.pfm"]


def test_bytes_of_a_file(tmp_path: Path) -> None:
    write_pfm(tmp_path / "a.pfm", np.array([[1, 2], [3, 4]], dtype=np.float64))
    assert (tmp_path / "a.pfm").read_bytes() == b"Pf\n2 2\n-1.0\n" + struct.pack("<4f", 3, 4, 1, 2)


@pytest.mark.parametrize(
    ("header", "order"),
    [
        (b"Pf\n3 2\n-1\n", "<"),
        (b"Pf\n3 2\n1.0\n", ">"),
        (b"Pf 3 2 -0.003922 ", "<"),
        (b"Pf\r\n3 2\r\n-1.0\r\n", "<"),
        (b"Pf\n# made by hand\n3 2\n# 17 -5\n  # and again\n-1.0\n", "<"),
        (b"Pf\n3\n2\n-1e-3\n", "<"),
    ],
)
def test_headers_of_other_writers(tmp_path: Path, header: bytes, order: str) -> None:
    np.testing.assert_array_equal(read_pfm(pfm(tmp_path / "a.pfm", header, order=order)), ROWS)


def test_data_that_begin_with_a_line_end(tmp_path: Path) -> None:
    """The first byte of the data is not taken for a part of the header."""
    first = np.frombuffer(b"\n\n\n\n", "<f4")
    path = pfm(tmp_path / "a.pfm", b"Pf\n1 1\n-1.0\n", first)
    assert read_pfm(path)[0, 0] == first[0]


def test_row_order(tmp_path: Path) -> None:
    path = pfm(tmp_path / "a.pfm", b"Pf\n3 2\n-1\n", ROWS)
    np.testing.assert_array_equal(read_pfm(path, bottom_up=False), ROWS)
    np.testing.assert_array_equal(read_pfm(path), ROWS[::-1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with b''"),
        (b"P5\n3 2\n255\n123456", "begins with b'P5"),
        (b"Pf4\n3 2\n-1\n", "begins with"),
        (b"Pf\n", "ends before its width"),
        (b"Pf\n3 2\n", "ends before its scale"),
        (b"Pf\n3 2\n-1.0", "ends before its scale"),
        (b"Pf\nthree 2\n-1\n", "two whole numbers and a number"),
        (b"Pf\n3.5 2\n-1\n", "two whole numbers and a number"),
        (b"Pf\n3 2\nlittle\n", "two whole numbers and a number"),
        (b"Pf\n3 2\n0\n", "scale is 0.0"),
        (b"Pf\n3 2\nnan\n", "scale is nan"),
        (b"Pf\n0 2\n-1\n", "0 x 2 pixels; expected positive"),
        (b"Pf\n-3 2\n-1\n", "-3 x 2 pixels; expected positive"),
        (b"Pf\n100000 100000\n-1\n", "10,000,000,000 pixels; the limit is 100,000,000"),
        (b"Pf\n3 2\n-1\n" + bytes(23), "truncated: 23 bytes of data, 3 x 2 x 1 need 24"),
        (b"PF\n3 2\n-1\n" + bytes(24), "truncated: 24 bytes of data, 3 x 2 x 3 need 72"),
        (b"Pf\n3 2\n-1\n" + bytes(25), "longer than its header says"),
        (b"Pf\n" + b"#" * 5000 + b"\n3 2\n-1\n" + bytes(24), "ends before its width"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.pfm").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_pfm(tmp_path / "a.pfm")
    assert message in caught.value.reason and "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_pfm(tmp_path / "none.pfm")
    with pytest.raises(ImageError, match="is a folder"):
        read_pfm(tmp_path)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 2), (0, 3), (1, 2, 3, 1)])
def test_shapes_that_cannot_be_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected \\[H, W\\]"):
        write_pfm(tmp_path / "a.pfm", np.zeros(shape))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pfm(tmp_path / "a.pfm", ROWS)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_pfm(tmp_path / "a.pfm", ROWS + 1)
    monkeypatch.undo()
    np.testing.assert_array_equal(read_pfm(tmp_path / "a.pfm"), ROWS)
    assert len(list(tmp_path.iterdir())) == 1
