"""Speed of DiNAT on the CPU beside Swin and ConvNeXt of timm, in one run.

    python benchmarks/backbone_speed.py [--threads 2] [--repeat 15] [--quick]

Times are median milliseconds per image over rounds in which every model takes its turn, "ratio" the time over Swin-T's.
"% GEMM" is the rate of the model's useful FLOP (twice its multiply-accumulates; three times that for a training step,
forward and backward) over that of a 1024^3 torch matmul, measured before every table. Weights are random, models eager
unless a table says otherwise. glibc is told to keep freed memory, for all alike.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from pathlib import Path

import timm
import torch

# This file bears the name of a package that it needs.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

import vision  # noqa: E402
from vision.analysis.complexity import model_cost  # noqa: E402
from vision.analysis.speed import Result, Setting, compare, keep_freed_memory, peak_memory  # noqa: E402
from vision.models.timm_names import build_timm_model  # noqa: E402
from vision.ops import native  # noqa: E402

SWIN = "swin_tiny_patch4_window7_224"
MODELS = [SWIN, "convnext_tiny", "dinat_tiny", "dinat_mini"]
SIDE = (224, 224)
# Half, all and twice the sides of detection's test images.
DETECTION_SIZES = [(400, 667), (800, 1333), (1600, 2666)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="forward passes in float32 only")
    args = parser.parse_args()
    if (reason := native.missing()) is not None:
        raise SystemExit(f"nothing to measure: {reason}")
    kept = keep_freed_memory()
    print(f"device cpu, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {args.threads} threads")
    print(f"vision {vision.__version__}, torch {torch.__version__}, timm {timm.__version__}")
    print(f"Python {platform.python_version()}; malloc keeps freed memory: {'yes' if kept else 'no'}")
    for batch_size in (1, 8):
        setting = Setting(SIDE, batch_size, threads=args.threads)
        print_table(f"forward, fp32, batch {batch_size}", setting, args.repeat)
    if args.quick:
        return
    for batch_size in (1, 8):
        setting = Setting(SIDE, batch_size, autocast=True, threads=args.threads)
        print_table(f"forward, bf16 autocast, batch {batch_size}", setting, args.repeat)
    setting = Setting(SIDE, 8, train=True, threads=args.threads)
    print_table("training step, fp32, batch 8", setting, max(args.repeat // 2, 3))
    setting = Setting(SIDE, 1, compile=True, threads=args.threads)
    print_table("forward, fp32, batch 1, torch.compile", setting, args.repeat)
    print_detection(args.threads)


def print_table(title: str, setting: Setting, repeat: int) -> None:
    """All models with one setting."""
    rate = gemm_rate(setting.threads)
    results = compare(MODELS, setting, repeat, memory=False)
    print(f"\n{title}; GEMM {rate / 1e9:.0f} GFLOP/s\n{'':<32}{'ms per image':>12}{'ratio':>8}{'% GEMM':>8}")
    for result in results:
        print_row(result, results[0], rate, setting)


def print_row(result: Result, swin: Result, rate: float, setting: Setting) -> None:
    """One model."""
    flop = 2 * model_cost(build_timm_model(result.name, SIDE), SIDE).macs * (3 if setting.train else 1)
    share = flop / (result.ms_per_image / 1e3) / rate * 100
    print(f"{result.name:<32}{result.ms_per_image:12.1f}{result.ms / swin.ms:8.2f}{share:8.0f}", flush=True)


def print_detection(threads: int) -> None:
    """DiNAT-Mini with detection's image sizes: time and memory, and both by the million pixels."""
    print(f"\ndinat_mini, forward, fp32, batch 1\n{'pixels':<14}{'ms':>10}{'ms/Mpx':>10}{'MiB':>8}{'MiB/Mpx':>10}")
    for height, width in DETECTION_SIZES:
        setting = Setting((height, width), threads=threads)
        mib = peak_memory("dinat_mini", setting) or float("nan")
        [result] = compare(["dinat_mini"], setting, 5, memory=False)
        mega = height * width / 1e6
        row = f"{result.ms:10.0f}{result.ms / mega:10.0f}{mib:8.0f}{mib / mega:10.0f}"
        print(f"{f'{height}x{width}':<14}{row}", flush=True)


def gemm_rate(threads: int) -> float:
    """FLOP a second of a 1024^3 product."""
    torch.set_num_threads(threads)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    times = []
    for _ in range(18):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / statistics.median(times[3:])


if __name__ == "__main__":
    main()
