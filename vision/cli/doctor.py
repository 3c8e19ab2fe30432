"""`vision doctor`: what is installed, what is loaded, and what is missing and why."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple


class Finding(NamedTuple):
    """One line of the report: `state` is "ok", "missing" (and needed) or "absent" (and optional)."""

    section: str
    name: str
    state: str
    detail: str


class _Package(NamedTuple):
    name: str
    distributions: tuple[str, ...]
    extra: str | None  # None: needed by every use of the suite


_PACKAGES = (
    _Package("torch", ("torch",), None),
    _Package("numpy", ("numpy",), None),
    _Package("pillow", ("Pillow",), None),
    _Package("opencv", ("opencv-python", "opencv-python-headless", "opencv-contrib-python"), None),
    _Package("pywavelets", ("PyWavelets",), None),
    _Package("tifffile", ("tifffile",), None),
    _Package("defusedxml", ("defusedxml",), None),
    _Package("pyyaml", ("PyYAML",), None),
    _Package("safetensors", ("safetensors",), None),
    _Package("rich", ("rich",), None),
    _Package("timm", ("timm",), None),
    _Package("torchvision", ("torchvision",), "openmmlab"),
    _Package("mmengine", ("mmengine", "onedl-mmengine"), "openmmlab"),
    _Package("mmcv", ("mmcv", "mmcv-lite", "onedl-mmcv"), "openmmlab"),
    _Package("mmdet", ("mmdet", "onedl-mmdetection"), "openmmlab"),
    _Package("mmseg", ("mmsegmentation", "onedl-mmsegmentation"), "openmmlab"),
    _Package("natten", ("natten",), "natten"),
    _Package("av", ("av",), "video"),
    _Package("supervision", ("supervision",), "video"),
    _Package("trackers", ("trackers",), "video"),
    _Package("pillow-heif", ("pillow-heif",), "heif"),
)
# Compiled modules of the suite, and what they are for. Without one, everything runs on its reference in PyTorch.
EXTENSIONS = (("vision._C", "compiled operators"),)


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    text = "show versions, hardware, extension and weights, and what is missing and why"
    parser = commands.add_parser("doctor", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(command: argparse.Namespace) -> int:
    """Print the report.

    Returns:
        Exit code: 0, or 1 when something that is needed is missing.
    """
    from vision.cli.output import print_table, to_json

    findings = examine()
    if command.json:
        print(to_json([finding._asdict() for finding in findings], indent=2))
    else:
        print_table(["part", "what", "state", "detail"], [list(finding) for finding in findings])
    return int(any(finding.state == "missing" for finding in findings))


def examine() -> list[Finding]:
    """The whole report, section by section."""
    import vision

    return [
        Finding("versions", "vision", "ok", f"{vision.__version__} at {os.path.dirname(vision.__file__)}"),
        Finding("versions", "python", "ok", f"{platform.python_version()} on {platform.platform()}"),
        *(_package(package) for package in _PACKAGES),
        Finding("versions", "stack", *_stack()),
        *_hardware(),
        *(_extension(name, purpose) for name, purpose in EXTENSIONS),
        *_cuda_extension(),
        *_backends(),
        *_weights(),
        _encoder(),
    ]


def _package(package: _Package) -> Finding:
    version = _version(package.distributions)
    if version is not None:
        return Finding("versions", package.name, "ok", version)
    if package.extra is None:
        return Finding("versions", package.name, "missing", f"not installed; pip install {package.distributions[0]}")
    advice = f"not installed; pip install 'neighborhood-vision[{package.extra}]' to use it"
    return Finding("versions", package.name, "absent", advice)


def _version(distributions: Sequence[str]) -> str | None:
    from importlib import metadata  # takes longer than all else that `vision --help` imports

    for name in distributions:
        try:
            return f"{metadata.version(name)} ({name})"
        except metadata.PackageNotFoundError:
            continue
    return None


def _stack() -> tuple[str, str]:
    """Which of the two stacks with the same import names is there."""
    found = [name for name in ("mmengine", "onedl-mmengine") if _version([name]) is not None]
    if len(found) == 2:
        return "missing", "mmengine and onedl-mmengine overwrite each other's files; uninstall both, install one"
    if not found:
        return (
            "absent",
            "none; judging images needs none, training does: pip install 'neighborhood-vision[openmmlab]'",
        )
    return "ok", "OpenMMLab" if found[0] == "mmengine" else "OneDL"


def _hardware() -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of torch cannot be loaded
        return [Finding("hardware", "torch", "missing", f"cannot be imported ({error})")]
    if (reason := _old_torch()) is not None:
        return [Finding("hardware", "torch", "missing", reason)]
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Finding(
            "hardware", "cpu", "ok", f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {usable} cores"
        ),
        Finding("hardware", "threads", "ok", f"{torch.get_num_threads()} within an operation"),
        Finding("hardware", "cuda", *_cuda(torch)),
        *_cards(torch),
    ]


def _has_torch() -> bool:
    return "torch" in sys.modules and _old_torch() is None


def _old_torch() -> str | None:
    """Why the torch that was imported is too old, or None."""
    if "torch" not in sys.modules:
        return None
    from vision.device import old_torch

    return old_torch()


def _cuda(torch: Any) -> tuple[str, str]:
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
        return "ok", f"{torch.version.cuda}: {names}"
    if torch.version.cuda is None:
        return "absent", "this torch is built without CUDA; everything runs on the CPU"
    return "absent", f"torch is built for CUDA {torch.version.cuda}, but no usable GPU or driver was found"


def _cards(torch: Any) -> list[Finding]:
    """Every GPU, and in which dtypes our kernels for neighborhood attention compute on it."""
    from vision.ops.common import cuda_kernels

    findings = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        major, minor = torch.cuda.get_device_capability(index)
        reason = cuda_kernels.missing() or cuda_kernels.why_not(index, half=False)
        no_half = cuda_kernels.why_not(index, half=True)
        if reason is not None:
            native = f"is not native: {reason}"
        elif no_half is not None:
            native = f"is native in float32 and float64; {no_half}"
        else:
            native = "is native in all dtypes"
        detail = f"{torch.cuda.get_device_name(index)}, compute capability {major}.{minor}"
        findings.append(Finding("hardware", f"cuda:{index}", "ok", f"{detail}; neighborhood attention {native}"))
    return findings


def _extension(name: str, purpose: str) -> Finding:
    if (reason := _old_torch()) is not None:
        return Finding("extension", name, "missing", f"{purpose}: {reason}")
    if importlib.util.find_spec(name) is None:
        return Finding("extension", name, "absent", f"{purpose}: not built; PyTorch code is used instead")
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError) as error:
        return Finding(
            "extension", name, "missing", f"{purpose}: built, but cannot be loaded ({error}); build it again"
        )
    return Finding("extension", name, "ok", f"{purpose}: loaded from {getattr(module, '__file__', None)}")


def _cuda_extension() -> list[Finding]:
    """The compiled operators for CUDA tensors, which only a torch with CUDA can load."""
    if not _has_torch():  # the hardware section has said why
        return []
    from vision.ops.common import cuda_kernels

    name, purpose, reason = "vision._C_cuda", "attention on CUDA", cuda_kernels.missing()
    if reason is None:
        code = ", ".join(f"sm_{built}" for built in cuda_kernels.architectures())
        detail = f"{purpose}: loaded from {sys.modules[name].__file__}" + (f", has code for {code}" if code else "")
        return [Finding("extension", name, "ok", detail)]
    broken = "cannot be loaded" in reason
    return [Finding("extension", name, "missing" if broken else "absent", f"{purpose}: {reason}")]


def _backends() -> list[Finding]:
    """What computes each kind of attention here, in order of preference."""
    if not _has_torch():  # the hardware section has said why
        return []
    from vision.ops.common.backends import Backend, describe
    from vision.ops.match import backends as match
    from vision.ops.neighborhood import backends as neighborhood

    # Neighborhood attention's section and names are those that scripts already read.
    tables: tuple[tuple[str, Sequence[Backend[Any]]], ...] = (
        ("backends", neighborhood.BACKENDS),
        ("match backends", match.BACKENDS),
    )
    return [
        Finding(section, name, "absent" if missing else "ok", missing or purpose)
        for section, table in tables
        for name, missing, purpose in describe(table)
    ]


def _encoder() -> Finding:
    """What writes videos."""
    try:
        import av
    except (ImportError, OSError) as error:
        return Finding("video", "h264", "absent", f"videos cannot be written: av cannot be imported ({error})")
    if "libx264" in av.codecs_available:
        return Finding("video", "h264", "ok", "libx264 writes MP4s that browsers play")
    return Finding("video", "h264", "absent", "videos cannot be written: this av was built without libx264")


def _weights() -> list[Finding]:
    if not _has_torch():  # the hardware section has said why
        return []
    from vision.cli.models import list_models

    findings = []
    for model in list_models():
        if model["weights"] is not None:
            detail = f"{model['weights']}, {model['bytes'] / 1e6:.1f} MB"
            findings.append(Finding("weights", model["name"], "ok", detail))
        elif model["ships_weights"]:
            findings.append(Finding("weights", model["name"], "missing", "not in the package; install it again"))
        else:
            findings.append(Finding("weights", model["name"], "absent", "ships without; give --checkpoint"))
    return findings
