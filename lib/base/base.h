/*
 * What every file of seedfs includes first: the error convention and a few
 * helpers. See HACKING.md for the conventions in full.
 *
 * Errors: a function that can fail returns errint_t, 0 or a negative errno. A
 * message for people goes into a struct seed_error beside it.
 */
#ifndef SEED_BASE_H
#define SEED_BASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 0, or -errno. */
typedef int errint_t;

#define SEED_MUST_CHECK __attribute__((warn_unused_result))
#define SEED_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define SEED_UNUSED(x) (void)(x)
#define SEED_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#include "lib/base/banned.h"
#include "lib/base/limits.h"

#endif
