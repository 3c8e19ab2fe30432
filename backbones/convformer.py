"""ConvFormer (MetaFormer baselines, arXiv 2210.13452) with the convolutional stem of MatchStereo (arXiv 2510.14260)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from backbones.neighborhood.arguments import check_images
from vision.layers.packed import PackedConv2d, PackedLinear

# The encoders of MatchStereo's variants, as published but for `nano`, which is ours, for CPUs.
_DEPTHS = (2, 2, 6, 2)
VARIANTS: dict[str, dict[str, tuple[int, ...]]] = {
    "nano": {"embed_dims": (32, 64, 96, 128), "depths": (1, 1, 3, 1)},
    "tiny": {"embed_dims": (32, 64, 128, 160), "depths": _DEPTHS},
    "small": {"embed_dims": (64, 128, 160, 320), "depths": _DEPTHS},
    "base": {"embed_dims": (128, 256, 320, 512), "depths": _DEPTHS},
}


class ConvFormer(nn.Module):
    """Four stages of depthwise separable convolutions and MLPs, at strides 4, 8, 16 and 32.

    Args:
        in_chans: channels of the image.
        embed_dims: channels of each stage; the variant's if None.
        depths: blocks of each stage; the variant's if None.
        mlp_ratio: channels inside convolutions and MLPs for each channel of the stage.
        out_indices: stages whose maps come out.
        variant: "nano", "tiny", "small" or "base".
    """

    def __init__(
        self,
        in_chans: int = 3,
        embed_dims: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        mlp_ratio: float = 2.0,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        *,
        variant: str = "tiny",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant {variant!r} of ConvFormer; available: {', '.join(VARIANTS)}")
        embed_dims = VARIANTS[variant]["embed_dims"] if embed_dims is None else embed_dims
        depths = VARIANTS[variant]["depths"] if depths is None else depths
        _check(embed_dims, depths, out_indices)
        self.in_chans = in_chans
        self.embed_dims = tuple(embed_dims)
        self.out_indices = tuple(out_indices)
        self.downsample_layers = nn.ModuleList([Stem(in_chans, embed_dims[0])])
        self.downsample_layers.extend(Downsampling(before, after) for before, after in itertools.pairwise(embed_dims))
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvFormerBlock(dim, mlp_ratio) for _ in range(depth)))
            for dim, depth in zip(embed_dims, depths, strict=True)
        )
        self.init_weights()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Normalized images `[B, in_chans, H, W]` -> maps `[B, C, H', W']` of `out_indices`, channels-last."""
        check_images(x, self.in_chans)
        features = []
        for i, (downsample, stage) in enumerate(zip(self.downsample_layers, self.stages, strict=True)):
            x = stage(downsample(x))
            if i in self.out_indices:
                features.append(x.permute(0, 3, 1, 2))
        return features

    def init_weights(self) -> None:
        """Start of a training, as MetaFormer baselines do: truncated normal of deviation 0.02, biases zero."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class Stem(nn.Sequential):
    """Two 3x3 convolutions of stride 2, each with instance norm and GELU."""

    def __init__(self, in_chans: int, dim: int) -> None:
        super().__init__(
            PackedConv2d(in_chans, dim // 2, 3, stride=2, padding=1),
            nn.InstanceNorm2d(dim // 2),
            nn.GELU(),
            PackedConv2d(dim // 2, dim, 3, stride=2, padding=1),
            nn.InstanceNorm2d(dim),
            nn.GELU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_chans, H, W]` -> `[B, ceil(H / 4), ceil(W / 4), dim]`."""
        return super().forward(x.contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1)


class Downsampling(nn.Module):
    """Norm, then a 3x3 convolution of stride 2."""

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__()
        self.pre_norm = nn.LayerNorm(in_dim, eps=1e-6, bias=False)
        self.conv = PackedConv2d(in_dim, dim, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, in_dim]` -> `[B, ceil(H / 2), ceil(W / 2), dim]`."""
        return self.conv(self.pre_norm(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class ConvFormerBlock(nn.Module):
    """Separable convolution and MLP, each after a norm and beside a shortcut."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6, bias=False)
        self.token_mixer = SepConv(dim, int(dim * ratio))
        self.norm2 = nn.LayerNorm(dim, eps=1e-6, bias=False)
        self.mlp = Mlp(dim, int(dim * ratio))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, dim]` -> the same shape."""
        x = self.token_mixer(self.norm1(x), shortcut=x)
        return self.mlp(self.norm2(x), shortcut=x)


class SepConv(nn.Module):
    """Inverted separable convolution (MobileNetV2): pointwise, GELU, 3x3 depthwise, pointwise."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.pwconv1 = PackedLinear(dim, hidden_dim, bias=False)
        self.dwconv = PackedConv2d(hidden_dim, hidden_dim, 3, padding=1, groups=hidden_dim, bias=False)
        self.pwconv2 = PackedLinear(hidden_dim, dim, bias=False)

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """`[B, H, W, dim]` -> the same shape, plus `shortcut`."""
        x = self.pwconv1(x, gelu=True).permute(0, 3, 1, 2)
        return self.pwconv2(self.dwconv(x).permute(0, 2, 3, 1), shortcut=shortcut)


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = PackedLinear(dim, hidden_dim, bias=False)
        self.fc2 = PackedLinear(hidden_dim, dim, bias=False)

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """`[B, H, W, dim]` -> the same shape, plus `shortcut`."""
        return self.fc2(self.fc1(x, gelu=True), shortcut=shortcut)


def _check(embed_dims: Sequence[int], depths: Sequence[int], out_indices: Sequence[int]) -> None:
    if len(depths) != len(embed_dims):
        raise ValueError(
            f"depths must have {len(embed_dims)} entries, one a stage as embed_dims has, got {len(depths)}"
        )
    if any(dim < 2 or dim % 2 for dim in embed_dims[:1]) or any(dim < 1 for dim in embed_dims):
        raise ValueError(f"embed_dims must be positive, the first even, got {tuple(embed_dims)}")
    if any(depth < 1 for depth in depths):
        raise ValueError(f"depths must be positive, got {tuple(depths)}")
    if not out_indices or any(not 0 <= i < len(depths) for i in out_indices):
        raise ValueError(f"out_indices must name stages from 0 to {len(depths) - 1}, got {tuple(out_indices)}")
