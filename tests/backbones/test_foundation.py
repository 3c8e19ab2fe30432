"""The dual-frequency trunk with a frozen foundation model: its weights, its features, and that it never learns."""

from __future__ import annotations

import copy
import hashlib
import socket
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from backbones import DualFrequencyFoundationNet, DualFrequencyNet
from backbones.frozen import FrozenFeatures, cached_weights
from heads import ForgeryHead
from vision.checkpoint import CheckpointError
from vision.errors import UsageError
from vision.normalize import normalize_imagenet

NAME = "test_vit.r160_in1k"  # 0.4 million values, 160 x 160 pixels, mean and deviation of 0.5
SMALL: dict[str, Any] = {"width": 4, "depths": (1, 1), "foundation": NAME, "foundation_channels": 5}


@pytest.fixture(scope="module")
def teacher() -> torch.nn.Module:
    """The model as timm has it, with a classifier, seeded."""
    torch.manual_seed(0)
    return timm.create_model(NAME).eval()


@pytest.fixture(scope="module")
def weights(teacher: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("foundation") / "vit.safetensors"
    save_file(teacher.state_dict(), str(path))
    return path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("something wants the network")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    return folder


def images(count: int = 2, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return normalize_imagenet(torch.randint(0, 256, (count, 3, size, size), generator=generator))


def test_last_map_is_the_frequency_map_with_the_features_beside_it(weights: Path) -> None:
    torch.manual_seed(0)
    net = DualFrequencyFoundationNet(weights=weights, **SMALL).eval()
    alone = DualFrequencyNet(width=4, depths=(1, 1)).eval()
    alone.load_state_dict({k: v for k, v in net.state_dict().items() if not k.startswith("foundation")})
    with torch.no_grad():
        first, last = net(images())
        expected_first, expected_last = alone(images())
        features = net.foundation_proj(net.foundation_norm(net.frozen(images())))
    assert last.shape == (2, 37, 4, 4) and net.num_features == 37
    torch.testing.assert_close(first, expected_first)
    torch.testing.assert_close(last[:, :32], expected_last)
    for row, column in ((0, 0), (3, 2)):
        torch.testing.assert_close(last[:, 32:, row, column], features)
    logits = ForgeryHead(37).eval()((first, last))
    assert logits.shape == (2,)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = net(images())[-1]
    torch.testing.assert_close(half[:, 32:, 0, 0].float(), features, atol=0.1, rtol=0)
    assert net.frozen(images()[:0]).shape == (0, net.frozen.channels)


def test_features_are_those_of_timm_with_its_own_size_and_normalization(
    teacher: torch.nn.Module, weights: Path
) -> None:
    """Independent: Pillow resizes as torch does with antialiasing, up to its rounding to whole levels."""
    y, x = np.mgrid[:256, :256]
    checks = 255 * ((x // 2 + y) % 2)  # without antialiasing they would become stripes
    pixels = np.stack([checks, 127 + 90 * np.cos(y / 30), (x + y) / 2], -1).astype(np.uint8)
    resized = np.asarray(Image.fromarray(pixels).resize((160, 160), Image.Resampling.BICUBIC), np.float32)
    frozen = FrozenFeatures(NAME)
    frozen.load(weights)
    found = frozen(normalize_imagenet(torch.from_numpy(pixels).permute(2, 0, 1)[None]))
    with torch.no_grad():
        own = torch.from_numpy((resized / 255 - 0.5) / 0.5).permute(2, 0, 1)[None]
        expected = teacher.forward_head(teacher.forward_features(own), pre_logits=True)
    assert found.shape == (1, frozen.channels) == expected.shape
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    assert expected.std() > 0.2


def test_it_never_learns_and_is_in_no_state_dict(weights: Path) -> None:
    net = DualFrequencyFoundationNet(weights=weights, **SMALL).train()
    model = net.frozen._model
    assert model is not None and not any(layer.training for layer in model.modules())
    known = {id(value) for value in (*net.parameters(), *net.buffers())}
    assert not any(id(value) in known or value.requires_grad for value in model.parameters())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    assert not net.frozen(images().requires_grad_()).requires_grad
    head = ForgeryHead(37)
    head.loss(net(images()), torch.tensor([0, 1]))["loss"].backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    optimizer.step()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not set(net.state_dict()) & {f"frozen.{key}" for key in before}
    assert (
        sum(value.numel() for value in net.state_dict().values())
        < 10_000
        < 300_000
        < sum(map(torch.numel, before.values()))
    )
    assert bytes(net.state_dict()["foundation_digest"].tolist()) == hashlib.sha256(weights.read_bytes()).digest()
    assert copy.deepcopy(net).frozen is net.frozen  # an average of the weights does not take its memory again


def test_weights_come_from_a_pytorch_file_too(teacher: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(teacher.state_dict(), tmp_path / "vit.pth")
    frozen = FrozenFeatures(NAME)
    with torch.inference_mode(), torch.device("meta"):
        frozen.load(tmp_path / "vit.pth")
    assert frozen._model is not None
    assert torch.equal(frozen._model.get_parameter("patch_embed.proj.weight"), teacher.patch_embed.proj.weight)
    assert "state_dict" not in frozen._model.pretrained_cfg


@pytest.mark.usefixtures("no_network")
def test_weights_come_from_the_cache_of_this_machine(cache: Path, weights: Path) -> None:
    net = DualFrequencyFoundationNet(**SMALL)
    assert cached_weights(NAME) is None
    with pytest.raises(CheckpointError, match=rf"foundation is None, .* weights of timm's {NAME}, .*expected a file"):
        net(images())
    repository = cache / "models--timm--test_vit.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("c0ffee")
    (repository / "snapshots/c0ffee").mkdir(parents=True)
    (repository / "snapshots/c0ffee/model.safetensors").write_bytes(weights.read_bytes())
    net(images())
    assert net.foundation_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.mark.usefixtures("no_network", "cache")
@pytest.mark.parametrize(
    "name",
    ["hf-hub:timm/test_vit.r160_in1k", "local-dir:.", "timm/test_vit", "../test_vit", "https://x.org/test_vit", "", 3],
)
def test_names_outside_of_timm_are_refused(name: Any) -> None:
    with pytest.raises(UsageError, match="timm has no model"):
        FrozenFeatures(name)


def test_mistyped_names_are_answered_with_the_right_ones() -> None:
    with pytest.raises(UsageError, match=r"timm has no model 'test_vitt'; did you mean test_vit"):
        FrozenFeatures("test_vitt")
    with pytest.raises(UsageError, match=r"'test_vit\.mine'; expected one of its weights: test_vit\.r160_in1k"):
        FrozenFeatures("test_vit.mine")


def test_weights_of_another_model_are_refused(teacher: torch.nn.Module, tmp_path: Path) -> None:
    state = {key: value.clone() for key, value in teacher.state_dict().items()}

    def refuse(match: str, **changes: torch.Tensor | None) -> None:
        changed = {**state, **{key.replace("__", "."): value for key, value in changes.items()}}
        save_file({key: value for key, value in changed.items() if value is not None}, str(tmp_path / "x.safetensors"))
        with pytest.raises(CheckpointError, match=match):
            FrozenFeatures(NAME).load(tmp_path / "x.safetensors")

    refuse(r"x\.safetensors is of another model than timm's test_vit\.r160_in1k: .*norm\.weight", norm__weight=None)
    refuse(r"is of another model .*: .*norm\.weight", norm__weight=torch.ones(7))
    refuse(r"is of another model .*: .*other\.bias", other__bias=torch.ones(7))
    refuse(r"norm\.weight has values that are not finite", norm__weight=torch.full((64,), torch.nan))
    save_file({"norm.weight": torch.ones(64)}, str(tmp_path / "x.safetensors"))
    with pytest.raises(CheckpointError, match="it holds 64 values, the model"):
        FrozenFeatures(NAME).load(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"none\.pth does not exist"):
        FrozenFeatures(NAME).load(tmp_path / "none.pth")


def test_other_weights_than_those_of_the_training_are_refused(weights: Path, tmp_path: Path) -> None:
    trained = DualFrequencyFoundationNet(weights=weights, **SMALL)
    torch.manual_seed(1)
    save_file(timm.create_model(NAME).state_dict(), str(tmp_path / "other.safetensors"))
    known = DualFrequencyFoundationNet(foundation_sha256=trained.foundation_sha256, **SMALL)
    with pytest.raises(CheckpointError, match=rf"its SHA-256 is \w+, expected {trained.foundation_sha256}") as caught:
        known.attach(tmp_path / "other.safetensors")
    assert caught.value.code == "other-foundation" and not known.frozen.is_loaded
    known.attach(weights)
    other = DualFrequencyFoundationNet(weights=tmp_path / "other.safetensors", **SMALL)
    with pytest.raises(CheckpointError, match=rf"was {trained.foundation_sha256}, expected \w+"):
        other.load_state_dict(trained.state_dict())
    unknown = DualFrequencyFoundationNet(**SMALL)
    unknown.load_state_dict(trained.state_dict())
    assert unknown.foundation_sha256 == trained.foundation_sha256
