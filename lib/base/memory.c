#include "lib/base/memory.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/io.h"

/* A path of a control group: each of its parts is a name of up to 255 bytes. */
#define GROUP_PATH_MAX_BYTES 4096

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
static uint64_t group_bytes(const char *root, const char *group)
{
	char text[64], *path, *end;
	unsigned long long bytes;
	bool ok;

	if (asprintf(&path, "%s/sys/fs/cgroup%s/memory.max", root, group) < 0)
		return UINT64_MAX;
	ok = read_text(path, text, sizeof(text));
	free(path);
	if (!ok)
		return UINT64_MAX;
	errno = 0;
	bytes = strtoull(text, &end, 10);
	return errno || end == text || *end != '\n' ? UINT64_MAX : bytes;
}

/* "0::/a/b" is the line of v2; "/" in a container that sees its group as the root. */
static char *group_of(const char *root, char *text, size_t size)
{
	char *path, *line, *end;
	bool ok;

	if (asprintf(&path, "%s/proc/self/cgroup", root) < 0)
		return NULL;
	ok = read_text(path, text, size);
	free(path);
	if (!ok)
		return NULL;
	line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (!line)
		return NULL;
	line = strchr(line, '/');
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	return line;
}

uint64_t seed_memory_bytes(const char *root)
{
	const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
	uint64_t most = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
	char text[GROUP_PATH_MAX_BYTES];
	char *group = group_of(root, text, sizeof(text));

	while (group) {
		char *last = strrchr(group, '/');
		uint64_t bytes = group_bytes(root, group);

		if (bytes < most)
			most = bytes;
		if (last)
			*last = '\0';
		else
			group = NULL;
	}
	return most;
}
