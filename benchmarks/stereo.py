"""Speed of match attention and MatchStereo beside the reference in PyTorch and OpenCV, in one run.

    python benchmarks/stereo.py [--threads 2] [--repeat 5] [--quick] [--json FILE]
    python benchmarks/stereo.py --device cuda [--repeat 10] [--quick]

Times are median milliseconds over rounds in which everyone takes its turn. "PyTorch" is the same call, or the same
network, with the operator computed by its readable reference in PyTorch. "% GEMM" is the rate of the network's FLOP
(matrix products and convolutions alone) over that of a 1024^3 torch matmul; "MiB" is what a fresh process grew by.
Weights are random, and packed (`vision.layers.pack_for_inference`) but for the column "unpacked". glibc is told to keep
freed memory, for all alike.

The bound of match attention counts per channel of each of its (2 radius + 2)^2 neighbors: forward 5 (an absolute
difference is summed, and a weighted value), backward 11 (the difference again, and four gradients).
"""

from __future__ import annotations

import argparse
import itertools
import platform
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from unittest import mock

import cv2
import numpy as np
import torch
from torch import Tensor

import vision
from benchmarks.results import Results, add_json
from vision.analysis.complexity import counted_flop
from vision.analysis.match_speed import COLUMNS, NETWORKS, measure_networks, measure_operator, native_missing
from vision.analysis.speed import Step, device_name, gemm_rate, keep_freed_memory, medians, peak_resident_mib
from vision.device import usable_device
from vision.errors import UsageError
from vision.layers import pack_for_inference
from vision.models import MatchStereo
from vision.models.stereo.opencv import sgbm_disparity
from vision.ops import match_attention
from vision.ops.common import kernels

OPERATOR_SIZES = [(96, 312, 4, 8, 2), (96, 312, 4, 8, 1), (48, 156, 4, 16, 1), (24, 78, 4, 32, 2)]
IMAGE_SIZES = [(192, 256), (384, 1248), (576, 960)]
LARGE_SIZES = [(540, 960), (1080, 1920), (2160, 3840)]
NUM_DISPARITIES = 192


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="without sizes beyond 576 x 960")
    add_json(parser)
    args = parser.parse_args()
    if args.device != "cpu":
        on_gpu(args)
        return
    if (reason := kernels.missing()) is not None:
        raise SystemExit(f"nothing to measure: {reason}")
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    kept = keep_freed_memory()
    print(f"device cpu, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {args.threads} threads, fp32")
    print(f"vision {vision.__version__}, torch {torch.__version__}, OpenCV {cv2.__version__}")
    print(f"Python {platform.python_version()}; malloc keeps freed memory: {'yes' if kept else 'no'}")
    results = Results()
    print_operator(args.repeat, results)
    print_networks(args.repeat, results)
    if not args.quick:
        print_growth(args.threads)
    results.write(args.json)


def on_gpu(args: argparse.Namespace) -> None:
    """Measure on a GPU and print."""
    try:
        device = str(usable_device(args.device))
    except UsageError as error:
        raise SystemExit(str(error)) from None
    print(f"device {device_name(device)}\nvision {vision.__version__}, torch {torch.__version__}")
    print(f"our kernels: {native_missing(device) or 'loaded'}")
    networks = NETWORKS[:2] if args.quick else NETWORKS
    timings = measure_networks(device, reference_operator, networks, args.repeat)
    print(" | ".join(COLUMNS))
    for timing in itertools.chain(measure_operator(device), timings):
        print(" | ".join(timing.row), flush=True)


def print_operator(repeat: int, results: Results) -> None:
    """The operator alone: forward, and forward with backward."""
    print(f"\n{'operator [2, H, W, heads, dim]':<34}{'ours':>9}{'PyTorch':>9}{'ratio':>7}")
    for height, width, heads, dim, radius in OPERATOR_SIZES:
        shape = (2, height, width, heads, dim)
        query, key, value = torch.randn(3, *shape).unbind(0)
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        offset = torch.stack([x, y], -1)[None, :, :, None] + 3 * torch.randn(2, height, width, heads, 2)
        tensors = [query, key, value, offset]
        for name, step, operations in (("forward", _forward, 5), ("forward + backward", _forward_backward, 16)):
            steps = [step(tensors, radius, backend) for backend in ("native", "reference")]
            ours, theirs = medians(steps, repeat)
            label = f"{name}, {height}x{width}x{heads}x{dim} r={radius}"
            print(f"{label:<34}{ours:9.1f}{theirs:9.1f}{theirs / ours:7.1f}", flush=True)
            flop = operations * query.numel() * (2 * radius + 2) ** 2
            results.add("match attention", label, ours, {"PyTorch": theirs}, bound=flop / gemm_rate() * 1e3)


