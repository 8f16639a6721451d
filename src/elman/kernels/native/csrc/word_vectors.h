/* Skip-gram and CBOW on a text of word numbers, by negative sampling or noise-contrastive estimation.
 *
 * A call processes some pieces of text, each with its own stream of random numbers. In a repeatable call every piece
 * starts from the weights at the beginning of the call: a row is copied when the piece first uses it, and what the
 * pieces changed is added to the shared rows at the end, in the order of the pieces. The result does not depend on the
 * number of threads. In a call with shared weights, threads change the same rows at once, without order (Niu et al.
 * 2011, Hogwild). A call that measures changes nothing.
 *
 * A row of the tables has `stride` floats, a multiple of 16, of which those beyond `size` are zero and stay so.
 */
#ifndef ELMAN_WORD_VECTORS_H
#define ELMAN_WORD_VECTORS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "parallel.h"
#include "vector.h"

typedef struct {
    int64_t pieces;
    int64_t vocabulary;
    int64_t stride;
    int64_t window;    /* words on either side, of which 1 .. window are used at a position */
    int64_t negatives; /* at most 64 */
    int64_t cbow;      /* 0 skip-gram, 1 CBOW */
    int64_t mean;      /* CBOW: whether the input is the mean of the context's vectors, or their sum */
    int64_t mode;      /* 0 measure, 1 repeatable, 2 shared weights */
    int64_t threads;
    uint64_t seed;
    uint64_t step; /* number of the call; with the seed and the piece it gives the random numbers */
    double rate;   /* the learning rate */
    const int32_t *text;         /* the words; a negative number ends a document, which no window crosses */
    const int64_t *starts;       /* pieces + 1 positions in the text */
    const uint32_t *keep;        /* vocabulary: a word is kept if 32 random bits are not above it */
    const uint32_t *noise_share; /* vocabulary: alias table of the noise: the word itself if 32 bits are below it */
    const int32_t *noise_other;  /* vocabulary: the word otherwise */
    const float *offset;         /* vocabulary: what is subtracted from the score of a word; null for zeros */
    float *bias;                 /* vocabulary: a bias of the output words, which is learnt; null for none */
    float *input;                /* rows of the input table */
    float *output;               /* vocabulary x stride */
    int64_t parts;               /* input rows; equal to the vocabulary unless words have several */
    const int64_t *part_starts;  /* vocabulary + 1 positions in `part_rows`; null if the input of a word is its row */
    const int32_t *part_rows;    /* the input rows of each word, whose mean is its vector */
    double *losses;              /* pieces: sums over the pairs */
    double *ranked;              /* pieces: pairs of a true and a noise word of which the true one scores higher */
    int64_t *pairs;              /* pieces: pairs of input and true word */
    int64_t *noises;             /* pieces: pairs of a true and a noise word */
    int64_t *words;              /* pieces: words that were kept */
} elman_word_vectors_call;

namespace {
namespace vectors {

using simd::Floats;
constexpr int LANES = simd::lanes<float>;
/* The most contexts of one update, targets (the true word and the noise), and targets of a tile in registers. */
constexpr int MOST_INPUTS = 16, MOST_TARGETS = 65, TILE = 6;
constexpr int PADDED = 80; /* MOST_TARGETS up to a multiple of 16 */

/* ---------------------------------------------------------------- random numbers */

/* wyrand (Wang Yi): one multiplication a number. */
struct Random {
    uint64_t state;

