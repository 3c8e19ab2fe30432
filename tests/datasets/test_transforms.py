"""The table of transforms: names without mmengine, and none of mmcv's taken away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import vision.datasets
from vision.datasets.transforms import build_transform, transform_names

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_transform_that_is_exported_has_its_name() -> None:
    exported = {name: getattr(vision.datasets, name) for name in vision.datasets.__all__}
    transforms = {
        name: kind
        for name, kind in exported.items()
        # Those of mmdet's pipelines derive from mmcv's base, which calls `transform`.
        if isinstance(kind, type) and vars(kind).keys() & {"__call__", "transform"} and "Dataset" not in name
    }
    assert set(transforms) == set(transform_names())
    assert isinstance(build_transform({"type": "CenterCrop", "size": 8}), transforms["CenterCrop"])


def test_names_are_known_without_mmengine_and_without_more_imports() -> None:
    code = (
        "import sys\nsys.modules['mmengine'] = None\n"
        "from vision.datasets.stereo.dataset import StereoDataset, StereoFiles\n"
        "pairs, steps = [StereoFiles('a', 'b', 's')], ['RandomErase', 'RandomStereoFlip', 'PackStereo']\n"
        "made = StereoDataset(pairs, [{'type': step} for step in steps]).transforms\n"
        "assert [type(step).__name__ for step in made] == steps\n"
        "try:\n"
        "    StereoDataset(pairs, [{'type': 'Sharpen'}])\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    assert run(code).startswith("unknown transform 'Sharpen'; expected one of ['CenterCrop', 'Compose', ")


def test_transforms_of_mmcv_keep_their_names() -> None:
    code = (
        "import vision.registry, mmcv.transforms\n"
        "from mmengine.registry import TRANSFORMS\n"
        "print(TRANSFORMS.get('RandomFlip').__module__.partition('.')[0])\n"
        "print(sorted(k for k, v in TRANSFORMS.module_dict.items() if v.__module__.startswith('vision')))\n"
    )
    # Those of mmdet's pipelines for videos, whose names nobody else has.
    assert run(code) == "mmcv\n['BilateralUniformSample', 'DegradeFrames', 'LoadSyntheticFrame']\n"
