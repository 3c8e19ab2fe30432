"""Weights in files: read without running a stranger's code, written whole, loaded strictly.

A pickle may name any function of any package and have it called. Hence safetensors is what we write, and PyTorch's
files are read with a fixed list of harmless names (at the end of this module), which training checkpoints need.
"""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vision.errors import CheckpointError as CheckpointError
from vision.files import replacing_path

# Tied weights are stored once and counted each time; no network has them more often.
MAX_REPEATS = 16


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a `.safetensors` file, or of a PyTorch file (a training checkpoint, a flat dict).

    PyTorch files are read with `weights_only=True`: files that would run code are refused.

    Returns:
        The state dict with the file's own key names, and its metadata (JSON values decoded; of PyTorch files nothing
        but `classes`, where a training checkpoint names those of its data).

    Raises:
        CheckpointError: missing, unreadable, corrupt, or not a file of weights.
    """
    path = _file(path)
    try:
        # By their first bytes: what a file is called says little about what it is.
        return _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    except CheckpointError:
        raise
    except Exception as error:  # decoders raise what they like on damaged bytes
        raise CheckpointError(f"checkpoint {path} cannot be read ({_damage(error)}); is it complete?") from error


def read_training_checkpoint(path: str | Path, map_location: Any = "cpu") -> Any:
    """All that a trainer saved in a PyTorch file, of the types that `torch.serialization.add_safe_globals` has named.

    Args:
        path: the file.
        map_location: as `torch.load` has it.

    Raises:
        CheckpointError: missing, unreadable, cut off, compressed, or holding anything that could run code.
    """
    path = _file(path)
    try:
        _check_archive(path)
        # Not by its name, by whose ending torch would choose a reader; it warns of pickles that it then refuses.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(file, map_location=map_location, weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # decoders raise what they like on damaged bytes
        raise CheckpointError(f"checkpoint {path} cannot be read ({_damage(error)}); is it complete?") from error


def write_safetensors(path: str | Path, state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors with JSON metadata; the file appears complete or not at all."""
    from safetensors.torch import save_file

    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    with replacing_path(path) as temporary:
        save_file(tensors, str(temporary), {key: json.dumps(value) for key, value in metadata.items()})


