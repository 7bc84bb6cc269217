/* What the answer to a provider's proof_path says about the key. Pure functions. */
#ifndef SEED_PROVIDER_PROOF_H
#define SEED_PROVIDER_PROOF_H

#include "lib/provider/provider.h"

enum seed_proof_result {
	SEED_PROOF_OK,      /* the service accepts the key, or needs none */
	SEED_PROOF_REACHED, /* the service answers, but this proves nothing about the key */
	SEED_PROOF_BAD,     /* `text` says what is wrong and what to do */
};

/* What the answer means, and a line about it (at most `size` with its NUL). */
enum seed_proof_result seed_proof_judge(const struct seed_provider *provider,
					const struct seed_response *response, char *text,
					size_t size);

#endif
