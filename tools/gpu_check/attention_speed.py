"""Neighborhood attention beside its peers, as `benchmarks/neighborhood.py --device cuda` measures it."""

from __future__ import annotations

from tools.gpu_check.record import Record
from vision.analysis.attention_cases import Timing, as_json, judge, make_cases, make_tiny_cases, tabulate
from vision.analysis.attention_speed import PEERS, Limits, measure


def run(record: Record) -> None:
    """The table grows with every figure; what has targets comes first, FlexAttention's other shapes last."""
    cases = make_tiny_cases() if record.quick else make_cases()
    first, rest = cases[:3], cases[3:]
    slow = ("flex", "NATTEN", "reference")
    plan = [(first, PEERS), (rest, tuple(peer for peer in PEERS if peer not in slow)), (rest, slow)]
    timings: list[Timing] = []
    for some, peers in plan:
        limits = Limits(flex=0.6 * record.left, total=record.left)
        if record.quick:
            limits = limits._replace(seconds=0.01, matrix=128)
        for timing in measure(some, record.device, limits, peers):
            if not timings or timings[-1].case != timing.case:
                print(f"  {timing.case}")
            print(f"    {timing}", flush=True)
            timings.append(timing)
            record.table("Milliseconds by case", *tabulate(timings))
    verdicts = judge(timings)
    record.table("Targets on an H100", ["wanted", "found", "verdict"], [list(verdict) for verdict in verdicts])
    for verdict in verdicts:
        print(f"  {verdict.verdict}: {verdict.wanted} {verdict.found}")
    record.data("figures", as_json(timings, verdicts))
    reasons = dict.fromkeys(f"{timing.peer}: {timing.why}" for timing in timings if timing.why)
    for reason in reasons:
        record.note(f"not measured, {reason}")
    measured = any(timing.ms is not None for timing in timings if timing.peer == "ours")
    record.check("ours was measured", measured)
