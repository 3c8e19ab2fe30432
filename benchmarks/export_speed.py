"""Speed of exported models on the CPU beside the models themselves, in one run.

    python benchmarks/export_speed.py [--threads 1] [--repeat 9] [--models dinat_mini forgery stereo video]
        [--ways kernels onnx ...] [--json FILE]

Times are median milliseconds per call over rounds in which every way takes its turn, "ratio" the time over that of the
model in PyTorch with its kernels and packed weights, as inferencers run it. "differs" is the greatest difference of an
output from PyTorch's. Weights are the shipped ones, those of dinat_mini random. Making the files takes most of the run.

    kernels     the model in PyTorch, C++ kernels, packed weights (`vision.layers.pack_for_inference`)
    unpacked    the same without packed weights
    reference   the same without kernels, as where vision._C is not built
    onnx        the ONNX file in onnxruntime
    dynamic     the ONNX file for any size in onnxruntime, where there is one
    pt2         the program of torch.export, run by PyTorch
    compile     the model after torch.compile
    aoti        the program compiled ahead of time by AOTInductor, with g++
"""

from __future__ import annotations

import argparse
import copy
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime
import torch

import vision
from benchmarks.bounds import bound_ms
from benchmarks.results import Results, add_json
from vision.analysis.speed import keep_freed_memory, medians
from vision.layers import pack_for_inference
from vision.models.forgery import forgery_detector
from vision.models.stereo import match_stereo
from vision.models.table import FORGERY, default_model
from vision.models.timm_names import build_timm_model
from vision.models.video import video_detector
from vision.onnx.classification import classifier_exportable
from vision.onnx.exportable import Exportable
from vision.onnx.forgery import forgery_exportable
from vision.onnx.formats import FORMATS, outputs
from vision.onnx.programs import load_program
from vision.onnx.stereo import stereo_exportable
from vision.onnx.video import video_exportable

Call = Callable[[], Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    add_json(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    print(f"device cpu, {platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {args.threads} threads")
    print(f"vision {vision.__version__}, torch {torch.__version__}, onnxruntime {onnxruntime.__version__}")
    results = Results()
    for name in args.models:
        print_model(name, args.ways, args.repeat, args.threads, results)
    results.write(args.json)


def print_model(name: str, ways: list[str], repeat: int, threads: int, results: Results) -> None:
    """A table of all ways to run one model; one that fails says so."""
    exportable, other = MODELS[name](False), MODELS[name](True) if "dynamic" in ways and name in DYNAMIC else None
    height, width = exportable.size
    print(f"\n{name}, {height} x {width}\n{'':<12}{'ms':>9}{'ratio':>8}{'differs':>10}{'made in s':>11}", flush=True)
    expected = _arrays(outputs(exportable.module(*exportable.inputs)))
    calls, rows = [], []
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for way in ways:
            source = other if way == "dynamic" else exportable
            if source is None:
                continue
            start = time.perf_counter()
            try:
                call = WAYS[way](source, exportable.inputs, Path(folder), threads)
                found = _arrays(outputs(call()))
            except Exception as error:  # a compiler may fail in any way
                print(f"{way:<12}fails: {type(error).__name__}: {str(error).strip().splitlines()[0][:90]}", flush=True)
                continue
            spent = time.perf_counter() - start
            calls.append(call)
            rows.append((way, max(_difference(*pair) for pair in zip(found, expected, strict=True)), spent))
        times = medians(calls, repeat)
        bound = bound_ms(lambda: exportable.module(*exportable.inputs))
    for (way, difference, spent), ms in zip(rows, times, strict=True):
        print(f"{way:<12}{ms:9.1f}{ms / times[0]:8.2f}{difference:10.1e}{spent:11.0f}", flush=True)
    found = {way: ms for (way, *_), ms in zip(rows, times, strict=True)}
    ours = found.pop("kernels", None)
    if ours is not None:
        results.add("exported models", f"{name}, {height}x{width}", ours, found, bound=bound)


def _kernels(source: Exportable, inputs: Any, folder: Path, threads: int) -> Call:
    module = _packed(source)
    return lambda: module(*inputs)


def _packed(source: Exportable) -> Any:
    with torch.inference_mode(False):  # what is copied in it cannot be packed
        return pack_for_inference(copy.deepcopy(source.module))


def _unpacked(source: Exportable, inputs: Any, folder: Path, threads: int) -> Call:
    return lambda: source.module(*inputs)


def _reference(source: Exportable, inputs: Any, folder: Path, threads: int) -> Call:
    module = _packed(source)

    def call() -> Any:
        with _without_kernels():
            return module(*inputs)

    return call


@contextmanager
def _without_kernels() -> Iterator[None]:
    with mock.patch("vision.ops.common.kernels.why_not", lambda *_, **__: "left out"):
        yield


def _onnx(source: Exportable, inputs: Any, folder: Path, threads: int) -> Call:
    path = folder / f"{'dynamic' if source.other_sizes else 'fixed'}.onnx"
    with torch.inference_mode(False):
        FORMATS["onnx"].write(source, path)
    run = FORMATS["onnx"].open(path, threads)
    return lambda: run(inputs)


def _pt2(source: Exportable, inputs: Any, folder: Path, threads: int) -> Call:
    module = load_program(_program(source, folder))[0].module()
    return lambda: module(*inputs)


def _program(source: Exportable, folder: Path) -> Path:
    path = folder / "program.pt2"
    if not path.exists():
        with torch.inference_mode(False):
            FORMATS["pt2"].write(source, path)
    return path


def _compile(source: Exportable, inputs: Any, folder: Path, threads: int) -> Call:
    module = torch.compile(copy.deepcopy(source.module))
    return lambda: module(*inputs)


def _aoti(source: Exportable, inputs: Any, folder: Path, threads: int) -> Call:
    from torch._inductor import aoti_compile_and_package, aoti_load_package

    with torch.inference_mode(False), torch.no_grad():
        package = aoti_compile_and_package(
            load_program(_program(source, folder))[0], package_path=str(folder / "aoti.pt2")
        )
    module = aoti_load_package(package)
    return lambda: module(*inputs)


def _arrays(found: Any) -> list[np.ndarray]:
    return [np.asarray(each.detach() if isinstance(each, torch.Tensor) else each) for each in found]


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max())


def _dinat_mini(dynamic: bool) -> Exportable:
    torch.manual_seed(0)
    return classifier_exportable("dinat_mini", build_timm_model("dinat_mini"), 224, 224, dynamic=dynamic)


def _forgery(dynamic: bool) -> Exportable:
    # A program of torch.export is of one size, the ONNX file of any.
    exportable = forgery_exportable(forgery_detector(default_model(FORGERY)), 256, 256)
    return replace(exportable, dynamic_shapes=None, other_sizes=())


def _stereo(dynamic: bool) -> Exportable:
    return stereo_exportable(match_stereo(), 384, 640, dynamic=dynamic)


def _video(dynamic: bool) -> Exportable:
    return video_exportable(video_detector(), 384, 640, dynamic=dynamic)


MODELS = {"dinat_mini": _dinat_mini, "forgery": _forgery, "stereo": _stereo, "video": _video}
DYNAMIC = ("dinat_mini", "stereo", "video")
WAYS = {
    "kernels": _kernels,
    "unpacked": _unpacked,
    "reference": _reference,
    "onnx": _onnx,
    "dynamic": _onnx,
    "pt2": _pt2,
    "compile": _compile,
    "aoti": _aoti,
}

if __name__ == "__main__":
    main()
