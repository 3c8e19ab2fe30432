"""Which image of a TIFF file is the picture, and what its values are: raw files, thumbnails, planes, deep values."""

from __future__ import annotations

import functools
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from vision.errors import Notice
from vision.images.errors import ImageError, cut_off, decoding
from vision.images.kinds import raw_reason

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

MAX_PAGES = 1000
MAX_SEGMENTS = 1_000_000
_REDUCED, _MASK = 1, 4
_DNG_VERSION, _MAKE = 50706, 271
_SENSOR = {32803, 34892}  # color filter array, linear raw
_RAW_COMPRESSIONS = {
    34713: "Nikon NEF",
    32767: "Sony ARW",
    32770: "Samsung SRW",
    32772: "Samsung SRW",
    65535: "Pentax PEF",
}
# What libtiff decodes within Pillow, and OpenCV.
_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34925, 50000, 50001}
# Photometric interpretation -> channels of color
COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
_COLOR_NAMES = {4: "a mask", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32844: "LogL", 32845: "LogLuv"}
_YCBCR, _JPEG = 6, {6, 7}
_ORIENTATION = 274


@dataclass
class TiffImage:
    """The page of a TIFF file that is judged.

    Attributes:
        page: of tifffile.
        index: in the chain of pages; None for one that hangs below another.
        frames: pages that are neither reduced copies nor masks, at most 1000.
        bits: of a value.
        sample_format: 1 whole numbers, 2 signed ones, 3 floats, 5 and 6 complex.
        photometric, compression: by their numbers in the standard.
        samples: values of a pixel.
        planar: whether the channels lie in planes of their own.
        alpha: None, "premultiplied" or "straight".
        orientation: EXIF's, 1 to 8.
        notices: what is odd about the choice.
    """

    page: TiffPage
    index: int | None
    frames: int
    bits: int
    sample_format: int
    photometric: int
    compression: int
    samples: int
    planar: bool
    alpha: str | None
    orientation: Any
    notices: list[Notice] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.page.imagewidth, self.page.imagelength

    @property
    def is_plain(self) -> bool:
        """Whether Pillow reads it right: values of up to 8 bits, interleaved."""
        return self.bits <= 8 and self.sample_format == 1 and (not self.planar or self.samples == 1)


@contextmanager
def open_tiff(path: str | os.PathLike[str], file: BinaryIO) -> Iterator[TiffImage]:
    """The picture of a TIFF file, by its directories; no pixel is decoded.

    Raises:
        ImageError: a raw file, or one that cannot be decoded, by name.
    """
    from tifffile import TiffFile

    _quieten()
    file.seek(0)
    header = file.read(10)
    if header[8:10] == b"CR":
        raise ImageError(path, raw_reason("Canon CR2"), code="raw-image")
    file.seek(0)
    with decoding(path, "TIFF"), TiffFile(file, name="image.tif") as tiff:
        yield _chosen(path, tiff)


def _chosen(path: str | os.PathLike[str], tiff: TiffFile) -> TiffImage:
    chain = _pages(tiff)
    if not chain:
        raise ImageError(path, "damaged TIFF data (no directory); expected a complete image", code="damaged-image")
    below = [inner for page in chain[:16] for inner in _below(page)]
    _refuse_raw(path, [*chain, *below])
    full, inner = ([page for page in pages if _is_full(page)] for pages in (chain, below))
    notices: list[Notice] = []
    if full or inner:
        page = max([*([_picture(full)] if full else []), *inner], key=_area)
    else:
        page = max([*chain, *below], key=_area)
        text = "the file holds nothing but what it calls reduced copies of an image; the largest is judged"
        notices.append(Notice(text, "reduced-image"))
    if not _area(page):
        raise ImageError(path, "damaged TIFF data (it has no size); expected a complete image", code="damaged-image")
    index = next((number for number, other in enumerate(chain) if other is page), None)
    if full and page is not full[0]:
        size = f"{full[0].imagewidth} x {full[0].imagelength}"
        text = f"the first image, {size}, is a thumbnail of another, which is judged"
        notices.append(Notice(text, "reduced-image"))
    image = _described(path, page, index, max(1, len(full)))
    image.notices = notices
    return image


def _pages(tiff: TiffFile) -> list[TiffPage]:
    pages: list[TiffPage] = []
    places: set[int] = set()
    while len(pages) < MAX_PAGES:
        try:
            page = tiff.pages[len(pages)]
            if page.offset in places:  # a chain that bites its own tail
                break
            places.add(page.offset)
            pages.append(page)  # type: ignore[arg-type]  # pages are whole unless asked otherwise
        except IndexError:
            break
        # A broken directory further down leaves those before it as they are.
        except Exception:
            if not pages:
                raise
            break
    return pages


def _below(page: TiffPage) -> list[TiffPage]:
    """Directories below one, at most 16: that is where raw files have their pixels."""
    try:
        inner = page.pages
        return [] if inner is None else [inner[number] for number in range(min(16, len(page.subifds or ())))]  # type: ignore[misc]
    except Exception:
        return []


