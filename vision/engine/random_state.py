"""Random numbers of a training, kept for each of its processes so that a resumed one goes on with them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size


def random_states() -> list[dict[str, Any]]:
    """The states of Python's, NumPy's and torch's generators on every process, in types that are loaded safely.

    Every process of the group must call this.
    """
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    state: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return list(all_gather_object(state))


def restore_random_state(states: list[dict[str, Any]], seed: int, iteration: int) -> None:
    """Go on with this process's generators; on another number of processes, begin new ones, different on each.

    Args:
        states: what `random_states` gave.
        seed: of the training.
        iteration: where it goes on, so that new generators do not repeat its first numbers.
    """
    if len(states) != get_world_size():
        new = int(np.random.SeedSequence([abs(seed), iteration, get_rank()]).generate_state(1)[0])
        random.seed(new)
        np.random.seed(new)
        torch.manual_seed(new)
        return
    state = states[get_rank()]
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
