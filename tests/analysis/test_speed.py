"""Measured times, by a clock that the test turns."""

from __future__ import annotations

import psutil
import pytest
import torch

from vision.analysis import speed
from vision.analysis.speed import Result, Setting, medians
from vision.errors import UsageError


class Clock:
    """Seconds that pass only when a step lets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(speed.time, "perf_counter", lambda: self.now)

    def step(self, *milliseconds: float):
        left = iter(milliseconds)

        def run() -> None:
            self.now += next(left) / 1e3

        return run


def test_rounds_that_warm_up_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    quick, slow = clock.step(900, 800, 1, 2, 3), clock.step(9, 9, 30, 10, 20)
    assert medians([quick, slow], 3) == pytest.approx([2, 20])


def test_steps_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    medians([lambda: order.append("a"), lambda: order.append("b")], 2)
    assert "".join(order) == "abababab"  # two rounds warm up


def test_kernel_times_are_a_median_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    # Two steps warm up, one says how many fit into 0.3 s: 0.3 / 0.1 = 3.
    assert speed.kernel_ms(clock.step(5, 5, 100, 7, 9, 8), "cpu") == pytest.approx(8)


def test_rates_count_a_multiplication_and_an_addition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "medians", lambda steps, repeat, device="cpu": [2.0])
    assert speed.gemm_rate() == pytest.approx(2 * 1024**3 / 2e-3)
    monkeypatch.setattr(speed, "kernel_ms", lambda step, device, **_: 4.0)
    assert speed.matrix_rate("cpu", torch.float32, 16) == pytest.approx(2 * 16**3 / 4e-3)


def test_a_result_by_image() -> None:
    result = Result("a", batch_size=4, ms=20.0, mib=None)
    assert (result.ms_per_image, result.images_per_second) == (5.0, 200.0)


@pytest.mark.parametrize(("train", "pack", "packed"), [(False, True, True), (False, False, False), (True, True, False)])
def test_settings_reach_the_model(monkeypatch: pytest.MonkeyPatch, train: bool, pack: bool, packed: bool) -> None:
    seen: list[tuple[torch.Size, torch.dtype, bool, bool, bool]] = []

    class Model(torch.nn.Linear):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            out = super().forward(images)
            bf16 = out.dtype == torch.bfloat16
            seen.append((images.shape, images.dtype, self.training, torch.is_inference_mode_enabled(), bf16))
            return out

    calls: list[object] = []
    model = Model(40, 2)
    monkeypatch.setattr(speed, "build_timm_model", lambda name, size: model)
    monkeypatch.setattr(speed, "pack_for_inference", calls.append)
    step = speed.make_step("any", Setting((32, 40), batch_size=3, train=train, pack=pack, autocast=True))
    assert seen == [(torch.Size([3, 3, 32, 40]), torch.float32, train, not train, True)]
    assert bool(calls) == packed
    assert (model.weight.grad is not None) == train
    if train:
        before = model.weight.grad.clone()
        step()
        torch.testing.assert_close(model.weight.grad, before)  # gradients do not add up


def test_a_model_that_does_not_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "build_timm_model", lambda name, size: torch.nn.Linear(7, 2))
    with pytest.raises(UsageError, match=r"model odd does not run with 3 images of 32 x 40 pixels in float64: "):
        speed.make_step("odd", Setting((32, 40), batch_size=3, dtype="float64", pack=False))


def test_models_keep_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "make_step", lambda name, setting: name)
    monkeypatch.setattr(speed, "peak_memory", lambda name, setting: float(len(name)))
    monkeypatch.setattr(speed, "medians", lambda steps, repeat, device: [repeat + i for i in range(len(steps))])
    rows = speed.compare(["aa", "bbb"], Setting((8, 8), 2), repeat=5)
    assert rows == [Result("aa", 2, 5, 2.0), Result("bbb", 2, 6, 3.0)]
    assert speed.compare(["aa"], Setting((8, 8)), memory=False)[0].mib is None


def test_memory_is_measured_in_mib() -> None:
    now = psutil.Process().memory_info().rss / 2**20
    assert 0.9 * now < speed.peak_resident_mib() < 50 * now
