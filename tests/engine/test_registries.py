"""Each task's registry loads what the task needs and nothing of other tasks, nor mmdet or mmseg."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REGISTRIES = "vision.engine.registries"
# Parts of the names of modules that one task alone has.
OWN = {
    "forgery": ("forgery", "dual_frequency", "wavelet"),
    "stereo": ("stereo", "heads.match", "convformer"),
    "classification": ("classification", "classifier"),
    "dense": ("backbones.neighborhood.models",),
}
# What is built on mmdet, by the registry where it is.
ON_MMDET = {
    "MODELS": "MambaBBoxHead MambaRoIHead VideoDetector",
    "DATASETS": "CocoVID ImageNetDET ImageNetVID MOTFolders SyntheticVideo VideoConcat",
    "TRANSFORMS": "BilateralUniformSample DegradeFrames LoadSyntheticFrame",
}


def run(code: str, folder: Path = ROOT) -> str:
    """What an interpreter of its own prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("task", OWN)
def test_a_task_loads_no_other(task: str) -> None:
    loaded = run(f"import sys, {REGISTRIES}.{task}; print(*sys.modules)").split()
    ours = [name for name in loaded if name.startswith(("vision.", "backbones", "heads"))]
    assert f"{REGISTRIES}.{task}" in ours
    for other, parts in OWN.items():
        found = [name for name in ours if any(part in name for part in parts)]
        assert bool(found) == (other == task), (other, found)
    assert not {"mmdet", "mmseg"} & set(loaded)


def test_a_new_process_loads_no_framework_for_the_engine_alone() -> None:
    assert run("import sys, vision.engine; print('mmengine' in sys.modules, 'torch' in sys.modules)") == "False False\n"


@pytest.mark.parametrize("first", ["vision.registry", f"{REGISTRIES}.stereo", "backbones.registry"])
def test_registries_come_in_any_order_and_again(first: str) -> None:
    run(
        f"import {first}\n"
        f"import vision.registry, backbones.registry, heads.registry, {REGISTRIES}.forgery\n"
        "from mmengine.registry import DATASETS, MODELS\n"
        "names = 'NAT DiNAT DiNATS ConvFormer DualFrequencyNet ForgeryHead MatchDecoder StereoTrainer TimmClassifier'\n"
        "assert all(MODELS.get(name) for name in names.split())\n"
        "assert MODELS.get('ForgeryDetector') is MODELS.get('ForgeryTrainer')  # as earlier configs say\n"
        "assert MODELS.get('StereoMatcher') is MODELS.get('StereoTrainer')\n"
        "assert DATASETS.get('SintelDataset') and DATASETS.get('TimmImageDataset')\n"
    )


@pytest.mark.parametrize("name", ["default", "mmdet", "mmseg"])
def test_the_earlier_runtime_configs_go_on_working(name: str) -> None:
    path = ROOT / f"configs/_base_/{name}_runtime.py"
    code = (
        "from mmengine.config import Config\n"
        "from mmengine.registry import DATASETS, MODELS, OPTIM_WRAPPERS\n"
        f"config = Config.fromfile({str(path)!r})\n"
        "print(config.default_scope, config.default_hooks.timer.type)\n"
        "assert MODELS.get('DiNAT') and OPTIM_WRAPPERS.get('Bf16OptimWrapper')\n"
        f"if {name!r} == 'default':\n"
        "    assert MODELS.get('ForgeryDetector') and MODELS.get('StereoMatcher') and DATASETS.get('SintelDataset')\n"
    )
    scope = "mmengine" if name == "default" else name
    assert run(code) == f"{scope} IterTimerHook\n"


@pytest.mark.parametrize("name", ["vision.registry", f"{REGISTRIES}.video"])
def test_what_is_built_on_mmdet_is_registered_without_importing_it(name: str) -> None:
    code = (
        f"import sys, {name}, mmengine.registry as roots\n"
        f"for registry, names in {ON_MMDET!r}.items():\n"
        "    for name in names.split():\n"
        "        assert getattr(roots, registry).get(name).__name__ == name\n"
        "print({'mmdet', 'mmseg'} & set(sys.modules))\n"
    )
    assert run(code) == "set()\n"


def test_what_is_built_on_mmdet_is_built_as_the_class_of_its_name() -> None:
    import mmengine.registry as roots

    import vision.registry  # noqa: F401
    from vision.datasets import DegradeFrames

    assert isinstance(roots.TRANSFORMS.build({"type": "DegradeFrames", "transforms": [], "prob": 0.0}), DegradeFrames)
    for registry, names in ON_MMDET.items():
        for name in names.split():
            builder = getattr(roots, registry).get(name)
            assert getattr(sys.modules[builder.__module__], name).__name__ == name


