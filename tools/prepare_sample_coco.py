"""Write a tiny data set in COCO's format: six photographs of scikit-image and scikit-learn, what they show outlined.

It is for trying out the training of detectors (configs/detection/mask-rcnn_dinat-mini_samples.py), without a download.

The photographs are copied, not changed. What their packages say of them:
- astronaut.png: Eileen Collins, NASA Great Images; no known copyright restrictions, public domain.
- chelsea.png: Stefan van der Walt, CC0.
- coffee.png: Rachel Michetti, courtesy of Pikolo Espresso Bar; CC0.
- coins.png: Greek coins from Pompeii, Brooklyn Museum Collection; no known copyright restrictions.
- rocket.jpg: DSCOVR on Falcon 9, SpaceX Photos; public domain.
- flower.jpg: vultilion on Flickr (scikit-learn's text names danielbuechele, its link vultilion); CC BY 2.0.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vision.cli.process import program
from vision.errors import UsageError
from vision.files import new_folder
from vision.images import read_image

CLASSES = ("person", "cat", "cup", "saucer", "spoon", "rocket", "flower", "coin")
# Number of a license, and where a package keeps the image.
LICENSES = {1: "public domain", 2: "CC0", 3: "CC BY 2.0"}
IMAGES = {
    "astronaut.png": (1, "scikit-image", "skimage", "data"),
    "chelsea.png": (2, "scikit-image", "skimage", "data"),
    "coffee.png": (2, "scikit-image", "skimage", "data"),
    "rocket.jpg": (1, "scikit-image", "skimage", "data"),
    "flower.jpg": (3, "scikit-learn", "sklearn", "datasets/images"),
    "coins.png": (1, "scikit-image", "skimage", "data"),
}
# Class and outline of every object, but for the coins, which `find_coins` finds: "x,y x,y ..." in pixels.
# Outlines are of what is seen: the cup and the spoon hide a part of the saucer.
OBJECTS = {
    "astronaut.png": [
        (
            "person",
            "234,16 210,20 190,30 180,40 159,56 154,80 159,105 169,117 173,130 182,132 184,149 164,150 136,160 123,183 "
            "114,188 115,208 105,213 75,237 52,267 35,307 26,347 21,384 23,422 24,469 28,497 35,512 281,512 278,490 "
            "277,469 281,441 291,408 309,380 338,361 363,349 361,328 349,281 345,267 328,248 305,234 304,230 300,211 "
            "286,190 267,174 255,171 260,155 268,136 277,134 293,115 301,89 299,66 288,45 267,26",
        ),
        # A model of the Space Shuttle with its tank.
        (
            "rocket",
            "404,0 398,21 394,42 387,40 382,61 382,108 379,178 355,211 355,223 382,225 368,270 398,267 403,253 424,253 "
            "434,272 457,270 455,234 455,220 454,197 455,61 444,40 438,47 436,19 430,0",
        ),
    ],
    "chelsea.png": [
        (
            "cat",
            "40,0 35,29 31,66 30,110 0,125 0,300 316,300 308,266 320,230 328,211 349,180 363,152 363,119 357,80 367,68 "
            "375,47 383,20 396,0",
        ),
    ],
    "coffee.png": [
        (
            "cup",
            "283,18 241,27 202,49 180,76 173,106 174,139 178,169 186,196 199,217 219,237 205,255 197,277 199,298 "
            "223,308 234,300 253,285 280,285 307,282 328,270 340,256 355,244 370,234 380,217 392,187 400,160 407,136 "
            "409,115 406,97 398,76 382,55 355,36 319,21",
        ),
        (
            "saucer",
            "183,70 158,82 125,106 98,136 82,169 76,210 85,256 101,297 131,330 175,357 218,376 273,386 305,387 349,376 "
            "393,357 431,333 458,305 475,273 480,235 477,202 464,164 436,123 415,107 406,145 394,190 385,217 384,233 "
            "389,247 403,260 406,274 403,295 393,313 376,323 358,326 342,320 331,307 326,288 328,270 307,282 280,285 "
            "253,285 234,300 223,308 199,298 197,277 205,255 219,237 199,217 186,196 178,169 174,139 173,106 180,76",
        ),
        (
            "spoon",
            "398,74 409,67 422,72 424,79 415,107 406,145 394,190 385,217 384,233 389,247 403,260 406,274 403,295 "
            "393,313 376,323 358,326 342,320 331,307 326,288 328,274 337,259 352,247 364,239 373,232 380,217 392,187 "
            "400,160 407,136 409,115 406,97",
        ),
    ],
    "rocket.jpg": [
        (
            "rocket",
            "323,127 314,137 311,151 311,177 314,180 313,244 313,406 332,406 331,180 333,178 334,148 332,135",
        ),
    ],
    "flower.jpg": [
        (
            "flower",
            "314,86 335,92 352,93 381,100 390,113 407,119 413,133 428,145 433,169 432,183 442,201 446,221 444,241 "
            "436,259 430,276 419,294 407,317 381,333 349,349 326,358 297,360 279,352 256,351 239,342 220,332 204,317 "
            "198,300 186,291 182,279 172,256 170,227 175,201 177,175 183,169 188,152 201,135 205,122 226,113 241,104 "
            "268,95 291,94",
        ),
        (
            "flower",
            "303,427 296,419 288,404 297,399 303,392 325,392 335,381 349,375 367,387 378,385 393,379 407,385 422,380 "
            "436,387 440,404 439,420 460,422 470,427",
        ),
    ],
}


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and write; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="new folder, for example data/samples")
    args = parser.parse_args(argv)
    if args.output.exists():
        parser.error(f"{args.output} exists: remove it, or name another folder")
    try:
        write([find_image(name) for name in IMAGES], args.output)
    except (UsageError, OSError) as error:
        parser.error(str(error))
    return 0


def write(paths: list[Path], output: Path) -> None:
    """Write `output/images` and `output/annotations.json`; the folder appears complete or not at all.

    Raises:
        ImageError: an image cannot be read.
        OSError: `output` cannot be written.
    """
    with new_folder(output) as folder:
        _fill(folder, paths)


def _fill(folder: Path, paths: list[Path]) -> None:
    (folder / "images").mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, path in enumerate(paths, 1):
        pixels = read_image(path)
        height, width = pixels.shape[:2]
        shutil.copyfile(path, folder / "images" / path.name)
        about = {"id": number, "file_name": path.name, "width": width, "height": height}
        images.append({**about, "license": IMAGES[path.name][0]})
        for label, outline in outlines(path.name, pixels):
            annotations.append({"id": len(annotations) + 1, "image_id": number, **annotation(label, outline)})
    content = {
        "info": {"description": __doc__},
        "licenses": [{"id": number, "name": name} for number, name in LICENSES.items()],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)],
        "images": images,
        "annotations": annotations,
    }
    (folder / "annotations.json").write_text(json.dumps(content) + "\n")


def outlines(name: str, pixels: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    """Class and outline `[N, 2]` (x, y) of every object of an image."""
    if name == "coins.png":
        return [("coin", outline) for outline in find_coins(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))]
    return [(label, np.array([point.split(",") for point in text.split()], int)) for label, text in OBJECTS[name]]


def annotation(label: str, outline: np.ndarray) -> dict[str, Any]:
    """COCO's fields of one object from its outline `[N, 2]`."""
    (left, top), (right, bottom) = outline.min(0).tolist(), outline.max(0).tolist()
    return {
        "category_id": CLASSES.index(label) + 1,
        "segmentation": [outline.ravel().tolist()],
        "bbox": [left, top, right - left, bottom - top],
        "area": float(cv2.contourArea(outline.astype(np.float32))),
        "iscrowd": 0,
    }


