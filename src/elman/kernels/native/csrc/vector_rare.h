/* Functions that are rare in cells' equations: erf, sin, cos and powers. They are not optimised for speed.
 *
 * Errors in units in the last place: a few for erf; for power one for float and 2 + 2 |n log x| for double. sin and cos
 * have absolute errors of 1.5e-7 and 3e-16; beyond 1e4 (float) or 1e6 (double) the C library computes them.
 */
#ifndef ELMAN_VECTOR_RARE_H
#define ELMAN_VECTOR_RARE_H

#include "vector.h"

namespace {
namespace simd {

/* erf(x) / x as a function of x^2, up to 1. */
inline Floats erf_near(Floats z) {
    return polynomial(z, 0x1.20dd74p+0f, -0x1.81273ep-2f, 0x1.ce2cf6p-4f, -0x1.b7f908p-6f, 0x1.540588p-8f,
                      -0x1.a3f5c2p-11f, 0x1.49669cp-14f);
}
inline Doubles erf_near(Doubles z) {
    return polynomial(z, 0x1.20dd750429b6dp+0, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b20p-4, -0x1.b82ce3128498dp-6,
                      0x1.565bcd0db0063p-8, -0x1.c02db3d8e5a2dp-11, 0x1.f9a321a03a4b7p-14, -0x1.f4d1df2799f0bp-17,
                      0x1.b9def0b37d424p-20, -0x1.5f1d2ec22280cp-23, 0x1.f7a3b9b30b067p-27, -0x1.3869a82a38da8p-30,
                      0x1.0576a13e7d58ep-34);
}
/* (1 - erf(x)) e^(x^2), from 1 to where erf rounds to 1, as a function of (x - c) / (x + c). */
inline Floats erf_far(Floats x) {
    const Floats t = (x - 1.5f) / (x + 1.5f);
    return polynomial(t, 0x1.494dbp-2f, -0x1.f6a64ep-2f, 0x1.8e5158p-3f, -0x1.3024c4p-7f, -0x1.31aadcp-6f,
                      -0x1.e2cad8p-12f, 0x1.b12284p-9f);
}
inline Doubles erf_far(Doubles x) {
    const Doubles t = (x - 2) / (x + 2);
    return polynomial(t, 0x1.058671b52c776p-2, -0x1.b57034efd3f74p-2, 0x1.eeea7dc8a78a9p-3, -0x1.437f0b68c04b5p-4,
                      0x1.e9471597afbdcp-9, 0x1.ca95ed50c7f0ep-8, -0x1.bc25a47d9b8f1p-11, -0x1.016b5b6f87b87p-10,
                      0x1.6d5eda14e78f9p-15, 0x1.6da890a988e18p-13, 0x1.cdd59cd9ed3a1p-16, -0x1.ce6e7d541bb71p-16,
                      -0x1.d5c0cfd63075bp-17, 0x1.600f69a6e49fdp-20, 0x1.0d4486a5c4359p-18, 0x1.51aaae1cd29e4p-20,
                      -0x1.2da2622bc620bp-20);
}
template <class V> inline V erf(V x) {
    const Number<V> last = sizeof(Number<V>) == 4 ? 4.1 : 6;
    const V size = lower(broadcast<V>(last), absolute(x)), z = x * x;
    const V near = x * erf_near(z);
    const V far = copy_sign(1 - exp(-(size * size)) * erf_far(size), x);
    return select(absolute(x) < 1, near, select(x != x, x, far));
}

/* x = q pi/2 + r with |r| <= pi/4; the first two parts of q pi/2 are exact. */
inline Reduced<Floats> reduce_by_right_angle(Floats x) {
    const Rounded<Floats> q = rounded(x * 0x1.45f306p-1f);
    return {q, x - q.value * 0x1.92p+0f - q.value * 0x1.fb4p-12f - q.value * 0x1.4442d2p-24f};
}
inline Reduced<Doubles> reduce_by_right_angle(Doubles x) {
    const Rounded<Doubles> q = rounded(x * 0x1.45f306dc9c883p-1);
    return {q, x - q.value * 0x1.921fb544p+0 - q.value * 0x1.0b4611a6p-34 - q.value * 0x1.3198a2e037073p-69};
}
/* (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 as functions of r^2. */
inline Floats sin_tail(Floats z) { return polynomial(z, -0x1.555552p-3f, 0x1.110c12p-7f, -0x1.9abcd2p-13f); }
inline Floats cos_tail(Floats z) { return polynomial(z, 0x1.555554p-5f, -0x1.6c12c0p-10f, 0x1.9bce34p-16f); }
inline Doubles sin_tail(Doubles z) {
    return polynomial(z, -0x1.5555555555555p-3, 0x1.1111111110b6dp-7, -0x1.a01a019e736d5p-13, 0x1.71de37818baa0p-19,
                      -0x1.ae5ff53623a19p-26, 0x1.5e034767ded54p-33);
}
inline Doubles cos_tail(Doubles z) {
    return polynomial(z, 0x1.5555555555555p-5, -0x1.6c16c16c16944p-10, 0x1.a01a019f468c1p-16, -0x1.27e4fa0d54a27p-22,
                      0x1.1eeb5dfced0b1p-29, -0x1.9075ccc2c746fp-37);
}

/* sin(x + quarter pi/2), for a quarter of 0 (sin) or 1 (cos). */
template <class V> inline V sine(V x, int quarter) {
    const Reduced<V> a = reduce_by_right_angle(x);
    const V z = a.r * a.r;
    const V sine = a.r + a.r * z * sin_tail(z), cosine = 1 - (z * (Number<V>)0.5 - z * z * cos_tail(z));
    const Bits<V> turn = bits(a.n.with_magic) + (typename traits<V>::Word)quarter;
    V y = select((turn & 1) != 0, cosine, sine);
    y = select((turn & 2) != 0, -y, y);
    const Number<V> most = sizeof(Number<V>) == 4 ? 1e4 : 1e6;
    for (int64_t k = 0; k < lanes<Number<V>>; ++k)
        if (__builtin_fabs((double)x[k]) > most)
            y[k] = (Number<V>)(quarter ? __builtin_cos((double)x[k]) : __builtin_sin((double)x[k]));
    return y;
}
template <class V> inline V sin(V x) { return select(x == 0, x, sine(x, 0)); }
template <class V> inline V cos(V x) { return sine(x, 1); }

/* x^n for a constant n other than 0. For a finite x below 0 the result is NaN unless n is an integer. */
inline Doubles power(Doubles x, Doubles n) {
    const Rounded<Doubles> whole = rounded(n);
    const auto odd = both((bits(whole.with_magic) & 1) != 0, bits(whole.value) == bits(n));
    const Doubles infinity = broadcast<Doubles>(__builtin_inf()), size = exp(n * log(absolute(x)));
    const Doubles y = select(odd, copy_sign(size, x), size);
    return select(both(both(x < 0, x > -infinity), whole.value != n), broadcast<Doubles>(__builtin_nan("")), y);
}
/* In double precision, since exp(n log x) multiplies the rounding error of the logarithm by n log x. */
inline Floats power(Floats x, Floats n) {
    typedef double Wide __attribute__((vector_size(2 * ELMAN_REGISTER_BYTES)));
    const Wide wide_x = __builtin_convertvector(x, Wide), wide_n = __builtin_convertvector(n, Wide);
    Doubles parts_x[2], parts_n[2];
    Wide y;
    __builtin_memcpy(parts_x, &wide_x, sizeof y);
    __builtin_memcpy(parts_n, &wide_n, sizeof y);
    for (int half = 0; half < 2; ++half) parts_x[half] = power(parts_x[half], parts_n[half]);
    __builtin_memcpy(&y, parts_x, sizeof y);
    return __builtin_convertvector(y, Floats);
}

} // namespace simd
} // namespace

#endif
