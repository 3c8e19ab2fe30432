"""What kind of image a file is that no inferencer takes, so that a folder never loses one without a word."""

from __future__ import annotations

import os
import stat

# Photographs and drawings in formats that are not decoded here.
_FOREIGN = frozenset(
    {
        *(".heic", ".heif", ".hif", ".avci", ".avifs", ".jxl", ".jxr", ".wdp", ".hdp", ".jpm", ".j2c", ".jpf", ".jps"),
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".eip", ".erf", ".fff", ".gpr", ".iiq", ".k25"),
        *(".kdc", ".mef", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".pxn"),
        *(".raf", ".raw", ".rw2", ".rwl", ".rwz", ".sr2", ".srf", ".srw", ".x3f"),
        *(".psd", ".psb", ".xcf", ".exr", ".hdr", ".tga", ".pcx", ".ico", ".cur", ".dds", ".qoi", ".bpg", ".flif"),
        *(".svg", ".svgz", ".eps", ".wmf", ".emf", ".fits", ".dcm", ".sgi", ".pam", ".xbm", ".xpm", ".jng", ".mng"),
    }
)
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"8BPS": "Photoshop",
    b"FUJIFILMCCD-RAW": "raw",
    b"IIRO": "raw",
    b"IIRS": "raw",
    b"IIU\0": "raw",
    b"FOVb": "raw",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance",
    b"qoif": "QOI",
    b"BPG\xfb": "BPG",
    b"DDS ": "DDS",
    b"gimp xcf": "XCF",
    b"\x8bJNG\r\n\x1a\n": "JNG",
}
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx ": "raw",
}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def foreign_kind(path: str) -> str | None:
    """What sort of image a file is by its ending, or else by its content, such as ".heic"; None if it is none.

    Args:
        path: of a file whose name does not end as those of images that are taken.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending in _FOREIGN:
        return ending
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        # A pipe may have taken its place.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            kind = _by_content(file.read(32))
    except OSError:
        return None
    return f"{kind} by content" if kind is not None else None


def _by_content(start: bytes) -> str | None:
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12])
    if start[:2] == b"BM" and start[6:10] == b"\0\0\0\0" and int.from_bytes(start[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return None
