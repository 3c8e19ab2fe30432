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
    barriers: str  # a pattern of barriers and waits, "file: line", to leave out in turn


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
        "the first additional tokens again": ("number / p.chunks * p.tiling.rows.x", "0"),
        "rows that are no additional tokens": ("t.first[2] + row >= p.args.extra", "false"),
        "a chunk begins in the first column": ("step.x * columns.x", "0"),
    },
}

MMA_PRODUCTS: Table = {
    "neighborhood/mma/backward_products.h": {
        "an operand of the other columns": ("sums[i][j], a[i], b[0], b[1]", "sums[i][j], a[i], b[0], b[2]"),
        "an operand of the other channels": (
            "sums[i][n], a[step][i], b[0], b[1]",
            "sums[i][n], a[step][i], b[0], b[2]",
        ),
        "no mask": ("& 1) == 0) sums", "& 1) == 2) sums"),
        "bias in the wrong base": (" * static_cast<float>(kLog2E)", ""),
        "gradients without the scale": ("sums[i][j][2 * half] * scale", "sums[i][j][2 * half]"),
        "rows of the first block": ("16 * i + 8 * half + lane / 4));", "8 * half + lane / 4));"),
    },
}

MMA_QUERIES: Table = (
    PREPARED
    | MMA_PRODUCTS
    | {
        "neighborhood/mma/backward_queries.h": {
            "no delta": (" - delta_[i][e / 2])", ")"),
            "the LSE in the wrong base": ("[row] * static_cast<float>(kLog2E)", "[row]"),
            "the LSE of another row": ("lse_[i][e / 2]", "lse_[i][0]"),
            "the last additional tokens": ("(args.extra + Tiles::kColumns - 1) / Tiles", "args.extra / Tiles"),
            "more additional tokens than there are": ("min(left, Tiles::kColumns)", "Tiles::kColumns"),
            "keys of another head": (
                "place_.item.head / (args.heads / args.heads_kv)",
                "place_.item.head % args.heads_kv",
            ),
            "bias of the first head": ("int64_t{place_.item.head} *", "0 *"),
            "bias of the first group of columns": ("memory_.columns.bias + column", "memory_.columns.bias"),
            "the first group's mask": ("seen >> column &", "seen &"),
            "each tile again": ("if (number > 0) next.", "if (number < 0) next."),
            "items of another block": ("head * items + items * block / blocks", "head * items"),
        },
        "neighborhood/mma/warp_bias_sums.h": {
            "entries of other rows": ("seen, first_row + r);", "seen, r);"),
            "the last pair wins": ("table[entry] +=", "table[entry] ="),
            "sums of the last warp": ("t < tables", "t + 1 < tables"),
            "no zeros to begin with": ("table[i] = 0.0f", ""),
            "parts of the first head": ("static_cast<int64_t>(head) * p.splits + part", "part"),
        },
    }
)

MMA_KEYS: Table = MMA_PRODUCTS | {
    "../geometry/window.h": {
        "a query too few": ("behind - ahead + 1", "behind - ahead"),
    },
    "neighborhood/mma/backward_products.h": MMA_PRODUCTS["neighborhood/mma/backward_products.h"]
    | {
        "bias of the mirrored column": ("entries + kSign * columns", "entries + columns"),
    },
    "neighborhood/mma/backward_keys.h": {
        "the first head of queries alone": ("heads * tiles, stage", "tiles, stage"),
        "no delta": ("weights[i][j][e] * (x - delta)", "weights[i][j][e] * x"),
        "the LSE in the wrong base": ("lse * static_cast<float>(kLog2E)", "lse"),
        "bias of the first head": ("int64_t{head} * index", "0 * index"),
        "bias of the first tile": ("bias - index.of(at)", "bias"),
        "the LSE of the first column": ("first + memory_.columns.tokens[i]", "first"),
        "weights of unseen pairs": ("if (!mask.whole) mask_sums(weights, seen, lane_);", ""),
        "the first group's mask": ("seen >> column &", "seen &"),
        "values are scaled": ("grad_values_, channel, 1.0f", "grad_values_, channel, scale"),
    },
}
MMA_EXTRA: Table = EXTRA_SUMS | {
    "neighborhood/mma/backward_keys.h": {
        "chunks overlap": ("extra.end - extra.begin}", "extra.end}"),
        "values are scaled": ("args.dim_v, 1.0f);\n    }\n\n", "args.dim_v, scale);\n    }\n\n"),
        "parts of the first sample": ("* args.batch + item.sample)", "* args.batch)"),
        "keys of the map": ("p_.extra_rows ? args.extra_key : args.key", "args.key"),
    },
}

