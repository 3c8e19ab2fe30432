"""Finds top-level config keys that nothing reads, such as one that a newer mmengine has renamed."""

import ast
import difflib
import inspect
from pathlib import Path
from typing import TypeGuard

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
    unknown = sorted(set(cfg) - known - names_read(cfg.text))
    if not unknown:
        return
    hints = {key: difflib.get_close_matches(key, known, n=1) for key in unknown}
    named = ", ".join(f"{key!r}" + (f" (did you mean {hint[0]!r}?)" if hint else "") for key, hint in hints.items())
    raise UsageError(
        f"{cfg.filename}: nothing reads the top-level config key {named}; remove or rename it",
        code="bad-config",
        value=named,
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
        nodes = list(ast.walk(ast.parse("\n".join(lines))))
    except SyntaxError:
        return set()  # YAML and JSON have no variables
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return names | {node.attr for node in nodes if _is_inherited(node)}


def _is_inherited(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether this is `_base_.name`, which uses a variable of an inherited file."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "_base_"
