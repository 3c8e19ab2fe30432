"""The kinds of files that models are exported as, by name: how each is written, run and read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from vision.onnx.exportable import Exportable
from vision.onnx.exporter import export
from vision.onnx.metadata import as_text

StrPath = str | os.PathLike[str]
Run = Callable[[Sequence[Tensor]], "list[np.ndarray]"]


class Format(NamedTuple):
    """One kind of file.

    Attributes:
        write: an exportable model and a path -> the path, where the file appears complete or not at all.
        open: path and number of threads (0 leaves the choice to the runtime) -> what runs the file on inputs.
        runtime: what runs it, for messages.
    """

    write: Callable[[Exportable, StrPath], Path]
    open: Callable[[StrPath, int], Run]
    runtime: str


def write_onnx(exportable: Exportable, path: StrPath) -> Path:
    """Write a model as ONNX, with its metadata; raises what `vision.onnx.export` raises."""
    if exportable.write_graph is not None:
        exportable.write_graph(Path(path), as_text(exportable.metadata))
        return Path(path)
    return export(
        exportable.module,
        exportable.inputs,
        path,
        input_names=exportable.input_names,
        output_names=exportable.output_names,
        dynamic_shapes=exportable.dynamic_shapes,
        rewrite=exportable.rewrite,
        metadata=as_text(exportable.metadata),
    )


def open_onnx(path: StrPath, threads: int = 0) -> Run:
    """Run an ONNX file on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> list[np.ndarray]:
        return list(session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)}))

    return run


def _write_program(exportable: Exportable, path: StrPath) -> Path:
    from vision.onnx.programs import write_program

    return write_program(exportable, path)


def open_program(path: StrPath, threads: int = 0) -> Run:
    """Run a program of `torch.export`; how many threads torch has is the caller's affair."""
    import torch

    from vision.onnx.programs import load_program

    module = load_program(path)[0].module()

    def run(inputs: Sequence[Tensor]) -> list[np.ndarray]:
        with torch.inference_mode():
            return [out.numpy() for out in outputs(module(*inputs))]

    return run


def outputs(found: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What a module gives, as a tuple."""
    return (found,) if isinstance(found, Tensor) else tuple(found)


FORMATS = {
    "onnx": Format(write_onnx, open_onnx, "onnxruntime"),
    "pt2": Format(_write_program, open_program, "torch.export's loader"),
}
