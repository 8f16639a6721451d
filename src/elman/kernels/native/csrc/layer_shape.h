/* The memory layout of a layer: the tape (records and states), the packed weights, and the rows of each thread. */
#ifndef ELMAN_LAYER_SHAPE_H
#define ELMAN_LAYER_SHAPE_H

#include "gemm.h"
#include "layer_abi.h"
#include "parallel.h"

namespace {

/* The target number of rows times time steps in a chunk, the inner dimension of the products of weight gradients. */
constexpr int64_t rows_of_a_chunk = 600;

inline int64_t rounded(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }
inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* The rows that one thread works on: `count` of them, `step` apart. */
struct Share {
    int64_t first, step, count;

    /* The number of them among the first `alive` rows. */
    int64_t among(int64_t alive) const {
        return alive <= first ? 0 : least(count, (alive - first + step - 1) / step);
    }
};

template <class T, class P> struct Shape {
    typedef typename P::Number Number;
    static constexpr int64_t lanes = 64 / sizeof(T);
    static constexpr int64_t group = most_vectors * P::lanes; /* columns of one panel of transposed weights */

    const elman_layer &layer;
    int64_t B, T_, I, H, width, blocks, padded, slots, chunk;
    int64_t x_columns, h_columns, columns; /* of a record: of the input product, the recurrent product, and both */
    int64_t h_offset;                      /* the first column of the recurrent product */
    int64_t x_depth, h_depth;              /* Numbers in the inner dimension */

    explicit Shape(const elman_layer &given) : layer(given) {
        const elman_program &program = given.program;
        B = given.rows, T_ = given.steps, I = given.inputs, H = given.units;
        slots = program.slots;
        const int64_t gates = most(1, most(program.x_slots, program.h_slots));
        /* Cells with few gates use several vectors of units, so that the microkernel has four vectors of columns. */
        width = lanes * most(1, least(4 / gates, rounded(H, lanes) / lanes));
        blocks = (H + width - 1) / width;
        padded = blocks * width;
        x_columns = program.x_slots * width;
        h_columns = program.h_slots * width;
        h_offset = program.h_first * width;
        columns = most(x_columns, h_offset + h_columns);
        x_depth = (I + P::depth - 1) / P::depth;
        h_depth = (H + P::depth - 1) / P::depth;
        chunk = most(1, least(T_, rows_of_a_chunk / most(B, 1)));
        if (chunk > 6) chunk -= chunk % 6;
    }

    int64_t record() const { return slots * width; }
    bool has_tail() const { return padded != H; }
    int64_t chunks() const { return (T_ + chunk - 1) / chunk; }
    int64_t chunk_steps(int64_t c) const { return least(chunk, T_ - c * chunk); }
    int64_t length(int64_t i) const { return layer.lengths ? layer.lengths[i] : T_; }
    int64_t caller_row(int64_t i) const { return layer.order ? layer.order[i] : i; }
    int64_t time(int64_t i, int64_t s) const { return layer.reverse ? length(i) - 1 - s : s; }

    /* The number of rows that are longer than s steps; `hint` is an upper bound from an earlier call. */
    int64_t alive(int64_t s, int64_t hint) const {
        if (!layer.lengths) return B;
        while (hint > 0 && layer.lengths[hint - 1] <= s) hint--;
        return hint;
    }

    /* Records of chunk c: [block][step of the chunk][row][slot][unit of the block]. Without a tape all chunks use the
     * same memory. Each address then belongs to the same row in all chunks, so threads may be in different chunks. */
    int64_t block_stride(int64_t c) const { return chunk_steps(c) * B * record(); }
    T *record_at(int64_t c, int64_t j, int64_t s, int64_t i) const {
        const int64_t start = layer.keep ? c * chunk * B * blocks * record() : 0;
        return static_cast<T *>(layer.records) + start + j * block_stride(c) + ((s - c * chunk) * B + i) * record();
    }

    /* Leaf l before step s: [leaf][step][row][unit]. Without a tape two buffers alternate. */
    T *state_at(int64_t l, int64_t s, int64_t i) const {
        const int64_t held = layer.keep ? T_ + 1 : 2;
        return static_cast<T *>(layer.states) + ((l * held + (layer.keep ? s : s & 1)) * B + i) * padded;
    }

    Share share(const Team &team) const {
        if (layer.lengths) {
            const int64_t count = B > team.index ? (B - team.index + team.threads - 1) / team.threads : 0;
            return {team.index, team.threads, count};
        }
        return {team.from(B), 1, team.to(B) - team.from(B)};
    }

    int threads() const { return (int)most(1, least(layer.threads, B / 4)); }
};

/* Divides a buffer into parts, each aligned to 64 bytes; without a buffer it only computes the size. */
struct Carver {
    char *start;
    int64_t used;

    template <class T> T *take(int64_t count) {
        T *place = reinterpret_cast<T *>(start + used);
        used += rounded(count * (int64_t)sizeof(T), 64);
        return start ? place : nullptr;
    }
};

}  // namespace

#endif
