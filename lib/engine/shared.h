/*
 * The store that the engine shares its catalogue in with other hosts, as the mount found it.
 * A header of its own: of all that includes engine.h, only the mount and the engine's part that
 * asks the store have to know what S3 is.
 */
#ifndef SEED_ENGINE_SHARED_H
#define SEED_ENGINE_SHARED_H

#include "lib/base/base.h"
#include "lib/s3/s3.h"
#include "lib/share/presence.h"

/* Texts are borrowed until the engine is freed. */
struct seed_engine_store {
	struct seed_s3_config s3;
	struct seed_s3_credentials *credentials; /* the engine's once seed_engine_new() has succeeded */
	bool probed;         /* else it was away at the mount: lib/s3/probe.h comes before any write */
	bool quotes;         /* how If-Match is written, once it is probed */
	bool wait_offline;   /* while the store is away, new prompts wait; else EHOSTUNREACH */
	int64_t cache_bytes; /* of images that are kept here */
	const char *host;    /* this state directory's own name, among those of the bucket */
	const char *place;   /* where it is, as lib/share/presence.h wants it; */
	const char *where;   /* and for people */
	struct seed_presence_held held; /* what the mount has found out: the id is its own */
	int64_t keep;        /* earlier images of each name; -1: all */
};

#endif
