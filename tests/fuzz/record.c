/* Fuzz target: any bytes as a row of the catalogue or of the journal. */
#include "tests/fuzz/fuzz.h"

#include "lib/base/text.h"
#include "lib/record/record.h"

/* What was read is written, read again, and is the same then. */
static void round_trip(const struct seed_record *record)
{
	char *text = seed_record_format(record, NULL, 0), *second;
	struct seed_record again, copied;

	CHECK(text && !seed_record_parse(text, strlen(text), &again));
	CHECK(!seed_record_copy(&copied, &again));
	second = seed_record_format(&copied, NULL, 0);
	CHECK(second && !strcmp(text, second));
	free(second);
	free(text);
	seed_record_release(&copied);
	seed_record_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *json = text_of(data, len);
	struct seed_record record;
	errint_t err = seed_record_parse(json, len, &record);

	CHECK(err == 0 || err == -EBADMSG);
	if (!err) {
		CHECK(record.attempt_count >= 0 && record.attempt_count <= SEED_ATTEMPTS_MAX);
		round_trip(&record);
	}
	seed_record_release(&record);
	free(json);
	return 0;
}
