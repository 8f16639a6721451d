/* The call that runs one layer in one direction over whole sequences, forward and backward.
 *
 * Sizes by the legend: B rows, T steps, I inputs, H units. Matrices and vectors of numbers are float (element_bytes 4)
 * or double (8). The caller fills everything above `plan`, calls elman_layer_plan() for the sizes of the buffers that it
 * must give (all aligned to 64 bytes), and then elman_layer_forward() and, with the same tape, elman_layer_backward().
 * Any pointer that is marked "or NULL" may be absent.
 */
#ifndef ELMAN_LAYER_ABI_H
#define ELMAN_LAYER_ABI_H

#include "abi.h"

#define ELMAN_MOST_GATES 16

/* What enters a layer. */
enum {
    ELMAN_INPUT_PRODUCT = 0,  /* x, to be multiplied with weight_ih */
    ELMAN_INPUT_READY = 1,    /* the input's part p itself: p_blocks * H numbers a step */
    ELMAN_INPUT_TOKENS = 2    /* tokens, each naming a row of a table of input's parts */
};

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int64_t rows, steps, inputs, units;
    int32_t element_bytes;
    int32_t half_products; /* 1: bfloat16 products with float sums (element_bytes 4, instruction set avx512bf16) */
    int32_t reverse;       /* 1: each row from its own end to its start */
    int32_t threads;
    int32_t input;
    int32_t p_blocks, u_blocks; /* blocks of H that the input's and the past's part have */
    int32_t keep;               /* 1: forward keeps the tape for backward */
    elman_program program;
    int32_t x_gates[ELMAN_MOST_GATES]; /* the block of p that slot i receives */
    int32_t h_gates[ELMAN_MOST_GATES]; /* the block of u that slot h_first + i receives */

    /* Rows of unequal length are worked on longest first. lengths[i] is the length of the i-th longest row and order[i]
     * the caller's number of that row; both NULL when every row has T steps. */
    const int64_t *lengths, *order;

    const void *x; /* PRODUCT: B x T x I; READY: B x T x p_blocks*H; TOKENS: the table, x_row from row to row */
    int64_t x_row, x_step; /* strides in elements; the last dimension is contiguous */
    const int64_t *tokens; /* TOKENS only: B x T */
    int64_t tokens_row, tokens_step;

    const void *weight_ih, *bias_ih; /* p_blocks*H x I, p_blocks*H or NULL; PRODUCT only */
    const void *weight_hh, *bias_hh; /* u_blocks*H x H, u_blocks*H or NULL */
    const void *parameters[ELMAN_MOST_PARAMETERS]; /* H each */
    const void *start[ELMAN_MOST_LEAVES];          /* B x H each */
    const void *mask; /* B x H or NULL: multiplies h where it enters the product */

    void *y; /* B x T x H; zero past a row's end */
    int64_t y_row, y_step;
    void *final[ELMAN_MOST_LEAVES]; /* B x H each: the state after each row's last step */

    void *records, *states, *workspace;

    /* Backward. NULL for a gradient that is zero (in) or not wanted (out). */
    const void *dy;
    int64_t dy_row, dy_step;
    const void *d_final[ELMAN_MOST_LEAVES];
    void *dx; /* like x; TOKENS: gradient of the table, `table_rows` rows */
    int64_t dx_row, dx_step, table_rows;
    void *d_weight_ih, *d_bias_ih, *d_weight_hh, *d_bias_hh;
    void *d_parameters[ELMAN_MOST_PARAMETERS]; /* H each */
    void *d_start[ELMAN_MOST_LEAVES];

    /* Filled by elman_layer_plan(): bytes of the buffers, and the driver's own sizes. */
    int64_t records_bytes, states_bytes, forward_workspace_bytes, backward_workspace_bytes;
    int64_t width, blocks, padded_units, chunk;
} elman_layer;

#ifdef __cplusplus
}
#endif

#endif
