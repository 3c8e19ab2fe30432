"""A maker of clips from plain values, as configs and command lines have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vision.datasets.scene.pool import TexturePool
from vision.datasets.video.synthetic.clip import ClipMaker
from vision.datasets.video.synthetic.cutouts import Cutouts
from vision.datasets.video.synthetic.scenery import Backgrounds, list_photos
from vision.datasets.video.synthetic.shapes import SHAPES
from vision.datasets.video.synthetic.shots import FAULTS, SEVERITY
from vision.errors import UsageError

PEOPLE = ("person",)
_CLASSES = {"shapes": SHAPES[:4], "people": PEOPLE}
_SMALLEST = 32


def clip_maker(
    size: tuple[int, int] = (240, 320),
    classes: str | Sequence[str] = "shapes",
    degraded: float = 0.25,
    faults: Sequence[str] = FAULTS,
    objects: tuple[int, int] | None = None,
    restless: float | None = None,
    people: str | Path | None = None,
    backgrounds: str | Path | None = None,
    photo_share: float = 0.7,
    seed: int = 0,
    num_textures: int = 120,
    texture_size: int = 256,
    severity: tuple[float, float] = SEVERITY,
) -> ClipMaker:
    """A maker of clips.

    Args:
        size: height and width in pixels, at least 32.
        classes: "shapes" (four of `SHAPES`, told apart by outline and pattern), "people", or names among `SHAPES`.
        degraded: share of the frames that are degraded, in runs of 2 to 6.
        faults: how: of "motion", "defocus", "noise" and "occlusion".
        objects: least and largest number of objects in a clip; None for 2 to 5 shapes or 1 to 9 people.
        restless: 0 for a camera that stands still, 1 for one held in the hand; None for both kinds.
        people: folder of photographs `NAME.jpg` with masks `NAME_mask.png`, whose people appear beside drawn ones.
        backgrounds: folder of photographs, which serve as backgrounds beside rendered ones.
        photo_share: how often, where there are any.
        seed: of the textures.
        num_textures: size of the pool of textures; each is made when first used, in about 10 ms.
        texture_size: side of a texture in texels.
        severity: least and largest strength of the faults, up to 2; at 1 a camera jerks by 13 % of the frame's height,
            and a blur's deviation is 3.3 % of it.

    Raises:
        UsageError: an argument out of its range, an unknown class or fault, a folder without what it should hold.
    """
    names = _class_names(classes)
    least, most = objects or (0, 0)
    require(
        ("size", tuple(size), len(size) == 2 and min(size) >= _SMALLEST, f"height and width of at least {_SMALLEST}"),
        ("degraded", degraded, 0 <= degraded <= 1, "0 to 1"),
        ("faults", tuple(faults), bool(faults) and set(faults) <= set(FAULTS), f"some of {', '.join(FAULTS)}"),
        ("severity", severity, len(severity) == 2 and 0 <= severity[0] <= severity[1] <= 2, "two numbers, 0 to 2"),
        ("objects", objects, 0 <= least <= most, "the least and the largest number, from 0"),
        ("people", people, people is None or names == PEOPLE, "None, or classes to be 'people'"),
    )
    return ClipMaker(
        names,
        (int(size[0]), int(size[1])),
        Backgrounds(
            TexturePool(seed, num_textures, size=texture_size),
            [] if backgrounds is None else list_photos(backgrounds),
            photo_share,
        ),
        degraded,
        faults,
        objects,
        restless,
        None if people is None else Cutouts(people),
        severity,
    )


def require(*checks: tuple[str, object, bool, str]) -> None:
    """Raise a UsageError for what is out of its range: name, value, whether it is good, what was expected."""
    for name, value, is_good, expected in checks:
        if not is_good:
            raise UsageError(f"{name} is {value!r}; expected {expected}", code="out-of-range", value=value)


def _class_names(classes: str | Sequence[str]) -> tuple[str, ...]:
    names = _CLASSES.get(classes, (classes,)) if isinstance(classes, str) else tuple(classes)
    if names != PEOPLE and (not names or not set(names) <= set(SHAPES) or len(set(names)) < len(names)):
        raise UsageError(
            f"classes is {classes!r}; expected 'shapes', 'people', or some of {', '.join(SHAPES)}",
            code="out-of-range",
            value=classes,
        )
    return names
