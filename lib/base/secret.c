#include "lib/base/secret.h"

#include <sys/mman.h>

void *seed_secret_new(size_t bytes)
{
	void *secret = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (secret == MAP_FAILED)
		return NULL;
	/* Best effort: where RLIMIT_MEMLOCK is 0 (some containers), a key that
	 * could be swapped out is still better than no mount. */
	(void)mlock(secret, bytes);
	(void)madvise(secret, bytes, MADV_DONTDUMP);
	return secret;
}

void seed_secret_free(void *secret, size_t bytes)
{
	if (!secret)
		return;
	explicit_bzero(secret, bytes);
	(void)munmap(secret, bytes); /* unlocks it, too */
}
