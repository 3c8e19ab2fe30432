"""What is imported when it is asked for: our models beside timm's, in whatever order, and public names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(code: str) -> None:
    """Run code in an interpreter of its own; it must not fail."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_backbones_alone_imports_neither_timm_nor_torch() -> None:
    run("import sys, backbones; assert not {'timm', 'torch', 'backbones.neighborhood.timm_models'} & set(sys.modules)")


@pytest.mark.parametrize(
    "imports",
    [
        "import timm, backbones",
        "from backbones import DiNAT; import timm",
        "import backbones.neighborhood.timm_models, timm",
    ],
)
def test_models_are_registered_whatever_is_imported_first(imports: str) -> None:
    run(
        f"{imports}\n"
        "import timm, backbones\n"
        "assert {'nat_mini', 'dinat_mini', 'dinat_s_tiny'} <= set(timm.list_models())\n"
        "model = timm.create_model('nat_mini', embed_dim=8, num_heads=(1, 1, 1, 1), num_classes=3)\n"
        "assert type(model) is backbones.NAT\n"
    )


def test_timm_keeps_its_ordinary_loader() -> None:
    run(
        "import sys, importlib\n"
        "from importlib.machinery import SourceFileLoader\n"
        "before = list(sys.meta_path)\n"
        "import backbones, timm\n"
        "assert 'backbones.neighborhood.timm_models' in sys.modules and 'nat_mini' in timm.list_models()\n"
        "assert sys.meta_path[-len(before):] == before\n"
        "added = {type(finder).__module__.partition('.')[0] for finder in sys.meta_path[:-len(before)]}\n"
        "assert not added & {'vision', 'backbones'}, added\n"
        "spec = timm.models.__spec__\n"
        "assert type(spec.loader) is type(timm.models.__loader__) is SourceFileLoader\n"
        "assert spec.submodule_search_locations and spec.origin == timm.models.__file__\n"
        "import inspect, importlib.resources\n"
        "assert 'import' in inspect.getsource(timm.models)\n"
        "assert importlib.resources.files('timm.models').joinpath('__init__.py').is_file()\n"
    )


def test_without_timm_its_import_fails_as_ever() -> None:
    run(
        "import sys\n"
        "sys.modules['timm'] = None\n"
        "import backbones\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        import timm.models\n"
        "    except ModuleNotFoundError as error:\n"
        "        assert error.name in ('timm', 'timm.models')\n"
        "    else:\n"
        "        raise AssertionError\n"
        "assert 'backbones.neighborhood.timm_models' not in sys.modules\n"
    )


def test_an_error_of_our_models_is_not_hidden() -> None:
    run(
        "import sys, backbones\n"
        "sys.modules['backbones.neighborhood.timm_models'] = None\n"
        "try:\n"
        "    import timm\n"
        "except ImportError as error:\n"
        "    assert error.name == 'backbones.neighborhood.timm_models'\n"
        "else:\n"
        "    raise AssertionError\n"
    )


def test_lazy_exports_are_listed_and_found() -> None:
    run(
        "import sys, backbones\n"
        "assert set(backbones.__all__) <= set(dir(backbones))\n"
        "assert 'torch' not in sys.modules\n"
        "assert backbones.recommend_dilations(224, 7, (1,)) == [[1]]\n"
        "try:\n"
        "    backbones.Swin\n"
        "except AttributeError as error:\n"
        "    assert 'backbones' in str(error) and 'Swin' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
