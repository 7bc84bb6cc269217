/*
 * index.html: the images of the mount on one page, newest first, to open in a
 * browser straight from the mount (file://) or through any web server.
 *
 * The page is text alone: no script, no foreign address, its links relative.
 * It says nothing of the moment at which it was made, so that the same images
 * give the same bytes. Rendering is bounded: a walk of MAX_LOOKED entries, a
 * page of MAX_SHOWN images with MAX_PROMPT_BYTES of each prompt.
 *
 * stat(1) must tell the size of what an open then reads; so stat renders as
 * well, and what was rendered is kept for a moment instead of walking twice.
 */
#include <dirent.h>
#include <unistd.h>

#include "fs/fs.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define MAX_SHOWN 500
#define MAX_LOOKED 20000
/* images/ itself is the first level. */
#define MAX_LEVELS SEED_NAME_MAX_PARTS
#define MAX_PROMPT_BYTES 1000
#define KEPT_MS 50
/* An image takes at most 30 KiB: four percent-encoded or escaped forms of its
 * name (6 bytes a byte) and the prompt. */
#define MAX_PAGE_BYTES (MAX_SHOWN * 32 * 1024)

/* ---- which images ---- */

struct picture {
	char *name; /* owned */
	struct timespec verified;
};

struct pictures {
	/* Twice what is shown: whenever it is full, the older half goes. */
	struct picture list[2 * MAX_SHOWN];
	size_t count;
	size_t seen;   /* images */
	size_t looked; /* files and folders */
	bool cut;      /* there is more than was looked at */
};

/* Newest first; of one time by name, so that the order is always the same. */
static int compare(const void *first, const void *second)
{
	const struct picture *a = first, *b = second;

	if (a->verified.tv_sec != b->verified.tv_sec)
		return a->verified.tv_sec > b->verified.tv_sec ? -1 : 1;
	if (a->verified.tv_nsec != b->verified.tv_nsec)
		return a->verified.tv_nsec > b->verified.tv_nsec ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void keep_newest(struct pictures *pictures, size_t kept)
{
	qsort(pictures->list, pictures->count, sizeof(pictures->list[0]), compare);
	while (pictures->count > kept)
		free(pictures->list[--pictures->count].name);
}

static errint_t add(struct pictures *pictures, const char *name, const struct stat *st)
{
	struct picture picture = { .name = strdup(name), .verified = st->st_mtim };

	if (!picture.name)
		return -ENOMEM;
	if (pictures->count == SEED_ARRAY_LEN(pictures->list))
		keep_newest(pictures, MAX_SHOWN);
	pictures->list[pictures->count++] = picture;
	pictures->seen++;
	return 0;
}

static errint_t walk(struct fs *fs, struct pictures *pictures, const char *folder, int level);

static errint_t look(struct fs *fs, struct pictures *pictures, const char *path, int level)
{
	char name[FS_PATH_BYTES];
	struct stat st;
	errint_t err = folder_stat(fs, SEED_AREA_IMAGES, path, &st);

	if (err)
		return err == -ENOENT ? 0 : err; /* gone meanwhile */
	if (S_ISDIR(st.st_mode))
		return walk(fs, pictures, path, level + 1);
	if (S_ISREG(st.st_mode) && image_name_of(path, name))
		return add(pictures, name, &st);
	return 0;
}

static errint_t walk_entries(struct fs *fs, struct pictures *pictures, const char *folder,
			     DIR *entries, int level)
{
	char path[FS_PATH_BYTES];
	struct dirent *entry;
	errint_t err = 0;

	while (!err && (entry = readdir(entries)) != NULL) {
		/* Also "." and "..": no NAME begins so. */
		if (entry->d_name[0] == '.' || !path_join(folder, entry->d_name, path))
			continue;
		if (pictures->looked == MAX_LOOKED) {
			pictures->cut = true;
			break;
		}
		pictures->looked++;
		err = look(fs, pictures, path, level);
	}
	return err;
}

/* As deep as MAX_LEVELS, each with one open folder. */
static errint_t walk(struct fs *fs, struct pictures *pictures, const char *folder, int level)
{
	DIR *entries;
	errint_t err;
	int fd;

	if (level > MAX_LEVELS) {
		pictures->cut = true;
		return 0;
	}
	fd = folder_open(fs, SEED_AREA_IMAGES, folder);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	entries = fdopendir(fd);
	if (!entries) {
		close(fd);
		return -ENOMEM;
	}
	err = walk_entries(fs, pictures, folder, entries, level);
	closedir(entries);
	return err;
}

/* ---- the page ---- */

/* A text that remembers that it could not grow. */
struct page {
	struct seed_buf buf;
	errint_t err;
};

static void put_bytes(struct page *page, const char *data, size_t len)
{
	if (!page->err)
		page->err = seed_buf_add(&page->buf, data, len);
}

static void put(struct page *page, const char *html)
{
	put_bytes(page, html, strlen(html));
}

static void put_number(struct page *page, size_t number)
{
	if (!page->err)
		page->err = seed_buf_addf(&page->buf, "%zu", number);
}

static const char *entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return "&#39;";
	}
}

