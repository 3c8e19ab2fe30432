"""Finds top-level config keys that nothing reads, such as one that a newer mmengine has renamed."""

import ast
import difflib
import importlib.util
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from mmengine.config import Config
from mmengine.runner import Runner

from vision.errors import UsageError

# What mmengine reads from a config beside the arguments of its Runner.
EXTRA_KEYS = frozenset(
    {
        "activation_checkpointing",
        "compile",
        "custom_imports",
        "efficient_conv_bn_eval",
        "env_cfg",
        "find_unused_parameters",
        "model_wrapper_cfg",
        "sync_bn",
        "tta_model",
        "tta_pipeline",
    }
)


def check_top_level_keys(cfg: Config) -> None:
    """Raise UsageError for each top-level key that neither mmengine nor the config's own files read."""
    known = runner_keys()
    read = names_read(cfg.text) | set(getattr(cfg, "_imported_names", ()))
    unknown = sorted(set(cfg) - known - read.union(*map(names_read, _sources(Path(cfg.filename)).values())))
    if not unknown:
        return
    hints = {key: difflib.get_close_matches(key, known, n=1) for key in unknown}
    named = ", ".join(f"{key!r}" + (f" (did you mean {hint[0]!r}?)" if hint else "") for key, hint in hints.items())
    raise UsageError(
        f"{cfg.filename}: nothing reads the top-level config key {named}; remove or rename it",
        code="bad-config",
        value=named,
    )


def check_overrides(cfg: Config, options: Mapping[str, Any]) -> None:
    """Raise UsageError for an option that sets a mere variable of the config's files, which they have read by then."""
    known = runner_keys()
    for option in options:
        name = option.partition(".")[0]
        if name in known or name not in cfg:
            continue
        # `max_epochs` is `train_cfg.max_epochs`, and `train_transform.size` some `...transform.size`.
        leaf = option.rpartition(".")[2]
        places = [place for key in sorted(set(cfg) & known) for place in _places(cfg[key], leaf, key)]
        advice = f"set what it is used for: {', '.join(places[:4])}" if places else "set what it is used for"
        raise UsageError(
            f"--cfg-options {option}: {name!r} is a variable of {cfg.filename}, which has been read already; {advice}",
            code="bad-config",
            value=option,
        )


def runner_keys() -> frozenset[str]:
    """The top-level keys that mmengine itself reads."""
    return EXTRA_KEYS | frozenset(inspect.signature(Runner.__init__).parameters) - {"self", "cfg"}


def names_read(text: str) -> set[str]:
    """Variables that a config's Python files use: `Config.text` holds all of them, each after a line with its path."""
    lines = [
        "" if line.endswith((".py", ".yml", ".json")) and Path(line).is_file() else line for line in text.splitlines()
    ]
    try:
        module = ast.parse("\n".join(lines))
    except SyntaxError:
        return set()  # YAML and JSON have no variables
    if written := _keys_of_a_run(module):
        return written
    nodes = list(ast.walk(module))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return names | {node.attr for node in nodes if _is_inherited(node)}


def _keys_of_a_run(module: ast.Module) -> set[str]:
    """All keys of a config that mmengine has written into a work directory, else none.

    It holds everything sorted, with the variables of the files that it was made from, which nothing reads any more.
    """
    targets = [target for node in module.body if isinstance(node, ast.Assign) for target in node.targets]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    complete = len(names) == len(module.body) and {"work_dir", "launcher"} <= set(names)
    return set(names) if complete and names == sorted(names) else set()


def _is_inherited(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether this is `_base_.name`, which uses a variable of an inherited file."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "_base_"


def _sources(path: Path, found: dict[Path, str] | None = None) -> dict[Path, str]:
    """The text of a Python config and of those that it inherits by read_base, which mmengine does not keep."""
    found = {} if found is None else found
    if path in found or path.suffix != ".py" or not path.is_file():
        return found
    found[path] = path.read_text(encoding="utf-8")
    blocks = [node for node in ast.parse(found[path]).body if isinstance(node, ast.With)]
    for node in (node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)):
        module = (node.module or "").split(".")
        if node.level:
            _sources(path.parents[node.level - 1].joinpath(*module).with_suffix(".py"), found)
        elif package := importlib.util.find_spec(module[0]):
            for folder in package.submodule_search_locations or ():
                _sources(Path(folder, *module[1:]).with_suffix(".py"), found)
    return found


def _places(value: Any, leaf: str, path: str) -> list[str]:
    """Keys below `path` that end in `leaf`, with dots between levels."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    found = []
    for key, inner in items:
        found += [f"{path}.{key}"] if key == leaf else _places(inner, leaf, f"{path}.{key}")
    return found
