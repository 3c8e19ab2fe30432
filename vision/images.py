"""Reading image files of any common kind into one form: uint8 RGB, upright, never resized."""

import errno
import functools
import importlib
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from vision.limits import MAX_PIXELS as MAX_PIXELS

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib"),
        *(".gif", ".jp2", ".j2k", ".jpx", ".avif", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
MIN_SIDE = 8
WHITE = 65535

# Only plain raster formats: PostScript and the like would run an interpreter on untrusted bytes.
_PLUGINS = ("Jpeg", "Png", "WebP", "Tiff", "Bmp", "Gif", "Jpeg2K", "Avif", "Ppm")
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_REASONS = {
    errno.ENOENT: "no such file; check the path",
    errno.ENOTDIR: "no such file: a part of the path is not a folder; check the path",
    errno.EACCES: "no permission to read this file; change its mode or run as its owner",
    errno.EPERM: "no permission to read this file; change its mode or run as its owner",
    errno.ENAMETOOLONG: "the file name is too long for this system; shorten it",
    errno.ELOOP: "the symbolic links form a loop; expected a link to an image file",
}
_lift_lock = threading.Lock()


class ImageError(ValueError):
    """An image file that cannot be used; `reason` is one line without the path, `str()` has both.

    Attributes:
        path: of the file, or a name that stands for it.
        reason: what is wrong and what helps.
        code: kind of mistake, see `vision.errors`.
        value: what gave rise to it, such as the number of pixels; None if there is no such figure.
    """

    def __init__(
        self, path: str | os.PathLike[str], reason: str, *, code: str = "bad-image", value: Any = None
    ) -> None:
        self.path = os.fspath(path)
        self.reason = reason
        self.code = code
        self.value = value
        super().__init__(self.path, reason)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, white: int = WHITE) -> np.ndarray:
    """Decode one image file.

    Turned upright by its EXIF orientation; the first frame of an animation; gray, palette, CMYK and 16-bit images
    are converted, transparency is laid over white. Color profiles are not applied.

    Args:
        path: a regular file.
        max_pixels: refuse a larger image by its header, before any pixel is decoded.
        white: what becomes 255 in gray images of 16 bits; 2^n - 1, at least 255.

    Returns:
        uint8 `[H, W, 3]`, RGB, owned and writable.

    Raises:
        ImageError: with one line that says what is wrong and what helps.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ImageError(path, "the file is empty (0 bytes); expected an image", code="not-an-image")
        try:
            return _decode(path, file, max_pixels, white)
        except Image.DecompressionBombError:
            limit = Image.MAX_IMAGE_PIXELS
            if limit is None or max_pixels <= 2 * limit:
                raise _too_large(path, f"more than {max_pixels:,}", max_pixels, None) from None
        with _lifted_limit(max_pixels):
            return _decode(path, file, max_pixels, white)


def common_white(paths: Sequence[str | os.PathLike[str]], max_pixels: int = MAX_PIXELS) -> int:
    """White of gray images of one camera rig: cameras of 10 or 12 bits write 16-bit files that are nearly black.

    Returns:
        The least 2^n - 1 that none of those with 16 bits exceeds; 65535 if there are none, or they cannot be read.
    """
    brightest = 0
    for path in paths:
        try:
            with open_regular(path) as file, _open_image(path, file) as image:
                width, height = image.size
                if not image.mode.startswith("I") or width * height > max_pixels:
                    continue
                with _decoding(path, image.format):
                    brightest = max(brightest, int(np.asarray(image).max()))
        except ImageError:  # told where it is read
            return WHITE
    return WHITE if not 0 < brightest < WHITE else max(255, 2 ** brightest.bit_length() - 1)


def checked_array(array: np.ndarray, name: str) -> np.ndarray:
    """An image that is in memory already, in the form of those that are read.

    Args:
        array: uint8 `[H, W, 3]`, RGB, or `[H, W]`, gray.
        name: stands for the path in the error.

    Returns:
        uint8 `[H, W, 3]`; the array itself if it has this form.

    Raises:
        ImageError: other values, another shape, or less than 8 x 8 pixels.
    """
    is_gray = array.ndim == 2
    if array.dtype != np.uint8 or not (is_gray or (array.ndim == 3 and array.shape[2] == 3)):
        found = f"{array.dtype} array of shape {tuple(array.shape)}"
        reason = f"is a {found}; expected uint8 of shape (H, W, 3), RGB, or (H, W)"
        raise ImageError(name, reason, code="bad-array", value=(str(array.dtype), tuple(array.shape)))
    if min(array.shape[:2]) < MIN_SIDE:
        raise _too_small(name, *array.shape[:2])
    return np.repeat(array[:, :, None], 3, axis=2) if is_gray else array


@contextmanager
def open_regular(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a regular file for reading; folders, pipes and devices are refused without being opened.

    Raises:
        ImageError: with the reason in one line.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            reason = f"is {_kind_name(mode)}, not a regular file; expected an image file"
            raise ImageError(path, reason, code="unreadable-file")
        # Should a pipe have taken the file's place since, O_NONBLOCK keeps the opening from waiting for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        raise ImageError(path, _open_reason(path, error), code="unreadable-file") from None
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _decode(path: str | os.PathLike[str], file: BinaryIO, max_pixels: int, white: int) -> np.ndarray:
    with _open_image(path, file) as image:
        width, height = image.size
        if width * height > max_pixels:
            size = width * height
            raise _too_large(path, f"{width} x {height} = {size:,}", max_pixels, size)
        if min(width, height) < MIN_SIDE:
            raise _too_small(path, height, width)
        with _decoding(path, image.format):
            image.load()
            return _to_rgb(path, _upright(image), white)


def _open_image(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    """Parse the header only. `Image.open` would refuse by its own, process-wide limit."""
    _load_plugins()
    file.seek(0)
    prefix = file.read(16)
    for name in _FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        # A plugin answers with a string when it knows the format but was built without its library.
        if factory is not None and accept is not None and accept(prefix) is True:
            file.seek(0)
            with _decoding(path, name):
                return factory(file, os.fsdecode(path))
    raise ImageError(path, _unknown_reason(prefix), code="not-an-image")


@contextmanager
def _decoding(path: str | os.PathLike[str], kind: str | None) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into an ImageError."""
    try:
        yield
    except (ImageError, Image.DecompressionBombError):
        raise
    except MemoryError:
        raise ImageError(path, "does not fit into memory; lower max_pixels", code="image-out-of-memory") from None
    # Decoders meet hostile bytes with errors of every kind (SyntaxError, struct.error, IndexError, ...).
    except Exception as error:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        state = "truncated" if "truncat" in detail.lower() or isinstance(error, EOFError) else "damaged or unsupported"
        reason = f"{state} {kind} data ({detail}); expected a complete image, save it again"
        raise ImageError(path, reason, code="damaged-image") from None


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    # Malformed EXIF does not make the pixels wrong.
    except Exception:
        orientation = 1
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(path: str | os.PathLike[str], image: Image.Image, white: int) -> np.ndarray:
    if image.mode == "F" or image.mode.startswith("I"):
        gray = _deep_to_uint8(path, np.asarray(image), white)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    return np.array(image.convert("RGB"))


