"""Weights in files: read without running a stranger's code, written whole, loaded strictly.

A pickle may name any function of any package and have it called. Hence safetensors is what we write, and PyTorch's
files are read with a fixed list of harmless names (`vision.pickled`), which training checkpoints need.
"""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vision.errors import CheckpointError as CheckpointError
from vision.files import replacing_path
from vision.hub import REMEDY, find_file, published_file
from vision.pickled import Inert as Inert
from vision.pickled import numpy_globals as numpy_globals
from vision.pickled import stored_function as stored_function
from vision.pickled import training_globals
from vision.published import Published, find_published

# Tied weights are stored once and counted each time; no network has them more often.
MAX_REPEATS = 16
# What `save_pretrained` writes into a folder, under the names of the Hugging Face hub.
WEIGHTS_NAME, CONFIG_NAME = "model.safetensors", "config.json"
_MOST_CONFIG = 1 << 20


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a `.safetensors` file, or of a PyTorch file (a training checkpoint, a flat dict).

    PyTorch files are read with `weights_only=True`: files that would run code are refused.

    Args:
        path: the file; a folder that `save_pretrained` wrote; or, where no file has it, a name of
            `vision.published.PUBLISHED`: see `vision.hub` for where its file is looked for.

    Returns:
        The state dict with the file's own key names, and its metadata (JSON values decoded; of PyTorch files nothing
        but `classes`, where a training checkpoint names those of its data).

    Raises:
        CheckpointError: missing, unreadable, corrupt, or not a file of weights.
    """
    row = _published(path)
    if row is not None:
        return read_published(row)
    config = read_config(Path(path, CONFIG_NAME)) if Path(path, CONFIG_NAME).is_file() and path != "" else {}
    path = _file(path)
    try:
        # By their first bytes: what a file is called says little about what it is.
        state, metadata = _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    except CheckpointError:
        raise
    except Exception as error:  # decoders raise what they like on damaged bytes
        raise CheckpointError(f"checkpoint {path} cannot be read ({_damage(error)}); is it complete?") from error
    return state, {**metadata, **config}


def source_of(path: str | Path) -> str | Path:
    """For messages: the file that a name of published weights stands for; anything else as it is."""
    row = _published(path)
    return path if row is None else find_file(row) or path


def read_published(row: Published, cache: str | Path | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """As `read_checkpoint`, of published weights, wherever they are (see `vision.hub`).

    Args:
        row: of `vision.published`.
        cache: folder instead of torch's hub cache.

    Raises:
        CheckpointError: they are not here and may not be fetched, or their file is damaged or another one. It stays.
    """
    path = published_file(row, cache, check=read_checkpoint)
    try:
        return read_checkpoint(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error}; it should be that of {row.url}: {REMEDY}", value=str(path)) from error


def read_training_checkpoint(path: str | Path, map_location: Any = "cpu") -> Any:
    """All that a trainer saved in a PyTorch file, of the types that `torch.serialization.add_safe_globals` has named.

    Args:
        path: the file, or a name of published weights as in `read_checkpoint`.
        map_location: as `torch.load` has it.

    Raises:
        CheckpointError: missing, unreadable, cut off, compressed, or holding anything that could run code.
    """
    row = _published(path)
    path = _file(path) if row is None else published_file(row, check=read_checkpoint)
    try:
        check_archive(path)
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
    check_fits(model, state, source)
    try:
        model.load_state_dict(dict(state), strict=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise CheckpointError(f"checkpoint {source} cannot be used: {_reason(error)}") from error


def check_fits(model: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """What `load_strict` asks of weights, without loading them: the model may be one of shapes alone.

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


def _is_finite(value: Tensor) -> bool:
    if value.is_meta or not value.is_floating_point():
        return True
    # torch cannot ask this of 8-bit floats.
    return bool((value.float() if value.element_size() == 1 else value).isfinite().all())


def _published(path: str | Path) -> Published | None:
    """The published weights that a name stands for; None where a file or folder has that name."""
    return None if Path(path).exists() else find_published(str(path))


def _file(path: str | Path) -> Path:
    if path == "":  # as a Path it is the folder that one is in
        raise CheckpointError("checkpoint '' names no file; expected one")
    path = Path(path)
    if path.is_dir() and (path / WEIGHTS_NAME).is_file():
        return path / WEIGHTS_NAME
    if not path.is_file():
        kind = f", nor does it hold {WEIGHTS_NAME}" if path.is_dir() else ""
        raise CheckpointError(f"checkpoint {path} does not exist or is not a file{kind}")
    return path


def _damage(error: Exception) -> str:
    """What is wrong with a file, where a decoder speaks of itself alone."""
    if isinstance(error, LookupError | EOFError | AttributeError | TypeError | struct.error):
        return "it holds no PyTorch data, or a part of it"
    if "PytorchStreamReader" in str(error) or isinstance(error, zipfile.BadZipFile):
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


def read_config(path: str | Path) -> dict[str, Any]:
    """What a model is made of, from `config.json`.

    Raises:
        CheckpointError: it is missing, too large, or no JSON object.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MOST_CONFIG + 1)
        config = json.loads(text) if len(text) <= _MOST_CONFIG else None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read: {_reason(error)}", value=str(path)) from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} is no JSON object of at most {_MOST_CONFIG:,} bytes", value=str(path))
    return config


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _read_torch(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict of a PyTorch file, however deep trainers have wrapped it, and the classes of mmengine's data."""
    check_archive(path)
    with (
        torch.serialization.safe_globals(training_globals(path)),
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


def check_archive(path: Path) -> None:
    """Refuse archives with compressed records, as torch.save writes none and a small one may unpack to any size.

    Raises:
        CheckpointError: a record is compressed.
        zipfile.BadZipFile: a record is not what its checksum says.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = next((item for item in archive.infolist() if item.compress_type != zipfile.ZIP_STORED), None)
        if packed is not None:
            raise CheckpointError(
                f"checkpoint {path} is compressed ({packed.filename} unpacks to {packed.file_size / 1e6:.1f} MB); "
                "expected records as torch.save writes them: unpack it and save it anew"
            )
        # torch does not look at the checksums; `torch.serialization.set_crc32_options(False)` writes 0.
        for item in (item for item in archive.infolist() if item.CRC):
            with archive.open(item) as record:
                while record.read(1 << 20):
                    pass


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
