"""Programs of `torch.export` as files (.pt2), which keep this package's operators and their kernels."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

import vision.ops  # noqa: F401 - registers the operators
from vision.errors import UsageError
from vision.files import write_bytes
from vision.onnx.exportable import Exportable
from vision.onnx.exporter import capture
from vision.ops.common.tracing import keeping_operators

_METADATA = "metadata.json"


def write_program(exportable: Exportable, path: str | os.PathLike[str]) -> Path:
    """Write a model as a program of `torch.export`; it appears under `path` complete or not at all.

    `metadata.json`, an extra file inside, holds the metadata, and under "needs" what has to be imported before loading:
    "vision.ops" where operators of this package are in the program.

    Raises:
        OSError: the file cannot be written.
        ValueError: the model cannot be traced, or is not on the CPU.
    """
    with keeping_operators():
        program = capture(exportable.module, exportable.inputs, {}, exportable.dynamic_shapes)
    for node in _nodes(program):
        node.meta.pop("stack_trace", None)  # the lines of source that it comes from, by their paths on this machine
    needs = ["vision.ops"] if any(str(node.target).startswith("nbv.") for node in _nodes(program)) else []
    record = {**exportable.metadata, "needs": needs}
    # Through memory: torch's writer tells of a full disk by an abort, or not at all.
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={_METADATA: json.dumps(record)})
    write_bytes(path, buffer.getbuffer())
    return Path(path)


def load_program(path: str | os.PathLike[str]) -> tuple[ExportedProgram, dict[str, Any]]:
    """Read what `write_program` wrote: the program, and what its file says of it.

    Raises:
        UsageError: the file is missing, or is no program of `torch.export`.
    """
    extra = {_METADATA: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except FileNotFoundError as error:
        raise UsageError(f"{str(path)!r} does not exist", code="bad-checkpoint", value=str(path)) from error
    except Exception as error:  # torch's reader raises whatever its parts raise
        message = f"{str(path)!r} is no program of torch.export of this version of torch ({torch.__version__})"
        raise UsageError(message, code="bad-checkpoint", value=str(path)) from error
    return program, _record(extra[_METADATA])


def _record(text: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return dict(found) if isinstance(found, Mapping) else {}


def _nodes(program: ExportedProgram) -> Iterator[torch.fx.Node]:
    """All nodes, also those of graphs within it, as that of a part without autocast."""
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            yield from module.graph.nodes
