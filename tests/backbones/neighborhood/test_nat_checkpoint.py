"""Checkpoints of NAT, DiNAT and DiNAT_s in the names of their authors, of detectors and of Hugging Face."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backbones import convert_state_dict
from backbones.checkpoint import convert_checkpoint, load_backbone
from vision.checkpoint import CheckpointError, write_safetensors

ALL = (0, 1, 2, 3)
SIZE = (2, 3, 37, 52)
HF_LAYER = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.rpb": "attention.self.rpb",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
HF_REST = {
    r"^patch_embed\.proj": "embeddings.patch_embeddings.projection",
    r"^patch_embed\.norm": "embeddings.norm",
    r"^levels": "encoder.levels",
    r"^norm\.": "layernorm.",
    r"^norm(\d)\.": lambda match: f"hidden_states_norms.stage{int(match[1]) + 1}.",
}


def hugging_face(official: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Official names -> those of transformers' Nat and Dinat."""
    state: dict[str, Tensor] = {}
    for key, value in official.items():
        layer = re.match(r"levels\.(\d+)\.blocks\.(\d+)\.(.+)", key)
        if key.startswith("head."):
            state[key.replace("head", "classifier")] = value  # beside the model, so without its prefix
            continue
        if not layer:
            for ours, theirs in HF_REST.items():
                key = re.sub(ours, theirs, key)
            state[prefix + key] = value
            continue
        home, name = f"{prefix}encoder.levels.{layer[1]}.layers.{layer[2]}.", layer[3]
        if name.startswith("attn.qkv."):
            for part, rows in zip(("query", "key", "value"), value.chunk(3), strict=True):
                state[f"{home}attention.self.{part}.{name.removeprefix('attn.qkv.')}"] = rows
        elif name == "gamma1":
            state[home + "layer_scale_parameters"] = torch.stack([value, official[key.replace("gamma1", "gamma2")]])
        elif name != "gamma2":
            for ours, theirs in HF_LAYER.items():
                name = name.replace(ours, theirs) if name.startswith(ours) else name
            state[home + name] = value
    return state


def shuffled(model: nn.Module) -> dict[str, Tensor]:
    """A state dict of other numbers than the model's."""
    make = torch.Generator().manual_seed(1)
    return {key: torch.randn(value.shape, generator=make) * 0.2 for key, value in model.state_dict().items()}


@pytest.fixture
def x() -> Tensor:
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(0))


def test_official_names_are_ours(family: str, small: Callable[..., Any]) -> None:
    stages = "layers" if family == "DiNATS" else "levels"
    block = ("norm1", "norm2", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    expected = {
        "patch_embed.norm",
        *(f"{stages}.{i}.blocks.{j}.{n}" for i, j in ((0, 0), (0, 1), (3, 0)) for n in block),
    }
    expected |= {"patch_embed.proj"} if family == "DiNATS" else {"patch_embed.proj.0", "patch_embed.proj.1"}
    expected |= {f"{stages}.{i}.downsample.norm" for i in range(3)}
    names = {f"{name}.{part}" for name in expected for part in ("weight", "bias")}
    names |= {f"{stages}.{i}.downsample.reduction.weight" for i in range(3)}
    names |= {f"{stages}.1.blocks.1.{name}" for name in ("attn.rpb", "gamma1", "gamma2")}
    classifier = small(family, layer_scale=1e-5).state_dict()
    tail = {"norm.weight", "norm.bias", "head.weight", "head.bias"}
    assert names | tail <= set(classifier)
    assert not any(key.startswith(f"{stages}.3.downsample") for key in classifier)
    dense = small(family, layer_scale=1e-5, out_indices=ALL).state_dict()
    norms = {f"norm{i}.{part}" for i in ALL for part in ("weight", "bias")}
    assert set(dense) == set(classifier) - tail | norms
    assert classifier[f"{stages}.1.blocks.0.attn.rpb"].shape == (2, 5, 5)
    assert classifier[f"{stages}.0.downsample.reduction.weight"].shape == (
        (16, 32) if family == "DiNATS" else (16, 8, 3, 3)
    )


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("out_indices", [None, ALL])
def test_official_checkpoints_load_strictly(
    prefix: str, out_indices: Any, family: str, small: Callable[..., Any], x: Tensor
) -> None:
    source, target = (small(family, out_indices=out_indices, layer_scale=1e-5) for _ in range(2))
    source.load_state_dict(shuffled(source))
    state, words = convert_checkpoint({prefix + key: value for key, value in source.state_dict().items()})
    assert ("DiNAT_s" in words) == (family == "DiNATS")
    assert ("classifier" if out_indices is None else "detector") in words
    assert not _same(target(x), source(x))
    target.load_state_dict(state, strict=True)
    assert _same(target(x), source(x))


@pytest.mark.parametrize("prefix", ["nat.", "dinat.", ""])
@pytest.mark.parametrize("layer_scale", [None, 1e-5])
@pytest.mark.parametrize("out_indices", [None, ALL])
def test_hugging_face_checkpoints_load_strictly(
    prefix: str, layer_scale: float | None, out_indices: Any, small: Callable[..., Any], x: Tensor
) -> None:
    source, target = (small("DiNAT", out_indices=out_indices, layer_scale=layer_scale) for _ in range(2))
    source.load_state_dict(shuffled(source))
    theirs = hugging_face(source.state_dict(), prefix)
    assert f"{prefix}encoder.levels.0.layers.1.attention.self.query.weight" in theirs
    assert (f"{prefix}encoder.levels.0.layers.1.layer_scale_parameters" in theirs) == (layer_scale is not None)
    assert ("classifier.bias" if out_indices is None else f"{prefix}hidden_states_norms.stage1.weight") in theirs
    target.load_state_dict(convert_state_dict(theirs), strict=True)
    assert _same(target(x), source(x))


@pytest.mark.parametrize("prefix", ["model.pixel_level_module.encoder.", "pixel_level_module.encoder.", "backbone."])
def test_models_of_hugging_face_give_the_backbone_inside(
    prefix: str, small: Callable[..., Any], x: Tensor, tmp_path: Path
) -> None:
    source, *targets = (small("DiNAT", out_indices=ALL) for _ in range(3))
    source.load_state_dict(shuffled(source))
    theirs = {
        "model.pixel_level_module.decoder.encoder.layers.0.self_attn.value_proj.weight": torch.ones(2),
        "model.transformer_module.queries_embedder.weight": torch.ones(3),
        "classifier.weight": torch.ones(4),
    }
    theirs |= hugging_face(source.state_dict(), prefix)
    targets[0].load_state_dict(convert_state_dict(theirs), strict=True)
    torch.save(theirs, tmp_path / "whole.pth")
    load_backbone(targets[1], tmp_path / "whole.pth")
    for target in targets:
        assert _same(target(x), source(x))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["official", "Hugging Face", "data-parallel", "whole detector"])
