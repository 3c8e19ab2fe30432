"""`timm.create_model(name, pretrained=True)`: from a folder, a cache or a server, whole and of that model."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from huggingface_hub import constants
from torch import nn

from backbones import DiNAT
from backbones.checkpoint import load_backbone
from backbones.neighborhood.variants import VARIANTS
from vision.checkpoint import CheckpointError, write_safetensors
from vision.published import PUBLISHED

# Small enough to write and read quickly.
NARROW: dict[str, Any] = {"embed_dim": 8, "num_heads": (1, 1, 2, 4), "depths": (1, 1, 1, 1)}
FILES = {
    "nat_mini": "nat_mini.pth",
    "dinat_tiny": "dinat_tiny_in1k_224.pth",
    "dinat_s_tiny": "dinat_s_tiny_in1k_224.pth",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that NBV_WEIGHTS names; neither cache has anything and nothing may be fetched."""
    path = tmp_path / "weights"
    path.mkdir()
    monkeypatch.setenv("NBV_WEIGHTS", str(path))
    monkeypatch.delenv("NBV_ALLOW_DOWNLOAD", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    return path


def made(name: str = "dinat_tiny", **arguments: Any) -> Any:
    more = {} if name == "nat_mini" else {"dilations": [[1], [1], [2], [1]]}
    return timm.create_model(name, **{**NARROW, **more, **arguments})


def same(model: nn.Module, other: nn.Module, *, but: tuple[str, ...] = ("norm", "head")) -> bool:
    """Whether two models have the same weights; those of other tasks have other last layers."""
    state, expected = model.state_dict(), other.state_dict()
    if state.keys() == expected.keys() and state["head.weight"].shape == expected["head.weight"].shape:
        but = ("none",)
    shared = [key for key in expected if not key.startswith(but)]
    return len(shared) > 40 and all(torch.equal(state[key], expected[key]) for key in shared)


@pytest.mark.parametrize("name", FILES)
def test_weights_come_from_the_folder_as_their_authors_name_the_file(name: str, folder: Path) -> None:
    model = made(name)
    torch.save(model.state_dict(), folder / FILES[name])
    assert not same(made(name), model) and same(made(name, pretrained=True), model)


def test_converted_weights_are_found_by_the_models_name(folder: Path) -> None:
    model = made()
    write_safetensors(folder / "dinat_tiny.safetensors", model.state_dict(), {})
    assert same(made(pretrained=True), model)


def test_weights_may_be_adapted_to_other_classes_channels_and_features(folder: Path) -> None:
    torch.manual_seed(0)
    model = made().eval()
    torch.save(model.state_dict(), folder / FILES["dinat_tiny"])
    ten = made(pretrained=True, num_classes=10)
    assert ten.head.weight.shape == (10, 64) and same(ten, model) and torch.equal(ten.norm.weight, model.norm.weight)
    assert isinstance(made(pretrained=True, num_classes=0).head, nn.Identity)
    # timm sums the channels' weights, so that gray images give what they gave as RGB.
    gray, x = made(pretrained=True, in_chans=1).eval(), torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(gray(x), model(x.expand(1, 3, 32, 32)), atol=1e-4, rtol=1e-4)
        features = made(pretrained=True, features_only=True, out_indices=(1, 3)).eval()
        x = torch.randn(1, 3, 64, 64)
        expected = model.forward_intermediates(x, indices=[1, 3], intermediates_only=True)
        for found, wanted in zip(features(x), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_a_model_says_what_its_images_must_be_and_keeps_no_second_copy(folder: Path) -> None:
    torch.save(made().state_dict(), folder / FILES["dinat_tiny"])
    for model in (made(pretrained=True), made(pretrained=True, features_only=True)):
        config = model.pretrained_cfg
        assert config["url"] == PUBLISHED["dinat_tiny"].url and config["license"] == "mit"
        assert "state_dict" not in config and "state_dict" not in getattr(model, "model", model).pretrained_cfg
        assert timm.data.resolve_model_data_config(model) == {
            "input_size": (3, 224, 224),
            "interpolation": "bicubic",
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
            "crop_pct": 0.875,
            "crop_mode": "center",
        }


def test_without_weights_one_line_says_where_they_are() -> None:
    with pytest.raises(CheckpointError) as caught:
        made(pretrained=True)
    assert caught.value.code == "no-published-weights" and "\n" not in str(caught.value)
    for words in (FILES["dinat_tiny"], PUBLISHED["dinat_tiny"].url, "NBV_WEIGHTS", "NBV_ALLOW_DOWNLOAD=1", "112 MB"):
        assert words in str(caught.value) or words == "NBV_WEIGHTS"  # which names a folder here


@pytest.mark.parametrize("damage", ["cut off", "other model", "other kind", "not finite", "empty", "no matrix"])
def test_a_file_that_is_not_of_this_model_is_named_and_stays(damage: str, folder: Path) -> None:
    path = folder / FILES["dinat_tiny"]
    model = made(embed_dim=16) if damage == "other model" else made()
    state = model.state_dict()
    if damage == "other kind":
        state = {"conv1.weight": torch.zeros(3)}
    if damage == "not finite":
        state["levels.0.blocks.0.norm1.bias"][0] = torch.nan
    if damage == "no matrix":
        state["head.weight"] = torch.tensor(1.0)
    torch.save(state, path)
    content = path.read_bytes()
    if damage in ("cut off", "empty"):
        content = content[: len(content) // 2] if damage == "cut off" else b""
        path.write_bytes(content)
    words = {
        "cut off": "cannot be read (its archive is damaged or cut off)",
        "empty": "cannot be read (",
        "other model": "is of another model: patch_embed.proj.0.weight has shape (8, 3, 3, 3), expected (4, 3, 3, 3)",
        "other kind": "is of another model than dinat_tiny: unknown checkpoint flavor",
        "no matrix": "is of another model: head.weight has shape (), expected (1000, 64)",
        "not finite": "levels.0.blocks.0.norm1.bias has values that are not finite",
    }[damage]
    with pytest.raises(CheckpointError) as caught:
        made(pretrained=True)
    assert str(path) in str(caught.value) and words in str(caught.value)
    assert path.read_bytes() == content


def test_another_size_of_kernels_is_fitted(folder: Path) -> None:
    model = made()
    torch.save(model.state_dict(), folder / FILES["dinat_tiny"])
    larger = made(pretrained=True, kernel_size=9)
    assert larger.levels[0].blocks[0].attn.rpb.shape == (1, 17, 17)
    assert torch.equal(larger.levels[0].blocks[0].attn.qkv.weight, model.levels[0].blocks[0].attn.qkv.weight)


@pytest.mark.parametrize("source", ["file", "state_dict"])
def test_weights_of_ones_own_come_before_published_ones(source: str, folder: Path, tmp_path: Path) -> None:
    torch.save(made().state_dict(), folder / FILES["dinat_tiny"])
    model = made()
    torch.save(model.state_dict(), tmp_path / "mine.pth")
    given = {"file": str(tmp_path / "mine.pth"), "state_dict": model.state_dict()}[source]
    assert same(made(pretrained=True, pretrained_cfg_overlay={source: given}), model)


def test_weights_come_from_an_address_if_that_is_allowed(
    serve: Callable[[Callable[[BaseHTTPRequestHandler, int], None]], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = made()
    torch.save(model.state_dict(), tmp_path / "sent.pth")
    content = (tmp_path / "sent.pth").read_bytes()

    def answer(handler: BaseHTTPRequestHandler, count: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    overlay = {"url": serve(answer)}
    with pytest.raises(CheckpointError, match="downloads are not allowed"):
        made(pretrained=True, pretrained_cfg_overlay=overlay)
    monkeypatch.setenv("NBV_ALLOW_DOWNLOAD", "1")
    assert same(made(pretrained=True, pretrained_cfg_overlay=overlay), model)
    assert (tmp_path / "torch" / "checkpoints" / "w.pth").read_bytes() == content
    own = made(pretrained=True, pretrained_cfg_overlay=overlay, cache_dir=tmp_path / "own")
    assert same(own, model) and (tmp_path / "own" / "w.pth").read_bytes() == content


def test_backbones_of_detectors_take_names_too(folder: Path) -> None:
    model = made()
    torch.save(model.state_dict(), folder / FILES["dinat_tiny"])
    backbone = DiNAT(
        **NARROW, mlp_ratio=3, out_indices=(1, 3), init_cfg={"type": "Pretrained", "checkpoint": "dinat_tiny"}
    )
    backbone.init_weights()
    assert same(backbone, model)
    with pytest.raises(CheckpointError, match=f"checkpoint {folder / FILES['dinat_tiny']} is of another model"):
        load_backbone(DiNAT(variant="mini"), "dinat_tiny")


def test_the_table_of_models_and_that_of_weights_agree() -> None:
    classifiers = {name for name, row in PUBLISHED.items() if row.task == "classification"}
    assert classifiers == set(VARIANTS) == {variant.checkpoint for variant in VARIANTS.values()}
    for name, variant in VARIANTS.items():
        row, config = PUBLISHED[name], timm.get_pretrained_cfg(name)
        assert config is not None and variant.url == row.url == config.url
        if variant.params is None:
            with torch.device("meta"):
                count = sum(parameter.numel() for parameter in timm.create_model(name).parameters())
            assert row.million_parameters == round(count / 1e6, 2)
        else:
            assert row.million_parameters == variant.params
