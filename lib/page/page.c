#include "lib/page/page.h"

#include "lib/base/clock.h"
#include "lib/page/assets.h"
#include "lib/page/entries.h"
#include "lib/page/put.h"

/* The longest message of a service. */
#define TEXT_MAX_BYTES SEED_MESSAGE_MAX_BYTES

struct gallery {
	struct seed_store *store;
	const struct seed_page_config *config;
	struct seed_page_entries entries;
	struct seed_page page;
	struct seed_page plain; /* where scripts are off */
	size_t plain_count;
};

/* ---- the entries as data: the keys of a record ---- */

static void put_key(struct seed_page *page, const char *key)
{
	seed_page_putf(page, ",\"%s\":", key);
}

static void put_text(struct seed_page *page, const char *key, const char *text, size_t max)
{
	if (!text || !*text)
		return;
	put_key(page, key);
	seed_page_put_json(page, text, max);
}

static void put_time_key(struct seed_page *page, const char *key, int64_t wall_ms)
{
	char text[SEED_CLOCK_TEXT_BYTES];

	if (!wall_ms)
		return;
	seed_clock_format(wall_ms, text);
	put_text(page, key, text, sizeof(text));
}

static void put_picture(struct seed_page *page, const char *key, uint32_t width, uint32_t height,
			uint64_t bytes)
{
	if (bytes)
		seed_page_putf(page, ",\"%s\":{\"width\":%u,\"height\":%u,\"bytes\":%llu}", key, width,
			       height, (unsigned long long)bytes);
}

static void put_parameters(struct seed_page *page, const struct seed_params *params)
{
	seed_page_putf(page, ",\"parameters\":{\"steps\":%d,\"cfg_scale\":%g", params->steps,
		       params->cfg_scale);
	if (params->has_seed)
		seed_page_putf(page, ",\"seed\":%lld", (long long)params->seed);
	put_text(page, "quality", params->quality, TEXT_MAX_BYTES);
	put_text(page, "style", params->style, TEXT_MAX_BYTES);
	put_text(page, "negative_prompt", params->negative_prompt, TEXT_MAX_BYTES);
	seed_page_put(page, "}");
}

static void put_error(struct seed_page *page, const struct seed_kept_error *error)
{
	if (!error->code)
		return;
	seed_page_putf(page, ",\"error\":{\"errno\":\"%s\"", seed_error_name(error->code));
	put_text(page, "message", seed_error_words(error), TEXT_MAX_BYTES);
	seed_page_put(page, "}");
}

static void put_versions(struct gallery *gallery, const char *name)
{
	struct seed_page *page = &gallery->page;
	struct seed_versions versions;

	if (seed_versions_read(gallery->store, name, &versions))
		return;
	if (versions.count)
		put_key(page, "versions");
	for (size_t i = 0; i < versions.count; i++) {
		seed_page_put(page, i ? "," : "[");
		seed_page_put_json(page, versions.names[i], TEXT_MAX_BYTES);
	}
	if (versions.count)
		seed_page_put(page, "]");
	seed_versions_release(&versions);
}

static void put_row(struct seed_page *page, const struct seed_record *row)
{
	put_text(page, "state", seed_state_name(row->state), TEXT_MAX_BYTES);
	put_text(page, "prompt", row->prompt, SEED_PAGE_PROMPT_MAX_BYTES);
	if (row->prompt && strlen(row->prompt) > SEED_PAGE_PROMPT_MAX_BYTES)
		seed_page_put(page, ",\"cut\":true");
	put_text(page, "provider", row->provider, TEXT_MAX_BYTES);
	put_text(page, "model", row->params->model, TEXT_MAX_BYTES);
	put_parameters(page, row->params);
	put_picture(page, "source", row->source.width, row->source.height, row->source.bytes);
	put_picture(page, "image", row->image.width, row->image.height, row->image.bytes);
	put_error(page, &row->error);
	put_time_key(page, "created_at", row->created_ms);
	put_time_key(page, "verified_at", row->verified_ms);
	if (row->cost >= 0)
		seed_page_putf(page, ",\"cost\":%.15g", row->cost);
}

/* ---- the same as a plain page ---- */

static void put_time(struct seed_page *page, const struct timespec *time)
{
	char text[SEED_CLOCK_TEXT_BYTES];

	seed_clock_format(seed_clock_file_ms(time), text);
	seed_page_putf(page, "<time datetime=\"%s\">%.10s %.5s UTC</time>", text, text,
		       text + strlen("2026-11-22T"));
}

