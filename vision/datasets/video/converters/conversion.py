"""What all converters have in common: files that are read one after the other, of which some are broken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from PIL import Image

from vision.datasets.video.boxes import corners_of
from vision.datasets.video.converters.coco_vid import Box
from vision.datasets.video.records import Problems
from vision.errors import UsageError
from vision.files import natural_key
from vision.images import ImageError, open_regular

Item = TypeVar("Item")
_ORIENTATION_TAG = 0x0112


@dataclass
class Conversion:
    """How a conversion goes on.

    Attributes:
        track: goes through a list and shows how far it is.
        report: takes a line about what is wrong.
        broken: files that were left out.
        problems: what is odd about boxes, which are left out.
    """

    track: Callable[[Sequence[Item]], Iterable[Item]] = iter
    report: Callable[[str], None] = lambda line: None
    broken: int = 0
    problems: Problems = field(default_factory=Problems)

    def try_to(self, read: Callable[..., Item], *arguments: object) -> Item | None:
        """What `read` returns, or None after a line that says why there is nothing."""
        try:
            return read(*arguments)
        except (UsageError, ImageError) as error:
            self.broken += 1
            self.report(f"left out: {error}")
            return None

    def keep(self, box: Box, size: tuple[int, int], what: str) -> bool:
        """Whether a box has an area in its frame; it is counted otherwise."""
        return corners_of(box.box, size, what, self.problems) is not None


def read_bounded(path: str | os.PathLike[str], most: int) -> bytes:
    """The bytes of a file of annotations.

    Raises:
        UsageError: it cannot be read, or has more than `most` bytes.
    """
    try:
        with open_regular(path) as file:
            data = file.read(most + 1)
    except ImageError as error:
        raise unusable(path, error.reason.replace("an image file", "annotations")) from None
    except OSError as error:
        raise unusable(path, f"cannot be read ({error.strerror})") from None
    if len(data) > most:
        raise unusable(path, f"has more than {most:,} bytes; expected annotations of one image")
    return data


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width of an image as it is shown, turned by its EXIF orientation; only its header is read.

    Raises:
        UsageError: it is no image.
    """
    try:
        with open_regular(path) as file, Image.open(file) as image:
            is_turned = image.getexif().get(_ORIENTATION_TAG) in (5, 6, 7, 8)
            return (image.width, image.height) if is_turned else (image.height, image.width)
    except ImageError as error:
        raise unusable(path, error.reason) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise unusable(path, f"is no image ({error})") from None


def unusable(path: str | os.PathLike[str], reason: str) -> UsageError:
    """An error about a file of annotations."""
    return UsageError(f"{os.fspath(path)}: {reason}", code="bad-annotations", value=os.fspath(path))


def files_below(root: Path, suffix: str) -> list[Path]:
    """Files of this ending in a folder and those below it, 2 before 10; hidden ones are left out.

    Raises:
        UsageError: there is none.
    """
    found = [path for path in root.rglob(f"*{suffix}") if not any(part.startswith(".") for part in _parts(path, root))]
    if not found:
        raise UsageError(f"{root}: no *{suffix} in it or below", code="bad-data-root", value=str(root))
    return sorted(found, key=lambda path: tuple(natural_key(part) for part in _parts(path, root)))


def _parts(path: Path, root: Path) -> tuple[str, ...]:
    return path.relative_to(root).parts
