// What the kernels of neighborhood attention do in a call, counted without running the whole call: the emulator runs
// one item of each kind, and plain code counts the items of a kind. Reads calls, a line each (tools/cuda_plan.py);
// prints for each kernel where its code lies, its launch, its work and its counters, in names and numbers.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <vector>

#include "../tools/cuda_plan.h"

extern "C" void nbv_plan_origin() {}

namespace {

using namespace nbv;
using Kernel = void (*)(NeighborhoodPass);

constexpr int kNumbers = sizeof(simt::Counters) / sizeof(int64_t);

// Counters are sums of int64_t alone: to += factor * from.
void add(simt::Counters& to, const simt::Counters& from, int64_t factor) {
    int64_t sums[kNumbers], terms[kNumbers];
    std::memcpy(sums, &to, sizeof(sums));
    std::memcpy(terms, &from, sizeof(terms));
    for (int i = 0; i < kNumbers; ++i) sums[i] += factor * terms[i];
    std::memcpy(&to, sums, sizeof(sums));
}

// Every item of a head of a sample is as much work as that of any other, so that one head of two samples is enough:
// tensors of that size, zeros, each of its own.
class SmallCall {
  public:
    SmallCall(const NeighborhoodCudaArgs& call, int64_t scratch) : args(call) {
        args.batch = 2;
        args.heads = args.heads_kv = 1;
        const int64_t item = args.type == CudaType::kDouble ? 8 : args.type == CudaType::kFloat ? 4 : 2;
        for (CudaView* view : {&args.query, &args.key, &args.value, &args.out_view, &args.grad_out}) {
            view->axis[2] = view->head;
            view->axis[1] = view->axis[2] * args.axis[2].length;
            view->axis[0] = view->axis[1] * args.axis[1].length;
            view->batch = view->axis[0] * args.axis[0].length;
            view->data = take(2 * view->batch * item);
        }
        const int64_t tokens = 2 * count_map(args), most = std::max(args.dim, args.dim_v);
        for (void** data : {&args.out, &args.grad_query, &args.grad_key, &args.grad_value})
            *data = take(tokens * most * item);
        args.lse = take(tokens * 8);
        if (args.bias != nullptr) {
            args.bias = take(bias_entries(args) * 8);
            args.grad_bias = take(bias_entries(args) * 8);
        }
        args.scratch = take(scratch);
    }

    void* take(int64_t bytes) {
        blocks_.emplace_back(static_cast<unsigned char*>(std::aligned_alloc(256, (bytes + 511) / 256 * 256)));
        std::memset(blocks_.back().get(), 0, bytes);
        return blocks_.back().get();
    }

    NeighborhoodCudaArgs args;