def test_load_backbone_reads_files_of_every_flavor(
    suffix: str, kind: str, small: Callable[..., Any], x: Tensor, tmp_path: Path
) -> None:
    source, target = (small("DiNAT", out_indices=ALL) for _ in range(2))
    source.load_state_dict(shuffled(source))
    state = source.state_dict()
    if kind == "Hugging Face":
        state = hugging_face(state, "dinat.")
    elif kind == "data-parallel":
        state = {f"module.{key}": value for key, value in state.items()}
    elif kind == "whole detector":
        state = {f"backbone.{key}": value for key, value in state.items()}
        state |= {"neck.fpn_convs.0.conv.weight": torch.ones(1), "roi_head.bbox_head.0.fc_cls.bias": torch.ones(1)}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        write_safetensors(path, state, {})
    else:
        torch.save({"state_dict": state, "meta": {"epoch": 36}}, path)
    load_backbone(target, path)
    assert _same(target(x), source(x))


@pytest.mark.parametrize(("theirs", "ours"), [(7, 11), (11, 7)])
def test_position_biases_of_another_kernel_are_resized_bicubically(
    theirs: int, ours: int, small: Callable[..., Any], family: str, tmp_path: Path
) -> None:
    state = shuffled(small(family, kernel_size=theirs))
    kept = {key: value.clone() for key, value in state.items()}
    torch.save(state, tmp_path / "weights.pth")
    direct, from_file, inside = (small(family, kernel_size=ours) for _ in range(3))
    direct.load_state_dict(state, strict=True)
    load_backbone(from_file, tmp_path / "weights.pth")
    # As a part of a larger model.
    parent = nn.ModuleDict({"backbone": inside})
    parent.load_state_dict({f"backbone.{key}": value for key, value in state.items()}, strict=True)
    assert all(torch.equal(state[key], kept[key]) for key in kept)
    for model in (direct, from_file, inside):
        for key, value in model.state_dict().items():
            expected = kept[key]
            if key.endswith("rpb"):
                size = (2 * ours - 1, 2 * ours - 1)
                expected = F.interpolate(expected[None], size=size, mode="bicubic", align_corners=False)[0]
            assert torch.equal(value, expected), key


def test_a_checkpoint_of_another_variant_names_the_first_wrong_key_and_both_shapes(
    small: Callable[..., Any], tmp_path: Path
) -> None:
    target = small("DiNAT")
    before = {key: value.clone() for key, value in target.state_dict().items()}
    path = tmp_path / "weights.pth"

    torch.save(small("DiNAT", embed_dim=16).state_dict(), path)
    wrong = r"another model: patch_embed\.proj\.0\.weight has shape \(8, 3, 3, 3\), expected \(4, 3, 3, 3\)"
    with pytest.raises(CheckpointError, match=wrong):
        load_backbone(target, path)
    with pytest.raises(RuntimeError, match=r"size mismatch for patch_embed\.proj\.0\.weight"):
        target.load_state_dict(small("DiNAT", embed_dim=16).state_dict())

    torch.save(small("DiNAT", depths=(2, 2, 2, 1), dilations=None).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"it has levels\.2\.blocks\.1\.\S+, which this model lacks"):
        load_backbone(target, path)

    torch.save(small("DiNAT").state_dict(), path)
    with pytest.raises(CheckpointError, match=r"it lacks levels\.0\.blocks\.0\.gamma1 \(8,\)"):
        load_backbone(small("DiNAT", layer_scale=1.0), path)

    # Other heads are no other kernel: nothing is resized.
    torch.save(small("DiNAT", num_heads=(2, 2, 2, 4)).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"rpb has shape \(2, 5, 5\), expected \(1, 5, 5\)"):
        load_backbone(target, path)

    torch.save(small("DiNATS").state_dict(), path)
    with pytest.raises(CheckpointError, match=r"it lacks patch_embed\.proj\.0\.weight \(4, 3, 3, 3\)"):
        load_backbone(target, path)
    assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


