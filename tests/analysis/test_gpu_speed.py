"""What GPU benchmarks measure, on the CPU: cases, peers, targets; not the figures."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from vision.analysis import attention_speed
from vision.analysis.attention_cases import Case, Timing, as_json, judge, make_cases, make_tiny_cases, tabulate
from vision.analysis.attention_speed import PEERS, Limits, measure
from vision.analysis.match_speed import COLUMNS, MatchTiming, Network, measure_networks, measure_operator
from vision.analysis.speed import device_name, kernel_ms, matrix_rate
from vision.ops import neighborhood_mask
from vision.ops.common import kernels

ROOT = Path(__file__).parents[2]
QUICK = Limits(seconds=0.001, matrix=32)
VIDEO = Case("video", 1, (30, 48, 80), 24, 128, (18, 24, 24))
needs_kernels = pytest.mark.skipif(kernels.missing() is not None, reason="the kernels are not built")


def test_flop_are_those_of_the_windows() -> None:
    case = Case("one", 2, (4, 5), 3, 8, (2, 3))
    visible = neighborhood_mask(case.shape, case.kernel_size).sum().item()
    assert case.flop == 2 * 2 * 2 * visible * 3 * 8
    assert case.full_flop == 2 * 2 * 2 * 20**2 * 3 * 8
    both = Timing(case, "ours", True, 2.0)
    assert both.rate == pytest.approx(3.5 * case.flop / 2e-3)


def test_cases_fit_and_are_unlike() -> None:
    cases = make_cases()
    assert len(set(cases)) == len(cases)
    for case in cases:
        assert all(k * case.dilation <= n for k, n in zip(case.kernel_size, case.shape, strict=True)), case
        size = case.batch * math.prod(case.shape) * case.heads * case.dim * case.dtype.itemsize
        assert 8 * size < 40 * 2**30, case  # inputs, output and gradients on a card of 80 GB
    shapes = {(case.shape, case.dilation) for case in cases if case.name == "DiNAT-Tiny"}
    assert shapes >= {((56, 56), 8), ((28, 28), 4), ((14, 14), 2), ((7, 7), 1)}


@needs_kernels
def test_every_peer_is_measured_or_says_why() -> None:
    timings = list(measure(make_tiny_cases(), "cpu", QUICK))
    assert [(t.peer, t.both) for t in timings[: 2 * len(PEERS)]] == [(p, b) for p in PEERS for b in (False, True)]
    for timing in timings:
        assert (timing.ms is None) == bool(timing.why)
    installed = {"NATTEN"} if find_spec("natten") else set()
    assert {t.peer for t in timings if t.ms} == {"ours", "flex", "reference"} | installed
    columns, rows = tabulate(timings)
    assert len(rows) == 4 and all(len(row) == len(columns) for row in rows)
    assert columns[2] == "ours, ms" and float(rows[0][2]) > 0 and rows[0][4] == "-"
    written = json.loads(json.dumps(as_json(timings, judge(timings))))
    assert len(written["timings"]) == len(timings) and written["timings"][0]["flop"] == timings[0].case.flop


def test_peers_compute_the_same() -> None:
    for case in make_tiny_cases():
        reference, flex = (
            attention_speed._BUILDERS[peer](case, "cpu", False, QUICK)[0]() for peer in ("reference", "flex")
        )
        torch.testing.assert_close(flex.transpose(1, 2).unflatten(1, case.shape), reference, atol=1e-5, rtol=1e-5)
    everything = case._replace(kernel_size=case.shape, dtype=torch.bfloat16)
    reference, full = (
        attention_speed._BUILDERS[peer](everything, "cpu", False, QUICK)[0]() for peer in ("reference", "SDPA flash")
    )
    torch.testing.assert_close(full.transpose(1, 2).unflatten(1, case.shape), reference, atol=0.02, rtol=0.02)


def test_time_that_is_over_is_said() -> None:
    timings = list(measure(make_tiny_cases(), "cpu", QUICK._replace(total=-1.0)))
    assert {t.why for t in timings} == {"no time left"}
    timings = list(measure(make_tiny_cases(), "cpu", QUICK._replace(flex=-1.0), ("flex",)))
    assert {t.why for t in timings} == {"FlexAttention has had its -1 s"}


def test_a_failing_peer_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("nothing")

    monkeypatch.setitem(attention_speed._BUILDERS, "flex", fail)
    timings = list(measure(make_tiny_cases()[:1], "cpu", QUICK, ("flex", "reference")))
    assert timings[0].why.startswith("KeyError") and timings[2].ms is not None


@pytest.mark.parametrize(("ours", "verdicts"), [(4.0, ["met", "met"]), (11.0, ["missed", "missed"])])
def test_targets_of_the_video(ours: float, verdicts: list[str]) -> None:
    """To all tokens 30 ms: 3 x is 10 ms; 45 % of its rate, as the windows are 9 % of the tokens, 6 ms."""
    share = VIDEO.flop / VIDEO.full_flop
    assert share == pytest.approx(0.09)
    timings = [Timing(VIDEO, "ours", False, ours), Timing(VIDEO, "SDPA flash", False, 40.0)]
    timings.append(Timing(VIDEO, "SDPA cuDNN", False, 30.0))
    judged = judge(timings)
    assert [verdict.verdict for verdict in judged] == verdicts
    assert judged[0].found == f"{30 / ours:.2f} x" and "SDPA cuDNN" in judged[1].wanted
    assert {verdict.verdict for verdict in judge(timings[1:])} == {"not measured"}


def test_targets_of_dinat() -> None:
    case = next(case for case in make_cases() if case.name == "DiNAT-Tiny")
    timings = [Timing(case, "ours", True, 1.0), Timing(case, "flex", True, 1.9)]
    [verdict] = judge(timings)
    assert verdict.verdict == "missed" and verdict.found == "1.90 x" and "forward + backward" in verdict.wanted


@needs_kernels
def test_match_rows() -> None:
    rows = [timing.row for timing in measure_operator("cpu", [(4, 6, 1, 4, 1)])]
    assert len(rows) == 2 and all(len(row) == len(COLUMNS) for row in rows)
    assert all(float(cell) > 0 for row in rows for cell in row[2:5])
    [timing] = measure_networks("cpu", nullcontext, [Network("nano", 64, 64, 1e9)], 1, ["fp32"])
    assert timing.verdict == "met" and timing.dtype == "fp32"
    assert MatchTiming("a", "fp16", 16.0, None, 15.0).verdict == "missed"


def test_clock() -> None:
    calls: list[int] = []
    ms = kernel_ms(lambda: calls.append(1), "cpu", seconds=1.0, most=7)
    assert len(calls) == 2 + 1 + 7 and 0 <= ms < 100
    assert matrix_rate("cpu", torch.float32, 64) > 0
    assert device_name("cpu").startswith("CPU ")


@pytest.mark.parametrize("name", ["neighborhood", "stereo"])
def test_benchmarks_say_that_a_device_is_not_there(name: str) -> None:
    command = [sys.executable, str(ROOT / f"benchmarks/{name}.py"), "--device", "cuda:63"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=None)
    assert done.returncode == 1 and "device 'cuda:63' cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
