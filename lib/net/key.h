/*
 * A provider's key: one locked object, zeroed when freed, never printed. It is the
 * only lasting copy that this program makes, including the header's value. Other copies
 * exist only during a request: the header's line, which lib/net/net.c clears, and what
 * curl and OpenSSL copy, which they free without clearing. A key from an environment
 * variable stays in the environment, where SIGHUP reads it again. No copy
 * reaches a core file or another process of the same user: fs/main.c switches both
 * off.
 *
 * It is looked for in this order: the key file (`key_file=`),
 * $CREDENTIALS_DIRECTORY/seedfs.key, the provider's environment variables. White space
 * at the ends of the file is dropped. A key that is empty, or has white space inside or
 * anything but printable ASCII, is refused. The file in systemd's directory may have
 * any mode.
 */
#ifndef SEED_KEY_H
#define SEED_KEY_H

#include "lib/base/base.h"
#include "lib/base/error.h"

struct seed_key;

/* `file` may be NULL; then `variables` is a NULL-terminated list of at least one
 * environment variable's name. On success *key is the caller's (free with
 * seed_key_free). Errors, each with one line that says what to do:
 * -ENOKEY nothing found, -EACCES open to group or others or not readable,
 * -EINVAL not a key, -ENOENT no such file. Reads files: may block. */
errint_t seed_key_load(const char *file, const char *const *variables,
		       struct seed_key **key, struct seed_error *error) SEED_MUST_CHECK;

/* The key's text, valid until freed; never NULL for a non-NULL key. */
const char *seed_key_text(const struct seed_key *key);

/* Moves the value of an Authorization header, made from the key, into the same locked
 * memory; `value` is cleared and freed. The returned value is valid until the key is
 * freed or gets another one. */
const char *seed_key_take_header(struct seed_key *key, char *value);

/* That value; "" if it has none. */
const char *seed_key_header(const struct seed_key *key);

/* One more owner, who calls seed_key_free(), too. Any thread. */
struct seed_key *seed_key_ref(struct seed_key *key);
void seed_key_free(struct seed_key *key); /* the last owner's zeroes it first; NULL is allowed */

#endif
