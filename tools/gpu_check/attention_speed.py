"""Neighborhood attention beside its peers, as `benchmarks/neighborhood.py --device cuda` measures it."""

from __future__ import annotations

import warnings

from tools.gpu_check.record import Record
from vision.analysis.attention_cases import Timing, as_json, judge, make_cases, make_tiny_cases, tabulate
from vision.analysis.attention_speed import PEERS, Limits, measure

SLOW = ("flex", "NATTEN", "reference")


def run(record: Record) -> None:
    """Everything that needs no compilation first; then FlexAttention, at what has targets before the rest."""
    warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")  # it is eager on CPUs
    cases = make_tiny_cases() if record.quick else make_cases()
    fast = tuple(peer for peer in PEERS if peer not in SLOW)
    timings: list[Timing] = []
    for some, peers in ((cases, fast), (cases[:3], SLOW), (cases[3:], SLOW)):
        limits = Limits(seconds=0.15, flex=0.8 * record.left, total=record.left)
        if record.quick:
            limits = limits._replace(seconds=0.01, matrix=128)
        for timing in measure(some, record.device, limits, peers):
            if not timings or timings[-1].case != timing.case:
                print(f"  {timing.case}")
            print(f"    {timing}", flush=True)
            timings.append(timing)
            save(record, timings)
    for verdict in judge(timings):
        print(f"  {verdict.verdict}: {verdict.wanted} {verdict.found}")
    for reason in dict.fromkeys(f"{timing.peer}: {timing.why}" for timing in timings if timing.why):
        record.note(f"not measured, {reason}")
    record.check("ours was measured", any(timing.ms is not None for timing in timings if timing.peer == "ours"))


def save(record: Record, timings: list[Timing]) -> None:
    """After every figure: FlexAttention's compiler may take until the step is cut."""
    verdicts = judge(timings)
    record.table("Milliseconds by case", *tabulate(timings))
    record.table("Targets on an H100", ["wanted", "found", "verdict"], [list(verdict) for verdict in verdicts])
    record.data("figures", as_json(timings, verdicts))