def test_a_classifier_gives_its_stages_to_a_detector_and_back(
    family: str, small: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classifier, dense = small(family), small(family, out_indices=(1, 3))
    torch.save(shuffled(classifier), tmp_path / "classifier.pth")
    torch.save(shuffled(dense), tmp_path / "dense.pth")
    for model, other, fresh in ((classifier, "dense", "norm head"), (dense, "classifier", "norm1 norm3")):
        before = {key: value.clone() for key, value in model.state_dict().items()}
        given = torch.load(tmp_path / f"{other}.pth", weights_only=True)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "backbones.checkpoint"):
            load_backbone(model, tmp_path / f"{other}.pth")
        for key, value in model.state_dict().items():
            starts_anew = key.split(".")[0] in fresh.split()
            assert torch.equal(value, before[key] if starts_anew else given[key]), key
        (record,) = caplog.records
        assert all(f"{name}.weight" in record.getMessage() for name in fresh.split())


def test_a_head_of_other_classes_starts_anew(
    small: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = small("NAT", num_classes=10), small("NAT", num_classes=3)
    torch.save(shuffled(source), tmp_path / "weights.pth")
    head = target.head.weight.clone()
    with caplog.at_level(logging.WARNING, "backbones.checkpoint"):
        load_backbone(target, tmp_path / "weights.pth")
    assert torch.equal(target.head.weight, head) and torch.equal(target.norm.weight, shuffled(source)["norm.weight"])
    assert "not taken, starts anew: head.weight, head.bias" in caplog.text


def test_what_is_no_checkpoint_of_ours_is_named(small: Callable[..., Any], tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.ones(1), "layer1.0.bn1.bias": torch.ones(1)}, tmp_path / "resnet.pth")
    with pytest.raises(ValueError, match=r"unknown checkpoint flavor: first keys are \['conv1\.weight'"):
        load_backbone(small("NAT"), tmp_path / "resnet.pth")
    with pytest.raises(CheckpointError, match=r"missing\.pth does not exist"):
        load_backbone(small("NAT"), tmp_path / "missing.pth")


def test_init_cfg_is_read_when_the_weights_are_made(
    family: str, small: Callable[..., Any], tmp_path: Path, x: Tensor
) -> None:
    source = small(family, out_indices=ALL)
    source.load_state_dict(shuffled(source))
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "weights.pth")}
    model = small(family, out_indices=ALL, init_cfg=init_cfg)
    assert not _same(model(x), source(x))
    model.init_weights()
    assert _same(model(x), source(x))


@pytest.mark.parametrize(
    "init_cfg",
    [
        {"type": "Normal", "std": 0.01},
        {"type": "Pretrained"},
        {"checkpoint": "weights.pth"},
        {"type": "Pretrained", "checkpoint": "weights.pth", "map_location": "cpu"},
    ],
)
def test_any_other_init_cfg_is_an_error(init_cfg: dict[str, Any], small: Callable[..., Any]) -> None:
    with pytest.raises(
        ValueError, match=r'init_cfg must be dict\(type="Pretrained", checkpoint=path\), perhaps with prefix, got \{'
    ):
        small("NAT", init_cfg=init_cfg).init_weights()


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    return len(a) == len(b) and all(torch.equal(one, other) for one, other in zip(a, b, strict=True))


@pytest.mark.parametrize("prefix", ["student.encoder.", "student.encoder"])
def test_init_cfg_with_a_prefix_takes_what_lies_under_it(
    prefix: str, small: Callable[..., Any], tmp_path: Path
) -> None:
    source = small("DiNAT", out_indices=ALL)
    source.load_state_dict(shuffled(source))
    taken = {f"student.encoder.{key}": value for key, value in source.state_dict().items()}
    others = {f"teacher.encoder.{key}": value + 1 for key, value in source.state_dict().items()}
    torch.save({**others, **taken}, tmp_path / "weights.pth")
    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "weights.pth"), "prefix": prefix}
    model = small("DiNAT", out_indices=ALL, init_cfg=init_cfg)
    model.init_weights()
    for key, value in source.state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key
    with pytest.raises(CheckpointError, match=r"has no key with the prefix 'student\.enc\.'"):
        small("DiNAT", out_indices=ALL, init_cfg={**init_cfg, "prefix": "student.enc"}).init_weights()
