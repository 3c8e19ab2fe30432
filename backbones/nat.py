"""Neighborhood Attention Transformer (NAT, arXiv 2204.07143)."""

from __future__ import annotations

from backbones.embedding import ConvDownsampler, ConvTokenizer
from backbones.transformer import NeighborhoodTransformer


class NAT(NeighborhoodTransformer):
    """Overlapping convolutional tokenizer and downsamplers, attention to the nearest `kernel_size ** 2` tokens."""

    stages_name = "levels"
    embedding = ConvTokenizer
    downsampler = ConvDownsampler
