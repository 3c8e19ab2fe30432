"""Judge real photographs and altered copies of them, and draw where the evidence lies: what `make demo` runs."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vision.apis import ForgeryInferencer, ForgeryResult
from vision.cli.output import OutputFolder, print_table
from vision.cli.process import program
from vision.errors import UsageError
from vision.images import ImageError, read_image
from vision.models.table import FORGERY, default_model
from vision.pixels import jpeg
from vision.visualization.canvas import save_image
from vision.visualization.forgery import save_heatmap

CAPTION = """\
This is what the detector said, no more. No AI model made the altered copies: they only imitate traces that such models
leave (lost fine detail, regions without sensor noise). A verdict is evidence, not proof, and the maps show what moved
the score, not where an edit is."""


@program
def main() -> int:
    """Parse the arguments and run; exit code 0, or 2 with a line that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="*", type=Path, help="photographs (scikit-learn's two sample images)")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder to add to (%(default)s)")
    parser.add_argument("--model", default=default_model(FORGERY))
    parser.add_argument("--checkpoint", help="weights instead of the shipped ones")
    arguments = parser.parse_args()
    try:
        run(arguments.photos or sample_photos(), arguments.output, arguments.model, arguments.checkpoint)
    except (ValueError, OSError) as error:
        print(f"forgery_demo: {error}", file=sys.stderr)
        return 2
    return 0


def run(photos: list[Path], output: Path, model: str, checkpoint: str | None) -> None:
    """Write altered copies and heat maps to `output`, and print a table.

    Raises:
        ValueError: a photograph or the checkpoint cannot be used.
        OSError: `output` cannot be written.
    """
    if len({photo.stem for photo in photos}) < len(photos):
        raise UsageError("two photographs have the same name; the images of one would replace those of the other")
    inferencer = ForgeryInferencer(model, checkpoint, heatmap=True)
    folder = OutputFolder(str(output))
    copies = [item for photo in photos for item in make_copies(photo, photos, folder)]
    rows = []
    for (path, what, base), result in zip(copies, inferencer.stream(path for path, *_ in copies), strict=True):
        if result.error is not None:
            raise ImageError(path, result.error)
        target = Path(f"{base}_heatmap.png")
        save_heatmap(result, target, f"{path.name}: {what}")
        rows.append(_row(result, what, target))
    print_table(["verdict", "probability", "crops", "image", "heat map"], rows)
    print(f"\n{CAPTION}\n\nImages: {output.resolve()}")


def make_copies(photo: Path, photos: list[Path], folder: OutputFolder) -> list[tuple[Path, str, str]]:
    """The photograph and three altered copies, as (file, what it is, what the names of its files begin with).

    Raises:
        ImageError: the photograph cannot be read.
    """
    image = read_image(photo)
    other = photos[(photos.index(photo) + 1) % len(photos)]
    donor = read_image(other)
    copies = {
        "region-filled": (fill_region(image), "photograph, a region filled in from its border"),
        "resampled": (resample(image), "photograph, halved in size and enlarged again"),
        "spliced": (jpeg(splice(image, donor), 85), f"photograph, a piece of {other.name} pasted in, then JPEG 85"),
    }
    names = ["", *(f"_{name}" for name in copies)]
    base = folder.base_for(str(photo), endings=[f"{name}{end}" for name in names for end in (".png", "_heatmap.png")])
    made = [(photo, "photograph as it came", base)]
    for name, (pixels, what) in copies.items():
        target = Path(f"{base}_{name}.png")
        save_image(Image.fromarray(pixels), target)
        made.append((target, what, f"{base}_{name}"))
    return made


def fill_region(image: np.ndarray) -> np.ndarray:
    """Replace an ellipse in the middle of `[H, W, 3]` by what its border suggests: smooth, without noise or texture."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 5, height // 4), 0, 0, 360, 255, -1)
    return cv2.inpaint(np.ascontiguousarray(image), mask, 5, cv2.INPAINT_TELEA)


def resample(image: np.ndarray) -> np.ndarray:
    """Halve and double the size of `[H, W, 3]`: fine detail is lost everywhere, as in an autoencoder's output."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def splice(image: np.ndarray, donor: np.ndarray) -> np.ndarray:
    """Paste the middle of the donor over the lower right of `[H, W, 3]`, with a soft edge."""
    height, width = (min(a, b) // 2 for a, b in zip(image.shape[:2], donor.shape[:2], strict=True))
    top, left = ((side - part) // 2 for side, part in zip(donor.shape[:2], (height, width), strict=True))
    alpha = np.zeros((height, width, 1), np.float32)
    edge = max(1, min(height, width) // 10)
    alpha[edge:-edge, edge:-edge] = 1
    alpha = cv2.GaussianBlur(alpha, (0, 0), edge / 3)[:, :, None]
    result = image.copy()
    place = result[-height:, -width:]
    place[:] = np.rint(alpha * donor[top : top + height, left : left + width] + (1 - alpha) * place)
    return result


def sample_photos() -> list[Path]:
    """Files of scikit-learn's two sample images.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise UsageError("the sample photographs come with scikit-learn: pip install scikit-learn, or name your own")
    folder = Path(spec.origin).parent / "datasets" / "images"
    return [folder / "china.jpg", folder / "flower.jpg"]


def _row(result: ForgeryResult, what: str, target: Path) -> list[str]:
    assert result.verdict is not None and result.probability is not None
    name = Path(result.path).name
    return [result.verdict, f"{result.probability:.3f}", str(result.crops), f"{name} ({what})", str(target)]


if __name__ == "__main__":
    sys.exit(main())
