"""How much is decoded at a time: a batch of large images must not take the memory of all of them at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A decoder takes up to 16 bytes per pixel.
PIXELS_AT_A_TIME = 32_000_000

_free = threading.Condition()
_in_work = 0


@contextmanager
def decoding_turn(pixels: int) -> Iterator[None]:
    """A block in which an image is decoded: small ones side by side, one of more than 32 megapixels alone."""
    global _in_work
    weight = min(pixels, PIXELS_AT_A_TIME)
    with _free:
        _free.wait_for(lambda: _in_work + weight <= PIXELS_AT_A_TIME)
        _in_work += weight
    try:
        yield
    finally:
        with _free:
            _in_work -= weight
            _free.notify_all()
