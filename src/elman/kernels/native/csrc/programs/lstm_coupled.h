/* The equations of lstm_coupled, written by tools/emit_programs.py: do not edit. */
#ifndef ELMAN_PROGRAMS_LSTM_COUPLED_H
#define ELMAN_PROGRAMS_LSTM_COUPLED_H

#include "../abi.h"
#include "../vector.h"

namespace {
namespace program_lstm_coupled {

[[maybe_unused]] constexpr char digest[] = "519dc705ec8e0453";

template <class T> void forward(const elman_tile *tile) {
    using namespace simd;
    typedef Vector<T> V;
    const int64_t rows = tile->rows, width = tile->width;
    T *const records = static_cast<T *>(tile->record);
    const int64_t state_stride = tile->state_stride;
    const int64_t record_stride = tile->record_stride;
    T *const new0_start = static_cast<T *>(tile->new_state[0]);
    T *const new1_start = static_cast<T *>(tile->new_state[1]);
    const T *const old1_start = static_cast<const T *>(tile->old_state[1]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *new0_at = new0_start + k;
        T *new1_at = new1_start + k;
        const T *old1_at = old1_start + k;
        for (int64_t row = 0; row < rows; ++row) {
            const V old1 = load(old1_at);
            const V slot0 = load(record);
            const V slot1 = load(record + width);
            const V slot2 = load(record + 2 * width);
            const auto t0 = sigmoid(slot2);
            const auto t1 = sigmoid(slot0);
            const auto t2 = T(1.0) - t1;
            const auto t3 = old1 * t2;
            const auto t4 = tanh(slot1);
            const auto t5 = t1 * t4;
            const auto t6 = t3 + t5;
            const auto t7 = tanh(t6);
            const auto t8 = t0 * t7;
            store(new0_at, t8);
            store(new1_at, t6);
            store(record, t1);
            store(record + width, t4);
            store(record + 2 * width, t0);
            record += record_stride;
            new0_at += state_stride;
            new1_at += state_stride;
            old1_at += state_stride;
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
    T *const d_state1_start = static_cast<T *>(tile->d_state[1]);
    const T *const dy_start = static_cast<const T *>(tile->dy);
    const T *const new1_start = static_cast<const T *>(tile->new_state[1]);
    const T *const old1_start = static_cast<const T *>(tile->old_state[1]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *d_state0_at = d_state0_start + k;
        T *d_state1_at = d_state1_start + k;
        const T *dy_at = dy_start + k;
        const T *new1_at = new1_start + k;
        const T *old1_at = old1_start + k;
        for (int64_t row = 0; row < rows; ++row) {
            const V d_state0 = load(d_state0_at);
            const V d_state1 = load(d_state1_at);
            const V dy = load(dy_at);
            const V new1 = load(new1_at);
            const V old1 = load(old1_at);
            const V slot0 = load(record);
            const V slot1 = load(record + width);
            const V slot2 = load(record + 2 * width);
            const auto t0 = d_state0 + dy;
            const auto t1 = slot2 * t0;
            const auto t2 = tanh(new1);
            const auto t3 = t2 * t2;
            const auto t4 = T(1.0) - t3;
            const auto t5 = t1 * t4;
            const auto t6 = d_state1 + t5;
            const auto t7 = slot1 * t6;
            const auto t8 = old1 * t6;
            const auto t9 = t7 - t8;
            const auto t10 = slot0 * slot0;
            const auto t11 = slot0 - t10;
            const auto t12 = t9 * t11;
            const auto t13 = slot0 * t6;
            const auto t14 = slot1 * slot1;
            const auto t15 = T(1.0) - t14;
            const auto t16 = t13 * t15;
            const auto t17 = t2 * t0;
            const auto t18 = slot2 * slot2;
            const auto t19 = slot2 - t18;
            const auto t20 = t17 * t19;
            const auto t21 = T(1.0) - slot0;
            const auto t22 = t21 * t6;
            store(record, t12);
            store(record + width, t16);
            store(record + 2 * width, t20);
            store(d_state0_at, broadcast<V>(T(0.0)));
            store(d_state1_at, t22);
            record += record_stride;
            d_state0_at += d_state_stride;
            d_state1_at += d_state_stride;
            dy_at += dy_stride;
            new1_at += state_stride;
            old1_at += state_stride;
        }
    }
}

template <class T> elman_program describe() {
    return {3, 3, 0, 3, 2, 0, 0, 0, forward<T>, backward<T>};
}

} // namespace program_lstm_coupled
} // namespace

#endif
