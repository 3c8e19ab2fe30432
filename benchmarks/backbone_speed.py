"""Speed of DiNAT on the CPU beside Swin and ConvNeXt of timm, in one run.

    python benchmarks/backbone_speed.py [--threads 2] [--repeat 15] [--quick] [--json FILE]

Times are median milliseconds per image over rounds in which every model takes its turn, "ratio" the time over
Swin-T's. "% GEMM" is the rate of the model's useful FLOP (twice its multiply-accumulates; three times that for a
training step, forward and backward) over that of a 1024^3 torch matmul in the same dtype, measured after every table.
Weights are random; for forward passes they are packed (`vision.layers.pack_for_inference`), those of timm's models,
too. Models are eager unless a table says otherwise. glibc is told to keep freed memory, for all alike.
"""

from __future__ import annotations

import argparse
import platform
from dataclasses import replace

import timm
import torch

import vision
from benchmarks.results import Results, add_json
from vision.analysis.complexity import model_cost
from vision.analysis.speed import (
    Result,
    Setting,
    compare,
    gemm_rate,
    keep_freed_memory,
    make_step,
    medians,
    peak_memory,
)
from vision.models.timm_names import build_timm_model
from vision.ops.common import kernels

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
    add_json(parser)
    args = parser.parse_args()
    if (reason := kernels.missing()) is not None:
        raise SystemExit(f"nothing to measure: {reason}")
    kept = keep_freed_memory()
    print(f"device cpu, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {args.threads} threads")
    print(f"vision {vision.__version__}, torch {torch.__version__}, timm {timm.__version__}")
    print(f"Python {platform.python_version()}; malloc keeps freed memory: {'yes' if kept else 'no'}")
    results = Results()
    for batch_size in (1, 8):
        setting = Setting(SIDE, batch_size, threads=args.threads)
        print_table(f"forward, fp32, batch {batch_size}", setting, args.repeat, results)
    print_packing(Setting(SIDE, threads=args.threads), args.repeat)
    if not args.quick:
        print_all(args, results)
    results.write(args.json)


def print_all(args: argparse.Namespace, results: Results) -> None:
    """What `--quick` leaves out."""
    for batch_size in (1, 8):
        setting = Setting(SIDE, batch_size, autocast=True, threads=args.threads)
        print_table(f"forward, bf16 autocast, batch {batch_size}", setting, args.repeat, results)
    setting = Setting(SIDE, 8, train=True, threads=args.threads)
    print_table("training step, fp32, batch 8", setting, max(args.repeat // 2, 3), results)
    setting = Setting(SIDE, 1, compile=True, threads=args.threads)
    print_table("forward, fp32, batch 1, torch.compile", setting, args.repeat, results)
    print_detection(args.threads)


def print_table(title: str, setting: Setting, repeat: int, results: Results) -> None:
    """All models with one setting."""
    torch.set_num_threads(setting.threads)
    found = compare(MODELS, setting, repeat, memory=False)
    rate = gemm_rate(dtype=torch.bfloat16 if setting.autocast else torch.float32)
    print(f"\n{title}; GEMM {rate / 1e9:.0f} GFLOP/s\n{'':<32}{'ms per image':>13}{'ratio':>8}{'% GEMM':>8}")
    for result in found:
        print_row(result, found[0], rate, setting)
    times = {result.name: result.ms_per_image for result in found}
    peers = {name: ms for name, ms in times.items() if not name.startswith("dinat")}
    for name in times.keys() - peers.keys():
        bound = useful_flop(name, setting) / rate * 1e3
        results.add(f"image classification, ms per image: {title}", name, times[name], peers, bound=bound)


def print_row(result: Result, swin: Result, rate: float, setting: Setting) -> None:
    """One model."""
    share = useful_flop(result.name, setting) / (result.ms_per_image / 1e3) / rate * 100
    print(f"{result.name:<32}{result.ms_per_image:13.1f}{result.ms / swin.ms:8.2f}{share:8.0f}", flush=True)


def useful_flop(name: str, setting: Setting) -> float:
    """Of one image."""
    return 2.0 * model_cost(build_timm_model(name, SIDE), SIDE).macs * (3 if setting.train else 1)


def print_packing(setting: Setting, repeat: int) -> None:
    """What packed weights save: every model with and without them, in turn."""
    print(f"\nforward, fp32, batch 1\n{'':<32}{'ms packed':>12}{'unpacked':>12}{'ratio':>8}")
    for name in MODELS:
        packed, plain = medians([make_step(name, replace(setting, pack=pack)) for pack in (True, False)], repeat)
        print(f"{name:<32}{packed:12.1f}{plain:12.1f}{plain / packed:8.2f}", flush=True)


def print_detection(threads: int) -> None:
    """DiNAT-Mini with detection's image sizes: time and memory, and both per million pixels."""
    print(f"\ndinat_mini, forward, fp32, batch 1\n{'pixels':<14}{'ms':>10}{'ms/Mpx':>10}{'MiB':>8}{'MiB/Mpx':>10}")
    for height, width in DETECTION_SIZES:
        setting = Setting((height, width), threads=threads)
        mib = peak_memory("dinat_mini", setting) or float("nan")
        [result] = compare(["dinat_mini"], setting, 5, memory=False)
        mega = height * width / 1e6
        row = f"{result.ms:10.0f}{result.ms / mega:10.0f}{mib:8.0f}{mib / mega:10.0f}"
        print(f"{f'{height}x{width}':<14}{row}", flush=True)


if __name__ == "__main__":
    main()
