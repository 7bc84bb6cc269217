/*
 * A provider's key: one locked object, zeroed when freed, never printed.
 *
 * Found in this order: the key file (`key_file=`), $CREDENTIALS_DIRECTORY/seedfs.key,
 * the provider's environment variables. The file's white space at the ends is
 * dropped; a key with anything but printable ASCII, inner white space or no
 * byte is refused. The file found in systemd's directory may have any mode.
 */
#ifndef SEED_KEY_H
#define SEED_KEY_H

#include "lib/base.h"
#include "lib/error.h"

struct seed_key;

/* `file` may be NULL; `variables` is a NULL-terminated list of environment
 * variable names (may be NULL). On success *key is the caller's (free with
 * seed_key_free). Errors, each with one line that says what to do:
 * -ENOKEY nothing found, -EACCES open to group or others or not readable,
 * -EINVAL not a key, -ENOENT no such file. Reads files: may block. */
errint_t seed_key_load(const char *file, const char *const *variables,
		       struct seed_key **key, struct seed_error *error) SEED_MUST_CHECK;

/* The key's text, valid until freed; never NULL for a non-NULL key. */
const char *seed_key_text(const struct seed_key *key);

void seed_key_free(struct seed_key *key); /* zeroes it first; NULL is allowed */

#endif
