/* The functions of cells' equations on hardware vectors: exp, log, sigmoid, tanh, softplus and similar ones.
 *
 * NaN stays NaN, infinities give the limits, and denormals are supported. Errors, measured by the tests: exp, expm1,
 * log, log1p within 2 units in the last place; float sigmoid within 1.05e-7 and tanh within 3.1e-7 (1.6e-7 with
 * AVX-512) and 5.5 units; the others within 4 units. sigmoid stays in [0, 1], tanh in [-1, 1]. Does not call the C
 * library. Rarer functions are in vector_rare.h.
 */
#ifndef ELMAN_VECTOR_H
#define ELMAN_VECTOR_H

#include "vector_types.h"

namespace {
namespace simd {

/* c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule. */
template <class V> inline V polynomial(V, Number<V> last) { return broadcast<V>(last); }
template <class V, class... More> inline V polynomial(V x, Number<V> first, More... more) {
    return polynomial<V>(x, (Number<V>)more...) * x + first;
}

/* x = n ln 2 + r with an integer n and |r| <= ln 2 / 2; n ln 2 is subtracted in two parts, the first of them exact. */
template <class V> struct Reduced {
    Rounded<V> n;
    V r;
};
inline Reduced<Floats> reduce_by_ln2(Floats x) {
    const Rounded<Floats> n = rounded(x * 0x1.715476p+0f);
    return {n, x - n.value * 0x1.62ep-1f - n.value * 0x1.0bfbe8p-15f};
}
inline Reduced<Doubles> reduce_by_ln2(Doubles x) {
    const Rounded<Doubles> n = rounded(x * 0x1.71547652b82fep+0);
    return {n, x - n.value * 0x1.62e42fefa38p-1 - n.value * 0x1.ef35793c7673p-45};
}

/* (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, by minimax polynomials. */
inline Floats exp_tail(Floats r) {
    return polynomial(r, 0x1p-1f, 0x1.5554dcp-3f, 0x1.5554b8p-5f, 0x1.120becp-7f, 0x1.6d75eap-10f);
}
inline Doubles exp_tail(Doubles r) {
    return polynomial(r, 0x1p-1, 0x1.5555555555557p-3, 0x1.5555555555558p-5, 0x1.11111111100bdp-7,
                      0x1.6c16c16c151ccp-10, 0x1.a01a01abf8a8ep-13, 0x1.a01a01ad0ca59p-16, 0x1.71de01fce71cfp-19,
                      0x1.27e4cca2d4ee8p-22, 0x1.af4e56d3373b2p-26, 0x1.1f8b95345c29ap-29);
}

/* Beyond these, e^x is 0 or infinite. */
inline Floats clamp_for_exp(Floats x) { return clamp(x, broadcast<Floats>(-104), broadcast<Floats>(89)); }
inline Doubles clamp_for_exp(Doubles x) { return clamp(x, broadcast<Doubles>(-746), broadcast<Doubles>(710)); }

template <class V> inline V exp(V x) {
    const Reduced<V> a = reduce_by_ln2(clamp_for_exp(x));
    return scale(exp_tail(a.r) * a.r * a.r + a.r + 1, a.n);
}

/* e^x - 1, exact near 0: 2^n (e^r - 1) + (2^n - 1). */
template <class V> inline V expm1(V x) {
    const Reduced<V> a = reduce_by_ln2(clamp_for_exp(x));
    const V two_n = scale(broadcast<V>((Number<V>)0.5), a.n);
    const V half = two_n * (exp_tail(a.r) * a.r * a.r + a.r) + (two_n - (Number<V>)0.5);
    /* Half of it, since 2^n may overflow where the result does not. Tiny x are returned, to keep the sign of 0. */
    return select(absolute(x) < traits<V>::smallest, x, half + half);
}

/* (2 atanh(s) - 2 s) / s^3 as a function of z = s^2: up to (3 - 2 sqrt 2)^2, and up to 1/9. */
inline Floats log_tail(Floats z) { return polynomial(z, 0x1.55555cp-1f, 0x1.997bf8p-2f, 0x1.2eee4ap-2f); }
inline Doubles log_tail(Doubles z) {
    return polynomial(z, 0x1.5555555555555p-1, 0x1.9999999999a3ap-2, 0x1.2492492476692p-2, 0x1.c71c7201ff537p-3,
                      0x1.745cf8c2a17edp-3, 0x1.3b1c42bf11682p-3, 0x1.0fbd3d1a064d2p-3, 0x1.0c11348cee62ap-3);
}
inline Floats log_long_tail(Floats z) {
    return polynomial(z, 0x1.555556p-1f, 0x1.9998cep-2f, 0x1.24ca5cp-2f, 0x1.bc6a1ap-3f, 0x1.dc3ff0p-3f);
}
inline Doubles log_long_tail(Doubles z) {
    return polynomial(z, 0x1.5555555555555p-1, 0x1.999999999999dp-2, 0x1.2492492491fb7p-2, 0x1.c71c71c7817a9p-3,
                      0x1.745d1723eeb67p-3, 0x1.3b13b7ecc51fcp-3, 0x1.11103b003a14bp-3, 0x1.e204f31e46f6fp-4,
                      0x1.ad41002e2133ep-4, 0x1.9761b2a06d876p-4, 0x1.02d9f2bd610d9p-4, 0x1.386c60b9efefep-3);
}
inline Floats ln2_high(Floats e) { return e * 0x1.62ep-1f; }
inline Floats ln2_low(Floats e) { return e * 0x1.0bfbe8p-15f; }
inline Doubles ln2_high(Doubles e) { return e * 0x1.62e42fefa38p-1; }
inline Doubles ln2_low(Doubles e) { return e * 0x1.ef35793c7673p-45; }

/* log(1 + f) - f for sqrt(1/2) <= 1 + f <= sqrt 2: with s = f / (2 + f) it is -s f + s^3 tail(s^2). */
template <class V> inline V log_above_linear(V f) {
    const V s = f / (f + 2), z = s * s;
    return s * (z * log_tail(z) - f);
}

template <class V> inline V log(V x) {
    typedef traits<V> of;
    typedef typename of::Word Word;
    /* x = m 2^e with m from sqrt(1/2) to sqrt(2); denormals are scaled up first. */
    const auto small = x < of::smallest;
    const V up = select(small, x * (Number<V>)(Word(1) << of::mantissa), x);
    constexpr Word root_half = sizeof(Word) == 4 ? Word(0x3f3504f3u) : Word(0x3fe6a09e667f3bcdu);
    constexpr Word one = of::bias << of::mantissa;
    const Bits<V> shifted = bits(up) + (one - root_half);
    const V m = (V)((shifted & ((Word(1) << of::mantissa) - 1)) + root_half);
    /* Convert the exponent field to a number by writing it into the low bits of 2^mantissa. */
    const Number<V> unit = (Number<V>)(Word(1) << of::mantissa);
    V e = (V)((shifted >> of::mantissa) | bits(broadcast<V>(unit))) - (unit + (Number<V>)of::bias);
    e = select(small, e - (Number<V>)of::mantissa, e);
    const V f = m - 1;
    V y = ln2_high(e) + (f + (log_above_linear(f) + ln2_low(e)));
    const V infinity = broadcast<V>((Number<V>)__builtin_inf());
    y = select(x < infinity, y, x);
    y = select(x == 0, -infinity, y);
    return select(x < 0, broadcast<V>((Number<V>)__builtin_nan("")), y);
}

/* log(1 + x): log(w), corrected for the rounding error of w = 1 + x. */
template <class V> inline V log1p(V x) {
    const V w = x + 1;
    const V y = log(w) + (x - (w - 1)) / w;
    const V infinity = broadcast<V>((Number<V>)__builtin_inf());
    return select(absolute(x) < traits<V>::smallest, x, select(either(w == 0, w == infinity), log(w), y));
}

/* log(1 + e^x). */
template <class V> inline V softplus(V x) {
    const V e = exp(-absolute(x)), s = e / (e + 2), z = s * s;
    return (s * z * log_long_tail(z) + (s + s)) + higher(broadcast<V>(0), x);
}

inline Doubles sigmoid(Doubles x) { return 1 / (exp(-x) + 1); }

#if defined(__AVX512DQ__)
/* One instruction each: t - floor(t), t - round(t), 2^floor(t) times x; correct for infinities. */
inline Floats above_floor(Floats t) {
    return (Floats)_mm512_maskz_reduce_ps(every16, (__m512)t, _MM_FROUND_TO_NEG_INF);
}
inline Floats from_nearest(Floats t) {
    return (Floats)_mm512_maskz_reduce_ps(every16, (__m512)t, _MM_FROUND_TO_NEAREST_INT);
}
inline Floats scale_by_floor(Floats x, Floats t) {
    return (Floats)_mm512_maskz_scalef_ps(every16, (__m512)x, (__m512)t);
}

inline Floats sigmoid(Floats x) {
    /* 2^f with the required absolute accuracy, and exactly 1 at f = 0. */
    const Floats t = x * -0x1.715476p+0f, f = above_floor(t);
    const Floats power =
        polynomial(f, 1, 0x1.62e4bap-1f, 0x1.ebdb56p-3f, 0x1.c91ce6p-5f, 0x1.277858p-7f, 0x1.e974ecp-10f);
    return 1 / (scale_by_floor(power, t) + 1);
}
inline Floats tanh(Floats x) {
    /* tanh is e / (e + 2) with e = e^2x - 1, which stays in [-1, 1]; e = 2^n (2^f - 1) + (2^n - 1). */
    const Floats t = lower(broadcast<Floats>(10), x) * 0x1.715476p+1f, f = from_nearest(t);
    const Floats two_n = scale_by_floor(broadcast<Floats>(1), t - f);
    const Floats power = f * polynomial(f, 0x1.62e430p-1f, 0x1.ebfbdep-3f, 0x1.c6af6ep-5f, 0x1.3b2ba0p-7f,
                                        0x1.5f082ap-10f, 0x1.4308fep-13f);
    const Floats e = two_n * power + (two_n - 1);
    return e / (e + 2);
}
#else
inline Floats sigmoid(Floats x) {
    const Floats a = clamp(x, broadcast<Floats>(-89), broadcast<Floats>(87.25f)); /* 2^128 is infinite */
    const Rounded<Floats> n = rounded(a * -0x1.715476p+0f);
    const Floats f = a * -0x1.715476p+0f - n.value;
    const Floats power =
        polynomial(f, 1, 0x1.62e42ap-1f, 0x1.ebf9bcp-3f, 0x1.c6b752p-5f, 0x1.3cea86p-7f, 0x1.5bba1cp-10f);
    return 1 / (power * power_of_two(n) + 1);
}
inline Floats tanh(Floats x) {
    /* A minimax rational function of x^2, with a relative error of 2.1e-8 up to 9.02, where tanh rounds to 1. */
    const Floats a = clamp(x, broadcast<Floats>(-9.02f), broadcast<Floats>(9.02f)), z = a * a;
    const Floats p = polynomial(z, 1, 0x1.12044p-3f, 0x1.c9f848p-9f, 0x1.595542p-16f, 0x1.c9a37ap-27f);
    const Floats q = polynomial(z, 1, 0x1.de5768p-2f, 0x1.a7df1ep-6f, 0x1.5841c6p-12f, 0x1.a0b82cp-21f);
    return clamp(a * p / q, broadcast<Floats>(-1), broadcast<Floats>(1));
}
#endif
inline Doubles tanh(Doubles x) {
    /* (e^2x - 1) / (e^2x + 1) */
    const Doubles e = expm1(clamp(x + x, broadcast<Doubles>(-40), broadcast<Doubles>(40)));
    return e / (e + 2);
}

template <class V> inline V relu(V x) { return higher(broadcast<V>(0), x); }
template <class V> inline V sign(V x) {
    const V zero = broadcast<V>(0), one = broadcast<V>(1);
    return select(x > 0, one, select(x < 0, -one, zero));
}

} // namespace simd
} // namespace

#endif