def test_another_function_of_the_same_name_is_refused() -> None:
    code = (
        "from mmengine.registry import MODELS\n"
        "def VideoDetector(): pass\n"
        "MODELS.register_module(module=VideoDetector)\n"
        "try:\n"
        f"    import {REGISTRIES}.video\n"
        "except KeyError as error:\n"
        "    print('VideoDetector is already registered' in str(error))\n"
    )
    assert run(code) == "True\n"


def test_another_class_of_the_same_name_is_refused() -> None:
    code = (
        "from mmengine.registry import MODELS\n"
        "MODELS.register_module(name='NAT', module=int)\n"
        "try:\n"
        f"    import {REGISTRIES}.dense\n"
        "except KeyError as error:\n"
        "    print('NAT is already registered' in str(error))\n"
    )
    assert run(code) == "True\n"


ABSENT = "import sys; sys.modules['mmdet'] = sys.modules['mmseg'] = None\nfrom vision import engine\n"


def test_forgery_trains_without_mmdet_and_mmseg(tiny_config: Path, tmp_path: Path) -> None:
    code = f"runner = engine.train({str(tiny_config)!r}, work_dir='run'); assert runner.iter == 2"
    run(ABSENT + code, tmp_path)


def test_stereo_trains_without_mmdet_and_mmseg(tmp_path: Path) -> None:
    path = ROOT / "configs/stereo/match-stereo_nano_synthetic.py"
    options = {
        "model.encoder.depths": (1, 1, 1, 1),
        "model.decoder.depths": (1, 1, 1, 1),
        "train_dataloader.dataset.size": (192, 224),
        "train_dataloader.dataset.num_textures": 4,
        "train_dataloader.batch_size": 1,
        "train_dataloader.num_workers": 0,
        "train_dataloader.persistent_workers": False,
        "train_cfg.max_iters": 2,
    }
    code = f"runner = engine.train({str(path)!r}, work_dir='run', cfg_options={options!r}); assert runner.iter == 2"
    run(ABSENT + code, tmp_path)


def test_commands_and_inferencers_work_without_mmdet_and_mmseg(forgery_tree: Callable[..., Path]) -> None:
    folder = forgery_tree(sources=["alpha"], count=1, size=192)
    real, fake = folder / "alpha/0_real/00.png", folder / "alpha/1_fake/00.png"
    commands = [
        ["forgery", str(real)],
        ["stereo", str(real), str(fake), "--output", str(folder / "out")],
        ["models"],
        ["doctor"],
    ]
    code = (
        "from vision.apis import ForgeryInferencer, StereoInferencer\n"
        "from vision.cli.main import main\n"
        f"for arguments in {commands!r}:\n"
        "    assert main(arguments) in (0, 3), arguments\n"
    )
    run(ABSENT + code, folder)


@pytest.mark.parametrize("task", ["forgery", "stereo"])
def test_every_config_of_a_task_builds_without_mmdet_and_mmseg(task: str, tmp_path: Path) -> None:
    code = (
        "import torch\nfrom pathlib import Path\nfrom mmengine.registry import MODELS\n"
        f"paths = sorted(Path({str(ROOT / 'configs' / task)!r}).rglob('*.py'))\n"
        "for path in paths:\n"
        "    cfg = engine.load_config(path)\n"
        "    with torch.device('meta'):\n"
        "        assert MODELS.build(cfg.model) is not None\n"
        "print(len(paths) > 3)\n"
    )
    assert run(ABSENT + code, tmp_path) == "True\n"


@pytest.mark.parametrize("name", ["vision.registry", f"{REGISTRIES}.dense"])
def test_a_script_that_imports_a_registry_can_import_mmdet(name: str, tmp_path: Path) -> None:
    assert run(f"import {name}, mmcv.ops, mmdet.models; print(mmcv.ops.nms.__name__)", tmp_path) == "nms\n"


def test_a_script_can_build_a_runner_of_a_config(tmp_path: Path) -> None:
    config = ROOT / "configs/detection/mask-rcnn_dinat-mini_samples.py"
    run(
        "from mmengine.config import Config\n"
        "from mmengine.runner import Runner\n"
        f"cfg = Config.fromfile({str(config)!r})\n"
        "cfg.work_dir = 'work'\n"
        "Runner.from_cfg(cfg)\n",
        tmp_path,
    )
