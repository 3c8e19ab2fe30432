"""Files of `vision export` in onnxruntime, for a program that does without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vision.errors import CheckpointError, UsageError
from vision.onnx.metadata import from_text

_ERRORS_ALONE = 3  # of onnxruntime's log


class OnnxModel:
    """An ONNX file of one task, checked for what it says of itself.

    A graph is a program: it reaches no files but its own, but may take any time and memory.

    Args:
        path: of the file.
        task: that the file must be of.
        inputs: names that its graph must have, no others.
        outputs: names that `run` gives, in this order; there may be more.

    Attributes:
        path: of the file.
        metadata: `vision.onnx.metadata`.

    Raises:
        CheckpointError: the file is missing, damaged, or of another model.
        UsageError: onnxruntime is missing.
    """

    def __init__(self, path: str | Path, task: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.path = Path(path)
        self._outputs = list(outputs)
        self._session = _open(self.path)
        self.metadata = from_text(self._session.get_modelmeta().custom_metadata_map)
        found = self.metadata.get("task")
        if found != task:
            said = "does not say" if found is None else f"is of task {str(found)[:50]!r}"
            raise CheckpointError(f"{self.path} {said}, and {task} was expected; make one with vision.onnx, for {task}")
        names = sorted(value.name for value in self._session.get_inputs())
        given = {value.name for value in self._session.get_outputs()}
        if names != sorted(inputs) or not given.issuperset(outputs):
            wanted = f"{', '.join(inputs)} -> {', '.join(outputs)}"
            raise CheckpointError(f"{self.path} takes {', '.join(names)[:100]}; expected a graph {wanted}")

    def run(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """What the graph gives, in the order of `outputs`.

        Raises:
            CheckpointError: it fails.
        """
        try:
            return [np.asarray(each) for each in self._session.run(self._outputs, dict(inputs))]
        except Exception as error:  # the runtime's own kinds, one for each status
            raise CheckpointError(f"{self.path} fails when it is run: {_reason(error)}") from error


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        message = "a model in ONNX needs onnxruntime: pip install 'neighborhood-vision[onnx]'"
        raise UsageError(message, code="missing-package", value="onnxruntime") from error
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist, or is no file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ALONE
    options.intra_op_num_threads = _threads()
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own kinds, one for each status
        raise CheckpointError(
            f"checkpoint {path} is no ONNX file that onnxruntime can load ({_reason(error)}); is it complete?"
        ) from error


def _threads() -> int:
    """As PyTorch has it; 0 leaves the choice to onnxruntime, which does not look there."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def _reason(error: Exception) -> str:
    """The end of the first line, behind the runtime's own status, without the names of its sources."""
    text = str(error).strip().partition("\n")[0]
    return text.rpartition(" : ")[2][:200] or type(error).__name__
