/* /files/KIND/SEED.EXT: a picture; /files/local/NAME: a file of --images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/upstream/fault.h"
#include "tests/upstream/picture.h"
#include "tests/upstream/server.h"
#include "tests/upstream/task.h"

#define PREFIX "/files/"

/* The part of the path between the prefix and the last slash; malloc'd. */
static char *path_kind(const char *path)
{
	const char *start = path + strlen(PREFIX), *slash = strrchr(path, '/');

	return slash < start ? xstrdup("") : xprintf("%.*s", (int)(slash - start), start);
}

/* Sixteen hex digits are a seed; any other name is hashed to one. */
static uint64_t path_seed(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char *end, *stem;
	uint64_t seed = strtoull(name, &end, 16);

	if (end - name == 16 && (*end == '.' || !*end))
		return seed;
	stem = xprintf("%.*s", (int)strcspn(name, "."), name);
	seed = task_hash(stem);
	free(stem);
	return seed;
}

static void identify(struct request *request)
{
	const struct task *task = task_of_seed(path_seed(request->path));

	free(request->prompt);
	request->prompt = xstrdup(task ? task->prompt : "");
}

static void answer_local(struct request *request, struct reply *reply)
{
	const char *name = strrchr(request->path, '/') + 1;
	char *path = xprintf("%s/%s", config.images ? config.images : "/nonexistent", name);
	FILE *file = name[0] == '.' ? NULL : fopen(path, "re");
	size_t size = (size_t)64 * 1024 * 1024;

	free(path);
	if (!file) {
		reply_text(reply, 404, "text/plain", xstrdup("no such file\n"));
		return;
	}
	reply_text(reply, 200, "application/octet-stream", xalloc(size));
	reply->len = fread(reply->data, 1, size, file);
	fclose(file);
}

static void answer(struct request *request, struct reply *reply)
{
	const char *other = fault_text(request->fault, "image");
	char *kind = other ? xstrdup(other) : path_kind(request->path);
	uint64_t seed = path_seed(request->path);
	unsigned int status = task_picture_status(task_of_seed(seed));
	const struct picture *picture;

	if (status != 200) {
		reply_text(reply, status, "text/plain", xstrdup("not there yet\n"));
		free(kind);
		return;
	}
	if (!strcmp(kind, "local")) {
		answer_local(request, reply);
		free(kind);
		return;
	}
	picture = picture_get(kind, seed);
	free(kind);
	if (!picture) {
		reply_text(reply, 404, "text/plain", xstrdup("no such kind of picture\n"));
		return;
	}
	reply_text(reply, 200, picture->type, xalloc(picture->len));
	memcpy(reply->data, picture->data, picture->len);
	reply->len = picture->len;
	reply->endless = picture->endless;
}

const struct route files_routes[] = {
	{ "GET", PREFIX, true, false, "image", identify, answer, NULL, NULL },
	{ "HEAD", PREFIX, true, false, "other", identify, answer, NULL, NULL },
	{ 0 },
};
