/* The matrix products of the driver: C = init + A . B, for a few rows of A against a packed panel of B.
 *
 * One microkernel keeps a block of MR rows by NV hardware vectors of C in registers over the whole inner dimension. A is
 * read one number at a time, with any row stride, or packed MR numbers a step; B is read in whole vectors. Each number
 * of C is one chain of multiply-adds in the order of the inner dimension, so it does not depend on which rows or how
 * many share a block: results are the same for every number of threads. Knows nothing about cells, time or threads.
 */
#ifndef ELMAN_GEMM_H
#define ELMAN_GEMM_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int hardware_bytes = 64, most_vectors = 4;
#elif defined(__AVX2__)
constexpr int hardware_bytes = 32, most_vectors = 2;
#else
constexpr int hardware_bytes = 16, most_vectors = 2;
#endif

constexpr int most_rows = 8;

/* The rows of C that fit the registers beside `vectors` vectors of B. */
constexpr int rows_beside(int vectors) {
    return hardware_bytes == 64 ? (vectors == 4 ? 6 : 8) : (vectors == 2 ? 6 : 8);
}

/* Products of 32- and 64-bit numbers. `Number` is what A and B hold, `Sum` what C holds. */
template <class T> struct Plain {
    typedef T Number;
    typedef T Sum;
    typedef T Vector __attribute__((vector_size(hardware_bytes), may_alias));
    typedef T Unaligned __attribute__((vector_size(hardware_bytes), may_alias, aligned(sizeof(T))));
    static constexpr int lanes = hardware_bytes / sizeof(T);
    static constexpr int depth = 1; /* steps of the inner dimension that one Number holds */
    static Vector multiply_add(T a, const T *b, Vector sum) {
        return a * *reinterpret_cast<const Unaligned *>(b) + sum;
    }
};

#if defined(__AVX512BF16__)
/* Products of bfloat16 numbers, summed in float: a Number is two neighbours of the inner dimension. */
struct Halves {
    typedef uint32_t Number;
    typedef float Sum;
    typedef float Vector __attribute__((vector_size(64), may_alias));
    typedef float Unaligned __attribute__((vector_size(64), may_alias, aligned(4)));
    static constexpr int lanes = 16;
    static constexpr int depth = 2;
    static Vector multiply_add(uint32_t a, const uint32_t *b, Vector sum) {
        return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a),
                                        (__m512bh)_mm512_loadu_si512(b));
    }
};
#endif

/* A block of C. Row r of A is a[r * a_stride + k], or a[k * MR + r] when PACKED; row k of B is b[k * b_stride ...]. */
template <class P, int MR, int NV, bool PACKED>
void block(int64_t K, const typename P::Number *a, int64_t a_stride, const typename P::Number *b, int64_t b_stride,
           const typename P::Sum *init, int64_t init_stride, typename P::Sum *c, int64_t c_stride) {
    typename P::Vector sum[MR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++)
            sum[r][v] = *reinterpret_cast<const typename P::Unaligned *>(init + r * init_stride + v * P::lanes);
    for (int64_t k = 0; k < K; k++) {
#pragma GCC unroll 8
        for (int r = 0; r < MR; r++) {
            const typename P::Number value = PACKED ? a[r] : a[r * a_stride];
#pragma GCC unroll 4
            for (int v = 0; v < NV; v++) sum[r][v] = P::multiply_add(value, b + v * P::lanes, sum[r][v]);
        }
        a += PACKED ? MR : 1;
        b += b_stride;
    }
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++)
            *reinterpret_cast<typename P::Unaligned *>(c + r * c_stride + v * P::lanes) = sum[r][v];
}

template <class P, bool PACKED> struct Blocks {
    typedef void (*Function)(int64_t, const typename P::Number *, int64_t, const typename P::Number *, int64_t,
                             const typename P::Sum *, int64_t, typename P::Sum *, int64_t);
    template <int NV> static Function pick_rows(int rows) {
        switch (rows) {
            case 1: return block<P, 1, NV, PACKED>;
            case 2: return block<P, 2, NV, PACKED>;
            case 3: return block<P, 3, NV, PACKED>;
            case 4: return block<P, 4, NV, PACKED>;
            case 5: return block<P, 5, NV, PACKED>;
            case 6: return block<P, 6, NV, PACKED>;
            case 7: return block<P, NV >= most_vectors ? 6 : 7, NV, PACKED>;
            default: return block<P, NV >= most_vectors ? 6 : 8, NV, PACKED>;
        }
    }
    static Function pick(int rows, int vectors) {
        switch (vectors) {
            case 1: return pick_rows<1>(rows);
            case 2: return pick_rows<2>(rows);
            case 3: return pick_rows<(most_vectors < 3 ? 1 : 3)>(rows);
            default: return pick_rows<(most_vectors < 4 ? 1 : 4)>(rows);
        }
    }
};

/* The rows of one of the equal blocks that `rows` rows are cut into. */
inline int64_t even_rows(int64_t rows, int most) {
    const int64_t blocks = (rows + most - 1) / most;
    return blocks ? (rows + blocks - 1) / blocks : 1;
}

/* C = init + A . B for any number of rows, and `columns` (a multiple of P::lanes) columns. */
template <class P>
void multiply(int64_t rows, int64_t K, const typename P::Number *a, int64_t a_stride, const typename P::Number *b,
              int64_t b_stride, int64_t columns, const typename P::Sum *init, int64_t init_stride, typename P::Sum *c,
              int64_t c_stride) {
    for (int64_t column = 0; column < columns; column += most_vectors * P::lanes) {
        const int64_t left = (columns - column) / P::lanes;
        const int vectors = left < most_vectors ? (int)left : most_vectors;
        const int64_t step = even_rows(rows, rows_beside(vectors));
        for (int64_t row = 0; row < rows; row += step) {
            const int64_t here = rows - row < step ? rows - row : step;
            Blocks<P, false>::pick((int)here, vectors)(K, a + row * a_stride, a_stride, b + column, b_stride,
                                                       init + row * init_stride + column, init_stride,
                                                       c + row * c_stride + column, c_stride);
        }
    }
}

}  // namespace

#endif
