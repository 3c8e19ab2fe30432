"""Reading configs: options from the command line, defaults, and no key that nothing reads."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from vision.engine import compat
from vision.engine.config_keys import check_overrides, check_top_level_keys
from vision.errors import UsageError


def load_config(
    config: str | Path, work_dir: str | Path | None = None, cfg_options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config, override what `cfg_options` names (dots between levels), refuse keys that nothing would read."""
    compat.apply()
    if not Path(config).is_file():
        raise UsageError(f"config not found: {config}", code="bad-config", value=str(config))
    try:
        cfg = Config.fromfile(str(config))
    except Exception as error:  # a config is Python that runs
        reason = str(error) if isinstance(error, SyntaxError | OSError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"config {config} cannot be read: {reason}", code="bad-config", value=str(config)) from error
    check_overrides(cfg, cfg_options or {})
    cfg.merge_from_dict(dict(cfg_options or {}))
    check_top_level_keys(cfg)
    if work_dir is not None:
        cfg.work_dir = str(work_dir)
    elif not cfg.get("work_dir"):
        cfg.work_dir = str(Path("work_dirs") / Path(config).stem)
    return cfg


def class_name(kind: Any) -> str:
    """The name of a class that a config names, or holds, as pure-Python configs do, or names with its module."""
    return kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]


class ConfigOptions(DictAction):
    """mmengine's parser of KEY=VALUE, with argparse's own error for anything else."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        wrong = [value for value in values if "=" not in value]
        if wrong:
            parser.error(f"argument {option_string}: expected KEY=VALUE, got {wrong[0]!r}")
        try:
            super().__call__(parser, namespace, values, option_string)
        except RecursionError:  # mmengine's parser on calls and dicts within a list
            parser.error(
                f"argument {option_string}: cannot read {' '.join(values)}; values are numbers, words and lists: "
                "write dicts into a config that inherits this one"
            )