def _forward(tensors: list[Tensor], radius: int, backend: str) -> Step:
    def step() -> object:
        with torch.inference_mode():
            return match_attention(*tensors, radius, backend=backend)

    return step


def _forward_backward(tensors: list[Tensor], radius: int, backend: str) -> Step:
    inputs = [t.clone().requires_grad_() for t in tensors]
    upstream: list[Tensor] = []

    def step() -> object:
        results = match_attention(*inputs, radius, backend=backend)
        if not upstream:
            upstream.extend(torch.randn_like(r) for r in results)
        return torch.autograd.grad(results, inputs, upstream)

    return step


def print_networks(repeat: int, results: Results) -> None:
    """Whole networks on a pair, beside the reference operator and StereoSGBM."""
    rate = gemm_rate()
    columns = f"{'ours':>9}{'PyTorch':>9}{'ratio':>7}{'% GEMM':>8}{'unpacked':>10}{'SGBM':>9}"
    print(f"\npair of images; GEMM {rate / 1e9:.0f} GFLOP/s\n{'':<34}{columns}")
    for variant in ("tiny", "nano"):
        model = pack_for_inference(MatchStereo.from_variant(variant))
        plain = MatchStereo.from_variant(variant).eval()
        for height, width in IMAGE_SIZES:
            views = [torch.randint(256, (1, 3, height, width)).float() for _ in range(2)]
            gray = [view[0, 0].byte().numpy() for view in views]
            steps = [_infer(model, views), _infer_reference(model, views), _infer(plain, views)]
            ours, theirs, unpacked, opencv = medians([*steps, lambda gray=gray: sgbm(*gray)], repeat)
            bound = counted_flop(partial(model, *views)) / rate * 1e3
            share = 100 * bound / ours
            row = f"{ours:9.0f}{theirs:9.0f}{theirs / ours:7.1f}{share:8.0f}{unpacked:10.0f}{opencv:9.0f}"
            case = f"{variant}, {height}x{width}"
            print(f"{case:<34}{row}", flush=True)
            peers = {"PyTorch": theirs, "unpacked": unpacked, "StereoSGBM": opencv}
            results.add("stereo: a pair of images", case, ours, peers, bound=bound)


def print_growth(threads: int) -> None:
    """Time and memory of larger and larger pairs; every size in a process of its own."""
    print(f"\nnano{'':<30}{'ms':>9}{'ms/Mpx':>9}{'MiB':>8}{'MiB/Mpx':>9}")
    for height, width in LARGE_SIZES:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            ms, mib = pool.submit(grow, height, width, threads).result()
        mega = height * width / 1e6
        row = f"{ms:9.0f}{ms / mega:9.0f}{mib:8.0f}{mib / mega:9.0f}"
        print(f"{f'{height}x{width}':<34}{row}", flush=True)


def grow(height: int, width: int, threads: int) -> tuple[float, float]:
    """Milliseconds of a pair, and MiB by which this process grew."""
    torch.set_num_threads(threads)
    model = pack_for_inference(MatchStereo.from_variant("nano"))
    views = [torch.randint(256, (1, 3, height, width)).float() for _ in range(2)]
    before = peak_resident_mib()
    [ms] = medians([_infer(model, views)], 2)
    return ms, peak_resident_mib() - before


def sgbm(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """OpenCV's semi-global matching over the disparities of KITTI."""
    return sgbm_disparity(left, right, NUM_DISPARITIES)


def _infer(model: MatchStereo, views: list[Tensor]) -> Step:
    def step() -> object:
        with torch.inference_mode():
            return model(*views)

    return step


def _infer_reference(model: MatchStereo, views: list[Tensor]) -> Step:
    def step() -> object:
        with torch.inference_mode(), reference_operator():
            return model(*views)

    return step


@contextmanager
def reference_operator() -> Iterator[None]:
    """The operator by its reference, wherever no backend is named."""
    with mock.patch.object(kernels, "why_not", lambda *_, **__: "measured beside"):
        yield


if __name__ == "__main__":
    main()
