/* Sampling of a token from logits: banned tokens, repetition penalty, temperature, top-k, top-p.
 *
 * Every option has the same meaning as in elman/decode/sample.py. Nothing is sorted: the tokens of top-k and top-p are
 * found by bisection over the bit patterns of the logits' distances from the largest one, which increase with the
 * distance. The random number depends only on a seed, a stream and a position.
 */
#ifndef ELMAN_ENGINE_SAMPLE_H
#define ELMAN_ENGINE_SAMPLE_H

#include <stdint.h>
#include <string.h>

#include "engine_products.h"
#include "vector.h"

/* The sampling options, the same for all rows of a call. */
typedef struct {
    double temperature; /* 0: the most likely token */
    double top_p;       /* 1: all */
    double penalty;     /* 1: none */
    int64_t top_k;      /* 0: all */
    int64_t banned_count;
    const int64_t *banned;
    int64_t window; /* tokens in a row's history */
} elman_sampling;

namespace {
namespace engine {

constexpr float ENDLESS = __builtin_inff();
/* Temperatures are clamped to this range, which has no effect on the result; as floats the bounds are neither zero nor
 * infinity. */
constexpr double COLDEST = 1e-30, HOTTEST = 1e38;

/* ---------------------------------------------------------------- random numbers: Philox 4x32-10 */

/* Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". Replaces the counter by four random numbers. */
inline void philox(uint32_t counter[4], uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; round++) {
        const uint64_t first = (uint64_t)0xD2511F53u * counter[0], second = (uint64_t)0xCD9E8D57u * counter[2];
        const uint32_t mixed0 = (uint32_t)(second >> 32) ^ counter[1] ^ key0;
        const uint32_t mixed2 = (uint32_t)(first >> 32) ^ counter[3] ^ key1;
        counter[1] = (uint32_t)second;
        counter[3] = (uint32_t)first;
        counter[0] = mixed0;
        counter[2] = mixed2;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

/* The `position`-th random number in [0, 1) of a stream. */
inline double uniform(uint64_t seed, uint64_t stream, uint64_t position) {
    uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    philox(counter, (uint32_t)seed, (uint32_t)(seed >> 32));
    const uint64_t bits = (uint64_t)counter[0] << 32 | counter[1];
    return (double)(bits >> 11) * (1.0 / 9007199254740992.0);
}

/* ---------------------------------------------------------------- vectors of scores */

inline Floats choose(Ints mask, Floats yes, Floats no) { return (Floats)((mask & (Ints)yes) | (~mask & (Ints)no)); }

inline Floats load_floats(const float *from) { return *reinterpret_cast<const Floats *>(from); }

inline void store_floats(float *to, Floats value) { *reinterpret_cast<Floats *>(to) = value; }

/* The sum of all lanes, in every lane. Adds halves, then quarters, ..., so the order is always the same. */
template <int HALF, class V> struct Sum {
    static V of(V value) {
#if defined(__clang__)
        V other = value;
        for (int lane = 0; lane < LANES; lane++) other[lane] = value[lane ^ HALF];
#else
        Ints places = {};
#pragma GCC unroll 16
        for (int lane = 0; lane < LANES; lane++) places[lane] = lane ^ HALF;
        const V other = __builtin_shuffle(value, places);
#endif
        return Sum<HALF / 2, V>::of(value + other);
    }
};
template <class V> struct Sum<0, V> {
    static V of(V value) { return value; }
};
template <class V> inline V sum_everywhere(V value) { return Sum<LANES / 2, V>::of(value); }

inline double sum_of(Floats value) { return sum_everywhere(value)[0]; }

inline int64_t sum_of(Ints value) { return sum_everywhere(value)[0]; }

/* The largest of `size` numbers (a multiple of LANES); NaN when one is NaN. */
inline float largest_of(const float *values, int64_t size) {
    Floats most = all(-ENDLESS), poison = {};
    for (int64_t i = 0; i < size; i += LANES) {
        const Floats value = load_floats(values + i);
        most = choose(value > most, value, most);
        poison = choose(value != value, value, poison);
    }
    float largest = -ENDLESS;
    bool bad = false;
    for (int lane = 0; lane < LANES; lane++) {
        largest = most[lane] > largest ? most[lane] : largest;
        bad |= poison[lane] != poison[lane];
    }
    return bad ? bits_to_float(0x7fc00000) : largest;
}

/* The sum of exp(-distance) over the tokens whose distance has a bit pattern of at most `bits`, and their count. */
struct Held {
    double mass;
    int64_t count;
};

inline Held held_within(const float *distances, const float *weights, int64_t size, int32_t bits) {
    Floats mass = {};
    Ints count = {};
    for (int64_t i = 0; i < size; i += LANES) {
        const Ints inside = (Ints)load_floats(distances + i) <= bits;
        mass += (Floats)(inside & (Ints)load_floats(weights + i));
        count -= inside;
    }
    return {sum_of(mass), sum_of(count)};
}

inline int64_t count_within(const float *distances, int64_t size, int32_t bits) {
    Ints count = {};
    for (int64_t i = 0; i < size; i += LANES) count -= (Ints)load_floats(distances + i) <= bits;
    return sum_of(count);
}

/* ---------------------------------------------------------------- the choice */

/* A bit pattern between two others. The first rounds halve the distance itself, which quickly finds the range of most
 * distances; the later ones halve the bit pattern, which guarantees that the search ends. */
inline int32_t midway(int32_t below, int32_t within, int round) {
    constexpr int rounds_by_distance = 8;
    if (round < rounds_by_distance && within < 0x7f800000) {
        const float lower = below < 0 ? 0.0f : bits_to_float((uint32_t)below);
        const int32_t middle = (int32_t)float_to_bits(0.5f * (lower + bits_to_float((uint32_t)within)));
        if (middle > below && middle < within) return middle;
    }
    return below + (within - below) / 2;
}

/* The bits of the largest finite distance. */
inline int32_t bits_of_farthest(const float *distances, int64_t size) {
    Ints most = {};
    for (int64_t i = 0; i < size; i += LANES) {
        const Ints bits = (Ints)load_floats(distances + i);
        most = (Ints)choose((bits > most) & (bits < 0x7f800000), (Floats)bits, (Floats)most);
    }
    int32_t farthest = 0;
    for (int lane = 0; lane < LANES; lane++) farthest = most[lane] > farthest ? most[lane] : farthest;
    return farthest;
}

/* The bits of a distance that at least k of the distances do not exceed; more than k only because of ties. */
inline int32_t bits_of_nearest(const float *distances, int64_t size, int64_t k) {
    int32_t below = -1, within = bits_of_farthest(distances, size);
    for (int round = 0; within - below > 1; round++) {
        const int32_t middle = midway(below, within, round);
        const int64_t count = count_within(distances, size, middle);
        if (count == k) return middle;
        if (count > k)
            within = middle;
        else
            below = middle;
    }
    return within;
}

/* Sets to zero the weights of all except the nearest tokens whose weights add up to `mass`; ties go by token id. */
inline void keep_mass(const float *distances, float *weights, int64_t size, double mass) {
    int32_t below = -1, within = bits_of_farthest(distances, size);
    Held inside = {0.0, 0};
    int64_t outside = size;
    for (int round = 0; within - below > 1 && outside - inside.count > 1; round++) {
        const int32_t middle = midway(below, within, round);
        const Held held = held_within(distances, weights, size, middle);
        if (held.mass >= mass) {
            within = middle;
            outside = held.count;
        } else {
            below = middle;
            inside = held;
        }
    }
    /* Undecided tokens are between the two bounds: one token, or several at the same distance. */
    double before = inside.mass;
    for (int64_t i = 0; i < size; i += LANES) {
        const Ints bits = (Ints)load_floats(distances + i);
        const Ints edge = (bits > below) & (bits <= within);
        store_floats(weights + i, (Floats)((Ints)load_floats(weights + i) & (bits <= within)));
        if (!sum_of(edge)) continue;
        for (int lane = 0; lane < LANES; lane++) {
            if (!edge[lane]) continue;
            if (before >= mass)
                weights[i + lane] = 0.0f;
            else
                before += weights[i + lane];
        }
    }
}

/* The first token at which the cumulative sum of the weights exceeds `share` times their total. */
inline int64_t draw(const float *weights, int64_t size, double share) {
    double total = 0.0;
    for (int64_t i = 0; i < size; i += LANES) total += sum_of(load_floats(weights + i));
    const double target = share * total;
    double sum = 0.0;
    int64_t last = -1;
    for (int64_t i = 0; i < size; i += LANES) {
        const double here = sum_of(load_floats(weights + i));
        if (here > 0.0 && (sum + here > target || i + LANES >= size)) {
            double running = sum;
            for (int lane = 0; lane < LANES; lane++) {
                if (!(weights[i + lane] > 0.0f)) continue;
                last = i + lane;
                running += weights[i + lane];
                if (running > target) return last;
            }
            if (sum + here > target) return last; /* the two sums differ by rounding */
        } else if (here > 0.0) {
            for (int lane = 0; lane < LANES; lane++)
                if (weights[i + lane] > 0.0f) last = i + lane;
        }
        sum += here;
    }
    return last;
}

/* Writes exp(-distance) of every distance to `weights`, and returns their sum. */
inline double weigh(const float *distances, float *weights, int64_t size) {
    double total = 0.0;
    for (int64_t i = 0; i < size; i += LANES) {
        const Floats weight = (Floats)simd::exp((simd::Floats)-load_floats(distances + i));
        store_floats(weights + i, weight);
        total += sum_of(weight);
    }
    return total;
}

inline float logarithm(float value) { return simd::log((simd::Floats)all(value))[0]; }

/* Samples a token from the logits `scores`. Returns -1 if they contain NaN or +inf, or are all -inf.
 *
 * scores     `size` numbers, a multiple of LANES, -inf past the last token; overwritten
 * history    ids of the tokens that the penalty applies to; -1 for none
 * share      a random number in [0, 1)
 * distances, weights   buffers of `size` numbers each
 */
inline int64_t choose_token(float *scores, int64_t size, const elman_sampling &sampling, const int64_t *history,
                            double share, float *distances, float *weights) {
    for (int64_t i = 0; i < sampling.banned_count; i++) scores[sampling.banned[i]] = -ENDLESS;
    float best = largest_of(scores, size);
    if (!(best > -ENDLESS && best < ENDLESS)) return -1;
    if (sampling.penalty != 1.0) {
        for (int64_t i = 0; i < size; i += LANES) store_floats(distances + i, best - load_floats(scores + i));
        const float shift = best + logarithm((float)weigh(distances, weights, size));
        /* `weights` keeps the log-probabilities, so that a repeated token is penalised once only. */
        for (int64_t i = 0; i < size; i += LANES) store_floats(weights + i, load_floats(scores + i) - shift);
        memcpy(scores, weights, (size_t)size * sizeof *scores);
        for (int64_t i = 0; i < sampling.window; i++)
            if (history[i] >= 0) scores[history[i]] = weights[history[i]] * (float)sampling.penalty;
        best = largest_of(scores, size);
        if (!(best > -ENDLESS && best < ENDLESS)) return -1;
    }
    if (sampling.temperature == 0.0) {
        int64_t token = 0;
        while (scores[token] != best) token++;
        return token;
    }
    const double warm = sampling.temperature > COLDEST ? sampling.temperature : COLDEST;
    const float temperature = (float)(warm < HOTTEST ? warm : HOTTEST);
    for (int64_t i = 0; i < size; i += LANES)
        store_floats(distances + i, (best - load_floats(scores + i)) / temperature);
    if (sampling.top_k && sampling.top_k < size) {
        const int32_t bits = bits_of_nearest(distances, size, sampling.top_k);
        for (int64_t i = 0; i < size; i += LANES) {
            const Floats distance = load_floats(distances + i);
            store_floats(distances + i, choose((Ints)distance <= bits, distance, all(ENDLESS)));
        }
    }
    const double total = weigh(distances, weights, size);
    if (sampling.top_p < 1.0) keep_mass(distances, weights, size, sampling.top_p * total);
    return draw(weights, size, share);
}

}  // namespace engine
}  // namespace

#endif
