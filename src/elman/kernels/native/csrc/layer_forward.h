/* The forward pass of a layer: packs the weights, then every thread runs its own rows through time independently. */
#ifndef ELMAN_LAYER_FORWARD_H
#define ELMAN_LAYER_FORWARD_H

#include "layer_pack.h"

namespace {

template <class T, class P> struct Forward {
    typedef typename P::Number Number;
    const Shape<T, P> shape;
    const elman_layer &layer;
    const elman_program &program;
    /* Packed: [block][inner step][slot][unit]; biases and parameters: [block][slot][unit] and [parameter][unit]. */
    Number *weight_ih, *weight_hh;
    T *bias, *parameters;
    /* Rows converted to Numbers, where the tape is not in that format: [row][step of the chunk][input], [row][unit]. */
    Number *x_rows, *h_rows;
    T *y_rows;

    Forward(const elman_layer &given, void *workspace, int64_t *bytes)
        : shape(given), layer(given), program(given.program) {
        Carver carve{static_cast<char *>(workspace), 0};
        const bool product = layer.input == ELMAN_INPUT_PRODUCT;
        weight_ih = carve.template take<Number>(product ? shape.blocks * shape.x_depth * shape.x_columns : 0);
        weight_hh = carve.template take<Number>(shape.blocks * shape.h_depth * shape.h_columns);
        bias = carve.template take<T>(shape.blocks * shape.columns);
        parameters = carve.template take<T>(program.parameters * shape.padded);
        x_rows = carve.template take<Number>(product && P::depth > 1 ? shape.B * shape.chunk * shape.x_depth : 0);
        h_rows = carve.template take<Number>(copies_h() ? shape.B * shape.padded : 0);
        y_rows = carve.template take<T>(program.y_leaf < 0 ? shape.B * shape.padded : 0);
        if (bytes) *bytes = carve.used;
    }

    bool copies_h() const { return P::depth > 1 || layer.mask; }

    void run() const {
        run_team(shape.threads(), [this](const Team &team) { run(team); });
    }

    void run(const Team &team) const {
        pack(team);
        const Share share = shape.share(team);
        start(share);
        team.meet();
        int64_t alive = shape.B;
        for (int64_t c = 0; c < shape.chunks(); c++) {
            project(share, c);
            for (int64_t s = c * shape.chunk; s < c * shape.chunk + shape.chunk_steps(c); s++) {
                alive = shape.alive(s, alive);
                const int64_t rows = share.among(alive);
                if (rows) step(share, rows, c, s);
            }
        }
        clear_padding(share);
    }

  private:
    void pack(const Team &team) const {
        for (int64_t j = team.from(shape.blocks); j < team.to(shape.blocks); j++) {
            if (layer.input == ELMAN_INPUT_PRODUCT)
                pack_gates(shape, static_cast<const T *>(layer.weight_ih), shape.I, layer.x_gates, program.x_slots, j,
                           weight_ih + j * shape.x_depth * shape.x_columns);
            if (program.h_slots)
                pack_gates(shape, static_cast<const T *>(layer.weight_hh), shape.H, layer.h_gates, program.h_slots, j,
                           weight_hh + j * shape.h_depth * shape.h_columns);
            pack_bias(shape, j, bias + j * shape.columns);
        }
        if (team.index == 0)
            for (int32_t n = 0; n < program.parameters; n++)
                pad_units(shape, static_cast<const T *>(layer.parameters[n]), parameters + n * shape.padded);
    }

    void start(const Share &share) const {
        for (int64_t q = 0; q < share.count; q++) {
            const int64_t i = share.first + q * share.step, row = shape.caller_row(i);
            for (int32_t l = 0; l < program.leaves; l++) {
                const T *given = static_cast<const T *>(layer.start[l]);
                pad_units(shape, given ? given + row * shape.H : nullptr, shape.state_at(l, 0, i));
                if (shape.length(i) == 0) finish(l, row, shape.state_at(l, 0, i));
            }
            if (copies_h()) copy_h(i, 0);
        }
    }

    /* Copies h, masked and converted, to where the recurrent product reads it. */
    void copy_h(int64_t i, int64_t s) const {
        if (program.h_slots == 0) return;
        const T *h = shape.state_at(program.h_leaf, s, i);
        Number *out = h_rows + i * shape.padded;
        if (!layer.mask) return convert_row<P>(h, shape.H, out);
        const T *mask = static_cast<const T *>(layer.mask) + shape.caller_row(i) * shape.H;
        if constexpr (P::depth == 1) {
            for (int64_t u = 0; u < shape.H; u++) out[u] = h[u] * mask[u];
        } else {
            for (int64_t u = 0; u < shape.H; u += 2)
                out[u / 2] = join<P>(h[u] * mask[u], u + 1 < shape.H ? h[u + 1] * mask[u + 1] : T(0));
        }
    }

    /* Writes the input projection of a whole chunk, including the biases, to the records. */
    void project(const Share &share, int64_t c) const {
        if (layer.input != ELMAN_INPUT_PRODUCT) return place_ready(share, c);
        if constexpr (P::depth > 1) convert_inputs(share, c);
        const int64_t from = c * shape.chunk, steps = shape.chunk_steps(c);
        const bool along_rows = steps < 4 && !layer.lengths && share.count > steps;
        for (int64_t j = 0; j < shape.blocks; j++) {
            const Number *panel = weight_ih + j * shape.x_depth * shape.x_columns;
            const T *biases = bias + j * shape.columns;
            const Runs runs{shape.x_depth, 1, 0};
            if (along_rows) {
                for (int64_t s = from; share.count && s < from + steps; s++)
                    multiply<P, ROWS>(share.count, runs, input(share.first, c, s), row_stride(), panel, shape.x_columns,
                                      shape.x_columns, biases, 0, shape.record_at(c, j, s, share.first),
                                      share.step * shape.record());
            } else {
                for (int64_t q = 0; q < share.count; q++) {
                    const int64_t i = share.first + q * share.step, real = least(steps, shape.length(i) - from);
                    if (real <= 0) break;
                    multiply<P, ROWS>(real, runs, input(i, c, from), time_stride(), panel, shape.x_columns,
                                      shape.x_columns, biases, 0, shape.record_at(c, j, from, i),
                                      shape.B * shape.record());
                }
            }
            place_past_bias(share, c, j);
        }
    }

    /* Initialises the slots of the recurrent product only with its bias. */
    void place_past_bias(const Share &share, int64_t c, int64_t j) const {
        const int64_t extra = shape.columns - shape.x_columns;
        if (extra <= 0) return;
        const T *biases = bias + j * shape.columns + shape.x_columns;
        const int64_t from = c * shape.chunk;
        for (int64_t s = from; s < from + shape.chunk_steps(c); s++)
            for (int64_t q = 0; q < share.count; q++)
                memcpy(shape.record_at(c, j, s, share.first + q * share.step) + shape.x_columns, biases,
                       sizeof(T) * extra);
    }

    void convert_inputs(const Share &share, int64_t c) const {
        const int64_t from = c * shape.chunk;
        for (int64_t q = 0; q < share.count; q++) {
            const int64_t i = share.first + q * share.step;
            const int64_t to = least(from + shape.chunk_steps(c), shape.length(i));
            for (int64_t s = from; s < to; s++)
                convert_row<P>(x_at(i, s), shape.I, x_rows + (i * shape.chunk + s - from) * shape.x_depth);
        }
    }

    const T *x_at(int64_t i, int64_t s) const {
        return static_cast<const T *>(layer.x) + shape.caller_row(i) * layer.x_row + shape.time(i, s) * layer.x_step;
    }

    const Number *input(int64_t i, int64_t c, int64_t s) const {
        if constexpr (P::depth == 1) {
            (void)c;
            return x_at(i, s);
        } else {
            return x_rows + (i * shape.chunk + s - c * shape.chunk) * shape.x_depth;
        }
    }
    int64_t row_stride() const { return P::depth == 1 ? layer.x_row : shape.chunk * shape.x_depth; }
    int64_t time_stride() const {
        return P::depth == 1 ? (layer.reverse ? -layer.x_step : layer.x_step) : shape.x_depth;
    }

    /* Writes the input projection from the caller or from the table to the records. */
    void place_ready(const Share &share, int64_t c) const {
        const int64_t from = c * shape.chunk;
        for (int64_t q = 0; q < share.count; q++) {
            const int64_t i = share.first + q * share.step, row = shape.caller_row(i);
            const int64_t to = least(from + shape.chunk_steps(c), shape.length(i));
            for (int64_t s = from; s < to; s++) {
                const T *part = layer.input == ELMAN_INPUT_READY
                                    ? x_at(i, s)
                                    : static_cast<const T *>(layer.x) +
                                          layer.tokens[row * layer.tokens_row + shape.time(i, s) * layer.tokens_step] *
                                              layer.x_row;
                for (int64_t j = 0; j < shape.blocks; j++) place_part(part, j, shape.record_at(c, j, s, i));
            }
        }
    }

    void place_part(const T *part, int64_t j, T *record) const {
        const int64_t width = shape.width, real = least(width, shape.H - j * width);
        const T *biases = bias + j * shape.columns;
        for (int64_t slot = 0; slot < program.x_slots; slot++) {
            T *to = record + slot * width;
            add(part + layer.x_gates[slot] * shape.H + j * width, biases + slot * width, real, to);
            for (int64_t u = real; u < width; u++) to[u] = 0;
        }
        memcpy(record + shape.x_columns, biases + shape.x_columns, sizeof(T) * (shape.columns - shape.x_columns));
    }

    /* Runs one time step of this thread's first `rows` rows. */
    void step(const Share &share, int64_t rows, int64_t c, int64_t s) const {
        const int64_t first = share.first, record_stride = share.step * shape.record();
        const int64_t state_stride = share.step * shape.padded;
        for (int64_t j = 0; j < shape.blocks; j++) {
            T *record = shape.record_at(c, j, s, first);
            if (program.h_slots) {
                const Number *h;
                if constexpr (P::depth == 1)
                    h = layer.mask ? h_rows + first * shape.padded : shape.state_at(program.h_leaf, s, first);
                else
                    h = h_rows + first * shape.padded;
                multiply<P, ROWS>(rows, Runs{shape.h_depth, 1, 0}, h, state_stride,
                                  weight_hh + j * shape.h_depth * shape.h_columns, shape.h_columns, shape.h_columns,
                                  record + shape.h_offset, record_stride, record + shape.h_offset, record_stride);
            }
            elman_tile tile;
            tile.rows = rows, tile.width = shape.width;
            tile.record = record, tile.record_stride = record_stride;
            tile.state_stride = state_stride;
            const int64_t unit = j * shape.width;
            for (int32_t l = 0; l < program.leaves; l++) {
                tile.old_state[l] = shape.state_at(l, s, first) + unit;
                tile.new_state[l] = shape.state_at(l, s + 1, first) + unit;
            }
            for (int32_t n = 0; n < program.parameters; n++) tile.parameters[n] = parameters + n * shape.padded + unit;
            tile.y = program.y_leaf < 0 ? y_rows + first * shape.padded + unit : nullptr;
            tile.y_stride = state_stride;
            program.forward(&tile);
        }
        for (int64_t q = 0; q < rows; q++) leave(first + q * share.step, s);
    }

    /* Writes a row's output, and its final state or the h of the next time step, after step s. */
    void leave(int64_t i, int64_t s) const {
        const int64_t row = shape.caller_row(i);
        const bool last = s + 1 == shape.length(i);
        for (int32_t l = 0; l < program.leaves; l++) {
            T *leaf = shape.state_at(l, s + 1, i);
            for (int64_t u = shape.H; u < shape.padded; u++) leaf[u] = 0;
            if (last) finish(l, row, leaf);
        }
        const T *y = program.y_leaf < 0 ? y_rows + i * shape.padded : shape.state_at(program.y_leaf, s + 1, i);
        memcpy(static_cast<T *>(layer.y) + row * layer.y_row + shape.time(i, s) * layer.y_step, y, sizeof(T) * shape.H);
        if (copies_h() && !last) copy_h(i, s + 1);
    }

    void finish(int32_t l, int64_t row, const T *leaf) const {
        memcpy(static_cast<T *>(layer.final[l]) + row * shape.H, leaf, sizeof(T) * shape.H);
    }

    void clear_padding(const Share &share) const {
        for (int64_t q = 0; layer.lengths && q < share.count; q++) {
            const int64_t i = share.first + q * share.step;
            T *y = static_cast<T *>(layer.y) + shape.caller_row(i) * layer.y_row;
            for (int64_t t = shape.length(i); t < shape.T_; t++) memset(y + t * layer.y_step, 0, sizeof(T) * shape.H);
        }
    }
};

}  // namespace

#endif
