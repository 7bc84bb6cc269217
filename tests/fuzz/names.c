/* Fuzz target: any bytes as a NAME, as a name in the log, and as a line of it. */
#include "tests/fuzz/fuzz.h"

#include "lib/base/text.h"

static void shown(const char *name)
{
	char whole[4 * SEED_NAME_MAX_BYTES + 1], cut[16];
	size_t len = seed_text_escape_name(name, whole, sizeof(whole));

	CHECK(seed_text_escape_name(name, cut, sizeof(cut)) == len);
	CHECK(strlen(cut) == (len < sizeof(cut) ? len : sizeof(cut) - 1));
	for (const char *at = whole; *at; at++)
		CHECK((unsigned char)*at > 0x20 && *at != 0x7f);
}

static void line(char *text, size_t len)
{
	char *again;

	seed_text_one_line(text, len);
	CHECK(seed_text_utf8_prefix(text, len, NULL) == len);
	for (size_t i = 0; i < len; i++)
		CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
	again = text_of((const uint8_t *)text, len);
	seed_text_one_line(again, len);
	CHECK(!memcmp(again, text, len));
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *name = text_of(data, len);
	errint_t err = seed_text_check_name(name);
	errint_t stored = seed_text_check_stored_name(name);

	CHECK(err || !stored);
	if (!stored) {
		CHECK(*name && *name != '/' && strlen(name) <= SEED_NAME_MAX_BYTES);
		CHECK(!strstr(name, "//") && !strstr(name, "/../") && strcmp(name, "..") != 0);
		CHECK(strncmp(name, "../", 3) != 0);
	}
	if (strlen(name) <= SEED_NAME_MAX_BYTES)
		shown(name);
	line(name, len);
	free(name);
	return 0;
}
