/* The backward pass of a layer. For each chunk of time steps, from the last to the first: every thread runs its own
 * rows backward through time, which overwrites their records with gradients. Then the threads synchronise and share the
 * blocks of units: each adds the chunk's rows to the weight gradients of its blocks while the records are still in the
 * cache. Sums over time steps and rows have a fixed order, so the result is the same for every number of threads.
 */
#ifndef ELMAN_LAYER_BACKWARD_H
#define ELMAN_LAYER_BACKWARD_H

#include "layer_weights.h"

namespace {

template <class T, class P> struct Backward {
    typedef typename P::Number Number;
    const Shape<T, P> shape;
    const elman_layer &layer;
    const elman_program &program;
    static constexpr int64_t lanes = Shape<T, P>::lanes, group = Shape<T, P>::group;
    static constexpr int64_t most_terms = 128; /* terms of a partial sum */
    int64_t inputs;                            /* columns of dx, padded to whole vectors */
    Carver carve;
    const WeightSums<T, P> sums;
    Number *weight_hh, *weight_ih; /* transposed: [panel of columns][block][slot][unit] */
    T *parameters, *d_state, *d_parameters, *dy_rows, *zeros, *d_h, *dx_rows;
    Number *d_rows, *d_x_rows;   /* gradients as Numbers: [row][block][slot][unit], [chunk step][row]... */

    Backward(const elman_layer &given, void *workspace, int64_t *bytes)
        : shape(given), layer(given), program(given.program), carve{static_cast<char *>(workspace), 0},
          sums(shape, carve) {
        const bool halves = P::depth > 1, product = layer.input == ELMAN_INPUT_PRODUCT;
        const int64_t B = shape.B, chunk_rows = shape.chunk * B, blocks = shape.blocks;
        inputs = rounded(shape.I, lanes);
        weight_hh = carve.template take<Number>(shape.padded * blocks * shape.h_columns / P::depth);
        weight_ih = carve.template take<Number>(product ? inputs * blocks * shape.x_columns / P::depth : 0);
        parameters = carve.template take<T>(program.parameters * shape.padded);
        d_state = carve.template take<T>(program.leaves * B * shape.padded);
        d_parameters = carve.template take<T>(program.parameters * B * shape.padded);
        dy_rows = carve.template take<T>(B * shape.padded);
        zeros = carve.template take<T>(most(shape.padded, group));
        d_h = carve.template take<T>(layer.mask ? B * shape.padded : 0);
        dx_rows = carve.template take<T>(product ? B * group : 0);
        d_rows = carve.template take<Number>(halves ? B * blocks * shape.h_columns / P::depth : 0);
        d_x_rows = carve.template take<Number>(halves && product ? chunk_rows * blocks * shape.x_columns / P::depth : 0);
        if (bytes) *bytes = carve.used;
    }

    bool product() const { return layer.input == ELMAN_INPUT_PRODUCT; }

    void run() const {
        run_team(shape.threads(), [this](const Team &team) { run(team); });
    }

    void run(const Team &team) const {
        pack(team);
        const Share share = shape.share(team);
        start(share);
        team.meet();
        for (int64_t c = shape.chunks() - 1; c >= 0; c--) {
            for (int64_t s = c * shape.chunk + shape.chunk_steps(c) - 1; s >= c * shape.chunk; s--) {
                const int64_t rows = share.among(shape.alive(s, shape.B));
                if (rows) step(share, rows, c, s);
            }
            if (layer.dx && product()) input_gradient(share, c);
            if (layer.dx && layer.input == ELMAN_INPUT_READY) ready_gradient(share, c);
            sums.add(team, share, c);
            if (layer.dx && layer.input == ELMAN_INPUT_TOKENS) table_gradient(team, c);
        }
        finish(share);
        team.meet();
        sums.unpack(team);
        for (int32_t n = team.index; n < program.parameters; n += team.threads)
            if (layer.d_parameters[n]) add_rows(n, static_cast<T *>(layer.d_parameters[n]));
    }

  private:
    void pack(const Team &team) const {
        const int64_t h_depth = shape.blocks * shape.h_columns / P::depth;
        const int64_t x_depth = shape.blocks * shape.x_columns / P::depth;
        const int64_t h_panels = (shape.padded + group - 1) / group, x_panels = (inputs + group - 1) / group;
        for (int64_t n = team.from(h_panels); program.h_slots && n < team.to(h_panels); n++)
            pack_transposed(shape, static_cast<const T *>(layer.weight_hh), shape.H, layer.h_gates, program.h_slots,
                            n * group, least(group, shape.padded - n * group), weight_hh + n * group * h_depth);
        for (int64_t n = team.from(x_panels); product() && layer.dx && n < team.to(x_panels); n++)
            pack_transposed(shape, static_cast<const T *>(layer.weight_ih), shape.I, layer.x_gates, program.x_slots,
                            n * group, least(group, inputs - n * group), weight_ih + n * group * x_depth);
        sums.clear(team);
        if (team.index) return;
        memset(zeros, 0, sizeof(T) * most(shape.padded, group));
        for (int32_t n = 0; n < program.parameters; n++)
            pad_units(shape, static_cast<const T *>(layer.parameters[n]), parameters + n * shape.padded);
    }

    void start(const Share &share) const {
        for (int64_t q = 0; q < share.count; q++) {
            const int64_t i = share.first + q * share.step;
            for (int32_t l = 0; l < program.leaves; l++) {
                const T *given = static_cast<const T *>(layer.d_final[l]);
                pad_units(shape, given ? given + shape.caller_row(i) * shape.H : nullptr, d_state_at(l, i));
            }
            for (int32_t n = 0; n < program.parameters; n++)
                memset(d_parameters + (n * shape.B + i) * shape.padded, 0, sizeof(T) * shape.padded);
        }
    }

    T *d_state_at(int64_t l, int64_t i) const { return d_state + (l * shape.B + i) * shape.padded; }

    /* Runs this thread's first `rows` rows backward through one time step. */
    void step(const Share &share, int64_t rows, int64_t c, int64_t s) const {
        const int64_t first = share.first, record_stride = share.step * shape.record();
        const int64_t row_stride = share.step * shape.padded;
        for (int64_t q = 0; layer.dy && q < rows; q++) {
            const int64_t i = first + q * share.step;
            const T *dy = static_cast<const T *>(layer.dy) + shape.caller_row(i) * layer.dy_row +
                          shape.time(i, s) * layer.dy_step;
            pad_units(shape, dy, dy_rows + i * shape.padded);
        }
        for (int64_t j = 0; j < shape.blocks; j++) {
            const int64_t unit = j * shape.width;
            elman_tile tile;
            tile.rows = rows, tile.width = shape.width;
            tile.record = shape.record_at(c, j, s, first), tile.record_stride = record_stride;
            tile.state_stride = row_stride, tile.d_state_stride = row_stride, tile.d_parameters_stride = row_stride;
            for (int32_t l = 0; l < program.leaves; l++) {
                tile.old_state[l] = shape.state_at(l, s, first) + unit;
                tile.new_state[l] = shape.state_at(l, s + 1, first) + unit;
                tile.d_state[l] = d_state_at(l, first) + unit;
            }
            for (int32_t n = 0; n < program.parameters; n++) {
                tile.parameters[n] = parameters + n * shape.padded + unit;
                tile.d_parameters[n] = d_parameters + (n * shape.B + first) * shape.padded + unit;
            }
            tile.dy = layer.dy ? dy_rows + first * shape.padded + unit : zeros + unit;
            tile.dy_stride = layer.dy ? row_stride : 0;
            tile.y = nullptr, tile.y_stride = 0;
            program.backward(&tile);
        }
        if (shape.has_tail()) clear_tail(share, rows, c, s);
        if (program.h_slots) past_gradient(share, rows, c, s);
    }

    /* Clears the lanes past the last unit, which must not reach a product: 0 * inf would be NaN. */
    void clear_tail(const Share &share, int64_t rows, int64_t c, int64_t s) const {
        const int64_t j = shape.blocks - 1, real = shape.H - j * shape.width;
        for (int64_t q = 0; q < rows; q++) {
            const int64_t i = share.first + q * share.step;
            T *record = shape.record_at(c, j, s, i);
            for (int64_t slot = 0; slot * shape.width < shape.columns; slot++)
                for (int64_t u = real; u < shape.width; u++) record[slot * shape.width + u] = 0;
            for (int32_t l = 0; l < program.leaves; l++)
                for (int64_t u = shape.H; u < shape.padded; u++) d_state_at(l, i)[u] = 0;
        }
    }

    /* Adds the gradient of h through the recurrent product. */
    void past_gradient(const Share &share, int64_t rows, int64_t c, int64_t s) const {
        const int64_t first = share.first, row_stride = share.step * shape.padded;
        const int64_t depth = shape.blocks * shape.h_columns / P::depth;
        const Number *a;
        int64_t a_stride;
        Runs runs;
        if constexpr (P::depth == 1) {
            a = shape.record_at(c, 0, s, first) + shape.h_offset;
            a_stride = share.step * shape.record();
            runs = Runs{shape.h_columns, shape.blocks, shape.block_stride(c)};
        } else {
            for (int64_t q = 0; q < rows; q++) {
                const int64_t i = first + q * share.step;
                for (int64_t j = 0; j < shape.blocks; j++)
                    convert_row<P>(shape.record_at(c, j, s, i) + shape.h_offset, shape.h_columns,
                                   d_rows + i * depth + j * shape.h_columns / P::depth);
            }
            a = d_rows + first * depth;
            a_stride = share.step * depth;
            runs = Runs{depth, 1, 0};
        }
        T *out = layer.mask ? d_h + first * shape.padded : d_state_at(program.h_leaf, first);
        for (int64_t column = 0; column < shape.padded; column += group) {
            const int64_t here = least(group, shape.padded - column);
            multiply<P, ROWS>(rows, runs, a, a_stride, weight_hh + column * depth, here, here,
                              layer.mask ? zeros : out + column, layer.mask ? 0 : row_stride, out + column, row_stride);
        }
        for (int64_t q = 0; layer.mask && q < rows; q++) {
            const int64_t i = first + q * share.step;
            const T *mask = static_cast<const T *>(layer.mask) + shape.caller_row(i) * shape.H;
            T *sum = d_state_at(program.h_leaf, i);
            for (int64_t u = 0; u < shape.H; u++) sum[u] += d_h[i * shape.padded + u] * mask[u];
        }
    }

    T *dx_at(int64_t i, int64_t s) const {
        return static_cast<T *>(layer.dx) + shape.caller_row(i) * layer.dx_row + shape.time(i, s) * layer.dx_step;
    }

    /* Computes the gradient of the inputs of a chunk. */
    void input_gradient(const Share &share, int64_t c) const {
        const int64_t from = c * shape.chunk, to = from + shape.chunk_steps(c), first = share.first;
        const int64_t depth = shape.blocks * shape.x_columns / P::depth;
        if constexpr (P::depth > 1) {
            int64_t alive = shape.B;
            for (int64_t s = from; s < to; s++) {
                alive = shape.alive(s, alive);
                for (int64_t q = 0; q < share.among(alive); q++) {
                    const int64_t i = first + q * share.step;
                    for (int64_t j = 0; j < shape.blocks; j++)
                        convert_row<P>(shape.record_at(c, j, s, i), shape.x_columns,
                                       d_x_rows + ((s - from) * shape.B + i) * depth + j * shape.x_columns / P::depth);
                }
            }
        }
        for (int64_t column = 0; column < inputs; column += group) {
            const int64_t here = least(group, inputs - column), real = least(here, shape.I - column);
            if (real <= 0) break; /* Where panels are narrower than LANES, the last may be only padding. */
            int64_t alive = shape.B;
            for (int64_t s = from; s < to; s++) {
                alive = shape.alive(s, alive);
                const int64_t rows = share.among(alive);
                if (!rows) break;
                const Number *a;
                int64_t a_stride;
                Runs runs;
                if constexpr (P::depth == 1) {
                    a = shape.record_at(c, 0, s, first);
                    a_stride = share.step * shape.record();
                    runs = Runs{shape.x_columns, shape.blocks, shape.block_stride(c)};
                } else {
                    a = d_x_rows + ((s - from) * shape.B + first) * depth;
                    a_stride = share.step * depth;
                    runs = Runs{depth, 1, 0};
                }
                T *sums = dx_rows + first * group;
                multiply<P, ROWS>(rows, runs, a, a_stride, weight_ih + column * depth, here, here, zeros, 0, sums,
                                  share.step * group);
                for (int64_t q = 0; q < rows; q++)
                    memcpy(dx_at(first + q * share.step, s) + column, sums + q * share.step * group, sizeof(T) * real);
            }
        }
    }

    /* Copies the gradient of the caller's input projection. */
    void ready_gradient(const Share &share, int64_t c) const {
        const int64_t from = c * shape.chunk, to = from + shape.chunk_steps(c);
        int64_t alive = shape.B;
        for (int64_t s = from; s < to; s++) {
            alive = shape.alive(s, alive);
            for (int64_t q = 0; q < share.among(alive); q++) {
                const int64_t i = share.first + q * share.step;
                T *dp = dx_at(i, s);
                for (int64_t j = 0; j < shape.blocks; j++) {
                    const T *record = shape.record_at(c, j, s, i);
                    const int64_t unit = j * shape.width, real = least(shape.width, shape.H - unit);
                    for (int64_t slot = 0; slot < program.x_slots; slot++)
                        memcpy(dp + layer.x_gates[slot] * shape.H + unit, record + slot * shape.width, sizeof(T) * real);
                }
            }
        }
    }

    /* Adds the gradient of the table of tokens, for this thread's blocks of units. */
    void table_gradient(const Team &team, int64_t c) const {
        const int64_t from = c * shape.chunk, to = from + shape.chunk_steps(c);
        for (int64_t j = team.from(shape.blocks); j < team.to(shape.blocks); j++) {
            const int64_t unit = j * shape.width, real = least(shape.width, shape.H - unit);
            int64_t alive = shape.B;
            for (int64_t s = from; s < to; s++) {
                alive = shape.alive(s, alive);
                for (int64_t i = 0; i < alive; i++) {
                    const int64_t token = layer.tokens[shape.caller_row(i) * layer.tokens_row +
                                                       shape.time(i, s) * layer.tokens_step];
                    const T *record = shape.record_at(c, j, s, i);
                    T *row = static_cast<T *>(layer.dx) + token * layer.dx_row;
                    for (int64_t slot = 0; slot < program.x_slots; slot++) {
                        T *sum = row + layer.x_gates[slot] * shape.H + unit;
                        add(sum, record + slot * shape.width, real, sum);
                    }
                }
            }
        }
    }

    /* Writes the gradient of the initial state, and zeros to dx past each row's length. */
    void finish(const Share &share) const {
        for (int64_t q = 0; q < share.count; q++) {
            const int64_t i = share.first + q * share.step, row = shape.caller_row(i);
            for (int32_t l = 0; l < program.leaves; l++)
                if (layer.d_start[l])
                    memcpy(static_cast<T *>(layer.d_start[l]) + row * shape.H, d_state_at(l, i), sizeof(T) * shape.H);
            if (!layer.dx || layer.input == ELMAN_INPUT_TOKENS) continue;
            const int64_t features = product() ? shape.I : layer.p_blocks * shape.H;
            for (int64_t t = shape.length(i); t < shape.T_; t++)
                memset(static_cast<T *>(layer.dx) + row * layer.dx_row + t * layer.dx_step, 0, sizeof(T) * features);
        }
    }

    /* Computes the gradient of parameter n: the sum over the rows' accumulated gradients. */
    void add_rows(int32_t n, T *out) const {
        for (int64_t unit = 0; unit < shape.H; unit += lanes) {
            T sum[lanes] = {};
            for (int64_t from = 0; from < shape.B; from += most_terms) {
                T part[lanes] = {};
                for (int64_t i = from; i < least(from + most_terms, shape.B); i++)
                    for (int64_t u = 0; u < lanes; u++)
                        part[u] += d_parameters[(n * shape.B + i) * shape.padded + unit + u];
                for (int64_t u = 0; u < lanes; u++) sum[u] += part[u];
            }
            memcpy(out + unit, sum, sizeof(T) * least(lanes, shape.H - unit));
        }
    }

};

}  // namespace

#endif
