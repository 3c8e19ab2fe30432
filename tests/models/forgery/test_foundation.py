"""Detectors with a foundation model by their files: what the files may say, and what the user must give."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file

from vision.checkpoint import CheckpointError, read_checkpoint, write_safetensors
from vision.errors import UsageError
from vision.models import ForgeryNetwork, forgery_detector
from vision.models.forgery.network import build_network

MODEL: dict[str, Any] = {
    "backbone": {
        "type": "backbones:DualFrequencyFoundationNet",
        "foundation": "test_vit.r160_in1k",
        "foundation_channels": 5,
        "width": 4,
        "depths": [1, 1],
    },
    "head": {"type": "heads:ForgeryHead", "in_channels": 37},
}


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("something wants the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("foundation") / "vit.safetensors"
    save_file(timm.create_model("test_vit.r160_in1k", num_classes=0).state_dict(), str(path))
    return path


@pytest.fixture
def network(weights: Path) -> ForgeryNetwork:
    torch.manual_seed(1)
    network = build_network(MODEL).eval()
    network.attach_foundation(weights)
    return network


@pytest.fixture
def published(network: ForgeryNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    described = {**MODEL["backbone"], "foundation_sha256": network.backbone.foundation_sha256}
    write_safetensors(path, network.state_dict(), {"model": {**MODEL, "backbone": described}})
    return path


def test_a_file_is_small_and_judges_as_before(network: ForgeryNetwork, published: Path, weights: Path) -> None:
    assert published.stat().st_size < 60_000 < 1_000_000 < weights.stat().st_size
    assert not any("frozen" in key for key in read_checkpoint(published)[0])
    loaded = forgery_detector("dual_frequency_demo", published, foundation=weights)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(loaded.logits(images), network.logits(images))


def test_weights_must_be_given_and_be_the_right_ones(published: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="foundation is None, but this detector needs") as caught:
        forgery_detector("dual_frequency_demo", published)
    assert caught.value.code == "no-foundation"
    torch.manual_seed(2)
    save_file(timm.create_model("test_vit").state_dict(), str(tmp_path / "other.safetensors"))
    with pytest.raises(CheckpointError, match=r"other\.safetensors has other weights than those") as caught:
        forgery_detector("dual_frequency_demo", published, foundation=tmp_path / "other.safetensors")
    assert caught.value.code == "other-foundation"
    with pytest.raises(UsageError, match="this detector has no foundation model; expected None"):
        forgery_detector("dual_frequency_demo", foundation=weights)
    with pytest.raises(UsageError, match="this detector has no foundation model; expected None"):
        forgery_detector("dual_frequency_paper", foundation=weights)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("weights", "/etc/passwd", "takes no 'weights'"),
        ("pretrained", True, "takes no 'pretrained'"),
        (
            "foundation",
            "hf-hub:someone/model",
            "foundation must be the name of a timm model, got 'hf-hub:someone/model'",
        ),
        ("foundation", "local-dir:/tmp", "must be the name of a timm model"),
        ("foundation", "https://example.org/vit", "must be the name of a timm model"),
        ("foundation", "test_vit.unknown", "must be the name of a timm model"),
        ("foundation", ["test_vit"], "must be the name of a timm model"),
        ("foundation_channels", 1 << 20, "must be a whole number from 1 to 4096"),
        ("foundation_sha256", "../x", "must be a SHA-256 of 64 hexadecimal digits"),
        ("foundation_sha256", "00" * 31, "must be a SHA-256 of 64 hexadecimal digits"),
        ("width", 0, "must be a whole number"),
    ],
)
def test_a_file_may_name_a_timm_model_and_nothing_else(
    name: str, value: Any, match: str, published: Path, weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "evil.safetensors"
    backbone = {**MODEL["backbone"], name: value}
    write_safetensors(path, read_checkpoint(published)[0], {"model": {**MODEL, "backbone": backbone}})
    with pytest.raises(CheckpointError, match=match):
        forgery_detector("dual_frequency_demo", path, foundation=weights)


def test_a_giant_is_not_built_for_a_small_file(weights: Path) -> None:
    """Seven thousand million values would be 28 GB."""
    backbone = {**MODEL["backbone"], "foundation": "vit_7b_patch16_dinov3.lvd1689m"}
    network = build_network({**MODEL, "backbone": backbone})
    with pytest.raises(CheckpointError, match=r"vit\.safetensors is of another model .* values, the model 6,7"):
        network.attach_foundation(weights)
