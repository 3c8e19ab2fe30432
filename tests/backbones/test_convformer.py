"""ConvFormer against its description written with plain functions, and as a backbone among the others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from backbones import ConvFormer
from vision.layers import pack_for_inference

SMALL: dict[str, Any] = {"embed_dims": (8, 12, 16, 20), "depths": (2, 1, 2, 1)}


def small(**options: Any) -> ConvFormer:
    torch.manual_seed(0)
    model = ConvFormer(**{**SMALL, **options})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def described(state: dict[str, Tensor], x: Tensor, depths: tuple[int, ...]) -> list[Tensor]:
    """All maps, computed on channels-first tensors with 1x1 convolutions."""

    def norm(x: Tensor, key: str) -> Tensor:
        deviation = x - x.mean(1, keepdim=True)
        return deviation / (deviation.square().mean(1, keepdim=True) + 1e-6).sqrt() * state[key].view(-1, 1, 1)

    def pointwise(x: Tensor, key: str) -> Tensor:
        return F.conv2d(x, state[key][:, :, None, None])

    maps = []
    for i, depth in enumerate(depths):
        down = f"downsample_layers.{i}"
        if i == 0:
            for j in (0, 3):
                x = F.conv2d(x, state[f"{down}.{j}.weight"], state[f"{down}.{j}.bias"], stride=2, padding=1)
                x = x - x.mean((2, 3), keepdim=True)
                x = F.gelu(x / (x.square().mean((2, 3), keepdim=True) + 1e-5).sqrt())
        else:
            x = norm(x, f"{down}.pre_norm.weight")
            x = F.conv2d(x, state[f"{down}.conv.weight"], state[f"{down}.conv.bias"], stride=2, padding=1)
        for j in range(depth):
            block = f"stages.{i}.{j}"
            y = F.gelu(pointwise(norm(x, f"{block}.norm1.weight"), f"{block}.token_mixer.pwconv1.weight"))
            y = F.conv2d(y, state[f"{block}.token_mixer.dwconv.weight"], padding=1, groups=y.shape[1])
            x = x + pointwise(y, f"{block}.token_mixer.pwconv2.weight")
            y = F.gelu(pointwise(norm(x, f"{block}.norm2.weight"), f"{block}.mlp.fc1.weight"))
            x = x + pointwise(y, f"{block}.mlp.fc2.weight")
        maps.append(x)
    return maps


@pytest.mark.parametrize("size", [(64, 96), (61, 75), (33, 34)])
def test_maps_are_as_described(size: tuple[int, int]) -> None:
    model = small().double()
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    maps = model(x)
    sides = [tuple(-(-side // stride) for side in size) for stride in (4, 8, 16, 32)]
    assert [tuple(m.shape[1:]) for m in maps] == [(c, *s) for c, s in zip((8, 12, 16, 20), sides, strict=True)]
    wanted = described(model.state_dict(), x, (2, 1, 2, 1))
    for found, expected in zip(maps, wanted, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


def test_packing_gives_the_same_numbers_and_keeps_channels_last() -> None:
    model, x = small().eval(), torch.randn(2, 3, 64, 64)
    wanted = model(x)
    pack_for_inference(model)
    with torch.no_grad():
        for found, expected in zip(model(x), wanted, strict=True):
            torch.testing.assert_close(found, expected.detach(), atol=1e-4, rtol=1e-4)
            assert found.is_contiguous(memory_format=torch.channels_last)
            assert found.permute(0, 2, 3, 1).is_contiguous()


def test_only_what_is_asked_for_comes_out() -> None:
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(small(out_indices=(2,))(x)[0], small()(x)[2])
    assert len(small(out_indices=(0, 3))(x)) == 2


def test_every_parameter_learns() -> None:
    model = small()
    # Convolutions before an instance norm have biases that it takes away.
    free = {"downsample_layers.0.0.bias", "downsample_layers.0.3.bias"}
    sum(m.square().sum() for m in model(torch.randn(2, 3, 64, 64))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and (name in free or parameter.grad.any()), name


def test_mmengine_builds_it_by_name() -> None:
    from mmengine.registry import MODELS

    import backbones.registry  # noqa: F401

    assert isinstance(MODELS.build({"type": "ConvFormer", **SMALL}), ConvFormer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depths": (1, 1)}, "depths must have 4 entries"),
        ({"depths": (1, 0, 1, 1)}, "depths must be positive"),
        ({"embed_dims": (7, 8, 8, 8)}, "embed_dims must be positive, the first even"),
        ({"embed_dims": (8, 0, 8, 8)}, "embed_dims must be positive"),
        ({"out_indices": (4,)}, "out_indices must name stages from 0 to 3"),
        ({"out_indices": ()}, "out_indices must name stages"),
    ],
)
def test_arguments_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvFormer(**{**SMALL, **options})


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected images \[B, 3, H, W\]"):
        small()(torch.zeros(1, 4, 64, 64))
