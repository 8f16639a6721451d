/* The plain C interface between the parts of the native engine.
 *
 * A *program* is the compiled element-wise equations of a cell. The driver (layer.h) runs the matrix products and the
 * time loop, and calls a program for one *tile* at a time: a block of units in some rows at one time step. Programs do
 * not depend on matrix products, time, threads or lengths, and the driver does not depend on any cell.
 *
 * A *record* has the `slots` numbers that one unit saves at one time step. The matrix products add to its first slots,
 * the forward program replaces them by the values that backward needs, and the backward program replaces those by
 * gradients:
 *
 *      slot      0 .. x_only-1          x_only .. x_slots-1            x_slots .. h_first+h_slots-1     further
 *      forward   input product only     input + recurrent product      recurrent product only           -
 *      backward  gradients of the same                                                                  -
 *
 * The input product covers slots [0, x_slots) and the recurrent product slots [h_first, h_first + h_slots), where
 * h_first = x_only. The slots already contain the biases. Units are in blocks of `width`, which is a multiple of the
 * LANES = 64 / sizeof(element) numbers that fill 64 bytes. All pointers are aligned to 64 bytes and all strides are
 * multiples of LANES, counted in elements. Numbers in lanes past the last unit are finite and have no meaning.
 */
#ifndef ELMAN_ABI_H
#define ELMAN_ABI_H

#include <stdint.h>

#define ELMAN_ABI_VERSION 2
#define ELMAN_MOST_LEAVES 8
#define ELMAN_MOST_PARAMETERS 16

#ifdef __cplusplus
extern "C" {
#endif

/* One block of units in `rows` rows at one time step. Element k of slot s in row r:
 * record[r*record_stride + s*width + k]. Element k of state leaf l in row r: old_state[l][r*state_stride + k]. */
typedef struct {
    int64_t rows;
    int64_t width;
    void *record;
    int64_t record_stride;
    const void *old_state[ELMAN_MOST_LEAVES]; /* before the step */
    void *new_state[ELMAN_MOST_LEAVES];       /* after it: forward writes, backward reads */
    int64_t state_stride;
    const void *parameters[ELMAN_MOST_PARAMETERS]; /* one number per unit, the same in every row */

    /* Forward, only for a program whose output is not a leaf of its state. */
    void *y;
    int64_t y_stride;

    /* Backward. dy: gradient of the output (also when the output is a leaf: the program adds the two). d_state: on
     * entry the gradient of the state after the time step, on return the gradient of the state before it through the
     * element-wise equations only (the driver adds that through the recurrent product). d_parameters: the program ADDS
     * each row's gradient. */
    const void *dy;
    int64_t dy_stride; /* may be 0 */
    void *d_state[ELMAN_MOST_LEAVES];
    int64_t d_state_stride;
    void *d_parameters[ELMAN_MOST_PARAMETERS];
    int64_t d_parameters_stride;
} elman_tile;

typedef void (*elman_tile_function)(const elman_tile *);

/* A compiled program and its shape. */
typedef struct {
    int32_t slots;    /* numbers in a record */
    int32_t x_slots;  /* the input product adds to slots [0, x_slots) */
    int32_t h_first;  /* the recurrent product adds to slots [h_first, h_first + h_slots) */
    int32_t h_slots;
    int32_t leaves;   /* leaves of the state, each of one number per unit */
    int32_t h_leaf;   /* the leaf that enters the recurrent product */
    int32_t y_leaf;   /* the leaf that is the output, or -1: the program writes `y` */
    int32_t parameters;
    elman_tile_function forward;
    elman_tile_function backward;
} elman_program;

#ifdef __cplusplus
}
#endif

#endif
