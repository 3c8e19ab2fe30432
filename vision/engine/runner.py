"""Training and testing of any config of the suite on mmengine's Runner; tools/train.py and tools/test.py call it."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner

from vision.engine.checkpoints import newest_checkpoint
from vision.engine.config import ConfigOptions, class_name, load_config
from vision.engine.distributed import LAUNCHERS, process_group
from vision.engine.evaluation import average_over_flips, check_pickle_name, draw_predictions, keep_predictions
from vision.engine.openmmlab import scope_of
from vision.engine.optim import Bf16OptimWrapper
from vision.engine.registries.register import register
from vision.engine.sharded_runner import WRAPPER, ShardedRunner, is_sharded
from vision.engine.stopping import StopHook, TrainingStopped, listening
from vision.engine.suite_runner import CpuGroupRunner, SuiteRunner, one_line
from vision.errors import UsageError

STRATEGIES = ("ddp", "fsdp2")
REPLACED_BY_AMP = ("OptimWrapper", "AmpOptimWrapper", "Bf16OptimWrapper")


def train(
    config: str | Path,
    *,
    work_dir: str | Path | None = None,
    resume: str | None = None,
    amp: bool = False,
    auto_scale_lr: bool = False,
    cfg_options: Mapping[str, Any] | None = None,
    launcher: str = "none",
    strategy: str | None = None,
) -> Runner:
    """Train as the config says and return the finished Runner.

    `resume` is the path of a checkpoint, or "auto" for the newest whole one in the work directory (none
    there: start anew).
    `amp` trains in mixed precision: float16 with loss scaling on CUDA, bfloat16 on CPU.
    `auto_scale_lr` multiplies the learning rate by the images per step over the config's `base_batch_size`.
    `launcher` says how the processes were started: "none" for one, "pytorch" by torchrun, "slurm" by srun.
    `strategy` is how they share the model: "ddp", a whole one each, or "fsdp2", a part each; None: as the config says.
    SIGTERM or SIGUSR1 to any process ends it behind a step, with a checkpoint, by TrainingStopped.
    Raises UsageError for a missing file, an unknown config key and the like.
    """
    cfg = load_config(config, work_dir, cfg_options)
    if cfg.get("train_dataloader") is None or cfg.get("optim_wrapper") is None:
        raise UsageError(
            f"{config} cannot be trained: it needs a train_dataloader and an optim_wrapper",
            code="bad-config",
            value=str(config),
        )
    if resume == "auto" or (resume is None and cfg.get("resume") and not cfg.get("load_from")):
        _resume_from_newest(cfg)
    elif resume is not None:
        cfg.resume = True
        cfg.load_from = _existing_checkpoint(resume)
    if strategy is not None:
        _use_strategy(cfg, strategy, launcher)
    if amp:
        use_amp(cfg)
    if auto_scale_lr:
        _scale_rate(cfg)
    stopped = None
    with listening() as told, process_group(launcher, cfg):
        runner = _build_runner(cfg, launcher, trains=True)
        runner.register_hook(StopHook(told))
        try:
            runner.train()
        except TrainingStopped as reason:  # all processes: they leave the group together
            stopped = reason
    if stopped is not None:
        raise stopped
    return runner


def test(
    config: str | Path,
    checkpoint: str | Path,
    *,
    work_dir: str | Path | None = None,
    amp: bool = False,
    show_dir: str | Path | None = None,
    out: str | Path | None = None,
    tta: bool = False,
    cfg_options: Mapping[str, Any] | None = None,
    launcher: str = "none",
) -> dict[str, float]:
    """Evaluate a checkpoint on the config's test set and return the metrics by name.

    `amp` runs the model under autocast. `show_dir` is a new folder for the images with their predictions drawn, `out` a
    pickle file for the predictions; `tta` averages predictions over flipped images, or the config's `tta_pipeline`.
    Raises UsageError for a missing file, an unknown config key and the like.
    """
    cfg = load_config(config, work_dir, cfg_options)
    if cfg.get("test_dataloader") is None:
        raise UsageError(f"{config} cannot be tested: it has no test_dataloader", code="bad-config", value=str(config))
    cfg.load_from = _existing_checkpoint(checkpoint)
    cfg.resume = False
    if amp:
        cfg.test_cfg = {**(cfg.get("test_cfg") or {}), "fp16": True}
    if out is not None:
        check_pickle_name(out)
    if show_dir is not None:
        draw_predictions(cfg, show_dir)
    if tta:
        average_over_flips(cfg)
    with process_group(launcher, cfg):
        runner = _build_runner(cfg, launcher, trains=False)
        runner.strict = True
        if out is not None:
            keep_predictions(runner.test_evaluator, out, scope_of(cfg))
        return runner.test()


def argument_parser(description: str) -> argparse.ArgumentParser:
    """The arguments that training and testing share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config", metavar="CONFIG", help="config file, for example configs/forgery/*.py")
    parser.add_argument("--work-dir", metavar="DIR", help="where logs and checkpoints go (default: work_dirs/<config>)")
    parser.add_argument("--amp", action="store_true", help="mixed precision: float16 on CUDA, bfloat16 on CPU")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=ConfigOptions,
        metavar="KEY=VALUE",
        help="override config entries, for example train_dataloader.batch_size=8 randomness.seed=1",
    )
    parser.add_argument("--launcher", choices=LAUNCHERS, default="none", help="how the processes were started")
    # torchrun sets LOCAL_RANK; older launchers pass it as an argument instead.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _existing_checkpoint(checkpoint: str | Path) -> str:
    path = str(checkpoint)
    if "://" not in path and not Path(path).is_file():
        raise UsageError(f"checkpoint not found: {path}", code="bad-checkpoint", value=str(path))
    return path


def use_amp(cfg: Config) -> None:
    """Swap the optimizer wrapper for its mixed-precision form on the device at hand."""
    wrapper = cfg.optim_wrapper
    kind = wrapper.get("type", "OptimWrapper")
    name = class_name(kind)
    if name not in REPLACED_BY_AMP:
        raise UsageError(
            f"mixed precision replaces an optim_wrapper of type OptimWrapper, but the config has {name!r}",
            code="bad-config",
            value=name,
        )
    if torch.cuda.is_available():
        wrapper.type = "AmpOptimWrapper"
        wrapper.setdefault("loss_scale", "dynamic")
        return
    # A config of another project does not import a registry of this one.
    register(OPTIM_WRAPPERS, Bf16OptimWrapper)
    for option in ("loss_scale", "dtype", "use_fsdp"):
        wrapper.pop(option, None)
    wrapper.type = "Bf16OptimWrapper"


def _use_strategy(cfg: Config, strategy: str, launcher: str) -> None:
    """Set the wrapper of the model, or take that of a config away which asks for another strategy."""
    if strategy not in STRATEGIES:
        raise UsageError(
            f"strategy is {strategy!r}; expected {' or '.join(STRATEGIES)}", code="out-of-range", value=strategy
        )
    if strategy == "fsdp2" and launcher == "none":
        raise UsageError(
            "one process has nothing to share its model with: start several with tools/dist_train.sh (torchrun) or "
            "tools/slurm_train.sh (srun) for fsdp2",
            code="conflicting-arguments",
            value=strategy,
        )
    if (strategy == "fsdp2") != is_sharded(cfg):
        cfg.model_wrapper_cfg = {"type": WRAPPER} if strategy == "fsdp2" else None


def _scale_rate(cfg: Config) -> None:
    """Switch mmengine's scaling on."""
    scaling = cfg.get("auto_scale_lr") or {}
    if "base_batch_size" not in scaling:
        raise UsageError(
            f"{cfg.filename} does not say how many images a step has that its learning rate is meant for: "
            "set auto_scale_lr.base_batch_size",
            code="bad-config",
            value=str(cfg.filename),
        )
    cfg.auto_scale_lr = {**scaling, "enable": True}


def _resume_from_newest(cfg: Config) -> None:
    """Where there is nothing to go on from, training starts as the config says, with its own `load_from`."""
    folders = [cfg.work_dir]
    hook = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
    if hook.get("out_dir"):
        folders.append(str(Path(hook["out_dir"], Path(cfg.work_dir).name)))
    newest = newest_checkpoint(*folders)
    cfg.resume = newest is not None
    if newest is not None:
        cfg.load_from = newest


def _build_runner(cfg: Config, launcher: str, trains: bool) -> SuiteRunner:
    """Sharded for a training on several processes alone: what is tested fits one, and one process has it whole."""
    cfg.launcher = launcher
    runner: type[SuiteRunner] = SuiteRunner
    if is_sharded(cfg) and (launcher == "none" or not trains):
        cfg.model_wrapper_cfg = None
    if is_sharded(cfg):
        runner = ShardedRunner
    elif launcher != "none" and not torch.cuda.is_available():
        _wrap_model_for_cpu(cfg)
        runner = CpuGroupRunner
    try:
        os.makedirs(cfg.work_dir, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"work directory {cfg.work_dir} cannot be made: {error.strerror}", code="bad-config", value=cfg.work_dir
        ) from error
    with one_line(cfg.filename):
        built: SuiteRunner = runner.from_cfg(cfg)
    return built


def _wrap_model_for_cpu(cfg: Config) -> None:
    """Give mmengine's wrapper no device number, which torch refuses for a model on CPU."""
    wrapper = cfg.get("model_wrapper_cfg") or {
        "broadcast_buffers": False,
        "find_unused_parameters": cfg.get("find_unused_parameters", False),
    }
    cfg.model_wrapper_cfg = {"type": "MMDistributedDataParallel", **wrapper, "device_ids": None}