    void seed_with(uint64_t seed, uint64_t step, uint64_t piece) {
        state = mixed(mixed(mixed(seed + 0x9E3779B97F4A7C15ull) ^ step) + piece);
    }
    static uint64_t mixed(uint64_t x) {
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
        x = (x ^ x >> 27) * 0x94D049BB133111EBull;
        return x ^ x >> 31;
    }
    uint64_t next() {
        state += 0xA0761D6478BD642Full;
        const unsigned __int128 product = (unsigned __int128)state * (state ^ 0xE7037ED1A0B428DBull);
        return (uint64_t)(product >> 64) ^ (uint64_t)product;
    }
};

/* A number in 0 .. count-1 from 32 random bits. */
inline int64_t below(uint32_t bits, int64_t count) { return (int64_t)((uint64_t)bits * (uint64_t)count >> 32); }

/* ---------------------------------------------------------------- sums */

#if defined(__AVX512F__)
inline float total(Floats x) { return _mm512_reduce_add_ps((__m512)x); }
#else
inline float total(Floats x) {
    for (int half = LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) x[lane] += x[lane + half];
    return x[0];
}
#endif

/* Scores of INPUTS x TARGETS rows: scores[i * pitch + t]. */
template <int INPUTS, int TARGETS>
inline void score_tile(const float *const *input, const float *const *target, int64_t stride, float *scores,
                       int pitch) {
    Floats sums[INPUTS][TARGETS] = {};
    for (int64_t k = 0; k < stride; k += LANES) {
        Floats t[TARGETS];
        for (int n = 0; n < TARGETS; n++) t[n] = simd::load(target[n] + k);
        for (int i = 0; i < INPUTS; i++) {
            const Floats x = simd::load(input[i] + k);
            for (int n = 0; n < TARGETS; n++) sums[i][n] += x * t[n];
        }
    }
    for (int i = 0; i < INPUTS; i++)
        for (int n = 0; n < TARGETS; n++) scores[i * pitch + n] = total(sums[i][n]);
}

constexpr int INPUT_TILE = sizeof(Floats) == 64 ? 4 : 2;

template <int TARGETS>
inline void score_inputs(float *const *input, int inputs, float *const *target, int64_t stride, float *scores,
                         int pitch) {
    int i = 0;
    for (; i + INPUT_TILE <= inputs; i += INPUT_TILE)
        score_tile<INPUT_TILE, TARGETS>(input + i, target, stride, scores + i * pitch, pitch);
    for (; i < inputs; i++) score_tile<1, TARGETS>(input + i, target, stride, scores + i * pitch, pitch);
}

/* What a tile of targets moves: the inputs, the targets, or both. */
enum Moved { INPUTS = 1, OUTPUTS = 2 };

/* Moves `inputs` rows and TARGETS rows along the gradient: both by the rows as they were. Equal rows may be among
 * either. changed[i] collects the change of input i; it is added to the rows after the last tile of targets. */
template <int TARGETS, int MOVED>
inline void move_tile(float *const *input, int inputs, float *const *target, int64_t stride, const float *slopes,
                      int pitch, bool first, float *changed) {
    for (int64_t k = 0; k < stride; k += LANES) {
        Floats t[TARGETS], dt[TARGETS];
        for (int n = 0; n < TARGETS; n++) {
            t[n] = simd::load(target[n] + k);
            dt[n] = Floats{};
        }
        for (int i = 0; i < inputs; i++) {
            const Floats x = simd::load(input[i] + k);
            Floats dx = Floats{};
            for (int n = 0; n < TARGETS; n++) {
                const Floats slope = simd::broadcast<Floats>(slopes[i * pitch + n]);
                if (MOVED & INPUTS) dx += slope * t[n];
                if (MOVED & OUTPUTS) dt[n] += slope * x;
            }
            float *to = changed + i * stride + k;
            if (MOVED & INPUTS) simd::store(to, first ? dx : simd::load(to) + dx);
        }
        if (!(MOVED & OUTPUTS)) continue;
        for (int n = 0; n < TARGETS; n++) simd::store(target[n] + k, simd::load(target[n] + k) + dt[n]);
    }
}

template <class Function> inline void with_count(int count, const Function &function) {
    switch (count) {
    case 1: function.template of<1>(); break;
    case 2: function.template of<2>(); break;
    case 3: function.template of<3>(); break;
    case 4: function.template of<4>(); break;
    case 5: function.template of<5>(); break;
    default: function.template of<6>();
    }
}

/* ---------------------------------------------------------------- rows that a piece has copied */

/* The rows of one table that a piece uses, and the number of each in `bias` if the table has one. Zeros are none. */
struct Rows {
    float *shared, *shared_bias;
    int64_t stride;
    bool copies;
    int32_t *place; /* of each shared row: its copy, or -1 */
    int32_t *used;  /* the shared row of each copy */
    float *copy, *bias;
    float *uses; /* of each copy: the updates by single pairs */
    int64_t count, space;

