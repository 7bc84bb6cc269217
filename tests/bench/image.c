/*
 * A warm worker to measure: for every line "PATH" on standard input, the
 * picture is read into memory, then made as a worker makes it, into a file that
 * takes no disk. Prints the milliseconds and the result's bytes; the file stays
 * as DIRECTORY/ours.png.
 */
#include "lib/base/base.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/worker/job.h"

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The most memory this program ever had, in KiB. getrusage() would tell of the
 * one that started it. */
static long peak_kib(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kib = 0;

	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "VmHWM:", 6))
			kib = strtol(line + 6, NULL, 10);
	if (status)
		fclose(status);
	return kib;
}

static int in_memory(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), fd = memfd_create("source", MFD_CLOEXEC);
	struct stat st;

	if (file < 0 || fstat(file, &st) || sendfile(fd, file, NULL, (size_t)st.st_size) < 0) {
		perror(path);
		exit(1);
	}
	close(file);
	return fd;
}

static void make_one(const char *path, const char *to)
{
	const struct seed_image_job job = {.width = 2048, .height = 1152, .max_upscale = 2};
	int source = in_memory(path), dest = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	struct seed_image_result result;
	double start = now_ms(), end;

	seed_image_make(&job, source, dest, &result);
	if (!result.error.code && ftruncate(dest, (off_t)result.image.bytes))
		perror(to);
	end = now_ms();
	if (result.error.code)
		printf("error %s\n", result.error.message);
	else
		printf("%.3f %llu %ld\n", end - start, (unsigned long long)result.image.bytes,
		       peak_kib());
	fflush(stdout);
	close(source);
	close(dest);
}

int main(int argc, char **argv)
{
	char path[4096], to[4096];

	if (argc != 2)
		return 2;
	snprintf(to, sizeof(to), "%s/ours.png", argv[1]);
	while (fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		make_one(path, to);
	}
	return 0;
}
