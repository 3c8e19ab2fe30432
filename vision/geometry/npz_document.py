"""Arrays that `np.savez` wrote, without pickle and without trust in what the headers promise."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np

from vision.geometry.calibration import CalibrationError
from vision.geometry.mappings import as_mapping

_MAX_ARRAYS = 100
_MAX_BYTES = 1 << 20
_MAX_HEADER = 4096


def parse_npz(name: str, data: bytes) -> dict[str, Any]:
    """Arrays of numbers by name, float64; arrays of one number as numbers, of one text as text.

    Raises:
        CalibrationError: the file is damaged, or holds more or other things than the arrays of a calibration.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_ARRAYS or sum(entry.file_size for entry in entries) > _MAX_BYTES:
                raise CalibrationError(f"{name}: holds more than the arrays of a calibration; expected K1, D1, ...")
            arrays = []
            for entry in entries:
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise CalibrationError(f"{name}: is packed in an unusual way; expected what np.savez writes")
                with archive.open(entry) as file:
                    # One byte more than promised would be a lie: it is not asked for.
                    arrays.append((entry.filename.removesuffix(".npy"), _array(file.read(entry.file_size))))
    except CalibrationError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise CalibrationError(f"{name}: damaged npz ({reason}); expected what np.savez writes") from None
    return as_mapping(name, arrays)


def _array(data: bytes) -> Any:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file, max_header_size=_MAX_HEADER)
    if dtype.hasobject or dtype.kind not in "fiubU":
        raise ValueError(f"an array of type {dtype}, not of numbers")
    count = math.prod(shape)
    if count * dtype.itemsize > len(data) - file.tell():
        raise ValueError("an array is cut off")
    values = np.frombuffer(data, dtype, count, offset=file.tell()).reshape(shape, order="F" if is_fortran else "C")
    if dtype.kind == "U":
        return str(values.item()) if values.size == 1 else values.tolist()
    return float(values.item()) if values.size == 1 and not shape else values.astype(np.float64)
