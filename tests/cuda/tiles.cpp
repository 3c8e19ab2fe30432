// Tiles of neighborhood attention against windows by their definition, for random calls: prints what is wrong.
#include "../../csrc/cuda/neighborhood/tiles.h"

#include <array>
#include <cstdio>
#include <random>
#include <set>

#include "../../csrc/cuda/neighborhood/shapes.h"

namespace {

using namespace nbv;
using Token = std::array<int32_t, 3>;

std::mt19937 generator(0);

int32_t draw(int32_t least, int32_t most) { return least + static_cast<int32_t>(generator() % (most - least + 1)); }

NeighborhoodCudaArgs draw_call() {
    NeighborhoodCudaArgs p;
    for (auto& axis : p.axis) {
        const int32_t length = draw(1, &axis == p.axis ? 4 : 9), dilation = draw(1, length < 3 ? length : 3);
        const int32_t kernel = draw(1, length / dilation);
        axis = {length, kernel, draw(1, kernel), dilation, draw(0, 1) == 1};
    }
    return p;
}

Shape draw_shape(int32_t most) {
    Shape shape{draw(1, 4), draw(1, 8), draw(1, 16)};
    while (shape.product() > most) --(shape.z > 1 ? shape.z : shape.y > 1 ? shape.y : shape.x);
    return shape;
}

// As the host chooses it, or any.
Tiling draw_tiling(const NeighborhoodCudaArgs& p) {
    const int32_t most_rows = draw(1, 64), most_columns = draw(0, 1) == 1 ? 64 : draw(1, 64);
    Tiling tiling = choose_tiling(p, most_rows, draw(1, 16), most_columns);
    if (draw(0, 1) == 1) return tiling;
    tiling.rows = draw_shape(most_rows), tiling.columns = draw_shape(most_columns);
    const auto tiles = [&](int axis, int32_t rows) { return ceil_divide(group_length(p.axis[axis], 0), rows); };
    tiling.row_tiles = {tiles(0, tiling.rows.z), tiles(1, tiling.rows.y), tiles(2, tiling.rows.x)};
    return tiling;
}

bool attends(const NeighborhoodCudaArgs& p, const RowTile& t, const Token& query, const Token& key) {
    for (int a = 0; a < 3; ++a) {
        if (key[a] < window_start(p.axis[a], t.length[a], query[a])) return false;
        if (key[a] >= window_end(p.axis[a], t.length[a], query[a])) return false;
    }
    return true;
}

// Positions in the group of a tile that a row must see.
template <Rows kRows>
std::set<Token> expected_columns(const NeighborhoodCudaArgs& p, const RowTile& t, const Token& row) {
    std::set<Token> columns;
    for (int32_t z = 0; z < t.length[0]; ++z)
        for (int32_t y = 0; y < t.length[1]; ++y)
            for (int32_t x = 0; x < t.length[2]; ++x) {
                const Token column{z, y, x};
                const bool seen = kRows == Rows::kQueries ? attends(p, t, row, column) : attends(p, t, column, row);
                if (seen) columns.insert(column);
            }
    return columns;
}

// What a row sees in all column tiles; false where a bit is none of the tile's, or a column comes twice.
bool seen_columns(const RowTile& t, const Tiling& tiling, const RowWindow& window, std::set<Token>& columns) {
    const ColumnBits bits(tiling.columns);
    const int32_t count = count_column_tiles(t, tiling.columns);
    ColumnCursor cursor(t);
    for (int32_t tile = 0; tile < count; ++tile, cursor.advance(t, tiling.columns)) {
        const uint64_t seen = bits.seen(window, cursor.at);
        if (seen & ~bits.all()) return false;
        for (int32_t bit = 0; bit < tiling.columns.product(); ++bit) {
            const Position local = split_index(bit, tiling.columns);
            const Token column{cursor.at.z + local.z, cursor.at.y + local.y, cursor.at.x + local.x};
            if (seen >> bit & 1 && !columns.insert(column).second) return false;
        }
    }
    return true;
}

// An empty text, or what is wrong with the tiles of a call.
template <Rows kRows>
const char* check(const NeighborhoodCudaArgs& p, const Tiling& tiling) {
    std::set<int64_t> rows;
    for (int32_t number = 0; number < tiling.tiles(); ++number) {
        const RowTile t = make_row_tile<kRows>(p, tiling, number);
        for (int32_t row = 0; !t.empty && row < tiling.rows.product(); ++row) {
            const Position local = split_index(row, tiling.rows);
            const Token at{t.first[0] + local.z, t.first[1] + local.y, t.first[2] + local.x};
            const bool exists = at[0] < t.length[0] && at[1] < t.length[1] && at[2] < t.length[2];
            if (exists && !rows.insert(token_number(p, t, {at[0], at[1], at[2]})).second) return "a row comes twice";
            std::set<Token> columns;
            if (!seen_columns(t, tiling, make_row_window<kRows>(p, tiling, t, row), columns))
                return "a column comes twice, or is beyond its tile";
            if (columns != (exists ? expected_columns<kRows>(p, t, at) : std::set<Token>{}))
                return "a row sees other columns than its own";
        }
    }
    const int64_t tokens = static_cast<int64_t>(p.axis[0].length) * p.axis[1].length * p.axis[2].length;
    if (static_cast<int64_t>(rows.size()) != tokens || *rows.rbegin() != tokens - 1) return "a row is forgotten";
    return "";
}

}  // namespace

int main() {
    for (int call = 0; call < 2000; ++call) {
        const NeighborhoodCudaArgs p = draw_call();
        const Tiling tiling = draw_tiling(p);
        for (const char* said : {check<Rows::kQueries>(p, tiling), check<Rows::kKeys>(p, tiling)}) {
            if (*said == 0) continue;
            std::printf("%s, call %d:", said, call);
            for (const auto& a : p.axis)
                std::printf(" (%d %d %d %d %d)", a.length, a.kernel, a.stride, a.dilation, a.causal);
            std::printf("\n");
        }
    }
}
