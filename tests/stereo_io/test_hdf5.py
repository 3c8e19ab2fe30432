"""HDF5: parts of arrays, and what a stranger's file may not do."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision.images import ImageError
from vision.stereo_io import read_disparity
from vision.stereo_io.hdf5 import read_hdf5

h5py = pytest.importorskip("h5py")

VALUES = np.arange(1, 36, dtype=np.float32).reshape(5, 7)


@pytest.mark.parametrize("chunks", [None, (2, 3), (5, 7), (1, 1)])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_every_step_of_every_layout(tmp_path: Path, chunks: tuple[int, int] | None, step: int) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=VALUES.astype("f8"), chunks=chunks, compression=chunks and "gzip")
    read = read_hdf5(tmp_path / "a.h5", "x", step=step)
    assert read.dtype == np.float32 and np.array_equal(read, VALUES[::step, ::step])


def test_channels_and_blocks_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(5 * 4 * 2).reshape(5, 4, 2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = values
    monkeypatch.setattr("vision.stereo_io.hdf5._BLOCK_BYTES", 3 * 4 * 2 * 8)
    assert np.array_equal(read_hdf5(tmp_path / "a.h5", "x", step=2), values[::2, ::2])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((8, 8), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "disparity", (8, 8))
    file.create_virtual_dataset("disparity", layout)


def external(file: Any) -> None:
    file.create_dataset("disparity", (8, 8), "f4", external=[("other.h5", 0, 256)])


def external_link(file: Any) -> None:
    file["disparity"] = h5py.ExternalLink("other.h5", "disparity")


def soft_link(file: Any) -> None:
    file["disparity"] = h5py.SoftLink("/disparity")


def group(file: Any) -> None:
    file.create_group("disparity")


def text(file: Any) -> None:
    file.create_dataset("disparity", (8, 8), h5py.string_dtype())


def nothing_stored(file: Any) -> None:
    file.create_dataset("disparity", (8, 8), "f4", fillvalue=1.0)


def one_chunk_of_four(file: Any) -> None:
    file.create_dataset("disparity", (8, 8), "f4", chunks=(4, 4), fillvalue=1.0)[:4, :4] = 2


def huge_chunk(file: Any) -> None:
    file.create_dataset("disparity", (9000, 9000), "f4", chunks=(9000, 9000), compression="gzip")


def many_chunks(file: Any) -> None:
    file.create_dataset("disparity", (1000, 1000), "f4", chunks=(1, 1))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (virtual, "stored elsewhere"),
        (external, "stored elsewhere"),
        (external_link, "is a link"),
        (soft_link, "is a link"),
        (group, "is no array"),
        (text, "expected real numbers"),
        (nothing_stored, "0 bytes of it are stored"),
        (one_chunk_of_four, "1 of 4 chunks"),
        (huge_chunk, "chunks of 324,000,000 bytes; the limit is 256 MiB"),
        (many_chunks, "1,000,000 chunks; the limit is 100,000"),
    ],
)
def test_what_is_not_stored_in_the_file_is_refused(
    tmp_path: Path, write: Callable[[Any], None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with h5py.File("other.h5", "w") as file:
        file["disparity"] = np.full((8, 8), 7, np.float32)
    with h5py.File("a.dsp5", "w") as file:
        write(file)
    with pytest.raises(ImageError, match=message):
        read_disparity("a.dsp5")


def test_an_unknown_filter_is_refused(tmp_path: Path) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((4, 4))
    plan.set_filter(4242, h5py.h5z.FLAG_OPTIONAL)
    with h5py.File(tmp_path / "a.dsp5", "w") as file:
        space, kind = h5py.h5s.create_simple((4, 4)), h5py.h5t.NATIVE_FLOAT
        h5py.h5d.create(file.id, b"disparity", kind, space, plan).write(space, space, np.ones((4, 4), np.float32))
    with pytest.raises(ImageError, match="filters \\[4242\\]"):
        read_disparity(tmp_path / "a.dsp5")


def test_only_a_part_is_in_memory_at_a_time(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.dsp5", "w") as file:
        file.create_dataset("disparity", data=np.ones((2000, 2000), "f8"), chunks=(100, 100), compression="gzip")
    assert os.path.getsize(tmp_path / "a.dsp5") < 300_000
    tracemalloc.start()
    try:
        assert read_disparity(tmp_path / "a.dsp5").shape == (1000, 1000)
        # The map itself takes 4 MB, and read_disparity's masks as much again; the file's array would take 32 MB.
        assert tracemalloc.get_traced_memory()[1] < 14e6
    finally:
        tracemalloc.stop()
