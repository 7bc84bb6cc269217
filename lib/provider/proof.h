/* What the answer to a provider's proof_path says about the key. Pure functions. */
#ifndef SEED_PROVIDER_PROOF_H
#define SEED_PROVIDER_PROOF_H

#include "lib/provider/provider.h"

/* False: something is wrong. `text` (at most `size` with its NUL) says what and what to
 * do, or else what was proved. */
bool seed_proof_judge(const struct seed_provider *provider, const struct seed_response *response,
		      char *text, size_t size);

#endif
