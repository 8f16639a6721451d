/* The matrix products of the driver: C = init + A . B, for a few rows of A and a packed panel of B.
 *
 * The microkernel keeps a block of MR rows by NV hardware vectors of C in registers over the whole inner dimension. A
 * is read one number at a time, by rows or transposed, with any stride; B is read in whole vectors. Each element of C
 * is one chain of multiply-adds in the order of the inner dimension. The chain does not depend on the other rows of the
 * block, so results are the same for every number of threads.
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

/* The rows of C that fit in the registers together with `vectors` vectors of B. */
constexpr int rows_beside(int vectors) {
    return hardware_bytes == 64 ? (vectors == 4 ? 6 : 8) : (vectors == 2 ? 6 : 8);
}

/* Products of 32- and 64-bit numbers. `Number` is the element type of A and B, `Sum` that of C. */
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
/* Products of bfloat16 numbers with float sums. A Number has two consecutive elements of the inner dimension. */
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

/* The layout of A: row r at inner step k is a[r * row + k * step], in `segments` runs of K inner steps whose starts are
 * `segment` apart. ROWS: step is 1. COLUMNS: row is 1 (A is transposed). */
enum Reading { ROWS, COLUMNS };

struct Runs {
    int64_t K;        /* inner steps of one run */
    int64_t segments; /* runs */
    int64_t segment;  /* from one run's start to the next, in A */
};

template <class P> struct Block {
    typedef void (*Function)(Runs, const typename P::Number *, int64_t, const typename P::Number *, int64_t,
                             const typename P::Sum *, int64_t, typename P::Sum *, int64_t);
};

/* A block of C: MR rows by NV vectors. The rows of B are `b_stride` apart over all runs. With ROWS the sums start at
 * `init`. With COLUMNS, whose runs are long, they start at zero and are added to `init` at the end, which reduces the
 * rounding error of many calls with the same C. */
template <class P, int MR, int NV, Reading READING>
void block(Runs runs, const typename P::Number *a_start, int64_t a_stride, const typename P::Number *b,
           int64_t b_stride, const typename P::Sum *init, int64_t init_stride, typename P::Sum *c, int64_t c_stride) {
    typedef typename P::Vector Vector;
    typedef typename P::Unaligned Unaligned;
    Vector sum[MR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++) {
            if constexpr (READING == ROWS)
                sum[r][v] = *reinterpret_cast<const Unaligned *>(init + r * init_stride + v * P::lanes);
            else
                sum[r][v] = Vector{};
        }
    for (int64_t segment = 0; segment < runs.segments; segment++) {
        const typename P::Number *a = a_start + segment * runs.segment;
        for (int64_t k = 0; k < runs.K; k++) {
#pragma GCC unroll 8
            for (int r = 0; r < MR; r++) {
                const typename P::Number value = READING == ROWS ? a[r * a_stride] : a[r];
#pragma GCC unroll 4
                for (int v = 0; v < NV; v++) sum[r][v] = P::multiply_add(value, b + v * P::lanes, sum[r][v]);
            }
            a += READING == ROWS ? 1 : a_stride;
            b += b_stride;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++) {
            Vector total = sum[r][v];
            if constexpr (READING == COLUMNS)
                total += *reinterpret_cast<const Unaligned *>(init + r * init_stride + v * P::lanes);
            *reinterpret_cast<Unaligned *>(c + r * c_stride + v * P::lanes) = total;
        }
}

template <class P, Reading READING, int NV> typename Block<P>::Function block_of(int rows) {
    constexpr int seven = NV == most_vectors ? 6 : 7, eight = NV == most_vectors ? 6 : 8;
    switch (rows) {
        case 1: return block<P, 1, NV, READING>;
        case 2: return block<P, 2, NV, READING>;
        case 3: return block<P, 3, NV, READING>;
        case 4: return block<P, 4, NV, READING>;
        case 5: return block<P, 5, NV, READING>;
        case 6: return block<P, 6, NV, READING>;
        case 7: return block<P, seven, NV, READING>;
        default: return block<P, eight, NV, READING>;
    }
}

template <class P, Reading READING> typename Block<P>::Function block_of(int rows, int vectors) {
    switch (vectors) {
        case 1: return block_of<P, READING, 1>(rows);
        case 2: return block_of<P, READING, 2>(rows);
        case 3: return block_of<P, READING, (most_vectors < 3 ? 1 : 3)>(rows);
        default: return block_of<P, READING, (most_vectors < 4 ? 1 : 4)>(rows);
    }
}

/* The rows per block when `rows` rows are split into equal blocks of at most `most`. */
inline int64_t even_rows(int64_t rows, int most) {
    const int64_t blocks = (rows + most - 1) / most;
    return blocks ? (rows + blocks - 1) / blocks : 1;
}

/* C = init + A . B for any number of rows, and `columns` (a multiple of P::lanes) columns. */
template <class P, Reading READING>
void multiply(int64_t rows, Runs runs, const typename P::Number *a, int64_t a_stride, const typename P::Number *b,
              int64_t b_stride, int64_t columns, const typename P::Sum *init, int64_t init_stride, typename P::Sum *c,
              int64_t c_stride) {
    for (int64_t column = 0; column < columns; column += most_vectors * P::lanes) {
        const int64_t left = (columns - column) / P::lanes;
        const int vectors = left < most_vectors ? (int)left : most_vectors;
        const int64_t step = even_rows(rows, rows_beside(vectors));
        for (int64_t row = 0; row < rows; row += step) {
            const int64_t here = rows - row < step ? rows - row : step;
            block_of<P, READING>((int)here, vectors)(runs, a + row * (READING == ROWS ? a_stride : 1), a_stride,
                                                     b + column, b_stride, init + row * init_stride + column,
                                                     init_stride, c + row * c_stride + column, c_stride);
        }
    }
}

}  // namespace

#endif
