"""NAT (arXiv 2204.07143), DiNAT and DiNAT_s (arXiv 2209.15001): which tokenizer and downsampler each has."""

from __future__ import annotations

from backbones.neighborhood.embedding import ConvDownsampler, ConvTokenizer, PatchEmbed, PatchMerging
from backbones.neighborhood.transformer import NeighborhoodTransformer


class NAT(NeighborhoodTransformer):
    """Overlapping convolutional tokenizer and downsamplers, attention to the nearest `kernel_size ** 2` tokens."""

    family = "nat"
    stages_name = "levels"
    embedding = ConvTokenizer
    downsampler = ConvDownsampler
    strides_of_downsampler = (1, 2)


class DiNAT(NAT):
    """NAT whose layers differ in dilation, usually by turns 1 and the largest that fits: see `recommend_dilations`."""

    family = "dinat"


class DiNATS(NeighborhoodTransformer):
    """Swin's layout, separate 4x4 patches and patch merging, with dilated neighborhood attention in every layer."""

    family = "dinat_s"
    stages_name = "layers"
    embedding = PatchEmbed
    downsampler = PatchMerging
