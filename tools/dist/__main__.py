"""`python -m tools.dist`: an sdist, a manylinux wheel and, with --cuda, the wheel of the CUDA kernels, in dist/.

They are made of the last commit, twice, in different folders, and kept only where both times gave the same bytes.
`make dist` runs it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.dist.build import build_sdist, build_wheel
from tools.dist.checks import check, digest
from tools.dist.source import clean_copy, last_commit, stage_cuda, uncommitted
from vision.cli.process import program
from vision.errors import UsageError
from vision.files import replacing

ROOT = Path(__file__).resolve().parents[2]
# nvcc names what is in anonymous namespaces after the folder, so this one is the same each time. Whoever finds it there
# already is told: another build is running, or one was killed.
CUDA_STAGE = Path(tempfile.gettempdir(), "neighborhood-vision-cuda-build")


@program
def main(arguments: Sequence[str] | None = None) -> int:
    """Build, compare, check and put in place; exit code 0 done, 1 something is wrong with what was built."""
    parser = argparse.ArgumentParser(prog="python -m tools.dist", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", metavar="DIR", help="(dist)")
    parser.add_argument("--cuda", action="store_true", help="also build neighborhood-vision-cuda; needs nvcc")
    parser.add_argument("--once", action="store_true", help="build once: half the time, and nothing is compared")
    args = parser.parse_args(arguments)
    os.umask(0o022)  # modes of files are in the packages
    commit = last_commit(ROOT)
    if changed := uncommitted(ROOT):
        print(f"not in the packages, as they are not committed: {len(changed)} files, {changed[0]} among them")
    with tempfile.TemporaryDirectory(prefix="dist-") as name:
        builds = [Path(name, turn) for turn in (["first"] if args.once else ["first", "second"])]
        for build in builds:
            print(f"building in {build}", flush=True)
            _build(build, commit, args.cuda)
        if different := _differences([build / "dist" for build in builds]):
            print(f"built twice, and not the same: {', '.join(different)}", file=sys.stderr)
            return 1
        made = sorted((builds[0] / "dist").iterdir())
        problems = check(made)
        for problem in problems:
            print(problem, file=sys.stderr)
        if problems:
            return 1
        _put(made, args.output)
    return 0


def _build(folder: Path, commit: str, cuda: bool) -> None:
    tree, output = folder / "tree", folder / "dist"
    epoch = clean_copy(ROOT, commit, tree)
    sdist = build_sdist(tree, output, epoch)
    # The wheels are built of the sdist, so that it has all that they take.
    shutil.unpack_archive(sdist, folder / "sdist", filter="data")
    (source,) = (folder / "sdist").iterdir()
    build_wheel(source, output, epoch)
    if cuda:
        stage_cuda(source, CUDA_STAGE)
        try:
            build_wheel(CUDA_STAGE, output, epoch)
        finally:
            shutil.rmtree(CUDA_STAGE, ignore_errors=True)


def _differences(outputs: list[Path]) -> list[str]:
    """Names of files that are not in all folders with the same bytes."""
    listed = [{path.name: digest(path) for path in output.iterdir()} for output in outputs]
    names = {name for one in listed for name in one}
    return sorted(name for name in names if len({one.get(name) for one in listed}) > 1)


def _put(made: list[Path], output: Path) -> None:
    """Copy to the output folder, with a file of all digests beside them."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output {str(output)!r} cannot be made ({error.strerror})") from None
    for path in made:
        with replacing(output / path.name) as file:
            file.write(path.read_bytes())
    lines = [f"{digest(path)}  {path.name}\n" for path in sorted(output.iterdir()) if path.suffix in (".whl", ".gz")]
    (output / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    for path in made:
        print(f"{output / path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
