/* lib/base/memory.c on trees as the kernel shows them. */
#include "tests/unit/unit.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/memory.h"

static char root[] = "/tmp/seedfs-memory-XXXXXX";

static void make(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *at = whole + sizeof(root); (at = strchr(at, '/')) != NULL; *at++ = '/') {
		*at = '\0';
		(void)mkdir(whole, 0700);
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static uint64_t machine(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int set_up(void **state)
{
	SEED_UNUSED(state);
	return mkdtemp(root) ? 0 : -1;
}

static int take_away(const char *path, const struct stat *st, int type, struct FTW *where)
{
	SEED_UNUSED(st);
	SEED_UNUSED(type);
	SEED_UNUSED(where);
	return remove(path);
}

static int tear_down(void **state)
{
	SEED_UNUSED(state);
	return nftw(root, take_away, 8, FTW_DEPTH | FTW_PHYS);
}

/* The least of its own group's and of those above counts. */
static void reads_the_groups(void **state)
{
	SEED_UNUSED(state);
	assert_true(seed_memory_bytes(root) == machine()); /* nothing is there */
	make("/proc/self/cgroup", "3:memory:/old\n0::/system.slice/seedfs.service\n");
	assert_true(seed_memory_bytes(root) == machine());
	make("/sys/fs/cgroup/system.slice/seedfs.service/memory.max", "max\n");
	assert_true(seed_memory_bytes(root) == machine());
	make("/sys/fs/cgroup/system.slice/memory.max", "300000000\n");
	assert_true(seed_memory_bytes(root) == 300000000);
	make("/sys/fs/cgroup/system.slice/seedfs.service/memory.max", "200000000\n");
	assert_true(seed_memory_bytes(root) == 200000000);
	make("/sys/fs/cgroup/memory.max", "100000000\n"); /* a container's */
	assert_true(seed_memory_bytes(root) == 100000000);
	make("/proc/self/cgroup", "0::/\n");
	assert_true(seed_memory_bytes(root) == 100000000);
	make("/sys/fs/cgroup/memory.max", "18446744073709551615\n");
	assert_true(seed_memory_bytes(root) == machine());
}

/* The first version, and a container that sees only its own part of it. */
static void reads_the_first_version(void **state)
{
	SEED_UNUSED(state);
	make("/proc/self/cgroup", "5:devices:/\n4:memory:/a/b\n1:cpu:/\n0::/\n");
	make("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	assert_true(seed_memory_bytes(root) == machine());
	make("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9000000\n");
	assert_true(seed_memory_bytes(root) == 9000000);
	make("/sys/fs/cgroup/memory/memory.limit_in_bytes", "8000000\n");
	make("/proc/self/cgroup", "4:memory:/docker/0123\n");
	assert_true(seed_memory_bytes(root) == 8000000);
}

static void takes_no_nonsense(void **state)
{
	static const char *const nonsense[] = { "", "\n", "x\n", "12", "12 13\n", "99999999999999999999999\n" };

	SEED_UNUSED(state);
	make("/proc/self/cgroup", "0::/\n");
	for (size_t i = 0; i < SEED_ARRAY_LEN(nonsense); i++) {
		make("/sys/fs/cgroup/memory.max", nonsense[i]);
		assert_true(seed_memory_bytes(root) == machine());
	}
	make("/sys/fs/cgroup/memory.max", "1000\n");
	assert_true(seed_memory_bytes(root) == 1000);
	make("/proc/self/cgroup", "12:cpu:/\n");
	assert_true(seed_memory_bytes(root) == machine());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_groups),
		cmocka_unit_test(reads_the_first_version),
		cmocka_unit_test(takes_no_nonsense),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
