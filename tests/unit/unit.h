/* What every unit test includes first. cmocka wants these headers before it. */
#ifndef SEED_UNIT_H
#define SEED_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/base.h"

/* Allocations too large to succeed are part of some tests. */
#define UNIT_LET_ALLOCATIONS_FAIL \
	const char *__asan_default_options(void); \
	const char *__asan_default_options(void) \
	{ \
		return "allocator_may_return_null=1"; \
	} \
	const char *__tsan_default_options(void); \
	const char *__tsan_default_options(void) \
	{ \
		return "allocator_may_return_null=1"; \
	}

/* Suites that let each call fail once try each N-th, $STRIDE, where that takes too long. */
static inline long unit_stride(void)
{
	const char *given = getenv("STRIDE");
	long stride = given ? strtol(given, NULL, 10) : 1;

	return stride > 0 ? stride : 1;
}

#endif
