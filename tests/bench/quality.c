/*
 * How exact the image work is. For each file named, decodes it and
 *
 *   quality WIDTH HEIGHT FILE...   resamples it, and prints the PSNR in dB against
 *                                  Lanczos3 in double precision, and the largest
 *                                  difference of a sample
 *   quality --pixels FILE...       writes the pixels to standard output, as PPM
 */
#include "tests/unit/image_exact.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/image/decode.h"
#include "lib/image/resample.h"

static void decode(const char *path, struct seed_decoded *decoded)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	struct seed_error error;
	struct stat st;
	uint8_t *data;

	if (file < 0 || fstat(file, &st)) {
		perror(path);
		exit(1);
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data || read(file, data, (size_t)st.st_size) != st.st_size)
		exit(1);
	if (seed_decode(data, (size_t)st.st_size, decoded, &error)) {
		fprintf(stderr, "%s: %s\n", path, error.message);
		exit(1);
	}
	free(data);
	close(file);
}

static void compare(const struct seed_pixels *from, uint32_t width, uint32_t height)
{
	const struct seed_area all = {0, 0, from->width, from->height};
	double *exact = exact_resample(from, width, height), squares = 0, most = 0;
	size_t count = (size_t)width * height * 3;
	struct seed_pixels to = {0};
	struct seed_error error;

	if (seed_pixels_alloc(&to, width, height, &error) || seed_resample(from, &all, &to))
		exit(1);
	for (size_t i = 0; i < count; i++) {
		double off = fabs(to.data[i] - round(exact[i]));

		squares += off * off;
		most = off > most ? off : most;
	}
	printf("%.1f %.0f\n", 10 * log10(255.0 * 255.0 * (double)count / squares), most);
	fflush(stdout);
	seed_pixels_release(&to);
	free(exact);
}

static void write_ppm(const struct seed_pixels *pixels)
{
	printf("P6\n%u %u\n255\n", pixels->width, pixels->height);
	fwrite(pixels->data, 1, seed_pixels_stride_bytes(pixels) * pixels->height, stdout);
}

int main(int argc, char **argv)
{
	bool ppm = argc > 2 && !strcmp(argv[1], "--pixels");

	if (!ppm && argc < 4)
		return 2;
	for (int i = ppm ? 2 : 3; i < argc; i++) {
		struct seed_decoded decoded;

		decode(argv[i], &decoded);
		if (ppm)
			write_ppm(&decoded.pixels);
		else
			compare(&decoded.pixels, (uint32_t)strtoul(argv[1], NULL, 10),
				(uint32_t)strtoul(argv[2], NULL, 10));
		seed_decoded_release(&decoded);
	}
	return 0;
}