/* Reserves space for the picture before it is loaded. Without a row, which may have been
 * removed, the mount's size is assumed. */
static void put_room(struct gallery *gallery, const struct seed_record *row)
{
	seed_page_putf(&gallery->plain, " width=\"%u\" height=\"%u\"",
		       row ? row->image.width : gallery->config->width,
		       row ? row->image.height : gallery->config->height);
}

static void put_image(struct gallery *gallery, const char *name, const struct seed_record *row)
{
	struct seed_page *page = &gallery->plain;
	bool thumbs = gallery->config->thumbs;

	seed_page_put(page, "<a class=\"open\" href=\"");
	seed_page_put_url(page, "images/", name, ".png");
	seed_page_put(page, "\"><img loading=\"lazy\"");
	put_room(gallery, row);
	seed_page_put(page, " src=\"");
	seed_page_put_url(page, thumbs ? "thumbs/" : "images/", name, thumbs ? ".jpg" : ".png");
	seed_page_put(page, "\" alt=\"");
	seed_page_put_line(page, name, SIZE_MAX);
	seed_page_put(page, "\"></a>\n");
}

static void put_facts(struct seed_page *page, const struct seed_page_entry *entry,
		      const struct seed_record *row)
{
	seed_page_put(page, "<p class=\"facts\">");
	put_time(page, &entry->time);
	if (row) {
		seed_page_putf(page, " <span>%u×%u</span> <a href=\"", row->image.width,
			       row->image.height);
		seed_page_put_url(page, "records/", entry->name, ".json");
		seed_page_put(page, "\">record</a>");
	}
	seed_page_put(page, "</p>");
}

/* For images only. `row` is NULL if none describes this image. */
static void put_plain(struct gallery *gallery, const struct seed_page_entry *entry,
		      const struct seed_record *row)
{
	struct seed_page *page = &gallery->plain;

	if (gallery->plain_count == SEED_PAGE_PLAIN_MAX)
		return;
	gallery->plain_count++;
	seed_page_put(page, "<li class=\"card\">");
	put_image(gallery, entry->name, row);
	seed_page_put(page, "<div class=\"about\"><h2 dir=\"auto\">");
	seed_page_put_line(page, entry->name, SIZE_MAX);
	seed_page_put(page, "</h2>");
	if (row && row->prompt) {
		seed_page_put(page, "<p class=\"prompt\" dir=\"auto\">");
		seed_page_put_line(page, row->prompt, SEED_PAGE_PROMPT_MAX_BYTES);
		seed_page_put(page, "</p>");
	}
	put_facts(page, entry, row);
	seed_page_put(page, "</div></li>\n");
}

/* ---- each entry ---- */

static void put_entry(struct gallery *gallery, const struct seed_page_entry *entry, bool *first)
{
	struct seed_page *page = &gallery->page;
	struct seed_record row;
	errint_t err = seed_store_record_read(gallery->store, entry->name, &row);
	/* Between two steps of the store, the row may belong to another prompt. */
	bool about = !err && (row.state == SEED_STATE_VERIFIED) == entry->has_image &&
		     row.state != SEED_STATE_CANCELLED;

	if (about || entry->has_image) {
		seed_page_put(page, *first ? "\n{\"name\":" : ",\n{\"name\":");
		*first = false;
		seed_page_put_json(page, entry->name, SIZE_MAX);
		if (about) {
			put_row(page, &row);
		} else {
			seed_page_put(page, ",\"state\":\"verified\",\"bare\":true");
			put_time_key(page, "verified_at", seed_clock_file_ms(&entry->time));
		}
		put_versions(gallery, entry->name);
		seed_page_put(page, "}");
	}
	if (entry->has_image)
		put_plain(gallery, entry, about ? &row : NULL);
	seed_record_release(&row);
}

