/* lib/engine/failure.c: the table, as docs/architecture.md shows it. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "lib/engine/failure.h"

/* The document's words. */
static const char *const failures[SEED_FAILURE_COUNT] = {
	[SEED_FAILURE_NOT_SENT] = "not sent", [SEED_FAILURE_BUSY] = "busy",
	[SEED_FAILURE_LOCAL] = "local", [SEED_FAILURE_UNSURE] = "unsure",
	[SEED_FAILURE_REFUSED] = "refused", [SEED_FAILURE_FINAL] = "final",
	[SEED_FAILURE_FAILED] = "failed", [SEED_FAILURE_GONE] = "gone",
	[SEED_FAILURE_RUNNING] = "late",
};
static const char *const verdicts[] = {
	[SEED_VERDICT_AGAIN] = "again", [SEED_VERDICT_RETRY] = "retry", [SEED_VERDICT_END] = "end",
	[SEED_VERDICT_KEEP] = "keep", [SEED_VERDICT_LATE] = "late",
};

/* The cells of a table's line, without the spaces around them; how many. */
static int cells_of(char *line, char *cells[], int max)
{
	int count = 0;

	for (char *cell = strtok_r(line, "|", &line); cell && count < max;
	     cell = strtok_r(line, "|", &line)) {
		size_t len;

		cell += strspn(cell, " ");
		len = strlen(cell);
		while (len > 0 && (cell[len - 1] == ' ' || cell[len - 1] == '\n'))
			cell[--len] = '\0';
		cells[count++] = cell;
	}
	return count;
}

static void check_line(char *cells[], bool *seen)
{
	for (int i = 0; i < SEED_FAILURE_COUNT; i++) {
		enum seed_failure failure = (enum seed_failure)i;

		if (strcmp(cells[0], failures[failure]) != 0)
			continue;
		seen[i] = true;
		for (int column = 0; column < 4; column++)
			assert_string_equal(cells[2 + column],
					    verdicts[seed_failure_verdict(failure, column >= 2,
									  column % 2)]);
	}
}

static void test_document(void **state)
{
	FILE *file = fopen("docs/architecture.md", "r");
	bool in_table = false, seen[SEED_FAILURE_COUNT] = { false };
	char line[1024], *cells[8];

	SEED_UNUSED(state);
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "| class | for instance |", 24) == 0)
			in_table = true;
		else if (line[0] != '|')
			in_table = false;
		else if (in_table && cells_of(line, cells, 8) == 7) /* the last is the line break */
			check_line(cells, seen);
	}
	fclose(file);
	for (int i = 0; i < SEED_FAILURE_COUNT; i++)
		assert_true(seen[i]);
}

/* The promises about money, whatever else the table says. */
static void test_money(void **state)
{
	SEED_UNUSED(state);
	for (int i = 0; i < SEED_FAILURE_COUNT; i++) {
		enum seed_failure failure = (enum seed_failure)i;
		bool tries_again = failure == SEED_FAILURE_UNSURE || failure == SEED_FAILURE_FAILED ||
				   failure == SEED_FAILURE_GONE || failure == SEED_FAILURE_RUNNING;

		/* A second submission only after these. */
		for (int at = 0; at < 4; at++) {
			enum seed_verdict verdict = seed_failure_verdict(failure, at >= 2, at % 2);

			if (verdict == SEED_VERDICT_RETRY || verdict == SEED_VERDICT_LATE)
				assert_true(tries_again);
		}
		/* What is paid for is given up only where an answer says so. */
		if (seed_failure_verdict(failure, true, true) == SEED_VERDICT_END)
			assert_int_equal(failure, SEED_FAILURE_FINAL);
		/* Nothing waits past its deadline. */
		assert_int_not_equal(seed_failure_verdict(failure, false, true), SEED_VERDICT_AGAIN);
		assert_int_not_equal(seed_failure_verdict(failure, true, true), SEED_VERDICT_AGAIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_money),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
