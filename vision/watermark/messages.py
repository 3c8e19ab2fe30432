"""Messages that open generators write by default, and the color channel that carries each.

Stable Diffusion: scripts/txt2img.py of CompVis/stable-diffusion and Stability-AI/stablediffusion. XL:
Stability-AI/generative-models and StableDiffusionXLWatermarker of diffusers. FLUX: black-forest-labs/flux.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Channel:
    """The channel U of YUV, as an encoder computes it.

    Attributes:
        zero: value of a gray pixel: 128 in 8 bits, 0.5 where floats from 0 to 255 were handed to code for 0 to 1.
        is_float: whether the encoder works on floats.
        swapped: whether it takes red for blue.
    """

    zero: float
    is_float: bool
    swapped: bool = False


@dataclass(frozen=True)
class Watermark:
    """What a generator writes.

    Attributes:
        name: of the generator.
        message: "0" and "1" in order of blocks.
        channels: in which it was ever written, today's first.
    """

    name: str
    message: str
    channels: tuple[Channel, ...]


EIGHT_BIT = Channel(128, is_float=False)
FLOAT = Channel(0.5, is_float=True)
# diffusers until version 0.26 handed red, green and blue to an encoder that expects the reverse (issue 6292 there).
SWAPPED = Channel(0.5, is_float=True, swapped=True)


def _text(text: str) -> str:
    return "".join(f"{byte:08b}" for byte in text.encode())


WATERMARKS = (
    Watermark("Stable Diffusion 1", _text("StableDiffusionV1"), (EIGHT_BIT,)),
    Watermark("Stable Diffusion 2", _text("SDV2"), (EIGHT_BIT,)),
    Watermark("Stable Diffusion XL", "101100111110110010010000011110111011000110011110", (FLOAT, SWAPPED)),
    # The source has 48 digits, but turns them into a number and back, which loses the two zeros in front.
    Watermark("FLUX", "1010101111111010000111100111001111010100101110", (FLOAT,)),
)
