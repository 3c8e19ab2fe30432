"""DiNAT_s: Swin's layout with dilated neighborhood attention (DiNAT, arXiv 2209.15001)."""

from __future__ import annotations

from backbones.embedding import PatchEmbed, PatchMerging
from backbones.transformer import NeighborhoodTransformer


class DiNATS(NeighborhoodTransformer):
    """Separate 4x4 patches and patch merging, as in Swin, with dilated neighborhood attention in every layer."""

    stages_name = "layers"
    embedding = PatchEmbed
    downsampler = PatchMerging