  private:
    struct Free {
        void operator()(unsigned char* memory) const { std::free(memory); }
    };
    std::vector<std::unique_ptr<unsigned char, Free>> blocks_;
};

// What is the same for items of a kind: their rows, and what each of them sees, along every axis.
template <Rows kRows>
void describe(std::vector<int32_t>& words, const NeighborhoodPass& pass, int32_t number) {
    const RowTile t = make_row_tile<kRows>(pass.args, pass.tiling, number);
    words.push_back(t.empty);
    if (t.empty) return;
    const int32_t sizes[3] = {pass.tiling.rows.z, pass.tiling.rows.y, pass.tiling.rows.x};
    for (int a = 0; a < 3; ++a) {
        words.push_back(t.columns[a].end - t.columns[a].begin);
        for (int32_t i = t.first[a]; i < std::min(t.first[a] + sizes[a], t.length[a]); ++i) {
            const Interval seen = columns_of<kRows>(pass.args.axis[a], t.length[a], i);
            words.push_back(seen.begin - t.columns[a].begin);
            words.push_back(seen.end - t.columns[a].begin);
        }
        words.push_back(-1);
    }
}

struct Kind {
    int32_t first = 0;  // the first tile of the kind
    int64_t tiles = 0;
};

template <Rows kRows>
std::vector<Kind> find_kinds(const NeighborhoodPass& pass) {
    std::map<std::vector<int32_t>, Kind> kinds;
    for (int32_t number = 0; number < pass.tiling.tiles(); ++number) {
        std::vector<int32_t> words;
        describe<kRows>(words, pass, number);
        Kind& kind = kinds[words];
        if (kind.tiles++ == 0) kind.first = number;
    }
    std::vector<Kind> found;
    for (const auto& [words, kind] : kinds) found.push_back(kind);
    return found;
}

// Of all items of a pass, and of the kinds that were emulated.
struct Work {
    int64_t items = 0, rows = 0, columns = 0, column_tiles = 0, pairs = 0, emulated = 0;
};

template <Rows kRows>
Work measure(const NeighborhoodPass& pass, int32_t number) {
    const RowTile t = make_row_tile<kRows>(pass.args, pass.tiling, number);
    if (t.empty) return {};
    Work work{1, 1, 1, count_column_tiles(t, pass.tiling.columns), 1, 0};
    const int32_t sizes[3] = {pass.tiling.rows.z, pass.tiling.rows.y, pass.tiling.rows.x};
    for (int a = 0; a < 3; ++a) {
        const int32_t end = std::min(t.first[a] + sizes[a], t.length[a]);
        int64_t pairs = 0;
        for (int32_t i = t.first[a]; i < end; ++i) {
            const Interval seen = columns_of<kRows>(pass.args.axis[a], t.length[a], i);
            pairs += seen.end - seen.begin;
        }
        work.rows *= end - t.first[a];
        work.columns *= t.columns[a].end - t.columns[a].begin;
        work.pairs *= pairs;
    }
    return work;
}

// Runs one kernel of a call in small, and prints what it would do in full.
class Counter {
  public:
    Counter(const Call& call, int64_t scratch)
        : call_(neighborhood_args(call)), small_(call_, scratch), whole_(call["whole"] != 0) {
        if (whole_ && (call_.batch != 2 || call_.heads != 1))
            throw std::invalid_argument("a whole call has two samples of one head");
    }

    void count(Kernel kernel, int64_t blocks, int64_t threads, int64_t bytes, const NeighborhoodPass& pass) {
        const auto at = reinterpret_cast<intptr_t>(kernel) - reinterpret_cast<intptr_t>(&nbv_plan_origin);
        std::printf("launch %lld %lld %lld %lld\n", static_cast<long long>(at), static_cast<long long>(blocks),
                    static_cast<long long>(threads), static_cast<long long>(bytes));
        threads_ = threads;
        bytes_ = bytes;
        if (whole_) {
            run(kernel, shrink(pass), blocks, {}).print();
        } else if (takes_no_items(kernel)) {
            simt::Counters total;
            add(total, run(kernel, shrink(pass), 1, {0}), blocks);  // the last block counts as a whole one
            total.print();
        } else if (passes_++ == 0) {
            count_items<Rows::kQueries>(kernel, blocks, pass);
        } else {
            count_items<Rows::kKeys>(kernel, blocks, pass);
        }
    }

  private:
    static bool takes_no_items(Kernel kernel) {
        for (const Kernel other : {Kernel{neighborhood_delta<float>}, Kernel{neighborhood_delta<double>},
                                   Kernel{neighborhood_delta<Half>}, Kernel{neighborhood_delta<BFloat16>},
                                   Kernel{neighborhood_reduce_bias<float>}, Kernel{neighborhood_reduce_bias<double>},
                                   Kernel{neighborhood_reduce_bias<Half>}, Kernel{neighborhood_reduce_bias<BFloat16>}})
            if (kernel == other) return true;
        return false;
    }

    NeighborhoodPass shrink(const NeighborhoodPass& pass) {
        NeighborhoodPass small = pass;
        small.args = small_.args;
        small.items = 2 * small.tiling.tiles();
        if (pass.delta != nullptr) small.delta = small_.take(2 * count_map(call_) * 8);
        if (pass.bias_parts != nullptr)
            small.bias_parts =
                small_.take(std::max<int64_t>(small.items * parts(pass), pass.splits) * bias_entries(call_) * 8);
        return small;
    }

    // Sums of the bias that a block has: without tables in shared memory one for each warp.
    int64_t parts(const NeighborhoodPass& pass) const { return pass.bias_in_shared ? 1 : threads_ / 32; }

    simt::Counters run(Kernel kernel, const NeighborhoodPass& pass, int64_t grid, std::vector<uint32_t> blocks) {
        return simt::launch(static_cast<unsigned>(grid), static_cast<unsigned>(threads_), bytes_, [&] { kernel(pass); },
                            {.shared_limit = 227 << 10, .blocks = std::move(blocks)});
    }

