/*
 * A state directory that was one host's own becomes a catalogue that hosts share: each
 * folder, each image under its sum, and each NAME as an entry, in this order, so that no
 * entry ever names an image that is not there. Entries are only made where nothing ever stood
 * (seed_share_create()), so nothing of other hosts is changed, and a run that was cut off at
 * any step is simply repeated: what is there already is found.
 *
 * Some names are copied at once; each holds one image in memory, and all of them
 * SEED_ADOPT_HELD_BYTES or a single image.
 *
 * One thread, which blocks on the disk; the network goes on meanwhile in the kernel. Nothing
 * else may change the directory, or use the net.
 */
#ifndef SEED_ADOPT_ADOPT_H
#define SEED_ADOPT_ADOPT_H

#include <signal.h>

#include "lib/adopt/entry.h"
#include "lib/s3/s3.h"

#define SEED_ADOPT_HELD_BYTES (256 * 1024 * 1024)

struct seed_adopt_config {
	struct seed_store *store;
	struct seed_net *net; /* that of `s3` */
	struct seed_s3 *s3;
	struct seed_s3_credentials *credentials; /* those of `s3`: a role's are asked for anew */
	const char *host;     /* 16 hexadecimal digits, which nobody else has */
	struct seed_adopt_report problems;
	struct seed_adopt_report progress; /* a line every few seconds */
	const volatile sig_atomic_t *stop; /* set by a signal's handler: it ends soon */
};

struct seed_adopt_counts {
	size_t names, names_total; /* looked at, of all */
	size_t copied, there;      /* entries made by this run; that were there as they are here */
	size_t folders, folders_made;
	size_t images, images_sent;
	uint64_t bytes_sent;
	size_t made_rows;  /* images that had no record */
	size_t left_out;   /* images that are no part of their entry */
	size_t refused;    /* names and folders that stay here: others have them, or they cannot be copied */
};

/* 0: all was looked at; `counts` says whether all is there (nothing left out, nothing refused).
 * -EINTR: stopped. -EHOSTUNREACH, -ETIMEDOUT: the store is away. Others (-EACCES, -ENOSPC, -EIO …)
 * need somebody. All with a line, and all may be repeated. */
errint_t seed_adopt_run(const struct seed_adopt_config *config, struct seed_adopt_counts *counts,
			struct seed_error *error) SEED_MUST_CHECK;

/* "120 of 5000 names, …" */
void seed_adopt_describe(const struct seed_adopt_counts *counts, char *text, size_t size);

#endif
