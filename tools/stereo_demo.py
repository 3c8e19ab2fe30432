"""Match a stereo pair and look at it as a point cloud: the second part of `make demo`.

Without images of your own it renders a scene, whose true disparity is known, so that the error can be told.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from vision.apis import StereoInferencer, StereoResult
from vision.cli.process import program
from vision.datasets import SyntheticStereo
from vision.files import free_places
from vision.geometry import StereoCalibration, depth_of, point_cloud, write_ply
from vision.metrics.stereo.errors import stereo_errors
from vision.models.table import STEREO, default_model
from vision.stereo_io import write_pfm, write_png
from vision.visualization.points import render_points
from vision.visualization.stereo import render_stereo

SIZE = (384, 768)
SCENE = 4  # one of many that the generator makes from this seed
FILES = ("left.png", "right.png", "disparity.pfm", "stereo.png", "points.ply", "points.png")
BASELINE = 0.1  # meters
FARTHEST = 50.0  # meters: what has next to no disparity would be anywhere


@program
def main() -> int:
    """Parse the arguments and run; exit code 0, or 2 with a line that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("views", nargs="*", metavar="LEFT RIGHT", help="a rectified pair (default: a rendered scene)")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder of the images (%(default)s)")
    parser.add_argument("--checkpoint", help="weights instead of the shipped ones")
    arguments = parser.parse_args()
    if len(arguments.views) not in (0, 2):
        parser.error(f"expected no images or two, LEFT and RIGHT, got {len(arguments.views)}")
    try:
        run(arguments.views, arguments.output, arguments.checkpoint)
    except (ValueError, OSError) as error:
        print(f"stereo_demo: {error}", file=sys.stderr)
        return 2
    return 0


def run(views: list[str], output: Path, checkpoint: str | None = None) -> None:
    """Write images, disparity and point cloud of a pair to `output`, and say what they are.

    Raises:
        ValueError: the pair or the checkpoint cannot be used.
        OSError: `output` cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    place = free_places(output, FILES)
    truth = None
    if not views:
        views, truth = render_scene(place)
    [result] = StereoInferencer(checkpoint=checkpoint)([(views[0], views[1])])
    if result.error is not None:
        raise ValueError(result.error)
    save(result, place)
    print(f"matched {result.left} and {result.right} in {result.seconds:.2f} s")
    for warning in result.warnings:
        print(f"  note: {warning}")
    if truth is not None:
        assert result.disparity is not None
        errors = stereo_errors(result.disparity, truth)
        print(
            f"  mean error {errors['epe']:.2f} px, {errors['bad_2']:.1f} % of the pixels wrong by more than 2 px, on a "
            f"rendered scene; photographs: vision/weights/{default_model(STEREO)}.md"
        )
    print(f"  images: {place['stereo.png']}, {place['points.png']}")
    print(f"  disparity {place['disparity.pfm']}, point cloud for MeshLab, CloudCompare ... {place['points.ply']}")


def render_scene(place: dict[str, Path]) -> tuple[list[str], np.ndarray]:
    """Write left and right view of a scene, and return their paths and the left view's disparity."""
    sample = SyntheticStereo(SIZE, seed=20, layouts={"indoor": 1.0})[SCENE]
    paths = [place["left.png"], place["right.png"]]
    for path, name in zip(paths, ("left", "right"), strict=True):
        write_png(path, sample[name])
    return [str(path) for path in paths], sample["disparity"]


def save(result: StereoResult, place: dict[str, Path]) -> None:
    """Disparity, the image beside it, and the points that both views see."""
    assert result.disparity is not None and result.image is not None and result.occlusion is not None
    write_pfm(place["disparity.pfm"], result.disparity)
    drawn = np.asarray(render_stereo(result, "a pair of images, and the disparity found"))
    write_png(place["stereo.png"], drawn, "stereo")
    height, width = result.disparity.shape
    calibration = StereoCalibration(focal=float(width), baseline=BASELINE, cx=width / 2, cy=height / 2)
    depth = depth_of(result.disparity, calibration)
    points, colors = point_cloud(depth, result.image, calibration, keep=~result.occlusion, max_depth=FARTHEST)
    write_ply(place["points.ply"], points, colors, "meters, if the focal length were the image's width")
    write_png(place["points.png"], render_points(points, colors), "points")


if __name__ == "__main__":
    sys.exit(main())
