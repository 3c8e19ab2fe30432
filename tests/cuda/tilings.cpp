// The memory of tilings against the choice itself: prints what is wrong.
#include "../../csrc/cuda/neighborhood/tilings.h"

#include <cstdio>
#include <functional>
#include <vector>

namespace {

using namespace nbv;

struct Question {
    NeighborhoodCudaArgs args;
    int32_t rows = 64, warp_rows = 16, columns = 64;
};

bool same(const Shape& a, const Shape& b) { return a.z == b.z && a.y == b.y && a.x == b.x; }
bool same(const Tiling& a, const Tiling& b) {
    return same(a.rows, b.rows) && same(a.columns, b.columns) && same(a.row_tiles, b.row_tiles) &&
           same(a.groups, b.groups);
}

// One question, and those that differ from it in one number.
std::vector<Question> make_questions() {
    Question first;
    first.args.dim = first.args.dim_v = 32;
    for (auto& axis : first.args.axis) axis = {24, 5, 1, 1, false};
    std::vector<Question> questions{first};
    const auto change = [&](const std::function<void(Question&)>& set) {
        questions.push_back(first);
        set(questions.back());
    };
    for (int a = 0; a < 3; ++a) {
        for (int32_t length = 25; length < 60; ++length) change([&](Question& q) { q.args.axis[a].length = length; });
        for (int32_t kernel = 6; kernel < 24; ++kernel) change([&](Question& q) { q.args.axis[a].kernel = kernel; });
        for (int32_t stride = 2; stride < 6; ++stride) change([&](Question& q) { q.args.axis[a].stride = stride; });
        for (int32_t dilation = 2; dilation < 5; ++dilation)
            change([&](Question& q) { q.args.axis[a].dilation = dilation; });
        change([&](Question& q) { q.args.axis[a].causal = true; });
    }
    for (const CudaType type : {CudaType::kDouble, CudaType::kBFloat16, CudaType::kHalf})
        change([&](Question& q) { q.args.type = type; });
    change([&](Question& q) { q.args.tf32 = true; });
    change([&](Question& q) { q.args.dim = 256; });
    change([&](Question& q) { q.args.dim_v = 128; });
    for (const int32_t rows : {16, 32, 128}) change([&](Question& q) { q.rows = rows; });
    change([&](Question& q) { q.warp_rows = 32; });
    for (const int32_t columns : {16, 32}) change([&](Question& q) { q.columns = columns; });
    return questions;
}

}  // namespace

int main() {
    const std::vector<Question> questions = make_questions();  // more than there are places for
    for (int turn = 0; turn < 2; ++turn)
        for (const Question& q : questions) {
            const Tiling chosen = choose_tiling(q.args, q.rows, q.warp_rows, q.columns);
            for (int again = 0; again < 2; ++again)
                if (!same(remember_tiling(q.args, q.rows, q.warp_rows, q.columns), chosen))
                    std::printf("another tiling than was chosen, turn %d, question %td\n", turn, &q - &questions[0]);
        }

    TilingMemory memory;
    std::vector<int> choices(questions.size());
    const auto ask = [&](size_t number) {
        const Question& q = questions[number];
        const auto question = make_question(q.args, q.rows, q.warp_rows, q.columns);
        return memory.find(question, [&] {
            ++choices[number];
            Tiling tiling;
            tiling.rows.x = static_cast<int32_t>(number);
            return tiling;
        });
    };
    for (size_t number = 0; number < questions.size(); ++number)
        for (int again = 0; again < 2; ++again)
            if (ask(number).rows.x != static_cast<int32_t>(number)) std::printf("answer to another than %zu\n", number);
    for (size_t number = 0; number < questions.size(); ++number)
        if (choices[number] != 1) std::printf("%d choices for question %zu\n", choices[number], number);
}
