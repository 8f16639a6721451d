/* The equations of elman_relu, written by tools/emit_programs.py: do not edit. */
#ifndef ELMAN_PROGRAMS_ELMAN_RELU_H
#define ELMAN_PROGRAMS_ELMAN_RELU_H

#include "../abi.h"
#include "../vector.h"

namespace {
namespace program_elman_relu {

[[maybe_unused]] constexpr char digest[] = "ee64e4b5cde19ebd";

template <class T> void forward(const elman_tile *tile) {
    using namespace simd;
    typedef Vector<T> V;
    const int64_t rows = tile->rows, width = tile->width;
    T *const records = static_cast<T *>(tile->record);
    const int64_t state_stride = tile->state_stride;
    const int64_t record_stride = tile->record_stride;
    T *const new0_start = static_cast<T *>(tile->new_state[0]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *new0_at = new0_start + k;
        for (int64_t row = 0; row < rows; ++row) {
            const V slot0 = load(record);
            const auto t0 = relu(slot0);
            store(new0_at, t0);
            record += record_stride;
            new0_at += state_stride;
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
    const T *const new0_start = static_cast<const T *>(tile->new_state[0]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *d_state0_at = d_state0_start + k;
        const T *dy_at = dy_start + k;
        const T *new0_at = new0_start + k;
        for (int64_t row = 0; row < rows; ++row) {
            const V d_state0 = load(d_state0_at);
            const V dy = load(dy_at);
            const V new0 = load(new0_at);
            const auto t0 = less_or_equal(new0, broadcast<V>(T(0.0)));
            const auto t1 = d_state0 + dy;
            const auto t2 = select(t0, broadcast<V>(T(0.0)), t1);
            store(record, t2);
            store(d_state0_at, broadcast<V>(T(0.0)));
            record += record_stride;
            d_state0_at += d_state_stride;
            dy_at += dy_stride;
            new0_at += state_stride;
        }
    }
}

template <class T> elman_program describe() {
    return {1, 1, 0, 1, 1, 0, 0, 0, forward<T>, backward<T>};
}

} // namespace program_elman_relu
} // namespace

#endif
