/* The result's file: its bytes, its sum, and what happens where there is no room. */
#include "tests/unit/image_make.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "lib/image/sink.h"

static void pieces(void **state)
{
	/* RFC 6234's "abc", in pieces. */
	const struct iovec first[] = {{(char[]){"a"}, 1}, {NULL, 0}, {(char[]){"b"}, 1}};
	const struct iovec second[] = {{NULL, 0}, {(char[]){"c"}, 1}};
	int fd = memfd_create("sink", MFD_CLOEXEC);
	char sum[SEED_SHA256_HEX_BYTES], same[SEED_SHA256_HEX_BYTES];
	struct seed_error error;
	struct seed_sink sink;
	struct seed_buf back;

	SEED_UNUSED(state);
	assert_int_equal(seed_sink_init(&sink, fd, &error), 0);
	assert_int_equal(seed_sink_write(&sink, first, 3, &error), 0);
	assert_int_equal(seed_sink_write(&sink, second, 2, &error), 0);
	assert_int_equal(seed_sink_write(&sink, NULL, 0, &error), 0);
	assert_int_equal(sink.bytes, 3);
	assert_int_equal(seed_sink_finish(&sink, sum, &error), 0);
	assert_string_equal(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(seed_sha256("abc", 3, same, &error), 0);
	assert_string_equal(same, sum);
	read_back(fd, &back);
	assert_string_equal(back.data, "abc");
	seed_buf_release(&back);
	seed_sink_release(&sink);
	seed_sink_release(&sink);
	close(fd);
}

static void set_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A write that is cut short goes on where it ended, here into the limit. */
static void cut_short(void **state)
{
	const struct iovec all[] = {{(char[]){"01234567"}, 8}, {(char[]){"89abcdef"}, 8}};
	int fd = memfd_create("sink", MFD_CLOEXEC);
	struct seed_error error;
	struct seed_sink sink;
	struct seed_buf back;

	SEED_UNUSED(state);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(seed_sink_init(&sink, fd, &error), 0);
	set_limit(11);
	assert_int_equal(seed_sink_write(&sink, all, 2, &error), -EIO);
	set_limit(RLIM_INFINITY);
	assert_string_equal(error.message, "cannot write the image: File too large");
	assert_int_equal(sink.bytes, 11);
	read_back(fd, &back);
	assert_string_equal(back.data, "0123456789a");
	seed_buf_release(&back);
	seed_sink_release(&sink);
	close(fd);
}

static void errors(void **state)
{
	const struct iovec piece = {(char[]){"x"}, 1};
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);
	char sum[SEED_SHA256_HEX_BYTES];
	struct seed_error error;
	struct seed_sink sink;

	SEED_UNUSED(state);
	assert_int_equal(seed_sink_init(&sink, full, &error), 0);
	assert_int_equal(seed_sink_write(&sink, &piece, 1, &error), -ENOSPC);
	assert_string_equal(error.message, "cannot write the image: No space left on device");
	seed_sink_release(&sink);
	close(full);
	assert_int_equal(seed_sink_init(&sink, -1, &error), 0);
	assert_int_equal(seed_sink_write(&sink, &piece, 1, &error), -EIO);
	assert_int_equal(seed_sink_finish(&sink, sum, &error), -EIO);
	seed_sink_release(&sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
