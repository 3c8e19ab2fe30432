"""Speed of the AI-image detector against its own truncated ResNet, side by side in one run.

    python benchmarks/forgery.py [--threads 2] [--batch-size 8] [--size 256] [--repeat 15] [--json FILE]

"whole" is the detector, "trunk" its ResNet and head on the same images, without the frequency block. The Fourier
branch is measured at work (its learned scale is not zero) and skipped (a scale of zero, as in an untrained model).
Then the branches of the default detector, and the residual sums of one of them by the kernel and in PyTorch. glibc is
told to keep freed memory, for all alike: else the zeroing of fresh pages is timed, too, with those that come first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

import vision
from benchmarks.bounds import bound_ms
from benchmarks.results import Results, add_json
from vision.analysis.speed import gemm_rate, keep_freed_memory
from vision.layers import pack_for_inference
from vision.models import ForgeryNetwork, forgery_detector
from vision.ops.residuals import residual_sums


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=15)
    add_json(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    print(f"device cpu ({torch.backends.cpu.get_cpu_capability()}), {args.threads} threads, fp32")
    print(f"vision {vision.__version__}, torch {torch.__version__}, batch {args.batch_size} at {args.size}x{args.size}")
    print(f"GEMM rate {gemm_rate(args.repeat) / 1e9:.0f} GFLOP/s (1024^3)\n")
    results = Results()
    images = torch.randn(args.batch_size, 3, args.size, args.size)
    print(f"{'median ms per image':<42}{'whole':>8}{'trunk':>8}{'ratio':>8}")
    for scale in (0.0, 0.1):
        network = forgery_detector("dual_frequency_paper")
        with torch.no_grad():
            network.backbone.frequency.fft_scale.fill_(scale)
        branch = "Fourier branch at work" if scale else "Fourier branch skipped"
        ways = [
            (f"inference, {branch}", pack_for_inference, inference),
            (f"training step, {branch if scale else 'scale zero'}", ForgeryNetwork.train, training),
        ]
        for name, prepare, step in ways:
            whole, trunk = report(name, prepare(network), images, args.repeat, step)
            bound = bound_ms(partial(step, network.logits, images)) / len(images)
            title = "forgery, ms per image: the detector and its ResNet alone"
            results.add(title, name, whole, {"ResNet alone": trunk}, bound=bound)
    print(f"\n{'dual_frequency_wild, median ms per image':<42}{'time':>8}")
    network = pack_for_inference(forgery_detector("dual_frequency_wild"))
    branches = {"whole": network.logits, **dict(network.backbone.named_children())}
    for name, branch in branches.items():
        print(f"{name:<42}{median_ms(lambda model=branch: inference(model, images), args):8.2f}")
    levels = torch.randint(0, 256, tuple(images.shape)).float()
    kernel, reference = (
        median_ms(lambda name=name: residual_sums(levels, backend=name), args) for name in ("native", "reference")
    )
    print(f"\n{'residual sums, median ms per image':<42}{'kernel':>8}{'PyTorch':>8}{'ratio':>8}")
    print(f"{'one scale':<42}{kernel:8.2f}{reference:8.2f}{reference / kernel:8.2f}")
    results.add("residual sums, ms per image", "one scale", kernel, {"PyTorch": reference})
    results.write(args.json)


def median_ms(run: Callable[[], object], args: argparse.Namespace) -> float:
    """Of one image."""
    return statistics.median([seconds(run) for _ in range(args.repeat + 2)][2:]) / args.batch_size * 1e3


def report(
    name: str, network: ForgeryNetwork, images: Tensor, repeat: int, step: Callable[[Callable, Tensor], None]
) -> tuple[float, float]:
    """One line: the whole detector and its trunk, measured in turn so that both meet the same machine; returns both."""

    def trunk(x: Tensor) -> Tensor:
        return network.head(network.backbone.forward_trunk(x))

    whole_times, trunk_times = [], []
    for _ in range(repeat + 2):
        whole_times.append(seconds(lambda: step(network.logits, images)))
        trunk_times.append(seconds(lambda: step(trunk, images)))
    whole, alone = (statistics.median(times[2:]) / len(images) * 1e3 for times in (whole_times, trunk_times))
    print(f"{name:<42}{whole:8.2f}{alone:8.2f}{whole / alone:8.2f}")
    return whole, alone


def inference(model: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """One forward pass without gradients."""
    with torch.inference_mode():
        model(images)


def training(model: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """One forward and backward pass."""
    model(images).sum().backward()


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
