"""What is installed: a wheel is built from the checkout, listed, and used beside nothing but what it requires."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("vision", "backbones", "heads")
REQUIRED = {
    *("torch", "numpy", "pillow", "opencv-python", "pywavelets", "safetensors"),
    *("rich", "timm", "psutil", "lazy-loader", "wrapt", "jinja2"),
}
# Without torch nothing is compiled: the kernels have tests of their own.
BUILD = """
import sys
sys.modules["torch"] = None
from setuptools import build_meta
print(build_meta.build_wheel(sys.argv[1]))
"""
# Finds what lies beside it alone, and of site-packages only what the wheel requires.
USE = """
import sys
wheel, *allowed = sys.argv[1:]
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
class OnlyRequired(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in allowed or top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        return super().find_spec(name, path, target) if known else None
sys.meta_path[:] = [BuiltinImporter, FrozenImporter, OnlyRequired]
sys.path.insert(0, wheel)
import numpy as np
import vision, backbones, heads
assert all(module.__file__.startswith(wheel) for module in (vision, backbones, heads))
from vision.apis import ForgeryInferencer, StereoInferencer
image = np.random.default_rng(0).integers(0, 256, (192, 200, 3), dtype=np.uint8)
print(ForgeryInferencer(device="cpu")(image)[0].verdict)
from vision.models import match_stereo
print(match_stereo().variant)
import timm
import backbones.neighborhood.timm_models
timm.create_model("nat_mini", num_classes=2)
from vision.visualization.stereo import disparity_colors
from importlib.metadata import distributions
(installed,) = distributions(path=[wheel])
sys.argv[1:] = ["models"]
installed.entry_points["vision"].load()()
"""


@pytest.fixture(scope="module")
def wheel(shared_folder: Path) -> Path:
    folder = shared_folder / "wheel"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            source = shared_folder / "wheel-source"
            ignore = shutil.ignore_patterns("__pycache__", "*.so")
            for name in PACKAGES:
                shutil.copytree(ROOT / name, source / name, ignore=ignore)
            for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
                shutil.copy(ROOT / name, source)
            made = shared_folder / "wheel-made"
            done = subprocess.run([sys.executable, "-c", BUILD, str(made)], cwd=source, text=True, capture_output=True)
            assert done.returncode == 0, done.stderr[-4000:]
            made.rename(folder)
    (path,) = folder.glob("*.whl")
    return path


def names_of(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def distribution(requirement: str) -> str:
    """The name in a requirement, as distributions are compared."""
    return re.sub(r"[-_.]+", "-", re.split(r"[ ;<>=!~\\[(]", requirement, maxsplit=1)[0]).lower()


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    kinds = (".py", ".pyi", ".typed", ".safetensors", ".md", ".html", ".css", ".js")
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in kinds or path.name == "py.typed"
    }
    found = names_of(wheel)
    assert sources <= found
    names = ("dual_frequency_wild", "dual_frequency_demo", "match_stereo_nano", "mamba_people_nano")
    weights = {f"vision/weights/{name}.safetensors" for name in names}
    stubs = {f"{package}/{name}" for package in PACKAGES for name in ("py.typed", "__init__.pyi")}
    assert weights | (stubs - {"vision/__init__.pyi"}) <= found
    assert {name.partition("/")[0] for name in found if ".dist-info" not in name} == set(PACKAGES)
    assert any(name.endswith("LICENSE") for name in found)


def test_metadata(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")  # where nothing is compiled, any machine may have it
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        entries = ConfigParser()
        entries.read_string(archive.read(f"{folder}/entry_points.txt").decode())
    assert metadata["Name"] == "neighborhood-vision" and metadata["Requires-Python"] == ">=3.10"
    assert metadata["License-Expression"] == "Apache-2.0 AND O-UDA-1.0"
    assert metadata.get_all("License-File") == ["LICENSE", "vision/provenance/signed/trust/NOTICE.md"]
    assert {section: list(entries[section]) for section in entries.sections()} == {"console_scripts": ["vision"]}
    requirements = metadata.get_all("Requires-Dist") or []
    plain = {distribution(text) for text in requirements if "extra ==" not in text}
    assert plain >= REQUIRED
    # The training stacks and their companions come with extras alone.
    assert not plain & {"mmengine", "mmdet", "mmsegmentation", "mmcv-lite", "onnx", "onnxruntime", "natten", "pytest"}
    extras = set(metadata.get_all("Provides-Extra") or [])
    assert {"openmmlab", "onedl", "natten", "onnx", "serve", "test", "dev"} <= extras
    assert "neighborhood attention" in metadata.get_payload()  # the README


def test_it_works_beside_nothing_but_what_it_requires(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    installed = {distribution(text) for text in metadata.get_all("Requires-Dist") or [] if "extra ==" not in text}
    tops = [top for top, owners in importlib.metadata.packages_distributions().items()
            if {distribution(owner) for owner in owners} & required_by(installed)]  # fmt: skip
    command = [sys.executable, "-P", "-c", USE, str(tmp_path / "site"), *PACKAGES, *tops]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[-4000:]
    verdict, variant, *table = done.stdout.splitlines()
    assert verdict in ("real", "ai-generated", "inconclusive") and variant == "nano"
    assert "match_stereo_nano" in "\n".join(table)


def required_by(names: set[str]) -> set[str]:
    """Distributions and all that they require in turn, without extras."""
    known: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        try:
            texts = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [distribution(text) for text in texts if "extra ==" not in text]
    return known
