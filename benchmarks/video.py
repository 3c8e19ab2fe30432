"""What memory costs: a published detector with and without it, the shipped network, and a long stream, in one run.

    python benchmarks/video.py [--threads 2] [--repeat 5] [--frames 10000] [--quick] [--json FILE]

1. Faster R-CNN R-50 DC5 at 600x1000 (configs/video) per frame: alone, and with both memories full. Weights are random.
2. Bank update and key sampling alone, as a share of that frame.
3. The shipped network at 640x480, with and without its memory.
4. A stream of --frames frames through the shipped network at 160x120: time per frame and memory of the process, by
   tenths. Beside it the same network that attends to all pixels of the last N frames instead (a sliding window).

Times are median milliseconds over rounds in which everyone takes its turn; the stream's are means.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import deque
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

import vision
from benchmarks.bounds import bound_ms
from benchmarks.results import Results, add_json
from heads.memory import MemoryBank, StreamMemory
from vision.analysis.speed import keep_freed_memory, medians
from vision.engine.config import load_config
from vision.engine.openmmlab import build_model
from vision.models import VideoDetector, VideoNetwork, video_detector
from vision.models.video.network import MEMORY_LEVEL

ROOT = Path(__file__).resolve().parent.parent
SIZE = (600, 1000)
WINDOWS = (10, 40, 160)
GROUP, ALONE = "video, ms per frame", "without memory"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--frames", type=int, default=10_000, help="of the stream (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round, a stream of 200 frames, one window")
    add_json(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kept = keep_freed_memory()
    print(f"device cpu, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {args.threads} threads, fp32")
    print(f"vision {vision.__version__}, torch {torch.__version__}, Python {platform.python_version()}")
    print(f"malloc keeps freed memory: {'yes' if kept else 'no'}")
    repeat = 1 if args.quick else args.repeat
    with torch.inference_mode():
        results = Results()
        frame_ms = print_published(repeat, results)
        print_bank(frame_ms, 10 * repeat)
        print_shipped(4 * repeat, results)
        print_stream(200 if args.quick else args.frames, WINDOWS[:1] if args.quick else WINDOWS, results)
    results.write(args.json)


def print_published(repeat: int, results: Results) -> float:
    """The published detector at both ends; milliseconds of a frame with full memory."""
    image = torch.randn(1, 3, SIZE[0] + -SIZE[0] % 16, SIZE[1] + -SIZE[1] % 16)
    base, full = (published(name) for name in ("faster-rcnn_r50-dc5_3e_vid", "mamba-full_r50-dc5_3e_vid"))
    full.load_state_dict(base.state_dict(), strict=False)
    memory = filled(full.new_memory(0), {"pixel": 512, "instance": 1024})
    without, with_memory = medians(
        [lambda: base.watch(image, sample(), None), lambda: full.watch(image, sample(), memory)], repeat
    )
    print(f"\nFaster R-CNN R-50 DC5, {SIZE[0]}x{SIZE[1]}, ms per frame (banks of 20,000 rows, 2,000 keys a read)")
    print("| base | full memory | ratio |\n|---|---|---|")
    print(f"| {without:.0f} | {with_memory:.0f} | {with_memory / without:.2f} |")
    bound = bound_ms(lambda: full.watch(image, sample(), memory))
    case = f"Faster R-CNN R-50 DC5, {SIZE[0]}x{SIZE[1]}"
    results.add(f"{GROUP}, with memory", case, with_memory, {ALONE: without}, bound=bound)
    return with_memory


def print_bank(frame_ms: float, repeat: int) -> None:
    """What a frame's bank operations take together: two banks of instances, one of pixels."""
    pixel, instance = full_bank(512), full_bank(1024)
    pixels, proposals = torch.randn(100 * 100, 512), torch.randn(75, 1024)

    def operate() -> None:
        pixel.sample()
        pixel.update(pixels)
        for _ in range(2):
            instance.sample()
            instance.update(proposals)

    (taken,) = medians([operate], repeat)
    print(f"\nbank updates and key sampling: {taken:.2f} ms per frame, {100 * taken / frame_ms:.2f} % of it")


