"""The models of a server: made when they are first needed, used by one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vision.errors import UsageError
from vision.serve.queue import WorkQueue
from vision.serve.settings import Settings
from vision.serve.uploads import Uploads

if TYPE_CHECKING:
    from vision.apis import ForgeryInferencer, ForgeryResult, StereoInferencer, StereoResult, VideoInferencer
    from vision.apis.base import ImageInput
    from vision.geometry import CameraPair, StereoCalibration

TILE = 1024  # pixels of a side: what keeps the memory of a match within bounds, whatever is sent


class Stopped(Exception):
    """Nobody wants the result any more."""


class Services:
    """Inferencers, the line in front of them, and the files of users.

    Call the inferencers from the line's thread alone (`queue.submit`): they are not made for several at once.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.uploads = Uploads(settings.keep_seconds)
        self.is_ready = False
        self._queue = WorkQueue(settings.queue, self.forgery)
        self._lock = threading.RLock()
        self._forgery: ForgeryInferencer | None = None
        self._stereo: StereoInferencer | None = None
        self._on_tile: Callable[[int, int], None] | None = None

    @property
    def queue(self) -> WorkQueue:
        """The line in front of the models."""
        return self._queue

    def warm(self) -> None:
        """Make the models that are offered, so that the first request does not wait for them; `is_ready` then."""
        with self._lock:
            if "forgery" in self.settings.only:
                self._forgery_inferencer()
            if "stereo" in self.settings.only:
                self._stereo_inferencer()
            if "video" in self.settings.only:
                self.video()
        self.is_ready = True

    def forgery(self, images: Sequence[ImageInput]) -> list[ForgeryResult]:
        """Judge images; the maps of the results are coarse."""
        with self._lock:
            return self._forgery_inferencer()(list(images))

    def stereo(
        self,
        left: ImageInput,
        right: ImageInput | None,
        *,
        geometry: StereoCalibration | CameraPair | None = None,
        stop: threading.Event | None = None,
        on_part: Callable[[int, int], None] | None = None,
    ) -> StereoResult:
        """Match a pair.

        Args:
            left: image, or with `right` None a file with both views.
            right: image.
            geometry: calibration of a rectified pair, or the cameras of a raw one, which is rectified.
            stop: ends the work between two parts when it is set.
            on_part: called with the parts that are done, and all of them.

        Raises:
            Stopped: `stop` was set.
        """
        from vision.apis.stereo.pair import PairInput

        def look(done: int, of: int) -> None:
            if stop is not None and stop.is_set():
                raise Stopped("the pair was given up")
            if on_part is not None:
                on_part(done, of)

        with self._lock:
            self._on_tile = look
            try:
                return self._stereo_inferencer()([PairInput(left, right, geometry)])[0]
            finally:
                self._on_tile = None

    def video(self, fps: float = 25.0) -> VideoInferencer:
        """A new inferencer, for one video of so many frames per second."""
        self._check("video")
        from vision.apis import VideoInferencer

        return VideoInferencer(max_pixels=self.settings.max_pixels, fps=fps)

    def close(self, timeout: float) -> bool:
        """Finish what was accepted within so many seconds, then remove the files of users.

        Returns:
            Whether all of it was finished.
        """
        is_done = self._queue.close(timeout)
        self.uploads.close()
        return is_done

    def _forgery_inferencer(self) -> ForgeryInferencer:
        self._check("forgery")
        if self._forgery is None:
            from vision.apis import ForgeryInferencer

            self._forgery = ForgeryInferencer(max_pixels=self.settings.max_pixels, coarse_map=True)
        return self._forgery

    def _stereo_inferencer(self) -> StereoInferencer:
        self._check("stereo")
        if self._stereo is None:
            from vision.apis import StereoInferencer

            def on_tile(done: int, of: int) -> None:
                if self._on_tile is not None:
                    self._on_tile(done, of)

            self._stereo = StereoInferencer(max_pixels=self.settings.max_pixels, tile=TILE, on_tile=on_tile)
        return self._stereo

    def _check(self, task: str) -> None:
        if task not in self.settings.only:
            offered = ", ".join(self.settings.only)
            raise UsageError(f"this server does not offer {task}; expected one of {offered}", value=task)
