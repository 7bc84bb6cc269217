/*
 * The journal's row as a file of lines: each says all that there is to say, the
 * last one that is whole counts. One line is
 *
 *     #CHECKSUM SPENT {the row}
 *
 * The checksum is of what follows it up to the line break: what a power cut left
 * of a line is none. SPENT is the file `spent` at that moment, its lines ended by
 * semicolons: so the file itself need not be synced before a submission. A row
 * that is one JSON text is of an earlier version.
 */
#include <libdeflate.h>

#include "lib/base/buf.h"
#include "lib/store/internal.h"

#define CHECKSUM_BYTES 10 /* "#0123abcd " */
#define CHECKSUM_FORMAT "#%08x "

static void exchange(char *text, size_t len, char from, char to)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == from)
			text[i] = to;
}

errint_t seed_store_line_format(struct seed_store *store, const struct seed_record *record,
				struct seed_buf *line)
{
	char head[CHECKSUM_BYTES + 1], *json = seed_record_format_line(record);
	errint_t err;

	if (!json)
		return -ENOMEM;
	(void)snprintf(head, sizeof(head), CHECKSUM_FORMAT, 0);
	err = seed_buf_add(line, head, CHECKSUM_BYTES);
	if (!err)
		err = seed_store_spent_format(store, line);
	if (!err) {
		exchange(line->data, line->len_bytes, '\n', ';');
		err = seed_buf_addf(line, " %s", json);
	}
	free(json);
	if (err)
		return err;
	(void)snprintf(head, sizeof(head), CHECKSUM_FORMAT,
		       libdeflate_crc32(0, line->data + CHECKSUM_BYTES,
					line->len_bytes - CHECKSUM_BYTES - 1));
	memcpy(line->data, head, CHECKSUM_BYTES);
	return 0;
}

static bool is_whole(const char *line, size_t len)
{
	char head[CHECKSUM_BYTES + 1];

	if (len <= CHECKSUM_BYTES)
		return false;
	(void)snprintf(head, sizeof(head), CHECKSUM_FORMAT,
		       libdeflate_crc32(0, line + CHECKSUM_BYTES, len - CHECKSUM_BYTES));
	return memcmp(line, head, CHECKSUM_BYTES) == 0;
}

/* The last line that is whole; NULL: none. */
static char *last_line(char *text, size_t len, size_t *line_len)
{
	while (len > 0) {
		char *end = text + len, *line = memrchr(text, '\n', len);

		line = line ? line + 1 : text;
		*line_len = (size_t)(end - line);
		if (is_whole(line, *line_len))
			return line;
		len = line > text ? (size_t)(line - text) - 1 : 0;
	}
	return NULL;
}

errint_t seed_store_lines_parse(char *text, size_t len, struct seed_record *record,
				struct seed_spent *spent)
{
	char *line = text, *json;
	size_t line_len = len;

	seed_record_init(record);
	*spent = (struct seed_spent){ 0 };
	if (len && *text == '{')
		return seed_record_parse(text, len, record);
	line = last_line(text, len, &line_len);
	json = line ? memchr(line, '{', line_len) : NULL;
	if (!json)
		return -EBADMSG;
	/* The blank before it; what was spent is not told where nothing was. */
	json[-1] = '\0';
	exchange(line, (size_t)(json - line) - 1, ';', '\n');
	if (seed_store_spent_parse(line + CHECKSUM_BYTES, spent))
		*spent = (struct seed_spent){ 0 };
	seed_record_release(record);
	return seed_record_parse(json, line_len - (size_t)(json - line), record);
}
