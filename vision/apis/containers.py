"""Video files, opened by FFmpeg as what they are: containers, never lists of other files.

FFmpeg looks into a file for what it is, whatever its name: a playlist called clip.mp4 makes it open every file, and
every address of the network, that the playlist names. So a file must begin as a container of video does, and FFmpeg
is told to take no others, and to read nothing but files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from vision.errors import UsageError
from vision.images import ImageError, open_regular

# FFmpeg's names of formats that hold their frames themselves.
DEMUXERS = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "gif", "apng", "ivf"),
    *("yuv4mpegpipe", "mxf", "mjpeg", "h264", "hevc", "obu", "m4v", "nut", "dv"),
    *("png_pipe", "jpeg_pipe"),  # an image is a video of one frame
)
_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_OPTIONS = f"protocol_whitelist;file|format_whitelist;{','.join(DEMUXERS)}"
JPEG = b"\xff\xd8\xff"  # also one after another
_lock = threading.Lock()

# Units that H.264 and H.265 streams begin with.
_NAL = (0x09, 0x27, 0x40, 0x42, 0x46, 0x67)
# (place, bytes) at the beginning of files of these formats.
_SIGNATURES = (
    *((4, name) for name in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")),  # MP4, MOV
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (8, b"AVI "),
    *((0, b"\x00\x00\x01" + bytes([kind])) for kind in (0xB0, 0xB3, 0xBA, 0xBB)),  # MPEG, MPEG-4
    (0, b"FLV\x01"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF, WMV
    (0, b"OggS\x00"),
    (0, b"GIF8"),
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"DKIF"),  # IVF
    (0, b"YUV4MPEG2 "),
    (0, b"\x06\x0e\x2b\x34"),  # MXF
    (0, JPEG),
    *((0, start + bytes([kind])) for start in (b"\0\0\1", b"\0\0\0\1") for kind in _NAL),
    (0, b"\x12\x00\x0a"),  # AV1
    (0, b"nut/multimedia container\x00"),
    (0, b"\x1f\x07\x00"),  # DV
)
_TS_PACKET = 188


def open_video(path: str) -> cv2.VideoCapture:
    """Open a video file for its frames.

    Raises:
        UsageError: it is no regular file, holds no video itself, or FFmpeg cannot decode it.
    """
    check_container(path)
    with _options():
        # An absolute path is never an address, and FFmpeg alone heeds the options: OpenCV's other readers take a
        # percent sign in a name for a pattern of images.
        capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        reason = f"video {path!r} cannot be opened; expected a video that FFmpeg can decode"
        raise UsageError(reason, code="unreadable-video", value=path)
    return capture


def check_container(path: str) -> None:
    """Refuse what FFmpeg must not be given: what does not begin as a container of video does.

    Raises:
        UsageError: it is no regular file, or holds no video itself.
    """
    head = file_head(path)
    if not is_container(head):
        begins = "is empty" if not head else f"begins with {head[:16]!r}, as no video does"
        reason = (
            f"video {path!r} {begins}; expected a file that holds the frames itself (MP4, MOV, MKV, AVI and the like), "
            "or a folder of images. Playlists are not followed"
        )
        raise UsageError(reason, code="unreadable-video", value=path)


def is_container(head: bytes) -> bool:
    """Whether a file that begins with these bytes, at least 1 kB of it, holds video itself."""
    if any(head[place : place + len(mark)] == mark for place, mark in _SIGNATURES):
        return True
    # Packets of MPEG's transport stream; camcorders put a time of four bytes before each.
    return any(
        len(head) > start + 2 * step and all(head[start + k * step] == 0x47 for k in range(3))
        for start, step in ((0, _TS_PACKET), (4, _TS_PACKET + 4))
    )


def file_head(path: str) -> bytes:
    """How a file begins: as much as `is_container` wants.

    Raises:
        UsageError: it is no regular file, or cannot be read.
    """
    try:
        with open_regular(path) as file:
            return file.read(1024)
    except ImageError as error:
        if not os.path.isfile(path):
            reason = f"video {path!r} is no file; expected a video file or a folder of images"
            raise UsageError(reason, code="unreadable-video", value=path) from None
        raise UsageError(f"video {path!r}: {error.reason}", code="unreadable-video", value=path) from None
    except OSError as error:  # of a disk that fails, or a file that is there and cannot be read
        reason = f"video {path!r} cannot be read ({error.strerror}); expected a video file or a folder of images"
        raise UsageError(reason, code="unreadable-video", value=path) from None


@contextmanager
def _options() -> Iterator[None]:
    """OpenCV takes FFmpeg's options from the environment alone, when it opens a file; a user's own stay."""
    with _lock:
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = _OPTIONS if not before else f"{before}|{_OPTIONS}"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = before
