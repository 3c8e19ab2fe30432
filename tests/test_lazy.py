"""Modules that follow another's import: here our models and timm, in whatever order they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(code: str, folder: Path = ROOT) -> None:
    """Run code in an interpreter of its own; it must not fail."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder with a package `lead`, whose submodule imports nothing, and modules that follow."""
    (tmp_path / "lead").mkdir()
    (tmp_path / "lead/__init__.py").write_text("")
    (tmp_path / "lead/part.py").write_text("value = 1\n")
    (tmp_path / "follow.py").write_text("from lead.part import value\n\nseen = value\n")
    (tmp_path / "broken.py").write_text("raise RuntimeError('the follower fails')\n")
    return tmp_path


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
        "import backbones\n"
        "assert len(sys.meta_path) == len(before) + 1\n"
        "import timm\n"
        "assert 'backbones.neighborhood.timm_models' in sys.modules and 'nat_mini' in timm.list_models()\n"
        "assert sys.meta_path[-len(before):] == before\n"
        "assert not any(type(finder).__module__ == 'vision.lazy' for finder in sys.meta_path)\n"
        "spec = timm.models.__spec__\n"
        "assert type(spec.loader) is type(timm.models.__loader__) is SourceFileLoader\n"
        "assert spec.submodule_search_locations and spec.origin == timm.models.__file__\n"
        "import inspect, importlib.resources\n"
        "assert 'import' in inspect.getsource(timm.models)\n"
        "assert importlib.resources.files('timm.models').joinpath('__init__.py').is_file()\n"
    )


def test_who_follows_is_imported_at_once_or_when_the_time_comes(modules: Path) -> None:
    code = "import sys\nfrom vision.lazy import when_imported\n"
    run(
        code + "import lead.part; when_imported('lead.part', 'follow'); assert sys.modules['follow'].seen == 1", modules
    )
    later = (
        "when_imported('lead.part', 'follow')\n"
        "import lead\n"
        "assert 'follow' not in sys.modules\n"
        "import lead.part\n"
        "assert sys.modules['follow'].seen == 1 and lead.part.value == 1\n"
    )
    run(code + later, modules)


def test_a_module_that_does_not_exist_stays_an_import_error(modules: Path) -> None:
    run(
        "from vision.lazy import when_imported\n"
        "when_imported('lead.absent', 'follow')\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        import lead.absent\n"
        "    except ModuleNotFoundError as error:\n"
        "        assert error.name == 'lead.absent'\n"
        "    else:\n"
        "        raise AssertionError\n",
        modules,
    )


def test_the_error_of_a_follower_is_not_hidden(modules: Path) -> None:
    run(
        "from vision.lazy import when_imported\n"
        "when_imported('lead.part', 'broken')\n"
        "try:\n"
        "    import lead.part\n"
        "except RuntimeError as error:\n"
        "    assert str(error) == 'the follower fails'\n"
        "else:\n"
        "    raise AssertionError\n",
        modules,
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
