"""What a file is by its first bytes, so that one that cannot be read is called by its name."""

from __future__ import annotations

from typing import BinaryIO

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1", b"miaf"}
_AVIF = {b"avif", b"avis"}
_RAW = "a camera's raw file ({}), which holds no finished image; develop it and judge the 16-bit TIFF or the PNG"
_CONVERT = "{} images cannot be decoded; convert it to PNG or TIFF, without loss"
# First bytes -> what to say
_SIGNATURES = {
    b"FUJIFILMCCD-RAW": _RAW.format("Fujifilm RAF"),
    b"IIRO": _RAW.format("Olympus ORF"),
    b"IIRS": _RAW.format("Olympus ORF"),
    b"MMOR": _RAW.format("Olympus ORF"),
    b"IIU\0": _RAW.format("Panasonic RW2"),
    b"FOVb": _RAW.format("Sigma X3F"),
    b"\0MRM": _RAW.format("Minolta MRW"),
    b"\0\0\0\x0cJXL \r\n\x87\n": _CONVERT.format("JPEG XL"),
    b"\xff\x0a": _CONVERT.format("JPEG XL"),
    b"II\xbc\x01": _CONVERT.format("JPEG XR"),
    b"8BPS": _CONVERT.format("Photoshop (PSD)"),
    b"v/1\x01": _CONVERT.format("OpenEXR"),
    b"#?RADIANCE": _CONVERT.format("Radiance HDR"),
    b"\0\0\1\0": _CONVERT.format("icon (ICO)"),
    b"%PDF": "a PDF document; extract the images that it holds, such as with pdfimages -all",
}


def file_kind(file: BinaryIO) -> bytes:
    """The first 16 bytes, where `mif1` and the like are resolved: a HEIC file never passes for AVIF."""
    file.seek(0)
    prefix = file.read(16)
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIC:
        return prefix[:8] + (b"avif" if _brands(file, prefix) & _AVIF else b"heic") + prefix[12:]
    return prefix


def is_heif(prefix: bytes) -> bool:
    """Whether a file of this `file_kind` is HEIC or another HEIF that is not AVIF."""
    return prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIC


def unknown_reason(prefix: bytes, known: str) -> str:
    """What to say of a file that none of the decoders knows, by its first bytes."""
    if prefix[4:8] == b"ftyp":
        brand = prefix[8:12]
        if brand == b"crx ":
            return _RAW.format("Canon CR3")
        if brand[:3] in (b"iso", b"mp4", b"qt ", b"M4V", b"3gp", b"avc"):
            return "a video, not an image; extract the frames to be judged as PNG"
    for signature, reason in _SIGNATURES.items():
        if prefix.startswith(signature):
            return reason
    return f"not an image of a known kind; expected one of {known}"


def raw_reason(name: str) -> str:
    """What to say of a raw file."""
    return _RAW.format(name)


def _brands(file: BinaryIO, prefix: bytes) -> set[bytes]:
    length = min(int.from_bytes(prefix[:4], "big"), 1024)
    file.seek(16)
    names = file.read(max(0, length - 16))
    return {names[start : start + 4] for start in range(0, len(names), 4)}
