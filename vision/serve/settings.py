"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass

TASKS = ("forgery", "stereo", "video", "attention")


@dataclass(frozen=True)
class Settings:
    """Where a server listens, what it offers, and the limits of what it takes.

    Attributes:
        host: address that it is bound to.
        port: of that address.
        only: tasks that it offers.
        token: that requests have to bring; None asks for none.
        max_upload: bytes of the files of one request together.
        max_pixels: of one image or frame.
        timeout: seconds until a request that has no answer is given up; also those that its body may take to arrive.
        queue: how many requests may wait for a model.
        keep_seconds: how long files and results of users are kept at most.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    only: tuple[str, ...] = TASKS
    token: str | None = None
    max_upload: int = 64 << 20
    max_pixels: int = 50_000_000
    timeout: float = 120.0
    queue: int = 16
    keep_seconds: float = 3600.0
