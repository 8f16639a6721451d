/* Generation and streaming: reads a token, computes the logits of the next one, and may sample it; n steps per call.
 *
 * Rows are independent: the threads share blocks of rows, each block runs all time steps, and the results of a row do
 * not depend on the other rows. Cells are compiled programs (abi.h), run on one tile per layer. The caller provides all
 * memory.
 */
#ifndef ELMAN_ENGINE_H
#define ELMAN_ENGINE_H

#include <stdint.h>
#include <string.h>

#include "abi.h"
#include "engine_products.h"
#include "engine_sample.h"
#include "export.h"
#include "parallel.h"

/* A record here holds all units of a layer: slot s of unit k is record[s * width + k]. */
typedef struct {
    elman_program program;
    int64_t inputs;        /* features of the input */
    int64_t units;         /* hidden units, the size of the output */
    int64_t width;         /* units, rounded up to a multiple of 16 */
    const float *start;    /* the initial record: the biases, (h_first + h_slots) x width */
    const void *x_weights; /* packed, x_slots x width columns */
    const void *h_weights; /* packed, h_slots x width columns */
    const float *parameters[ELMAN_MOST_PARAMETERS]; /* each of size width */
} elman_engine_layer;

typedef struct {
    int64_t layers;
    const elman_engine_layer *layer;
    int64_t vocabulary;
    int64_t format;          /* of the packed weights: 0 fp32, 1 bfloat16, 2 int8 */
    int64_t residual;        /* add a layer's input to its output where both have the same size */
    int64_t features;        /* size of an embedding */
    const float *embeddings; /* vocabulary x features (rounded up to a multiple of 16), or NULL when not needed */
    const float *table;      /* vocabulary x the first layer's record with the token's input projection, or NULL */
    const void *head_weights;
    const float *head_start; /* the biases, then -inf, up to a multiple of 16 */
} elman_engine_network;

/* A call of `steps` time steps for `rows` rows. A time step reads a token and, unless `read` gives the next one,
 * samples it. A row's state is one line of `states`: over layers, over leaves, each of `units` numbers. */
typedef struct {
    int64_t rows;
    int64_t steps;
    int64_t threads;
    float *states;
    const int64_t *lines; /* rows: the index of each row's line in `states`; NULL: row i uses line i */
    const int64_t *read;  /* rows x steps: the tokens to read; NULL: sample them */
    int64_t *tokens;      /* rows: in, the first token to read; out, the next one; unused with `read` */
    int64_t *drawn;       /* rows x steps: the sampled tokens, -1 after invalid logits; unused with `read` */
    float *logits;        /* rows x vocabulary, of the last step; with every_step rows x steps x vocabulary; or NULL */
    int64_t every_step;
    elman_sampling sampling;
    const int64_t *seeds;     /* rows */
    const int64_t *streams;   /* rows: a row's stream number among the rows with its seed */
    const int64_t *positions; /* rows: the number of tokens that the row has sampled before */
    int64_t *history;         /* rows x window: a ring buffer of the last tokens, -1 where empty */
    int64_t *places;          /* rows: the position of the next token in the ring buffer */
    void *workspace;          /* aligned to 64 bytes, of elman_engine_workspace bytes */
} elman_engine_call;

