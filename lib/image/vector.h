/*
 * Loops over pixels are plain C that the compiler vectorizes (the Makefile
 * gives lib/image/ -O3 for that). SEED_VECTOR before a function also makes a version
 * for newer processors, chosen when the program is loaded. SEED_BITS lets a function
 * use their shifts, for streams of bits. Sanitizers instrument the code that makes that
 * choice before they are ready, so with them there is one version only; so there is
 * with other C libraries and processors.
 */
#ifndef SEED_VECTOR_H
#define SEED_VECTOR_H

#include "lib/base/base.h"

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SEED_VECTOR __attribute__((target_clones("avx2", "default")))
#define SEED_BITS __attribute__((target_clones("bmi2", "default")))
#else
#define SEED_VECTOR
#define SEED_BITS
#endif

/* Whether vectors of 32 bytes are one register here. If not, GCC splits
 * comparisons of them into single bytes, so code that compares is made twice. */
static inline bool seed_wide_usable(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

#endif
