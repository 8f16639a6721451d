/* The equations of lstm_peepholes, written by tools/emit_programs.py: do not edit. */
#ifndef ELMAN_PROGRAMS_LSTM_PEEPHOLES_H
#define ELMAN_PROGRAMS_LSTM_PEEPHOLES_H

#include "../abi.h"
#include "../vector.h"

namespace {
namespace program_lstm_peepholes {

[[maybe_unused]] constexpr char digest[] = "d72f114d83d7d1dc";

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
    const T *const parameter0_start = static_cast<const T *>(tile->parameters[0]);
    const T *const parameter1_start = static_cast<const T *>(tile->parameters[1]);
    const T *const parameter2_start = static_cast<const T *>(tile->parameters[2]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *new0_at = new0_start + k;
        T *new1_at = new1_start + k;
        const T *old1_at = old1_start + k;
        const V parameter0 = load(parameter0_start + k);
        const V parameter1 = load(parameter1_start + k);
        const V parameter2 = load(parameter2_start + k);
        for (int64_t row = 0; row < rows; ++row) {
            const V old1 = load(old1_at);
            const V slot0 = load(record);
            const V slot1 = load(record + width);
            const V slot2 = load(record + 2 * width);
            const V slot3 = load(record + 3 * width);
            const auto t0 = old1 * parameter1;
            const auto t1 = slot1 + t0;
            const auto t2 = sigmoid(t1);
            const auto t3 = old1 * t2;
            const auto t4 = old1 * parameter0;
            const auto t5 = slot0 + t4;
            const auto t6 = sigmoid(t5);
            const auto t7 = tanh(slot2);
            const auto t8 = t6 * t7;
            const auto t9 = t3 + t8;
            const auto t10 = t9 * parameter2;
            const auto t11 = slot3 + t10;
            const auto t12 = sigmoid(t11);
            const auto t13 = tanh(t9);
            const auto t14 = t12 * t13;
            store(new0_at, t14);
            store(new1_at, t9);
            store(record, t6);
            store(record + width, t2);
            store(record + 2 * width, t7);
            store(record + 3 * width, t12);
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
    const int64_t d_parameters_stride = tile->d_parameters_stride;
    const int64_t d_state_stride = tile->d_state_stride;
    const int64_t dy_stride = tile->dy_stride;
    const int64_t state_stride = tile->state_stride;
    const int64_t record_stride = tile->record_stride;
    T *const d_parameter0_start = static_cast<T *>(tile->d_parameters[0]);
    T *const d_parameter1_start = static_cast<T *>(tile->d_parameters[1]);
    T *const d_parameter2_start = static_cast<T *>(tile->d_parameters[2]);
    T *const d_state0_start = static_cast<T *>(tile->d_state[0]);
    T *const d_state1_start = static_cast<T *>(tile->d_state[1]);
    const T *const dy_start = static_cast<const T *>(tile->dy);
    const T *const new1_start = static_cast<const T *>(tile->new_state[1]);
    const T *const old1_start = static_cast<const T *>(tile->old_state[1]);
    const T *const parameter0_start = static_cast<const T *>(tile->parameters[0]);
    const T *const parameter1_start = static_cast<const T *>(tile->parameters[1]);
    const T *const parameter2_start = static_cast<const T *>(tile->parameters[2]);
    for (int64_t k = 0; k < width; k += lanes<T>) {
        T *record = records + k;
        T *d_parameter0_at = d_parameter0_start + k;
        T *d_parameter1_at = d_parameter1_start + k;
        T *d_parameter2_at = d_parameter2_start + k;
        T *d_state0_at = d_state0_start + k;
        T *d_state1_at = d_state1_start + k;
        const T *dy_at = dy_start + k;
        const T *new1_at = new1_start + k;
        const T *old1_at = old1_start + k;
        const V parameter0 = load(parameter0_start + k);
        const V parameter1 = load(parameter1_start + k);
        const V parameter2 = load(parameter2_start + k);
        for (int64_t row = 0; row < rows; ++row) {
            const V d_state0 = load(d_state0_at);
            const V d_state1 = load(d_state1_at);
            const V dy = load(dy_at);
            const V new1 = load(new1_at);
            const V old1 = load(old1_at);
            const V slot0 = load(record);
            const V slot1 = load(record + width);
            const V slot2 = load(record + 2 * width);
            const V slot3 = load(record + 3 * width);
            const V d_parameter0 = load(d_parameter0_at);
            const V d_parameter1 = load(d_parameter1_at);
            const V d_parameter2 = load(d_parameter2_at);
            const auto t0 = d_state0 + dy;
            const auto t1 = slot3 * t0;
            const auto t2 = tanh(new1);
            const auto t3 = t2 * t2;
            const auto t4 = T(1.0) - t3;
            const auto t5 = t1 * t4;
            const auto t6 = d_state1 + t5;
            const auto t7 = t2 * t0;
            const auto t8 = slot3 * slot3;
            const auto t9 = slot3 - t8;
            const auto t10 = t7 * t9;
            const auto t11 = parameter2 * t10;
            const auto t12 = t6 + t11;
            const auto t13 = slot2 * t12;
            const auto t14 = slot0 * slot0;
            const auto t15 = slot0 - t14;
            const auto t16 = t13 * t15;
            const auto t17 = old1 * t12;
            const auto t18 = slot1 * slot1;
            const auto t19 = slot1 - t18;
            const auto t20 = t17 * t19;
            const auto t21 = slot0 * t12;
            const auto t22 = slot2 * slot2;
            const auto t23 = T(1.0) - t22;
            const auto t24 = t21 * t23;
            const auto t25 = parameter0 * t16;
            const auto t26 = slot1 * t12;
            const auto t27 = t25 + t26;
            const auto t28 = parameter1 * t20;
            const auto t29 = t27 + t28;
            const auto t30 = old1 * t16;
            const auto t31 = old1 * t20;
            const auto t32 = new1 * t10;
            store(record, t16);
            store(record + width, t20);
            store(record + 2 * width, t24);
            store(record + 3 * width, t10);
            store(d_state0_at, broadcast<V>(T(0.0)));
            store(d_state1_at, t29);
            store(d_parameter0_at, d_parameter0 + t30);
            store(d_parameter1_at, d_parameter1 + t31);
            store(d_parameter2_at, d_parameter2 + t32);
            record += record_stride;
            d_parameter0_at += d_parameters_stride;
            d_parameter1_at += d_parameters_stride;
            d_parameter2_at += d_parameters_stride;
            d_state0_at += d_state_stride;
            d_state1_at += d_state_stride;
            dy_at += dy_stride;
            new1_at += state_stride;
            old1_at += state_stride;
        }
    }
}

template <class T> elman_program describe() {
    return {4, 4, 0, 4, 2, 0, 0, 3, forward<T>, backward<T>};
}

} // namespace program_lstm_peepholes
} // namespace

#endif
