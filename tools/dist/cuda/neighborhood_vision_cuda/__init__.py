"""The CUDA kernels of neighborhood-vision of the same version, which loads `_C_cuda` when it meets a CUDA tensor."""

__version__ = "0.2.0"
