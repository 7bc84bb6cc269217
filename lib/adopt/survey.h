/*
 * What a state directory has: the folders of its prompts, and each NAME of which anything is
 * there, be it a prompt, an image, a record or a version. Nothing may change it meanwhile.
 * Blocks on the disk; any thread.
 */
#ifndef SEED_ADOPT_SURVEY_H
#define SEED_ADOPT_SURVEY_H

#include "lib/base/base.h"
#include "lib/base/error.h"
#include "lib/store/store.h"

struct seed_adopt_list {
	char **items; /* owned, each; sorted, each once: so a folder is before what is in it */
	size_t count, alloc;
};

struct seed_adopt_survey {
	struct seed_adopt_list folders, names;
};

/* Release `survey` in any case. An error has a line that names the folder. */
errint_t seed_adopt_survey(const struct seed_store *store, struct seed_adopt_survey *survey,
			   struct seed_error *error) SEED_MUST_CHECK;
void seed_adopt_survey_release(struct seed_adopt_survey *survey);

#endif
