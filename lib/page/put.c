#include "lib/page/put.h"

#include <stdarg.h>

#include "lib/base/text.h"

void seed_page_put_bytes(struct seed_page *page, const char *data, size_t len)
{
	if (!page->err)
		page->err = seed_buf_add(&page->buf, data, len);
}

void seed_page_put(struct seed_page *page, const char *html)
{
	seed_page_put_bytes(page, html, strlen(html));
}

void seed_page_putf(struct seed_page *page, const char *format, ...)
{
	va_list arguments;
	char *text;
	int len;

	if (page->err)
		return;
	va_start(arguments, format);
	len = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (len < 0) {
		page->err = -ENOMEM;
		return;
	}
	seed_page_put_bytes(page, text, (size_t)len);
	free(text);
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

static void put_escaped(struct seed_page *page, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "&<>\"'");

		seed_page_put_bytes(page, text, len);
		text += len;
		if (*text == '\0')
			return;
		seed_page_put(page, entity_of(*text++));
	}
}

void seed_page_put_line(struct seed_page *page, const char *text, size_t max)
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
		seed_page_put(page, "…");
	free(line);
}

static bool stays_in_url(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~/", c) != NULL);
}

void seed_page_put_url(struct seed_page *page, const char *area, const char *name,
		       const char *suffix)
{
	seed_page_put(page, area);
	for (; *name; name++) {
		if (stays_in_url(*name))
			seed_page_put_bytes(page, name, 1);
		else
			seed_page_putf(page, "%%%02X", (unsigned char)*name);
	}
	seed_page_put(page, suffix);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != '<';
}

void seed_page_put_json(struct seed_page *page, const char *text, size_t max)
{
	size_t len = strlen(text);
	const char *end;

	if (len > max)
		len = seed_text_whole(text, max);
	seed_page_put(page, "\"");
	for (end = text + len; text < end;) {
		const char *from = text;

		while (text < end && is_plain((unsigned char)*text))
			text++;
		if (text > from)
			seed_page_put_bytes(page, from, (size_t)(text - from));
		if (text < end)
			seed_page_putf(page, "\\u%04x", (unsigned char)*text++);
	}
	seed_page_put(page, "\"");
}
