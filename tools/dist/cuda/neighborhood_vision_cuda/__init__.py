"""The CUDA kernels of neighborhood-vision of the same version, which loads `_C_cuda` when it meets a CUDA tensor."""

__version__ = "0.2.0"
cuda = "13"  # major version of the libraries that it runs with, which torch brings
