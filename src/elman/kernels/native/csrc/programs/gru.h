/* The equations of gru, written by tools/emit_programs.py: do not edit. */
#ifndef ELMAN_PROGRAMS_GRU_H
#define ELMAN_PROGRAMS_GRU_H

#include "../abi.h"
#include "../vector.h"

namespace {
namespace program_gru {

[[maybe_unused]] constexpr char digest[] = "6d1161779c74fd10";

template <class T> void forward(const elman_tile *tile) {
    using namespace simd;
    typedef Vector<T> V;
    const int64_t rows = tile->rows, width = tile->width;
    T *const records = static_cast<T *>(tile->record);
    const int64_t state_stride = tile->state_stride;
    const int64_t record_stride = tile->record_stride;
    T *const new0_start = static_cast<T *>(tile->new_state[0]);
    const T *const old0_start = static_cast<const T *>(tile->old_state[0]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *new0_at = new0_start + k;
        const T *old0_at = old0_start + k;
        for (int64_t row = 0; row < rows; ++row) {
            const V old0 = load(old0_at);
            const V slot0 = load(record);
            const V slot1 = load(record + width);
            const V slot2 = load(record + 2 * width);
            const V slot3 = load(record + 3 * width);
            const auto t0 = sigmoid(slot1);
            const auto t1 = slot3 * t0;
            const auto t2 = slot0 + t1;
            const auto t3 = tanh(t2);
            const auto t4 = sigmoid(slot2);
            const auto t5 = old0 - t3;
            const auto t6 = t4 * t5;
            const auto t7 = t3 + t6;
            store(new0_at, t7);
            store(record, t3);
            store(record + width, t0);
            store(record + 2 * width, t4);
            record += record_stride;
            new0_at += state_stride;
            old0_at += state_stride;
        }
    }
}

template <class T> void backward(const elman_tile *tile) {
    using namespace simd;
    typedef Vector<T> V;
    const int64_t rows = tile->rows, width = tile->width;
    T *const records = static_cast<T *>(tile->record);
    const int64_t d_state_stride = tile->d_state_stride;
    const int64_t dy_stride = tile->dy_stride;
    const int64_t state_stride = tile->state_stride;
    const int64_t record_stride = tile->record_stride;
    T *const d_state0_start = static_cast<T *>(tile->d_state[0]);
    const T *const dy_start = static_cast<const T *>(tile->dy);
    const T *const old0_start = static_cast<const T *>(tile->old_state[0]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *d_state0_at = d_state0_start + k;
        const T *dy_at = dy_start + k;
        const T *old0_at = old0_start + k;
        for (int64_t row = 0; row < rows; ++row) {
            const V d_state0 = load(d_state0_at);
            const V dy = load(dy_at);
            const V old0 = load(old0_at);
            const V slot0 = load(record);
            const V slot1 = load(record + width);
            const V slot2 = load(record + 2 * width);
            const V slot3 = load(record + 3 * width);
            const auto t0 = d_state0 + dy;
            const auto t1 = slot2 * t0;
            const auto t2 = t0 - t1;
            const auto t3 = slot0 * slot0;
            const auto t4 = T(1.0) - t3;
            const auto t5 = t2 * t4;
            const auto t6 = slot3 * t5;
            const auto t7 = slot1 * slot1;
            const auto t8 = slot1 - t7;
            const auto t9 = t6 * t8;
            const auto t10 = old0 - slot0;
            const auto t11 = t10 * t0;
            const auto t12 = slot2 * slot2;
            const auto t13 = slot2 - t12;
            const auto t14 = t11 * t13;
            const auto t15 = slot1 * t5;
            store(record, t5);
            store(record + width, t9);
            store(record + 2 * width, t14);
            store(record + 3 * width, t15);
            store(d_state0_at, t1);
            record += record_stride;
            d_state0_at += d_state_stride;
            dy_at += dy_stride;
            old0_at += state_stride;
        }
    }
}

template <class T> elman_program describe() {
    return {4, 3, 1, 3, 1, 0, 0, 0, forward<T>, backward<T>};
}

} // namespace program_gru
} // namespace

#endif
