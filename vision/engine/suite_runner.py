"""mmengine's Runner, where it would go on in silence: other models' weights, other classes, a save that fails."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import Runner
from torch import nn

from vision.engine.checkpoints import KeepingCheckpointHook
from vision.errors import UsageError


class SuiteRunner(Runner):
    """What `tools/train.py` and `tools/test.py` run.

    Attributes:
        strict: whether a checkpoint has to be of this very model, as for a test; training may start from another's.
    """

    strict = False

    def register_hook(self, hook: Hook | dict[str, Any], priority: Any = None) -> None:
        """As mmengine's, with a checkpoint hook that keeps the last checkpoint until the next one is whole."""
        if isinstance(hook, dict) and hook.get("type") in ("CheckpointHook", CheckpointHook):
            hook = {**hook, "type": KeepingCheckpointHook}
        super().register_hook(hook, priority)

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **options: Any) -> None:
        """As mmengine's, but a local file appears complete or not at all."""
        if "://" in out_dir:
            super().save_checkpoint(out_dir, filename, *args, **options)
            return
        target = Path(out_dir, filename)
        # Of the process that writes: the others come here, too, and mmengine sends them away.
        temporary = target.with_name(f".{os.getpid()}-{target.name}.tmp")
        try:
            super().save_checkpoint(out_dir, temporary.name, *args, **options)
            if temporary.exists():
                os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def load_checkpoint(
        self, filename: str, map_location: Any = "cpu", strict: bool = False, **options: Any
    ) -> dict[str, Any]:
        """As mmengine's.

        Raises:
            UsageError: the weights of a test are of another model, or of other classes than the data's.
        """
        try:
            checkpoint: dict[str, Any] = super().load_checkpoint(
                filename, map_location, strict=strict or self.strict, **options
            )
        except RuntimeError as error:
            if "do not match" not in str(error):
                raise
            raise UsageError(
                f"checkpoint {filename} is of another model than the config's: {_shortened(str(error))}",
                code="bad-checkpoint",
                value=filename,
            ) from error
        if self.strict:
            learned = (checkpoint.get("meta") or {}).get("dataset_meta")
            _check_same_classes(f"checkpoint {filename}", learned, "the test set", _metainfo(self.test_loop))
        return checkpoint

    def build_val_loop(self, loop: Any) -> Any:
        """As mmengine's.

        Raises:
            UsageError: validation has other classes than training, or in another order.
        """
        built = super().build_val_loop(loop)
        if not isinstance(self._train_loop, dict | None):
            _check_same_classes("the training set", _metainfo(self._train_loop), "the validation set", _metainfo(built))
        return built


class CpuGroupRunner(SuiteRunner):
    """Gives every process batch norms of its own: torch's synchronized ones refuse a model on CPU."""

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        return super().wrap_model(model_wrapper_cfg, revert_sync_batchnorm(model))


def _metainfo(loop: Any) -> Any:
    return getattr(getattr(getattr(loop, "dataloader", None), "dataset", None), "metainfo", None)


def _check_same_classes(first: str, learned: Any, second: str, judged: Any) -> None:
    """Compare the classes of two data sets, where both say theirs."""
    one, other = _classes(learned), _classes(judged)
    if one is None or other is None or one == other:
        return
    at = next(
        (i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )
    raise UsageError(
        f"{first} has {len(one)} classes, {second} {len(other)}; they first differ at index {at}: "
        f"{_name(one, at)} and {_name(other, at)}. Give both the same classes in the same order "
        "(dataset.classes or dataset.metainfo.classes)",
        code="bad-config",
        value=_name(other, at),
    )


def _classes(metainfo: Any) -> list[str] | None:
    classes = metainfo.get("classes") if isinstance(metainfo, dict) else None
    return list(classes) if isinstance(classes, Sequence) and not isinstance(classes, str) else None


def _name(classes: list[str], index: int) -> str:
    return repr(classes[index]) if index < len(classes) else "none"


def _shortened(message: str) -> str:
    """The lines of mmengine's message without the hundreds of keys that each may list."""
    lines = [line.strip() for line in message.splitlines()[1:] if line.strip()]
    return "; ".join(line if len(line) <= 160 else f"{line[:160]} ..." for line in lines[:3])
