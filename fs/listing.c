#include "fs/fs.h"

bool listing_add(struct listing *listing, const char *name, bool is_folder)
{
	size_t size = strlen(name) + 2;

	if (listing->len + size > listing->alloc) {
		size_t alloc = listing->alloc ? 2 * listing->alloc : 4096;
		char *data;

		while (alloc < listing->len + size)
			alloc *= 2;
		data = realloc(listing->data, alloc);
		if (!data)
			return false;
		listing->data = data;
		listing->alloc = alloc;
	}
	listing->data[listing->len] = is_folder ? 'd' : 'f';
	memcpy(listing->data + listing->len + 1, name, size - 1);
	listing->len += size;
	return true;
}
