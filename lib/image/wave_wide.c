/* The steps of a wave with vectors of 32 bytes. */
#ifdef __x86_64__
#define SEED_WAVE_LANES 32
#define SEED_WAVE_TARGET __attribute__((target("avx2")))
#endif
#include "lib/image/wave_steps.h"

bool seed_wave_wide_usable(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

SEED_WAVE_TARGET void seed_wave_steps_wide(const struct seed_wave *wave, ptrdiff_t first,
					   ptrdiff_t end)
{
	undo_steps(wave, first, end);
}
