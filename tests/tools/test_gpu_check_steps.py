"""Steps of tools/gpu_check that only a GPU can pass: on a pretended one their Python runs, and they notice failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tools.gpu_check import behavior, environment, models, network_speed, profiled, sanitized, stereo_speed
from tools.gpu_check import match as match_step
from tools.gpu_check import neighborhood as neighborhood_step
from tools.gpu_check.record import Record
from vision.analysis import speed
from vision.ops.common import kernels

pytestmark = pytest.mark.skipif(kernels.missing() is not None, reason="the kernels are not built")


class Pretended:
    """Stream, event and graph at once; what is recorded has happened."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.happened = False

    def wait_stream(self, _: Pretended) -> None: ...
    def synchronize(self) -> None: ...
    def record(self) -> None: ...
    def replay(self) -> None: ...

    def query(self) -> bool:
        return self.happened

    def elapsed_time(self, _: Pretended) -> float:
        return 1.0


@contextmanager
def strict(self: Record, name: str) -> Iterator[None]:
    """Instead of `Record.checking`: an exception is one of the test."""
    yield


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Of a run on the CPU that believes to be on a GPU."""
    card = SimpleNamespace(
        name="Pretended", major=9, minor=0, multi_processor_count=1, total_memory=2**30, L2_cache_size=64
    )
    pretended = {
        "Stream": Pretended,
        "Event": Pretended,
        "CUDAGraph": Pretended,
        "stream": nullcontext,
        "graph": nullcontext,
        "device": nullcontext,
        "current_stream": Pretended,
        "synchronize": lambda *_: None,
        "_sleep": lambda cycles: None,
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "reset_peak_memory_stats": lambda *_: None,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_properties": lambda *_: card,
    }
    for name, value in pretended.items():
        monkeypatch.setattr(torch.cuda, name, value)  # an error where torch has no such name
    monkeypatch.setattr(Record, "on_gpu", True)
    monkeypatch.setattr(Record, "checking", strict)
    return Record(tmp_path / "record.json", 600, "cpu", True)


def failures(record: Record) -> list[str]:
    return [check["name"] for check in json.loads(record.path.read_text())["checks"] if not check["ok"]]


@pytest.mark.parametrize("step", [match_step, behavior, stereo_speed, network_speed])
def test_steps_on_the_cpu(step: Any, tmp_path: Path) -> None:
    record = Record(tmp_path / "record.json", 600, "cpu", True)
    step.run(record)
    assert not failures(record)
    found = json.loads(record.path.read_text())
    assert len(found["checks"]) > 10 or len(found["tables"][0]["rows"]) > 1


def test_behavior(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behavior, "check_traced", lambda *_: None)  # slow, and no matter of GPUs
    monkeypatch.setattr(behavior, "check_opcheck", lambda *_: None)
    behavior.run(record)
    # The pretended graph does not run again, and the CPU knows no second device.
    assert {name.partition(":")[0] for name in failures(record)} == {"CUDA graph", "refused"}


@pytest.mark.parametrize("step", [neighborhood_step, sanitized])
def test_steps_of_operators(step: Any, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighborhood_step, "CHOSEN", neighborhood_step.CHOSEN[:15])
    monkeypatch.setattr(sanitized, "CASES", sanitized.CASES[:1])
    monkeypatch.setattr(neighborhood_step, "random_case", lambda draw: neighborhood_step.CHOSEN[0])
    step.run(record)
    assert not failures(record)


def test_memory_of_matches(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(torch.nn.Module):
        encoder = SimpleNamespace(embed_dims=[32])

        def forward(self, *views: Tensor) -> None:
            assert views[0].shape == (1, 3, 1536, 1536)

    monkeypatch.setattr(models.MatchStereo, "from_variant", lambda variant: Small())
    models.check_memory(record)
    assert len(failures(record)) == 3  # what takes nothing is not what is believed


def test_profiled(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []

    def attend(query: Tensor, key: Tensor, value: Tensor, *_: Any, bias: Tensor | None = None, **__: Any) -> Any:
        calls.append(tuple(query.shape))
        return (query + key + value) * (1 if bias is None else bias.sum())

    for name in ("na2d", "na3d", "match_attention"):
        monkeypatch.setattr(profiled, name, attend)
    monkeypatch.setattr(torch, "randn", small(torch.randn))
    profiled.run(record)
    assert [shape[-1] for shape in calls] == [32, 128, 8]


def small(draw: Any) -> Any:
    """A function like torch.randn, whose tensors are expanded along their long axes."""

    def run(*sizes: int, **options: Any) -> Tensor:
        return draw(*(1 if 12 < size < 128 and size != 32 else size for size in sizes), **options).expand(sizes).clone()

    return run


def test_environment_and_network_speed(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "matrix_rate", lambda *_: 1e12)
    environment.run(record)
    found = json.loads(record.path.read_text())
    assert found["tables"][0]["rows"] == [["bfloat16", "1.0"], ["float16", "1.0"], ["float32", "1.0"]]
    assert any("nvidia-smi" in note for note in found["notes"])
    monkeypatch.setattr(network_speed, "medians", lambda steps, repeat, device: [1.0, 2.0])
    network_speed.run(record)
    rows = json.loads(record.path.read_text())["tables"][1]["rows"]
    assert [row[3] for row in rows] == ["2.00", "2.00"]


def test_wrong_results_are_noticed(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that forgets a gradient, and one that is not the same twice."""
    results = match_step.results

    def forgetful(case: Any, tensors: list[Tensor], backend: str) -> dict[str, Tensor]:
        found = results(case, tensors, backend)
        if backend == "native":
            found["gradient of centers"] = torch.zeros_like(found["gradient of centers"])
        return found

    monkeypatch.setattr(match_step, "results", forgetful)
    match_step.run(record)
    assert len(failures(record)) == 3 * len(match_step.TOLERANCE)
    noisy = behavior.Operator("noisy", lambda x: x + torch.rand_like(x) * 0.01 * x.detach(), [torch.ones(1, 2)])
    behavior.check_same_bits(record, noisy)
    assert "the same bits again: noisy" in failures(record)


def test_clock_of_gpus(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_milliseconds", lambda step, device: step() or 10.0)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: torch.zeros(1))
    calls: list[int] = []
    assert speed.kernel_ms(lambda: calls.append(1), "cuda", seconds=0.1) == 1.0
    assert len(calls) == speed.WARM_UP + 1 + 10
    assert speed.device_name("cuda") == "Pretended, compute capability 9.0, 1 multiprocessors, 1 GiB"
