"""What is said of a watermark that was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WatermarkMatch:
    """A known watermark that the pixels of an image carry.

    Attributes:
        name: the generator that writes it, such as "Stable Diffusion XL".
        bits: length of its message.
        matched: how many of these bits the image has.
        fpr: false-positive rate: the probability that an image without a watermark agrees with any known message in as
            many bits, or as unlikely a number, at any of the places that were tried.
    """

    name: str
    bits: int
    matched: int
    fpr: float
