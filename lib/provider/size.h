/*
 * Models: how to ask each of them for a size, and what else it takes.
 * A request asks for exactly the wanted size, or else for the smallest legal one
 * that is at least as large, in the same shape if the model has it. One table of
 * families for all services; no I/O.
 */
#ifndef SEED_PROVIDER_SIZE_H
#define SEED_PROVIDER_SIZE_H

#include <cjson/cJSON.h>

#include "lib/record/params.h"
#include "lib/provider/provider.h"

/* What a family takes besides the prompt and the size. */
enum {
	SEED_HAS_NEGATIVE = 1 << 0,   /* negative_prompt */
	SEED_HAS_SEED = 1 << 1,       /* seed */
	SEED_HAS_COUNT = 1 << 2,      /* num_images */
	SEED_HAS_FORMAT = 1 << 3,     /* output_format "png" */
	SEED_HAS_SEQUENTIAL = 1 << 4, /* sequential_image_generation: to be "disabled" */
	SEED_HAS_ALL = 1 << 5,        /* the mount's own parameters, as kie's default model takes them */
	SEED_IS_UNKNOWN = 1 << 6,     /* not in the table */
};

struct seed_size {
	int width, height;  /* pixels to ask for, or to expect of tier and shape */
	char text[24];      /* the same as "2048x1152" */
	char ratio[24];     /* "16:9" */
	const char *shape;  /* kie's word for it: "landscape_16_9" */
	const char *tier;   /* "2K", "high" …; NULL where the model is asked in pixels */
	unsigned int has;
	const char *qualities; /* those it has, each with a space after it, or NULL */
	const char *note;   /* removed, or to be removed: for the error of a model that is not found; or NULL */
	const struct seed_size_rule *rule;
};

/* `family` is the provider's name; `model` may be NULL. Both sides positive. */
void seed_size_choose(const char *family, const char *model, int width, int height,
		      struct seed_size *size);

/* Puts the size into `object` in the family's own words. False without memory. */
bool seed_size_add(cJSON *object, const struct seed_size *size);

/* The options that the family has: negative prompt, seed (below `modulus`, 0: as
 * it is), count, format. Notes in the request, for the log, what was asked for and is
 * not sent, and whether the family is unknown. False without memory. */
bool seed_size_add_options(cJSON *object, const struct seed_size *size,
			   const struct seed_ask *ask, int64_t modulus);

/* Whether the family has this word for `quality`. */
bool seed_size_has_quality(const struct seed_size *size, const char *quality);

#endif
