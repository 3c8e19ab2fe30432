"""Which memory belongs to which video, where frames of several videos come in any turn."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable

from heads.memory import StreamMemory

# Videos whose memories are kept, full ones of a hundred megabytes; that looked at longest ago goes first.
MIN_STREAMS = 8


class VideoStreams:
    """One memory per video, empty at its frame 0; nothing that one video leaves behind reaches another.

    Args:
        new_memory: makes an empty memory, or None for a network that remembers nothing.
    """

    def __init__(self, new_memory: Callable[[], StreamMemory | None]) -> None:
        self._new_memory = new_memory
        self._memories: OrderedDict[Hashable, StreamMemory | None] = OrderedDict()
        self._last_frames: dict[Hashable, int] = {}
        self._has_warned = False
        self.limit = MIN_STREAMS

    def __len__(self) -> int:
        return len(self._memories)

    def memory_of(self, video: Hashable, frame: int) -> StreamMemory | None:
        """The memory that a frame is to read and then write: a new one at frame 0 or where the video is not known.

        A frame that comes again, or after later ones, reads what they left; this is said once.
        """
        if frame == 0 or video not in self._memories:
            self._memories[video] = self._new_memory()
        elif frame <= self._last_frames[video] and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"video {video}: frame {frame} comes after frame {self._last_frames[video]}; frames are taken as they "
                "come, and the memory goes on. Sort them by frame_id, or start each video at frame 0",
                stacklevel=2,
            )
        self._last_frames[video] = frame
        self._memories.move_to_end(video)
        while len(self._memories) > self.limit:
            gone, _ = self._memories.popitem(last=False)
            del self._last_frames[gone]
        return self._memories[video]

    def expect(self, videos: int) -> None:
        """Keep at least so many memories, as for the videos of one batch."""
        self.limit = max(self.limit, videos)

    def clear(self) -> None:
        """Forget all videos."""
        self._memories.clear()
        self._last_frames.clear()
