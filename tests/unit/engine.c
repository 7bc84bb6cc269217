/*
 * lib/engine/engine.h as its callers see it: the real engine, store and workers, with
 * the provider that draws. What the network and a failing disk do to it is tests/sim/'s.
 * Started with "--worker", this program is a worker.
 */
#include "tests/unit/unit.h"

#include <ftw.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/engine/engine.h"
#include "lib/worker/wire.h"
#include "lib/worker/worker.h"

enum { WIDTH = 320, HEIGHT = 180 };

static char work[] = "/tmp/seedfs-engine.XXXXXX";
static char path[64];
static struct seed_store *store;
static struct seed_log *log_;
static struct seed_engine *engine;
static struct seed_engine_config config;

/* A waiter that a test can wait for. */
struct waiter {
	struct seed_wait wait;
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	int code; /* -1: not yet */
	int answers;
};

static void answered(struct seed_wait *wait, int code)
{
	struct waiter *waiter = (struct waiter *)wait;

	pthread_mutex_lock(&waiter->mutex);
	waiter->code = code;
	waiter->answers++;
	pthread_cond_signal(&waiter->ended);
	pthread_mutex_unlock(&waiter->mutex);
}

static void waiter_init(struct waiter *waiter)
{
	*waiter = (struct waiter){ .wait = { .done = answered, .process.tid = getpid(), .engine = engine },
				   .code = -1 };
	pthread_mutex_init(&waiter->mutex, NULL);
	pthread_cond_init(&waiter->ended, NULL);
}

static int waiter_code(struct waiter *waiter)
{
	pthread_mutex_lock(&waiter->mutex);
	while (waiter->code < 0)
		pthread_cond_wait(&waiter->ended, &waiter->mutex);
	pthread_mutex_unlock(&waiter->mutex);
	assert_int_equal(waiter->answers, 1);
	return waiter->code;
}

static int set_up(void **state)
{
	struct seed_params params;
	struct seed_error error;

	SEED_UNUSED(state);
	snprintf(path, sizeof(path), "%s/state", work);
	config = (struct seed_engine_config){
		.provider = seed_provider_find("sketch"), .retry_steps = 25, .retry_cfg_scale = 7,
		.max_upscale = 2, .timeout_ms = 60000, .jobs = 4, .adoptions = 1, .metadata = true,
		.worker_program = "/proc/self/exe", .workers = 1,
	};
	seed_params_init(&params);
	params.width = WIDTH;
	params.height = HEIGHT;
	config.params = seed_params_share(&params);
	if (seed_store_open(path, &store, &error) ||
	    seed_log_open(seed_store_log_dir(store), 65536, false, &log_, &error) ||
	    seed_engine_new(&config, store, log_, NULL, &engine, &error))
		fail_msg("%s", error.message);
	return 0;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	SEED_UNUSED(st);
	SEED_UNUSED(type);
	SEED_UNUSED(ftw);
	return remove(name);
}