    /* A workspace is used for tables of the same sizes only. */
    bool begin(float *table, float *biases, int64_t rows, int64_t row_stride, bool copying) {
        shared = table, shared_bias = biases, stride = row_stride, copies = copying;
        if (!copying || place) return true;
        place = (int32_t *)malloc((size_t)rows * sizeof(int32_t));
        if (place) memset(place, 0xff, (size_t)rows * sizeof(int32_t));
        return place && grow(1024);
    }
    /* Forgets the copies, whose memory is used again. */
    void forget() {
        for (int64_t c = 0; c < count; c++) place[used[c]] = -1;
        count = 0;
    }
    bool grow(int64_t wanted) {
        float *more = (float *)aligned_alloc(64, (size_t)(wanted * stride) * sizeof(float));
        int32_t *names = (int32_t *)realloc(used, (size_t)wanted * sizeof(int32_t));
        if (names) used = names;
        float *numbers = (float *)realloc(uses, (size_t)wanted * sizeof(float));
        if (numbers) uses = numbers;
        float *biases = shared_bias ? (float *)realloc(bias, (size_t)wanted * sizeof(float)) : nullptr;
        if (biases) bias = biases;
        if (!more || !names || !numbers || (shared_bias && !biases)) {
            free(more);
            return false;
        }
        if (count) memcpy(more, copy, (size_t)(count * stride) * sizeof(float));
        free(copy);
        copy = more, space = wanted;
        return true;
    }
    /* Makes space for so many further rows, so that pointers to rows stay valid while they are added. */
    bool reserve(int64_t further) {
        if (!copies || count + further <= space) return true;
        int64_t wanted = space;
        while (wanted < count + further) wanted += wanted / 2;
        return grow(wanted);
    }
    float *at(int32_t row, int pairs) {
        if (!copies) return shared + (int64_t)row * stride;
        int32_t found = place[row];
        if (found < 0) {
            found = place[row] = (int32_t)count;
            used[count] = row;
            memcpy(copy + count * stride, shared + (int64_t)row * stride, (size_t)stride * sizeof(float));
            if (shared_bias) bias[count] = shared_bias[row];
            uses[count++] = 0.0f;
        }
        uses[found] += (float)pairs;
        return copy + (int64_t)found * stride;
    }
    /* Of a row for which `at` was called. */
    float *bias_at(int32_t row) { return copies ? bias + place[row] : shared_bias + row; }
    void close() { free(place), free(used), free(copy), free(bias), free(uses); }
};

/* ---------------------------------------------------------------- one piece */

/* A piece of text and what it needs, which is used again by later calls. All zeros before the first `begin`. */
struct Piece {
    elman_word_vectors_call call;
    int64_t number;
    Rows input, output;
    Random random;
    int64_t space;
    int32_t *kept;
    float *scratch; /* the changes of MOST_INPUTS rows; then the hidden vector and its change */
    float *scores;  /* MOST_INPUTS x PADDED */
    int pattern;    /* the number of targets that `sign` and `live` are for */
    alignas(64) float sign[PADDED], live[PADDED], shift[PADDED];
    double loss, ranked;
    int64_t pairs, noises, words;
    bool failed;