def _deep_to_uint8(path: str | os.PathLike[str], values: np.ndarray, white: int) -> np.ndarray:
    """16-bit values lose their low byte, as Pillow does for 16-bit RGB, or more; floats are in 0..1 or 0..255."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 255:
        return np.rint(values * (255 if high <= 1 else 1)).astype(np.uint8)
    if values.dtype.kind != "f" and low >= 0 and high <= 65535:
        return np.minimum(values >> (white.bit_length() - 8), 255).astype(np.uint8)
    reason = f"gray values run from {low:g} to {high:g}; expected 8 or 16 bits, convert it to PNG"
    raise ImageError(path, reason, code="bad-values", value=(low, high))


@functools.lru_cache(maxsize=1)
def _load_plugins() -> None:
    for name in _PLUGINS:
        try:
            importlib.import_module(f"PIL.{name}ImagePlugin")
        except ImportError:  # an older Pillow has no AVIF
            continue


@contextmanager
def _lifted_limit(max_pixels: int) -> Iterator[None]:
    """Some decoders check Pillow's process-wide limit again: raise it for the one giant image, one at a time."""
    with _lift_lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _too_large(path: str | os.PathLike[str], size: str, max_pixels: int, value: int | None) -> ImageError:
    reason = f"has {size} pixels; the limit is {max_pixels:,} (max_pixels)"
    return ImageError(path, reason, code="too-many-pixels", value=value)


def _too_small(path: str | os.PathLike[str], height: int, width: int) -> ImageError:
    """The error of an image that has less than 8 x 8 pixels."""
    reason = f"is {width} x {height} pixels; expected at least {MIN_SIDE} x {MIN_SIDE}"
    return ImageError(path, reason, code="too-small", value=(height, width))


def _open_reason(path: str | os.PathLike[str], error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):  # a NUL character in the name
        return f"not a usable file name ({error}); check the path"
    if error.errno == errno.ENOENT and os.path.islink(path):
        return f"broken symbolic link to {os.readlink(path)!r}; expected a link to an image file"
    return _REASONS.get(error.errno or 0, f"cannot be opened ({error.strerror}); expected a readable image file")


def _unknown_reason(prefix: bytes) -> str:
    if prefix[4:8] == b"ftyp" and prefix[8:12] in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"hevc"):
        return "HEIC/HEIF images cannot be decoded; convert it to JPEG or PNG"
    known = ", ".join(name for name in _FORMATS if name in Image.OPEN)
    return f"not an image of a known kind; expected one of {known}"


def _kind_name(mode: int) -> str:
    kinds: dict[str, Callable[[int], bool]] = {
        "a folder": stat.S_ISDIR,
        "a pipe": stat.S_ISFIFO,
        "a socket": stat.S_ISSOCK,
        "a device": lambda value: stat.S_ISCHR(value) or stat.S_ISBLK(value),
    }
    return next((name for name, test in kinds.items() if test(mode)), "a special file")