/* Text as it may stand between tags and in a quoted attribute. */
static void put_escaped(struct page *page, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "&<>\"'");

		put_bytes(page, text, len);
		text += len;
		if (*text == '\0')
			return;
		put(page, entity_of(*text++));
	}
}

/* Of at most `max` bytes, without control characters and bad bytes: also files
 * that someone else put into the state directory make a sound page. */
static void put_line(struct page *page, const char *text, size_t max)
{
	size_t len = strlen(text);
	bool cut = len > max;
	char *line;

	if (cut)
		len = seed_text_whole(text, max);
	line = strndup(text, len);
	if (!line) {
		page->err = -ENOMEM;
		return;
	}
	seed_text_one_line(line, len);
	put_escaped(page, line);
	if (cut)
		put(page, "…");
	free(line);
}

static bool stays_in_url(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~/", c) != NULL);
}

/* A relative address: each part percent-encoded, the slashes between them not. */
static void put_url(struct page *page, const char *area, const char *name, const char *suffix)
{
	put(page, area);
	for (; *name; name++) {
		if (stays_in_url(*name))
			put_bytes(page, name, 1);
		else if (!page->err)
			page->err = seed_buf_addf(&page->buf, "%%%02X", (unsigned char)*name);
	}
	put(page, suffix);
}

static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"referrer\" content=\"no-referrer\">\n"
	"<title>Images</title>\n"
	"<style>\n"
	":root { color-scheme: light dark; --page: #f4f3f1; --card: #fff; --line: #dedbd5;\n"
	"  --text: #23211e; --soft: #68635b; --link: #1d5f8f }\n"
	"@media (prefers-color-scheme: dark) { :root { --page: #161513; --card: #211f1d;\n"
	"  --line: #35322e; --text: #ebe7e1; --soft: #a59e94; --link: #8cc4ee } }\n"
	"* { box-sizing: border-box; margin: 0 }\n"
	"body { background: var(--page); color: var(--text); max-width: 120rem; margin: auto;\n"
	"  padding: clamp(1rem, 3vw, 2.5rem); font: 1rem/1.45 system-ui, sans-serif }\n"
	"header { display: flex; align-items: baseline; gap: .75rem; margin-bottom: 1.5rem }\n"
	"h1 { font-size: 1.5rem; letter-spacing: -.01em }\n"
	"header p, footer, .prompt { color: var(--soft) }\n"
	"ul { list-style: none; padding: 0; display: grid; gap: 1.25rem;\n"
	"  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)) }\n"
	"li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;\n"
	"  overflow: hidden; display: flex; flex-direction: column }\n"
	"li > a, img { display: block }\n"
	"img { width: 100%; height: auto; background: var(--line) }\n"
	"li > a:hover img { filter: brightness(1.06) }\n"
	"li > a:focus-visible { outline: 3px solid var(--link); outline-offset: -3px }\n"
	".about { padding: .8rem 1rem .9rem; flex: 1; display: flex; flex-direction: column }\n"
	"h2 { font-size: 1rem; overflow-wrap: anywhere }\n"
	".prompt { font-size: .9rem; margin-top: .2rem; overflow-wrap: anywhere; overflow: hidden;\n"
	"  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4 }\n"
	".facts { font-size: .8rem; color: var(--soft); margin-top: auto; padding-top: .55rem;\n"
	"  display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-variant-numeric: tabular-nums }\n"
	".facts a { color: var(--link) }\n"
	"code { font-family: ui-monospace, monospace; overflow-wrap: anywhere }\n"
	"footer { margin-top: 1.75rem; font-size: .9rem }\n"
	"</style>\n";

