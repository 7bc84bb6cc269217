#include "lib/image/exif.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

struct tiff {
	const uint8_t *data;
	size_t len;
	bool big_endian;
};

/* Returns 0 beyond the end: no offset, count or tag that is looked for is 0. */
static uint32_t load(const struct tiff *tiff, size_t at, int bytes)
{
	uint32_t value = 0;

	if (at > tiff->len || tiff->len - at < (size_t)bytes)
		return 0;
	for (int i = 0; i < bytes; i++)
		value = value << 8 | tiff->data[at + (size_t)(tiff->big_endian ? i : bytes - 1 - i)];
	return value;
}

static int orientation_of_directory(const struct tiff *tiff, size_t at)
{
	uint32_t count = load(tiff, at, 2);

	for (uint32_t i = 0; i < count; i++) {
		size_t entry = at + 2 + (size_t)i * ENTRY_BYTES;
		uint32_t value = load(tiff, entry + 8, 2);

		if (load(tiff, entry, 2) == TAG_ORIENTATION &&
		    load(tiff, entry + 2, 2) == TYPE_SHORT && load(tiff, entry + 4, 4) == 1)
			return value >= 1 && value <= 8 ? (int)value : 1;
	}
	return 1;
}

int seed_exif_orientation(const uint8_t *data, size_t len)
{
	size_t name_len;
	struct tiff tiff;

	if (len < 14)
		return 1;
	name_len = memcmp(data, "Exif\0\0", 6) ? 0 : 6;
	tiff.data = data + name_len;
	tiff.len = len - name_len;
	tiff.big_endian = *tiff.data == 'M';
	if (memcmp(tiff.data, tiff.big_endian ? "MM\0*" : "II*\0", 4))
		return 1;
	return orientation_of_directory(&tiff, load(&tiff, 4, 4));
}