def load_strict(model: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """`load_state_dict(strict=True)` whose error names the first key and shape that do not fit.

    torch's own error lists every key, which are thousands where the model is another one.

    Args:
        model: takes the weights.
        state: in the model's own names.
        source: the file, for the message.

    Raises:
        CheckpointError: the weights belong to another model, or are not finite.
    """
    expected = model.state_dict()
    for key, value in expected.items():
        if key not in state:
            raise CheckpointError(f"checkpoint {source} is of another model: it lacks {key} {tuple(value.shape)}")
        if state[key].shape != value.shape:
            found, wanted = tuple(state[key].shape), tuple(value.shape)
            raise CheckpointError(
                f"checkpoint {source} is of another model: {key} has shape {found}, expected {wanted}"
            )
        if value.is_floating_point() and not state[key].is_floating_point():
            raise CheckpointError(
                f"checkpoint {source} cannot be used: {key} holds {state[key].dtype}, expected floating-point values"
            )
    unknown = next((key for key in state if key not in expected), None)
    if unknown is not None:
        raise CheckpointError(f"checkpoint {source} is of another model: it has {unknown}, which this model lacks")
    broken = next((key for key, value in state.items() if not _is_finite(value)), None)
    if broken is not None:
        raise CheckpointError(
            f"checkpoint {source} cannot be used: {broken} has values that are not finite; "
            "take one from before the training diverged"
        )
    try:
        model.load_state_dict(dict(state), strict=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise CheckpointError(f"checkpoint {source} cannot be used: {_reason(error)}") from error


def _is_finite(value: Tensor) -> bool:
    if value.is_meta or not value.is_floating_point():
        return True
    # torch cannot ask this of 8-bit floats.
    return bool((value.float() if value.element_size() == 1 else value).isfinite().all())


def _file(path: str | Path) -> Path:
    if path == "":  # as a Path it is the folder that one is in
        raise CheckpointError("checkpoint '' names no file; expected one")
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist or is not a file")
    return path


def _damage(error: Exception) -> str:
    """What is wrong with a file, where a decoder speaks of itself alone."""
    if isinstance(error, LookupError | EOFError | AttributeError | TypeError | struct.error):
        return "it holds no PyTorch data, or a part of it"
    if "PytorchStreamReader" in str(error):
        return "its archive is damaged or cut off"
    return _reason(error)


def _reason(error: Exception) -> str:
    """First line of what a decoder said."""
    # torch's own refusal goes on to advise `weights_only=False`, which would run what the file brings.
    if "weights_only" in str(error):
        return "it holds more than tensors, or no PyTorch data at all"
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _is_safetensors(path: Path) -> bool:
    # 8 bytes of header length, then JSON.
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        metadata = {key: _decoded(value) for key, value in (file.metadata() or {}).items()}
        return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118 (not a mapping)


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _read_torch(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict of a PyTorch file, however deep trainers have wrapped it, and the classes of mmengine's data."""
    _check_archive(path)
    with (
        torch.serialization.safe_globals(_training_globals(path)),
        path.open("rb") as file,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of tensors that are refused below
        content = torch.load(file, map_location="cpu", weights_only=True)
    metadata = _classes_of(content)
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise CheckpointError(f"checkpoint {path} holds no state dict of tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"checkpoint {path} holds no state dict of tensors: {str(name)[:200]!r} is a {type(value).__name__}"
            )
        kind = _unusable_kind(value)
        if kind is not None:
            raise CheckpointError(f"checkpoint {path}: {name} is a {kind} tensor; expected a plain one with its values")
    _check_size(path, content)
    return content, metadata


def _classes_of(content: Any) -> dict[str, Any]:
    for key in ("meta", "dataset_meta"):
        content = content.get(key) if isinstance(content, dict) else None
    known = content if isinstance(content, dict) else {}
    # mmdet 3.0's release candidates wrote it in capitals.
    classes = next((known[name] for name in ("classes", "CLASSES") if known.get(name) is not None), None)
    return {} if classes is None else {"classes": classes}


def _check_archive(path: Path) -> None:
    """Refuse archives with compressed records: torch.save writes none, and a small one may unpack to any size."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = next((item for item in archive.infolist() if item.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None:
        raise CheckpointError(
            f"checkpoint {path} is compressed ({packed.filename} unpacks to {packed.file_size / 1e6:.1f} MB); "
            "expected records as torch.save writes them: unpack it and save it anew"
        )


def _unusable_kind(value: Tensor) -> str | None:
    """What a tensor is that no module takes as a parameter; None for a usable one."""
    if value.is_nested:
        return "nested"
    if value.layout != torch.strided:
        return "sparse"
    if value.is_quantized:
        return "quantized"
    if value.is_meta:
        return "data-less (meta)"
    return "complex" if value.is_complex() else None


def _check_size(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that repeat few stored values many times: each copy of them would take the memory."""
    size, stored = sum(value.numel() * value.element_size() for value in state.values()), path.stat().st_size
    if size > MAX_REPEATS * stored:
        raise CheckpointError(
            f"checkpoint {path} has {stored / 1e6:.1f} MB, but its tensors {size / 1e6:.1f} MB: they repeat stored "
            f"values; expected at most {MAX_REPEATS} times the file's size"
        )


def _training_globals(path: Path) -> list[Any]:
    """What this file may refer to beside tensors: mmengine's objects become inert, so that mmengine is not needed."""
    wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    stored = [(Inert, name) for name in wanted if name.startswith("mmengine.")]
    return [*stored, (stored_function, "builtins.getattr"), *numpy_globals()]


def numpy_globals() -> list[Any]:
    """What a pickled array or number of numpy refers to, under its names in numpy 1 and numpy 2.

    Training checkpoints hold such numbers in their logs, whichever numpy wrote them.
    """
    functions = {"_reconstruct": np.empty(0).__reduce__()[0], "scalar": np.float64(0).__reduce__()[0]}
    names = [
        (f, f"{core}.multiarray.{name}") for name, f in functions.items() for core in ("numpy.core", "numpy._core")
    ]
    return [*names, np.ndarray, np.dtype, *{type(np.dtype(code)) for code in "?bhilqBHILQefd"}]


class Inert:
    """Stands in for an object of mmengine, such as a log history, while weights are read; nothing ever uses it."""


def stored_function(owner: object, name: str) -> Callable[..., Any] | None:
    """Look up one of the functions that mmengine's log histories and one-cycle schedules are pickled with.

    It stands for `getattr` while a checkpoint is read; `getattr` itself would let a file reach anything.

    Raises:
        ValueError: any other attribute is asked for.
    """
    if owner is Inert:
        return None
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    if owner is HistoryBuffer and name in ("min", "max", "current", "mean"):
        return getattr(HistoryBuffer, name)
    if owner is OneCycleParamScheduler and name in ("_annealing_cos", "_annealing_linear"):
        return getattr(OneCycleParamScheduler, name)
    # Not an UnpicklingError: OneDL's mmengine would answer that by reading the file again without any restriction.
    raise ValueError(
        f"checkpoint refers to {name!r} of {owner!r}; only HistoryBuffer's min, max, current and mean may be, "
        "and OneCycleParamScheduler's annealing functions"
    )
