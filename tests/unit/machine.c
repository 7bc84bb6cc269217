/* lib/engine/machine.c: the table of phases, as docs/architecture.md shows it. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "lib/engine/internal.h"

/* The line of the document for a phase. */
static void line_of(const struct phase_row *row, char *out, size_t size)
{
	char next[256] = "";

	for (int i = 0; i < PHASE_COUNT; i++)
		if (row->next & 1u << i)
			snprintf(next + strlen(next), sizeof(next) - strlen(next), "%s%s",
				 *next ? ", " : "", machine_phases[i].name);
	snprintf(out, size, "| %s | %s | %s | %s |\n", row->name, row->waits_for, *next ? next : "–",
		 row->after_restart);
}

static void test_document(void **state)
{
	FILE *file = fopen("docs/architecture.md", "r");
	char line[1024], expected[1024];
	int at = -1;

	SEED_UNUSED(state);
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) && at < PHASE_COUNT) {
		if (strncmp(line, "| phase | ", 10) == 0) {
			at = 0;
			assert_non_null(fgets(line, sizeof(line), file));
		} else if (at >= 0) {
			line_of(&machine_phases[at++], expected, sizeof(expected));
			assert_string_equal(line, expected);
		}
	}
	fclose(file);
	assert_int_equal(at, PHASE_COUNT);
}

/* Each phase waits for something that can end it, and the end is reached from each. */
static void test_ends(void **state)
{
	unsigned reach[PHASE_COUNT];

	SEED_UNUSED(state);
	for (int i = 0; i < PHASE_COUNT; i++) {
		reach[i] = machine_phases[i].next;
		assert_true(i == PHASE_GONE || machine_phases[i].event);
		assert_true(i == PHASE_GONE || machine_phases[i].next);
	}
	for (int turn = 0; turn < PHASE_COUNT; turn++)
		for (int i = 0; i < PHASE_COUNT; i++)
			for (int j = 0; j < PHASE_COUNT; j++)
				if (reach[i] & 1u << j)
					reach[i] |= reach[j];
	for (int i = 0; i < PHASE_GONE; i++)
		assert_true(reach[i] & 1u << PHASE_GONE);
	/* The only way to spend money is over the journal. */
	for (int i = 0; i < PHASE_COUNT; i++)
		assert_true(i == PHASE_ANNOUNCE || !(machine_phases[i].next & 1u << PHASE_SUBMIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
