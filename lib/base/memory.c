#include "lib/base/memory.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/io.h"

/* All lines of /proc/self/cgroup: version 1 has a dozen, with a path in each. */
#define GROUPS_MAX_BYTES 16384

/* In a container the process may be said to be in a group that only the host sees. Its own is the root
 * there, and is looked at as the last. */
static const struct hierarchy {
	const char *line, *folder, *file;
} hierarchies[] = {
	{ "0::/", "/sys/fs/cgroup", "memory.max" },
	{ ":memory:/", "/sys/fs/cgroup/memory", "memory.limit_in_bytes" },
};

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : seed_io_read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

/* UINT64_MAX for "max", and where there is no such file, as in the root group. */
static uint64_t group_bytes(const char *root, const struct hierarchy *in, const char *group)
{
	char text[64], *path, *end;
	unsigned long long bytes;
	bool ok;

	if (asprintf(&path, "%s%s%s/%s", root, in->folder, group, in->file) < 0)
		return UINT64_MAX;
	ok = read_text(path, text, sizeof(text));
	free(path);
	if (!ok)
		return UINT64_MAX;
	errno = 0;
	bytes = strtoull(text, &end, 10);
	return errno || end == text || *end != '\n' ? UINT64_MAX : bytes;
}

/* The path in the hierarchy's line: "0::/a/b", "4:memory:/a/b". */
static char *group_of(const char *root, const struct hierarchy *in, char *text, size_t size)
{
	char *path, *line, *end;
	bool ok;

	if (asprintf(&path, "%s/proc/self/cgroup", root) < 0)
		return NULL;
	ok = read_text(path, text, size);
	free(path);
	if (!ok)
		return NULL;
	line = strstr(text, in->line);
	if (!line)
		return NULL;
	line = strchr(line, '/');
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	return line;
}

/* The least of its own group's and of those above. */
static uint64_t hierarchy_bytes(const char *root, const struct hierarchy *in)
{
	char text[GROUPS_MAX_BYTES];
	char *group = group_of(root, in, text, sizeof(text));
	uint64_t least = UINT64_MAX;

	while (group) {
		char *last = strrchr(group, '/');
		uint64_t bytes = group_bytes(root, in, group);

		if (bytes < least)
			least = bytes;
		if (last)
			*last = '\0';
		else
			group = NULL;
	}
	return least;
}

uint64_t seed_memory_bytes(const char *root)
{
	const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
	uint64_t least = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;

	for (size_t i = 0; i < SEED_ARRAY_LEN(hierarchies); i++) {
		uint64_t bytes = hierarchy_bytes(root, &hierarchies[i]);

		if (bytes < least)
			least = bytes;
	}
	return least;
}
