#include "lib/base/table.h"

#include <stdlib.h>

#define SIZE_LEAST 64

errint_t seed_table_init(struct seed_table *table)
{
	*table = (struct seed_table){ .buckets = calloc(SIZE_LEAST, sizeof(table->buckets[0])) };
	if (!table->buckets)
		return -ENOMEM;
	table->size = SIZE_LEAST;
	return 0;
}

void seed_table_release(struct seed_table *table)
{
	free(table->buckets);
	*table = (struct seed_table){ 0 };
}

static struct seed_table_link **bucket_of(const struct seed_table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->size - 1)];
}

static void put(struct seed_table *table, struct seed_table_link *link)
{
	struct seed_table_link **bucket = bucket_of(table, link->hash);

	link->next = *bucket;
	link->link = bucket;
	if (link->next)
		link->next->link = &link->next;
	*bucket = link;
}

static bool resize(struct seed_table *table, size_t size)
{
	struct seed_table_link **old = table->buckets, *link, *next;
	size_t old_size = table->size;
	struct seed_table_link **fresh = calloc(size, sizeof(fresh[0]));

	if (!fresh)
		return false;
	table->buckets = fresh;
	table->size = size;
	for (size_t i = 0; i < old_size; i++) {
		for (link = old[i]; link; link = next) {
			next = link->next;
			put(table, link);
		}
	}
	free(old);
	return true;
}

void seed_table_add(struct seed_table *table, struct seed_table_link *link, uint64_t hash)
{
	link->hash = hash;
	if (++table->count > table->size)
		resize(table, 2 * table->size);
	put(table, link);
}

bool seed_table_remove(struct seed_table *table, struct seed_table_link *link)
{
	*link->link = link->next;
	if (link->next)
		link->next->link = link->link;
	table->count--;
	return table->size > SIZE_LEAST && table->count < table->size / 8 &&
	       resize(table, table->size / 2);
}

struct seed_table_link *seed_table_find(const struct seed_table *table, uint64_t hash)
{
	return *bucket_of(table, hash);
}
