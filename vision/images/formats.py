"""How each format is decoded: who decodes it, what is checked before and after, what is forgiven."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image

from vision.errors import Notice
from vision.images import jpeg, png
from vision.images.animation import MAX_FRAMES, check_canvas, count_gif_frames
from vision.images.deep import WHITE, DeepImage
from vision.images.errors import ImageError, check_size, cut_off, decoding
from vision.images.heif import open_heif
from vision.images.kinds import file_kind, is_heif
from vision.images.memory import decoding_turn
from vision.images.pillow import open_image, orientation_of
from vision.images.pnm import pnm_values, read_pnm_header
from vision.images.tiff import TiffImage, open_tiff
from vision.images.tiff_values import check_extents, read_values

# Pillow's decoder of WebP keeps two canvases of RGBA beside its result.
_LARGE_WEBP = 16_000_000
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What a decoder paints where a file has nothing.
_MISSING = 128


@dataclass
class Loaded:
    """A decoded file before it is turned and converted.

    Attributes:
        content: by Pillow, loaded; or deep values; None if only deep values were asked for.
        format, frames, jpeg_quality, notices: as in `DecodedImage`.
        orientation: EXIF's, of deep values.
    """

    content: Image.Image | DeepImage | None
    format: str
    frames: int = 1
    jpeg_quality: int | None = None
    orientation: Any = 1
    notices: list[Notice] = field(default_factory=list)


@contextmanager
def load(path: str | os.PathLike[str], file: BinaryIO, max_pixels: int, only_deep: bool = False) -> Iterator[Loaded]:
    """Decode a file of any format.

    Args:
        path: stands in errors.
        file: to read.
        max_pixels: refuse a larger image by its header.
        only_deep: leave out images of 8 bits.

    Raises:
        ImageError: it cannot be decoded, or is not whole.
    """
    prefix = file_kind(file)
    with ExitStack() as stack:
        if prefix.startswith(_TIFF):
            yield _load_tiff(path, file, prefix, max_pixels, only_deep, stack)
        elif prefix.startswith(png.SIGNATURE):
            yield _load_png(path, file, prefix, max_pixels, only_deep, stack)
        elif prefix.startswith(b"\xff\xd8\xff"):
            yield Loaded(None, "JPEG") if only_deep else _load_jpeg(path, file, prefix, max_pixels, stack)
        elif is_heif(prefix):
            yield _load_heif(path, file, max_pixels, only_deep, stack)
        else:
            yield _load_other(path, file, prefix, max_pixels, only_deep, stack)


def check_header_of(path: str | os.PathLike[str], file: BinaryIO, max_pixels: int) -> None:
    """Raise ImageError for a file that is no image, too small, too large or of a kind that is not decoded."""
    prefix = file_kind(file)
    if prefix.startswith(_TIFF):
        with open_tiff(path, file) as tiff:
            check_size(path, *tiff.size, max_pixels)
    elif is_heif(prefix):
        open_heif(path, file, max_pixels)
    else:
        with open_image(path, file, prefix) as image:
            check_size(path, *image.size, max_pixels)


def _load_other(
    path: str | os.PathLike[str], file: BinaryIO, prefix: bytes, max_pixels: int, only_deep: bool, stack: ExitStack
) -> Loaded:
    gif_frames = count_gif_frames(path, file) if prefix.startswith(b"GIF8") else None
    image = stack.enter_context(open_image(path, file, prefix))
    check_size(path, *image.size, max_pixels)
    loaded = Loaded(None, str(image.format), gif_frames or min(MAX_FRAMES, getattr(image, "n_frames", 1)))
    check_canvas(path, file, image, loaded.frames, max_pixels)
    pnm = read_pnm_header(image)
    is_deep = image.mode in ("I;16", "I;16B", "I", "F") or (pnm is not None and pnm.most > 255)
    if only_deep and not is_deep:
        return loaded
    stack.enter_context(decoding_turn(image.width * image.height))
    with decoding(path, image.format):
        if image.format == "WEBP" and loaded.frames == 1 and image.width * image.height > _LARGE_WEBP:
            loaded.content, loaded.orientation = _by_opencv(path, file), orientation_of(image)
            return loaded
        image.load()
        loaded.content = image
        if image.format == "JPEG2000" and image.mode not in ("L", "P", "I;16") and (bits := _jpeg2000_bits(file)) > 8:
            # Pillow rounds up to 256, which is black.
            loaded.content, loaded.orientation = _by_opencv(path, file), orientation_of(image)
            loaded.content.white = (1 << bits) - 1
            return loaded
        if pnm is not None and is_deep:
            white = None if pnm.most == WHITE else pnm.most
            loaded.content = DeepImage(pnm_values(file, pnm), white=white)
        elif is_deep:
            # JPEG 2000 says its bits, and Pillow has scaled them to 16.
            white = WHITE if image.format == "JPEG2000" else None
            loaded.content = DeepImage(np.asarray(image)[..., None], white=white)
    return loaded


def _jpeg2000_bits(file: BinaryIO) -> int:
    """The most bits of a component, by the header of the codestream; 0 if there is none."""
    file.seek(0)
    _, _, header = file.read().partition(b"\xff\x4f\xff\x51")
    count = int.from_bytes(header[36:38], "big")
    return max(((size & 127) + 1 for size in header[38 : 38 + 3 * count : 3]), default=0)


def _load_jpeg(
    path: str | os.PathLike[str], file: BinaryIO, prefix: bytes, max_pixels: int, stack: ExitStack
) -> Loaded:
    file.seek(0)
    data = file.read(jpeg.MAX_BYTES)
    markers = jpeg.read_markers(path, data)
    notices: list[Notice] = []
    try:
        image = stack.enter_context(open_image(path, file, prefix))
    except ImageError as error:
        data = jpeg.without_metadata(data, markers)
        markers = jpeg.read_markers(path, data)
        try:
            image = stack.enter_context(open_image(path, io.BytesIO(data), prefix))
        except ImageError:
            raise error from None
        notices.append(_metadata_notice(error))
    pixels = image.width * image.height
    check_size(path, *image.size, max_pixels)
    jpeg.check_scans(path, markers.scans, pixels)
    loaded = Loaded(image, str(image.format), getattr(image, "n_frames", 1), notices=notices)
    loaded.jpeg_quality = jpeg.quality_of(getattr(image, "quantization", None))
    stack.enter_context(decoding_turn(pixels))
    if markers.end is None:
        loaded.content = _without_end(path, data, markers, prefix, stack)
        notices.append(Notice("the file has no end marker, though all of its pixels", "no-end-marker"))
        return loaded
    with decoding(path, image.format):
        image.load()
    if _ends_gray(image):
        _check_complete(path, data[: markers.end - 2], markers, prefix)
    if markers.unrefined:
        notices.append(Notice("the last scans are missing, and fine detail with them", "scans-missing", markers.scans))
    if loaded.frames == 1 and len(data) > markers.end:
        notices.append(_trailing_notice(len(data) - markers.end))
    return loaded


def _without_end(
    path: str | os.PathLike[str], data: bytes, markers: jpeg.JpegMarkers, prefix: bytes, stack: ExitStack
) -> Image.Image:
    """A JPEG file that lacks its end marker, decoded.

    Raises:
        ImageError: pixels are missing, too.
    """
    _check_complete(path, data, markers, prefix)
    image = stack.enter_context(open_image(path, io.BytesIO(jpeg.ended(data)), prefix))
    with decoding(path, "JPEG"):
        image.load()
    return image


def _check_complete(path: str | os.PathLike[str], data: bytes, markers: jpeg.JpegMarkers, prefix: bytes) -> None:
    """Refuse a JPEG file, given without its end marker, that ends before its pixels do.

    Where they are all there, the decoder never looks at what follows: two paddings make no difference.
    """
    if markers.unrefined:
        raise cut_off(path, "JPEG", f"it ends after {markers.scans} scans, which only together have all details")
    versions = []
    for padding in (b"", b"\x5a\xa5\x3c" * 100):
        with open_image(path, io.BytesIO(jpeg.ended(data, padding)), prefix) as image, decoding(path, "JPEG"):
            image.load()
            versions.append(np.asarray(image).reshape(image.height, -1))
    differing = np.flatnonzero((versions[0] != versions[1]).any(axis=1))
    if differing.size:
        share = differing[0] / len(versions[0])
        there = f"about {share:.0%} of its rows are there"
        if markers.progressive:
            there = f"it ends within scan {markers.scans}, from {share:.0%} of the rows on"
        raise cut_off(path, "JPEG", there)


def _ends_gray(image: Image.Image) -> bool:
    """Whether the last pixels look like what a decoder paints where there is nothing: a check of all is dear."""
    corner = np.asarray(image.crop((max(0, image.width - 4), max(0, image.height - 4), *image.size)))
    return corner.size > 0 and bool((np.abs(corner.astype(int) - _MISSING) <= 1).all())


def _load_png(
    path: str | os.PathLike[str], file: BinaryIO, prefix: bytes, max_pixels: int, only_deep: bool, stack: ExitStack
) -> Loaded:
    chunks = png.read_chunks(path, file)
    if chunks is not None:
        png.check_palette(path, chunks)
        check_size(path, chunks.width, chunks.height, max_pixels)
        if only_deep and chunks.bits < 16:
            return Loaded(None, "PNG")
        stack.enter_context(decoding_turn(chunks.width * chunks.height))
    notices: list[Notice] = []
    source = file
    try:
        image = _pillow_png(path, source, prefix, stack)
    except ImageError as error:
        if chunks is None:
            raise
        missing = png.missing_rows(file, chunks)
        if missing is not None:
            raise cut_off(path, "PNG", missing) from None
        source = io.BytesIO(png.without_metadata(file, chunks))
        try:
            image = _pillow_png(path, source, prefix, stack)
        except ImageError:
            raise error from None
        notices.append(_metadata_notice(error))
    if chunks is None:
        raise ImageError(path, "damaged PNG data: its header is not its first chunk", code="damaged-image")
    frames = min(MAX_FRAMES, max(1, sum(kind == b"fcTL" for kind, _, _ in chunks.chunks)))
    check_canvas(path, file, image, frames, max_pixels)
    # Rows that are not there stay zero: counting all bytes is needed only where the last row is.
    if chunks.interlaced or chunks.bits == 16 or not _last_row(image).any():
        missing = png.missing_rows(file, chunks)
        if missing is not None:
            raise cut_off(path, "PNG", missing)
    size = os.fstat(file.fileno()).st_size
    if chunks.end is None:
        notices.append(Notice("the file has no end chunk, though all of its pixels", "no-end-marker"))
    elif size > chunks.end:
        notices.append(_trailing_notice(size - chunks.end))
    if chunks.bits < 16:
        return Loaded(image, "PNG", frames, notices=notices)
    with decoding(path, "PNG"):
        deep = _by_opencv(path, source)
        if deep.color.shape[2] == 1 and deep.alpha is None and "transparency" in image.info:
            transparent = deep.color[..., 0] == image.info["transparency"]
            deep.alpha = np.where(transparent, np.uint16(0), np.uint16(WHITE))  # OpenCV has that of colors alone
        return Loaded(deep, "PNG", frames, None, orientation_of(image), notices)


def _pillow_png(path: str | os.PathLike[str], file: BinaryIO, prefix: bytes, stack: ExitStack) -> Image.Image:
    image = stack.enter_context(open_image(path, file, prefix))
    with decoding(path, "PNG"):
        image.load()
    return image


def _load_heif(
    path: str | os.PathLike[str], file: BinaryIO, max_pixels: int, only_deep: bool, stack: ExitStack
) -> Loaded:
    image = open_heif(path, file, max_pixels)
    loaded = Loaded(None, "HEIF", min(MAX_FRAMES, image.frames))
    if not only_deep or image.bits > 8:
        stack.enter_context(decoding_turn(image.pixels))
        loaded.content = image.decode()
    return loaded


def _load_tiff(
    path: str | os.PathLike[str], file: BinaryIO, prefix: bytes, max_pixels: int, only_deep: bool, stack: ExitStack
) -> Loaded:
    tiff = stack.enter_context(open_tiff(path, file))
    check_size(path, *tiff.size, max_pixels)
    loaded = Loaded(None, "TIFF", tiff.frames, None, tiff.orientation, tiff.notices)
    if only_deep and tiff.is_plain:
        return loaded
    stack.enter_context(decoding_turn(tiff.size[0] * tiff.size[1]))
    image = None
    if tiff.index is not None:
        try:
            image = stack.enter_context(open_image(path, file, prefix))
            with decoding(path, "TIFF"):
                image.seek(tiff.index)
            if image.size != tiff.size and tiff.size[::-1] != image.size:
                image = None
        except ImageError:  # modes that Pillow does not know
            image = None
    if tiff.is_plain and image is not None:
        try:
            with decoding(path, "TIFF"):
                image.load()
        except ImageError:
            check_extents(path, file, tiff)  # says how much is there
            raise
        _repair_palette(image, tiff)
        loaded.content = image
    else:
        loaded.content = read_values(path, file, tiff, max_pixels, image)
    return loaded


def _repair_palette(image: Image.Image, tiff: TiffImage) -> None:
    """Old programs wrote the palette of a TIFF file in 8 bits, as libtiff assumes; Pillow takes it for black."""
    colors = tiff.page.colormap
    if image.mode == "P" and colors is not None and colors.max() < 256:
        image.putpalette(colors.T.astype(np.uint8).tobytes())


def _by_opencv(path: str | os.PathLike[str], file: BinaryIO) -> DeepImage:
    """Values of all their bits, in the order RGB."""
    file.seek(0)
    values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ImageError(path, "cannot be decoded by OpenCV; expected a complete image", code="damaged-image")
    values = values.reshape(*values.shape[:2], -1)
    if values.shape[2] == 1:
        return DeepImage(values)
    if values.shape[2] == 2:
        return DeepImage(values[..., :1], values[..., 1])
    return DeepImage(values[..., 2::-1], values[..., 3] if values.shape[2] == 4 else None)


def _last_row(image: Image.Image) -> np.ndarray:
    return np.asarray(image.crop((0, image.height - 1, *image.size)))


def _metadata_notice(error: ImageError) -> Notice:
    reason = error.reason.partition("; expected")[0]
    return Notice(f"decoded without its texts and profiles, damaged or too large: {reason}", "metadata-skipped")


def _trailing_notice(size: int) -> Notice:
    return Notice(f"{size:,} bytes follow the end of the image", "trailing-data", size)