    // An item alone in a block: blocks that take items in turn, or in runs of a head's, get one each.
    simt::Counters run_item(Kernel kernel, NeighborhoodPass pass, int32_t number) {
        pass.splits = static_cast<int32_t>(pass.items * parts(pass));
        return run(kernel, pass, pass.items, {static_cast<uint32_t>(number)});
    }

    // What a block does beside its items: what two items cost in blocks of their own more than in one.
    simt::Counters run_frame(Kernel kernel, NeighborhoodPass pass) {
        pass.items = 2;
        simt::Counters frame = run_item(kernel, pass, 0);
        add(frame, run_item(kernel, pass, 1), 1);
        pass.splits = static_cast<int32_t>(parts(pass));
        add(frame, run(kernel, pass, 1, {0}), -1);
        return frame;
    }

    // What the items of one head of one sample do. The same for another card, if it cuts the work alike.
    struct HeadCount {
        simt::Counters frame, items;  // frame: what a block does beside its items
        Work work;
    };

    template <Rows kRows>
    HeadCount count_head(Kernel kernel, const NeighborhoodPass& pass) {
        const NeighborhoodPass small = shrink(pass);
        HeadCount head;
        head.frame = run_frame(kernel, small);
        for (const Kind& kind : find_kinds<kRows>(pass)) {
            simt::Counters item = run_item(kernel, small, kind.first);
            add(item, head.frame, -1);
            add(head.items, item, kind.tiles);
            const Work work = measure<kRows>(pass, kind.first);
            head.work.items += kind.tiles * work.items;
            head.work.rows += kind.tiles * work.rows;
            head.work.columns += kind.tiles * work.columns;
            head.work.column_tiles += kind.tiles * work.column_tiles;
            head.work.pairs += kind.tiles * work.pairs;
            ++head.work.emulated;
        }
        return head;
    }

    template <Rows kRows>
    void count_items(Kernel kernel, int64_t blocks, const NeighborhoodPass& pass) {
        static std::map<std::vector<int64_t>, HeadCount> known;
        std::vector<int64_t> key = {
            reinterpret_cast<intptr_t>(kernel), threads_,           bytes_, pass.args.dim, pass.args.dim_v,
            pass.args.bias != nullptr,          pass.bias_in_shared};
        for (const auto& axis : pass.args.axis)
            key.insert(key.end(), {axis.length, axis.kernel, axis.stride, axis.dilation, axis.causal});
        for (const Shape& shape : {pass.tiling.rows, pass.tiling.columns})
            key.insert(key.end(), {shape.z, shape.y, shape.x});
        if (known.count(key) == 0) known[key] = count_head<kRows>(kernel, pass);
        const HeadCount& head = known[key];
        const Work& work = head.work;
        const int64_t heads = pass.items / pass.tiling.tiles();  // of all samples
        simt::Counters total;
        add(total, head.frame, blocks);
        add(total, head.items, heads);
        const auto print = [](const char* name, int64_t number) {
            std::printf("%s %lld\n", name, static_cast<long long>(number));
        };
        print("items", heads * work.items);
        print("rows", heads * work.rows);
        print("columns", heads * work.columns);
        print("column_tiles", heads * work.column_tiles);
        print("pairs", heads * work.pairs);
        print("emulated", work.emulated);
        std::printf("tile_rows %d\ntile_columns %d\n", pass.tiling.rows.product(), pass.tiling.columns.product());
        total.print();
    }

    const NeighborhoodCudaArgs call_;
    SmallCall small_;
    const bool whole_;  // all blocks are emulated: to prove the counts by items
    int64_t threads_ = 0, bytes_ = 0;
    int passes_ = 0;
};

}  // namespace

int main() {
    try {
        for (std::string line; std::getline(std::cin, line);) {
            std::puts("call");
            const Call call(line);
            Counter counter(call, 256);
            plan_neighborhood(
                call, [&](Kernel kernel, int64_t blocks, int64_t threads, int64_t bytes, const NeighborhoodPass& pass) {
                    counter.count(kernel, blocks, threads, bytes, pass);
                });
            std::fflush(stdout);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