static void put_header(struct page *page, const struct pictures *pictures)
{
	put(page, head);
	put(page, "<header><h1>Images</h1><p>");
	put_number(page, pictures->seen);
	put(page, "</p></header>\n");
}

static void put_time(struct page *page, const struct timespec *time)
{
	char text[SEED_CLOCK_TEXT_BYTES];

	seed_clock_format((int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000, text);
	put(page, "<time datetime=\"");
	put(page, text);
	put(page, "\">");
	put_bytes(page, text, strlen("2026-11-22"));
	put(page, " ");
	put_bytes(page, text + strlen("2026-11-22T"), strlen("19:43"));
	put(page, " UTC</time>");
}

/* Room for the picture before it is loaded; the mount's size where the row, which
 * may have been removed, does not tell. */
static void put_room(struct fs *fs, struct page *page, const struct seed_record *row)
{
	put(page, " width=\"");
	put_number(page, row ? row->image.width : (size_t)fs->options.size.width);
	put(page, "\" height=\"");
	put_number(page, row ? row->image.height : (size_t)fs->options.size.height);
	put(page, "\"");
}

static void put_image(struct fs *fs, struct page *page, const char *name,
		      const struct seed_record *row)
{
	put(page, "<a href=\"");
	put_url(page, "images/", name, ".png");
	put(page, "\"><img loading=\"lazy\"");
	put_room(fs, page, row);
	put(page, " src=\"");
	put_url(page, "images/", name, ".png");
	put(page, "\" alt=\"");
	put_line(page, name, SIZE_MAX);
	put(page, "\"></a>\n");
}

static void put_facts(struct page *page, const struct picture *picture,
		      const struct seed_record *row)
{
	put(page, "<p class=\"facts\">");
	put_time(page, &picture->verified);
	if (row) {
		put(page, " <span>");
		put_number(page, row->image.width);
		put(page, "×");
		put_number(page, row->image.height);
		put(page, "</span> <a href=\"");
		put_url(page, "records/", picture->name, ".json");
		put(page, "\">record</a>");
	}
	put(page, "</p>");
}

/* `row` is NULL where none is about this image. */
static void put_item(struct fs *fs, struct page *page, const struct picture *picture,
		     const struct seed_record *row)
{
	put(page, "<li>");
	put_image(fs, page, picture->name, row);
	put(page, "<div class=\"about\"><h2 dir=\"auto\">");
	put_line(page, picture->name, SIZE_MAX);
	put(page, "</h2>");
	if (row && row->prompt) {
		put(page, "<p class=\"prompt\" dir=\"auto\">");
		put_line(page, row->prompt, MAX_PROMPT_BYTES);
		put(page, "</p>");
	}
	put_facts(page, picture, row);
	put(page, "</div></li>\n");
}

static void put_items(struct fs *fs, struct page *page, const struct pictures *pictures)
{
	put(page, "<ul>\n");
	for (size_t i = 0; i < pictures->count && !page->err; i++) {
		const struct picture *picture = &pictures->list[i];
		struct seed_record row;
		errint_t err = seed_store_record_read(fs->store, picture->name, &row);
		/* Between two steps of the store the row may be of another prompt. */
		bool about = !err && row.state == SEED_STATE_VERIFIED;

		put_item(fs, page, picture, about ? &row : NULL);
		seed_record_release(&row);
	}
	put(page, "</ul>\n");
}

static void put_footer(struct page *page, const struct pictures *pictures)
{
	if (pictures->cut) {
		put(page, "<footer><p>There is more under <a href=\"images/\">images</a>: this page "
			  "looks at ");
		put_number(page, MAX_LOOKED);
		put(page, " files and shows the ");
		put_number(page, pictures->count);
		put(page, " newest of them.</p></footer>\n");
	} else if (pictures->seen > pictures->count) {
		put(page, "<footer><p>The ");
		put_number(page, pictures->count);
		put(page, " newest of ");
		put_number(page, pictures->seen);
		put(page, "; all are under <a href=\"images/\">images</a>.</p></footer>\n");
	}
}

static void put_page(struct fs *fs, struct page *page, const struct pictures *pictures)
{
	put_header(page, pictures);
	if (pictures->count)
		put_items(fs, page, pictures);
	else
		put(page, "<p>None yet: <code>echo \"a red fox in deep snow\" &gt; "
			  "prompts/fox</code> makes the first one.</p>\n");
	put_footer(page, pictures);
	put(page, "</html>\n");
}

static errint_t render(struct fs *fs, struct page *page)
{
	struct pictures *pictures = calloc(1, sizeof(*pictures));

	if (!pictures)
		return -ENOMEM;
	page->err = walk(fs, pictures, "", 1);
	keep_newest(pictures, MAX_SHOWN);
	put_page(fs, page, pictures);
	keep_newest(pictures, 0);
	free(pictures);
	return page->err;
}

/* ---- the file ---- */

/* The new rendering takes the old one's place; its time only if it differs. */
static errint_t take(struct gallery *gallery, const struct seed_buf *buf)
{
	char *text;

	if (gallery->text && gallery->len == buf->len_bytes &&
	    memcmp(gallery->text, buf->data, gallery->len) == 0)
		return 0;
	text = malloc(buf->len_bytes);
	if (!text)
		return -ENOMEM;
	memcpy(text, buf->data, buf->len_bytes);
	free(gallery->text);
	gallery->text = text;
	gallery->len = buf->len_bytes;
	clock_gettime(CLOCK_REALTIME, &gallery->time);
	return 0;
}

/* What index.html is now, in fs->gallery, whose mutex the caller holds: who
 * comes meanwhile waits for this one walk instead of making another. */
static errint_t refresh(struct fs *fs)
{
	struct gallery *gallery = &fs->gallery;
	struct page page = { 0 };
	errint_t err;

	if (gallery->text && seed_clock_now_ms() - gallery->rendered_ms < KEPT_MS)
		return 0;
	seed_buf_init(&page.buf, MAX_PAGE_BYTES);
	err = render(fs, &page);
	if (!err)
		err = take(gallery, &page.buf);
	seed_buf_release(&page.buf);
	gallery->rendered_ms = seed_clock_now_ms();
	return err;
}

static errint_t index_getattr(struct fs *fs, struct inode *inode, struct stat *st,
			      double *timeout_s)
{
	errint_t err;

	*st = (struct stat){ 0 };
	*timeout_s = 0;
	pthread_mutex_lock(&fs->gallery.mutex);
	err = refresh(fs);
	if (!err) {
		st->st_size = (off_t)fs->gallery.len;
		st->st_mtim = st->st_ctim = st->st_atim = fs->gallery.time;
	}
	pthread_mutex_unlock(&fs->gallery.mutex);
	if (!err)
		attributes_file(fs, inode, 0444, st);
	return err;
}

/* What is open stays what it was when it was opened. */
static errint_t snapshot(struct fs *fs, struct handle *handle)
{
	errint_t err;

	pthread_mutex_lock(&fs->gallery.mutex);
	err = refresh(fs);
	if (!err && !(handle->text = malloc(fs->gallery.len)))
		err = -ENOMEM;
	if (!err) {
		memcpy(handle->text, fs->gallery.text, fs->gallery.len);
		handle->text_len = fs->gallery.len;
	}
	pthread_mutex_unlock(&fs->gallery.mutex);
	return err;
}

static void index_open(struct fs *fs, fuse_req_t req, struct inode *inode,
		       struct fuse_file_info *fi)
{
	struct handle *handle = handle_new(req, inode, fi);
	errint_t err = handle ? snapshot(fs, handle) : -ENOMEM;

	if (err) {
		handle_free(handle);
		fuse_reply_err(req, -err);
		return;
	}
	/* Read to the snapshot's end, whatever the size has become since. */
	fi->direct_io = 1;
	reply_open(req, handle, fi);
}

static void index_read(struct fs *fs, fuse_req_t req, struct handle *handle, size_t size,
		       off_t offset)
{
	size_t len = handle->text_len;
	size_t at = offset < 0 || (size_t)offset > len ? len : (size_t)offset;
	char *data;

	SEED_UNUSED(fs);
	len = size < len - at ? size : len - at;
	data = malloc(len ? len : 1);
	if (!data) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	/* Its own copy: who has the answer may close the file at once, and
	 * another thread frees the snapshot while this one still returns. */
	memcpy(data, handle->text + at, len);
	fuse_reply_buf(req, data, len);
	free(data);
}

void gallery_release(struct fs *fs)
{
	free(fs->gallery.text);
	fs->gallery.text = NULL;
	pthread_mutex_destroy(&fs->gallery.mutex);
}

const struct node_type index_file = {
	.getattr = index_getattr,
	.open = index_open,
	.read = index_read,
};