FMA_COMMON: Table = {
    "neighborhood/fma/products.h": {
        "the last channels of a product": ("d < dim; d +=", "d + S::kVector < dim; d +="),
        "channels behind the last, one by one": ("at >= 0 && channel + k < dim ?", "at >= 0 ?"),
        "channels behind the last, by vectors": ("at >= 0 && channel < dim", "at >= 0"),
        "the first column's weight": ("weight[i].at[m]", "weight[i].at[0]"),
        "groups of columns mixed up": ("groups >> (n / 8)", "groups >> (n / 16)"),
        "channels of the next token": ("if (channel < dim) store_vector", "store_vector"),
    },
    "neighborhood/fma/tokens.h": {
        "rows that no tile has": ("there = row < p.tiling.rows.product() && ", "there = "),
        "bias of the mirrored pair": ("rows[i] = index.origin - sign", "rows[i] = index.origin + sign"),
        "bias in the wrong base": (" * static_cast<T>(kLog2E)", ""),
        "a column of each group has no say": ("(bits >> 8 * j & 255) != 0", "(bits >> 8 * j & 127) != 0"),
        "another column's bit": ("bits, lane.group + 4 * i) >> lane.column", "bits, lane.group + 4 * i)"),
        "masks of other rows": ("bits, lane.group + 4 * i)", "bits, 4 * lane.group + i)"),
    },
}
FMA_WALK: Table = {
    "neighborhood/fma/tokens.h": FMA_COMMON["neighborhood/fma/tokens.h"]
    | {
        "keys of another head": (
            "item.head / (pass.args.heads / pass.args.heads_kv)",
            "item.head % pass.args.heads_kv",
        ),
        "the last additional tokens": ("(pass.args.extra + S::kColumns - 1) /", "pass.args.extra /"),
        "more additional tokens than there are": (
            "lowest_bits(p.args.extra - (step - windows) * S::kColumns)",
            "lowest_bits(32)",
        ),
        "additional values are keys": (
            "copy_one(values, p.args.value, p.args.extra_value",
            "copy_one(values, p.args.value, p.args.extra_key",
        ),
    },
}
FMA_FORWARD: Table = (
    FMA_COMMON
    | FMA_WALK
    | {
        "neighborhood/fma/forward.h": {
            "sums are not scaled to the new maximum": ("sums[i][c].at[k] *= kept", ""),
            "the total is not scaled": ("total[i] *= kept;", ""),
            "nothing seen yet": ("now == -static_cast<T>(INFINITY) ? T(0) : now", "now"),
            "no mask": ("logits[i][j] = seen(i, j) ?", "logits[i][j] = true ?"),
            "the maximum of what is not seen": ("if (seen(i, j)) now", "now"),
            "the LSE in the wrong base": (" / static_cast<T>(kLog2E) + log_of", " + log_of"),
        },
    }
)
FMA_QUERIES: Table = (
    FMA_WALK
    | PREPARED
    | {
        "neighborhood/fma/backward_queries.h": {
            "no delta": (" - numbers.delta[i])", ")"),
            "the LSE in the wrong base": ("[at + item.head] * static_cast<T>(kLog2E)", "[at + item.head]"),
            "no mask": ("seen(i, j)\n ", "true\n "),
            "gradients of the tile before": ("} else if (sums_bias) {", "} else if (false) {"),
            "items of another block": ("items * split / p.splits;\n        end", "0;\n        end"),
            "no scale": ("[&](int) { return static_cast<T>(p.args.scale); }", "[&](int) { return T(1); }"),
        },
        "neighborhood/bias_sums.h": {
            "the last pair wins": ("] += sum;", "] = sum;"),
            "rows before the tile's first": ("by < 0 ? -by : 0", "0"),
            "columns behind the tile's last": ("rows < columns - by ? rows : columns - by", "rows"),
            "a tile's place is forgotten": ("apart.x + by.x}", "by.x}"),
            "parts of other blocks": ("static_cast<int64_t>(blockIdx.x) * entries", "0"),
        },
    }
)
FMA_KEYS: Table = (
    FMA_COMMON
    | EXTRA_SUMS
    | {
        "neighborhood/fma/backward_keys.h": {
            "the first head of queries alone": ("head < (item.head + 1) * group", "head < item.head * group + 1"),
            "no delta": ("(grads[i][j] - shared.delta[lane.column + 8 * j])", "grads[i][j]"),
            "the LSE of the first columns": ("shared.lse[lane.column + 8 * j])", "shared.lse[lane.column])"),
            "weights of unseen pairs": ("seen(i, j) ? exp2_of", "true ? exp2_of"),
            "keys without the scale": ("[&](int) { return scale; }", "[&](int) { return T(1); }"),
            "chunks of the first sample": ("* args.batch + item.sample)", "* args.batch)"),
            "a chunk begins with the first query": ("p.tiling.columns, rows.begin)", "p.tiling.columns, 0)"),
        },
    }
)

MMA_ONLY_64 = (
    Fault("neighborhood/mma/plan.h", "if (dim <= 32)", "if constexpr (false)"),
    Fault("neighborhood/mma/plan.h", "if (dim <= 64)", "if constexpr (true)"),
)
MMA_ONLY_256 = (
    Fault("neighborhood/mma/plan.h", "if (dim <= 32)", "if constexpr (false)"),
    Fault("neighborhood/mma/plan.h", "if (dim <= 64)", "if constexpr (false)"),
    Fault("neighborhood/mma/plan.h", "if (dim <= 128)", "if constexpr (false)"),
)
FMA_ONLY_64 = (
    Fault("neighborhood/fma/plan.h", "if (dim <= 32) return use(std::integral_constant<int, 32>{});", ""),
    Fault(
        "neighborhood/fma/plan.h",
        "dim <= 128 ? use(std::integral_constant<int, 128>{}) : use(std::integral_constant<int, 256>{});",
        "",
    ),
)
SMALL_HEADS = ("a line, far", "a map in groups", "a volume of everything", "a map of many tiles", "a map with leaders",
               "a line in the first axes", "hidden but for itself", "many additional tokens")  # fmt: skip
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
    "forward, float32": Group("float32", FORWARD, FMA_ONLY_64, FMA_FORWARD, SMALL_HEADS, r"fma/forward\.h"),
    "queries, float32": Group(
        "float32", QUERIES, FMA_ONLY_64, FMA_QUERIES, SMALL_HEADS, r"fma/backward_queries\.h|/bias_sums\.h"
    ),
    "keys, float32": Group("float32", KEYS | EXTRA, FMA_ONLY_64, FMA_KEYS, SMALL_HEADS, r"fma/backward_keys\.h"),
}
