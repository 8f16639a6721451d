/* All built-in programs, written by tools/emit_programs.py: do not edit. */
#ifndef ELMAN_PROGRAMS_TABLE_H
#define ELMAN_PROGRAMS_TABLE_H

#include <string.h>

#include "../export.h"
#include "elman_relu.h"
#include "elman_tanh.h"
#include "gru.h"
#include "lstm.h"
#include "lstm_coupled.h"
#include "lstm_coupled_peepholes.h"
#include "lstm_peepholes.h"
#include "mingru.h"

/* Finds a program for numbers of `element_bytes` bytes. 1 when there is one, else 0. */
ELMAN_API int elman_find_program(const char *digest, int element_bytes, elman_program *out) {
    static const struct {
        const char *digest;
        elman_program (*of_floats)();
        elman_program (*of_doubles)();
    } programs[] = {
        {program_elman_relu::digest, program_elman_relu::describe<float>,
         program_elman_relu::describe<double>},
        {program_elman_tanh::digest, program_elman_tanh::describe<float>,
         program_elman_tanh::describe<double>},
        {program_gru::digest, program_gru::describe<float>,
         program_gru::describe<double>},
        {program_lstm::digest, program_lstm::describe<float>,
         program_lstm::describe<double>},
        {program_lstm_coupled::digest, program_lstm_coupled::describe<float>,
         program_lstm_coupled::describe<double>},
        {program_lstm_coupled_peepholes::digest, program_lstm_coupled_peepholes::describe<float>,
         program_lstm_coupled_peepholes::describe<double>},
        {program_lstm_peepholes::digest, program_lstm_peepholes::describe<float>,
         program_lstm_peepholes::describe<double>},
        {program_mingru::digest, program_mingru::describe<float>,
         program_mingru::describe<double>},
    };
    for (const auto &program : programs) {
        if (strcmp(program.digest, digest) != 0) continue;
        if (element_bytes != 4 && element_bytes != 8) return 0;
        *out = element_bytes == 4 ? program.of_floats() : program.of_doubles();
        return 1;
    }
    return 0;
}

#endif
