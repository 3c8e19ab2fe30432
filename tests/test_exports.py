"""What a package exports lazily is what its stub says, whichever of its modules were imported before."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import types
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("vision", "backbones", "heads")
STUBS = sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.pyi"))
PACKAGES = [".".join(path.parent.relative_to(ROOT).parts) for path in STUBS]


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_hides_an_export(name: str) -> None:
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__, f"{name}."):
        importlib.import_module(module.name)
    for export in package.__all__:
        assert not isinstance(getattr(package, export), types.ModuleType), f"{name}.{export} is hidden by a module"
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize(("name", "stub"), list(zip(PACKAGES, STUBS, strict=True)), ids=PACKAGES)
def test_stub_says_what_the_package_gives(name: str, stub: Path) -> None:
    package = importlib.import_module(name)
    statements = ast.parse(stub.read_text(encoding="utf-8")).body
    imported: set[str] = set()
    for statement in statements[:-1]:
        assert isinstance(statement, ast.ImportFrom), f"line {statement.lineno} of a stub is no import"
        assert statement.level == 1 and statement.module, f"line {statement.lineno} imports no module of the package"
        home = importlib.import_module(f"{name}.{statement.module}")
        for alias in statement.names:
            # lazy_loader does not read `as`.
            assert alias.asname in (None, alias.name), f"{alias.name} is renamed"
            assert getattr(package, alias.name) is getattr(home, alias.name)
            imported.add(alias.name)
    last = statements[-1]
    assert isinstance(last, ast.Assign), "a stub ends with __all__"
    listed = ast.literal_eval(last.value)
    assert len(listed) == len(set(listed))
    assert set(listed) == imported == set(package.__all__)


def test_every_stub_stands_beside_its_package() -> None:
    assert STUBS
    assert all(stub.name == "__init__.pyi" and stub.with_suffix(".py").is_file() for stub in STUBS)


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_not_python_reaches_the_wheel(source: str) -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    root = ROOT / source
    patterns = config["options.package_data"][source].split()
    packaged = {path for pattern in patterns for path in root.glob(pattern)}
    kept = {path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    missing = {path for path in kept - packaged if path.suffix not in (".py", ".so")}
    assert not missing, f"no pattern of [options.package_data] takes in {sorted(map(str, missing))}"
    assert all(any(root.glob(pattern)) for pattern in patterns), "a pattern that takes in nothing"


@pytest.mark.parametrize("source", SOURCES)
def test_every_folder_with_modules_is_a_package(source: str) -> None:
    """`packages = find:` sees no folder without `__init__.py`."""
    folders = {path.parent for path in (ROOT / source).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]