namespace {
namespace engine {

inline int64_t padded(int64_t size) { return (size + 15) / 16 * 16; }

inline int64_t record_columns(const elman_engine_layer &layer) { return (int64_t)layer.program.slots * layer.width; }

inline int64_t started_columns(const elman_engine_layer &layer) {
    return (int64_t)(layer.program.h_first + layer.program.h_slots) * layer.width;
}

/* Bytes of weights that are prefetched before their product. */
constexpr int64_t FETCHED = 16384;

/* Sizes that determine a block's memory, in 4-byte elements unless the name says bytes. */
struct Sizes {
    int64_t state, record, line, features, scores, scratch_bytes;
};

inline Sizes sizes_of(const elman_engine_network &network) {
    Sizes sizes = {0, 0, 0, padded(network.features), padded(network.vocabulary), 0};
    int64_t most_inputs = 0;
    for (int64_t l = 0; l < network.layers; l++) {
        const elman_engine_layer &layer = network.layer[l];
        sizes.state += layer.program.leaves * layer.width;
        sizes.line += layer.program.leaves * layer.units;
        sizes.record = record_columns(layer) > sizes.record ? record_columns(layer) : sizes.record;
        sizes.features = layer.width > sizes.features ? layer.width : sizes.features;
        most_inputs = layer.inputs > most_inputs ? layer.inputs : most_inputs;
        most_inputs = layer.units > most_inputs ? layer.units : most_inputs;
    }
    sizes.scratch_bytes = quantised_bytes(most_inputs) + 64;
    return sizes;
}

/* The number of rows of a block: few enough for the caches, and giving each thread a block if there are enough rows. */
inline int64_t block_rows(int64_t rows, int64_t threads) {
    const int64_t least = 8, most = 36;
    int64_t share = (rows + threads - 1) / threads;
    if (share < least) share = least < rows ? least : rows;
    const int64_t rounds = (share + most - 1) / most;
    return (share + rounds - 1) / rounds;
}

/* The memory of one block. States and outputs have two buffers, for before and after a time step. */
inline int64_t block_bytes(const Sizes &sizes, int64_t rows) {
    const int64_t row = 4 * (2 * sizes.state + sizes.record + 3 * sizes.features + 3 * sizes.scores);
    return rows * (row + sizes.scratch_bytes);
}

/* One block of rows: its memory, and the functions that run it through the layers. */
struct Block {
    const elman_engine_network &network;
    const elman_engine_call &call;
    Sizes sizes;
    int64_t first, rows;
    float *old_state, *new_state, *record, *input, *output, *spare, *logits, *distances, *weights;
    char *scratch;

    Block(const elman_engine_network &a_network, const elman_engine_call &a_call, int64_t a_first, int64_t some_rows,
          char *memory)
        : network(a_network), call(a_call), sizes(sizes_of(a_network)), first(a_first), rows(some_rows) {
        float *place = reinterpret_cast<float *>(memory);
        old_state = place, place += rows * sizes.state;
        new_state = place, place += rows * sizes.state;
        record = place, place += rows * sizes.record;
        input = place, place += rows * sizes.features;
        output = place, place += rows * sizes.features;
        spare = place, place += rows * sizes.features;
        logits = place, place += rows * sizes.scores;
        distances = place, place += rows * sizes.scores;
        weights = place, place += rows * sizes.scores;
        scratch = reinterpret_cast<char *>(place);
    }

    float *line_of(int64_t row) const {
        const int64_t number = call.lines ? call.lines[first + row] : first + row;
        return call.states + number * sizes.line;
    }

    /* Copies every leaf between the caller's lines and this block's rows, which are padded with zeros. */
    template <bool LOAD> void move_states() {
        for (int64_t row = 0; row < rows; row++) {
            float *line = line_of(row), *own = old_state + row * sizes.state;
            for (int64_t l = 0; l < network.layers; l++) {
                const elman_engine_layer &layer = network.layer[l];
                const size_t bytes = (size_t)layer.units * sizeof *line;
                for (int32_t leaf = 0; leaf < layer.program.leaves; leaf++) {
                    if (LOAD) {
                        memcpy(own, line, bytes);
                        memset(own + layer.units, 0, (size_t)(layer.width - layer.units) * sizeof *own);
                    } else {
                        memcpy(line, own, bytes);
                    }
                    line += layer.units;
                    own += layer.width;
                }
            }
        }
    }

    /* With one row, products are bound by memory and equations are not. So the first weights that are read after the
     * equations are prefetched before them. */
    void fetch_first(const void *weights) const {
        if (rows > 1 || !weights) return;
        for (int64_t byte = 0; byte < FETCHED; byte += 64)
            __builtin_prefetch(static_cast<const char *>(weights) + byte);
    }

