/*
 * Faults, each of which a sanitizer must see: a build whose sanitizer has died would
 * pass everything. tests/mount/hardening.bats runs it as the program was built.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero, shared;
static char *volatile kept;

static int heap(void)
{
	kept = malloc(8);
	free(kept);
	return kept[zero];
}

static int leak(void)
{
	kept = malloc(80);
	kept = NULL;
	return 0;
}

static int overflow(void)
{
	return INT_MAX - zero + 1 + zero > 0;
}

static void *add(void *argument)
{
	for (int i = 0; i < 100000; i++)
		shared = shared + 1;
	return argument;
}

static int race(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, add, NULL))
		return 1;
	add(NULL);
	pthread_join(thread, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} faults[] = {{"heap", heap}, {"leak", leak}, {"overflow", overflow}, {"race", race}};

	for (size_t i = 0; argc == 2 && i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strcmp(argv[1], faults[i].name) == 0) {
			int result = faults[i].run();

			printf("%s was not seen (%d)\n", argv[1], result);
			return 0;
		}
	return 2;
}
