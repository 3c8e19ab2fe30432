"""Decoder of MatchStereo and MatchFlow (MatchAttention, arXiv 2510.14260)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from heads.match.attention import MatchCrossAttention, MatchSelfAttention
from heads.match.field import convex_upsample, horizontal
from heads.match.init import InitialCorrelation
from heads.match.layer import MatchLayer
from heads.match.upsample import MaskHead, UpConv
from heads.match.variants import NUM_HEADS, VARIANTS, WINDOW_RADIUS


class MatchDecoder(nn.Module):
    """Finds for every pixel of two views its match in the other, coarse to fine.

    Args:
        in_channels: channels of the encoder's feature maps, fine to coarse, each half the size of the one before; the
            variant's if None.
        depths: layers of each stage, coarse to fine; the variant's if None.
        window_radius: of the attentions of each stage, coarse to fine.
        num_heads: attention heads of every layer; they divide all `in_channels`.
        mlp_ratio: channels inside the MLPs for each channel of the stage.
        out_factor: pixels of the image along each axis for one of the finest feature map.
        variant: "nano", "tiny", "small" or "base".
    """

    def __init__(
        self,
        in_channels: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        window_radius: Sequence[int] = WINDOW_RADIUS,
        num_heads: int = NUM_HEADS,
        mlp_ratio: float = 2.0,
        out_factor: int = 4,
        *,
        variant: str = "tiny",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant {variant!r} of MatchDecoder; available: {', '.join(VARIANTS)}")
        in_channels = VARIANTS[variant]["in_channels"] if in_channels is None else in_channels
        depths = VARIANTS[variant]["depths"] if depths is None else depths
        _check(in_channels, depths, window_radius, num_heads)
        dims = list(reversed(in_channels))
        self.num_heads = num_heads
        self.out_factor = out_factor
        self.init_correlation = InitialCorrelation(dims[0])
        self.up_convs = nn.ModuleList(UpConv(coarse, fine) for coarse, fine in itertools.pairwise(dims))
        self.mask_heads = nn.ModuleList(MaskHead(dim, dim, 2) for dim in dims[:-1])
        self.mask_heads.append(MaskHead(dims[-1], 2 * dims[-1], out_factor))
        self.stages = nn.ModuleList(
            nn.ModuleList(MatchLayer(dim, num_heads, radius, mlp_ratio) for _ in range(depth))
            for dim, depth, radius in zip(dims, depths, window_radius, strict=True)
        )
        self.init_weights()

    def forward(
        self, features: Sequence[Tensor], stereo: bool = True, init_flow: Tensor | None = None
    ) -> dict[str, Any]:
        """Field of both views at all stages.

        Args:
            features: maps `[2B, C, H, W]` fine to coarse, first view then second; fastest channels-last. The coarsest
                has sides of at least 5 pixels, and of 2 radius + 2.
            stereo: matches lie on the same row: y of every displacement is zero.
            init_flow: field to begin with instead of the correlation's, `[2B, H, W, 2]` of the coarsest size.

        Returns:
            init_flow: field that the first stage begins with.
            init_cv: probabilities of the correlation (see `InitialCorrelation`).
            field_all: fields after every layer, and between stages those enlarged, coarse to fine; each in pixels of
                its own map.
            field_self: fields after the self attention of every layer.
            field_up: field at full size, in its pixels.
            self_rpos: where the pixels look in their own view, mean of the heads, `[2B, H, W, 2]` of the finest map.
        """
        maps = [feature.permute(0, 2, 3, 1) for feature in reversed(features)]
        field, cv = self.init_correlation(maps[0], stereo)
        if init_flow is not None:
            field = init_flow.to(field.dtype)
            field = horizontal(field) if stereo else field
        out: dict[str, Any] = {"init_flow": field, "init_cv": cv}
        x, self_rpos = maps[0], torch.zeros_like(field)
        field_all: list[Tensor] = []
        field_self: list[Tensor] = []
        for i, stage in enumerate(self.stages):
            if i > 0:
                both = convex_upsample(torch.cat([field, self_rpos], dim=-1), self.mask_heads[i - 1](x), 2)
                field, self_rpos = both.chunk(2, dim=-1)
                field_all.append(field)
                x = self.up_convs[i - 1](x, maps[i])
            candidates = self_rpos.unsqueeze(-2).expand(-1, -1, -1, self.num_heads, -1)
            for layer in stage.children():
                x, field, candidates, before = layer(x, field, candidates, stereo)
                field_all.append(field)
                field_self.append(before)
            self_rpos = candidates.mean(-2)
        field_up = convex_upsample(field, self.mask_heads[-1](x), self.out_factor)
        return {**out, "field_all": field_all, "field_self": field_self, "field_up": field_up, "self_rpos": self_rpos}

    def init_weights(self) -> None:
        """Start of a training, ours (none is published).

        Activations keep their size; what is added to the stream starts small, and nothing is added to field and
        candidates: the first fields are the correlation's, smoothly enlarged. Keys start as queries do, so that like
        features match from the first step on.
        """
        for name, module in self.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                # Strides of the transposed convolutions are their kernels: an output has one input of each channel.
                fan_in = module.in_channels if isinstance(module, nn.ConvTranspose2d) else module.weight[0].numel()
                nn.init.trunc_normal_(module.weight, std=0.02 if name.endswith(("proj", "fc2")) else fan_in**-0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, (InitialCorrelation, MatchSelfAttention, MatchCrossAttention)):
                    module.k.weight.copy_(module.q.weight)
                if isinstance(module, MatchLayer):
                    for attention in (module.attn_self, module.attn_cross):
                        attention.proj.weight[module.dim :].zero_()


def _check(in_channels: Sequence[int], depths: Sequence[int], radii: Sequence[int], num_heads: int) -> None:
    for name, entries in {"depths": depths, "window_radius": radii}.items():
        if len(entries) != len(in_channels):
            raise ValueError(
                f"{name} must have {len(in_channels)} entries, one a feature map as in_channels has, got {len(entries)}"
            )
    if num_heads < 1 or any(c % num_heads for c in in_channels):
        raise ValueError(f"num_heads must divide all in_channels {tuple(in_channels)}, got {num_heads}")
    if any(depth < 1 for depth in depths):
        raise ValueError(f"depths must be positive, got {tuple(depths)}")
    if any(radius < 0 for radius in radii):
        raise ValueError(f"window_radius must not be negative, got {tuple(radii)}")
