"""Shapes at which neighborhood attention is timed on GPUs, and what is wanted of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

# Backward has five products for two of forward: the logits again, and four gradients.
BOTH_SHARE = 3.5


class Case(NamedTuple):
    """One call of self attention."""

    name: str
    batch: int
    shape: tuple[int, ...]
    heads: int
    dim: int
    kernel_size: tuple[int, ...]
    dtype: torch.dtype = torch.bfloat16
    stride: tuple[int, ...] | int = 1
    dilation: int = 1
    bias: bool = False

    @property
    def flop(self) -> float:
        """Useful ones of the forward pass: two products over the keys of every window."""
        return 4.0 * self.batch * math.prod(self.shape) * math.prod(self.kernel_size) * self.heads * self.dim

    @property
    def full_flop(self) -> float:
        """Of the forward pass of attention to all tokens."""
        return self.flop / math.prod(self.kernel_size) * math.prod(self.shape)

    def __str__(self) -> str:
        words = [f"{self.batch} x {'x'.join(map(str, self.shape))}", f"h{self.heads}", f"d{self.dim}"]
        words.append("k" + "x".join(map(str, self.kernel_size)))
        words += [f"stride {self.stride}"] * (self.stride != 1) + [f"dil {self.dilation}"] * (self.dilation > 1)
        words += ["bias"] * self.bias
        return f"{self.name}: {' '.join(words)} {dtype_name(self.dtype)}"


def dtype_name(dtype: torch.dtype) -> str:
    """Short, such as bf16."""
    return str(dtype).removeprefix("torch.").replace("bfloat", "bf").replace("float", "fp")


def make_cases() -> list[Case]:
    """The important ones first: a run that is cut has them."""
    half = torch.float16
    stages = [
        # Of DiNAT-Tiny at 224 x 224: tokens of a side, heads, dilations of its layers.
        Case("DiNAT-Tiny", 64, (side, side), heads, 32, (7, 7), half, dilation=dilation, bias=True)
        for side, heads, dilations in ((56, 2, (1, 8)), (28, 4, (1, 4)), (14, 8, (1, 2)), (7, 16, (1,)))
        for dilation in dilations
    ]
    plain = [stage._replace(bias=False) for stage in stages[:2]]
    video = Case("video", 1, (30, 48, 80), 24, 128, (18, 24, 24))
    others = [
        Case("image", 1, (256, 256), 24, 128, (80, 80)),
        video._replace(stride=(16, 8, 8)),
        Case("1-D", 4, (16384,), 16, 64, (2048,)),
        Case("2-D", 16, (64, 64), 16, 64, (21, 21)),
        Case("3-D", 4, (16, 32, 32), 16, 64, (7, 7, 7)),
    ]
    in_bf16 = [stage._replace(dtype=torch.bfloat16) for stage in stages[:1]]
    in_fp32 = [stage._replace(dtype=torch.float32) for stage in (*stages[:2], others[3])]
    return [*stages[:2], video, *plain, *stages[2:], *in_bf16, *in_fp32, *others]


def make_tiny_cases() -> list[Case]:
    """Of every kind one that takes a CPU no time: whether all works can be told without a GPU."""
    single = torch.float32
    return [
        Case("DiNAT-Tiny", 1, (14, 14), 2, 16, (7, 7), single, dilation=2, bias=True),
        Case("video", 1, (4, 6, 6), 1, 16, (2, 3, 3), single),
    ]


class Timing(NamedTuple):
    """Milliseconds of a case by one of those who can compute it; or None, and why."""

    case: Case
    peer: str
    both: bool  # backward, too
    ms: float | None
    why: str = ""
    matrix_rate: float | None = None  # FLOP per second of a large product in the same dtype

    @property
    def rate(self) -> float | None:
        """Useful FLOP per second; attention to all tokens does more, of which the windows' count."""
        return None if self.ms is None else self.case.flop * (BOTH_SHARE if self.both else 1) / self.ms * 1e3

    @property
    def full_rate(self) -> float | None:
        """FLOP per second of attention to all tokens."""
        return None if self.rate is None else self.rate * self.case.full_flop / self.case.flop

    def __str__(self) -> str:
        who = f"{self.peer:<15} {'forward + backward' if self.both else 'forward':<19}"
        if self.ms is None or self.rate is None:
            return f"{who} -  {self.why}"
        share = "" if not self.matrix_rate else f"  {self.rate / self.matrix_rate:6.1%} of a product's rate"
        return f"{who} {self.ms:9.3f} ms {self.rate / 1e12:8.2f} TFLOP/s{share}"


