/*
 * Sizes: which request gives exactly the wanted picture, or else the smallest
 * legal one that is not smaller, in the same shape where the model has it.
 * One table of rules for all services; no I/O.
 */
#ifndef SEED_PROVIDER_SIZE_H
#define SEED_PROVIDER_SIZE_H

#include "lib/base.h"

struct seed_size {
	int width, height;  /* pixels to ask for, or to expect of tier and shape */
	char text[24];      /* the same as "2048x1152" */
	char ratio[24];     /* "16:9" */
	const char *shape;  /* kie's word for it: "landscape_16_9" */
	const char *tier;   /* "2K", "high" …; NULL where the model is asked in pixels */
};

/* `family` is the provider's name; `model` may be NULL. Both sides positive. */
void seed_size_choose(const char *family, const char *model, int width, int height,
		      struct seed_size *size);

#endif
