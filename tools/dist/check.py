"""`python -m tools.dist.check`: the wheels of dist/ beside the oldest and the newest torch, in fresh environments.

Each environment gets torch, the wheel with its extras for inference, and `smoke.py`, away from the source. Then a torch
that is too old: pip must refuse it, and where someone forces it, the suite must say so. `make dist-check` runs it.

It fetches torch, which is large: from another index by PIP_INDEX_URL or PIP_EXTRA_INDEX_URL, such as that of wheels for
the CPU alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from vision.cli.process import program
from vision.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
OLDEST = "2.10.0"
TOO_OLD = "2.9.1"
EXTRAS = "video,serve,onnx,heif,ray"
SMOKE = Path(__file__).with_name("smoke.py")


@program
def main(arguments: Sequence[str] | None = None) -> int:
    """Check all; exit code 0, or 1 where something is broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.dist.check", description=__doc__)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="DIR", help="where the wheels lie (dist)")
    parser.add_argument("--python", default=sys.executable, metavar="FILE", help="that the environments are made of")
    parser.add_argument(
        "--torch", action="append", metavar="VERSION", help=f"beside this alone; repeatable ({OLDEST}, and the newest)"
    )
    parser.add_argument("--extras", default=EXTRAS, metavar="LIST", help="to install and try (%(default)s)")
    parser.add_argument("--environment", metavar="DIR", help="use this one, which has a torch, and make none")
    args = parser.parse_args(arguments)
    wheels = find_wheels(args.dist)
    if args.environment is not None:
        return int(not works(Path(args.environment), wheels, args.extras))
    done = [try_beside(version, wheels, args) for version in args.torch or (OLDEST, "newest")]
    if args.torch is None:
        done.append(refuses_old(wheels, args.python))
    return int(not all(done))


def find_wheels(folder: Path) -> list[Path]:
    """The main wheel, and that of the CUDA kernels where there is one.

    Raises:
        UsageError: there is no main wheel, or more than one.
    """
    main_wheels = sorted(folder.glob("neighborhood_vision-*.whl"))
    if len(main_wheels) != 1:
        raise UsageError(f"--dist {str(folder)!r} has {len(main_wheels)} wheels of the suite; expected one: make dist")
    return [*main_wheels, *sorted(folder.glob("neighborhood_vision_cuda-*.whl"))]


def try_beside(version: str, wheels: Sequence[Path], args: argparse.Namespace) -> bool:
    """Whether all commands work in a fresh environment beside this torch."""
    with tempfile.TemporaryDirectory(prefix="dist-check-") as name:
        make_environment(Path(name), args.python)
        print(f"== beside torch {version}", flush=True)
        pip(Path(name), "install", "torch" if version == "newest" else f"torch=={version}")
        return works(Path(name), wheels, args.extras)


def works(environment: Path, wheels: Sequence[Path], extras: str) -> bool:
    """Whether all commands work once the wheels are in an environment that has torch."""
    main_wheel, *others = (str(wheel.resolve()) for wheel in wheels)
    # timm asks for torchvision, whose newest version would bring the newest torch.
    torch = f"torch=={version_of('torch', environment)}"
    pip(environment, "install", torch, f"{main_wheel}[{extras}]" if extras else main_wheel)
    pip(environment, "install", "--force-reinstall", "--no-deps", main_wheel, *others)
    with tempfile.TemporaryDirectory() as away:
        shutil.copy(SMOKE, away)
        done = subprocess.run([python_of(environment), "smoke.py"], cwd=away, env=without_source())
    return done.returncode == 0


def refuses_old(wheels: Sequence[Path], python: str) -> bool:
    """Whether pip refuses a torch that is too old, and the suite says so where it is forced."""
    with tempfile.TemporaryDirectory(prefix="dist-check-") as name:
        environment, main_wheel = Path(name), str(wheels[0].resolve())
        make_environment(environment, python)
        print(f"== beside torch {TOO_OLD}", flush=True)
        both = [python_of(environment), "-m", "pip", "install", "--dry-run", main_wheel, f"torch=={TOO_OLD}"]
        refused = subprocess.run(both, text=True, capture_output=True, env=without_source())
        is_refused = refused.returncode != 0 and "torch>=" in refused.stdout + refused.stderr
        print(f"pip: {'refused' if is_refused else 'BROKEN: it installs both'}")
        pip(environment, "install", f"torch=={TOO_OLD}", "numpy", "wrapt", "lazy_loader")
        pip(environment, "install", "--no-deps", main_wheel)
        command = [python_of(environment), "-c", "import vision.ops; vision.ops.na2d"]
        forced = subprocess.run(command, text=True, capture_output=True, cwd=name, env=without_source())
        says_so = f"torch {TOO_OLD}" in forced.stderr and "is too old" in forced.stderr
        print(f"import vision.ops: {forced.stderr.strip().splitlines()[-1] if says_so else 'BROKEN: ' + forced.stderr}")
        return is_refused and says_so


def make_environment(folder: Path, python: str) -> None:
    """A virtual environment with nothing but pip."""
    if Path(python) == Path(sys.executable):
        venv.create(folder, with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip(folder, "install", "--upgrade", "pip")


def pip(environment: Path, *words: str) -> None:
    """Run pip, which says what is an error.

    Raises:
        UsageError: it failed.
    """
    command = [python_of(environment), "-m", "pip", "--disable-pip-version-check", "-q", *words]
    if subprocess.run(command, env=without_source()).returncode:
        raise UsageError(f"pip {' '.join(words)} failed in {environment}")


def version_of(distribution: str, environment: Path) -> str:
    """Which version is installed there.

    Raises:
        UsageError: none is.
    """
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    done = subprocess.run([python_of(environment), "-c", code], text=True, capture_output=True, env=without_source())
    if done.returncode:
        raise UsageError(f"{environment} has no {distribution}; expected an environment with one")
    return done.stdout.strip()


def python_of(environment: Path) -> str:
    """Its interpreter."""
    return str(environment / "bin/python")


def without_source() -> dict[str, str]:
    """Variables that let nothing of this checkout be imported."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}


if __name__ == "__main__":
    sys.exit(main())
