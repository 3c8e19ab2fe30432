"""Dilated Neighborhood Attention Transformer (DiNAT, arXiv 2209.15001)."""

from __future__ import annotations

from backbones.nat import NAT


class DiNAT(NAT):
    """NAT whose layers differ in dilation, usually by turns 1 and the largest that fits: see `recommend_dilations`."""
