/*
 * A hash table of links that stand in what it holds. It has as many buckets as it holds
 * things, within a factor, and gives them back: neither a look-up nor an empty table depends
 * on how much there was once. A change of size costs some 30 ns for each link, and happens
 * when their number has doubled, or fallen to an eighth.
 *
 * Without memory for another size it keeps the one that it has. Not shared between threads.
 */
#ifndef SEED_TABLE_H
#define SEED_TABLE_H

#include "lib/base/base.h"

struct seed_table_link {
	struct seed_table_link *next, **link;
	uint64_t hash;
};

struct seed_table {
	struct seed_table_link **buckets; /* owned */
	size_t size, count;
};

errint_t seed_table_init(struct seed_table *table) SEED_MUST_CHECK;
void seed_table_release(struct seed_table *table); /* what was initialised with zeros, too */

/* A hash whose lower bits are as good as any. */
void seed_table_add(struct seed_table *table, struct seed_table_link *link, uint64_t hash);
/* True: the table has become smaller. */
bool seed_table_remove(struct seed_table *table, struct seed_table_link *link);

/* The first of a chain that has all links of this hash, newest first, and others;
 * the rest is at `next`. NULL: none. */
struct seed_table_link *seed_table_find(const struct seed_table *table, uint64_t hash);

#endif