static void put_data(struct gallery *gallery, uint64_t changes)
{
	struct seed_page *page = &gallery->page;
	bool first = true;

	seed_page_put(page, "<script type=\"application/json\" id=\"data\">{\"title\":");
	seed_page_put_json(page, gallery->config->title, SIZE_MAX);
	seed_page_putf(page, ",\"changes\":%llu,\"images\":%zu%s%s,\"entries\":[",
		       (unsigned long long)changes, gallery->entries.images,
		       gallery->entries.cut ? ",\"cut\":true" : "",
		       gallery->config->thumbs ? ",\"thumbs\":true" : "");
	for (size_t i = 0; i < gallery->entries.count && !page->err; i++)
		put_entry(gallery, &gallery->entries.list[i], &first);
	seed_page_put(page, "]}</script>\n");
}

static void put_footer(struct gallery *gallery)
{
	struct seed_page *page = &gallery->page;

	if (gallery->entries.cut)
		seed_page_putf(page, "<footer><p>There is more under <a href=\"images/\">images</a>: this "
			       "page looks at %d files and shows the %zu newest of them.</p></footer>\n",
			       SEED_PAGE_LOOKED_MAX, gallery->plain_count);
	else if (gallery->entries.images > gallery->plain_count)
		seed_page_putf(page, "<footer><p>The %zu newest of %zu; all are under <a href=\"images/\">"
			       "images</a>.</p></footer>\n", gallery->plain_count,
			       gallery->entries.images);
}

static void put_plain_page(struct gallery *gallery)
{
	struct seed_page *page = &gallery->page;

	seed_page_put(page, "<noscript>\n<header><h1>");
	seed_page_put_line(page, gallery->config->title, SIZE_MAX);
	seed_page_putf(page, "</h1><p>%zu</p></header>\n", gallery->entries.images);
	if (gallery->plain_count) {
		seed_page_put(page, "<ul class=\"cards\">\n");
		seed_page_put_bytes(page, gallery->plain.buf.data, gallery->plain.buf.len_bytes);
		seed_page_put(page, "</ul>\n");
	} else {
		seed_page_put(page, "<p>None yet: <code>echo \"a red fox in deep snow\" &gt; "
			      "prompts/fox</code> makes the first one.</p>\n");
	}
	put_footer(gallery);
	seed_page_put(page, "</noscript>\n");
}

/* ---- the page ---- */

static void put_head(struct gallery *gallery)
{
	char style[SEED_PAGE_HASH_BYTES], script[SEED_PAGE_HASH_BYTES];
	struct seed_page *page = &gallery->page;

	page->err = seed_page_hash(seed_page_css, style);
	if (!page->err)
		page->err = seed_page_hash(seed_page_js, script);
	seed_page_putf(page,
			"<!DOCTYPE html>\n"
			"<html lang=\"en\">\n"
			"<meta charset=\"utf-8\">\n"
			"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
			"img-src 'self'; connect-src 'self'; style-src '%s'; script-src '%s'; "
			"base-uri 'none'; form-action 'none'\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			"<meta name=\"color-scheme\" content=\"light dark\">\n"
			"<meta name=\"referrer\" content=\"no-referrer\">\n"
			"<title>", style, script);
	seed_page_put_line(page, gallery->config->title, SIZE_MAX);
	seed_page_put(page, "</title>\n<style>");
	seed_page_put(page, seed_page_css);
	seed_page_put(page, "</style>\n<body>\n");
}

errint_t seed_page_render(struct seed_store *store, const struct seed_page_config *config,
			  struct seed_buf *out)
{
	struct gallery gallery = { .store = store, .config = config };
	/* Taken before the walk: whatever changes meanwhile is asked for again. */
	uint64_t changes = seed_store_changes(store);

	seed_buf_init(&gallery.page.buf, SEED_PAGE_MAX_BYTES);
	seed_buf_init(&gallery.plain.buf, SEED_PAGE_MAX_BYTES);
	gallery.page.err = seed_page_entries_read(store, &gallery.entries);
	if (!gallery.page.err)
		put_head(&gallery);
	put_data(&gallery, changes);
	if (!gallery.page.err)
		gallery.page.err = gallery.plain.err;
	put_plain_page(&gallery);
	seed_page_put(&gallery.page, "<script>");
	seed_page_put(&gallery.page, seed_page_js);
	seed_page_put(&gallery.page, "</script>\n</html>\n");
	if (!gallery.page.err)
		gallery.page.err = seed_buf_add(out, gallery.page.buf.data, gallery.page.buf.len_bytes);
	seed_page_entries_release(&gallery.entries);
	seed_buf_release(&gallery.page.buf);
	seed_buf_release(&gallery.plain.buf);
	return gallery.page.err;
}
