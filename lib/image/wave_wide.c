/* The steps of a wave with vectors of 32 bytes. */
#ifdef __x86_64__
#define SEED_WAVE_LANES 32
#define SEED_WAVE_TARGET __attribute__((target("avx2")))
#endif
#include "lib/image/wave_steps.h"

SEED_WAVE_TARGET void seed_wave_steps_wide(const struct seed_wave *wave, ptrdiff_t first,
					   ptrdiff_t end)
{
	undo_steps(wave, first, end);
}
