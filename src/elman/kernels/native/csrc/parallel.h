/* A team of threads that runs one function. */
#ifndef ELMAN_PARALLEL_H
#define ELMAN_PARALLEL_H

#include <stdint.h>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace {

/* How this thread computes with floating-point numbers: rounding, and whether denormal numbers are flushed to zero. */
struct Arithmetic {
    uint64_t word;

    static Arithmetic now() {
#if defined(__SSE__)
        return {_mm_getcsr()};
#elif defined(__aarch64__)
        uint64_t word;
        __asm__ volatile("mrs %0, fpcr" : "=r"(word));
        return {word};
#else
        return {0};
#endif
    }

    void set() const {
#if defined(__SSE__)
        _mm_setcsr((unsigned)word);
#elif defined(__aarch64__)
        __asm__ volatile("msr fpcr, %0" : : "r"(word));
#endif
    }
};

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

/* All threads of the team compute as the caller does, so that results do not depend on their number. */
template <class Function> void run_team(int threads, const Function &function) {
#if defined(_OPENMP)
    if (threads > 1) {
        const Arithmetic callers = Arithmetic::now();
#pragma omp parallel num_threads(threads)
        {
            const Arithmetic own = Arithmetic::now();
            callers.set();
            function(Team{omp_get_num_threads(), omp_get_thread_num()});
            own.set();
        }
        return;
    }
#endif
    (void)threads;
    function(Team{1, 0});
}

}  // namespace

#endif
