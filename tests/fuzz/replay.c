/*
 * Stands in for libFuzzer where a target is built without it: gives it each kept
 * input of tests/fuzz/corpus/TARGET, and a bounded number of damaged ones, the same
 * in every run. As a test: TAP.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 16, DAMAGED_DEFAULT = 500 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t most, unsigned seed)
	__attribute__((weak));

static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t most)
{
	static const uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, '"', '{', '[', '\\', '/', '.', '%'};

	if (!len)
		return 0;
	switch (any(4)) {
	case 0:
		return any((uint32_t)len) + 1;
	case 1:
		data[any((uint32_t)len)] = special[any(sizeof(special))];
		return len;
	case 2:
		if (len < most) {
			uint32_t at = any((uint32_t)len);

			memmove(data + at + 1, data + at, len - at);
			return len + 1;
		}
		return len;
	default:
		data[any((uint32_t)len)] ^= (uint8_t)(1 << any(8));
		return len;
	}
}

static size_t mutate(uint8_t *data, size_t len)
{
	if (LLVMFuzzerCustomMutator)
		return LLVMFuzzerCustomMutator(data, len, INPUT_MAX, any(1000));
	return LLVMFuzzerMutate(data, len, INPUT_MAX);
}

static size_t load(int folder, const char *name, uint8_t *data)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, data, INPUT_MAX);

	if (fd >= 0)
		close(fd);
	return len < 0 ? 0 : (size_t)len;
}

/* Exactly as long as the input is, so that a byte beyond it is seen. */
static void give(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	CHECK(exact);
	if (len)
		memcpy(exact, data, len);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static unsigned run(DIR *corpus, unsigned damaged)
{
	static uint8_t data[INPUT_MAX], worse[INPUT_MAX];
	struct dirent *entry;
	unsigned files = 0;

	while ((entry = readdir(corpus)) != NULL) {
		size_t len;

		if (entry->d_name[0] == '.')
			continue;
		len = load(dirfd(corpus), entry->d_name, data);
		give(data, len);
		files++;
		for (unsigned i = 0; i < damaged; i++) {
			size_t bytes = len;

			memcpy(worse, data, len);
			for (uint32_t times = any(4) + 1; times; times--)
				bytes = mutate(worse, bytes);
			give(worse, bytes);
		}
	}
	return files;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	char path[256];
	DIR *corpus;
	unsigned files;

	(void)snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	corpus = opendir(path);
	if (!corpus) {
		printf("1..1\nnot ok 1 - no folder %s\n", path);
		return 1;
	}
	files = run(corpus, argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : DAMAGED_DEFAULT);
	closedir(corpus);
	printf("1..1\n%sok 1 - %s: %u kept inputs, and damaged ones\n", files ? "" : "not ", name,
	       files);
	return !files;
}
