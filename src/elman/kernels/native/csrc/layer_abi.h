/* The call that runs one layer in one direction over whole sequences, forward and backward.
 *
 * Sizes: B rows, T time steps, I inputs, H units. Matrices and vectors are float (element_bytes 4) or double (8). The
 * caller fills in the fields that elman_layer_plan() does not, calls it for the sizes of the buffers to allocate (all
 * aligned to 64 bytes), and then calls elman_layer_forward() and, with the same tape, elman_layer_backward(). Any
 * pointer that is marked "or NULL" is optional.
 */
#ifndef ELMAN_LAYER_ABI_H
#define ELMAN_LAYER_ABI_H

#include "abi.h"

#define ELMAN_MOST_GATES 16

/* The kind of a layer's input. */
enum {
    ELMAN_INPUT_PRODUCT = 0,  /* x, which is multiplied by weight_ih */
    ELMAN_INPUT_READY = 1,    /* the input projection p itself: p_blocks * H numbers per time step */
    ELMAN_INPUT_TOKENS = 2    /* tokens, each the index of a row in a table of input projections */
};

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int64_t rows, steps, inputs, units;
    int32_t element_bytes;
    int32_t half_products; /* 1: bfloat16 products with float sums (element_bytes 4, instruction set avx512bf16) */
    int32_t reverse;       /* 1: run each row from its last time step to its first */
    int32_t threads;
    int32_t input;
    int32_t p_blocks, u_blocks; /* blocks of H units of the input projection p and the recurrent product u */
    int32_t keep;               /* 1: forward saves the tape for backward */
    elman_program program;
    int32_t x_gates[ELMAN_MOST_GATES]; /* the block of p that is added to slot i */
    int32_t h_gates[ELMAN_MOST_GATES]; /* the block of u that is added to slot h_first + i */

    /* Rows of unequal length are sorted longest first. lengths[i] is the length of the i-th longest row and order[i]
     * the caller's index of that row; both NULL when every row has T time steps. */
    const int64_t *lengths, *order;

    const void *x; /* PRODUCT: B x T x I; READY: B x T x p_blocks*H; TOKENS: the table, with stride x_row */
    int64_t x_row, x_step; /* strides in elements; the last dimension is contiguous */
    const int64_t *tokens; /* TOKENS only: B x T */
    int64_t tokens_row, tokens_step;

    const void *weight_ih, *bias_ih; /* p_blocks*H x I, p_blocks*H or NULL; PRODUCT only */
    const void *weight_hh, *bias_hh; /* u_blocks*H x H, u_blocks*H or NULL */
    const void *parameters[ELMAN_MOST_PARAMETERS]; /* H each */
    const void *start[ELMAN_MOST_LEAVES];          /* the initial state, B x H each */
    const void *mask; /* B x H or NULL: multiplies h in the recurrent product */

    void *y; /* B x T x H; zero past a row's end */
    int64_t y_row, y_step;
    void *final[ELMAN_MOST_LEAVES]; /* B x H each: the state after each row's last time step */

    void *records, *states, *workspace;

    /* Backward. NULL for a gradient that is zero (in) or not required (out). */
    const void *dy;
    int64_t dy_row, dy_step;
    const void *d_final[ELMAN_MOST_LEAVES];
    void *dx; /* like x; TOKENS: gradient of the table, `table_rows` rows */
    int64_t dx_row, dx_step, table_rows;
    void *d_weight_ih, *d_bias_ih, *d_weight_hh, *d_bias_hh;
    void *d_parameters[ELMAN_MOST_PARAMETERS]; /* H each */
    void *d_start[ELMAN_MOST_LEAVES];

    /* Filled in by elman_layer_plan(): the sizes of the buffers in bytes, and the driver's internal sizes. */
    int64_t records_bytes, states_bytes, forward_workspace_bytes, backward_workspace_bytes;
    int64_t width, blocks, padded_units, chunk;
} elman_layer;

#ifdef __cplusplus
}
#endif

#endif
