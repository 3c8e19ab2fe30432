"""Faults to plant in neighborhood attention's kernels on tensor cores; tables as in faults_common.py."""

from __future__ import annotations

from emulation import Fault
from faults_common import EXTRA_SUMS, PREPARED, Table

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
        "no mask": ("& 1) == 0) x = -INFINITY", "& 1) == 2) x = -INFINITY"),
        "bias of other rows": ("bias.row, 8 * i + lane / 4", "bias.row, lane / 4"),
        "bias of other columns": ("bias.columns[column + lane % 4 * 2]", "bias.columns[column]"),
        "bias in the wrong base": ("static_cast<float>(kLog2E)", "1.0f"),
    },
    "neighborhood/mma/operands.h": {
        "columns of right operands swapped": ("lane % 8 + lane / 16 * 8, lane / 8 % 2", "lane % 16, lane / 16"),
        "rows of left operands swapped": (
            "RowReader(int lane) : offset_(SharedTile<T, D>::offset(lane % 16",
            "RowReader(int lane) : offset_(SharedTile<T, D>::offset(lane % 16 ^ 8",
        ),
        "bank conflicts": ("row & 7", "row & 3"),
    },
    "neighborhood/mma/elements.h": {
        "weights swapped": (
            "blocks[i / 2][i % 2 * 2], blocks[i / 2][i % 2 * 2 + 1]",
            "blocks[i % 2][i / 2 * 2], blocks[i % 2][i / 2 * 2 + 1]",
        ),
    },
    "neighborhood/mma/products.h": {
        "an operand of the other columns": (
            "2 * g], a[r], operand[0], operand[1]",
            "2 * g], a[r], operand[0], operand[2]",
        ),
        "an operand of other channels": (
            "2 * block], a[r], operand[0], operand[1]",
            "2 * block], a[r], operand[0], operand[2]",
        ),
        "operands of the first rows": (
            "reader.load(kept_[step][r], rows_, 16 * r",
            "reader.load(kept_[step][r], rows_, 0",
        ),
        "an operand of the group before": (
            "const uint32_t (&operand)[4] = b[g % 2]",
            "const uint32_t (&operand)[4] = b[0]",
        ),
        "the last channels of a product": (
            "step * Mma<T>::kDepth >= dim) break;\n        uint32_t a",
            "step * Mma<T>::kDepth + 8 >= dim) break;\n        uint32_t a",
        ),
    },
}

MMA_FORWARD: Table = MMA_COMMON | {
    "../geometry/window.h": {
        "queries of a block have windows of their own": ("position / axis.stride * axis.stride", "position"),
        "windows leave the axis": ("axis.causal ? start : length - axis.kernel", "start"),
        "the middle of even windows": (
            ": axis.kernel / 2);\n    const Int last",
            ": (axis.kernel - 1) / 2);\n    const Int last",
        ),
    },
    "neighborhood/mma/forward.h": {
        "bias of the first head": ("place_.item.head * index.size(p_.args)", "0"),
        "bias of the first tile": ("+ index.of(at)", ""),
        "keys of another head": (
            "place_.item.head / (p_.args.heads / p_.args.heads_kv)",
            "place_.item.head % p_.args.heads_kv",
        ),
        "queries of the first sample": ("place_.item.sample * args.query.batch", "0 * args.query.batch"),
        "keys of the first sample": ("place_.item.sample * view.batch", "0 * view.batch"),
        "the last additional tokens": ("(p.args.extra + columns - 1) / columns", "p.args.extra / columns"),
        "more additional tokens than there are": (
            "min(args.extra - (tile - place_.windows) * kColumns, kColumns)",
            "kColumns",
        ),
        "values are as long as keys": ("which == 0 ? p_.args.dim : p_.args.dim_v", "p_.args.dim"),
        "columns beyond all windows": ("bits_.seen(union_window(place_.tile), at)", "bits_.all()"),
        "bias of additional tokens": ("args.bias != nullptr && !extra", "args.bias != nullptr"),
        "sums are not scaled to the new maximum": ("*= fading[r][e / 2]", "*= 1.0f"),
        "the total is not scaled": ("total[r][half] *= fading[r][half]", ""),
        "the maximum of a lane": ("top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFu, top, 2))", ""),
        "nothing seen yet": ("top == -INFINITY ? 0.0f : top", "top"),
        "the LSE in the wrong base": ("log2f(total)) * kLn2", "log2f(total))"),
        "the total of two lanes": ("total += __shfl_xor_sync(0xFFFFFFFFu, total, 2)", ""),
    },
}

MMA_PRODUCTS: Table = {
    "neighborhood/mma/backward_products.h": {
        "an operand of the other columns": ("2 * g], a[i], b[0], b[1]", "2 * g], a[i], b[0], b[2]"),
        "an operand of the other channels": (
            "sums[i][n], a[g][step][i], b[0], b[1]",
            "sums[i][n], a[g][step][i], b[0], b[2]",
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
            "entries of other rows": ("row, (first_row + r + 1) % 32)", "row, (r + 1) % 32)"),
            "the last pair wins": ("*sum += staging", "*sum = staging"),
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

MMA_TF32: Table = {
    "neighborhood/mma/elements.h": {
        "rows of weights swapped": ("a[1] = to_tf32(blocks[0][2])", "a[1] = to_tf32(blocks[0][0])"),
        "weights of the column before": ("a[2] = to_tf32(blocks[0][1])", "a[2] = to_tf32(blocks[0][0])"),
    },
    "neighborhood/mma/operands.h": {
        "an operand of the row before": ("SharedTile<float, D>::kRowBytes + (even", "(even"),
        "rows permuted alike": ("(even ^ 16)", "even"),
        "an operand of the first channels": ("64 * block + 32 * half", "64 * block"),
    },
}

# Edits that leave out all instances but one.
MMA_ONLY_64 = (
    Fault("neighborhood/mma/plan.h", "if (dim <= 32)", "if constexpr (false)"),
    Fault("neighborhood/mma/plan.h", "if (dim <= 64)", "if constexpr (true)"),
)
MMA_ONLY_256 = (
    Fault("neighborhood/mma/plan.h", "if (dim <= 32)", "if constexpr (false)"),
    Fault("neighborhood/mma/plan.h", "if (dim <= 64)", "if constexpr (false)"),
    Fault("neighborhood/mma/plan.h", "if (dim <= 128)", "if constexpr (false)"),
)
