/*
 * What comes in gzip (RFC 1952), or in HTTP's "deflate", which is zlib's format (RFC 1950) and from some
 * servers the bare one (RFC 1951), unpacked piece by piece, as far as somebody takes the pieces.
 *
 * curl could do it, but it unpacks whatever stack of encodings an answer names, and all of what it has
 * read, before anybody can look at the time, or say that there is no room: four levels of nothing but
 * empty blocks are some 38 KB and keep a processor busy for minutes. Here is one level, and it stops
 * where it is told to.
 */
#ifndef SEED_UNPACK_H
#define SEED_UNPACK_H

#include "lib/base/base.h"

struct seed_unpack;

/* Takes all of it; an error: none of it, and the same comes again. */
typedef errint_t seed_unpack_take_fn(void *context, const void *data, size_t len);

/* `may_be_bare`: it is called "deflate". -ENOMEM. */
errint_t seed_unpack_new(struct seed_unpack **unpack, bool may_be_bare) SEED_MUST_CHECK;
void seed_unpack_free(struct seed_unpack *unpack);

/* Gives all that `data` unpacks to, in pieces of at most 16 KiB. -EBADMSG: it cannot be unpacked;
 * -ENOMEM; otherwise what `take` has returned: to go on after that, call it with the same data, which
 * may have grown at its end. What follows the end is unpacked where it begins as gzip does (2.2, several
 * members), and else ignored. */
errint_t seed_unpack_more(struct seed_unpack *unpack, const void *data, size_t len, seed_unpack_take_fn *take,
			  void *context) SEED_MUST_CHECK;

/* Whether all of it was there. */
bool seed_unpack_is_whole(const struct seed_unpack *unpack);

#endif
