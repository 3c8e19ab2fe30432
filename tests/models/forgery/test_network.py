"""Detectors by name: every registered one, its checkpoints, and what is refused."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vision.checkpoint import read_checkpoint, read_training_checkpoint, write_safetensors
from vision.models import CheckpointError, ForgeryNetwork, forgery_detector, forgery_models
from vision.models.forgery.network import PAPER, build_network


@pytest.fixture(scope="module")
def paper() -> ForgeryNetwork:
    torch.manual_seed(0)
    return forgery_detector("dual_frequency_paper")


@pytest.mark.parametrize("name", forgery_models())
def test_every_model_gives_one_logit_an_image(name: str) -> None:
    model = forgery_detector(name)
    assert not model.training
    images = torch.randn(3, 3, 64, 96)
    with torch.no_grad():
        logits = model.logits(images)
        assert logits.shape == (3,) and logits.isfinite().all()
        torch.testing.assert_close(model.logits(images[1:2])[0], logits[1], atol=1e-4, rtol=1e-4)
        assert model.logits(images[:0]).shape == (0,)


def test_shipped_weights_give_the_logits_that_they_gave() -> None:
    """Golden numbers: a layer that computes something near to what was trained shows here alone."""
    number = torch.arange(3 * 64 * 96, dtype=torch.float64).reshape(1, 3, 64, 96)
    image = (torch.sin(number * number * 0.37) + torch.cos(number * 0.011)).float()
    with torch.no_grad():
        logits = forgery_detector("dual_frequency_demo").logits(torch.cat([image, 0.25 * image, image.flip(-1)]))
    torch.testing.assert_close(logits, torch.tensor([4.2550, 2.6042, 4.5953]), atol=5e-3, rtol=0)


@pytest.mark.parametrize("name", forgery_models())
def test_every_model_trains(name: str) -> None:
    model = forgery_detector(name).train()
    images = torch.randn(2, 3, 32, 32, requires_grad=True)
    model.head.loss(model.backbone(images), torch.tensor([0, 1]))["loss"].backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    missing = [key for key, parameter in model.named_parameters() if parameter.grad is None]
    assert all(key.startswith("backbone.features.trunk.") for key in missing)  # the frozen features
    assert not any(parameter.grad is None for parameter in model.head.parameters())


# Those whose trace is short: `vision.onnx.forgery` writes the graphs of all node by node, and the trace of residual
# statistics is tested with their backbone.
@pytest.mark.parametrize("name", [name for name in forgery_models() if name != "dual_frequency_wild"])
def test_a_traced_network_agrees_in_onnxruntime(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = forgery_detector(name)
    if name == "dual_frequency_paper":
        with torch.no_grad():
            model.backbone.frequency.fft_scale.fill_(0.5)  # zero would hide the Fourier branch
    torch.manual_seed(0)
    images = torch.randn(2, 3, 64, 48)
    path = tmp_path / "model.onnx"
    torch.onnx.export(model, (images,), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, model.logits(images).numpy(), atol=2e-3, rtol=1e-3)


def test_safetensors_round_trip_carries_architecture_and_calibration(paper: ForgeryNetwork, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    calibration = {"temperature": 2.0, "offset": 0.5, "low": 0.3, "high": 0.7, "fpr_thresholds": {"0.05": 0.8}}
    write_safetensors(path, paper.state_dict(), {"model": PAPER, "calibration": calibration})
    assert [p.name for p in tmp_path.iterdir()] == ["mine.safetensors"]
    # The file says what it is: the name asked for does not matter.
    loaded = forgery_detector("dual_frequency_demo", checkpoint=path)
    assert loaded.calibration.to_dict() == calibration
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(loaded.logits(images), paper.logits(images))


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "meta": {"epoch": 3}}])
def test_torch_checkpoints_load(wrap, paper: ForgeryNetwork, tmp_path: Path) -> None:
    torch.save(wrap(paper.state_dict()), tmp_path / "mine.pth")
    loaded = forgery_detector("dual_frequency_paper", checkpoint=tmp_path / "mine.pth")
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(loaded.logits(images), paper.logits(images))


def test_pickled_code_is_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"state_dict": Bomb()}, tmp_path / "bomb.pth")
    (tmp_path / "bomb.pkl").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.pth", "bomb.pkl"):
        with pytest.raises(CheckpointError, match=name):
            forgery_detector("dual_frequency_paper", checkpoint=tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_missing_empty_truncated_and_corrupt_files_say_so(paper: ForgeryNetwork, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "whole.safetensors", paper.state_dict(), {"model": PAPER})
    whole = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "noise.pth").write_bytes(b"\x80\x02noise")
    for name in ("half.safetensors", "empty.safetensors", "noise.pth", "missing.pth"):
        with pytest.raises(CheckpointError, match=name):
            read_checkpoint(tmp_path / name)
    with pytest.raises(CheckpointError, match="not a file"):
        read_checkpoint(tmp_path)


def test_checkpoint_of_another_model_names_the_first_wrong_key(paper: ForgeryNetwork, tmp_path: Path) -> None:
    def refuse(state: dict[str, torch.Tensor], match: str) -> None:
        save_file(state, str(tmp_path / "other.safetensors"))
        with pytest.raises(CheckpointError, match=match):
            forgery_detector("dual_frequency_paper", checkpoint=tmp_path / "other.safetensors")

    refuse({"stem.0.weight": torch.zeros(3)}, "unknown checkpoint flavor")
    state = paper.state_dict()
    refuse(
        {**state, "head.fc.weight": torch.zeros(1, 256)}, r"head\.fc\.weight has shape \(1, 256\), expected \(1, 512\)"
    )
    refuse({**state, "head.extra": torch.zeros(1)}, r"it has head\.extra")
    refuse({k: v for k, v in state.items() if k != "head.fc.bias"}, r"it lacks head\.fc\.bias")


def test_descriptions_from_outside_this_project_are_refused(paper: ForgeryNetwork, tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    write_safetensors(path, paper.state_dict(), {"model": {**PAPER, "head": {"type": "os:system", "command": "true"}}})
    with pytest.raises(CheckpointError, match="os:system"):
        forgery_detector("dual_frequency_paper", checkpoint=path)


@pytest.mark.parametrize(
    ("head", "match"),
    [
        ({"type": "heads:MatchDecoder"}, "model part 'heads:MatchDecoder' is not one of this project's"),
        ({"type": "backbones:convert_state_dict"}, "'backbones:convert_state_dict' is not one of"),
        ({"type": "heads:ForgeryHead", "in_chans": 3}, "in_chans"),
        (
            {"type": "heads:ForgeryHead", "in_channels": -1},
            "in_channels must be a whole number from 1 to 4096, got '-1'",
        ),
        ({"type": "heads:ForgeryHead", "in_channels": 2 * 10**13}, "in_channels must be a whole number"),
        ({"type": "heads:ForgeryHead", "in_channels": True}, "in_channels must be a whole number"),
        ({"type": "heads:ForgeryHead", "dropout": float("nan")}, "dropout must be from 0 to below 1"),
        ({"type": "heads:ForgeryHead", "label_smoothing": 2.0}, "label_smoothing must be from 0 to below 1"),
        ({"type": ["heads:ForgeryHead"]}, "does not describe a forgery detector"),
        (None, "does not describe a forgery detector"),
    ],
)
def test_descriptions_that_fit_no_part_are_refused(head: Any, match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        build_network({**PAPER, "head": head})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("in_chans", 4),
        ("width", 10**6),
        ("width", "32"),
        ("depths", [3, 10**9]),
        ("depths", [1] * 9),
        ("depths", 3),
        ("wavelet", "bior2.2"),
        ("wavelet", ["haar"]),
        ("dwt_weight", float("inf")),
        ("residual", "yes"),
        ("pool", ["max"]),
        ("forward", "anything"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_built(argument: str, value: Any) -> None:
    with pytest.raises(CheckpointError, match=f"'backbones:DualFrequencyNet'.*{argument}"):
        build_network({**PAPER, "backbone": {**PAPER["backbone"], argument: value}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": float("inf")},
        {"offset": float("nan")},
        {"offset": "a"},
        {"temperature": float("inf")},
        {"low": None},
        {"fpr_thresholds": [1]},
        {"fpr_thresholds": {"often": 0.5}},
        {"fpr_thresholds": {"0.05": float("nan")}},
        {"fpr_thresholds": {"0.05": "0.5"}},
        {"surprise": 1},
    ],
)
def test_a_calibration_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=next(iter(wrong))):
        build_network(PAPER, {"temperature": 1.5, **wrong})


@pytest.mark.parametrize("calibration", ["text", [1.0], 3, "", [], 0, False])
def test_a_calibration_of_another_type_is_refused(calibration: Any) -> None:
    with pytest.raises(CheckpointError):
        build_network(PAPER, calibration)


def test_tensors_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    weight = torch.ones(2, 2)
    path = tmp_path / "odd.pth"
    for content, match in (
        ({"a": weight.to_sparse()}, "a is a sparse tensor"),
        ({"a": weight.to("meta")}, r"a is a data-less \(meta\) tensor"),
        ({"a": weight.to(torch.complex64)}, "a is a complex tensor"),
        ({"a": torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)}, "a is a quantized tensor"),
        ({1: weight}, "'1' is a Tensor"),
        ({"a": 3}, "'a' is a int"),
        ({"a": torch.zeros(1).expand(10**5, 10**6)}, "they repeat stored values"),
    ):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=match):
            read_checkpoint(path)


def test_tied_weights_are_read(tmp_path: Path) -> None:
    weight = torch.randn(100, 100)
    torch.save({"a": weight, "b": weight, "c": weight.t()}, tmp_path / "tied.pth")
    assert torch.equal(read_checkpoint(tmp_path / "tied.pth")[0]["c"], weight.t())


def test_compressed_records_are_refused_unread(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "plain.pth") as plain, zipfile.ZipFile(tmp_path / "small.pth", "w") as small:
        for item in plain.infolist():
            small.writestr(item.filename, plain.read(item), zipfile.ZIP_DEFLATED)
    for read in (read_checkpoint, read_training_checkpoint):
        with pytest.raises(
            CheckpointError, match=r"small\.pth is compressed \(plain/.*expected records as torch\.save"
        ):
            read(tmp_path / "small.pth")
    assert read_training_checkpoint(tmp_path / "plain.pth")["a"].shape == (10**6,)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float, paper: ForgeryNetwork, tmp_path: Path) -> None:
    state = {**paper.state_dict(), "head.fc.bias": torch.tensor([value])}
    save_file(state, str(tmp_path / "nan.safetensors"))
    with pytest.raises(CheckpointError, match=r"nan\.safetensors cannot be used: head\.fc\.bias has values"):
        forgery_detector("dual_frequency_paper", checkpoint=tmp_path / "nan.safetensors")


def test_keys_reach_no_terminal_as_they_are(paper: ForgeryNetwork, tmp_path: Path) -> None:
    state = {**paper.state_dict(), "head.\x1b]0;T\x07": torch.zeros(1)}
    save_file(state, str(tmp_path / "keys.safetensors"))
    with pytest.raises(CheckpointError) as caught:
        forgery_detector("dual_frequency_paper", checkpoint=tmp_path / "keys.safetensors")
    assert r"head.\x1b]0;T\x07" in str(caught.value) and str(caught.value).isprintable()


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ValueError, match="unknown forgery model 'nope'; available: dual_frequency_wild"):
        forgery_detector("nope")
