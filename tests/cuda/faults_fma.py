"""Faults to plant in neighborhood attention's kernels without tensor cores; tables as in faults_common.py."""

from __future__ import annotations

from emulation import Fault
from faults_common import EXTRA_SUMS, PREPARED, Table

FMA_COMMON: Table = {
    "neighborhood/fma/products.h": {
        "the last channels of a product": ("d < dim; d +=", "d + S::kVector < dim; d +="),
        "channels behind the last, one by one": ("at >= 0 && channel + k < dim ?", "at >= 0 ?"),
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
        "neighborhood/fma/tokens.h": FMA_WALK["neighborhood/fma/tokens.h"]
        | {
            "more additional tokens than there are": ("lowest_bits(p.args.extra -", "lowest_bits(32 + 0 *"),
        },
        "neighborhood/fma/forward.h": {
            "sums are not scaled to the new maximum": ("sums[i][c].at[k] *= kept", ""),
            "the total is not scaled": ("total[i] *= kept;", ""),
            "nothing seen yet": ("now == -static_cast<T>(INFINITY) ? T(0) : now", "now"),
            "no mask": ("logits[i][j] = seen(i, j) ?", "logits[i][j] = true ?"),
            "the LSE in the wrong base": (" / static_cast<T>(kLog2E) + log_of", " + log_of"),
        },
    }
)
FMA_QUERIES: Table = (
    FMA_COMMON
    | FMA_WALK
    | PREPARED
    | {
        "neighborhood/fma/backward_queries.h": {
            "no delta": (" - numbers.delta[i])", ")"),
            "the LSE in the wrong base": ("[at + item.head] * static_cast<T>(kLog2E)", "[at + item.head]"),
            "no mask": ("seen(i, j) ? exp2_of", "true ? exp2_of"),
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
        "neighborhood/extra.h": EXTRA_SUMS["neighborhood/extra.h"]
        | {"the first additional tokens again": ("number / p.chunks * p.tiling.rows.x", "0")},
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

# Edits that leave out all instances but one.
FMA_ONLY_64 = (
    Fault("neighborhood/fma/plan.h", "if (dim <= 32) return use(std::integral_constant<int, 32>{});", ""),
    Fault(
        "neighborhood/fma/plan.h",
        "dim <= 128 ? use(std::integral_constant<int, 128>{}) : use(std::integral_constant<int, 256>{});",
        "",
    ),
)
