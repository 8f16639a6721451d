/* The backward pass of a layer. Chunk by chunk, from the end: every thread runs its own rows back through time, which
 * turns their records into gradients; then the threads meet once and share out the blocks of units, each adding the
 * whole chunk's rows to the weight gradients of its blocks while they are still near. Sums run over steps and rows in
 * one fixed order, so the result is the same for every number of threads.
 */
#ifndef ELMAN_LAYER_BACKWARD_H
#define ELMAN_LAYER_BACKWARD_H

#include "layer_pack.h"

namespace {

/* Rows that are summed in one go before they are added to the sums so far. */
constexpr int64_t most_summed = 256;
/* Columns of a record: at most 2 x 16 slots of 16 units, or fewer slots of more. */
constexpr int64_t most_columns = 512;

template <class T, class P> struct Backward {
    typedef typename P::Number Number;
    const Shape<T, P> shape;
    const elman_layer &layer;
    const elman_program &program;
    static constexpr int64_t lanes = Shape<T, P>::lanes, group = Shape<T, P>::group;
    static constexpr int64_t most_terms = 128;                          /* of a sum in one go */
    static constexpr int64_t most_columns = 2 * ELMAN_MOST_GATES * lanes; /* of a record's products */
    int64_t inputs;         /* columns of dx, filled up to whole vectors */
    int64_t x_features;     /* rows of the input weights' gradient: the inputs, and a constant 1 for the bias */
    int64_t pair_rows;      /* Numbers of the inner dimension that one step of a chunk takes */
    Number *weight_hh, *weight_ih; /* transposed: [panel of columns][block][slot][unit] */
    T *parameters, *d_state, *d_parameters, *dy_rows, *zeros, *d_h, *dx_rows;
    /* Sums: [block][feature][slot][unit], and of the bias where no constant 1 does it: [block][slot][unit]. */
    T *d_weight_ih, *d_weight_hh, *d_bias;
    Number *x_chunk, *h_chunk;   /* [2][step of the chunk][row][feature]: what the weights were multiplied with */
    Number *d_rows, *d_x_rows;   /* gradients as Numbers: [row][block][slot][unit], [chunk step][row]... */
    Number *d_block;             /* [thread][inner step][slot][unit] */

    Backward(const elman_layer &given, void *workspace, int64_t *bytes)
        : shape(given), layer(given), program(given.program) {
        const bool halves = P::depth > 1, product = layer.input == ELMAN_INPUT_PRODUCT;
        const int64_t B = shape.B, chunk_rows = shape.chunk * B, blocks = shape.blocks;
        inputs = rounded(shape.I, lanes);
        x_features = shape.I + 1;
        pair_rows = (B + P::depth - 1) / P::depth;
        Carver carve{static_cast<char *>(workspace), 0};
        weight_hh = carve.template take<Number>(shape.padded * blocks * shape.h_columns / P::depth);
        weight_ih = carve.template take<Number>(product ? inputs * blocks * shape.x_columns / P::depth : 0);
        parameters = carve.template take<T>(program.parameters * shape.padded);
        d_state = carve.template take<T>(program.leaves * B * shape.padded);
        d_parameters = carve.template take<T>(program.parameters * B * shape.padded);
        dy_rows = carve.template take<T>(B * shape.padded);
        zeros = carve.template take<T>(most(shape.padded, group));
        d_h = carve.template take<T>(layer.mask ? B * shape.padded : 0);
        dx_rows = carve.template take<T>(product ? B * group : 0);
        d_weight_ih = carve.template take<T>(product ? blocks * x_features * shape.x_columns : 0);
        d_weight_hh = carve.template take<T>(blocks * shape.H * shape.h_columns);
        d_bias = carve.template take<T>(blocks * shape.columns);
        const int64_t kept_rows = halves ? pair_rows * shape.chunk : 2 * chunk_rows;
        x_chunk = carve.template take<Number>(product ? kept_rows * x_features : 0);
        h_chunk = carve.template take<Number>(halves || layer.mask ? kept_rows * shape.padded : 0);
        d_rows = carve.template take<Number>(halves ? B * blocks * shape.h_columns / P::depth : 0);
        d_x_rows = carve.template take<Number>(halves && product ? chunk_rows * blocks * shape.x_columns / P::depth : 0);
        d_block = carve.template take<Number>(halves ? shape.threads() * pair_rows * shape.chunk * shape.columns : 0);
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
            if constexpr (P::depth > 1) {
                team.meet();
                join_sources(team, c);
            } else {
                keep_sources(share, c);
            }
            team.meet();
            weight_gradients(team, c);
            if (layer.dx && layer.input == ELMAN_INPUT_TOKENS) table_gradient(team, c);
        }
        finish(share);
        team.meet();
        unpack(team);
    }