    void begin(const elman_word_vectors_call &whole, int64_t index) {
        call = whole, number = index;
        random.seed_with(call.seed, call.step, (uint64_t)index);
        loss = ranked = 0.0;
        pairs = noises = words = 0;
        failed = !make_room(call.starts[index + 1] - call.starts[index] + 1) ||
                 !input.begin(call.input, nullptr, call.parts, call.stride, call.mode == 1) ||
                 !output.begin(call.output, call.bias, call.vocabulary, call.stride, call.mode == 1);
    }
    bool make_room(int64_t length) {
        if (length > space) {
            free(kept);
            kept = (int32_t *)malloc((size_t)length * sizeof(int32_t));
            space = kept ? length : 0;
        }
        if (!scratch) scratch = (float *)aligned_alloc(64, (size_t)((MOST_INPUTS + 2) * call.stride) * sizeof(float));
        if (!scores) {
            scores = (float *)aligned_alloc(64, MOST_INPUTS * PADDED * sizeof(float));
            if (scores) memset(scores, 0, MOST_INPUTS * PADDED * sizeof(float));
        }
        return kept && scratch && scores;
    }
    void close() {
        input.close(), output.close();
        free(kept), free(scratch), free(scores);
    }

    bool trains() const { return call.mode != 0; }
    float *hidden() const { return scratch + MOST_INPUTS * call.stride; }

    void run() {
        const int64_t to = call.starts[number + 1];
        for (int64_t position = call.starts[number]; position < to && !failed; position++) {
            int64_t count = 0;
            for (; position < to && call.text[position] >= 0; position++) {
                const int32_t word = call.text[position];
                if ((uint32_t)(random.next() >> 32) <= call.keep[word]) kept[count++] = word;
            }
            words += count;
            document(count);
        }
        call.losses[number] = loss;
        call.ranked[number] = ranked;
        call.pairs[number] = pairs;
        call.noises[number] = noises;
        call.words[number] = words;
    }

    void document(int64_t count) {
        for (int64_t at = 0; at < count && !failed; at++) {
            const int64_t reach = 1 + below((uint32_t)(random.next() >> 32), call.window);
            const int64_t first = at - reach < 0 ? 0 : at - reach;
            const int64_t last = at + reach >= count ? count - 1 : at + reach;
            if (first == last) continue;
            if (call.cbow)
                from_context(at, first, last);
            else if (call.part_starts)
                from_parts(at, first, last);
            else
                skip_gram(at, first, last);
        }
    }

    /* Draws noise words after the true word `targets[0]`; one that is the true word is left out. Returns the number of
     * all targets. */
    int draw(int32_t *targets) {
        int count = 1;
        for (int64_t n = 0; n < call.negatives; n++) {
            const uint64_t bits = random.next();
            const int64_t place = below((uint32_t)(bits >> 32), call.vocabulary);
            const int32_t word = (uint32_t)bits < call.noise_share[place] ? (int32_t)place : call.noise_other[place];
            if (word != targets[0]) targets[count++] = word;
        }
        return count;
    }

    void find(const int32_t *targets, int count, float **rows, int inputs) {
        if (!output.reserve(count)) {
            failed = true;
            return;
        }
        for (int n = 0; n < count; n++) rows[n] = output.at(targets[n], inputs);
    }

    /* Each word of the context is an input, and the word itself the true one. The noise is drawn once for all contexts
     * (Ji et al. 2016). */
    void skip_gram(int64_t at, int64_t first, int64_t last) {
        int32_t targets[MOST_TARGETS];
        float *rows[MOST_TARGETS], *inputs[MOST_INPUTS];
        targets[0] = kept[at];
        const int count = draw(targets);
        find(targets, count, rows, (int)(last - first));
        if (failed || !input.reserve(last - first)) {
            failed = true;
            return;
        }
        int held = 0;
        for (int64_t c = first; c <= last; c++) {
            if (c != at) inputs[held++] = input.at(kept[c], count);
            if (held == MOST_INPUTS || (c == last && held)) {
                update(inputs, held, rows, targets, count);
                held = 0;
            }
        }
    }

