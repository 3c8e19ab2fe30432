"""Reading configs: options from the command line, defaults, and no key that nothing reads."""

import argparse
import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from vision.engine import compat
from vision.engine.config_keys import check_overrides, check_top_level_keys
from vision.errors import UsageError

# Spaces within a word, such as of a path, which mmengine would drop, and what keeps their place.
_INNER_SPACES = re.compile(r"(?<=[^ ,\[(]) +(?=[^ ,\])])")
_STAND_IN = "\0"


def load_config(
    config: str | Path, work_dir: str | Path | None = None, cfg_options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config, override what `cfg_options` names (dots between levels), refuse keys that nothing would read."""
    compat.apply()
    if not Path(config).is_file():
        raise UsageError(f"config not found: {config}", code="bad-config", value=str(config))
    try:
        cfg = Config.fromfile(str(config))
    except (Exception, SystemExit) as error:  # a config is Python that runs
        reason = str(error) if isinstance(error, SyntaxError | OSError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"config {config} cannot be read: {reason}", code="bad-config", value=str(config)) from error
    check_overrides(cfg, cfg_options or {})
    try:
        cfg.merge_from_dict(dict(cfg_options or {}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # an index that a list lacks, a key of a number
        reason = str(error.args[0] if error.args else error)
        raise UsageError(
            f"--cfg-options {' '.join(cfg_options or {})}: {config} has no such place: {reason}",
            code="bad-config",
            value=str(config),
        ) from error
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
    """mmengine's parser of KEY=VALUE, with dicts in values as well, and argparse's own error for anything else."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        found = dict(getattr(namespace, self.dest, None) or {})
        for value in values:
            key, equals, text = value.partition("=")
            if not equals:
                parser.error(f"argument {option_string}: expected KEY=VALUE, got {value!r}")
            try:
                found[key] = _python_value(text)
                continue
            except (SyntaxError, ValueError):  # mmengine reads lists without brackets and words without quotes
                pass
            if "{" in text or "dict(" in text:  # which mmengine would cut at each comma
                parser.error(
                    f"argument {option_string}: cannot read {value}; write strings in dicts with quotes, and quote the "
                    "whole for the shell"
                )
            try:
                super().__call__(parser, namespace, [f"{key}={_with_stand_ins(text)}"], option_string)
            except (AssertionError, RecursionError):  # mmengine's parser on brackets without a partner
                parser.error(f"argument {option_string}: cannot read {value}; values are numbers, words, lists, dicts")
            found[key] = _with_spaces(getattr(namespace, self.dest)[key])
        setattr(namespace, self.dest, found)


def _python_value(text: str) -> Any:
    """A list, tuple or dict in Python's notation, with `dict(key=value)` besides.

    Raises:
        SyntaxError, ValueError: it is something else.
    """
    if not text.lstrip().startswith(("[", "(", "{", "dict(")):
        raise ValueError(text)

    return ast.literal_eval(_DictCalls().visit(ast.parse(text.strip(), mode="eval")))


def _with_stand_ins(text: str) -> str:
    return _INNER_SPACES.sub(lambda spaces: _STAND_IN * len(spaces[0]), text)


def _with_spaces(value: Any) -> Any:
    """A value, or each of a list, with the spaces that it was written with."""
    if isinstance(value, list | tuple):
        return type(value)(map(_with_spaces, value))
    return value.replace(_STAND_IN, " ") if isinstance(value, str) else value


class _DictCalls(ast.NodeTransformer):
    """`dict(key=value)` as the literal that it means."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        is_dict = isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args
        if not is_dict or any(keyword.arg is None for keyword in node.keywords):
            return node  # not a literal
        return ast.Dict([ast.Constant(k.arg) for k in node.keywords], [k.value for k in node.keywords])
