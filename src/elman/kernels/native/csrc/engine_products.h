/* Matrix products of the generation engine: a few rows of activations times weights that are read once per token.
 *
 * At batch size 1 such a product is bound by the bandwidth of the caches, so the weights are packed in the order in
 * which they are read, as fp32, bfloat16 or int8. (Software prefetching made it slower, since the hardware prefetches.)
 * Each element of the result is the same chain of operations for every number of rows, so a row's results do not depend
 * on its batch.
 *
 * Packed weights: panels of PANEL vectors of columns (the last panel may be narrower); in a panel, the vectors of each
 * step of the inner dimension are contiguous. bfloat16: two vectors of columns share one hardware vector, the first in
 * the low halves and the second in the high ones. int8: a vector holds GROUP inner steps of LANES columns.
 */
#ifndef ELMAN_ENGINE_PRODUCTS_H
#define ELMAN_ENGINE_PRODUCTS_H

#include <stdint.h>
#include <string.h>

#include "vector_types.h"

namespace {
namespace engine {

constexpr int VECTOR_BYTES = ELMAN_REGISTER_BYTES, PANEL = 8;
/* The rows and vectors of a block of several rows, as many as fit in the registers. */
constexpr int MOST_ROWS = VECTOR_BYTES == 64 ? 6 : 4, HALF_PANEL = VECTOR_BYTES == 64 ? 4 : 2;
constexpr int LANES = VECTOR_BYTES / 4;

/* Products are summed in chains of this many inner steps, since rounding errors grow with the length of a chain. */
constexpr int64_t CHAIN = 64;

typedef float Floats __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef int32_t Ints __attribute__((vector_size(VECTOR_BYTES), may_alias));

enum Format { FLOAT32 = 0, BFLOAT16 = 1, INT8 = 2 };

inline Floats multiply_add(Floats a, Floats b, Floats sum) {
#if defined(__AVX512F__)
    return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif defined(__FMA__)
    return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#else
    return a * b + sum;
#endif
}

inline Floats all(float value) { return value - (Floats){}; }

/* ---------------------------------------------------------------- fp32 and bfloat16 */

/* The weights of one inner step: W::load(step, v) is the v-th vector of columns. */
struct Float32Weights {
    static constexpr int64_t step_bytes(int64_t vectors) { return vectors * VECTOR_BYTES; }
    static Floats load(const char *step, int v) { return reinterpret_cast<const Floats *>(step)[v]; }
};

struct BFloat16Weights {
    static constexpr int64_t step_bytes(int64_t vectors) { return (vectors + 1) / 2 * VECTOR_BYTES; }
    static Floats load(const char *step, int v) {
        const Ints pair = reinterpret_cast<const Ints *>(step)[v / 2];
        return v % 2 ? (Floats)(pair & (int32_t)0xffff0000) : (Floats)(pair << 16);
    }
};

/* c += x . weights for MR rows and NV vectors of columns, starting at an even vector of a panel. */
template <class W, int MR, int NV>
void multiply_block(int64_t K, const float *x, int64_t x_stride, const char *weights, int64_t step_bytes, float *c,
                    int64_t c_stride) {
    for (int64_t begin = 0; begin < K; begin += CHAIN) {
        const int64_t end = begin + CHAIN < K ? begin + CHAIN : K;
        Floats sum[MR][NV];
#pragma GCC unroll 8
        for (int r = 0; r < MR; r++)
#pragma GCC unroll 8
            for (int v = 0; v < NV; v++) sum[r][v] = (Floats){};
        for (int64_t k = begin; k < end; k++) {
#pragma GCC unroll 8
            for (int v = 0; v < NV; v++) {
                const Floats column = W::load(weights, v);
#pragma GCC unroll 8
                for (int r = 0; r < MR; r++) sum[r][v] = multiply_add(column, all(x[r * x_stride + k]), sum[r][v]);
            }
            weights += step_bytes;
        }
#pragma GCC unroll 8
        for (int r = 0; r < MR; r++) {
            Floats *out = reinterpret_cast<Floats *>(c + r * c_stride);
#pragma GCC unroll 8
            for (int v = 0; v < NV; v++) out[v] += sum[r][v];
        }
    }
}

/* ---------------------------------------------------------------- int8 */

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
/* Activations are stored with OFFSET added, since the instruction requires unsigned ones. */
constexpr int GROUP = 4, OFFSET = 128;
typedef uint8_t Activation;
#else
constexpr int GROUP = 2, OFFSET = 0;
typedef int16_t Activation;
#endif

/* The size in bytes of one group of inner steps of a vector of columns. */
constexpr int GROUP_BYTES = LANES * GROUP;

/* Adds to `sum`, for every column, the products of its GROUP weights with GROUP activations (32 bits in total). */
inline Ints add_products(Ints sum, const char *weights, int32_t activations) {
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(activations), _mm512_load_si512(weights));
#elif defined(__AVX512BW__)
    const __m512i wide = _mm512_cvtepi8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i *>(weights)));
    return sum + (Ints)_mm512_madd_epi16(wide, _mm512_set1_epi32(activations));