    /* The vector of a word in parts is the input, and each word of the context a true one. */
    void from_parts(int64_t at, int64_t first, int64_t last) {
        float *hidden = this->hidden();
        if (!gather(kept + at, kept + at + 1, -1)) return;
        Floats zero{};
        float *total_change = hidden + call.stride;
        for (int64_t k = 0; k < call.stride; k += LANES) simd::store(total_change + k, zero);
        for (int64_t c = first; c <= last && !failed; c++)
            if (c != at) against(hidden, kept[c], total_change);
        if (trains()) scatter(kept + at, kept + at + 1, -1, total_change, 1.0f);
    }

    void from_context(int64_t at, int64_t first, int64_t last) {
        float *hidden = this->hidden(), *change = hidden + call.stride;
        const int32_t *begin = kept + first, *end = kept + last + 1;
        if (!gather(begin, end, at - first)) return;
        Floats zero{};
        for (int64_t k = 0; k < call.stride; k += LANES) simd::store(change + k, zero);
        against(hidden, kept[at], change);
        if (trains()) scatter(begin, end, at - first, change, 1.0f);
    }

    /* Calls `function` with every input row of the words but that at `without`. */
    template <class Function>
    void each_part(const int32_t *begin, const int32_t *end, int64_t without, const Function &function) {
        for (const int32_t *word = begin; word < end; word++) {
            if (word - begin == without) continue;
            if (!call.part_starts) {
                function(*word);
                continue;
            }
            for (int64_t p = call.part_starts[*word]; p < call.part_starts[*word + 1]; p++) function(call.part_rows[p]);
        }
    }

    /* The mean (or sum) of the words' input rows. */
    bool gather(const int32_t *begin, const int32_t *end, int64_t without) {
        int64_t rows = 0;
        each_part(begin, end, without, [&](int32_t) { rows++; });
        if (!input.reserve(rows)) {
            failed = true;
            return false;
        }
        float *hidden = this->hidden();
        bool fresh = true;
        each_part(begin, end, without, [&](int32_t row) {
            const float *from = input.at(row, 1);
            for (int64_t k = 0; k < call.stride; k += LANES)
                simd::store(hidden + k, fresh ? simd::load(from + k) : simd::load(hidden + k) + simd::load(from + k));
            fresh = false;
        });
        if (call.mean || call.part_starts) {
            const float share = 1.0f / (float)rows;
            for (int64_t k = 0; k < call.stride; k += LANES) simd::store(hidden + k, simd::load(hidden + k) * share);
        }
        return true;
    }

    void scatter(const int32_t *begin, const int32_t *end, int64_t without, const float *change, float factor) {
        each_part(begin, end, without, [&](int32_t row) {
            float *to = input.at(row, 0);
            for (int64_t k = 0; k < call.stride; k += LANES)
                simd::store(to + k, simd::load(to + k) + simd::load(change + k) * factor);
        });
    }

    /* One hidden vector against a true word and noise; adds the change of the hidden vector to `change`. */
    void against(float *hidden, int32_t word, float *change) {
        int32_t targets[MOST_TARGETS];
        float *rows[MOST_TARGETS], *inputs[1] = {hidden};
        targets[0] = word;
        const int count = draw(targets);
        find(targets, count, rows, 1);
        if (failed) return;
        update(inputs, 1, rows, targets, count);
        if (!trains()) return;
        for (int64_t k = 0; k < call.stride; k += LANES)
            simd::store(change + k, simd::load(change + k) + simd::load(scratch + k));
    }

    struct Scores {
        float **inputs, **rows;
        int held, pitch;
        int64_t stride;
        float *scores;
        template <int N> void of() const { score_inputs<N>(inputs, held, rows, stride, scores, pitch); }
    };
    template <int MOVED> struct Moves {
        float **inputs, **rows;
        int held, pitch;
        int64_t stride;
        const float *slopes;
        bool first;
        float *changed;
        template <int N> void of() const {
            move_tile<N, MOVED>(inputs, held, rows, stride, slopes, pitch, first, changed);
        }
    };

