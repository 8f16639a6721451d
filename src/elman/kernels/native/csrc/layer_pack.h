/* Weights and rows brought into the order, and the kind of number, that the microkernel reads. */
#ifndef ELMAN_LAYER_PACK_H
#define ELMAN_LAYER_PACK_H

#include "layer_shape.h"

namespace {

/* The inner steps 2k and 2k+1 of a product of bfloat16 numbers share a Number. */
inline uint32_t to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u; /* NaN stays NaN */
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

template <class P, class T> inline typename P::Number join(T low, T high) {
    if constexpr (P::depth == 1) {
        (void)high;
        return low;
    } else {
        return to_half((float)low) | (to_half((float)high) << 16);
    }
}

/* Block j of gate weights (gate-major rows of K numbers) as a panel [K][slot][unit]. */
template <class T, class P>
void pack_gates(const Shape<T, P> &shape, const T *weight, int64_t K, const int32_t *gates, int64_t slots, int64_t j,
                typename P::Number *panel) {
    const int64_t width = shape.width, columns = slots * width, H = shape.H;
    constexpr int64_t stretch = 16;
    for (int64_t slot = 0; slot < slots; slot++)
        for (int64_t from = 0; from < K; from += stretch * P::depth) {
            const int64_t to = least(K, from + stretch * P::depth);
            for (int64_t u = 0; u < width; u++) {
                const int64_t unit = j * width + u;
                const T *row = weight + (gates[slot] * H + (unit < H ? unit : 0)) * K;
                typename P::Number *out = panel + from / P::depth * columns + slot * width + u;
                for (int64_t k = from; k < to; k += P::depth, out += columns)
                    *out = unit < H ? join<P>(row[k], k + 1 < K ? row[k + 1] : T(0)) : 0;
            }
        }
}

/* Columns [column, column + here) of the gates' weights, whose inner dimension is (block, slot, unit), as a panel. */
template <class T, class P>
void pack_transposed(const Shape<T, P> &shape, const T *weight, int64_t K, const int32_t *gates, int64_t slots,
                     int64_t column, int64_t here, typename P::Number *panel) {
    const T zeros[64] = {};
    for (int64_t j = 0; j < shape.blocks; j++)
        for (int64_t slot = 0; slot < slots; slot++)
            for (int64_t u = 0; u < shape.width; u += P::depth) {
                const int64_t unit = j * shape.width + u, real = least(here, K - column);
                const T *low = weight + (gates[slot] * shape.H + unit) * K + column, *high = low + K;
                if (unit >= shape.H) low = zeros;
                if (unit + 1 >= shape.H) high = zeros;
                for (int64_t n = 0; n < real; n++) panel[n] = join<P>(low[n], P::depth == 1 ? T(0) : high[n]);
                for (int64_t n = real; n < here; n++) panel[n] = 0;
                panel += here;
            }
}

/* The biases of block j: the input's in its slots, the past's in its own; slots that both reach get the sum. */
template <class T, class P> void pack_bias(const Shape<T, P> &shape, int64_t j, T *bias) {
    const elman_layer &layer = shape.layer;
    const T *ih = layer.input == ELMAN_INPUT_PRODUCT ? static_cast<const T *>(layer.bias_ih) : nullptr;
    const T *hh = static_cast<const T *>(layer.bias_hh);
    for (int64_t n = 0; n < shape.columns; n++) bias[n] = 0;
    const int64_t real = least(shape.width, shape.H - j * shape.width);
    for (int64_t slot = 0; ih && slot < layer.program.x_slots; slot++)
        for (int64_t u = 0; u < real; u++)
            bias[slot * shape.width + u] += ih[layer.x_gates[slot] * shape.H + j * shape.width + u];
    for (int64_t slot = 0; hh && slot < layer.program.h_slots; slot++)
        for (int64_t u = 0; u < real; u++)
            bias[shape.h_offset + slot * shape.width + u] +=
                hh[layer.h_gates[slot] * shape.H + j * shape.width + u];
}

/* H numbers, filled up with zeros to a whole number of blocks. */
template <class T, class P> void pad_units(const Shape<T, P> &shape, const T *source, T *padded) {
    if (source)
        memcpy(padded, source, sizeof(T) * shape.H);
    else
        memset(padded, 0, sizeof(T) * shape.H);
    memset(padded + shape.H, 0, sizeof(T) * (shape.padded - shape.H));
}

/* `count` numbers as the Numbers of a product's A. */
template <class P, class T> void convert_row(const T *source, int64_t count, typename P::Number *out) {
    if constexpr (P::depth == 1) {
        memcpy(out, source, sizeof(T) * count);
    } else {
#if defined(__AVX512BF16__)
        uint16_t *halves = reinterpret_cast<uint16_t *>(out);
        int64_t n = 0;
        for (; n + 16 <= count; n += 16)
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(halves + n),
                                (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(source + n)));
        for (; n < count; n++) halves[n] = (uint16_t)to_half(source[n]);
        if (count % 2) halves[count] = 0;
#endif
    }
}

/* Two rows as one row of Numbers: neighbours of the inner dimension. `high` may be NULL. */
template <class P, class T>
void join_rows(const T *low, const T *high, int64_t count, typename P::Number *out) {
    if constexpr (P::depth == 1) {
        (void)high;
        memcpy(out, low, sizeof(T) * count);
    } else {
#if defined(__AVX512BF16__)
        int64_t n = 0;
        for (; n + 16 <= count; n += 16) {
            const __m512i l = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(low + n)));
            __m512i h = _mm512_setzero_si512();
            if (high) h = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(high + n)));
            _mm512_storeu_si512(out + n, _mm512_or_si512(l, _mm512_slli_epi32(h, 16)));
        }
        for (; n < count; n++) out[n] = join<P>(low[n], high ? high[n] : T(0));
#endif
    }
}

}  // namespace

#endif
