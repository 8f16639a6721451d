/* Packing of weights and rows into the layout and number format of the microkernel. */
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

/* to = a + b, element by element. */
template <class T> inline void add(const T *a, const T *b, int64_t count, T *to) {
    constexpr int64_t lanes = 64 / sizeof(T);
    typedef T Wide __attribute__((vector_size(64), may_alias, aligned(sizeof(T))));
    int64_t n = 0;
    for (; n + lanes <= count; n += lanes)
        *reinterpret_cast<Wide *>(to + n) =
            *reinterpret_cast<const Wide *>(a + n) + *reinterpret_cast<const Wide *>(b + n);
    for (; n < count; n++) to[n] = a[n] + b[n];
}

/* to[c * to_stride + r] = from[r * from_stride + c], in blocks of 4 x 4 for elements of 32 bits. */
template <class E>
void transpose(int64_t rows, int64_t columns, const E *from, int64_t from_stride, E *to, int64_t to_stride) {
    int64_t r = 0;
    if constexpr (sizeof(E) == 4) {
        typedef uint32_t Four __attribute__((vector_size(16), may_alias, aligned(4)));
        typedef uint32_t Mask __attribute__((vector_size(16)));
        const Mask low = {0, 4, 1, 5}, high = {2, 6, 3, 7}, left = {0, 1, 4, 5}, right = {2, 3, 6, 7};
        for (; r + 4 <= rows; r += 4) {
            int64_t c = 0;
            for (; c + 4 <= columns; c += 4) {
                const E *source = from + r * from_stride + c;
                const Mask a = *reinterpret_cast<const Four *>(source);
                const Mask b = *reinterpret_cast<const Four *>(source + from_stride);
                const Mask d = *reinterpret_cast<const Four *>(source + 2 * from_stride);
                const Mask e = *reinterpret_cast<const Four *>(source + 3 * from_stride);
                const Mask ab = __builtin_shuffle(a, b, low), AB = __builtin_shuffle(a, b, high);
                const Mask de = __builtin_shuffle(d, e, low), DE = __builtin_shuffle(d, e, high);
                E *out = to + c * to_stride + r;
                *reinterpret_cast<Four *>(out) = __builtin_shuffle(ab, de, left);
                *reinterpret_cast<Four *>(out + to_stride) = __builtin_shuffle(ab, de, right);
                *reinterpret_cast<Four *>(out + 2 * to_stride) = __builtin_shuffle(AB, DE, left);
                *reinterpret_cast<Four *>(out + 3 * to_stride) = __builtin_shuffle(AB, DE, right);
            }
            for (; c < columns; c++)
                for (int64_t n = r; n < r + 4; n++) to[c * to_stride + n] = from[n * from_stride + c];
        }
    }
    for (int64_t c = 0; c < columns; c++)
        for (int64_t n = r; n < rows; n++) to[c * to_stride + n] = from[n * from_stride + c];
}

/* Converts `count` elements to the Numbers of a product's A. */
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

/* Joins two rows, consecutive in the inner dimension, into one row of Numbers. `high` may be NULL. */
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

/* Packs block j of gate weights (gate-major rows of K elements) into a panel [K][slot][unit]. */
template <class T, class P>
void pack_gates(const Shape<T, P> &shape, const T *weight, int64_t K, const int32_t *gates, int64_t slots, int64_t j,
                typename P::Number *panel) {
    typedef typename P::Number Number;
    const int64_t width = shape.width, columns = slots * width, first = j * width;
    const int64_t real = least(width, shape.H - first), depth = (K + P::depth - 1) / P::depth;
    for (int64_t slot = 0; slot < slots; slot++) {
        const T *source = weight + (gates[slot] * shape.H + first) * K;
        Number *out = panel + slot * width;
        if constexpr (P::depth == 1) {
            transpose(real, K, source, K, out, columns);
        } else {
            constexpr int64_t stretch = 64; /* Numbers per iteration */
            Number rows[4 * Shape<T, P>::lanes][stretch];
            for (int64_t k = 0; k < depth; k += stretch) {
                const int64_t here = least(stretch, depth - k);
                for (int64_t u = 0; u < real; u++)
                    convert_row<P>(source + u * K + 2 * k, least(2 * here, K - 2 * k), rows[u]);
                transpose(real, here, rows[0], stretch, out + k * columns, columns);
            }
        }
        for (int64_t k = 0; real < width && k < depth; k++)
            memset(out + k * columns + real, 0, sizeof(Number) * (width - real));
    }
}

/* Packs columns [column, column + here) of the gates' weights into a panel with inner dimension (block, slot, unit). */
template <class T, class P>
void pack_transposed(const Shape<T, P> &shape, const T *weight, int64_t K, const int32_t *gates, int64_t slots,
                     int64_t column, int64_t here, typename P::Number *panel) {
    const int64_t real = most(0, least(here, K - column));
    for (int64_t j = 0; j < shape.blocks; j++)
        for (int64_t slot = 0; slot < slots; slot++)
            for (int64_t u = 0; u < shape.width; u += P::depth, panel += here) {
                const int64_t unit = j * shape.width + u;
                const T *low = weight + (gates[slot] * shape.H + unit) * K + column;
                if (unit < shape.H) join_rows<P>(low, unit + 1 < shape.H ? low + K : nullptr, real, panel);
                const int64_t filled = unit < shape.H ? real : 0;
                memset(panel + filled, 0, sizeof(*panel) * (here - filled));
            }
}

/* Packs the biases of block j: input biases and recurrent biases in their slots, and the sum in shared slots. */
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

/* Copies H elements and pads them with zeros to a whole number of blocks. */
template <class T, class P> void pad_units(const Shape<T, P> &shape, const T *source, T *padded) {
    if (source)
        memcpy(padded, source, sizeof(T) * shape.H);
    else
        memset(padded, 0, sizeof(T) * shape.H);
    memset(padded + shape.H, 0, sizeof(T) * (shape.padded - shape.H));
}

}  // namespace

#endif