    /* Scores, losses and, unless this is a measurement, the step: inputs move (the change of the hidden vector is left
     * in `scratch`), and so do targets and their biases. */
    void update(float **inputs, int held, float **rows, const int32_t *targets, int count) {
        const int64_t stride = call.stride;
        const int pitch = count <= 8 ? 8 : (count + 15) / 16 * 16;
        for (int n = 0; n < count; n += TILE)
            with_count(count - n, Scores{inputs, rows + n, held, pitch, stride, scores + n});
        to_slopes(held, targets, count, pitch);
        if (!trains()) return;
        if (count <= TILE) {
            with_count(count, Moves<INPUTS | OUTPUTS>{inputs, rows, held, pitch, stride, scores, true, scratch});
        } else { /* no target moves before all tiles were read, since a row may be in several */
            for (int n = 0; n < count; n += TILE)
                with_count(count - n, Moves<INPUTS>{inputs, rows + n, held, pitch, stride, scores + n, n == 0, scratch});
            for (int n = 0; n < count; n += TILE)
                with_count(count - n, Moves<OUTPUTS>{inputs, rows + n, held, pitch, stride, scores + n, n == 0, scratch});
        }
        if (inputs[0] == hidden()) return;
        for (int i = 0; i < held; i++)
            for (int64_t k = 0; k < stride; k += LANES)
                simd::store(inputs[i] + k, simd::load(inputs[i] + k) + simd::load(scratch + i * stride + k));
    }

    /* The signs of a row of scores, and which of them there are; for vectors longer than a row, of several rows. */
    void set_pattern(int count, int pitch) {
        if (pattern == count) return;
        pattern = count;
        for (int n = 0; n < PADDED; n++) {
            sign[n] = n % pitch ? 1.0f : -1.0f;
            live[n] = n % pitch < count ? 1.0f : 0.0f;
        }
    }

    /* Replaces scores by learning rate times (label - sigmoid(score)), and sums the loss. */
    void to_slopes(int held, const int32_t *targets, int count, int pitch) {
        set_pattern(count, pitch);
        const int period = pitch < LANES ? LANES : pitch;
        const bool shifts = call.bias || call.offset;
        if (shifts)
            for (int n = 0; n < period; n++) {
                const int32_t word = n % pitch < count ? targets[n % pitch] : targets[0];
                shift[n] = (call.bias ? *output.bias_at(word) : 0.0f) - (call.offset ? call.offset[word] : 0.0f);
            }
        const Floats rate = simd::broadcast<Floats>((float)call.rate), zero{};
        Floats sums{};
        for (int at = 0; at < held * pitch; at += LANES) {
            /* The score with the sign of a word of noise: large is wrong. */
            const Floats signs = simd::load(sign + at % period), there = simd::load(live + at % period);
            Floats score = simd::load(scores + at);
            if (shifts) score += simd::load(shift + at % period);
            const Floats wrong = score * signs;
            const bool tail = at + LANES > held * pitch;
            Floats nats = simd::select(there > 0.0f, simd::softplus(wrong), zero);
            if (tail)
                for (int lane = held * pitch - at; lane < LANES; lane++) nats[lane] = 0.0f;
            sums += nats;
            if (!trains()) {
                simd::store(scores + at, score);
                continue;
            }
            simd::store(scores + at, simd::select(there > 0.0f, simd::sigmoid(wrong) * signs * -rate, zero));
        }
        loss += total(sums);
        pairs += held;
        noises += (int64_t)held * (count - 1);
        if (!trains()) {
            for (int i = 0; i < held; i++)
                for (int n = 1; n < count; n++) {
                    const float right = scores[i * pitch], noise = scores[i * pitch + n];
                    ranked += noise < right ? 1.0 : noise == right ? 0.5 : 0.0;
                }
            return;
        }
        if (!call.bias) return;
        for (int n = 0; n < count; n++) {
            float change = 0.0f;
            for (int i = 0; i < held; i++) change += scores[i * pitch + n];
            *output.bias_at(targets[n]) += change;
        }
    }
};

/* ---------------------------------------------------------------- adding up what pieces have changed */

/* How much of the change of a row is taken. Each piece moves a row from the weights at the beginning of the call. Rows
 * with few updates add up. Where a piece alone has brought a row close to where its updates lead, the sum over pieces
 * would go beyond that, and the mean is right. With g(n) = r n / (1 + r n) as the way that n updates make, the share is
 * g(all) / sum of g(n of a piece). */
constexpr float APPROACH = 0.1f; /* r is this times the learning rate */
inline float way(float updates, float rate) { return rate * updates / (1.0f + rate * updates); }

inline void add_changes(Piece *pieces, int64_t count, Rows Piece::*table, float rate, const Team &team) {
    for (int64_t p = 0; p < count; p++) {
        const Rows &own = pieces[p].*table;
        for (int64_t c = 0; c < own.count; c++) {
            const int32_t row = own.used[c];
            if (row % team.threads != team.index) continue;
            const float *changed[64];
            const float *biases[64];
            int found = 0;
            float all = 0.0f, ways = 0.0f;
            bool before = false;
            for (int64_t q = 0; q < count; q++) {
                const Rows &other = pieces[q].*table;
                const int32_t at = other.place[row];
                if (at < 0) continue;
                if (q < p) {
                    before = true;
                    break;
                }
                changed[found] = other.copy + at * own.stride;
                biases[found++] = other.bias + at;
                all += other.uses[at];
                ways += way(other.uses[at], rate);
            }
            if (before) continue;
            const Floats share = simd::broadcast<Floats>(way(all, rate) / ways);
            float *to = own.shared + (int64_t)row * own.stride;
            for (int64_t k = 0; k < own.stride; k += LANES) {
                const Floats old = simd::load(to + k);
                Floats sum{};
                for (int f = 0; f < found; f++) sum += simd::load(changed[f] + k) - old;
                simd::store(to + k, old + share * sum);
            }
            if (!own.shared_bias) continue;
            const float old = own.shared_bias[row];
            float sum = 0.0f;
            for (int f = 0; f < found; f++) sum += *biases[f] - old;
            own.shared_bias[row] = old + share[0] * sum;
        }
    }
}

}  // namespace vectors
}  // namespace

