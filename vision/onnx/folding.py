"""Makes exported graphs small in seconds, where the exporter's own optimizer takes minutes for thousands of nodes."""

from __future__ import annotations

import importlib
from typing import Any

# Bytes of a constant: maps of zeros and coordinates are quicker made than stored.
_MAX_FOLDED = 1 << 14


def fold(model: Any) -> None:
    """Fold constants and remove what is doubled or left over, in place.

    What is left out are onnxscript's rewriting rules, whose search grows with the square of the graph.

    Args:
        model: `torch.onnx.ONNXProgram.model`.
    """
    passes = importlib.import_module("onnx_ir.passes.common")
    importlib.import_module("onnxscript.optimizer").fold_constants(model, output_size_limit=_MAX_FOLDED)
    for step in (
        passes.RemoveUnusedNodesPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(),
        passes.CommonSubexpressionEliminationPass(),
        passes.RemoveUnusedNodesPass(),
        passes.OutputFixPass(),
        passes.NameFixPass(),
    ):
        step(model)
