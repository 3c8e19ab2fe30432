"""A small training of a network without batch norms, and processes to run it in."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from vision import engine

CONFIG = """
default_scope = "mmengine"
model = dict(type="SmallModel")
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type="SmallData"),
    sampler=dict(type="DefaultSampler", shuffle=True, seed=5),
    collate_fn=dict(type="default_collate"),
)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=2)
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=0.01, weight_decay=0.1), clip_grad=dict(max_norm=0.5)
)
param_scheduler = dict(type="OneCycleLR", eta_max=0.01, total_steps=2, convert_to_iter_based=True)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.1)]
default_hooks = dict(logger=dict(type="LoggerHook", interval=1), checkpoint=dict(type="CheckpointHook", interval=1))
env_cfg = dict(mp_cfg=dict(mp_start_method="fork"))
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=8)
"""


class SmallData(Dataset[dict[str, Tensor]]):
    """Sixteen vectors with what to make of them, and their numbers."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.inputs, self.targets = torch.randn(16, 6, generator=generator), torch.randn(16, 3, generator=generator)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"inputs": self.inputs[index], "targets": self.targets[index], "index": index}


class SmallError(BaseMetric):
    """The mean loss."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += [float(loss) for loss in data_samples]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return {"error": sum(results) / len(results)}


class SmallBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.scale = nn.Linear(5, 5), nn.Parameter(torch.ones(5))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * torch.tanh(self.linear(x))


class SmallModel(BaseModel):
    """Writes into `seen` which samples each step had, and random numbers of that step."""

    def __init__(self, seen: str | None = None, act: str = "") -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)
        self.blocks = nn.ModuleList([SmallBlock(), SmallBlock()])
        self.seen, self.act = seen, act
        self.steps = 0

    def forward(self, inputs: Tensor, targets: Tensor, index: Tensor, mode: str = "tensor") -> Any:
        self.steps += 1
        rank = os.environ.get("RANK", "0")
        if self.seen:
            numbers = [random.random(), float(np.random.rand()), float(torch.rand(()))]
            with open(f"{self.seen}-{rank}.txt", "a") as file:
                file.write(f"{' '.join(map(str, index.tolist()))};{numbers}\n")
        if self.act:
            eval(self.act, {"rank": int(rank), "steps": self.steps, "os": os})
        x = self.first(inputs)
        for block in self.blocks:
            x = block(x)
        loss = (self.last(x) - targets).square().mean()
        return {"loss": loss} if mode == "loss" else [loss]


for registry, kind in ((MODELS, SmallModel), (DATASETS, SmallData), (METRICS, SmallError)):
    registry.register_module(module=kind, force=True)


@pytest.fixture
def small_config(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int | None]]:
    """A function that calls another in a group of new processes and returns their exit codes.

    They are forked, so that they import nothing again. What goes wrong in them is in `error-<rank>.txt`.
    """
    for name in ("matplotlib.backends.backend_agg", "matplotlib.pyplot", "torch._dynamo", "vision.engine.runner"):
        importlib.import_module(name)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(Runner, "_log_env", lambda runner, cfg: None)  # which calls compilers for seconds
    monkeypatch.setattr("mmengine.runner.loops.time.sleep", lambda seconds: None)

    def run(count: int, work: Callable[[], object], timeout: float = 60) -> list[int | None]:
        for error in tmp_path.glob("error-*.txt"):
            error.unlink()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])

        def start(rank: int) -> None:
            names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
            os.environ.update({name: str(value) for name, value in names.items()}, MASTER_ADDR="127.0.0.1")
            try:
                work()
            except BaseException:
                (tmp_path / f"error-{rank}.txt").write_text(traceback.format_exc())
                os._exit(1)
            os._exit(0)

        context = multiprocessing.get_context("fork")
        group: list[Any] = [context.Process(target=start, args=(rank,)) for rank in range(count)]
        for process in group:
            process.start()
        for process in group:
            process.join(timeout)
            if process.exitcode is None:
                process.kill()
                process.join()
                raise AssertionError(f"a process did not end within {timeout} seconds")
        return [process.exitcode for process in group]

    return run


@pytest.fixture
def train(
    small_config: Path, tmp_path: Path, processes: Callable[..., list[int | None]]
) -> Callable[..., dict[str, Any]]:
    """A function that trains in `count` processes and returns the last checkpoint of the work directory."""

    def run(work_dir: str, count: int, cfg_options: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        launcher = "none" if options.pop("alone", False) else "pytorch"

        def work() -> None:
            options_of_config = {"experiment_name": uuid4().hex, **(cfg_options or {})}
            engine.train(
                small_config,
                work_dir=tmp_path / work_dir,
                cfg_options=options_of_config,
                launcher=launcher,
                **options,
            )

        codes = processes(count, work)
        assert codes == [0] * count, "\n".join(path.read_text() for path in tmp_path.glob("error-*.txt"))
        newest = Path((tmp_path / work_dir / "last_checkpoint").read_text())
        loaded: dict[str, Any] = torch.load(newest, weights_only=False)
        return loaded

    return run