ELMAN_API int64_t elman_word_vectors_sizeof(void) { return sizeof(elman_word_vectors_call); }

/* Returns the memory of calls of at most so many pieces, or null. */
ELMAN_API void *elman_word_vectors_open(int64_t pieces) {
    void *memory = aligned_alloc(64, (size_t)pieces * sizeof(vectors::Piece));
    if (memory) memset(memory, 0, (size_t)pieces * sizeof(vectors::Piece));
    return memory;
}

ELMAN_API void elman_word_vectors_close(void *memory, int64_t pieces) {
    vectors::Piece *all = (vectors::Piece *)memory;
    for (int64_t p = 0; p < pieces; p++) all[p].close();
    free(memory);
}

/* Returns 0, or 1 if memory ran out, and then nothing was changed (unless weights are shared). */
ELMAN_API int64_t elman_word_vectors_run(const elman_word_vectors_call *call, void *memory) {
    vectors::Piece *pieces = (vectors::Piece *)memory;
    int64_t next = 0, failed = 0;
    run_team((int)call->threads, [&](const Team &team) {
        int64_t index;
        while ((index = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < call->pieces) {
            pieces[index].begin(*call, index);
            if (!pieces[index].failed) pieces[index].run();
            if (pieces[index].failed) __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
        }
        team.meet();
        if (call->mode == 1 && !__atomic_load_n(&failed, __ATOMIC_RELAXED)) {
            const float rate = (float)call->rate * vectors::APPROACH;
            vectors::add_changes(pieces, call->pieces, &vectors::Piece::input, rate, team);
            vectors::add_changes(pieces, call->pieces, &vectors::Piece::output, rate, team);
        }
        team.meet();
        for (int64_t p = team.from(call->pieces); p < team.to(call->pieces); p++) {
            pieces[p].input.forget();
            pieces[p].output.forget();
        }
    });
    return failed;
}

#endif