    /* Runs one layer. On entry `x` and `x_stride` are its input, on return its output. `state`: the offset of its
     * leaves. `next`: the weights that are read after this layer. */
    void run_layer(const elman_engine_layer &layer, const int64_t *tokens, int64_t state, const void *next,
                   const float **x, int64_t *x_stride) {
        const elman_program &program = layer.program;
        const int64_t stride = record_columns(layer), started = started_columns(layer);
        const bool by_table = network.table && state == 0;
        for (int64_t row = 0; row < rows; row++)
            memcpy(record + row * stride, by_table ? network.table + tokens[row] * started : layer.start,
                   (size_t)started * sizeof *record);
        const Format format = (Format)network.format;
        if (!by_table)
            add_product(format, rows, layer.inputs, *x, *x_stride, program.x_slots * layer.width,
                        static_cast<const char *>(layer.x_weights), record, stride, scratch);
        if (program.h_slots)
            add_product(format, rows, layer.units, old_state + state + program.h_leaf * layer.width, sizes.state,
                        program.h_slots * layer.width, static_cast<const char *>(layer.h_weights),
                        record + program.h_first * layer.width, stride, scratch);
        elman_tile tile;
        memset(&tile, 0, sizeof tile);
        tile.rows = rows;
        tile.width = layer.width;
        tile.record = record;
        tile.record_stride = stride;
        for (int32_t leaf = 0; leaf < program.leaves; leaf++) {
            tile.old_state[leaf] = old_state + state + leaf * layer.width;
            tile.new_state[leaf] = new_state + state + leaf * layer.width;
        }
        tile.state_stride = sizes.state;
        for (int32_t i = 0; i < program.parameters; i++) tile.parameters[i] = layer.parameters[i];
        tile.y = output;
        tile.y_stride = sizes.features;
        fetch_first(next);
        program.forward(&tile);
        const float *y = output;
        int64_t y_stride = sizes.features;
        if (program.y_leaf >= 0) {
            y = new_state + state + program.y_leaf * layer.width;
            y_stride = sizes.state;
        }
        if (network.residual && layer.inputs == layer.units) {
            for (int64_t row = 0; row < rows; row++)
                for (int64_t k = 0; k < layer.width; k += LANES)
                    store_floats(input + row * sizes.features + k, load_floats(*x + row * *x_stride + k) +
                                                                       load_floats(y + row * y_stride + k));
            y = input;
            y_stride = sizes.features;
        }
        *x = y;
        *x_stride = y_stride;
        /* Swap the buffers, so that the next layer's program does not overwrite its input. */
        float *written = output;
        output = spare;
        spare = written;
    }

    /* Reads one token per row and updates the states; with `scores`, computes the logits of the next token. */
    void step(const int64_t *tokens, bool scores) {
        const float *x = input;
        int64_t x_stride = sizes.features, state = 0;
        if (network.embeddings) {
            const int64_t line = padded(network.features);
            for (int64_t row = 0; row < rows; row++)
                memcpy(input + row * sizes.features, network.embeddings + tokens[row] * line,
                       (size_t)line * sizeof *input);
        }
        for (int64_t l = 0; l < network.layers; l++) {
            const void *next = l + 1 < network.layers ? network.layer[l + 1].x_weights : network.head_weights;
            run_layer(network.layer[l], tokens, state, next, &x, &x_stride);
            state += network.layer[l].program.leaves * network.layer[l].width;
        }
        float *moved = old_state;
        old_state = new_state;
        new_state = moved;
        if (!scores) return;
        for (int64_t row = 0; row < rows; row++)
            memcpy(logits + row * sizes.scores, network.head_start, (size_t)sizes.scores * sizeof *logits);
        add_product((Format)network.format, rows, network.layer[network.layers - 1].units, x, x_stride, sizes.scores,
                    static_cast<const char *>(network.head_weights), logits, sizes.scores, scratch);
        fetch_first(network.layer[0].h_weights);
    }

    void give_logits(int64_t step_number) const {
        const int64_t V = network.vocabulary, steps = call.every_step ? call.steps : 1;
        for (int64_t row = 0; row < rows; row++)
            memcpy(call.logits + ((first + row) * steps + (call.every_step ? step_number : 0)) * V,
                   logits + row * sizes.scores, (size_t)V * sizeof *logits);
    }

    /* Samples the row's next token and adds it to the history. */
    int64_t draw_token(int64_t row, int64_t step_number) {
        const int64_t number = first + row, window = call.sampling.window;
        int64_t *history = call.history + number * window;
        const double share = uniform((uint64_t)call.seeds[number], (uint64_t)call.streams[number],
                                     (uint64_t)(call.positions[number] + step_number));
        const int64_t token = choose_token(logits + row * sizes.scores, sizes.scores, call.sampling, history, share,
                                           distances + row * sizes.scores, weights + row * sizes.scores);
        if (window && token >= 0) {
            history[call.places[number]] = token;
            call.places[number] = (call.places[number] + 1) % window;
        }
        return token;
    }

