"""Frames of files and streams, decoded packet by packet.

PyAV, where it is installed, gives each packet to the decoder by itself, so that a damaged one costs its frame alone,
and says so; the time of every frame comes with it. OpenCV's reader skips damaged packets without a word, but comes with
every installation, and reads files where PyAV is missing. Both are FFmpeg, and get the same bounds of
`vision.apis.containers`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from vision.apis.containers import DEMUXERS, check_container, open_video
from vision.apis.video.grabbing import grabbed
from vision.apis.video.source import DEFAULT_FPS, MAX_FPS, Choice, Source, VideoFrame
from vision.errors import UsageError

SCHEMES = ("rtsp", "rtsps", "http", "https")
# What an address may lead to. No files, and no playlists, which name more addresses.
_PROTOCOLS = "rtsp,rtsps,rtp,srtp,rtcp,udp,tcp,tls,http,https,httpproxy"
_STREAM_DEMUXERS = ("rtsp", "rtp", "mpjpeg", *DEMUXERS)
_TIMEOUT = 15.0  # seconds without a word from a stream
COUNT_MARGIN = 1  # headers of some files count one frame too many
_LENGTH_MARGIN = 0.1  # and the length of a file may be that of its sound
# Decoders that lose or patch up a damaged frame without a word, unless they are told to stop there.
_STOPPED = ("hevc", "mjpeg")


def packet_source(name: str, max_pixels: int) -> Source:
    """A video file, read by PyAV or else by OpenCV.

    Raises:
        UsageError: it cannot be opened as a video, or its frames have more than `max_pixels`.
    """
    check_container(name)
    return OpenCVFile(name, max_pixels) if _av() is None else PacketSource(name, max_pixels)


class PacketSource(Source):
    """Frames of a video file or of a stream address, through PyAV.

    Args:
        name: path or address.
        max_pixels: of a frame.
        is_address: whether the name is one.

    Raises:
        UsageError: it cannot be opened, holds no video, or that of an unknown codec, or frames that are too large.
    """

    def __init__(self, name: str, max_pixels: int, is_address: bool = False) -> None:
        super().__init__(name)
        self.is_live, self.max_pixels = is_address, max_pixels
        self._is_endless = False
        self._seconds, self._until = 0.0, 0.0
        if not is_address:  # an address is opened once, when it is read
            self._open().close()

    def frames(self, wanted: Choice) -> Iterator[VideoFrame]:
        """As `Source.frames`."""
        container = self._open()
        try:
            yield from self._decoded(container, wanted)
        finally:
            container.close()
        if self.is_counted:
            is_cut = (self.count or 0) - self.read - self.skipped > COUNT_MARGIN
        else:  # where the rate varies, a length in seconds says how long it is, not how many frames it has
            is_cut = self._until < (1 - _LENGTH_MARGIN) * self._seconds - 1 / self.fps
        if self._ended is None and is_cut:
            text = f"{self.name}: {self.read} of {self.count} frames could be read; is the file cut off?"
            self.end("frames-missing", text)

    def _decoded(self, container: Any, wanted: Choice) -> Iterator[VideoFrame]:
        av = _av()
        start: float | None = None
        packets = container.demux(container.streams.video[0])
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, OSError) as error:
                self._lost(error)
                return
            try:
                decoded = packet.decode()
            except (av.FFmpegError, ValueError, MemoryError) as error:
                self.skip(self.read + self.skipped, _reason(error))
                continue
            for frame in decoded:
                number = self.read + self.skipped
                if frame.is_corrupt:
                    self.skip(number, "damaged")
                    continue
                self.read += 1
                time = number / self.fps if frame.time is None else frame.time
                start = time if start is None else start
                self._until = time - start
                if wanted(number):
                    yield VideoFrame(number, max(0.0, time - start), _upright(frame))
        if self._is_endless:
            self._lost(None)

    def _lost(self, error: Exception | None) -> None:
        reason = "it ended" if error is None else _reason(error)
        if self.is_live:
            self.end("source-gone", f"stream {self.name} is gone after {self.read} frames ({reason})")
        else:
            self.end("frames-missing", f"{self.name} cannot be read after {self.read} frames ({reason})")

    def _open(self) -> Any:
        av = _av()
        kinds: tuple[str, ...]
        if self.is_live:
            name, kinds, protocols = self.name, _STREAM_DEMUXERS, _PROTOCOLS
        else:
            # An absolute path is never an address.
            name, kinds, protocols = os.path.abspath(self.name), DEMUXERS, "file"
        options = {"protocol_whitelist": protocols, "format_whitelist": ",".join(kinds)}
        if name.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"  # packets of UDP get lost, and frames with them
        timeout = _TIMEOUT if self.is_live else None
        try:
            container = av.open(name, options=options, timeout=timeout, metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._unusable(f"cannot be opened ({_reason(error)})") from None
        try:
            self._describe(container)
        except BaseException:
            container.close()
            raise
        return container

    def _describe(self, container: Any) -> None:
        if not container.streams.video:
            raise self._unusable("holds no video, only sound or text")
        stream = container.streams.video[0]
        codec = stream.codec_context
        if codec is None:
            raise self._unusable("has a codec that FFmpeg does not know")
        pixels = codec.width * codec.height
        if pixels > self.max_pixels:
            sizes = f"{codec.width} x {codec.height} pixels; the limit is {self.max_pixels:,} (max_pixels)"
            raise UsageError(f"video {self.name!r} has frames of {sizes}", code="too-many-pixels", value=pixels)
        _be_told_of_damage(stream, codec)
        self.fps = _usable_rate(stream.average_rate or stream.guessed_rate)
        self.size = (codec.height, codec.width) if pixels else None
        seconds = None if container.duration is None else container.duration / 1e6
        self._is_endless = self.is_live and not seconds
        self.is_counted = stream.frames > 0
        self._seconds = 0.0 if seconds is None or self.is_live else seconds
        self.count = stream.frames or (round(seconds * self.fps) if seconds and seconds < 1e7 else None)

    def _unusable(self, reason: str) -> UsageError:
        if self.is_live:
            return UsageError(f"stream {self.name!r} {reason}", code="bad-address", value=self.name)
        expected = "expected a video that FFmpeg can decode"
        return UsageError(f"video {self.name!r} {reason}; {expected}", code="unreadable-video", value=self.name)


class OpenCVFile(Source):
    """Frames of a video file through OpenCV, for installations without PyAV."""

    def __init__(self, name: str, max_pixels: int) -> None:
        super().__init__(name)
        capture = open_video(name)
        width, height = (int(capture.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.fps = _usable_rate(capture.get(cv2.CAP_PROP_FPS))
        capture.release()
        if width * height > max_pixels:
            sizes = f"{width} x {height} pixels; the limit is {max_pixels:,} (max_pixels)"
            raise UsageError(f"video {name!r} has frames of {sizes}", code="too-many-pixels", value=width * height)
        self.size = (height, width)
        self.count = int(count) if 0 < count < 1e9 else None

    def frames(self, wanted: Choice) -> Iterator[VideoFrame]:
        """As `Source.frames`; frames that OpenCV skips are known at the end, by their number."""
        capture = open_video(self.name)
        yield from grabbed(self, capture, wanted, lambda: capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        missing = (self.count or 0) - self.read - self.skipped
        if missing > COUNT_MARGIN:
            text = f"{self.name}: {self.read} of {self.count} frames could be read; the others are damaged or cut off"
            self.end("frames-missing", text)


def _av() -> Any:
    """PyAV, None where it is not installed."""
    try:
        import av
    except ImportError:
        return None
    return av


def _be_told_of_damage(stream: Any, codec: Any) -> None:
    """Set a decoder up to say which frames are damaged, before it is opened."""
    # Not several frames at once: an error would come frames later, and with the last one the rest would be lost.
    stream.thread_type = "SLICE"
    if codec.name == "h264":
        codec.thread_count = 1  # it looks for what is missing in a frame only if it does not share the slices out
    elif codec.name in _STOPPED:
        codec.options = {"err_detect": "explode"}


def _upright(frame: Any) -> np.ndarray:
    """uint8 RGB, turned as phones say that their frames are to be shown."""
    image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _usable_rate(rate: Any) -> float:
    return float(rate) if rate and 0 < rate < MAX_FPS else DEFAULT_FPS


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
    return text[0].lower() + text[1:] if text else type(error).__name__