#elif defined(__AVX2__)
    const __m256i wide = _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i *>(weights)));
    return sum + (Ints)_mm256_madd_epi16(wide, _mm256_set1_epi32(activations));
#elif defined(__SSE2__)
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(weights));
    const __m128i wide = _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
    return sum + (Ints)_mm_madd_epi16(wide, _mm_set1_epi32(activations));
#else
    int16_t pair[2];
    memcpy(pair, &activations, sizeof pair);
    const signed char *w = reinterpret_cast<const signed char *>(weights);
    for (int lane = 0; lane < LANES; lane++) sum[lane] += w[2 * lane] * pair[0] + w[2 * lane + 1] * pair[1];
    return sum;
#endif
}

/* As multiply_block. `x`: quantised activations in groups; x_scales[r]: their scale; scales and offsets: per column. */
template <int MR, int NV>
void multiply_block_int8(int64_t groups, const Activation *x, int64_t x_stride, const float *x_scales,
                         const char *weights, int64_t step_bytes, const float *scales, const int32_t *offsets, float *c,
                         int64_t c_stride) {
    Ints sum[MR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 8
        for (int v = 0; v < NV; v++) sum[r][v] = reinterpret_cast<const Ints *>(offsets)[v];
    for (int64_t group = 0; group < groups; group++) {
        int32_t activations[MR];
#pragma GCC unroll 8
        for (int r = 0; r < MR; r++) memcpy(&activations[r], x + r * x_stride + group * GROUP, sizeof activations[r]);
#pragma GCC unroll 8
        for (int v = 0; v < NV; v++)
#pragma GCC unroll 8
            for (int r = 0; r < MR; r++)
                sum[r][v] = add_products(sum[r][v], weights + v * GROUP_BYTES, activations[r]);
        weights += step_bytes;
    }
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++) {
        Floats *out = reinterpret_cast<Floats *>(c + r * c_stride);
#pragma GCC unroll 8
        for (int v = 0; v < NV; v++) {
            const Floats unit = reinterpret_cast<const Floats *>(scales)[v] * x_scales[r];
            out[v] = multiply_add(__builtin_convertvector(sum[r][v], Floats), unit, out[v]);
        }
    }
}

/* ---------------------------------------------------------------- blocks of a whole product */

/* The operands and the result of a product, except the address of the weights. */
struct Product {
    int64_t K;
    const float *x;
    int64_t x_stride;
    const Activation *quantised; /* int8 only: x quantised, rows `quantised_stride` apart */
    int64_t quantised_stride;
    const float *x_scales;
    const float *scales; /* int8 only: one per column */
    const int32_t *offsets;
    float *c;
    int64_t c_stride;
};

inline int64_t groups_of(int64_t K) { return (K + GROUP - 1) / GROUP; }

