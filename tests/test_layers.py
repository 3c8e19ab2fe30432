"""The contracts on imports leave nothing out: no module without a layer, no import that import-linter cannot see."""

from __future__ import annotations

import ast
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ("vision", "backbones", "heads")


def test_every_module_has_a_layer() -> None:
    config = ConfigParser()
    config.read(ROOT / ".importlinter")
    layers = config["importlinter:contract:layers"]["layers"].replace("|", " ").split()
    children = {path.stem for path in (ROOT / "vision").iterdir() if path.suffix == ".py" or _is_package(path)}
    expected = {f"vision.{child}" for child in children - {"__init__"}} | set(OURS[1:])
    assert set(layers) == expected
    assert len(layers) == len(set(layers))


def test_our_modules_are_not_imported_by_their_names_in_strings() -> None:
    """import-linter, mypy and readers see no `import_module("vision.x")`."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for source in (*OURS, "tools", "benchmarks")
        for path in sorted((ROOT / source).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _called(node.func) in ("import_module", "__import__", "when_imported")
        if any(_names_ours(argument) for argument in node.args)
    ]
    assert not found, f"import these openly: {found}"


def _is_package(path: Path) -> bool:
    return (path / "__init__.py").is_file()


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _names_ours(argument: ast.expr) -> bool:
    """Whether an argument is a string, or begins as one, that names a module of ours."""
    if isinstance(argument, ast.JoinedStr) and argument.values:
        argument = argument.values[0]
    if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
        return False
    return argument.value.split(".")[0] in OURS