static int tear_down(void **state)
{
	SEED_UNUSED(state);
	seed_engine_free(engine);
	seed_log_close(log_);
	seed_store_close(store);
	seed_params_unref(config.params);
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int commit(const char *name, const char *text)
{
	struct seed_ticket *ticket = seed_ticket_new();
	struct waiter waiter;
	int code;

	waiter_init(&waiter);
	assert_non_null(ticket);
	assert_int_equal(seed_engine_commit(engine, name, strdup(text), ticket, &waiter.wait), 0);
	code = waiter_code(&waiter);
	assert_int_equal(atomic_load(&ticket->outcome), code);
	seed_ticket_unref(ticket);
	return code;
}

static enum seed_state state_of(const char *name)
{
	struct seed_record record;
	enum seed_state state;

	assert_int_equal(seed_store_record_read(store, name, &record), 0);
	state = record.state;
	seed_record_release(&record);
	return state;
}

static void test_commit(void **state)
{
	SEED_UNUSED(state);
	assert_int_equal(seed_engine_start(engine), 0);
	assert_int_equal(commit("fox", "a red fox"), 0);
	assert_true(seed_store_has_image(store, "fox"));
	assert_int_equal(state_of("fox"), SEED_STATE_VERIFIED);
	/* A refused request is this prompt's outcome. */
	assert_int_equal(commit("fox", "{\"prompt\":\"a fox\",\"steps\":0}"), EINVAL);
	assert_false(seed_store_has_image(store, "fox"));
	assert_int_equal(state_of("fox"), SEED_STATE_FAILED);
	seed_engine_stop(engine);
}

static int restore(const char *version, const char *name)
{
	struct waiter waiter;

	waiter_init(&waiter);
	assert_int_equal(seed_engine_restore(engine, version, name, &waiter.wait), 0);
	return waiter_code(&waiter);
}

static int rename_to(const char *from, const char *to)
{
	struct waiter waiter;

	waiter_init(&waiter);
	assert_int_equal(seed_engine_rename(engine, from, to, false, &waiter.wait), 0);
	return waiter_code(&waiter);
}

static int remove_prompt(const char *name)
{
	struct waiter waiter;

	waiter_init(&waiter);
	assert_int_equal(seed_engine_remove(engine, name, &waiter.wait), 0);
	return waiter_code(&waiter);
}

static void test_names(void **state)
{
	SEED_UNUSED(state);
	assert_int_equal(seed_engine_start(engine), 0);
	assert_int_equal(commit("fox", "a red fox"), 0);
	assert_int_equal(commit("fox", "a blue fox"), 0);
	assert_int_equal(restore("fox/0002.png", "fox"), ENOENT);
	assert_int_equal(restore("fox/0001.png", "fox"), 0);
	assert_int_equal(rename_to("fox", "owl"), 0);
	assert_int_equal(rename_to("fox", "cat"), ENOENT);
	assert_false(seed_store_has_image(store, "fox"));
	assert_true(seed_store_has_image(store, "owl"));
	assert_int_equal(remove_prompt("owl"), 0);
	assert_int_equal(remove_prompt("owl"), ENOENT);
	assert_true(seed_store_has_image(store, "owl")); /* the image stays */
	seed_engine_stop(engine);
}

/* Whose text is on its way, but not anybody's yet, waits for it. */
static void test_early_waits(void **state)
{
	static const char text[] = "a red fox";
	struct seed_ticket *callback = seed_ticket_new(), *again = seed_ticket_new();
	struct waiter first, second, third;

	SEED_UNUSED(state);
	assert_true(callback && again);
	assert_int_equal(seed_engine_start(engine), 0);
	waiter_init(&first);
	waiter_init(&second);
	waiter_init(&third);
	assert_int_equal(seed_engine_commit(engine, "fox", strdup(text), NULL, &first.wait), 0);
	assert_int_equal(seed_engine_callback(engine, "fox", strdup("{}"), callback, NULL), 0);
	assert_int_equal(seed_engine_wait_ticket(engine, callback, &second.wait), 0);
	assert_int_equal(waiter_code(&first), 0);
	assert_int_equal(waiter_code(&second), 0); /* the image is preserved */
	again->unless_made = true;
	assert_int_equal(seed_engine_commit(engine, "fox", strdup(text), again, NULL), 0);
	assert_int_equal(seed_engine_wait_ticket(engine, again, &third.wait), 0);
	assert_int_equal(waiter_code(&third), 0);
	seed_engine_stop(engine);
	seed_ticket_unref(callback);
	seed_ticket_unref(again);
}

/* Callbacks that wait for a generation's end hold no more than they may; they are given back. */
static void test_callbacks_wait(void **state)
{
	enum { BYTES = 30000, COUNT = SEED_CALLBACKS_LATER_ALL_BYTES / BYTES + 10 };
	static struct waiter waiters[COUNT];
	struct waiter first, last;
	char *body = malloc(BYTES + 32);
	int refused = 0;

	SEED_UNUSED(state);
	assert_non_null(body);
	memset(body, 'x', BYTES + 32);
	memcpy(body, "{\"prompt\":\"", 11);
	memcpy(body + BYTES, "\"}", 3);
	waiter_init(&first);
	waiter_init(&last);
	/* In one turn of the engine: all come before the end. */
	assert_int_equal(seed_engine_commit(engine, "fox", strdup("a red fox"), NULL, &first.wait), 0);
	for (int i = 0; i < COUNT; i++) {
		waiter_init(&waiters[i]);
		assert_int_equal(seed_engine_callback(engine, "fox", strdup(body), NULL, &waiters[i].wait), 0);
	}
	assert_int_equal(seed_engine_start(engine), 0);
	assert_int_equal(waiter_code(&first), 0);
	for (int i = 0; i < COUNT; i++) {
		int code = waiter_code(&waiters[i]);

		assert_true(code == 0 || code == ENOSPC);
		refused += code != 0;
	}
	assert_in_range(refused, 10, COUNT / 10);
	assert_int_equal(seed_engine_callback(engine, "fox", body, NULL, &last.wait), 0);
	assert_int_equal(waiter_code(&last), 0);
	seed_engine_stop(engine);
}

/* Who waits when it stops is told so, once, and the text goes on at the next start. */
static void test_stop(void **state)
{
	enum { COUNT = 20 };
	static struct waiter waiters[COUNT];
	struct seed_error error;
	char name[16];

	SEED_UNUSED(state);
	assert_int_equal(seed_engine_start(engine), 0);
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		waiter_init(&waiters[i]);
		assert_int_equal(seed_engine_commit(engine, name, strdup(name), NULL,
						    &waiters[i].wait), 0);
	}
	seed_engine_stop(engine);
	for (int i = 0; i < COUNT; i++) {
		int code = waiter_code(&waiters[i]);

		assert_true(code == 0 || code == ESHUTDOWN);
	}
	seed_engine_free(engine);
	engine = NULL;
	if (seed_engine_new(&config, store, log_, NULL, &engine, &error))
		fail_msg("%s", error.message);
	assert_int_equal(seed_engine_start(engine), 0);
	for (int i = 0; i < COUNT; i++) {
		struct waiter waiter;

		snprintf(name, sizeof(name), "p%d", i);
		if (waiters[i].code == ESHUTDOWN && !seed_store_has_prompt(store, name))
			continue; /* it stopped before the text was committed */
		waiter_init(&waiter);
		assert_int_equal(seed_engine_wait_name(engine, name, &waiter.wait), 0);
		assert_int_equal(waiter_code(&waiter), 0);
		assert_true(seed_store_has_image(store, name));
	}
	seed_engine_stop(engine);
}

