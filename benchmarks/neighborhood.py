"""Speed of neighborhood attention beside its peers and the machine's matrix product, in one run.

    python benchmarks/neighborhood.py [--threads 2] [--repeat 30] [--quick] [--json FILE]
    python benchmarks/neighborhood.py --device cuda [--quick] [--flex-seconds 180] [--json FILE]

On the CPU:

Useful FLOP: forward 4 B N window heads dim, backward 2.5 times that. "% GEMM" is their rate over that of a 1024^3 torch
matmul in the same dtype, which is measured again before every row, for machines change their pace. Times are medians
in milliseconds. Peers compute the same, or, "full SDPA", attention to all tokens. glibc is told to keep freed memory,
for all alike: otherwise the kernel's zeroing of fresh pages for every output is timed too (--fresh-pages leaves it as
it is).

On GPUs times are those of the kernels, by CUDA's events, with a cold L2 cache, and the product is 8192^3 in the same
dtype, measured again for every case; peers are FlexAttention compiled (autotuned), attention to all tokens by torch's
`scaled_dot_product_attention` (without bias), NATTEN where it is installed, and the reference. As FlexAttention takes
long to compile, it is left out after --flex-seconds in all; that is said, and so is what a peer cannot do.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
import platform
import resource
import statistics
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

import vision
from benchmarks.results import Results
from vision.analysis.attention_cases import Timing, as_json, judge, make_cases
from vision.analysis.attention_speed import Limits, measure, native_missing
from vision.analysis.speed import device_name, gemm_rate, keep_freed_memory
from vision.device import usable_device
from vision.errors import UsageError
from vision.files import write_text
from vision.ops import na1d, na2d, na3d, neighborhood_mask
from vision.ops.common import kernels


class Case(NamedTuple):
    """One call: B = 1, self attention."""

    shape: tuple[int, ...]
    heads: int
    dim: int
    kernel_size: tuple[int, ...]
    dilation: int = 1
    bias: bool = False
    dtype: torch.dtype = torch.float32

    @property
    def flop(self) -> float:
        """Useful ones of the forward pass."""
        return 4.0 * math.prod(self.shape) * math.prod(self.kernel_size) * self.heads * self.dim

    def __str__(self) -> str:
        words = ["x".join(map(str, self.shape)), f"h{self.heads}", f"d{self.dim}"]
        words.append("k" + ",".join(map(str, self.kernel_size)))
        words += [f"dil{self.dilation}"] * (self.dilation > 1) + ["bias"] * self.bias
        return " ".join([*words, str(self.dtype).removeprefix("torch.").replace("bfloat", "bf").replace("float", "fp")])


TARGETS = [
    Case((56, 56), 4, 32, (7, 7)),
    Case((56, 56), 2, 32, (7, 7), 8),
    Case((28, 28), 4, 32, (7, 7), 4),
    Case((14, 14), 8, 32, (7, 7), 2),
]
BIAS = [case._replace(bias=True) for case in TARGETS]
DTYPES = [case._replace(dtype=torch.bfloat16) for case in TARGETS] + [TARGETS[0]._replace(dtype=torch.float16)]
SWEEP = [
    *(Case((56, 56), 4, dim, (7, 7)) for dim in (16, 24, 64, 128)),
    *(Case((56, 56), 4, 32, (k, k)) for k in (3, 5, 9, 11, 13)),
    Case((4096,), 4, 32, (63,)),
    Case((8, 28, 28), 4, 32, (3, 7, 7)),
]
FORWARD_ONLY = ("flex", "NATTEN")  # torch has no backward pass of FlexAttention on CPUs, and NATTEN is that there
SIZES = [Case((n, n), 2, 32, (7, 7)) for n in (14, 28, 56, 112, 224, 512)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="the four target shapes only")
    parser.add_argument("--fresh-pages", action="store_true", help="leave malloc's settings alone")
    parser.add_argument("--flex-seconds", type=float, default=180.0, help="on GPUs: for FlexAttention, in all")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file, too")
    args = parser.parse_args()
    if args.device != "cpu":
        on_gpu(args)
        return
    kept = not args.fresh_pages and keep_freed_memory()
    reason = kernels.missing()
    if reason is not None:
        raise SystemExit(f"nothing to measure: {reason}")
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")  # it is eager on CPU
    warnings.filterwarnings("ignore", message="return_lse is deprecated")  # in NATTEN
    print(f"device cpu, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {args.threads} threads")
    print(f"vision {vision.__version__}, torch {torch.__version__}, Python {platform.python_version()}")
    print(f"malloc keeps freed memory: {'yes' if kept else 'no'}")
    print(f"missing peers: {', '.join(missing_peers()) or 'none'}\n")
    results = Results()
    print_memory()  # first, while the peak is that of this call
    tables = {"target shapes": TARGETS, "with bias": BIAS, "half precision": DTYPES, "other shapes": SWEEP}
    for title, cases in tables.items():
        print_header(title)
        for case in cases:
            print_row(case, args.repeat, results, title)
        if args.quick:
            break
    print_peers(args.repeat, results)
    if not args.quick:
        print_sizes(args.repeat)
        print_threads(args.repeat)
    results.write(args.json)


def on_gpu(args: argparse.Namespace) -> None:
    """Measure on a GPU and print, a line per figure, then what was wanted."""
    try:
        device = str(usable_device(args.device))
    except UsageError as error:
        raise SystemExit(str(error)) from None
    print(f"device {device_name(device)}")
    print(f"vision {vision.__version__}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    print(f"our kernels: {native_missing(device) or 'loaded'}; missing peers: {', '.join(missing_peers()) or 'none'}")
    cases = make_cases()[:2] if args.quick else make_cases()
    timings: list[Timing] = []
    for timing in measure(cases, device, Limits(flex=args.flex_seconds)):
        if not timings or timings[-1].case != timing.case:
            print(f"\n{timing.case}")
        print(f"  {timing}", flush=True)
        timings.append(timing)
    print("\ntargets on an H100")
    verdicts = judge(timings)
    for verdict in verdicts:
        print(f"  {verdict.verdict:<13}{verdict.found:>8}  {verdict.wanted}")
    if args.json:
        write_text(args.json, json.dumps(as_json(timings, verdicts), indent=1))


def missing_peers() -> list[str]:
    """Peers that are not installed."""
    return [name for name in ("natten",) if importlib.util.find_spec(name) is None]


def inputs(case: Case) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Query, key, value `[1, *shape, heads, dim]` and bias."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(case.dtype)

    query, key, value = (draw(1, *case.shape, case.heads, case.dim) for _ in range(3))
    bias = draw(case.heads, *(2 * k - 1 for k in case.kernel_size)) if case.bias else None
    return query, key, value, bias


class Pass(NamedTuple):
    """A forward pass, and what the backward pass finds gradients for."""

    call: Callable[[], Tensor]
    leaves: list[Tensor]

    def forward_ms(self, repeat: int) -> float:
        """Milliseconds of the forward pass alone."""
        with torch.no_grad():
            return median_ms(self.call, repeat)

    def both_ms(self, repeat: int) -> float:
        """Milliseconds of both passes."""
        for leaf in self.leaves:
            leaf.requires_grad_()
        with torch.no_grad():
            grad = torch.randn_like(self.call())
        return median_ms(lambda: torch.autograd.grad(self.call(), self.leaves, grad), repeat)


def attention(case: Case, backend: str = "native") -> Pass:
    """Ours."""
    function = (na1d, na2d, na3d)[len(case.shape) - 1]
    query, key, value, bias = inputs(case)
    window = {"dilation": case.dilation, "bias": bias, "backend": backend}
    leaves = [query, key, value] + ([] if bias is None else [bias])
    return Pass(lambda: function(query, key, value, case.kernel_size, **window), leaves)


def median_ms(call: Callable[[], object], repeat: int) -> float:
    """Median milliseconds of a call, after warming up."""
    times = []
    for _ in range(repeat + 3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:]) * 1e3


def print_header(title: str) -> None:
    """Column names."""
    print(f"{title:<34}{'GFLOP/s':>8}{'forward':>10}{'% GEMM':>8}{'fwd+bwd':>10}{'% GEMM':>8}")


def print_row(case: Case, repeat: int, results: Results, title: str) -> None:
    """One shape: times, and shares of the GEMM rate measured just before."""
    rate, ours = gemm_rate(dtype=case.dtype), attention(case)
    forward, both = ours.forward_ms(repeat), ours.both_ms(repeat)
    shares = case.flop / forward * 1e3 / rate * 100, 3.5 * case.flop / both * 1e3 / rate * 100
    print(f"{case!s:<34}{rate / 1e9:8.0f}{forward:10.3f}{shares[0]:8.1f}{both:10.3f}{shares[1]:8.1f}", flush=True)
    bounds = case.flop / rate * 1e3, 3.5 * case.flop / rate * 1e3
    results.add(f"{title}: forward", str(case), forward, {}, bound=bounds[0])
    results.add(f"{title}: forward and backward", str(case), both, {}, bound=bounds[1])


def peers(case: Case) -> dict[str, Pass]:
    """Other ways to the same result, those that are installed; "full SDPA" attends to all tokens."""
    query, key, value, _ = inputs(case)
    flat = [t.flatten(1, -3).transpose(1, 2).contiguous() for t in (query, key, value)]
    mask = neighborhood_mask(case.shape, case.kernel_size, dilation=case.dilation).flatten(-len(case.shape))
    mask = mask.flatten(0, -2)
    passes = {
        "masked SDPA": Pass(lambda: F.scaled_dot_product_attention(*flat, attn_mask=mask), flat),
        "full SDPA": Pass(lambda: F.scaled_dot_product_attention(*flat), flat),
        "flex": attention(case, "flex"),
        "reference": attention(case, "reference"),
    }
    if not missing_peers():
        natten = importlib.import_module("natten")
        function = getattr(natten, f"na{len(case.shape)}d")
        window = {"kernel_size": case.kernel_size, "dilation": case.dilation}
        passes[f"NATTEN {natten.__version__}"] = Pass(
            lambda: function(query, key, value, **window), [query, key, value]
        )
    return passes


def print_peers(repeat: int, results: Results) -> None:
    """Ours and every peer on the target shapes, milliseconds and the ratio to ours."""
    for title, measured, cost in (("forward", Pass.forward_ms, 1.0), ("forward and backward", Pass.both_ms, 3.5)):
        names = [
            name for name in peers(TARGETS[-1]) if measured is Pass.forward_ms or not name.startswith(FORWARD_ONLY)
        ]
        print(f"\n{f'{title}, ms (times ours)':<34}{'ours':>8}" + "".join(f"{name:>18}" for name in names))
        for case in TARGETS:
            ours, ways = measured(attention(case), repeat), peers(case)
            others = {name: measured(ways[name], min(repeat, 5)) for name in names}
            bound = cost * case.flop / gemm_rate(dtype=case.dtype) * 1e3
            results.add(f"beside its peers: {title}", str(case), ours, others, bound=bound)
            cells = "".join(f"{f'{ms:.2f} ({ms / ours:.1f})':>18}" for ms in others.values())
            print(f"{case!s:<34}{ours:8.2f}{cells}", flush=True)


def print_sizes(repeat: int) -> None:
    """Time per query over sizes: it should not depend on them."""
    print(f"\n{'linear in N':<34}{'forward':>10}{'ns/query':>10}{'fwd+bwd':>10}{'ns/query':>10}")
    for case in SIZES:
        tokens = math.prod(case.shape) * case.heads
        count = max(5, min(repeat, 2_000_000 // tokens))
        forward, both = attention(case).forward_ms(count), attention(case).both_ms(count)
        figures = f"{forward:10.3f}{forward / tokens * 1e6:10.0f}{both:10.3f}{both / tokens * 1e6:10.0f}"
        print(f"{case!s:<34}{figures}", flush=True)


def print_threads(repeat: int) -> None:
    """One thread against those asked for."""
    threads = torch.get_num_threads()
    print(f"\n{'scaling':<34}{'1 thread':>10}{f'{threads} threads':>12}{'ratio':>8}")
    ours = attention(TARGETS[0])
    for name, measured in (("forward", ours.forward_ms), ("fwd+bwd", ours.both_ms)):
        times: dict[int, list[float]] = {1: [], threads: []}
        for _ in range(3):
            for count in times:
                torch.set_num_threads(count)
                times[count].append(measured(repeat))
        one, many = (statistics.median(ms) for ms in times.values())
        print(f"{f'{TARGETS[0]} {name}':<34}{one:10.3f}{many:12.3f}{one / many:8.2f}")
    torch.set_num_threads(threads)


def print_memory() -> None:
    """Growth of the process' peak memory by one forward pass, against q, k, v and out together."""
    case = Case((512, 512), 4, 32, (7, 7))
    size = 4 * math.prod(case.shape) * case.heads * case.dim * 4 / 2**20
    ours = attention(case)
    before = peak_mib()
    with torch.no_grad():
        ours.call()
    extra = peak_mib() - before - size / 4  # out itself is no extra
    print(f"peak extra memory of forward, {case}: {extra:.0f} MiB; q, k, v and out: {size:.0f} MiB\n")


def peak_mib() -> float:
    """Most memory that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
