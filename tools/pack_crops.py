"""Pack a set of images into archives of bounded size, to carry it to another machine for tools/train_crops.py.

    python tools/pack_crops.py DATA OUT [--megabytes 55]

DATA is a folder `<source>/{0_real,1_fake}/*`. Writes OUT/crops-000.tar and so on, each with images of all sources, as
they are; a file is never split.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
from pathlib import Path

from vision.cli.process import program
from vision.datasets.forgery import list_samples
from vision.errors import UsageError
from vision.files import replacing_path

HEADER = 1024  # bytes that an archive adds for each file, at most


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and pack; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("out", metavar="OUT", type=Path)
    parser.add_argument("--megabytes", type=float, default=55, help="size of an archive at most (%(default)s)")
    args = parser.parse_args(argv)
    try:
        for path, count in pack(args.data, args.out, int(args.megabytes * 1e6)):
            print(f"{path}: {count} images, {path.stat().st_size / 1e6:.1f} MB")
    except (UsageError, ValueError, OSError) as error:
        parser.error(str(error))
    return 0


def pack(data: Path, out: Path, most: int) -> list[tuple[Path, int]]:
    """Write the archives; their paths and how many images each has.

    Raises:
        UsageError: there are archives already, or an image is larger than an archive may be.
    """
    if any(out.glob("crops-*.tar")):
        raise UsageError(f"{out} has archives already; give a folder without", code="usage", value=str(out))
    files = [Path(sample.path) for sample in list_samples(data, "plain")]
    groups = _groups(files, most)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for number, group in enumerate(groups):
        target = out / f"crops-{number:03d}.tar"
        with replacing_path(target) as path, tarfile.open(path, "w") as archive:
            for file in group:
                archive.add(file, file.relative_to(data).as_posix(), recursive=False)
        written.append((target, len(group)))
    return written


def _groups(files: list[Path], most: int) -> list[list[Path]]:
    """As few groups as their sizes need; files are dealt out in turn, so that each has its share of every source."""
    sizes = [file.stat().st_size + HEADER for file in files]
    limit = most - 10_240  # an archive's end
    if max(sizes, default=0) > limit:
        largest = files[sizes.index(max(sizes))]
        raise UsageError(f"{largest} alone is larger than {most / 1e6:g} MB; expected archives that hold an image")
    count = max(1, -(-sum(sizes) // limit))
    while True:
        groups = [files[start::count] for start in range(count)]
        if all(sum(sizes[start::count]) <= limit for start in range(count)):
            return groups
        count += 1


if __name__ == "__main__":
    sys.exit(main())