    void run() {
        constexpr int64_t most = 64;
        int64_t tokens[most];
        move_states<true>();
        if (!call.read)
            for (int64_t row = 0; row < rows; row++) tokens[row] = call.tokens[first + row];
        for (int64_t step_number = 0; step_number < call.steps; step_number++) {
            if (call.read)
                for (int64_t row = 0; row < rows; row++)
                    tokens[row] = call.read[(first + row) * call.steps + step_number];
            const bool shown = call.logits && (call.every_step || step_number + 1 == call.steps);
            step(tokens, shown || !call.read);
            if (shown) give_logits(step_number);
            if (call.read) continue;
            for (int64_t row = 0; row < rows; row++) {
                int64_t *drawn = call.drawn + (first + row) * call.steps;
                const bool lost = step_number && drawn[step_number - 1] < 0;
                drawn[step_number] = lost ? -1 : draw_token(row, step_number);
                tokens[row] = drawn[step_number] < 0 ? 0 : drawn[step_number];
            }
        }
        if (!call.read)
            for (int64_t row = 0; row < rows; row++) call.tokens[first + row] = tokens[row];
        move_states<false>();
    }
};

inline void run_call(const elman_engine_network &network, const elman_engine_call &call) {
    const int64_t height = block_rows(call.rows, call.threads), blocks = (call.rows + height - 1) / height;
    const int64_t bytes = block_bytes(sizes_of(network), height);
    const int threads = (int)(call.threads < blocks ? call.threads : blocks);
    run_team(threads, [&](const Team &team) {
        for (int64_t block = team.from(blocks); block < team.to(blocks); block++) {
            const int64_t first = block * height, left = call.rows - first;
            char *const memory = static_cast<char *>(call.workspace) + block * bytes;
            Block(network, call, first, left < height ? left : height, memory).run();
        }
    });
}

}  // namespace engine
}  // namespace

/* The size of the workspace in bytes for a call with this many rows and threads. */
ELMAN_API int64_t elman_engine_workspace(const elman_engine_network *network, int64_t rows, int64_t threads) {
    const int64_t height = engine::block_rows(rows, threads), blocks = (rows + height - 1) / height;
    return blocks * engine::block_bytes(engine::sizes_of(*network), height);
}

/* The size of packed weights in bytes: `columns` columns (a multiple of 16) of K numbers each. */
ELMAN_API int64_t elman_engine_packed_bytes(int64_t format, int64_t K, int64_t columns) {
    if (format == engine::INT8) return engine::packed_bytes<engine::INT8>(K, columns);
    if (format == engine::BFLOAT16) return engine::packed_bytes<engine::BFLOAT16>(K, columns);
    return engine::packed_bytes<engine::FLOAT32>(K, columns);
}

/* Packs weights (columns x K, row-major) into memory aligned to 64 bytes. */
ELMAN_API void elman_engine_pack(int64_t format, int64_t K, int64_t columns, const float *weights, void *packed) {
    if (format == engine::INT8)
        engine::pack<engine::INT8>(K, columns, weights, static_cast<char *>(packed));
    else if (format == engine::BFLOAT16)
        engine::pack<engine::BFLOAT16>(K, columns, weights, static_cast<char *>(packed));
    else
        engine::pack<engine::FLOAT32>(K, columns, weights, static_cast<char *>(packed));
}

/* Runs a call. Tokens must be below the vocabulary's size, and rows, steps and threads at least 1. */
ELMAN_API void elman_engine_run(const elman_engine_network *network, const elman_engine_call *call) {
    engine::run_call(*network, *call);
}

/* sizeof the structs above, in order, for comparison with a caller's declarations in another language. */
ELMAN_API int64_t elman_engine_sizeof(int64_t which) {
    const int64_t sizes[] = {sizeof(elman_engine_layer), sizeof(elman_engine_network), sizeof(elman_sampling),
                             sizeof(elman_engine_call)};
    return which >= 0 && which < 4 ? sizes[which] : -1;
}

#endif
