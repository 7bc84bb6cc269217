/*
 * A worker's memory. Fresh pages cost more than the work on them: touching 7 MB of
 * them takes as long as turning a whole JPEG into a PNG. So a worker's heap
 * keeps its pages, for the next picture's buffers and for what libjpeg,
 * libwebp and libpng allocate inside.
 */
#ifndef SEED_HEAP_H
#define SEED_HEAP_H

#include "lib/base/base.h"

/* Once, before the first allocation of any size, on the only thread. */
void seed_heap_keep(void);

/* After each picture: gives back what an unusually large one needed. */
void seed_heap_trim(void);

#endif
