/* Gradients of a layer's weights and biases, from records that contain gradients. Each thread owns some blocks of units
 * and adds all rows to them, one chunk at a time, so the sums over time steps and rows have a fixed order.
 */
#ifndef ELMAN_LAYER_WEIGHTS_H
#define ELMAN_LAYER_WEIGHTS_H

#include "layer_pack.h"

namespace {

/* The number of rows in a partial sum, before it is added to the total. */
constexpr int64_t most_summed = 256;

template <class T, class P> struct WeightSums {
    typedef typename P::Number Number;
    /* The maximum number of columns of a record's products: wider blocks have fewer slots. */
    static constexpr int64_t most_columns = 2 * ELMAN_MOST_GATES * Shape<T, P>::lanes;
    const Shape<T, P> &shape;
    const elman_layer &layer;
    const elman_program &program;
    int64_t x_features; /* rows of the input weights' gradient: the inputs, and a constant 1 for the bias */
    int64_t pair_rows;  /* Numbers of the inner dimension per time step of a chunk */
    /* Sums: [block][feature][slot][unit], and of biases without a constant input 1: [block][slot][unit]. */
    T *d_weight_ih, *d_weight_hh, *d_bias;
    Number *x_chunk, *h_chunk; /* [2][step of the chunk][row][feature]: the factors of the weights */
    Number *d_block;           /* [thread][inner step][slot][unit] */

    WeightSums(const Shape<T, P> &given, Carver &carve) : shape(given), layer(given.layer), program(layer.program) {
        const bool halves = P::depth > 1;
        x_features = shape.I + 1;
        pair_rows = (shape.B + P::depth - 1) / P::depth;
        d_weight_ih = carve.template take<T>(product() ? shape.blocks * x_features * shape.x_columns : 0);
        d_weight_hh = carve.template take<T>(shape.blocks * shape.H * shape.h_columns);
        d_bias = carve.template take<T>(shape.blocks * shape.columns);
        const int64_t kept_rows = shape.chunk * (halves ? pair_rows : 2 * shape.B);
        x_chunk = carve.template take<Number>(product() ? kept_rows * x_features : 0);
        h_chunk = carve.template take<Number>(halves || layer.mask ? kept_rows * shape.padded : 0);
        d_block = carve.template take<Number>(halves ? shape.threads() * pair_rows * shape.chunk * shape.columns : 0);
    }

    bool product() const { return layer.input == ELMAN_INPUT_PRODUCT; }

    /* Sets the sums of this thread's blocks to zero. */
    void clear(const Team &team) const {
        for (int64_t j = team.from(shape.blocks); j < team.to(shape.blocks); j++) {
            if (product())
                memset(d_weight_ih + j * x_features * shape.x_columns, 0, sizeof(T) * x_features * shape.x_columns);
            memset(d_weight_hh + j * shape.H * shape.h_columns, 0, sizeof(T) * shape.H * shape.h_columns);
            memset(d_bias + j * shape.columns, 0, sizeof(T) * shape.columns);
        }
    }

    /* Adds chunk c, whose records contain gradients. Synchronises the threads. */
    void add(const Team &team, const Share &share, int64_t c) const {
        if constexpr (P::depth > 1) {
            team.meet();
            join_sources(team, c);
        } else {
            keep_sources(share, c);
        }
        team.meet();
        const int64_t parts = shape.blocks % team.threads ? team.threads : 1;
        for (int64_t n = team.from(shape.blocks * parts); n < team.to(shape.blocks * parts); n++)
            block_gradients(team, c, n / parts, n % parts, parts);
    }

    /* Copies the sums to the caller's layout. The caller has zeroed the gradients of gates without a slot. */
    void unpack(const Team &team) const {
        for (int64_t j = team.from(shape.blocks); j < team.to(shape.blocks); j++) {
            const int64_t unit = j * shape.width, real = least(shape.width, shape.H - unit);
            if (product()) {
                const T *sums = d_weight_ih + j * x_features * shape.x_columns;
                unpack_block(sums, shape.x_columns, layer.x_gates, program.x_slots, shape.I, unit, real,
                             static_cast<T *>(layer.d_weight_ih));
                spread(sums + shape.I * shape.x_columns, layer.x_gates, program.x_slots, unit, real,
                       static_cast<T *>(layer.d_bias_ih));
                copy_merged_bias(sums + shape.I * shape.x_columns, d_bias + j * shape.columns);
            }
            unpack_block(d_weight_hh + j * shape.H * shape.h_columns, shape.h_columns, layer.h_gates, program.h_slots,
                         shape.H, unit, real, static_cast<T *>(layer.d_weight_hh));
            spread(d_bias + j * shape.columns + shape.h_offset, layer.h_gates, program.h_slots, unit, real,
                   static_cast<T *>(layer.d_bias_hh));
        }
    }

  private:
    Number *x_source(int64_t c) const {
        return x_chunk + (P::depth > 1 ? 0 : (c & 1) * shape.chunk * shape.B * x_features);
    }
    Number *h_source(int64_t c) const {
        return h_chunk + (P::depth > 1 ? 0 : (c & 1) * shape.chunk * shape.B * shape.padded);
    }

    /* The element of h that entered the recurrent product, including the mask. */
    T past(int64_t i, const T *h, int64_t u) const {
        return layer.mask ? h[u] * static_cast<const T *>(layer.mask)[shape.caller_row(i) * shape.H + u] : h[u];
    }

    const T *x_at(int64_t i, int64_t s) const {
        return static_cast<const T *>(layer.x) + shape.caller_row(i) * layer.x_row + shape.time(i, s) * layer.x_step;
    }

    /* Plain: copies this thread's rows, inputs with their constant 1 and masked states, to contiguous memory. */
    void keep_sources(const Share &share, int64_t c) const {
        const int64_t from = c * shape.chunk, to = from + shape.chunk_steps(c);
        int64_t alive = shape.B;
        for (int64_t s = from; s < to; s++) {
            alive = shape.alive(s, alive);
            for (int64_t q = 0; q < share.among(alive); q++) {
                const int64_t i = share.first + q * share.step, place = (s - from) * shape.B + i;
                if (product()) {
                    Number *row = x_source(c) + place * x_features;
                    memcpy(row, x_at(i, s), sizeof(T) * shape.I);
                    row[shape.I] = 1;
                }
                if (layer.mask && program.h_slots) {
                    const T *h = shape.state_at(program.h_leaf, s, i);
                    for (int64_t u = 0; u < shape.H; u++) h_source(c)[place * shape.padded + u] = past(i, h, u);
                }
            }
        }
    }

    /* Halves: joins two consecutive rows of a time step into Numbers. The threads share the time steps. */
    void join_sources(const Team &team, int64_t c) const {
        const int64_t from = c * shape.chunk, steps = shape.chunk_steps(c);
        for (int64_t n = team.from(steps); n < team.to(steps); n++) {
            const int64_t s = from + n, alive = shape.alive(s, shape.B);
            for (int64_t i = 0; i < alive; i += 2) {
                const bool pair = i + 1 < alive;
                const int64_t place = n * pair_rows + i / 2;
                if (product()) {
                    Number *row = x_source(c) + place * x_features;
                    join_rows<P>(x_at(i, s), pair ? x_at(i + 1, s) : nullptr, shape.I, row);
                    row[shape.I] = join<P>(T(1), T(pair ? 1 : 0));
                }
                if (!program.h_slots) continue;
                const T *low = shape.state_at(program.h_leaf, s, i);
                const T *high = pair ? shape.state_at(program.h_leaf, s, i + 1) : nullptr;
                Number *row = h_source(c) + place * shape.padded;
                if (!layer.mask) {
                    join_rows<P>(low, high, shape.H, row);
                } else {
                    for (int64_t u = 0; u < shape.H; u++)
                        row[u] = join<P>(past(i, low, u), high ? past(i + 1, high, u) : T(0));
                }
            }
        }
    }

    void block_gradients(const Team &team, int64_t c, int64_t j, int64_t part, int64_t parts) const {
        const int64_t from = c * shape.chunk, steps = shape.chunk_steps(c);
        const Number *d;
        int64_t d_stride, step_rows;
        if constexpr (P::depth == 1) {
            d = shape.record_at(c, j, from, 0);
            d_stride = shape.record();
            step_rows = shape.B;
        } else {
            Number *joined = d_block + team.index * pair_rows * shape.chunk * shape.columns;
            join_records(c, j, joined);
            d = joined;
            d_stride = shape.columns;
            step_rows = pair_rows;
        }
        int64_t alive = shape.B;
        for (int64_t n = 0; n < steps;) {
            alive = shape.alive(from + n, alive);
            if (!alive) break;
            /* Consecutive time steps in which all rows are running form one run. */
            int64_t together = 1;
            if (alive == shape.B)
                while (n + together < steps && shape.alive(from + n + together, alive) == alive) together++;
            const bool whole = together > 1;
            const int64_t K = whole ? together * step_rows : (alive + P::depth - 1) / P::depth;
            const Number *rows = d + n * step_rows * d_stride;
            if (product() && (layer.d_weight_ih || layer.d_bias_ih || layer.d_bias_hh))
                add_product(K, x_source(c) + n * step_rows * x_features, x_features, x_features, part, parts, rows,
                            d_stride, shape.x_columns, d_weight_ih + j * x_features * shape.x_columns);
            if (program.h_slots && layer.d_weight_hh) {
                const Number *h;
                if constexpr (P::depth == 1)
                    h = layer.mask ? h_source(c) + n * shape.B * shape.padded
                                   : shape.state_at(program.h_leaf, from + n, 0);
                else
                    h = h_source(c) + n * step_rows * shape.padded;
                add_product(K, h, shape.padded, shape.H, part, parts, rows + shape.h_offset, d_stride, shape.h_columns,
                            d_weight_hh + j * shape.H * shape.h_columns);
            }
            if (part == 0) add_bias(c, j, from + n, whole ? together : 1, alive);
            n += together;
        }
    }

    /* sums += features^T . gradients, for one part of the features. */
    void add_product(int64_t K, const Number *source, int64_t stride, int64_t features, int64_t part, int64_t parts,
                     const Number *d, int64_t d_stride, int64_t columns, T *sums) const {
        const int64_t from = features * part / parts, to = features * (part + 1) / parts;
        for (int64_t k = 0; k < K; k += most_summed)
            multiply<P, COLUMNS>(to - from, Runs{least(most_summed, K - k), 1, 0}, source + k * stride + from, stride,
                                 d + k * d_stride, d_stride, columns, sums + from * columns, columns,
                                 sums + from * columns, columns);
    }

    /* Sums the slots whose bias has no constant input 1 over the rows. */
    void add_bias(int64_t c, int64_t j, int64_t s, int64_t steps, int64_t alive) const {
        const int64_t first = product() ? shape.x_columns : shape.h_offset;
        T *sum = d_bias + j * shape.columns;
        if (!layer.d_bias_hh || first >= shape.columns) return;
        const int64_t count = shape.columns - first;
        for (int64_t n = 0; n < steps; n++)
            for (int64_t from = 0; from < alive; from += most_summed) {
                T part[most_columns] = {};
                for (int64_t i = from; i < least(from + most_summed, alive); i++)
                    ::add(part, shape.record_at(c, j, s + n, i) + first, count, part);
                ::add(sum + first, part, count, sum + first);
            }
    }

    void join_records(int64_t c, int64_t j, Number *out) const {
        const int64_t from = c * shape.chunk, steps = shape.chunk_steps(c);
        int64_t alive = shape.B;
        for (int64_t n = 0; n < steps; n++) {
            alive = shape.alive(from + n, alive);
            for (int64_t i = 0; i < alive; i += 2)
                join_rows<P>(shape.record_at(c, j, from + n, i),
                             i + 1 < alive ? shape.record_at(c, j, from + n, i + 1) : nullptr, shape.columns,
                             out + (n * pair_rows + i / 2) * shape.columns);
        }
    }

    /* Copies the gradient of the slots that both biases share. */
    void copy_merged_bias(const T *x_sums, T *sums) const {
        if (shape.x_columns > shape.h_offset)
            memcpy(sums + shape.h_offset, x_sums + shape.h_offset, sizeof(T) * (shape.x_columns - shape.h_offset));
    }

    void unpack_block(const T *sums, int64_t columns, const int32_t *gates, int64_t slots, int64_t features,
                      int64_t unit, int64_t real, T *out) const {
        for (int64_t slot = 0; out && slot < slots; slot++)
            transpose(features, real, sums + slot * shape.width, columns,
                      out + (gates[slot] * shape.H + unit) * features, features);
    }

    void spread(const T *sums, const int32_t *gates, int64_t slots, int64_t unit, int64_t real, T *out) const {
        for (int64_t slot = 0; out && slot < slots; slot++)
            memcpy(out + gates[slot] * shape.H + unit, sums + slot * shape.width, sizeof(T) * real);
    }
};

}  // namespace

#endif
