"""What IN of `vision video` means: a file, a folder of frames, a camera, or the address of a stream."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

_HEAD = 1 << 16


@dataclass(frozen=True)
class Source:
    """Where frames come from.

    Attributes:
        place: path or address; the number of a camera.
        name: for messages.
        is_folder: whether it is a folder of frames.
        is_live: whether its frames come once: a camera or a stream.
    """

    place: str | int
    name: str
    is_folder: bool = False
    is_live: bool = False

    @classmethod
    def of(cls, text: str) -> Source:
        """From the argument; what is there by that name is a file or a folder, also one called 0."""
        if not os.path.lexists(text):
            if text.isascii() and text.isdigit():
                return cls(int(text), f"camera {int(text)}", is_live=True)
            if "://" in text:
                return cls(text, f"stream {text!r}", is_live=True)
        return cls(text, repr(text), is_folder=os.path.isdir(text))

    def files(self) -> list[str]:
        """Files that are read, which nothing is written to."""
        if isinstance(self.place, int) or self.is_live:
            return []
        inside = [os.path.join(self.place, name) for name in os.listdir(self.place)] if self.is_folder else []
        return [self.place, *inside]

    def identity(self) -> str:
        """The same for the same file or folder in the next run, another for one that took its name.

        Of a file that is its place and how it begins: what is still being recorded grows.
        """
        if isinstance(self.place, int) or self.is_live:
            return str(self.place)
        digest = hashlib.sha256(os.fsencode(os.path.realpath(self.place)))
        if not self.is_folder:
            with Path(self.place).open("rb") as file:
                digest.update(file.read(_HEAD))
        return digest.hexdigest()
