#include "lib/net/key.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/secret.h"

/* Room for one byte more than a key file may have, so that a longer file is noticed. */
#define TEXT_BYTES (SEED_KEY_MAX_BYTES + 2)

/* The longest header is base64 behind "Basic ". */
#define HEADER_BYTES (2 * TEXT_BYTES)

struct seed_key {
	atomic_uint refs; /* owners but one */
	size_t len_bytes;
	char text[TEXT_BYTES];
	char header[HEADER_BYTES];
};

static struct seed_key *key_new(struct seed_error *error)
{
	struct seed_key *key = seed_secret_new(sizeof(*key));

	if (!key)
		(void)seed_error_set(error, ENOMEM, "no memory for the key");
	return key;
}

struct seed_key *seed_key_ref(struct seed_key *key)
{
	atomic_fetch_add(&key->refs, 1);
	return key;
}

void seed_key_free(struct seed_key *key)
{
	if (!key || atomic_fetch_sub(&key->refs, 1) == 0)
		seed_secret_free(key, sizeof(*key));
}

const char *seed_key_text(const struct seed_key *key)
{
	return key->text;
}

const char *seed_key_take_header(struct seed_key *key, char *value)
{
	size_t len = strlen(value);

	assert(len < sizeof(key->header));
	memcpy(key->header, value, len + 1);
	explicit_bzero(value, len);
	free(value);
	return key->header;
}

const char *seed_key_header(const struct seed_key *key)
{
	return key->header;
}

static void trim(struct seed_key *key)
{
	size_t start = 0;

	while (key->len_bytes && isspace((unsigned char)key->text[key->len_bytes - 1]))
		key->len_bytes--;
	while (start < key->len_bytes && isspace((unsigned char)key->text[start]))
		start++;
	key->len_bytes -= start;
	memmove(key->text, key->text + start, key->len_bytes);
	explicit_bzero(key->text + key->len_bytes, TEXT_BYTES - key->len_bytes);
}

/* A key may say how it is to be sent: "Basic user:password", "Bearer TOKEN". */
static size_t scheme_bytes(const struct seed_key *key)
{
	if (strncasecmp(key->text, "Basic ", 6) == 0)
		return 6;
	return strncasecmp(key->text, "Bearer ", 7) == 0 ? 7 : 0;
}

/* Trims and checks. `what` and `where` name the origin: the key itself is
 * never in a message. */
static errint_t check(struct seed_key *key, const char *what, const char *where,
		      struct seed_error *error)
{
	if (key->len_bytes > SEED_KEY_MAX_BYTES)
		return seed_error_set(error, EINVAL, "%s %s: more than %d bytes, which is no key",
				      what, where, SEED_KEY_MAX_BYTES);
	trim(key);
	if (!key->len_bytes)
		return seed_error_set(error, EINVAL, "%s %s: empty; put the key there", what,
				      where);
	/* Printable ASCII: a key is the value of a header. It is better to find a byte order
	 * mark or a non-breaking space from a web page here than to send it to the
	 * service, which only says that the key is refused. */
	for (size_t i = scheme_bytes(key); i < key->len_bytes; i++)
		if (key->text[i] <= ' ' || key->text[i] > '~')
			return seed_error_set(error, EINVAL, "%s %s: byte %zu is white space, a "
					      "control character or not ASCII; put only the key "
					      "there", what, where, i);
	return 0;
}

static errint_t read_key(int fd, const char *path, struct seed_key *key, struct seed_error *error)
{
	/* The last byte stays the NUL. */
	ssize_t len = seed_io_read(fd, key->text, TEXT_BYTES - 1);

	if (len < 0)
		return seed_error_set(error, EACCES, "key file %s: cannot be read: %s", path,
				      strerrordesc_np((int)-len));
	key->len_bytes = (size_t)len;
	return 0;
}

/* `any_mode`: whoever wrote the file chose its mode knowingly (systemd). */
static errint_t load_file(const char *path, bool any_mode, struct seed_key *key,
			  struct seed_error *error)
{
	/* Not blocking: a FIFO would wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	errint_t result;
	struct stat st;

	if (fd < 0)
		return seed_error_set(error, errno == ENOENT ? ENOENT : EACCES, "key file %s: %s",
				      path, strerrordesc_np(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		result = seed_error_set(error, EINVAL, "key file %s: not a regular file", path);
	else if (!any_mode && (st.st_mode & 077))
		result = seed_error_set(error, EACCES, "key file %s: mode %04o lets others %s it; "
					"chmod 600 it", path, st.st_mode & 07777,
					st.st_mode & 044 ? "read" : "use");
	else
		result = read_key(fd, path, key, error);
	close(fd);
	return result ? result : check(key, "key file", path, error);
}

/* $CREDENTIALS_DIRECTORY/seedfs.key. -ENOENT: there is none. */
static errint_t load_credential(struct seed_key *key, struct seed_error *error)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	struct seed_error found;
	errint_t result;
	char *path;

	if (!directory || !directory[0])
		return -ENOENT;
	if (asprintf(&path, "%s/seedfs.key", directory) < 0)
		return seed_error_set(error, ENOMEM, "no memory for the key");
	result = load_file(path, true, key, &found);
	free(path);
	/* It is no error if there is none: the variables follow. */
	if (result && result != -ENOENT && error)
		*error = found;
	return result;
}

static errint_t load_variable(const char *const *variables, struct seed_key *key,
			      struct seed_error *error)
{
	for (; *variables; variables++) {
		const char *value = getenv(*variables);

		if (!value || !value[0])
			continue;
		key->len_bytes = strnlen(value, TEXT_BYTES - 1);
		memcpy(key->text, value, key->len_bytes);
		return check(key, "variable", *variables, error);
	}
	return -ENOENT;
}

errint_t seed_key_load(const char *file, const char *const *variables, struct seed_key **key,
		       struct seed_error *error)
{
	struct seed_key *loaded = key_new(error);
	errint_t result;

	if (!loaded)
		return -ENOMEM;
	if (file) {
		result = load_file(file, false, loaded, error);
	} else {
		result = load_credential(loaded, error);
		if (result == -ENOENT)
			result = load_variable(variables, loaded, error);
		if (result == -ENOENT)
			result = seed_error_set(error, ENOKEY, "set %s, or name a file with "
						"-o key_file=PATH; -o provider=sketch needs none",
						variables[0]);
	}
	if (result)
		seed_key_free(loaded);
	else
		*key = loaded;
	return result;
}
