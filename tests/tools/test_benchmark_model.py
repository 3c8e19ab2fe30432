"""tools/benchmark_model.py: the structure of what it prints, and mistakes; not the figures."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path

import pytest

from vision.analysis import speed
from vision.analysis.speed import Result, Setting, compare, peak_memory
from vision.ops.common import kernels

MAIN = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/benchmark_model.py"))["main"]
needs_kernels = pytest.mark.skipif(kernels.missing() is not None, reason="the kernels are not built")


@pytest.fixture(autouse=True)
def leave_malloc_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold for all later tests, too."""
    monkeypatch.setitem(MAIN.__globals__, "keep_freed_memory", lambda: True)


@needs_kernels
def test_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(speed, "peak_memory", lambda name, setting: None if name == "resnet10t" else 12.3)
    arguments = ["--shape", "32", "64", "--repeat", "1", "--threads", "1", "--batch-size", "1", "2"]
    assert MAIN(["dinat_mini", "resnet10t", *arguments]) == 0
    head, _, table = capsys.readouterr().out.partition("\n\n")
    assert "device cpu" in head and "1 threads" in head and "torch 2" in head and "timm " in head
    assert "our kernels: loaded" in head and "forward, float32, 32x64 pixels, eager, medians of 1 rounds" in head
    header, *rows = (line.split() for line in table.splitlines())
    assert " ".join(header) == "model batch ms per image images/s ratio memory MiB"
    assert [row[:2] for row in rows] == [[name, batch] for batch in ("1", "2") for name in ("dinat_mini", "resnet10t")]
    assert [row[-1] for row in rows] == ["12", "killed"] * 2
    assert rows[0][4] == rows[2][4] == "1.00"
    for row in rows:
        assert float(row[2]) * float(row[3]) == pytest.approx(1e3, rel=0.05)


def test_training_in_bfloat16() -> None:
    setting = Setting((32, 32), batch_size=2, dtype="bfloat16", train=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "peak_memory", lambda name, setting: 1.0)
        (result,) = compare(["resnet10t"], setting, repeat=1)
    assert result.ms > 0 and result.images_per_second == pytest.approx(2e3 / result.ms)


def test_memory_is_that_of_a_fresh_process() -> None:
    small = peak_memory("resnet10t", Setting((32, 32)))
    assert small is not None and 5.4 * 4 * 1e6 / 2**20 < small < 400  # 5.4 M weights at least


def test_ratio_and_units() -> None:
    first, second = Result("a", 2, 10.0, 1.0), Result("b", 2, 25.0, None)
    row = inspect.unwrap(MAIN).__globals__["result_row"](second, first)
    assert row == ["b", "2", "12.50", "80.0", "2.50", "killed"]


def test_our_models_are_not_measured_on_the_reference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernels, "_MISSING", "vision._C is not built")
    with pytest.raises(SystemExit) as stop:
        MAIN(["resnet10t", "dinat_mini"])
    assert stop.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("nothing to measure for dinat_mini: vision._C is not built")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet1O1"], "timm has no model 'resnet1O1'; did you mean resnet1"),
        (["qqqq"], "timm has no model 'qqqq'; timm.list_models() has them all"),
        (["resnet10t", "--batch-size", "1", "0"], "--batch-size must be positive, got [1, 0]"),
        (["resnet10t", "--threads", "0"], "--threads must be positive, got 0"),
        (["resnet10t", "--device", "abacus"], "unknown device 'abacus'"),
        (["resnet10t", "--dtype", "int8"], "invalid choice: 'int8'"),
    ],
)
def test_mistakes_end_with_a_line_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        MAIN(arguments)
    out, err = capsys.readouterr()
    assert stop.value.code == 2 and message in err.splitlines()[-1] and out == ""


def test_a_size_that_a_model_cannot_take() -> None:
    with pytest.raises(ValueError, match="model inception_v3 does not run with 1 images of 8 x 8 pixels in float32"):
        speed.make_step("inception_v3", Setting((8, 8)))
