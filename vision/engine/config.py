"""Finds top-level config keys that nothing reads, such as one that a newer mmengine has renamed."""

import argparse
import ast
import difflib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from vision.engine import compat
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
    raise UsageError(f"{cfg.filename}: nothing reads the top-level config key {named}; remove or rename it")


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


def load_config(
    config: str | Path, work_dir: str | Path | None = None, cfg_options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config, override what `cfg_options` names (dots between levels), refuse keys that nothing would read."""
    compat.apply()
    if not Path(config).is_file():
        raise UsageError(f"config not found: {config}")
    try:
        cfg = Config.fromfile(str(config))
    except (SyntaxError, OSError) as error:
        raise UsageError(f"config {config} cannot be read: {error}") from error
    cfg.merge_from_dict(dict(cfg_options or {}))
    check_top_level_keys(cfg)
    if work_dir is not None:
        cfg.work_dir = str(work_dir)
    elif not cfg.get("work_dir"):
        cfg.work_dir = str(Path("work_dirs") / Path(config).stem)
    return cfg


class ConfigOptions(DictAction):
    """mmengine's parser of KEY=VALUE, with argparse's own error for anything else."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        wrong = [value for value in values if "=" not in value]
        if wrong:
            parser.error(f"argument {option_string}: expected KEY=VALUE, got {wrong[0]!r}")
        super().__call__(parser, namespace, values, option_string)
