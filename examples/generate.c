/*
 * Generates one image from C.
 *
 *     cc -o generate examples/generate.c
 *     ./generate MOUNT NAME "a prompt"
 *
 * The outcome is what close() returns. O_CLOEXEC matters: a child that inherits
 * the descriptor keeps it open, and closes it at its own end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* 0 once MOUNT/images/NAME.png is verified, else -errno. -EINTR: a signal came;
 * the generation goes on, and opening the image waits for it again. */
static int generate(const char *mount, const char *name, const char *prompt)
{
	char path[4096];
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/prompts/%s", mount, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* Known early: text that is not allowed, an exhausted budget. */
	err = write_all(fd, prompt, strlen(prompt));
	/* Waits. Never close again after an error: the descriptor is gone. */
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

int main(int argc, char **argv)
{
	int err;

	if (argc != 4) {
		fprintf(stderr, "usage: %s MOUNT NAME PROMPT\n", argv[0]);
		return 2;
	}
	err = generate(argv[1], argv[2], argv[3]);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-err));
		return 1;
	}
	printf("%s/images/%s.png\n", argv[1], argv[2]);
	return 0;
}
