"""Random generators for the items of a data set."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch.utils.data import get_worker_info


def item_generator(index: int) -> np.random.Generator:
    """A generator that torch's seed, the worker and the item decide.

    mmengine seeds its workers alike in every epoch; the seed that torch gave the worker differs from epoch to epoch.
    """
    worker = get_worker_info()
    if worker is not None and cv2.getNumThreads() > 1:
        cv2.setNumThreads(0)  # the workers are the threads
    drawn = int(torch.randint(2**62, ()).item())
    return np.random.default_rng([drawn, 0 if worker is None else worker.seed, index])
