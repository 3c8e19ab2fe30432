"""Two views out of one file: MPO, which holds two images, or one image with the views side by side."""

from __future__ import annotations

import os
import warnings

import numpy as np
from PIL import Image, ImageOps

from vision.images import MAX_PIXELS, MIN_SIDE, ImageError, common_white, open_regular, read_image

_MP_ENTRIES = 0xB002
_JPS_MARK = b"_JPSJPS_"
_LEFT_FIRST = 0x04


def read_both_views(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """Read the left and the right view of one file.

    The two images of an MPO file in their order; of any other image its halves, the left one first. JPS files have the
    right view first, as they are made for crossed eyes, unless they say that the left one is.

    Returns:
        Two uint8 RGB `[H, W, 3]`.

    Raises:
        ImageError: the file cannot be read, or holds no two views.
    """
    if is_mpo(path):
        return _of_mpo(path, max_pixels)
    both = read_image(path, max_pixels, common_white([path], max_pixels))
    if both.shape[1] % 2:
        raise ImageError(
            path,
            f"is {both.shape[1]} pixels wide; expected two views of one width",
            code="bad-sides",
            value=both.shape[1],
        )
    half = both.shape[1] // 2
    if half < MIN_SIDE:
        raise ImageError(path, f"is {both.shape[1]} pixels wide; expected two views side by side", code="too-small")
    halves = both[:, :half].copy(), both[:, half : 2 * half].copy()
    return halves[::-1] if os.fspath(path).lower().endswith(".jps") and not _says_left_first(path) else halves


def is_mpo(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an MPO of two images or more, whatever its name."""
    try:
        with open_regular(path) as file, Image.open(file, formats=("JPEG",)) as image:
            return image.format == "MPO" and getattr(image, "n_frames", 1) > 1
    # What it is instead is told where it is read.
    except Exception:
        return False


def _of_mpo(path: str | os.PathLike[str], max_pixels: int) -> tuple[np.ndarray, np.ndarray]:
    with open_regular(path) as file, warnings.catch_warnings():
        # Pillow warns by a limit of its own; ours is checked here.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=("JPEG",)) as image:
                views = []
                for number in (0, 1):
                    image.seek(number)
                    if image.width * image.height > max_pixels:
                        reason = f"has {image.width} x {image.height} pixels; the limit is {max_pixels:,} (max_pixels)"
                        raise ImageError(path, reason, code="too-many-pixels", value=image.width * image.height)
                    views.append(np.array(ImageOps.exif_transpose(image).convert("RGB")))
                kinds = [entry["Attribute"]["MPType"] for entry in image.mpinfo[_MP_ENTRIES][:2]]  # type: ignore[attr-defined]
        except ImageError:
            raise
        # Decoders meet damaged bytes with errors of every kind (SyntaxError, struct.error, OSError, ...).
        except Exception as error:
            detail = " ".join(str(error).split())[:120] or type(error).__name__
            raise ImageError(path, f"damaged MPO ({detail}); expected two images", code="damaged-image") from None
    if any("Thumbnail" in kind or "Panorama" in kind for kind in kinds):
        raise ImageError(path, f"its images are {' and '.join(kinds)}; expected two views of one scene")
    return views[0], views[1]


def _says_left_first(path: str | os.PathLike[str]) -> bool:
    """The flag in JPS's segment: mark, length, then separation, flags, layout and type, a byte each."""
    with open_regular(path) as file:
        head = file.read(65536)
    place = head.find(_JPS_MARK)
    return place >= 0 and len(head) > place + 11 and bool(head[place + 11] & _LEFT_FIRST)