def print_shipped(repeat: int, results: Results) -> None:
    """The shipped network on frames of 640x480."""
    network = video_detector()
    memory = filled(network.new_memory(), {"pixel": 128})
    frames = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    without, with_memory = medians(
        [lambda: network.detect(frames, None), lambda: network.detect(frames, memory)], repeat
    )
    print("\nmamba_people_nano, 640x480, ms per frame\n| without memory | with | ratio | frames per second |")
    ratio, rate = with_memory / without, 1e3 / with_memory
    print(f"|---|---|---|---|\n| {without:.1f} | {with_memory:.1f} | {ratio:.2f} | {rate:.1f} |")
    bound = bound_ms(lambda: network.detect(frames, memory))
    results.add(f"{GROUP}, with memory", "mamba_people_nano, 640x480", with_memory, {ALONE: without}, bound=bound)


def print_stream(count: int, windows: tuple[int, ...], results: Results) -> None:
    """Time and memory along a stream, which neither may grow with."""
    network = video_detector()
    memory = network.new_memory()
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (32, 120, 160, 3), dtype=np.uint8)
    network.settings["write_threshold"] = 0.0  # noise shows nobody: every frame is to write
    print("\nmamba_people_nano, a stream of 160x120\n| frames | ms per frame | MiB of the process | rows remembered |")
    print("|---|---|---|---|")
    step = max(1, count // 10)
    for start in range(0, count, step):
        began = time.perf_counter()
        for number in range(start, min(start + step, count)):
            network.detect(frames[number % len(frames)], memory, max_size=160)
        taken = (time.perf_counter() - began) / min(step, count - start) * 1e3
        assert memory.pixel is not None
        last = taken
        print(f"| {start + step} | {taken:.1f} | {resident_mib():.0f} | {len(memory.pixel)} |", flush=True)
    print("\na sliding window instead: attention to all pixels of the last N frames\n| N | ms per frame | rows kept |")
    print("|---|---|---|")
    peers = {}
    for window in windows:
        taken, rows = sliding(network, frames, window)
        peers[f"window of {window} frames"] = taken
        print(f"| {window} | {taken:.1f} | {rows} |", flush=True)
    bound = bound_ms(lambda: network.detect(frames[0], memory, max_size=160))
    results.add(f"{GROUP} of a stream", f"160x120, after {count} frames", last, peers, bound=bound)


def sliding(network: VideoNetwork, frames: np.ndarray, window: int) -> tuple[float, int]:
    """Milliseconds per frame once the window is full, and how many rows it holds."""
    kept: deque[Tensor] = deque(maxlen=window)
    taken = []
    for number in range(window + 10):
        began = time.perf_counter()
        image = torch.from_numpy(frames[number % len(frames)]).permute(2, 0, 1)[None].float()
        levels = network.project(torch.nn.functional.pad(image, (0, 0, 0, 8)))
        network.predict(levels, torch.cat(list(kept)) if kept else None)
        kept.append(levels[MEMORY_LEVEL][0].flatten(1).mT.contiguous())
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[window:])) * 1e3, sum(map(len, kept))


def published(name: str) -> VideoDetector:
    """A detector of configs/video with random weights."""
    torch.manual_seed(0)
    model = build_model(load_config(str(ROOT / "configs" / "video" / f"{name}.py")))
    assert isinstance(model, VideoDetector)
    return model


def sample():  # type: ignore[no-untyped-def] # of mmdet, which is imported late
    """What the network has to know of a frame."""
    from mmdet.structures import DetDataSample

    shapes = {"img_shape": SIZE, "ori_shape": SIZE, "scale_factor": (1.0, 1.0), "frame_id": 1, "video_id": 0}
    return DetDataSample(metainfo=shapes)


def full_bank(channels: int) -> MemoryBank:
    """With 20,000 rows."""
    bank = MemoryBank()
    bank.update(torch.randn(20_000, channels))
    return bank


def filled(memory: StreamMemory, channels: dict[str, int]) -> StreamMemory:
    """All banks full of random rows."""
    if memory.pixel is not None:
        memory.pixel.update(torch.randn(memory.pixel.max_length, channels["pixel"]))
    for bank in memory.instance:
        bank.update(torch.randn(bank.max_length, channels["instance"]))
    return memory


def resident_mib() -> float:
    """Of this process, now."""
    return psutil.Process(os.getpid()).memory_info().rss / 2**20


if __name__ == "__main__":
    main()
