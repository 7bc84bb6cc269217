/* libvips, warm: for every line "PATH", the picture as seedfs would make it, at
 * the fastest PNG setting. Prints milliseconds and bytes, as tests/bench/image.c
 * does. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <vips/vips.h>

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Decoding to the last pixel, nothing else. */
static int verify(const char *path)
{
	VipsImage *image = vips_image_new_from_file(path, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	double average;
	int failed = !image || vips_avg(image, &average, NULL);

	if (image)
		g_object_unref(image);
	return failed;
}

static int make(const char *path, const char *to)
{
	VipsImage *image = NULL;
	int failed = vips_thumbnail(path, &image, 2048, "height", 1152, "crop",
				    VIPS_INTERESTING_CENTRE, NULL) ||
		     vips_pngsave(image, to, "compression", 1, "filter",
				  VIPS_FOREIGN_PNG_FILTER_PAETH, NULL);

	if (image)
		g_object_unref(image);
	return failed;
}

int main(int argc, char **argv)
{
	char path[4096], to[4096];

	if (argc != 2 || VIPS_INIT(argv[0]))
		return 2;
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	snprintf(to, sizeof(to), "%s/vips.png", argv[1]);
	while (fgets(path, sizeof(path), stdin)) {
		double start = now_ms();
		struct stat st = {0};
		int failed;

		path[strcspn(path, "\n")] = '\0';
		failed = strstr(path, "-right.") ? verify(path) : make(path, to);
		stat(to, &st);
		if (failed)
			printf("error %s\n", vips_error_buffer());
		else
			printf("%.3f %lld 0\n", now_ms() - start, (long long)st.st_size);
		vips_error_clear();
		fflush(stdout);
	}
	return 0;
}
