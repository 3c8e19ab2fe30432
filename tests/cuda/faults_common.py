"""Faults to plant in what all kernels of neighborhood attention share.

Tables: file in csrc/cuda -> name -> a text that is once in the file, and what comes in its place.
"""

from __future__ import annotations

Table = dict[str, dict[str, tuple[str, str]]]

# Found by brute force, without kernels.
TILES: Table = {
    "../geometry/window.h": {
        "the inverse window ends a query early": ("behind - ahead + 1", "behind - ahead"),
        "the inverse window starts a query late": ("key < axis.kernel ? 0", "key <= axis.kernel ? 0"),
        "the inverse window forgets the stride": ("(block + axis.stride - 1) / axis.stride * axis.stride", "block"),
    },
    "neighborhood/tiles.h": {
        "the last row of a tile has no say in its columns": ("end : t.length[a]) - 1", "end : t.length[a]) - 2"),
        "tiles of groups are mixed up": ("split_index(number / groups", "split_index(number % groups"),
        "the next line of column tiles starts at 0": ("at.x = t.columns[2].begin", "at.x = 0"),
        "columns of a line behind are seen": ("return z & y & x", "return z & x"),
        "bits of y repeat too seldom": ("i < columns.z * columns.y", "i < columns.y"),
        "one column beyond the interval": ("clamp(interval.end - first,", "clamp(interval.end - first + 1,"),
        "all 64 bits are none": ("count >= 64 ?", "count > 64 ?"),
        "rows of a group are those of the first": ("at.x * p.axis[2].dilation + t.group[2];\n}\n\n}",
                                                   "at.x * p.axis[2].dilation;\n}\n\n}"),
    },
    "neighborhood/shapes.h": {
        "a last part of an axis is forgotten": ("ceil_divide(lengths.x, best.rows.x)}", "lengths.x / best.rows.x}"),
    },
}  # fmt: skip

# What both backward passes share; deltas and sums of parts too.
PREPARED: Table = {
    "neighborhood/delta.h": {
        "delta without the gradient of the LSE": ("sum - grad_lse[number]", "sum"),
        "delta of half of the lanes": ("by < kDeltaLanes", "by < kDeltaLanes / 2"),
        "delta of the first sample": ("sample * view.batch", "0 * view.batch"),
    },
    "neighborhood/scratch.h": {
        "parts of the bias where deltas are": ("bias_at = bytes;", ""),
    },
    "neighborhood/reduce.h": {
        "the last part of the bias": ("split < p.splits", "split + 1 < p.splits"),
    },
}
EXTRA_SUMS: Table = {
    "neighborhood/reduce.h": {
        "the last chunk of queries": ("chunk < p.chunks", "chunk + 1 < p.chunks"),
        "heads of additional tokens swapped": (
            "row / args.extra % args.heads_kv",
            "args.heads_kv - 1 - row / args.extra % args.heads_kv",
        ),
    },
    "neighborhood/extra.h": {
        "each chunk begins with the first query": (
            "begin = static_cast<int32_t>(count * chunk / p.chunks)",
            "begin = 0",
        ),
        "a chunk begins in the first column": ("step.x * columns.x", "0"),
    },
}