def _picture(full: list[TiffPage]) -> TiffPage:
    """The first image, unless it is a small copy of a later one that nothing calls so."""
    first = full[0]
    ratio = first.imagewidth / first.imagelength
    larger = [
        page
        for page in full[1:]
        if _area(page) >= 4 * _area(first) and abs(page.imagewidth / page.imagelength / ratio - 1) < 0.03
    ]
    return max(larger, key=_area, default=first)


def _refuse_raw(path: str | os.PathLike[str], pages: list[TiffPage]) -> None:
    for page in pages:
        name = _RAW_COMPRESSIONS.get(int(page.compression))
        if page.tags.get(_DNG_VERSION) is not None:
            name = "DNG"
        if name is None and int(page.photometric or 0) in _SENSOR:
            make = page.tags.valueof(_MAKE)
            name = make.strip() if isinstance(make, str) and make.strip() else "sensor data in TIFF"
        if name is not None:
            raise ImageError(path, raw_reason(name), code="raw-image")


def _described(path: str | os.PathLike[str], page: TiffPage, index: int | None, frames: int) -> TiffImage:
    """The facts of a page that decide who decodes it.

    Raises:
        ImageError: nobody can.
    """
    bits, formats = set(_tuple(page.tags.valueof(258, 1))), set(_tuple(page.tags.valueof(339, 1)))
    compression, photometric = int(page.compression), int(1 if page.photometric is None else page.photometric)
    samples = page.samplesperpixel
    if compression not in _COMPRESSIONS:
        name = getattr(page.compression, "name", "unknown")
        reason = (
            f"TIFF data has the compression {name} ({compression}), which cannot be decoded; export it uncompressed"
        )
        raise ImageError(path, reason, code="unsupported-image", value=compression)
    if photometric not in COLORS:
        name = _COLOR_NAMES.get(photometric, f"colors of kind {photometric}")
        raise _unsupported(path, f"holds {name}", "RGB, gray, CMYK or a palette")
    if len(bits) != 1 or len(formats) != 1:
        raise _unsupported(path, f"has channels of different kinds, bits {sorted(bits)}", "the same for all")
    extra = samples - COLORS[photometric]
    bands = COLORS[photometric] == 1 and extra == 2 and not page.extrasamples  # of which none is said to be the gray
    if extra < 0 or extra > 2 or page.imagedepth > 1 or bands:
        raise _unsupported(path, f"has {samples} channels, {page.imagedepth} deep", "gray or color, and transparency")
    if photometric == _YCBCR and compression not in _JPEG and page.tags.valueof(530, (2, 2)) != (1, 1):
        raise _unsupported(path, "holds YCbCr colors in blocks", "RGB")
    _check_segments(path, page)
    kind = int(page.extrasamples[0]) if extra and page.extrasamples else 0
    alpha = {1: "premultiplied", 2: "straight"}.get(kind)
    return TiffImage(
        page,
        index,
        frames,
        bits.pop(),
        formats.pop(),
        photometric,
        compression,
        samples,
        int(page.planarconfig or 1) == 2,
        alpha,
        page.tags.valueof(_ORIENTATION, 1),
    )


def _check_segments(path: str | os.PathLike[str], page: TiffPage) -> None:
    """Refuse what makes decoders take memory or time that the image does not need."""
    tile = _product(page.tilewidth, page.tilelength)
    if len(page.dataoffsets) > MAX_SEGMENTS or tile > max(4 * _area(page), 1 << 24):
        reason = f"has {len(page.dataoffsets):,} strips or tiles of {tile:,} pixels; refused"
        raise ImageError(path, reason, code="image-too-complex")
    # JPEG of the old kind (6) has tags of its own for where it is.
    wanted, there = math.prod(page.chunked), sum(offset > 0 for offset in page.dataoffsets)
    if there < wanted and int(page.compression) != 6:
        raise cut_off(path, "TIFF", f"{there:,} of {wanted:,} strips or tiles are there")


def _unsupported(path: str | os.PathLike[str], found: str, wanted: str) -> ImageError:
    return ImageError(path, f"TIFF data {found}, which cannot be decoded; expected {wanted}", code="unsupported-image")


def _is_full(page: TiffPage) -> bool:
    """Whether it is neither a reduced copy nor a mask, by NewSubfileType."""
    return not int(page.subfiletype or 0) & (_REDUCED | _MASK) and _area(page) > 0


def _area(page: TiffPage) -> int:
    return _product(page.imagewidth, page.imagelength)


def _product(*values: Any) -> int:
    """Of whole numbers; 0 where a damaged tag holds a text or a list, which Python would repeat for minutes."""
    return math.prod(values) if all(isinstance(value, int) for value in values) else 0


def _tuple(value: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in value) if isinstance(value, tuple | list) else (int(value),)


@functools.lru_cache(maxsize=1)
def _quieten() -> None:
    """What is wrong with a file is said by our errors; who wants tifffile's log adds a handler."""
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
