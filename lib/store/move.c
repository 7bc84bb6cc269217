#include "lib/store/internal.h"

errint_t seed_store_recover_moves(struct seed_store *store)
{
	SEED_UNUSED(store);
	return 0;
}