def find_coins(gray: np.ndarray) -> list[np.ndarray]:
    """Outlines `[N, 2]` of what is brighter than its surroundings and not thin, in a gray image of coins.

    The background, unevenly lit, is what remains when all that is narrower than 75 pixels, wider than any coin, is
    removed. 32 gray levels above it begins a coin; what is narrower than 25 pixels is a bridge between two, or noise.
    """
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.5)
    above = cv2.subtract(smooth, cv2.morphologyEx(smooth, cv2.MORPH_OPEN, _disc(75)))
    filled = np.zeros_like(gray)
    cv2.drawContours(filled, _contours(np.where(above > 32, 255, 0).astype(np.uint8)), -1, 255, cv2.FILLED)
    found = _contours(cv2.morphologyEx(filled, cv2.MORPH_OPEN, _disc(25)))
    return [cv2.approxPolyDP(contour, 0.7, True)[:, 0] for contour in found]


def find_image(name: str) -> Path:
    """A photograph in the package that has it, which is not imported.

    Raises:
        UsageError: the package is not installed.
    """
    _, distribution, package, folder = IMAGES[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(f"{name} comes with {distribution}: pip install {distribution}")
    return Path(spec.origin).parent / folder / name


def _contours(mask: np.ndarray) -> list[np.ndarray]:
    return list(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0])


def _disc(diameter: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))


if __name__ == "__main__":
    sys.exit(main())
