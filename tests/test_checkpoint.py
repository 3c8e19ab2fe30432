"""Weights in files, whatever the model."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from vision.checkpoint import (
    CheckpointError,
    Inert,
    load_strict,
    read_checkpoint,
    read_training_checkpoint,
    stored_function,
    write_safetensors,
)
from vision.device import usable_device
from vision.errors import UsageError


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.safetensors"
    write_safetensors(path, {"a": torch.ones(2)}, {})
    before = path.read_bytes()

    def fail(tensors: object, name: str, metadata: object) -> None:
        Path(name).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        write_safetensors(path, {"a": torch.zeros(2)}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.safetensors"] and path.read_bytes() == before


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    weight = torch.arange(6.0, requires_grad=True).view(2, 3).t()  # neither a leaf nor contiguous
    write_safetensors(path, {"weight": weight, "steps": torch.tensor(3)}, {"model": {"a": [1, 2]}, "name": "x"})
    state, metadata = read_checkpoint(path)
    assert state["weight"].tolist() == [[0, 3], [1, 4], [2, 5]] and state["steps"].item() == 3
    assert metadata == {"model": {"a": [1, 2]}, "name": "x"}
    with safe_open(str(path), framework="pt") as file:
        assert json.loads(file.metadata()["model"]) == {"a": [1, 2]}


def test_metadata_that_is_no_json_stays_text(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, str(tmp_path / "a.safetensors"), {"format": "pt", "epoch": "7"})
    assert read_checkpoint(tmp_path / "a.safetensors")[1] == {"format": "pt", "epoch": 7}


def test_files_are_told_by_their_content(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "named.pth", {"a": torch.ones(1)}, {"k": 1})
    assert read_checkpoint(tmp_path / "named.pth")[1] == {"k": 1}
    torch.save({"a": torch.ones(1)}, tmp_path / "named.safetensors")
    state, metadata = read_checkpoint(tmp_path / "named.safetensors")
    assert state["a"].item() == 1 and metadata == {}


@pytest.mark.parametrize("keys", [["state_dict"], ["model"], ["model_state_dict"], ["state_dict", "model"], []])
def test_wrapped_weights(keys: list[str], tmp_path: Path) -> None:
    content: dict[str, object] = {"a.weight": torch.ones(2)}
    for key in reversed(keys):
        content = {key: content, "epoch": 3}
    torch.save(content, tmp_path / "a.pth")
    assert list(read_checkpoint(tmp_path / "a.pth")[0]) == ["a.weight"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "no state dict"),
        ([torch.ones(1)], "no state dict"),
        ({"a": 3}, "'a' is a int"),
        ({3: torch.ones(1)}, "'3' is a Tensor"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "a is a complex tensor"),
        ({"a": torch.ones(2).to_sparse()}, "a is a sparse tensor"),
        ({"a": torch.empty(2, device="meta")}, r"a is a data-less \(meta\) tensor"),
    ],
)
def test_what_holds_no_weights_is_refused(content: object, words: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with warnings.catch_warnings(record=True) as said, pytest.raises(CheckpointError, match=words):
        read_checkpoint(tmp_path / "a.pth")
    assert said == []  # the refusal is all


def test_values_may_repeat_up_to_sixteen_times(tmp_path: Path) -> None:
    big = torch.ones(1 << 16)
    for repeats, fits in ((12, True), (40, False)):
        torch.save({f"w{i}": big for i in range(repeats)}, tmp_path / "a.pth")
        if fits:
            assert len(read_checkpoint(tmp_path / "a.pth")[0]) == repeats
        else:
            with pytest.raises(CheckpointError, match="they repeat stored values; expected at most 16 times"):
                read_checkpoint(tmp_path / "a.pth")


def test_logs_of_training_are_read_without_their_framework(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(1)}, "best": np.float64(0.5), "log": np.arange(3)}, tmp_path / "a.pth")
    assert list(read_checkpoint(tmp_path / "a.pth")[0]) == ["a"]


def test_files_as_before_torch_1_6_are_read(tmp_path: Path) -> None:
    """As timm's and OpenMMLab's scripts publish them, and so the authors of NAT."""
    path = tmp_path / "a.pth"
    torch.save({"state_dict": {"a": torch.ones(99)}, "meta": {}}, path, _use_new_zipfile_serialization=False)
    assert list(read_checkpoint(path)[0]) == ["a"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match=r"cannot be read \(unexpected EOF"):
        read_checkpoint(path)
    torch.save({"a": print}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="it holds more than tensors"):
        read_checkpoint(path)


def test_checksums_may_be_left_out(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.ones(9)}, tmp_path / "a.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert list(read_checkpoint(tmp_path / "a.pth")[0]) == ["a"]


def test_training_checkpoints_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"state_dict": {"a": torch.ones(1)}, "epoch": 3}, path)
    assert read_training_checkpoint(path)["epoch"] == 3
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CheckpointError, match=r"a\.pth cannot be read"):
        read_training_checkpoint(path)
    with pytest.raises(CheckpointError, match="does not exist or is not a file"):
        read_training_checkpoint(tmp_path)


def linear(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((2, 3), 5.0), "bias": torch.ones(2), **changes}


def test_strict_loading() -> None:
    model = nn.Linear(3, 2)
    load_strict(model, linear(), "mine.pth")
    assert (model.weight == 5).all() and (model.bias == 1).all()
    for state, words in (
        ({"weight": torch.zeros(2, 3)}, r"mine\.pth is of another model: it lacks bias \(2,\)"),
        (linear(weight=torch.zeros(3, 2)), r"weight has shape \(3, 2\), expected \(2, 3\)"),
        (linear(more=torch.zeros(1)), "it has more, which this model lacks"),
        (linear(bias=torch.tensor([0.0, torch.nan])), "bias has values that are not finite"),
        (linear(bias=torch.tensor([0.0, -torch.inf])), "bias has values that are not finite"),
        (linear(bias=torch.tensor([0, 1])), r"bias holds torch\.int64, expected floating-point values"),
        (linear(bias=torch.tensor([True, True])), r"bias holds torch\.bool, expected floating-point values"),
        (linear(bias=torch.ones(2, dtype=torch.complex64)), r"bias holds torch\.complex64, expected floating-point"),
    ):
        with pytest.raises(CheckpointError, match=words):
            load_strict(model, state, "mine.pth")
        assert (model.weight == 5).all() and (model.bias == 1).all()  # all or nothing


def test_functions_that_a_pickle_may_name() -> None:
    pytest.importorskip("mmengine")
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    assert stored_function(Inert, "anything") is None
    for name in ("min", "max", "current", "mean"):
        assert stored_function(HistoryBuffer, name) is getattr(HistoryBuffer, name)
    for name in ("_annealing_cos", "_annealing_linear"):
        assert stored_function(OneCycleParamScheduler, name) is getattr(OneCycleParamScheduler, name)
    refused = {HistoryBuffer: ("__init__", "update"), OneCycleParamScheduler: ("__init__", "min", "step")}
    for owner, name in [(owner, name) for owner, names in refused.items() for name in names] + [(Path, "touch")]:
        with pytest.raises(ValueError, match=f"refers to '{name}'"):
            stored_function(owner, name)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_device("cpu") == usable_device(torch.device("cpu")) == torch.device("cpu")
    for there, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert usable_device(None) == torch.device(name)
    with pytest.raises(UsageError, match="unknown device 'gpu'") as caught:
        usable_device("gpu")
    assert (caught.value.code, caught.value.value) == ("unknown-device", "gpu")
    with pytest.raises(UsageError, match="device 'meta' cannot be used") as caught:
        usable_device("meta")
    assert (caught.value.code, caught.value.value) == ("unusable-device", "meta")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps({"a": 1}, protocol=4), "it holds more than tensors, or no PyTorch data at all"),
        (bytes(range(101, 180)), "it holds no PyTorch data, or a part of it"),
        (b"", "it holds no PyTorch data, or a part of it"),
    ],
    ids=["pickle", "garbage", "empty"],
)
def test_what_is_no_checkpoint_is_told_in_a_sentence(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch has one about pickles, of which users read that they file an issue
        with pytest.raises(CheckpointError) as caught:
            read_training_checkpoint(path)
    assert str(caught.value) == f"checkpoint {path} cannot be read ({reason}); is it complete?"


def test_a_checkpoint_that_is_cut_off_or_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.ones(99)}, path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(CheckpointError, match=r"cannot be read \(its archive is damaged or cut off\)"):
        read_training_checkpoint(path)
    with pytest.raises(CheckpointError, match="checkpoint '' names no file"):
        read_checkpoint("")
