"""One layer of the match decoder: attention in the own view, in the other view, and a convolutional gated MLP."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.match.attention import MatchCrossAttention, MatchSelfAttention
from heads.match.field import consistency, horizontal
from heads.match.norm import MatchNorm
from vision.layers.fields import pixel_grid
from vision.layers.packed import linear_add


class MatchLayer(nn.Module):
    """Refines features, field and own match candidates (MatchAttention, arXiv 2510.14260).

    The field and the candidates travel as channels beside the features, so that the projections of the attentions
    update them: `dim` features, 2 of the field, 2 per head of the candidates.

    Args:
        dim: channels of the features.
        num_heads: attention heads.
        window_radius: of the windows of both attentions.
        mlp_ratio: channels inside the MLP for each of `dim`.
    """

    def __init__(self, dim: int, num_heads: int, window_radius: int, mlp_ratio: float = 2.0) -> None:
        super().__init__()
        self.dim = dim
        # Displacements are tens of pixels, features about one: without it the norm would see the field alone.
        self.field_scale = nn.Parameter(torch.full((1, 1, 1, 2), 0.1))
        channels = dim + 2 + 2 * num_heads
        self.norm_self = MatchNorm(channels)
        self.attn_self = MatchSelfAttention(dim, num_heads, window_radius, channels)
        self.norm_cross = MatchNorm(dim + 2)
        self.attn_cross = MatchCrossAttention(dim, num_heads, window_radius, dim + 2)
        self.norm_mlp = MatchNorm(dim)
        self.mlp = ConvGLU(dim, int(dim * mlp_ratio))

    def forward(
        self, x: Tensor, field: Tensor, self_rpos: Tensor, stereo: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One refinement of both views.

        Args:
            x: features `[2B, H, W, dim]`.
            field: displacements `[2B, H, W, 2]`, in pixels of the map; float32 also where weights are half precision.
            self_rpos: where each head looks in the own view, from the pixel, `[2B, H, W, heads, 2]`.
            stereo: keep the field horizontal.

        Returns:
            The first three anew, and the field as it was after the self attention.
        """
        scale, dim = self.field_scale, self.dim
        grid = pixel_grid(field.shape[1], field.shape[2], field)
        consistent = consistency(field.detach(), grid)  # a threshold has no gradient
        x = torch.cat([x, field * scale, self_rpos.flatten(-2)], dim=-1)
        x = self.attn_self(self.norm_self(x), consistent, grid.unsqueeze(-2) + self_rpos, shortcut=x)
        x, moved, self_rpos = x.split([dim, 2, x.shape[-1] - dim - 2], dim=-1)
        # The residual that the attention added may lead off the row; matches of rectified views never do.
        moved = horizontal(moved) if stereo else moved
        field_self = moved / scale
        # The candidates stay behind: they are places in the own view, of no use for the other.
        x = torch.cat([x, moved], dim=-1)
        centers = (grid + field_self).unsqueeze(-2).expand(-1, -1, -1, self.attn_cross.num_heads, -1)
        x = self.attn_cross(self.norm_cross(x), centers, shortcut=x)
        x, moved = x.split([dim, 2], dim=-1)
        field = (horizontal(moved) if stereo else moved) / scale
        x = self.mlp(self.norm_mlp(x), shortcut=x)
        return x, field, self_rpos.unflatten(-1, (-1, 2)), field_self


class ConvGLU(nn.Module):
    """Gated MLP whose gate looks at the 3x3 pixels around it (TransNeXt, arXiv 2311.17132).

    Args:
        dim: channels of input and output.
        hidden_dim: channels of value and gate each.
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 2 * hidden_dim)
        self.dwconv = nn.Conv2d(hidden_dim, hidden_dim, 3, padding=1, groups=hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """`[B, H, W, dim]` -> the same shape, plus `shortcut`."""
        # Not `vision.layers.mlp.Mlp`: half of the hidden channels gate the others, each from its surroundings.
        gate, value = self.fc1(x).chunk(2, dim=-1)
        gate = F.gelu(self.dwconv(gate.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return linear_add(self.fc2, gate * value, shortcut)
