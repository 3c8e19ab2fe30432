"""How many threads the libraries of a worker use."""

from __future__ import annotations

import os
import sys

# Read by OpenMP, MKL, OpenBLAS and OpenCV when they are loaded.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def hold_threads(cpus: float) -> None:
    """Keep libraries to as many threads as a worker holds CPUs, here and in the processes that it starts.

    Each would take all of a machine otherwise, or what its shell asked for, and the threads of several workers wait
    for each other longer than they work. It holds for libraries that are loaded already, and for those that come.

    Args:
        cpus: of the worker; less than two are one thread, and 0, which Ray counts as none, leaves all as it is.
    """
    if not cpus:
        return
    count = max(1, int(cpus))
    os.environ.update(dict.fromkeys(_VARIABLES, str(count)))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(count)
