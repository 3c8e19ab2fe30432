"""Export of models with neighborhood attention to ONNX, in standard operators only."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.export import ExportedProgram

import vision.ops  # noqa: F401 - registers the operators
from vision.files import replacing_group, write_bytes
from vision.onnx.attention import tiled_attention
from vision.onnx.axes import name_axes
from vision.onnx.dynamic import translation_table
from vision.onnx.folding import fold

if TYPE_CHECKING:
    import onnx


def decompositions() -> dict[Any, Callable[..., Any]]:
    """Table for `torch.export.ExportedProgram.run_decompositions`: this package's operators in ATen operators."""
    return {torch.ops.nbv.neighborhood_attention.default: tiled_attention}


def export(
    model: nn.Module,
    args: tuple[Any, ...],
    path: str | os.PathLike[str],
    *,
    kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_shapes: Any = None,
    opset_version: int | None = None,
    rewrite: bool = True,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write `model` in evaluation mode as an ONNX file, which appears under `path` complete or not at all.

    Weights beyond the 2 GB that one file can hold are written beside it, as `path` with `.data` added.

    Args:
        model: any module; its mode is left as it was.
        args: example inputs.
        path: file to write.
        kwargs: example keyword inputs.
        input_names: names of the graph's inputs.
        output_names: names of the graph's outputs.
        dynamic_shapes: as for `torch.export.export`. Where sides of the grid under the attention are fixed, its tables
            are constants; where they are not, the graph computes them. The graph's axes are called as each `Dim` is,
            if this is a tuple that has a dict of them, or None, per input.
        opset_version: ONNX operator set, torch's choice if None.
        rewrite: search the graph for what onnxscript can rewrite, which takes minutes for thousands of nodes; False
            folds constants only.
        metadata: what the file says of itself, its `metadata_props`.

    Returns:
        `path`.

    Raises:
        ImportError: onnx or onnxscript is missing.
        ValueError: the model is not on the CPU.
        FileNotFoundError: the folder of `path` does not exist.
    """
    require_packages()
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(path.parent)!r} to write {path.name!r} to")
    program = capture(model, args, kwargs or {}, dynamic_shapes)
    table = decompositions()
    ours = [node for node in program.graph.nodes if node.target in table]
    translations = translation_table() if any(_has_open_sides(node) for node in ours) else None
    # The exporter decomposes the rest itself, and each time takes as long as the capture.
    if ours and translations is None:
        with torch.no_grad():
            program = program.run_decompositions(table)
    onnx_program = torch.onnx.export(
        program,
        input_names=input_names,
        output_names=output_names,
        opset_version=opset_version,
        dynamo=True,
        verbose=False,
        optimize=rewrite,
        custom_translation_table=translations,
    )
    assert onnx_program is not None
    _remove_notes(onnx_program.model)
    if not rewrite:
        fold(onnx_program.model)
    name_axes(onnx_program.model, dynamic_shapes)
    onnx_program.model.metadata_props.update(metadata or {})
    # The file names the one that holds its weights, so that both get their names before they move.
    with replacing_group(path) as temporary:
        onnx_program.save(temporary)
    return path


def save_graph(model: onnx.ModelProto, path: str | os.PathLike[str], metadata: Mapping[str, str]) -> Path:
    """Write a graph that is made already, of up to 2 GB; it appears under `path` complete or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    from onnx import helper

    helper.set_model_props(model, dict(metadata))
    write_bytes(path, model.SerializeToString())
    return Path(path)


def capture(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], dynamic_shapes: Any) -> ExportedProgram:
    """The graph of `model` in evaluation mode, with this package's operators in it; the mode is left as it was.

    Raises:
        ValueError: the model is not on the CPU.
    """
    devices = sorted({str(tensor.device) for tensor in model.state_dict().values() if tensor.device.type != "cpu"})
    if devices:
        raise ValueError(f"export takes a model on the CPU, got one on {', '.join(devices)}; call model.cpu() first")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            return torch.export.export(model, args, dict(kwargs), dynamic_shapes=dynamic_shapes)
    finally:
        for module, training in modes.items():
            module.training = training


def _remove_notes(model: Any) -> None:
    """Notes on where in the source a node comes from are longer than the nodes, and hold paths of this machine."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()


def _has_open_sides(node: torch.fx.Node) -> bool:
    """Whether a call of our attention has a map whose sides are known only when the graph runs."""
    query = node.args[0]
    assert isinstance(query, torch.fx.Node)
    return not all(isinstance(side, int) for side in query.meta["val"].shape[1:-2])


def require_packages() -> None:
    """See that what torch's exporter imports is there.

    Raises:
        ImportError: the message names the extra that installs it.
    """
    for package in ("onnx", "onnxscript"):
        require_package(package)


def require_package(package: str) -> None:
    """See that a package is there.

    Raises:
        ImportError: the message names the extra that installs it.
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"export to ONNX needs {package}: pip install 'neighborhood-vision[onnx]'", name=package
        ) from error
