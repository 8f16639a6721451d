/* A team of threads that runs one function. */
#ifndef ELMAN_PARALLEL_H
#define ELMAN_PARALLEL_H

#include <stdint.h>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace {

struct Team {
    int threads, index;

    /* Waits for all threads of the team. */
    void meet() const {
#if defined(_OPENMP)
        if (threads > 1) {
#pragma omp barrier
        }
#endif
    }

    /* This thread's share of the indices 0 .. count-1: [from, to). */
    int64_t from(int64_t count) const { return count * index / threads; }
    int64_t to(int64_t count) const { return count * (index + 1) / threads; }
};

template <class Function> void run_team(int threads, const Function &function) {
#if defined(_OPENMP)
    if (threads > 1) {
#pragma omp parallel num_threads(threads)
        function(Team{omp_get_num_threads(), omp_get_thread_num()});
        return;
    }
#endif
    (void)threads;
    function(Team{1, 0});
}

}  // namespace

#endif
