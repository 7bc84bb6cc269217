#include "lib/image/wave_steps.h"

void seed_wave_steps(const struct seed_wave *wave, ptrdiff_t first, ptrdiff_t end)
{
	undo_steps(wave, first, end);
}
