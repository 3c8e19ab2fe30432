"""mmengine's Runner, where it would go on in silence: other weights or classes, short schedules, a save that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper, revert_sync_batchnorm
from mmengine.optim import OptimWrapperDict
from mmengine.runner import BaseLoop, Runner
from torch import nn

from vision.engine.checkpoints import KeepingCheckpointHook
from vision.engine.classes import check_class_count, check_class_names, check_same_classes
from vision.engine.config import class_name
from vision.engine.distributed import agree, check_shared
from vision.engine.mmcv_ops import check_ops
from vision.engine.progress import Progress, move_loop
from vision.engine.random_state import restore_random_state
from vision.engine.resumption import skip_trained_batches
from vision.engine.schedules import FreshSchedules, check_schedules
from vision.errors import UsageError


@contextmanager
def one_line(config: str | None) -> Iterator[None]:
    """What constructors say of arguments that they do not take, in one line that names the config.

    Raises:
        UsageError: they say so.
    """
    try:
        yield
    except UsageError:
        raise
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        raise UsageError(
            f"{config} cannot be built: {' '.join(said.split())}", code="bad-config", value=str(config)
        ) from error


class SuiteRunner(Runner):
    """What `tools/train.py` and `tools/test.py` run.

    Attributes:
        strict: whether a checkpoint has to be of this very model, as for a test; training may start from another's,
            but not resume it.
    """

    strict = False
    _resume: Any
    _load_from: Any

    def register_hook(self, hook: Hook | dict[str, Any], priority: Any = None) -> None:
        """As mmengine's, with a checkpoint hook that keeps the last checkpoint until the next one is whole."""
        if isinstance(hook, dict) and class_name(hook.get("type")) == "CheckpointHook":
            hook = {**hook, "type": KeepingCheckpointHook}
        super().register_hook(hook, priority)

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **options: Any) -> None:
        """As mmengine's, but a local file appears complete or not at all."""
        if "://" in out_dir:
            super().save_checkpoint(out_dir, filename, *args, **options)
            return
        if not is_main_process():
            return
        target = Path(out_dir, filename)
        # Always the same, so that the next run replaces what a killed one has left: checkpoints are large.
        temporary = target.with_name(f".{target.name}.tmp")
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
            UsageError: the weights of a test are of another model, or of other classes than the data's; a training
                that resumes was of another model, or the file does not say how far it was; there are no weights.
        """
        try:
            checkpoint: dict[str, Any] = super().load_checkpoint(
                filename, map_location, strict=strict or self.strict or self._resume, **options
            )
        except (AttributeError, TypeError) as error:  # a list, a tensor: mmengine looks for names in it
            raise UsageError(
                f"checkpoint {filename} holds no weights by name: {error}", code="bad-checkpoint", value=filename
            ) from error
        except RuntimeError as error:
            if "do not match" not in str(error):
                raise
            raise UsageError(
                f"checkpoint {filename} is of another model than the config's: {_shortened(str(error))}",
                code="bad-checkpoint",
                value=filename,
            ) from error
        meta = checkpoint.get("meta")
        self._resumed_meta: dict[str, Any] = meta if isinstance(meta, dict) else {}
        if self._resume and not (isinstance(meta, dict) and {"epoch", "iter"} <= set(meta)):
            raise UsageError(
                f"checkpoint {filename} has weights alone and does not say how far its training was: start from it "
                "with load_from, without resuming",
                code="bad-checkpoint",
                value=filename,
            )
        if self.strict:
            learned = (checkpoint.get("meta") or {}).get("dataset_meta")
            check_same_classes(f"checkpoint {filename}", learned, "the test set", _metainfo(self.test_loop))
        return checkpoint

    def load_or_resume(self) -> None:
        """As mmengine's, before the first step of a training, of which the data are skipped that it has seen.

        Raises:
            UsageError: a schedule of the training ends too early.
        """
        self._resume, self._load_from = agree((self._resume, self._load_from))
        if self._load_from is not None and "://" not in self._load_from:
            check_shared(self._load_from)
        super().load_or_resume()
        if isinstance(self._train_loop, BaseLoop):
            for warning in check_schedules(self.param_schedulers, self._train_loop):
                self.logger.warning(warning)
            if not self._resume:
                skip_trained_batches(self._train_loop)

    def resume(self, filename: str, *args: Any, **options: Any) -> None:
        """As mmengine's, on any number of processes: the share of the training that is done stays.

        Schedules that count iterations of an epoch which is longer or shorter now, and rates that are scaled by the
        images per step, begin anew and are brought to where the training stands.
        """
        fresh = FreshSchedules(self.param_schedulers, [wrapper.optimizer for wrapper in self.optim_wrappers()])
        super().resume(filename, *args, **options)
        loop, meta = self._train_loop, self._resumed_meta
        was = Progress.from_meta(meta, loop)
        batches = move_loop(loop, was, meta["epoch"], meta["iter"])
        here = Progress.of(loop, self.epoch, self.iter)
        if (was.processes, was.images_per_step) != (here.processes, here.images_per_step):
            self._adapt_schedules(fresh, was, here)
        states = meta.get("random_states")
        seed, iteration = int(self.seed or 0), self.iter
        skip_trained_batches(
            loop, batches, lambda: restore_random_state(states, seed, iteration) if states is not None else None
        )

    def optim_wrappers(self) -> list[Any]:
        """One for each optimizer."""
        wrapper: Any = self.optim_wrapper
        return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]

    def _adapt_schedules(self, fresh: FreshSchedules, was: Progress, here: Progress) -> None:
        is_scaled = bool((self.auto_scale_lr or {}).get("enable")) and was.images_per_step != here.images_per_step
        is_moved = fresh.count_iterations and self.iter != self._resumed_meta["iter"]
        rates = "scaled to them (auto_scale_lr)" if is_scaled else "not scaled to them, which auto_scale_lr would do"
        if (is_scaled or is_moved) and fresh.can_replay:
            fresh.replay(self._train_loop)
        elif is_scaled or is_moved:
            rates = "the checkpoint's, as it depends on what the training has measured"
        self.logger.warning(
            f"goes on with {here.images_per_step} images per step of {here.processes} processes, after "
            f"{was.images_per_step} of {was.processes}; the learning rate is {rates}"
        )

    def build_model(self, model: Any) -> nn.Module:
        """As mmengine's.

        Raises:
            UsageError: an op of mmcv that the model needs is missing.
        """
        built: nn.Module = super().build_model(model)
        check_ops(built, model)
        return built

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """As mmengine's."""
        with one_line(self.cfg.filename):
            return super().build_optim_wrapper(optim_wrapper)

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict[str, Any] | None = None) -> None:
        """As mmengine's."""
        with one_line(self.cfg.filename):
            super().scale_lr(optim_wrapper, auto_scale_lr)

    def build_train_loop(self, loop: Any) -> Any:
        """As mmengine's.

        Raises:
            UsageError: the model tells another number of classes apart than the data has, or the data's annotations
                have other names for them.
        """
        with one_line(self.cfg.filename):
            built = super().build_train_loop(loop)
        check_class_names(getattr(getattr(built, "dataloader", None), "dataset", None), "the training set")
        self._check_class_count(built, "the training set")
        return built

    def build_val_loop(self, loop: Any) -> Any:
        """As mmengine's.

        Raises:
            UsageError: validation has other classes than training or the model, or in another order.
        """
        with one_line(self.cfg.filename):
            built = super().build_val_loop(loop)
        if isinstance(self._train_loop, BaseLoop):
            check_same_classes("the training set", _metainfo(self._train_loop), "the validation set", _metainfo(built))
        self._check_class_count(built, "the validation set")
        return built

    def build_test_loop(self, loop: Any) -> Any:
        """As mmengine's.

        Raises:
            UsageError: the model tells another number of classes apart than the data has.
        """
        with one_line(self.cfg.filename):
            built = super().build_test_loop(loop)
        self._check_class_count(built, "the test set")
        return built

    def _check_class_count(self, loop: Any, data: str) -> None:
        model = self.model.module if is_model_wrapper(self.model) else self.model
        strict = any(type(hook).__name__ == "NumClassCheckHook" for hook in self.hooks)
        check_class_count(model, _metainfo(loop), data, every_head=strict)


class CpuGroupRunner(SuiteRunner):
    """Gives every process batch norms of its own: torch's synchronized ones refuse a model on CPU."""

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        return super().wrap_model(model_wrapper_cfg, revert_sync_batchnorm(model))


def _metainfo(loop: Any) -> Any:
    return getattr(getattr(getattr(loop, "dataloader", None), "dataset", None), "metainfo", None)


def _shortened(message: str) -> str:
    """The lines of mmengine's message without the hundreds of keys that each may list."""
    lines = [line.strip() for line in message.splitlines()[1:] if line.strip()]
    return "; ".join(line if len(line) <= 160 else f"{line[:160]} ..." for line in lines[:3])