/* Where a thread of the program cannot start, it is freed without having run. */
static void test_never_started(void **state)
{
	SEED_UNUSED(state);
	assert_non_null(engine);
}

/* Who asked for a change of names that was never begun is told so, once. */
static void test_changes_at_the_end(void **state)
{
	enum { COUNT = 4 };
	struct waiter waiters[COUNT];

	SEED_UNUSED(state);
	for (int i = 0; i < COUNT; i++)
		waiter_init(&waiters[i]);
	assert_int_equal(seed_engine_rename(engine, "fox", "owl", false, &waiters[0].wait), 0);
	assert_int_equal(seed_engine_remove(engine, "fox", &waiters[1].wait), 0);
	assert_int_equal(seed_engine_remove_folder(engine, SEED_AREA_PROMPTS, "f", &waiters[2].wait), 0);
	assert_int_equal(seed_engine_commit(engine, "fox", strdup("a fox"), NULL, &waiters[3].wait), 0);
	seed_engine_free(engine);
	engine = NULL;
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(waiters[i].answers, 1);
		assert_int_equal(waiters[i].code, ESHUTDOWN);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_early_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_callbacks_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_never_started, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changes_at_the_end, set_up, tear_down),
	};
	int failed;

	if (argc == 2 && strcmp(argv[1], "--worker") == 0)
		return seed_worker_main(SEED_WIRE_SOCKET_FD);
	if (!mkdtemp(work))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(work);
	return failed;
}
