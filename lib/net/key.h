/*
 * A provider's key: one locked object, zeroed when freed, never printed. It is the
 * only lasting copy that this program makes, the header's value included. Others
 * exist for the time of a request: the header's line (lib/net/net.c clears it) and what
 * curl and OpenSSL copy it to, which they free without clearing. A key that
 * came by a variable stays in the environment, where SIGHUP reads it again. Neither
 * reaches a core file nor another process of the same user: fs/main.c switches off
 * both.
 *
 * Found in this order: the key file (`key_file=`), $CREDENTIALS_DIRECTORY/seedfs.key,
 * the provider's environment variables. The file's white space at the ends is
 * dropped; a key with anything but printable ASCII, inner white space or no
 * byte is refused. The file found in systemd's directory may have any mode.
 */
#ifndef SEED_KEY_H
#define SEED_KEY_H

#include "lib/base/base.h"
#include "lib/base/error.h"

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

/* Moves the value of an Authorization header, made of the key, into the same locked
 * memory; `value` is cleared and freed. Returns it there, valid until the key is
 * freed or gets another. */
const char *seed_key_take_header(struct seed_key *key, char *value);

void seed_key_free(struct seed_key *key); /* zeroes it first; NULL is allowed */

#endif