template <Format FORMAT, int MR, int NV>
void run_block(const Product &p, int64_t row, int64_t column, const char *weights, int64_t step_bytes) {
    float *c = p.c + row * p.c_stride + column;
    if (FORMAT == INT8)
        multiply_block_int8<MR, NV>(groups_of(p.K), p.quantised + row * p.quantised_stride, p.quantised_stride,
                                    p.x_scales + row, weights, step_bytes, p.scales + column, p.offsets + column, c,
                                    p.c_stride);
    else if (FORMAT == BFLOAT16)
        multiply_block<BFloat16Weights, MR, NV>(p.K, p.x + row * p.x_stride, p.x_stride, weights, step_bytes, c,
                                                p.c_stride);
    else
        multiply_block<Float32Weights, MR, NV>(p.K, p.x + row * p.x_stride, p.x_stride, weights, step_bytes, c,
                                               p.c_stride);
}

typedef void (*BlockFunction)(const Product &, int64_t, int64_t, const char *, int64_t);

/* The function for `vectors` (1 to NV) vectors of columns. */
template <Format FORMAT, int MR, int NV> struct ByVectors {
    static BlockFunction find(int vectors) {
        return vectors == NV ? run_block<FORMAT, MR, NV> : ByVectors<FORMAT, MR, NV - 1>::find(vectors);
    }
};
template <Format FORMAT, int MR> struct ByVectors<FORMAT, MR, 0> {
    static BlockFunction find(int) { return nullptr; }
};

/* The function for `rows` (2 to MR) rows. */
template <Format FORMAT, int MR> struct ByRows {
    static BlockFunction find(int rows, int vectors) {
        return rows == MR ? ByVectors<FORMAT, MR, HALF_PANEL>::find(vectors)
                          : ByRows<FORMAT, MR - 1>::find(rows, vectors);
    }
};
template <Format FORMAT> struct ByRows<FORMAT, 1> {
    static BlockFunction find(int, int vectors) { return ByVectors<FORMAT, 1, HALF_PANEL>::find(vectors); }
};

template <Format FORMAT> int64_t step_bytes_of(int64_t vectors) {
    if (FORMAT == INT8) return vectors * GROUP_BYTES;
    return FORMAT == BFLOAT16 ? BFloat16Weights::step_bytes(vectors) : Float32Weights::step_bytes(vectors);
}

template <Format FORMAT> int64_t steps_of(int64_t K) { return FORMAT == INT8 ? groups_of(K) : K; }

/* c += x . weights for all rows and columns; `weights` points to the panels. */
template <Format FORMAT>
void run_product(const Product &product, int64_t rows, int64_t columns, const char *weights) {
    for (int64_t column = 0; column < columns; column += PANEL * LANES) {
        const int64_t left = (columns - column) / LANES, vectors = left < PANEL ? left : PANEL;
        const int64_t step_bytes = step_bytes_of<FORMAT>(vectors);
        if (rows == 1) {
            ByVectors<FORMAT, 1, PANEL>::find((int)vectors)(product, 0, column, weights, step_bytes);
        } else {
            const int64_t blocks = (rows + MOST_ROWS - 1) / MOST_ROWS, block = (rows + blocks - 1) / blocks;
            for (int64_t first = 0; first < vectors; first += HALF_PANEL) {
                const int here = (int)(vectors - first < HALF_PANEL ? vectors - first : HALF_PANEL);
                for (int64_t row = 0; row < rows; row += block) {
                    const int height = (int)(rows - row < block ? rows - row : block);
                    ByRows<FORMAT, MOST_ROWS>::find(height, here)(product, row, column + first * LANES,
                                                                  weights + step_bytes_of<FORMAT>(first), step_bytes);
                }
            }
        }
        weights += steps_of<FORMAT>(product.K) * step_bytes;
    }
}

/* ---------------------------------------------------------------- packing and quantising */

inline float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

