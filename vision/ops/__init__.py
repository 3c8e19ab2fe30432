"""Attention operators on maps, heads-last `[B, *spatial, heads, dim]`."""

from types import ModuleType

import wrapt

import vision.ops.residuals.native  # noqa: F401 - registers its operator, which programs of torch.export may hold
from vision.ops.match.attention import match_attention
from vision.ops.merge import merge_attentions
from vision.ops.neighborhood.fused import na1d, na2d, na3d
from vision.ops.neighborhood.unfused import na1d_av, na1d_qk, na2d_av, na2d_qk, na3d_av, na3d_qk
from vision.ops.neighborhood.window import neighborhood_mask

__all__ = [
    "match_attention",
    "merge_attentions",
    "na1d",
    "na1d_av",
    "na1d_qk",
    "na2d",
    "na2d_av",
    "na2d_qk",
    "na3d",
    "na3d_av",
    "na3d_qk",
    "neighborhood_mask",
]


@wrapt.when_imported("torch.utils.flop_counter")
def _tell_the_flop_counter(_: ModuleType) -> None:
    """Whoever counts finds our operators counted; who does not, waits for no import of it."""
    import vision.ops.neighborhood.flops  # noqa: F401
