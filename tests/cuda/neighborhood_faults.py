"""Kernels of neighborhood attention to plant faults in, by groups."""

from __future__ import annotations

from typing import NamedTuple

from emulation import Fault
from faults_common import Table
from faults_fma import FMA_FORWARD, FMA_KEYS, FMA_ONLY_64, FMA_QUERIES
from faults_mma import MMA_EXTRA, MMA_FORWARD, MMA_KEYS, MMA_ONLY_64, MMA_ONLY_256, MMA_QUERIES, MMA_TF32

FORWARD, QUERIES, KEYS, EXTRA = 1, 2, 4, 8  # NBV_PARTS of neighborhood.cpp


class Group(NamedTuple):
    """Kernels that are compiled together, few enough to be quick."""

    dtype: str
    parts: int
    only: tuple[Fault, ...]  # edits that leave out all instances but one
    faults: Table
    cases: tuple[str, ...]
    barriers: str  # a pattern of barriers and waits, "file: line", to leave out in turn


SMALL_HEADS = ("a line, far", "a map in groups", "a volume of everything", "a map of many tiles", "a map with leaders",
               "a line in the first axes", "hidden but for itself", "many additional tokens", "a volume in tiles",
               "a line, wide", "far apart")  # fmt: skip
LARGE_HEADS = ("values of 256", "more heads of 256")

GROUPS = {
    "forward, float16": Group("float16", FORWARD, MMA_ONLY_64, MMA_FORWARD, SMALL_HEADS, r"mma/(copies|forward)\.h"),
    "queries, float16": Group(
        "float16", QUERIES, MMA_ONLY_64, MMA_QUERIES, SMALL_HEADS, r"mma/(backward_queries|warp_bias_sums)\.h"
    ),
    "keys, float16": Group(
        "float16", KEYS, MMA_ONLY_64, MMA_KEYS, SMALL_HEADS, r"mma/backward_keys\.h(?!.*(both warps|of all channels))"
    ),
    "keys of 256 channels, float16": Group(
        "float16", KEYS, MMA_ONLY_256, {}, LARGE_HEADS, r"backward_keys\.h.*(both warps|of all channels)"
    ),
    "additional tokens, float16": Group("float16", EXTRA, MMA_ONLY_64, MMA_EXTRA, SMALL_HEADS, ""),
    "forward, tf32": Group("tf32", FORWARD, MMA_ONLY_64, MMA_TF32, SMALL_HEADS, ""),
    "forward, float32": Group("float32", FORWARD, FMA_ONLY_64, FMA_FORWARD, SMALL_HEADS, r"fma/forward\.h"),
    "queries, float32": Group(
        "float32", QUERIES, FMA_ONLY_64, FMA_QUERIES, SMALL_HEADS, r"fma/backward_queries\.h|/bias_sums\.h"
    ),
    "keys, float32": Group("float32", KEYS | EXTRA, FMA_ONLY_64, FMA_KEYS, SMALL_HEADS, r"fma/backward_keys\.h"),
}
