/* The equations of mingru, written by tools/emit_programs.py: do not edit. */
#ifndef ELMAN_PROGRAMS_MINGRU_H
#define ELMAN_PROGRAMS_MINGRU_H

#include "../abi.h"
#include "../vector.h"

namespace {
namespace program_mingru {

[[maybe_unused]] constexpr char digest[] = "94348d60cb511945";

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
            const auto t0 = sigmoid(slot0);
            const auto t1 = slot1 * t0;
            const auto t2 = T(1.0) - t0;
            const auto t3 = old0 * t2;
            const auto t4 = t1 + t3;
            store(new0_at, t4);
            store(record, t0);
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
            const auto t0 = d_state0 + dy;
            const auto t1 = slot1 * t0;
            const auto t2 = old0 * t0;
            const auto t3 = t1 - t2;
            const auto t4 = slot0 * slot0;
            const auto t5 = slot0 - t4;
            const auto t6 = t3 * t5;
            const auto t7 = slot0 * t0;
            const auto t8 = T(1.0) - slot0;
            const auto t9 = t8 * t0;
            store(record, t6);
            store(record + width, t7);
            store(d_state0_at, t9);
            record += record_stride;
            d_state0_at += d_state_stride;
            dy_at += dy_stride;
            old0_at += state_stride;
        }
    }
}

template <class T> elman_program describe() {
    return {2, 2, 2, 0, 1, 0, 0, 0, forward<T>, backward<T>};
}

} // namespace program_mingru
} // namespace

#endif
