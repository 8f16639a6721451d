/* The entry points for running a layer; see layer_abi.h. */
#ifndef ELMAN_LAYER_H
#define ELMAN_LAYER_H

#include "export.h"
#include "layer_backward.h"
#include "layer_forward.h"

namespace {

template <class T, class P> void plan_layer(elman_layer &layer) {
    const Shape<T, P> shape(layer);
    const int64_t steps = layer.keep ? shape.T_ : shape.chunk, held = layer.keep ? shape.T_ + 1 : 2;
    layer.width = shape.width, layer.blocks = shape.blocks, layer.padded_units = shape.padded;
    layer.chunk = shape.chunk;
    layer.records_bytes = (int64_t)sizeof(T) * steps * shape.B * shape.blocks * shape.record();
    layer.states_bytes = (int64_t)sizeof(T) * layer.program.leaves * held * shape.B * shape.padded;
    Forward<T, P>(layer, nullptr, &layer.forward_workspace_bytes);
    Backward<T, P>(layer, nullptr, &layer.backward_workspace_bytes);
}

template <template <class, class> class Pass> void pass_layer(const elman_layer &layer) {
    if (layer.element_bytes == 8)
        Pass<double, Plain<double>>(layer, layer.workspace, nullptr).run();
#if defined(__AVX512BF16__)
    else if (layer.half_products)
        Pass<float, Halves>(layer, layer.workspace, nullptr).run();
#endif
    else
        Pass<float, Plain<float>>(layer, layer.workspace, nullptr).run();
}

}  // namespace

/* 1 if this library supports products of bfloat16 numbers, else 0. */
ELMAN_API int32_t elman_has_half_products(void) {
#if defined(__AVX512BF16__)
    return 1;
#else
    return 0;
#endif
}

ELMAN_API void elman_layer_plan(elman_layer *layer) {
    if (layer->element_bytes == 8)
        plan_layer<double, Plain<double>>(*layer);
#if defined(__AVX512BF16__)
    else if (layer->half_products)
        plan_layer<float, Halves>(*layer);
#endif
    else
        plan_layer<float, Plain<float>>(*layer);
}

ELMAN_API void elman_layer_forward(const elman_layer *layer) { pass_layer<Forward>(*layer); }

ELMAN_API void elman_layer_backward(const elman_layer *layer) { pass_layer<Backward>(*layer); }

/* The size of the structure, for comparison with a caller's declaration. */
ELMAN_API int64_t elman_layer_size(void) { return sizeof(elman_layer); }

#endif
