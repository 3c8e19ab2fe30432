"""Numbers: published models against the reference's logits, small ones against attention written as loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import backbones

# Logits of the authors' code for seeded weights and inputs: "<model>_<height>x<width>" -> [1, 1000], float32.
GOLDEN = Path(__file__).with_name("golden_logits.npz")

ALL = (0, 1, 2, 3)
# What is unlike the small model of conftest.py, and the image. With kernel 3 and dilations up to 4, the first stage
# needs 12 tokens a side, 48 pixels: most images have a side that is padded in some stage, the smallest in all.
CASES = {
    "whole windows, whole strides": ({"out_indices": ALL}, (64, 96)),
    "classifier": ({}, (64, 64)),
    "odd sides, dense": ({"out_indices": ALL}, (37, 75)),
    "odd sides, classifier": ({}, (51, 67)),
    "height alone too small": ({"out_indices": ALL}, (18, 61)),
    "width alone too small": ({"out_indices": (1, 3)}, (61, 18)),
    "one pixel": ({}, (1, 1)),
    "one row": ({"out_indices": ALL}, (1, 31)),
    "layer scale": ({"out_indices": (0, 2), "layer_scale": 1e-5}, (41, 45)),
    "layer scale, classifier": ({"layer_scale": 1e-5}, (33, 34)),
    "kernel 5": ({"kernel_size": 5, "out_indices": ALL}, (43, 55)),
    "kernel 5, classifier": ({"kernel_size": 5}, (22, 97)),
    "no bias, own scale, gray": ({"qkv_bias": False, "qk_scale": 0.7, "in_chans": 1, "out_indices": (3,)}, (39, 50)),
}


@pytest.mark.parametrize("case", np.load(GOLDEN, allow_pickle=False).files)
def test_published_models_give_the_reference_logits(
    case: str, seeded: Callable[..., Tensor], fill: Callable[..., nn.Module]
) -> None:
    name, size = case.rsplit("_", 1)
    height, width = map(int, size.split("x"))
    model = fill(timm.create_model(name))
    with torch.no_grad():
        logits = model(seeded("x", (1, 3, height, width)))
    golden = torch.from_numpy(np.load(GOLDEN, allow_pickle=False)[case])
    torch.testing.assert_close(logits, golden, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_all_gradients_are_those_of_plain_loops(
    case: str,
    family: str,
    small_arguments: Callable[..., dict[str, Any]],
    seeded: Callable[..., Tensor],
    fill: Callable[..., nn.Module],
) -> None:
    changes, size = CASES[case]
    arguments = small_arguments(family, **changes)
    model: Any = fill(getattr(backbones, family)(**arguments)).double()
    x = seeded("x", (2, model.in_chans, *size)).double().requires_grad_()
    weights = dict(model.named_parameters())
    results = [_tuple(model(x)), _tuple(Plain(weights, family, arguments)(x))]
    assert len(results[0]) == len(results[1])
    inputs = [x, *weights.values()]
    gradients = []
    for outs in results:
        loss = sum((out * seeded(f"w{i}", tuple(out.shape)).double()).sum() for i, out in enumerate(outs))
        gradients.append(torch.autograd.grad(loss, inputs, allow_unused=True))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=0, atol=1e-8)
    for name, ours, plain in zip(["x", *weights], *gradients, strict=True):
        assert (ours is None) == (plain is None), name
        if ours is not None:
            torch.testing.assert_close(ours, plain, rtol=1e-8, atol=1e-8, msg=lambda m, name=name: f"{name}: {m}")


def test_the_nearest_tokens_are_those_of_the_papers_figures() -> None:
    assert _nearest(4, 9, 3, 1) == [3, 4, 5]
    assert _nearest(0, 9, 5, 1) == [0, 1, 2, 3, 4]
    assert _nearest(7, 9, 5, 1) == [4, 5, 6, 7, 8]
    assert _nearest(5, 12, 3, 4) == [1, 5, 9]
    assert _nearest(10, 12, 3, 4) == [2, 6, 10]


class Plain:
    """NAT, DiNAT and DiNAT_s as the papers describe them: one token after another, nothing fused, nothing shared."""

    def __init__(self, weights: Mapping[str, Tensor], family: str, arguments: Mapping[str, Any]) -> None:
        self.weights = weights
        self.family = family
        self.arguments = arguments

    def __call__(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        given = self.arguments
        out_indices = given.get("out_indices")
        name = "layers" if self.family == "DiNATS" else "levels"
        x = self.tokens(x)
        outs = []
        for i, depth in enumerate(given["depths"]):
            heads = given["num_heads"][i]
            for j in range(depth):
                dilation = given["dilations"][i][j] if given["dilations"] else 1
                x = self.block(f"{name}.{i}.blocks.{j}", x, heads, dilation)
            if out_indices is not None and i in out_indices:
                outs.append(self.norm(f"norm{i}", x).permute(0, 3, 1, 2))
            if i + 1 < len(given["depths"]):
                x = self.down(f"{name}.{i}.downsample", x)
        if out_indices is not None:
            return tuple(outs)
        return self.linear("head", self.norm("norm", x).flatten(1, 2).mean(1))

    def tokens(self, x: Tensor) -> Tensor:
        """Pixels -> tokens at stride 4."""
        if self.family == "DiNATS":
            whole = x.new_zeros(*x.shape[:2], *(math.ceil(side / 4) * 4 for side in x.shape[2:]))
            whole[:, :, : x.shape[2], : x.shape[3]] = x
            x = self.convolution("patch_embed.proj", whole, stride=4, padding=0)
        else:
            x = self.convolution("patch_embed.proj.0", x, stride=2, padding=1)
            x = self.convolution("patch_embed.proj.1", x, stride=2, padding=1)
        return self.norm("patch_embed.norm", x.permute(0, 2, 3, 1))

    def down(self, name: str, x: Tensor) -> Tensor:
        """Half as many tokens a side, twice the channels."""
        if self.family != "DiNATS":
            x = self.convolution(f"{name}.reduction", x.permute(0, 3, 1, 2), stride=2, padding=1)
            return self.norm(f"{name}.norm", x.permute(0, 2, 3, 1))
        even = x.new_zeros(x.shape[0], x.shape[1] + x.shape[1] % 2, x.shape[2] + x.shape[2] % 2, x.shape[3])
        even[:, : x.shape[1], : x.shape[2]] = x
        x00, x10 = even[:, 0::2, 0::2], even[:, 1::2, 0::2]
        x01, x11 = even[:, 0::2, 1::2], even[:, 1::2, 1::2]
        return self.linear(f"{name}.reduction", self.norm(f"{name}.norm", torch.cat([x00, x10, x01, x11], -1)))

    def block(self, name: str, x: Tensor, heads: int, dilation: int) -> Tensor:
        gamma1, gamma2 = (self.weights.get(f"{name}.gamma{i}", 1.0) for i in (1, 2))
        x = x + gamma1 * self.attention(f"{name}.attn", self.norm(f"{name}.norm1", x), heads, dilation)
        hidden = self.linear(f"{name}.mlp.fc1", self.norm(f"{name}.norm2", x))
        hidden = 0.5 * hidden * (1 + torch.erf(hidden / math.sqrt(2)))
        return x + gamma2 * self.linear(f"{name}.mlp.fc2", hidden)

    def attention(self, name: str, x: Tensor, heads: int, dilation: int) -> Tensor:
        """Every token looks at its nearest; too small an image is extended with zeros before `qkv`."""
        kernel, scale = self.arguments["kernel_size"], self.arguments.get("qk_scale")
        batch, height, width, channels = x.shape
        high, wide = max(height, kernel * dilation), max(width, kernel * dilation)
        padded = x.new_zeros(batch, high, wide, channels)
        padded[:, :height, :width] = x
        q, k, v = self.linear(f"{name}.qkv", padded).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (heads, channels // heads)) for part in (q, k, v))
        scale = (channels // heads) ** -0.5 if scale is None else scale
        bias = self.weights[f"{name}.rpb"]
        out = []
        for i in range(height):
            for j in range(width):
                rows, columns = _nearest(i, high, kernel, dilation), _nearest(j, wide, kernel, dilation)
                at = [(r, c) for r in rows for c in columns]
                r, c = (list(axis) for axis in zip(*at, strict=True))
                logits = scale * torch.einsum("bhd,bnhd->bhn", q[:, i, j], k[:, r, c])
                down = [(row - i) // dilation + kernel - 1 for row in r]
                right = [(column - j) // dilation + kernel - 1 for column in c]
                weights = (logits + bias[:, down, right]).softmax(-1)
                out.append(torch.einsum("bhn,bnhd->bhd", weights, v[:, r, c]).flatten(1))
        return self.linear(f"{name}.proj", torch.stack(out, 1).unflatten(1, (height, width)))

    def norm(self, name: str, x: Tensor) -> Tensor:
        deviation = x - x.mean(-1, keepdim=True)
        variance = deviation.pow(2).mean(-1, keepdim=True)
        return deviation / (variance + 1e-5).sqrt() * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", 0.0)

    def convolution(self, name: str, x: Tensor, stride: int, padding: int) -> Tensor:
        return F.conv2d(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"), stride, padding)


def _nearest(i: int, length: int, kernel: int, dilation: int) -> list[int]:
    """The `kernel` tokens nearest to `i` among those a multiple of `dilation` away from it."""
    candidates = range(i % dilation, length, dilation)
    return sorted(sorted(candidates, key=lambda j: abs(j - i))[:kernel])


def _tuple(outs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return outs if isinstance(outs, tuple) else (outs,)
