"""Official names and shapes of MatchStereo's weights, listed here by hand, and files of weights that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vision.checkpoint import write_safetensors
from vision.models import CheckpointError, MatchStereo, convert_match_state_dict, match_stereo
from vision.models.stereo.checkpoint import architecture, build_parts, variant_of

PUBLISHED = {
    "tiny": ((32, 64, 128, 160), 8_621_352),
    "small": ((64, 128, 160, 320), 24_907_048),
    "base": ((128, 256, 320, 512), 74_929_512),
}
UNUSED = 2 * (6 + 2) + 2  # res_scale of two stages, and the classifier


def official_shapes(dims: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Every key of an official checkpoint."""
    return {**_encoder_shapes(dims), **_decoder_shapes(dims[::-1])}


def _encoder_shapes(dims: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    down = "encoder.downsample_layers"
    for index, (before, after) in {0: (3, dims[0] // 2), 3: (dims[0] // 2, dims[0])}.items():
        shapes |= {f"{down}.0.{index}.weight": (after, before, 3, 3), f"{down}.0.{index}.bias": (after,)}
    for i in (1, 2, 3):
        shapes[f"{down}.{i}.pre_norm.weight"] = (dims[i - 1],)
        shapes |= {f"{down}.{i}.conv.weight": (dims[i], dims[i - 1], 3, 3), f"{down}.{i}.conv.bias": (dims[i],)}
    for i, depth in enumerate((2, 2, 6, 2)):
        c = dims[i]
        for j in range(depth):
            block = f"encoder.stages.{i}.{j}"
            shapes |= {f"{block}.norm1.weight": (c,), f"{block}.norm2.weight": (c,)}
            for mixer in ("token_mixer.pwconv1", "mlp.fc1"):
                shapes[f"{block}.{mixer}.weight"] = (2 * c, c)
            for mixer in ("token_mixer.pwconv2", "mlp.fc2"):
                shapes[f"{block}.{mixer}.weight"] = (c, 2 * c)
            shapes[f"{block}.token_mixer.dwconv.weight"] = (2 * c, 1, 3, 3)
            if i >= 2:
                shapes |= {f"{block}.res_scale{k}.scale": (c,) for k in (1, 2)}
    return {**shapes, "encoder.head.weight": (1000, dims[3]), "encoder.head.bias": (1000,)}


def _decoder_shapes(dims: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """`dims`: coarse to fine."""
    shapes: dict[str, tuple[int, ...]] = {"init_correlation_volume.norm.weight": (dims[0],)}
    shapes |= {f"init_correlation_volume.{k}.weight": (dims[0], dims[0]) for k in "qk"}
    for i in (1, 2, 3):
        before, c = dims[i - 1], dims[i]
        up = f"up_decoders.{i}"
        shapes |= {f"{up}.up.weight": (before, c, 2, 2), f"{up}.up.bias": (c,)}
        shapes |= {f"{up}.conv.0.weight": (c, 2 * c, 1, 1), f"{up}.conv.0.bias": (c,)}
        shapes |= {f"{up}.conv.2.weight": (c, c, 3, 3), f"{up}.conv.2.bias": (c,)}
    for i, c in enumerate(dims, start=1):
        wide, out = (2 * c, 144) if i == 4 else (c, 36)
        shapes |= {f"up_masks.{i}.0.weight": (wide, c, 3, 3), f"up_masks.{i}.0.bias": (wide,)}
        shapes |= {f"up_masks.{i}.2.weight": (out, wide, 1, 1), f"up_masks.{i}.2.bias": (out,)}
    for i, (depth, slots) in enumerate(zip((8, 8, 8, 2), (36, 36, 16, 16), strict=True)):
        for j in range(depth):
            shapes |= _layer_shapes(f"match_attentions.{i}.layers.{j}", dims[i], slots)
    return shapes


def _layer_shapes(layer: str, c: int, slots: int) -> dict[str, tuple[int, ...]]:
    own, cross, mlp = f"{layer}.match_attention_self", f"{layer}.match_attention_cross", f"{layer}.mlp"
    return {
        f"{layer}.field_scale": (1, 1, 1, 2),
        **{f"{own}.{name}.weight": (c, c + 11) for name in "qkv"},
        f"{own}.proj.weight": (c + 10, c),
        **{f"{cross}.{name}.weight": (c, c + 2) for name in ("q", "k", "v", "g.0")},
        f"{cross}.proj.weight": (c + 2, c + 4 * slots),
        f"{mlp}.fc1.weight": (4 * c, c),
        f"{mlp}.fc1.bias": (4 * c,),
        f"{mlp}.dwconv.weight": (2 * c, 1, 3, 3),
        f"{mlp}.dwconv.bias": (2 * c,),
        f"{mlp}.fc2.weight": (c, 2 * c),
        f"{mlp}.fc2.bias": (c,),
        **{f"{layer}.norm{k}.weight": (width,) for k, width in enumerate((c + 10, c + 2, c))},
    }


def official(variant: str) -> dict[str, Tensor]:
    return {key: torch.empty(shape, device="meta") for key, shape in official_shapes(PUBLISHED[variant][0]).items()}


@pytest.mark.parametrize("variant", PUBLISHED)
@pytest.mark.parametrize("wrap", ["flat", "model", "parallel"])
def test_official_weights_fit(variant: str, wrap: str) -> None:
    theirs: dict[str, Any] = official(variant)
    if wrap == "parallel":
        theirs = {f"module.{key}": value for key, value in theirs.items()}
    ours = convert_match_state_dict({"model": theirs} if wrap == "model" else theirs)
    with torch.device("meta"):
        model = MatchStereo.from_variant(variant)
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in model.state_dict().items()}
    assert len(ours) == len(theirs) - UNUSED
    assert sum(p.numel() for p in model.parameters()) == PUBLISHED[variant][1]
    assert variant_of(ours) == variant_of(theirs if wrap == "flat" else official(variant)) == variant


def test_every_weight_goes_to_its_place() -> None:
    theirs = {
        key: torch.full(shape, float(i)) for i, (key, shape) in enumerate(official_shapes((32, 64, 128, 160)).items())
    }
    ours = convert_match_state_dict(theirs)
    places = {
        "encoder.stages.2.5.token_mixer.dwconv.weight": "encoder.stages.2.5.token_mixer.dwconv.weight",
        "decoder.init_correlation.k.weight": "init_correlation_volume.k.weight",
        "decoder.up_convs.0.up.bias": "up_decoders.1.up.bias",
        "decoder.up_convs.2.join.weight": "up_decoders.3.conv.0.weight",
        "decoder.up_convs.1.conv.weight": "up_decoders.2.conv.2.weight",
        "decoder.mask_heads.0.conv.weight": "up_masks.1.0.weight",
        "decoder.mask_heads.3.proj.bias": "up_masks.4.2.bias",
        "decoder.stages.1.7.field_scale": "match_attentions.1.layers.7.field_scale",
        "decoder.stages.0.3.norm_self.weight": "match_attentions.0.layers.3.norm0.weight",
        "decoder.stages.0.3.norm_cross.weight": "match_attentions.0.layers.3.norm1.weight",
        "decoder.stages.0.3.norm_mlp.weight": "match_attentions.0.layers.3.norm2.weight",
        "decoder.stages.3.1.attn_self.v.weight": "match_attentions.3.layers.1.match_attention_self.v.weight",
        "decoder.stages.3.1.attn_cross.gate.weight": "match_attentions.3.layers.1.match_attention_cross.g.0.weight",
        "decoder.stages.2.0.mlp.fc2.bias": "match_attentions.2.layers.0.mlp.fc2.bias",
    }
    for mine, other in places.items():
        assert ours[mine].flatten()[0] == theirs[other].flatten()[0], mine
    values = [float(value.flatten()[0]) for value in ours.values()]
    assert len(set(values)) == len(values)


def test_our_names_stay() -> None:
    state = MatchStereo.from_variant("nano").state_dict()
    assert convert_match_state_dict(state).keys() == state.keys()
    assert variant_of(state) == "nano"
    assert variant_of(state, {"variant": "small"}) == "small"  # the strict load finds out


@pytest.mark.parametrize(
    "key",
    [
        "encoder.downsample_layers.0.3.bias",
        "encoder.stages.1.0.norm1.weight",
        "match_attentions.0.layers.0.norm0.weight",
        "match_attentions.2.layers.0.match_attention_cross.proj.weight",
        "match_attentions.3.layers.1.match_attention_cross.g.0.weight",
        "up_decoders.2.conv.0.weight",
        "up_masks.4.2.bias",
        "init_correlation_volume.q.weight",
    ],
)
def test_keys_that_are_missing_unknown_or_misshapen_are_named(key: str) -> None:
    theirs = official("tiny")
    with pytest.raises(CheckpointError, match=key.replace(".", r"\.")):
        convert_match_state_dict({k: v for k, v in theirs.items() if k != key})
    with pytest.raises(CheckpointError, match=f"{key}_more"):
        convert_match_state_dict({**theirs, f"{key}_more": theirs[key]})
    shape = theirs[key].shape
    if "proj" not in key and "norm" not in key:  # those tell the size of the network
        with pytest.raises(CheckpointError, match=key.replace(".", r"\.")):
            convert_match_state_dict({**theirs, key: torch.empty(shape[0] + 1, *shape[1:], device="meta")})


@pytest.mark.parametrize("state", [{}, {"a": torch.zeros(1)}, {"model": 3}, {"model": {"epoch": 3}}])
def test_what_is_no_state_dict_of_ours_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError):
        convert_match_state_dict(state)


def test_architecture_is_read_from_weights() -> None:
    arguments: dict[str, dict[str, Any]] = {
        "encoder": {"embed_dims": (6, 8, 12, 10), "depths": (1, 2, 1, 1)},
        "decoder": {
            "in_channels": (6, 8, 12, 10),
            "depths": (2, 1, 1, 3),
            "window_radius": (2, 1, 0, 3),
            "num_heads": 2,
        },
    }
    state = MatchStereo(*build_parts(arguments)).state_dict()
    assert architecture(state) == arguments
    assert variant_of(state) is None


@pytest.fixture(scope="module")
def tiny() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {key: torch.randn(shape) for key, shape in official_shapes(PUBLISHED["tiny"][0]).items()}


def test_official_files_load(tiny: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({"model": tiny}, tmp_path / "tiny.pth")
    model = match_stereo("match_stereo_tiny", tmp_path / "tiny.pth")
    assert not model.training and model.stereo and model.variant == "tiny"
    wanted = tiny["match_attentions.1.layers.2.mlp.fc1.weight"]
    assert torch.equal(model.state_dict()["decoder.stages.1.2.mlp.fc1.weight"], wanted)


def test_another_variant_is_named(tiny: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({"model": tiny}, tmp_path / "mine.pth")
    for name in ("match_stereo_nano", "match_stereo_small"):
        with pytest.raises(CheckpointError, match=rf"mine\.pth is of variant tiny, .* variant {name[13:]}"):
            match_stereo(name, tmp_path / "mine.pth")


def test_files_of_ours_load_and_say_what_they_are_for(tmp_path: Path) -> None:
    path, state = tmp_path / "mine.safetensors", MatchStereo.from_variant("nano").state_dict()
    write_safetensors(path, state, {"variant": "nano", "stereo": True})
    loaded = match_stereo("match_stereo_nano", path).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())
    write_safetensors(path, state, {"variant": "nano", "stereo": False})
    with pytest.raises(CheckpointError, match=r"mine\.safetensors was trained for flow, .* is for stereo"):
        match_stereo("match_stereo_nano", path)
    write_safetensors(path, state, {"variant": "tiny", "stereo": True})  # a lie: the weights are nano's
    with pytest.raises(CheckpointError, match=r"mine\.safetensors is of variant tiny, .* use model match_stereo_tiny"):
        match_stereo("match_stereo_nano", path)
    with pytest.raises(CheckpointError, match=r"mine\.safetensors is of another model: \S+ has shape"):
        match_stereo("match_stereo_tiny", path)
    for unknown in ("huge", 3, None):
        write_safetensors(path, state, {"variant": unknown})
        assert match_stereo("match_stereo_nano", path).variant == "nano"
    torch.save({"state_dict": {**state, "decoder.more": torch.zeros(1)}}, tmp_path / "more.pth")
    with pytest.raises(CheckpointError, match=r"it has decoder\.more"):
        match_stereo("match_stereo_nano", tmp_path / "more.pth")
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    for name in ("broken.pth", "absent.pth"):
        with pytest.raises(CheckpointError, match=name):
            match_stereo("match_stereo_nano", tmp_path / name)


@pytest.mark.parametrize("index", ["1000000000000", "9" * 5000, "4000"])
def test_a_key_cannot_ask_for_a_million_layers(index: str) -> None:
    state = {f"encoder.stages.{i}.0.norm1.weight": torch.zeros(8) for i in range(4)}
    with pytest.raises(CheckpointError, match=f"a key counts to {index[:20]}"):
        architecture({**state, f"encoder.stages.{index}.0.norm1.weight": torch.zeros(8)})


def test_weights_without_their_axes_are_refused() -> None:
    state = {"encoder.stages.0.0.norm1.weight": torch.tensor(1.0)}
    with pytest.raises(CheckpointError, match="not a MatchStereo checkpoint"):
        architecture(state)
