"""Detect or segment what images show, with a config of mmdet or mmseg, and draw it.

    python tools/image_demo.py photo.jpg configs/detection/mask-rcnn_dinat-mini_3x_coco.py work_dirs/run/epoch_36.pth
    python tools/image_demo.py a.jpg b.jpg configs/segmentation/upernet_dinat-mini_160k_ade20k-512x512.py weights.pth

Prints the instances of every image, or the classes with their share of its pixels. Without a checkpoint the weights
are random, and so is the result. Exit code 1: some images could not be read, the others were drawn.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from vision.apis.dense import DenseInferencer
from vision.cli.output import printable
from vision.cli.process import program
from vision.errors import UsageError
from vision.images import ImageError, read_image
from vision.visualization.canvas import save_image
from vision.visualization.dense import draw_prediction

CONFIG_SUFFIXES = (".py", ".json", ".yml", ".yaml")
FOLDER = Path("demo-output")
LEAST_SHARE = 0.005


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and run; exit code 0, 1 when some images failed, 2 with a line that says what is wrong."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    for option in ("score_threshold", "opacity"):
        if not 0 <= getattr(args, option) <= 1:
            parser.error(f"--{option.replace('_', '-')} must be from 0 to 1, got {getattr(args, option):g}")
    try:
        images, config, checkpoint = split_paths(args.paths)
        targets = target_paths(images, args.out, args.overwrite)
        # Of the frameworks to their developers.
        warnings.filterwarnings("ignore", module=r"mm(det|seg|engine|cv)\.")
        for start in ("pkg_resources is deprecated", "torch.meshgrid"):
            warnings.filterwarnings("ignore", message=start)
        inferencer = DenseInferencer(config, checkpoint, args.device)
        if checkpoint is None:
            print("no checkpoint: the weights are random, and so is the result", file=sys.stderr)
        for folder in {target.parent for target in targets}:
            folder.mkdir(parents=True, exist_ok=True)
        results = [run(inferencer, *pair, args) for pair in zip(images, targets, strict=True)]
    except (ValueError, OSError) as error:
        parser.error(" ".join(str(error).split()))
    return int(not all(results))


def run(inferencer: DenseInferencer, path: Path, target: Path, args: argparse.Namespace) -> bool:
    """Predict on an image, draw it and print a line; False, and a line on stderr, when it cannot be read.

    Raises:
        UsageError: the model cannot be used.
        OSError: `target` cannot be written.
    """
    try:
        image = read_image(path)
    except ImageError as error:
        print(f"image_demo: {printable(str(error))}", file=sys.stderr)
        return False
    sample = inferencer.predict(image)
    save_image(draw_prediction(inferencer, image, sample, args.score_threshold, args.opacity), target)
    print(f"{printable(str(path))}: {summary(inferencer, sample, args.score_threshold)} -> {printable(str(target))}")
    return True


def summary(inferencer: DenseInferencer, sample: Any, score_threshold: float) -> str:
    """What was found, in words: instances by class, or classes with their share of the pixels."""
    if inferencer.segments_pixels:
        shares = inferencer.shares(sample)
        shown = [f"{name} {share:.1%}" for name, share in shares.items() if share >= LEAST_SHARE]
        rest = len(shares) - len(shown)
        return ", ".join(shown + ([f"{rest} more classes below {LEAST_SHARE:.1%}"] if rest else []))
    counts = inferencer.instances(sample, score_threshold)
    kinds = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    return f"{counts.total()} instances above {score_threshold:g}" + (f" ({kinds})" if kinds else "")


def split_paths(paths: list[str]) -> tuple[list[Path], str, str | None]:
    """Images, config and checkpoint: the config is the first path with the ending of one.

    Raises:
        UsageError: there is no config, no image before it, or more than a checkpoint after it.
    """
    place = next((i for i, path in enumerate(paths) if path.endswith(CONFIG_SUFFIXES)), None)
    if place is None:
        raise UsageError(f"no config among {', '.join(paths)}; expected IMAGE ... CONFIG.py [CHECKPOINT]")
    images, after = paths[:place], paths[place + 1 :]
    if not images:
        raise UsageError(f"no image before the config {paths[place]}; expected IMAGE ... CONFIG.py [CHECKPOINT]")
    if len(after) > 1:
        raise UsageError(f"expected one checkpoint after the config, got {', '.join(after)}")
    return [Path(image) for image in images], paths[place], after[0] if after else None


def target_paths(images: list[Path], out: Path | None, overwrite: bool = False) -> list[Path]:
    """Where drawings go: the file or the folder `out`; names that are taken get numbers, sources are never replaced.

    Raises:
        UsageError: `out` is one file for several images, one of the images, or there already without `overwrite`.
    """
    sources = {image.resolve() for image in images}
    if out is not None and out.suffix.lower() == ".png" and not out.is_dir():
        if len(images) > 1:
            raise UsageError(f"--out {out} is one file for {len(images)} images; expected a folder")
        if out.resolve() in sources:
            raise UsageError(f"--out {out} would replace the image itself; choose another name")
        if os.path.lexists(out) and not overwrite:
            raise UsageError(f"--out {out} is there already; choose another name, or see --overwrite")
        return [out]
    targets: list[Path] = []
    for image in images:
        number, target = 1, (out or FOLDER) / f"{image.stem}.png"
        while target in targets or target.resolve() in sources or os.path.lexists(target):
            number += 1
            target = target.with_name(f"{image.stem}-{number}.png")
        targets.append(target)
    return targets


def argument_parser() -> argparse.ArgumentParser:
    """The tool's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [options] IMAGE [IMAGE ...] CONFIG [CHECKPOINT]",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="images, then a config file, then a checkpoint")
    parser.add_argument("--out", type=Path, metavar="PATH", help=f"a .png file or a folder ({FOLDER}{os.sep}NAME.png)")
    parser.add_argument("--overwrite", action="store_true", help="let --out replace a file that is there")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ... (%(default)s)")
    parser.add_argument("--score-threshold", type=float, default=0.3, metavar="P", help="of instances (%(default)s)")
    parser.add_argument("--opacity", type=float, default=0.6, metavar="X", help="of masks, 0 to 1 (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
