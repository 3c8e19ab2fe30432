"""Frequency-domain layers: wavelet transform, phase filtering and the attention between them."""

from vision.layers.frequency.dual import DualFrequencyBlock
from vision.layers.frequency.fourier import filter_phase
from vision.layers.frequency.rswa import WindowChannelAttention
from vision.layers.frequency.wavelet import DWT2D, IDWT2D, dwt2d, idwt2d, wavelet_filters

__all__ = [
    "DWT2D",
    "IDWT2D",
    "DualFrequencyBlock",
    "WindowChannelAttention",
    "dwt2d",
    "filter_phase",
    "idwt2d",
    "wavelet_filters",
]
