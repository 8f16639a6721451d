/* Properties of the library: version and layout of its interface, its compiler, and the instruction sets that the CPU
 * and the operating system support.
 */
#ifndef ELMAN_ABOUT_H
#define ELMAN_ABOUT_H

#include <stddef.h>
#include <string.h>

#include "abi.h"
#include "export.h"

ELMAN_API int32_t elman_abi_version(void) { return ELMAN_ABI_VERSION; }

/* The compiler's name and version. */
ELMAN_API const char *elman_compiler(void) {
#if defined(__clang__)
    return "Clang " __clang_version__;
#elif defined(__GNUC__)
    return "GCC " __VERSION__;
#else
    return "an unknown compiler";
#endif
}

/* Whether the kernels can use several threads. */
ELMAN_API int32_t elman_has_threads(void) {
#if defined(_OPENMP)
    return 1;
#else
    return 0;
#endif
}

/* Whether this CPU and operating system support an instruction set. Call it in the library of the lowest instruction
 * set: in the others even this function may contain instructions that the CPU lacks. */
ELMAN_API int32_t elman_cpu_runs(const char *instruction_set) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    const int avx512bf16 =
        avx512 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
    if (!strcmp(instruction_set, "avx512bf16")) return avx512bf16;
    if (!strcmp(instruction_set, "avx512")) return avx512;
    if (!strcmp(instruction_set, "avx2")) return avx2;
    return !strcmp(instruction_set, "x86_64");
#else
    return !strcmp(instruction_set, "generic");
#endif
}

/* The sizes of the structures of abi.h, each followed by the offsets of its members in order; -1 past the last. */
ELMAN_API int64_t elman_layout(int32_t place) {
#define AT(structure, member) (int64_t) offsetof(structure, member)
    static const int64_t layout[] = {
        sizeof(elman_tile),
        AT(elman_tile, rows),
        AT(elman_tile, width),
        AT(elman_tile, record),
        AT(elman_tile, record_stride),
        AT(elman_tile, old_state),
        AT(elman_tile, new_state),
        AT(elman_tile, state_stride),
        AT(elman_tile, parameters),
        AT(elman_tile, y),
        AT(elman_tile, y_stride),
        AT(elman_tile, dy),
        AT(elman_tile, dy_stride),
        AT(elman_tile, d_state),
        AT(elman_tile, d_state_stride),
        AT(elman_tile, d_parameters),
        AT(elman_tile, d_parameters_stride),
        sizeof(elman_program),
        AT(elman_program, slots),
        AT(elman_program, x_slots),
        AT(elman_program, h_first),
        AT(elman_program, h_slots),
        AT(elman_program, leaves),
        AT(elman_program, h_leaf),
        AT(elman_program, y_leaf),
        AT(elman_program, parameters),
        AT(elman_program, forward),
        AT(elman_program, backward),
    };
#undef AT
    const int64_t count = sizeof(layout) / sizeof(layout[0]);
    return place >= 0 && place < count ? layout[place] : -1;
}

#endif
