#include "lib/base/error.h"

#include <stdarg.h>

#include "lib/base/text.h"

/* Above every errno that Linux has (EHWPOISON, 133), below its bound (4095). */
#define ERRNO_END 256

errint_t seed_error_set(struct seed_error *error, int code, const char *format, ...)
{
	/* Not straight into `error`: a message may quote the one that it replaces. */
	char text[SEED_MESSAGE_MAX_BYTES];
	va_list arguments;
	size_t len;
	int wanted;

	if (!error)
		return -code;
	va_start(arguments, format);
	wanted = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (wanted < 0)
		text[0] = '\0';
	len = strlen(text);
	if (wanted >= (int)sizeof(text))
		len = seed_text_whole(text, len);
	seed_text_one_line(text, len);
	error->code = code;
	error->http_status = 0;
	error->final = false;
	memcpy(error->message, text, len);
	error->message[len] = '\0';
	return -code;
}

void seed_error_keep(struct seed_kept_error *kept, const struct seed_error *error)
{
	char *message = *error->message ? strdup(error->message) : NULL;

	free(kept->message);
	*kept = (struct seed_kept_error){ error->code, error->http_status, message };
}

void seed_error_drop(struct seed_kept_error *kept)
{
	free(kept->message);
	*kept = (struct seed_kept_error){ 0 };
}

const char *seed_error_words(const struct seed_kept_error *kept)
{
	if (kept->message)
		return kept->message;
	return kept->code ? strerrordesc_np(kept->code) ? strerrordesc_np(kept->code) : "?" : "";
}

void seed_error_recall(const struct seed_kept_error *kept, struct seed_error *error)
{
	SEED_UNUSED(seed_error_set(error, kept->code, "%s", seed_error_words(kept)) == 0);
	error->http_status = kept->http_status;
}

const char *seed_error_name(int code)
{
	const char *name = strerrorname_np(code);

	return name ? name : "E?";
}

int seed_error_code(const char *name)
{
	for (int code = 1; code < ERRNO_END; code++) {
		const char *known = strerrorname_np(code);

		if (known && strcmp(known, name) == 0)
			return code;
	}
	return 0;
}

bool seed_error_is_lack(errint_t err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

int seed_error_from_status(long status)
{
	switch (status) {
	case 401:
	case 403:
		return EKEYREJECTED;
	case 402:
		return EDQUOT;
	case 400:
	case 422:
		return EINVAL;
	case 408:
	case 504:
		return ETIMEDOUT;
	default:
		return EIO;
	}
}
