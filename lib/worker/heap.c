#include "lib/worker/heap.h"

#include <malloc.h>

/* Allocations that a picture of 4096x2304 makes stay on the heap. */
#define HEAP_BLOCK_MAX_BYTES (32 * 1024 * 1024)
/* By how much the heap grows at once. */
#define HEAP_STEP_BYTES (8 * 1024 * 1024)
/* The heap of a worker that waits. */
#define HEAP_KEPT_BYTES ((size_t)128 * 1024 * 1024)

void seed_heap_keep(void)
{
	mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_MAX_BYTES);
	mallopt(M_TRIM_THRESHOLD, INT32_MAX);
	mallopt(M_TOP_PAD, HEAP_STEP_BYTES);
}

void seed_heap_trim(void)
{
	if (mallinfo2().arena > HEAP_KEPT_BYTES)
		malloc_trim(HEAP_STEP_BYTES);
}
