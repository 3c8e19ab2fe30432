"""What 8 bits cost: an exported model in float32 and in int8 on the same images.

    vision export forgery float.onnx
    vision export forgery int8.onnx --int8 --calibrate FOLDER
    python benchmarks/quantization.py float.onnx int8.onnx --real FOLDER --generated FOLDER [--limit 300] [--seed 0]

    python benchmarks/quantization.py float.onnx int8.onnx --images FOLDER

The first form is for detectors: balanced accuracy at a probability of 0.5, and how far probabilities move. The second
is for classifiers: how often both name the same class, and how far logits move against their spread. Of each folder a
random sample is taken. Times are of one thread.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from vision.apis import ForgeryInferencer
from vision.images import IMAGE_SUFFIXES, ImageError, read_image
from vision.onnx.classification import fitted
from vision.onnx.session import OnnxModel


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("float", type=Path)
    parser.add_argument("int8", type=Path)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--generated", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--limit", type=int, default=300, help="images of each folder")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # read when a file is opened
    for path in (args.float, args.int8):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    if args.images is not None:
        compare_classifiers(args.float, args.int8, sample(args.images, args.limit, args.seed))
    elif args.real is not None and args.generated is not None:
        real, generated = (sample(folder, args.limit, args.seed) for folder in (args.real, args.generated))
        compare_detectors(args.float, args.int8, real, generated)
    else:
        parser.error("expected --real and --generated, or --images")


def sample(folder: Path, limit: int, seed: int) -> list[Path]:
    """At most `limit` images below a folder; ends the program where there are none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise SystemExit(f"no images below {folder}")
    return random.Random(seed).sample(found, min(limit, len(found)))


def compare_detectors(whole: Path, quantized: Path, real: list[Path], generated: list[Path]) -> None:
    """Judge images as `vision forgery` does."""
    probabilities, verdicts = [], []
    for path in (whole, quantized):
        inferencer = ForgeryInferencer(checkpoint=path)
        results = inferencer([*real, *generated])
        probabilities.append(np.array([np.nan if r.probability is None else r.probability for r in results]))
        verdicts.append(np.array([r.verdict or "" for r in results]))
        windows = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
        print(f"{path.name}: {1e3 * median_seconds(partial(inferencer.runtime.logits, windows)) / 2:.1f} ms per window")
    is_read = np.isfinite(probabilities[0]) & np.isfinite(probabilities[1])
    is_generated = np.arange(len(is_read)) >= len(real)
    print(f"{(is_read & ~is_generated).sum()} real and {(is_read & is_generated).sum()} generated images")
    for path, probability in zip((whole, quantized), probabilities, strict=True):
        right = (probability >= 0.5) == is_generated
        shares = [right[is_read & (is_generated == kind)].mean() for kind in (False, True)]
        print(f"{path.name}: balanced accuracy {100 * np.mean(shares):.1f} %")
    moved = np.abs(probabilities[1] - probabilities[0])[is_read]
    print(f"probabilities move by {moved.mean():.4f} in the mean, {moved.max():.3f} at most")
    print(f"{100 * (verdicts[0] != verdicts[1])[is_read].mean():.1f} % of the verdicts change")


def compare_classifiers(whole: Path, quantized: Path, paths: list[Path]) -> None:
    """Classes and logits of the same images."""
    models = [OnnxModel(path, "classification", ["images"], ["logits"]) for path in (whole, quantized)]
    sizes = models[0].metadata["sizes"]
    height, width = (sizes.get(side, sizes.get("least")) for side in ("height", "width"))
    logits: list[list[np.ndarray]] = [[], []]
    for path in paths:
        try:
            image = fitted(read_image(path), height, width).numpy()
        except ImageError as error:
            print(f"{error}; skipped")
            continue
        for model, found in zip(models, logits, strict=True):
            found.append(model.run({"images": image})[0][0])
    if not logits[0]:
        raise SystemExit("none of the images can be read")
    for model in models:
        seconds = median_seconds(partial(model.run, {"images": image}))
        print(f"{model.path.name}: {1e3 * seconds:.1f} ms per image")
    one, other = (np.stack(found) for found in logits)
    print(f"{len(one)} images, {100 * (one.argmax(1) == other.argmax(1)).mean():.1f} % of the first classes agree")
    # What all images have in common says nothing of them.
    spread = (one - one.mean(0)).std()
    print(f"logits move by {np.abs(one - other).mean() / spread:.3f} of their deviation among images")


def median_seconds(work: Callable[[], object], repeat: int = 15) -> float:
    """Of CPU time, after two runs that nobody counts."""
    seconds = []
    for _ in range(repeat + 2):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return float(np.median(seconds[2:]))


if __name__ == "__main__":
    main()
