"""What all drawings share: a canvas, text that fits, a file to save to."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image


def save_picture(picture: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write a PNG; the file appears complete or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{os.getpid()}.demo.tmp")
    try:
        picture.save(temporary, format="PNG")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
