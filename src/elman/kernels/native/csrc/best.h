/* Top-k tokens of a large vocabulary and the normaliser of the softmax, without storing the logits of all tokens.
 *
 * The score (logit) of a token for a row x is bias + weights . x. Scores are computed a block at a time. While a block
 * is in the L1 cache, its exponentials are summed and its best tokens are kept. In float32 that is all. In int8 the
 * product is several times as fast but approximate, so it only selects candidates: the scores of the `candidates` best
 * tokens are recomputed in float32, and replace the approximate ones in the sum as well. Only the share of the other
 * tokens in the normaliser stays approximate. The results of a row depend neither on the other rows nor on the number
 * of threads.
 */
#ifndef ELMAN_BEST_H
#define ELMAN_BEST_H

#include <stdint.h>
#include <string.h>

#include "engine_products.h"
#include "export.h"
#include "parallel.h"
#include "vector.h"

typedef struct {
    int64_t rows;
    int64_t size;       /* numbers of x, and of a token's weights */
    int64_t vocabulary; /* tokens */
    int64_t format;     /* of the packed weights: 0 float32, 2 int8 */
    int64_t count;      /* tokens to return per row, at least 1 */
    int64_t candidates; /* tokens that the scan selects per row, at least `count`; equal to it in float32 */
    int64_t wanted;     /* a token whose score is always returned */
    int64_t threads;
    const float *x;       /* rows x size */
    const void *packed;   /* the weights, packed by elman_engine_pack, padded to a multiple of 16 tokens */
    const float *start;   /* the biases, then -inf up to a multiple of 16 */
    const float *weights; /* vocabulary x size; read for int8 only */
    float *scores;        /* rows x count, best first; -inf where there are no more */
    int64_t *tokens;      /* rows x count; among equal scores (in int8: approximate ones) the lower token comes first */
    float *wanted_scores; /* rows */
    float *levels;        /* rows: the normaliser is level + log(sum); NaN where a score was NaN or infinite */
    float *sums;          /* rows */
    void *workspace;      /* elman_best_workspace bytes, aligned to 64 */
} elman_best_call;

namespace {
namespace best {

using engine::LANES;

/* The level is raised when a score exceeds it by more than this, so that no exponential overflows. */
constexpr float HIGHEST = 40.0f;
constexpr int TILE_COLUMNS = engine::HALF_PANEL * LANES;

inline simd::Floats load_anywhere(const float *from) {
    simd::Floats value;
    memcpy(&value, from, sizeof value);
    return value;
}

inline float lowest() { return -__builtin_inff(); }

/* The largest number, and a bit for every lane above a bound. */
#if defined(__AVX512F__)
inline float largest_of(simd::Floats x) { return _mm512_reduce_max_ps((__m512)x); }
inline uint32_t lanes_above(simd::Floats x, float bound) {
    return _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(bound), _CMP_GT_OQ);
}
#else
inline float largest_of(simd::Floats x) {
    float found = x[0];
    for (int lane = 1; lane < LANES; lane++) found = x[lane] > found ? x[lane] : found;
    return found;
}
inline uint32_t lanes_above(simd::Floats x, float bound) {
#if defined(__AVX__)
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps((__m256)x, _mm256_set1_ps(bound), _CMP_GT_OQ));
#elif defined(__SSE2__)
    return (uint32_t)_mm_movemask_ps((__m128)(x > bound));
#else
    const auto above = x > bound;
    uint32_t found = 0;
    for (int lane = 0; lane < LANES; lane++) found |= (above[lane] ? 1u : 0u) << lane;
    return found;
#endif
}
#endif

inline float total_of(simd::Floats x) {
    for (int half = LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) x[lane] += x[lane + half];
    return x[0];
}

inline float exp_of(float x) { return simd::exp(simd::broadcast<simd::Floats>(x))[0]; }

/* Prefetch a token's weights into the caches. */
inline void ask_for(const float *weights, int64_t size) {
    for (int64_t k = 0; k < size; k += 16) __builtin_prefetch(weights + k);
}

