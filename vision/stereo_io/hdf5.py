"""Arrays of HDF5 files, as Spring has them: what is plain is read, and what only HDF5's library could judge is refused.

The format can do much that a disparity map needs nothing of: links to other files, arrays that are views of others,
chunks that are made up where none is stored, filters that are loaded as plugins. A file of a stranger may use it to
open what it should not, to fill the memory from a few bytes, or to crash the library. So the structure is looked at
before any value is read.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from vision.images import MAX_PIXELS, ImageError, open_regular
from vision.stereo_io.files import check_size

# Of one chunk when it is unpacked. Writers choose up to 1 MiB by themselves; whole maps of 8K in one chunk fit, too.
MAX_CHUNK_BYTES = 256 * 2**20
# Each is looked at on its own: more would take minutes.
MAX_CHUNKS = 100_000
# What comes with HDF5 itself: deflate, shuffle, checksum, szip, N-bit, scale-offset; and h5py's LZF.
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
_BLOCK_BYTES = 16 * 2**20


def read_hdf5(path: str | os.PathLike[str], name: str, max_pixels: int = MAX_PIXELS, step: int = 1) -> np.ndarray:
    """Read one array `[H, W, ...]` of an HDF5 file as float32; needs the package h5py.

    Args:
        path: of the file.
        name: of the array, in the file's root.
        max_pixels: refuse a larger array, by its header.
        step: take every step-th row and column alone.

    Raises:
        ImageError: h5py is not installed, the file is damaged, or has no such array; or the array is not stored as a
            whole in this file, in chunks of at most 256 MiB, by the filters that every HDF5 has.
    """
    try:
        import h5py
    except ImportError:
        raise ImageError(path, "reading HDF5 files (.dsp5, .flo5) needs h5py; pip install h5py") from None
    with open_regular(path) as file:
        try:
            with h5py.File(file, "r") as content:
                array = _opened(path, content, name)
                shape = array.shape
                if len(shape) < 2:
                    raise ImageError(path, f"array {name!r} has the shape {shape}; expected height and width first")
                check_size(path, shape[0], math.prod(shape[1:]), 2 * max_pixels)
                if array.dtype.kind not in "fiu":
                    raise ImageError(path, f"array {name!r} holds {array.dtype}; expected real numbers")
                _check_storage(path, array, name, os.fstat(file.fileno()).st_size)
                return _values(array, step)
        except ImageError:
            raise
        # h5py meets damaged bytes with errors of every kind (OSError, KeyError, RuntimeError, AttributeError, ...).
        except Exception as error:
            line = " ".join(str(error).split())[:120] or type(error).__name__
            raise ImageError(path, f"damaged HDF5 data ({line})") from None


def _opened(path: str | os.PathLike[str], content: Any, name: str) -> Any:
    """The array of that name, if it is in the file itself: asking for it by h5py would follow links."""
    import h5py

    links, key = content.id.links, name.encode()
    if not links.exists(key):
        raise ImageError(path, f"has no array {name!r}; it holds {sorted(content)}")
    if links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise ImageError(path, f"{name!r} is a link; expected the array itself, in this file")
    if h5py.h5o.get_info(content.id, key).type != h5py.h5o.TYPE_DATASET:
        raise ImageError(path, f"{name!r} is no array; expected one of [H, W] or [H, W, channels]")
    return content[name]


def _check_storage(path: str | os.PathLike[str], array: Any, name: str, file_size: int) -> None:
    """Refuse what is not stored in full in this file."""
    import h5py

    plan = array.id.get_create_plist()
    layout = plan.get_layout()
    if layout not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED) or plan.get_external_count():
        raise ImageError(path, f"array {name!r} is stored elsewhere (virtual or external); expected it in this file")
    stored = array.id.get_storage_size()
    if layout != h5py.h5d.CHUNKED:
        if stored != array.size * array.dtype.itemsize or stored > file_size:
            raise ImageError(path, f"truncated: array {name!r} is {array.shape}, {stored:,} bytes of it are stored")
        return
    filters = {plan.get_filter(number)[0] for number in range(plan.get_nfilters())}
    if filters - _FILTERS:
        known = "gzip, LZF, shuffle and those that HDF5 itself has"
        raise ImageError(path, f"array {name!r} has filters {sorted(filters - _FILTERS)}; expected {known}")
    unpacked = math.prod(array.chunks) * array.dtype.itemsize
    if unpacked > MAX_CHUNK_BYTES:
        limit = MAX_CHUNK_BYTES // 2**20
        raise ImageError(path, f"array {name!r} has chunks of {unpacked:,} bytes; the limit is {limit} MiB")
    wanted = math.prod(-(-side // chunk) for side, chunk in zip(array.shape, array.chunks, strict=True))
    if wanted > MAX_CHUNKS:
        raise ImageError(path, f"array {name!r} has {wanted:,} chunks; the limit is {MAX_CHUNKS:,}")
    # What has no chunk would be made up from nothing, whatever its size.
    there = array.id.get_num_chunks()
    if there != wanted or stored > file_size:
        raise ImageError(path, f"truncated: {there:,} of {wanted:,} chunks of array {name!r} are stored")


def _values(array: Any, step: int) -> np.ndarray:
    """Read part by part, so that neither other types nor left-out rows take memory."""
    shape = array.shape
    out = np.empty((-(-shape[0] // step), -(-shape[1] // step), *shape[2:]), np.float32)
    for block in array.iter_chunks() if array.chunks else _blocks(shape, array.dtype.itemsize):
        rows, columns = (slice(-part.start % step, None, step) for part in block[:2])
        part = array[block][rows, columns]
        top, left = (-(-axis.start // step) for axis in block[:2])
        place = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]), *block[2:])
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite: unknown
            out[place] = part
    return out


def _blocks(shape: tuple[int, ...], itemsize: int) -> list[tuple[slice, ...]]:
    rows = max(1, _BLOCK_BYTES // max(1, math.prod(shape[1:]) * itemsize))
    rest = tuple(slice(0, side) for side in shape[1:])
    return [(slice(top, min(top + rows, shape[0])), *rest) for top in range(0, shape[0], rows)]