def tabulate(timings: Sequence[Timing]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table: a case and direction per row, milliseconds of everyone."""
    peers = list(dict.fromkeys(t.peer for t in timings))
    rows = []
    for case, both in dict.fromkeys((t.case, t.both) for t in timings):
        found = {t.peer: t for t in timings if (t.case, t.both) == (case, both)}
        ours = found.get("ours")
        rate = "" if ours is None or ours.rate is None else f"{ours.rate / 1e12:.1f}"
        share = "" if not rate or not ours or not ours.matrix_rate else f"{(ours.rate or 0) / ours.matrix_rate:.1%}"
        cells = ["" if p not in found else f"{found[p].ms:.3f}" if found[p].ms else "-" for p in peers]
        rows.append([str(case), "forward + backward" if both else "forward", *cells, rate, share])
    return ["case", "direction", *(f"{p}, ms" for p in peers), "ours, TFLOP/s", "of a product"], rows


def as_json(timings: Sequence[Timing], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Everything as numbers and texts."""
    rows = []
    for timing in timings:
        row = {**timing._asdict(), "case": str(timing.case), "flop": timing.case.flop, "flop_per_second": timing.rate}
        rows.append(row)
    return {"timings": rows, "targets": [verdict._asdict() for verdict in verdicts]}


class Verdict(NamedTuple):
    """What is wanted, what was measured, and "met", "missed" or "not measured"."""

    wanted: str
    found: str
    verdict: str


def judge(timings: Sequence[Timing]) -> list[Verdict]:
    """The targets on an H100."""
    verdicts = []
    for case, both in dict.fromkeys((t.case, t.both) for t in timings if t.case.name == "DiNAT-Tiny"):
        if case.dtype != torch.float32 and case.shape == (56, 56):
            wanted = f"{case}, {'forward + backward' if both else 'forward'}: 2 x faster than FlexAttention"
            verdicts.append(_ratio(wanted, timings, case, both, "flex", 2.0))
    for case in dict.fromkeys(t.case for t in timings if t.case.name == "video" and t.case.stride == 1):
        full = {t.peer: t.ms for t in timings if t.case == case and not t.both and t.peer.startswith("SDPA")}
        best = min((peer for peer, ms in full.items() if ms), key=lambda peer: full[peer] or 0, default="SDPA")
        verdicts.append(_ratio(f"{case}: 3 x faster than SDPA to all tokens", timings, case, False, best, 3.0))
        ours, theirs = _find(timings, case, False, "ours"), _find(timings, case, False, best)
        wanted = f"{case}: at least 45 % of the FLOP rate of {best}"
        if ours is None or theirs is None or ours.rate is None or theirs.full_rate is None:
            verdicts.append(Verdict(wanted, "", "not measured"))
            continue
        share = ours.rate / theirs.full_rate
        verdicts.append(Verdict(wanted, f"{share:.0%}", "met" if share >= 0.45 else "missed"))
    return verdicts


def _ratio(wanted: str, timings: Sequence[Timing], case: Case, both: bool, peer: str, least: float) -> Verdict:
    ours, theirs = _find(timings, case, both, "ours"), _find(timings, case, both, peer)
    if ours is None or theirs is None or ours.ms is None or theirs.ms is None:
        return Verdict(wanted, "", "not measured")
    ratio = theirs.ms / ours.ms
    return Verdict(wanted, f"{ratio:.2f} x", "met" if ratio >= least else "missed")


def _find(timings: Sequence[Timing], case: Case, both: bool, peer: str) -> Timing | None:
    return next((t for t in timings if (t.case, t.both, t.peer) == (case, both, peer)), None)
