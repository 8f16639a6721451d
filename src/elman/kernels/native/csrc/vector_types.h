/* Hardware vectors of float and double of 64, 32 or 16 bytes, depending on the instruction set.
 *
 * Uses the vector extensions of GCC and clang, and intrinsics where those are slower. Everything is in an anonymous
 * namespace, since a function compiled for one instruction set must never be linked into a unit for another. `load` and
 * `store` require memory aligned to 64 bytes.
 */
#ifndef ELMAN_VECTOR_TYPES_H
#define ELMAN_VECTOR_TYPES_H

#include <stdint.h>
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__clang__)
#pragma clang fp contract(fast)
#endif

#if defined(__AVX512F__)
#define ELMAN_REGISTER_BYTES 64
#elif defined(__AVX__)
#define ELMAN_REGISTER_BYTES 32
#else
#define ELMAN_REGISTER_BYTES 16
#endif

namespace {
namespace simd {

typedef float Floats __attribute__((vector_size(ELMAN_REGISTER_BYTES)));
typedef double Doubles __attribute__((vector_size(ELMAN_REGISTER_BYTES)));
typedef uint32_t FloatBits __attribute__((vector_size(ELMAN_REGISTER_BYTES)));
typedef uint64_t DoubleBits __attribute__((vector_size(ELMAN_REGISTER_BYTES)));
/* The same types for access to arrays of scalars in memory. */
typedef Floats FloatsInMemory __attribute__((may_alias));
typedef Doubles DoublesInMemory __attribute__((may_alias));

template <class T> struct vector_of;
template <> struct vector_of<float> { typedef Floats type; };
template <> struct vector_of<double> { typedef Doubles type; };
/* The hardware vector of an element type, and its number of elements. */
template <class T> using Vector = typename vector_of<T>::type;
template <class T> constexpr int64_t lanes = ELMAN_REGISTER_BYTES / sizeof(T);

/* Properties of a vector type. `magic` + x rounds x to an integer, which is then in the low bits. */
template <class V> struct traits;
template <> struct traits<Floats> {
    typedef float Number;
    typedef uint32_t Word;
    typedef FloatBits Bits;
    static constexpr int mantissa = 23;
    static constexpr Word bias = 127, sign = 0x80000000u;
    static constexpr float magic = 0x1.8p23f, smallest = 0x1p-126f;
};
template <> struct traits<Doubles> {
    typedef double Number;
    typedef uint64_t Word;
    typedef DoubleBits Bits;
    static constexpr int mantissa = 52;
    static constexpr Word bias = 1023, sign = 0x8000000000000000u;
    static constexpr double magic = 0x1.8p52, smallest = 0x1p-1022;
};
template <class V> using Number = typename traits<V>::Number;
template <class V> using Bits = typename traits<V>::Bits;

inline Floats load(const float *p) { return *reinterpret_cast<const FloatsInMemory *>(p); }
inline Doubles load(const double *p) { return *reinterpret_cast<const DoublesInMemory *>(p); }
inline void store(float *p, Floats x) { *reinterpret_cast<FloatsInMemory *>(p) = x; }
inline void store(double *p, Doubles x) { *reinterpret_cast<DoublesInMemory *>(p) = x; }
template <class V> inline V broadcast(Number<V> x) { return V{} + x; }
template <class V> inline Bits<V> bits(V x) { return (Bits<V>)x; }

/* In every lane a where the condition is true, else b. */
template <class M, class V> inline V select(M condition, V a, V b) { return condition ? a : b; }
template <class V> inline auto less(V a, V b) { return a < b; }
template <class V> inline auto less_or_equal(V a, V b) { return a <= b; }
template <class V> inline auto equal(V a, V b) { return a == b; }
template <class M> inline M both(M a, M b) { return a & b; }
template <class M> inline M either(M a, M b) { return a | b; }
template <class M> inline M opposite(M a) { return ~a; }

/* a < b ? a : b and a > b ? a : b; b when either is NaN. */
template <class V> inline V lower(V a, V b) { return a < b ? a : b; }
template <class V> inline V higher(V a, V b) { return a > b ? a : b; }
#if defined(__AVX512F__)
/* The masked intrinsics with all lanes selected, since the plain ones cause a warning in GCC 12's headers. */
constexpr __mmask16 every16 = 0xffff;
constexpr __mmask8 every8 = 0xff;
inline Floats lower(Floats a, Floats b) { return (Floats)_mm512_maskz_min_ps(every16, (__m512)a, (__m512)b); }
inline Floats higher(Floats a, Floats b) { return (Floats)_mm512_maskz_max_ps(every16, (__m512)a, (__m512)b); }
inline Doubles lower(Doubles a, Doubles b) { return (Doubles)_mm512_maskz_min_pd(every8, (__m512d)a, (__m512d)b); }
inline Doubles higher(Doubles a, Doubles b) { return (Doubles)_mm512_maskz_max_pd(every8, (__m512d)a, (__m512d)b); }
#elif defined(__AVX__)
inline Floats lower(Floats a, Floats b) { return (Floats)_mm256_min_ps((__m256)a, (__m256)b); }
inline Floats higher(Floats a, Floats b) { return (Floats)_mm256_max_ps((__m256)a, (__m256)b); }
inline Doubles lower(Doubles a, Doubles b) { return (Doubles)_mm256_min_pd((__m256d)a, (__m256d)b); }
inline Doubles higher(Doubles a, Doubles b) { return (Doubles)_mm256_max_pd((__m256d)a, (__m256d)b); }
#elif defined(__SSE2__)
inline Floats lower(Floats a, Floats b) { return (Floats)_mm_min_ps((__m128)a, (__m128)b); }
inline Floats higher(Floats a, Floats b) { return (Floats)_mm_max_ps((__m128)a, (__m128)b); }
inline Doubles lower(Doubles a, Doubles b) { return (Doubles)_mm_min_pd((__m128d)a, (__m128d)b); }
inline Doubles higher(Doubles a, Doubles b) { return (Doubles)_mm_max_pd((__m128d)a, (__m128d)b); }
#endif

/* min and max as in torch: NaN when either is NaN. */
template <class V> inline V minimum(V a, V b) { return select(a != a, a, lower(a, b)); }
template <class V> inline V maximum(V a, V b) { return select(a != a, a, higher(a, b)); }
/* Clamps x to two bounds that are not NaN; NaN stays NaN. */
template <class V> inline V clamp(V x, V low, V high) { return lower(high, higher(low, x)); }

template <class V> inline V absolute(V x) { return (V)(bits(x) & ~traits<V>::sign); }
/* The absolute value of x with the sign of y. */
template <class V> inline V copy_sign(V x, V y) { return (V)(bits(absolute(x)) | (bits(y) & traits<V>::sign)); }

template <class V> inline V square_root(V x) {
    for (int64_t k = 0; k < lanes<Number<V>>; ++k)
        x[k] = sizeof(Number<V>) == 4 ? __builtin_sqrtf((float)x[k]) : __builtin_sqrt((double)x[k]);
    return x;
}
#if defined(__AVX512F__)
inline Floats square_root(Floats x) { return (Floats)_mm512_maskz_sqrt_ps(every16, (__m512)x); }
inline Doubles square_root(Doubles x) { return (Doubles)_mm512_maskz_sqrt_pd(every8, (__m512d)x); }
#elif defined(__AVX__)
inline Floats square_root(Floats x) { return (Floats)_mm256_sqrt_ps((__m256)x); }
inline Doubles square_root(Doubles x) { return (Doubles)_mm256_sqrt_pd((__m256d)x); }
#elif defined(__SSE2__)
inline Floats square_root(Floats x) { return (Floats)_mm_sqrt_ps((__m128)x); }
inline Doubles square_root(Doubles x) { return (Doubles)_mm_sqrt_pd((__m128d)x); }
#elif defined(__aarch64__)
inline Floats square_root(Floats x) { return (Floats)vsqrtq_f32((float32x4_t)x); }
inline Doubles square_root(Doubles x) { return (Doubles)vsqrtq_f64((float64x2_t)x); }
#endif

/* x rounded to an integer, which is also in the low bits of `with_magic`. |x| must be below 2^(mantissa - 1). */
template <class V> struct Rounded {
    V with_magic, value;
};
template <class V> inline Rounded<V> rounded(V x) {
    const V with_magic = x + traits<V>::magic;
    return {with_magic, with_magic - traits<V>::magic};
}
/* 2^n for an n in the range of the exponent. */
template <class V> inline V power_of_two(Rounded<V> n) {
    return (V)((bits(n.with_magic) << traits<V>::mantissa) + (traits<V>::bias << traits<V>::mantissa));
}
/* x times 2^n, where 2^n may be far outside the exponent's range: in two steps, of which only the last one rounds. */
template <class V> inline V scale(V x, Rounded<V> n) {
    const Rounded<V> half = rounded(n.value * (Number<V>)0.5);
    return x * power_of_two(half) * power_of_two(rounded(n.value - half.value));
}
#if defined(__AVX512F__)
inline Floats scale(Floats x, Rounded<Floats> n) {
    return (Floats)_mm512_maskz_scalef_ps(every16, (__m512)x, (__m512)n.value);
}
inline Doubles scale(Doubles x, Rounded<Doubles> n) {
    return (Doubles)_mm512_maskz_scalef_pd(every8, (__m512d)x, (__m512d)n.value);
}
#endif

} // namespace simd
} // namespace

#endif
