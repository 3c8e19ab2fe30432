"""Faults to plant in neighborhood attention's kernels, each of which some case must find.

Tables: file in csrc/cuda -> name -> a text that is once in the file, and what comes in its place.
"""

from __future__ import annotations

from typing import NamedTuple

from emulation import Fault

Table = dict[str, dict[str, tuple[str, str]]]
FORWARD, QUERIES, KEYS, EXTRA = 1, 2, 4, 8  # NBV_PARTS of neighborhood.cpp


class Group(NamedTuple):
    """Kernels that are compiled together, few enough to be quick."""

    dtype: str
    parts: int
    only: tuple[Fault, ...]  # edits that leave out all instances but one
    faults: Table
    cases: tuple[str, ...]
    barriers: str  # files whose barriers and waits they need, as a pattern


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

MMA_COMMON: Table = {
    "neighborhood/mma/copies.h": {
        "a wait for all copies but the last": ("cp_async_wait<0>()", "cp_async_wait<1>()"),
        "no stages": ("stage ^= 1;", ""),
        "the next tile comes into the stage in use": ("load(stage ^ 1, tile + 1)", "load(stage, tile + 1)"),
        "channels behind the last, one by one": ("exists && first + i < dim", "exists"),
        "channels behind the last, by chunks": ("exists && first < dim", "exists"),
        "the last channels stay": ("(dim + 15) / 16", "dim / 16"),
        "additional tokens without their step": ("column * from.step", "0"),
        "rows that are none": ("at.y < t.length[1] && at.x < t.length[2]", "at.y < t.length[1]"),
        "no row is too many": ("i < tiling.rows.product() ? ", "true ? "),
        "channels of the next token": ("if (channel + j < dim) target", "target"),
        "tokens of the first group": ("const RowTile origin{}", "const RowTile origin{{1, 1, 1}}"),
    },
    "neighborhood/mma/mask.h": {
        "a tile is whole where something is seen": ("word == lowest_bits(kColumns)", "word != 0"),
        "half of a group does not count": ("16 * g & 0xFFFF", "16 * g & 0xFF"),
        "masks of other rows": ("16 * block + 8 * half + lane / 4) >>", "16 * block + lane / 4) >>"),
    },
    "neighborhood/mma/logits.h": {
        "no mask": ("const bool sees = kWhole ||", "const bool sees = true ||"),
        "bias of other rows": ("bias_row, 8 * i + lane / 4", "bias_row, 8 * half + lane / 4"),
        "bias of other columns": ("columns[8 * j + lane % 4 * 2 + e]", "columns[8 * j + lane % 4 * 2]"),
        "bias in the wrong base": (" * static_cast<float>(kLog2E)", ""),
    },
    "neighborhood/mma/operands.h": {
        "columns of right operands swapped": ("lane % 8 + lane / 16 * 8, lane / 8 % 2", "lane % 16, lane / 16"),
        "rows of left operands swapped": ("RowReader(int lane) : offset_(SharedTile<T, D>::offset(lane % 16",
                                          "RowReader(int lane) : offset_(SharedTile<T, D>::offset(lane % 16 ^ 8"),
        "bank conflicts": ("row & 7", "row & 3"),
    },
    "neighborhood/mma/elements.h": {
        "weights swapped": ("blocks[i / 2][i % 2 * 2], blocks[i / 2][i % 2 * 2 + 1]",
                            "blocks[i % 2][i / 2 * 2], blocks[i % 2][i / 2 * 2 + 1]"),
    },
    "neighborhood/mma/products.h": {
        "an operand of the other columns": ("sums[r][2 * g], a[r], b[0], b[1]", "sums[r][2 * g], a[r], b[0], b[2]"),
        "an operand of other channels": ("2 * block], a[r], b[0], b[1]", "2 * block], a[r], b[0], b[2]"),
        "operands of the first rows": ("reader_.load(kept_[step][r], rows_, 16 * r, step)",
                                       "reader_.load(kept_[step][r], rows_, 0, step)"),
        "the last channels of a product": ("step * Mma<T>::kDepth >= dim) break;\n        uint32_t a",
                                           "step * Mma<T>::kDepth + 8 >= dim) break;\n        uint32_t a"),
    },
}  # fmt: skip

MMA_FORWARD: Table = MMA_COMMON | {
    "../geometry/window.h": {
        "queries of a block have windows of their own": ("position / axis.stride * axis.stride", "position"),
        "windows leave the axis": ("axis.causal ? start : length - axis.kernel", "start"),
        "the middle of even windows": (": axis.kernel / 2);\n    const Int la", ": (axis.kernel - 1) / 2);\n    const Int la"),
    },
    "neighborhood/mma/forward.h": {
        "bias of the first head": ("item_.head * index.size(args) + index.of", "index.of"),
        "bias of the tile before": ("here.advance(t_, p_.tiling.columns);\n            });", "\n            });"),
        "keys of another head": ("item_.head / (p_.args.heads / p_.args.heads_kv)", "item_.head % p_.args.heads_kv"),
        "queries of the first sample": ("item_.sample * args.query.batch", "0 * args.query.batch"),
        "keys of the first sample": ("item_.sample * view.batch", "0 * view.batch"),
        "the last additional tokens": ("(args.extra + kColumns - 1) / kColumns", "args.extra / kColumns"),
        "more additional tokens than there are": ("min(left, kColumns)", "kColumns"),
        "values are as long as keys": ("which == 0 ? p_.args.dim : p_.args.dim_v", "p_.args.dim"),
        "columns beyond all windows": ("bits_.seen(union_window(t_), at)", "bits_.all()"),
        "sums are not scaled to the new maximum": ("*= fading[r][e / 2]", "*= 1.0f"),
        "the total is not scaled": ("total[r][half] * fading[r][half] + sum", "total[r][half] + sum"),
        "the maximum of a lane": ("top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFu, top, 2))", ""),
        "nothing seen yet": ("top == -INFINITY ? 0.0f : top", "top"),
        "the LSE in the wrong base": ("log2f(total)) * kLn2", "log2f(total))"),
        "the total of two lanes": ("total += __shfl_xor_sync(0xFFFFFFFFu, total, 2)", ""),
    },
}  # fmt: skip

MMA_ONLY_64 = (
    Fault("neighborhood/mma/plan.h", "if (dim <= 32)", "if constexpr (false)"),
    Fault("neighborhood/mma/plan.h", "if (dim <= 64)", "if constexpr (true)"),
)
SMALL_HEADS = ("a line, far", "a map in groups", "a volume of everything", "a map of many tiles", "a map with leaders",
               "a line in the first axes", "hidden but for itself", "many additional tokens")  # fmt: skip

GROUPS = {
    "forward, float16": Group("float16", FORWARD, MMA_ONLY_64, MMA_FORWARD, SMALL_HEADS, r"mma/(copies|forward)\.h"),
}