  private:
    Number *x_source(int64_t c) const {
        return x_chunk + (P::depth > 1 ? 0 : (c & 1) * shape.chunk * shape.B * x_features);
    }
    Number *h_source(int64_t c) const {
        return h_chunk + (P::depth > 1 ? 0 : (c & 1) * shape.chunk * shape.B * shape.padded);
    }

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
        for (int64_t j = team.from(shape.blocks); j < team.to(shape.blocks); j++) {
            if (product())
                memset(d_weight_ih + j * x_features * shape.x_columns, 0, sizeof(T) * x_features * shape.x_columns);
            memset(d_weight_hh + j * shape.H * shape.h_columns, 0, sizeof(T) * shape.H * shape.h_columns);
            memset(d_bias + j * shape.columns, 0, sizeof(T) * shape.columns);
        }
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

    /* One time step back, of this thread's first `rows` rows. */
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

    /* Lanes past the last unit must not reach a product: 0 * inf would be NaN. */
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

    /* Gradient of h through the past's product. */
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

    /* Gradient of the inputs of a chunk. */
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
            if (real <= 0) break; /* Where panels are narrower than LANES, the last may hold filling alone. */
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

    /* Gradient of the input's part that the caller computed. */
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

    /* Gradient of the table of tokens, for this thread's blocks of units. */
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
                        const T *part = record + slot * shape.width;
                        for (int64_t u = 0; u < real; u++) sum[u] += part[u];
                    }
                }
            }
        }
    }

    /* The past that entered the product, where the tape does not hold it as it entered. */
    T past(int64_t i, const T *h, int64_t u) const {
        return layer.mask ? h[u] * static_cast<const T *>(layer.mask)[shape.caller_row(i) * shape.H + u] : h[u];
    }

    const T *x_at(int64_t i, int64_t s) const {
        return static_cast<const T *>(layer.x) + shape.caller_row(i) * layer.x_row + shape.time(i, s) * layer.x_step;
    }

    /* Plain numbers: own rows' inputs, with their constant 1, and masked states, next to each other. */
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

    /* Halves: two neighbouring rows of a step share a Number. The steps are shared out among the threads. */
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

    /* Adds a chunk to the sums of this thread's part of the weights: whole blocks of units, or features of a block. */
    void weight_gradients(const Team &team, int64_t c) const {
        const int64_t parts = shape.blocks % team.threads ? team.threads : 1;
        for (int64_t n = team.from(shape.blocks * parts); n < team.to(shape.blocks * parts); n++)
            block_gradients(team, c, n / parts, n % parts, parts);
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
            /* Steps in which every row lives are one run. */
            int64_t together = 1;
            if (alive == shape.B)
                while (n + together < steps && shape.alive(from + n + together, alive) == alive) together++;
            const bool whole = together > 1;
            const int64_t K = whole ? together * step_rows : (alive + P::depth - 1) / P::depth;
            const Number *rows = d + n * step_rows * d_stride;
            if (product())
                add_product(K, x_source(c) + n * step_rows * x_features, x_features, x_features, part, parts, rows,
                            d_stride, shape.x_columns, d_weight_ih + j * x_features * shape.x_columns);
            if (program.h_slots) {
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

    /* Sums over rows of the slots whose bias no constant 1 reaches. */
    void add_bias(int64_t c, int64_t j, int64_t s, int64_t steps, int64_t alive) const {
        const int64_t first = product() ? shape.x_columns : shape.h_offset;
        T *sum = d_bias + j * shape.columns;
        if (!layer.d_bias_hh || first >= shape.columns) return;
        T part[most_columns] = {};
        for (int64_t n = 0; n < steps; n++)
            for (int64_t i = 0; i < alive; i++) {
                const T *record = shape.record_at(c, j, s + n, i);
                for (int64_t column = first; column < shape.columns; column++) part[column] += record[column];
            }
        for (int64_t column = first; column < shape.columns; column++) sum[column] += part[column];
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

    /* What remains of a row when its first step is undone, and zeros where it had no steps. */
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

    /* From sums to the caller's layout. Gates that no slot stands for were zeroed by the caller. */
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
        for (int32_t n = team.index; n < program.parameters; n += team.threads)
            if (layer.d_parameters[n]) add_rows(n, static_cast<T *>(layer.d_parameters[n]));
    }

    /* The gradient of parameter n: the sum of what each row has gathered. */
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

    /* Slots that both biases reach have one gradient. */
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
