/*
 * Fuzz target: what a worker that a picture has taken over may answer. (A job comes
 * from the daemon, which nobody else writes to.)
 */
#include "tests/fuzz/fuzz.h"

#include "lib/worker/wire.h"

static void as_result(const uint8_t *data, size_t len)
{
	struct seed_image_result result;

	memset(&result, 0x41, sizeof(result));
	memcpy(&result, data, len < sizeof(result) ? len : sizeof(result));
	/* A bool is a byte of 0 or 1: the pool sets it before it looks. */
	result.local = false;
	seed_wire_check_result(&result);
	CHECK(strlen(result.error.message) < sizeof(result.error.message));
	CHECK(strlen(result.source.sha256) < sizeof(result.source.sha256));
	CHECK(!strpbrk(result.source.format, "\n\r\t\x1b"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	as_result(data, len);
	return 0;
}
