/* Fuzz target: any bytes as the entry of a name in a shared store, and what each change makes
 * of it. */
#include "tests/fuzz/fuzz.h"

#include "lib/share/entry.h"

static void passes(const struct seed_share_entry *entry)
{
	struct seed_share_entry again;
	char *text = seed_share_format(entry), *same;

	CHECK(text);
	CHECK(!seed_share_parse(text, strlen(text), "fox", &again));
	same = seed_share_format(&again);
	CHECK(same && strcmp(text, same) == 0);
	free(same);
	free(text);
	seed_share_release(&again);
}

static bool parse(const char *text, size_t len, struct seed_share_entry *entry)
{
	if (!seed_share_parse(text, len, "fox", entry))
		return true;
	seed_share_release(entry);
	return false;
}

/* Whatever stands there: a text begins, a row is taken, and its image is placed. */
static void change(const char *text, size_t len)
{
	const struct seed_share_change host = { .host = "00000000000000a0", .now_s = 1 << 30, .lease_s = 30, .keep = -1 };
	const struct seed_share_row *row = NULL;
	struct seed_share_entry entry;
	struct seed_record copy;

	if (!parse(text, len, &entry))
		return;
	passes(&entry);
	row = seed_share_take(&entry, &host);
	if (row) {
		CHECK(!seed_record_copy(&copy, &row->record));
		passes(&entry);
		copy.state = SEED_STATE_VERIFIED;
		copy.image = (struct seed_image_info){ .width = 1, .height = 1, .bytes = 1 };
		CHECK(!seed_share_finish(&entry, &host, &copy));
		CHECK(seed_share_end_of(&entry, copy.id) == SEED_SHARE_MADE);
		passes(&entry);
		seed_record_release(&copy);
	}
	seed_share_release(&entry);
}

/* And what users do to it. */
static void use(const char *text, size_t len)
{
	const struct seed_share_change host = { .host = "00000000000000a0", .now_s = 1, .lease_s = 30, .keep = 2 };
	struct seed_share_entry entry, target, source;
	errint_t errs[5];

	if (!parse(text, len, &entry))
		return;
	seed_share_init(&target);
	CHECK(!seed_share_copy(&source, &entry, NULL));
	errs[0] = seed_share_join(&target, &host, &entry, "fox");
	if (!errs[0]) {
		CHECK(!seed_share_join(&target, &host, &source, "fox"));
		CHECK(!seed_share_leave(&source, &host, "owl", target.serial));
		passes(&target);
	}
	passes(&source);
	errs[0] = seed_share_restore(&entry, &host, entry.version_count ? entry.versions[0].number : 1);
	errs[1] = seed_share_remove_version(&entry, &host, entry.version_count ? entry.versions[0].number : 1);
	errs[2] = seed_share_remove_record(&entry, &host);
	errs[3] = seed_share_remove_image(&entry, &host);
	errs[4] = seed_share_remove_prompt(&entry, &host);
	for (size_t i = 0; i < SEED_ARRAY_LEN(errs); i++)
		CHECK(!errs[i] || errs[i] == -ENOENT || errs[i] == -EBUSY);
	passes(&entry);
	seed_share_release(&entry);
	seed_share_release(&target);
	seed_share_release(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	change((const char *)data, len);
	use((const char *)data, len);
	return 0;
}