/* bias + weights . x */
inline float score_of(const float *weights, const float *x, int64_t size, float bias) {
    simd::Floats sums[4] = {};
    int64_t k = 0;
    for (; k + 4 * LANES <= size; k += 4 * LANES)
        for (int part = 0; part < 4; part++)
            sums[part] += load_anywhere(weights + k + part * LANES) * load_anywhere(x + k + part * LANES);
    for (; k + LANES <= size; k += LANES) sums[0] += load_anywhere(weights + k) * load_anywhere(x + k);
    float rest = 0.0f;
    for (; k < size; k++) rest += weights[k] * x[k];
    return total_of((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest + bias;
}

struct Scored {
    float score;
    int32_t token;
};

/* The running results of a row. `found` has its best tokens so far, best first. */
struct Row {
    simd::Floats sums; /* of exp(score - level) */
    float level;
    float least; /* a token must score more to be kept */
    int64_t kept;
    Scored *found;

    void keep(float score, int64_t token, int64_t most) {
        int64_t place = kept < most ? kept++ : most - 1;
        for (; place > 0 && found[place - 1].score < score; place--) found[place] = found[place - 1];
        found[place] = Scored{score, (int32_t)token};
        if (kept == most) least = found[most - 1].score;
    }

    /* Adds the scores of `vectors` vectors of tokens, from token `first` on. */
    void take(const float *block, int64_t first, int vectors, int64_t most) {
        simd::Floats high = simd::load(block);
        for (int v = 1; v < vectors; v++) high = simd::higher(high, simd::load(block + v * LANES));
        const float largest = largest_of(high);
        if (largest > level + HIGHEST) {
            sums *= exp_of(level - largest);
            level = largest;
        }
        for (int v = 0; v < vectors; v++) sums += simd::exp(simd::load(block + v * LANES) - level);
        if (!(largest > least)) return;
        for (int v = 0; v < vectors; v++)
            for (uint32_t above = lanes_above(simd::load(block + v * LANES), least); above; above &= above - 1) {
                const int column = v * LANES + __builtin_ctz(above);
                if (block[column] > least) keep(block[column], first + column, most);
            }
    }
};

inline int64_t row_bytes(int64_t candidates) {
    return engine::aligned(sizeof(Row)) + engine::aligned(candidates * (int64_t)sizeof(Scored));
}

inline int64_t tile_bytes() { return engine::aligned((int64_t)sizeof(float) * engine::MOST_ROWS * TILE_COLUMNS); }

/* The memory of a row: its running results, its int8 activations, and their scale. */
inline int64_t place_bytes(const elman_best_call &call) {
    return row_bytes(call.candidates) + engine::quantised_bytes(call.size) + engine::aligned(sizeof(float));
}

/* The tiles of all threads come first, then the memory of the rows: OpenMP may start fewer threads than requested. */
inline int64_t tiles_bytes(const elman_best_call &call) { return call.threads * tile_bytes(); }

/* The rows of one thread. */
struct Part {
    const elman_best_call &call;
    int64_t first, rows;
    char *tile;
    char *place;

    Row &row(int64_t number) const { return *reinterpret_cast<Row *>(place + number * row_bytes(call.candidates)); }

    void begin() const {
        for (int64_t number = 0; number < rows; number++) {
            char *at = place + number * row_bytes(call.candidates);
            Row &row = *reinterpret_cast<Row *>(at);
            row.found = reinterpret_cast<Scored *>(at + engine::aligned(sizeof(Row)));
            row.sums = simd::Floats{};
            row.level = -__FLT_MAX__; /* not -inf, since inf - inf is NaN */
            row.least = lowest();
            row.kept = 0;
        }
    }

    template <engine::Format FORMAT> void scan() const {
        const int64_t columns = (call.vocabulary + 15) / 16 * 16;
        const char *weights = static_cast<const char *>(call.packed) + engine::scale_bytes(FORMAT, columns);
        const float *scales = static_cast<const float *>(call.packed);
        const int32_t *offsets =
            reinterpret_cast<const int32_t *>(static_cast<const char *>(call.packed) + engine::aligned(4 * columns));
        const int64_t quantised_stride = engine::quantised_bytes(call.size) / (int64_t)sizeof(engine::Activation);
        char *levels = place + rows * row_bytes(call.candidates);
        engine::Activation *quantised = reinterpret_cast<engine::Activation *>(levels);
        float *x_scales = reinterpret_cast<float *>(levels + rows * engine::quantised_bytes(call.size));
        if (FORMAT == engine::INT8)
            for (int64_t r = 0; r < rows; r++)
                engine::quantise(call.x + (first + r) * call.size, call.size, quantised + r * quantised_stride,
                                 x_scales + r);
        const int64_t blocks = (rows + engine::MOST_ROWS - 1) / engine::MOST_ROWS;
        const int64_t block = blocks ? (rows + blocks - 1) / blocks : 1;
        float *c = reinterpret_cast<float *>(tile);
        for (int64_t column = 0; column < columns; column += engine::PANEL * LANES) {
            const int64_t left = (columns - column) / LANES, vectors = left < engine::PANEL ? left : engine::PANEL;
            const int64_t step_bytes = engine::step_bytes_of<FORMAT>(vectors);
            for (int64_t half = 0; half < vectors; half += engine::HALF_PANEL) {
                const int64_t token = column + half * LANES;
                const int here = (int)(vectors - half < engine::HALF_PANEL ? vectors - half : engine::HALF_PANEL);
                for (int64_t r = 0; r < rows; r += block) {
                    const int height = (int)(rows - r < block ? rows - r : block);
                    for (int n = 0; n < height; n++)
                        for (int v = 0; v < here; v++)
                            simd::store(c + n * TILE_COLUMNS + v * LANES, simd::load(call.start + token + v * LANES));
                    const engine::Product product = {call.size,
                                                     call.x + (first + r) * call.size,
                                                     call.size,
                                                     quantised + r * quantised_stride,
                                                     quantised_stride,
                                                     x_scales + r,
                                                     scales + token,
                                                     offsets + token,
                                                     c,
                                                     TILE_COLUMNS};
                    engine::ByRows<FORMAT, engine::MOST_ROWS>::find(height, here)(
                        product, 0, 0, weights + engine::step_bytes_of<FORMAT>(half), step_bytes);
                    for (int n = 0; n < height; n++)
                        row(r + n).take(c + n * TILE_COLUMNS, token, here, call.candidates);
                    if (FORMAT != engine::INT8 && call.wanted >= token && call.wanted < token + here * LANES)
                        for (int n = 0; n < height; n++)
                            call.wanted_scores[first + r + n] = c[n * TILE_COLUMNS + call.wanted - token];
                }
            }
            weights += engine::steps_of<FORMAT>(call.size) * step_bytes;
        }
    }

    /* Recomputes the scores of the kept tokens, sorts them, and replaces their approximate exponentials in the sum. */
    void make_exact(Row &row, const float *x) const {
        const float rough = exponentials(row);
        const int64_t kept = row.kept;
        row.kept = 0;
        for (int64_t n = 0; n < kept; n++) {
            if (n + 1 < kept) ask_for(weights_of(row.found[n + 1].token), call.size);
            const int64_t token = row.found[n].token;
            row.keep(exact(token, x), token, kept);
        }
        const float all = total_of(row.sums);
        float others = all - rough;
        const float best = kept ? row.found[0].score : lowest();
        if (best > lowest() && !(best <= row.level + HIGHEST && best >= row.level - HIGHEST)) {
            /* With errors this large, the share of the other tokens relative to far lower exact scores is unknown. */
            others *= best > row.level ? exp_of(row.level - best) : 0.0f;
            row.level = best;
        }
        /* A NaN sum stays NaN. */
        row.sums = simd::Floats{};
        row.sums[0] = exponentials(row) + (others < 0.0f ? 0.0f : others);
    }

    const float *weights_of(int64_t token) const { return call.weights + token * call.size; }
    float exact(int64_t token, const float *x) const {
        return score_of(weights_of(token), x, call.size, call.start[token]);
    }

    /* The sum of exp(score - level) over the kept tokens. */
    static float exponentials(const Row &row) {
        simd::Floats sum = {};
        for (int64_t n = 0; n < row.kept; n += LANES) {
            simd::Floats scores = simd::broadcast<simd::Floats>(lowest());
            for (int lane = 0; lane < LANES && n + lane < row.kept; lane++) scores[lane] = row.found[n + lane].score;
            sum += simd::exp(scores - row.level);
        }
        return total_of(sum);
    }

    void give() const {
        for (int64_t r = 0; r < rows; r++) {
            Row &own = row(r);
            const float *x = call.x + (first + r) * call.size;
            if (call.format == engine::INT8) {
                make_exact(own, x);
                call.wanted_scores[first + r] = exact(call.wanted, x);
            }
            for (int64_t n = 0; n < call.count; n++) {
                call.scores[(first + r) * call.count + n] = n < own.kept ? own.found[n].score : lowest();
                call.tokens[(first + r) * call.count + n] = n < own.kept ? own.found[n].token : 0;
            }
            call.levels[first + r] = own.level;
            call.sums[first + r] = total_of(own.sums);
        }
    }
};

}  // namespace best
}  // namespace

/* The size of a call's workspace in bytes. */
ELMAN_API int64_t elman_best_workspace(const elman_best_call *call) {
    return best::tiles_bytes(*call) + call->rows * best::place_bytes(*call);
}

/* Runs a call. `wanted` must be a token of the vocabulary, and no size may be 0. */
ELMAN_API void elman_best_run(const elman_best_call *call) {
    run_team((int)call->threads, [call](Team team) {
        const int64_t first = team.from(call->rows), rows = team.to(call->rows) - first;
        char *workspace = static_cast<char *>(call->workspace);
        const best::Part part = {*call, first, rows, workspace + team.index * best::tile_bytes(),
                                 workspace + best::tiles_bytes(*call) + first * best::place_bytes(*call)};
        part.begin();
        if (call->format == engine::INT8)
            part.scan<engine::INT8>();
        else
            part.scan<engine::FLOAT32>();
        part.give();
    });
}

/* sizeof the struct above, for comparison with a caller's declaration in another language. */
ELMAN_API int64_t elman_best_sizeof(void) { return sizeof(elman_best_call); }

#endif