inline uint32_t float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Rounds to the nearest bfloat16, ties to even; NaN stays NaN. */
inline uint16_t to_bfloat16(float value) {
    const uint32_t bits = float_to_bits(value);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Adding this rounds a number below 2**22 to an integer, which is then in the low bits. */
constexpr float ROUNDER = 12582912.0f;

inline int32_t rounded(float value) { return (int32_t)float_to_bits(value + ROUNDER) - (int32_t)float_to_bits(ROUNDER); }

inline int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/* Scales and offsets precede int8 panels. */
inline int64_t scale_bytes(Format format, int64_t columns) { return format == INT8 ? 2 * aligned(4 * columns) : 0; }

template <Format FORMAT> int64_t packed_bytes(int64_t K, int64_t columns) {
    int64_t bytes = scale_bytes(FORMAT, columns);
    for (int64_t column = 0; column < columns; column += PANEL * LANES) {
        const int64_t left = (columns - column) / LANES;
        bytes += steps_of<FORMAT>(K) * step_bytes_of<FORMAT>(left < PANEL ? left : PANEL);
    }
    return aligned(bytes);
}

/* The scale of a column's int8 weights; NaN for a column with an element that is not finite. */
inline float column_scale(const float *column, int64_t K) {
    float largest = 0.0f, poison = 0.0f;
    for (int64_t k = 0; k < K; k++) {
        const float size = column[k] < 0.0f ? -column[k] : column[k];
        largest = size > largest ? size : largest;
        poison += column[k] - column[k];
    }
    return largest / 127.0f + poison;
}

/* Quantises a column to multiples of `scale`, in groups `step_bytes` apart; returns the sum of the levels. */
inline int32_t pack_levels(const float *column, int64_t K, float scale, char *to, int64_t step_bytes) {
    constexpr int64_t STRETCH = 64; /* elements per iteration, a multiple of GROUP */
    int32_t sum = 0;
    for (int64_t begin = 0; begin < K; begin += STRETCH) {
        const int64_t count = K - begin < STRETCH ? K - begin : STRETCH;
        signed char levels[STRETCH] = {};
        for (int64_t k = 0; k < count; k++) {
            const int32_t level = rounded(column[begin + k] / scale);
            levels[k] = (signed char)level;
            sum += level;
        }
        for (int64_t k = 0; k < count; k += GROUP) memcpy(to + (begin + k) / GROUP * step_bytes, levels + k, GROUP);
    }
    return sum;
}

/* Packs `weights` (columns x K, row-major). `columns` is a multiple of LANES; `packed` is aligned to 64 bytes and has
 * packed_bytes bytes. */
template <Format FORMAT> void pack(int64_t K, int64_t columns, const float *weights, char *packed) {
    float *scales = reinterpret_cast<float *>(packed);
    int32_t *offsets = reinterpret_cast<int32_t *>(packed + aligned(4 * columns));
    memset(packed, 0, (size_t)packed_bytes<FORMAT>(K, columns));
    packed += scale_bytes(FORMAT, columns);
    for (int64_t first = 0; first < columns; first += PANEL * LANES) {
        const int64_t left = (columns - first) / LANES, vectors = left < PANEL ? left : PANEL;
        const int64_t step_bytes = step_bytes_of<FORMAT>(vectors);
        for (int64_t j = 0; j < vectors * LANES; j++) {
            const float *column = weights + (first + j) * K;
            const int64_t vector = j / LANES, lane = j % LANES;
            const float scale = FORMAT == INT8 ? column_scale(column, K) : 0.0f;
            if (FORMAT == INT8) scales[first + j] = scale;
            if (FORMAT == INT8) {
                /* The weights stay zero where the scale is 0 or NaN. */
                if (scale > 0.0f)
                    offsets[first + j] =
                        -OFFSET *
                        pack_levels(column, K, scale, packed + vector * GROUP_BYTES + lane * GROUP, step_bytes);
                continue;
            }
            for (int64_t k = 0; k < K; k++) {
                if (FORMAT == FLOAT32) {
                    memcpy(packed + k * step_bytes + 4 * j, &column[k], 4);
                } else {
                    const uint16_t half = to_bfloat16(column[k]);
                    memcpy(packed + k * step_bytes + vector / 2 * VECTOR_BYTES + 4 * lane + 2 * (vector % 2), &half, 2);
                }
            }
        }
        packed += steps_of<FORMAT>(K) * step_bytes;
    }
}

/* Quantises K activations to multiples of `*scale`, which is NaN when one of them is not finite. The last group is
 * padded with zeros. */
inline void quantise(const float *x, int64_t K, Activation *levels, float *scale) {
    float largest = 0.0f, poison = 0.0f;
    Floats most = {}, poisons = {};
    int64_t k = 0;
    for (; k + LANES <= K; k += LANES) {
        Floats value;
        memcpy(&value, x + k, sizeof value);
        poisons += value - value;
        const Floats size = (Floats)((Ints)value & 0x7fffffff);
        most = (Floats)((Ints)(size > most) & (Ints)size) + (Floats)(~(Ints)(size > most) & (Ints)most);
    }
    for (int lane = 0; lane < LANES; lane++) {
        largest = most[lane] > largest ? most[lane] : largest;
        poison += poisons[lane];
    }
    for (int64_t tail = k; tail < K; tail++) {
        const float size = x[tail] < 0.0f ? -x[tail] : x[tail];
        largest = size > largest ? size : largest;
        poison += x[tail] - x[tail];
    }
    const bool none = !(largest > 1e-30f) || poison != 0.0f; /* true for NaN too */
    const float levels_a_unit = none ? 0.0f : 127.0f / largest;
    *scale = poison == 0.0f ? (none ? 0.0f : largest / 127.0f) : bits_to_float(0x7fc00000);
    if (poison != 0.0f) {
        for (k = 0; k < groups_of(K) * GROUP; k++) levels[k] = OFFSET;
        return;
    }
    for (k = 0; k + LANES <= K; k += LANES) {
        typedef Activation Levels __attribute__((vector_size(LANES * sizeof(Activation))));
        Floats value;
        memcpy(&value, x + k, sizeof value);
        const Ints level = (Ints)(value * levels_a_unit + ROUNDER) - (int32_t)(0x4b400000 - OFFSET);
        const Levels narrow = __builtin_convertvector(level, Levels);
        memcpy(levels + k, &narrow, sizeof narrow);
    }
    for (; k < K; k++) levels[k] = (Activation)(rounded(x[k] * levels_a_unit) + OFFSET);
    for (; k < groups_of(K) * GROUP; k++) levels[k] = OFFSET;
}

/* The size in bytes of the int8 activations of one row. */
inline int64_t quantised_bytes(int64_t K) { return aligned((int64_t)sizeof(Activation) * groups_of(K) * GROUP); }

/* c += x . weights. `scratch`: quantised_bytes(K) + 4 bytes per row, used for int8 only. */
inline void add_product(Format format, int64_t rows, int64_t K, const float *x, int64_t x_stride, int64_t columns,
                        const char *packed, float *c, int64_t c_stride, char *scratch) {
    Product product = {K, x, x_stride, nullptr, 0, nullptr, nullptr, nullptr, c, c_stride};
    if (format == FLOAT32) {
        run_product<FLOAT32>(product, rows, columns, packed);
    } else if (format == BFLOAT16) {
        run_product<BFLOAT16>(product, rows, columns, packed);
    } else {
        Activation *quantised = reinterpret_cast<Activation *>(scratch);
        product.quantised_stride = quantised_bytes(K) / (int64_t)sizeof(Activation);
        float *x_scales = reinterpret_cast<float *>(scratch + rows * quantised_bytes(K));
        for (int64_t r = 0; r < rows; r++)
            quantise(x + r * x_stride, K, quantised + r * product.quantised_stride, x_scales + r);
        product.quantised = quantised;
        product.x_scales = x_scales;
        product.scales = reinterpret_cast<const float *>(packed);
        product.offsets = reinterpret_cast<const int32_t *>(packed + aligned(4 * columns));
        run_product<INT8>(product, rows, columns, packed + scale_bytes(INT8, columns));
    }
}

}  // namespace engine
}  // namespace

#endif
