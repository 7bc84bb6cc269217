#include "lib/base/aside.h"

#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stddef.h>

#include "lib/base/clock.h"

/* At most so many hang at once: those of four users and more. */
#define THREADS_MAX 128
/* Work that is waited for so long seems to hang, and none is waited for less: on a machine with twenty
 * busy processes a thread has its turn in that time. What uses the processor does not hang, up to
 * some more than all of it may use. */
#define SLOW_MS 20
#define LEAST_MS 20
#define WORK_MAX_MS 60
#define RECENT_MS 60000
#define RECENT_MAX 16

enum state { WAITS, RUNS, DONE };

struct job {
	void (*work)(void *data);
	struct job *next;
	pid_t process;
	uid_t user;
	enum state state;
	clockid_t clock;  /* processor time of the thread that runs it */
	int64_t begun_ns, used_ns;
	int waited_ms;    /* while it used none */
	bool left; /* nobody waits for it any more: it counts as held up */
	alignas(max_align_t) char data[];
};

/* One for the program: the threads have nothing of a mount. */
static struct {
	pthread_once_t once;
	pthread_mutex_t mutex; /* of all below; nothing else is locked with it */
	pthread_cond_t begun, ended;
	struct job *jobs;      /* that wait or run, newest first */
	int threads, waiting, idle;
	int64_t ran_out_ms[RECENT_MAX]; /* when the last ones did; 0: none */
	unsigned ran_out;
} aside = { .once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER };

static void set_up(void)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&aside.begun, &monotonic);
	pthread_cond_init(&aside.ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void unlink_job(const struct job *job)
{
	struct job **link = &aside.jobs;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
}

/* The oldest that waits. */
static struct job *take(void)
{
	struct job *oldest = NULL;

	for (struct job *job = aside.jobs; job; job = job->next)
		if (job->state == WAITS)
			oldest = job;
	return oldest;
}

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void run(struct job *job)
{
	pthread_getcpuclockid(pthread_self(), &job->clock);
	job->begun_ns = job->used_ns = nanoseconds(job->clock);
	job->state = RUNS;
	aside.waiting--;
	pthread_mutex_unlock(&aside.mutex);
	job->work(job->data);
	pthread_mutex_lock(&aside.mutex);
	unlink_job(job);
	job->state = DONE;
	if (job->left)
		free(job);
	else
		pthread_cond_broadcast(&aside.ended);
}

static void *thread_main(void *unused)
{
	struct job *job;

	SEED_UNUSED(unused);
	pthread_mutex_lock(&aside.mutex);
	for (;;) {
		while (!(job = take())) {
			aside.idle++;
			pthread_cond_wait(&aside.begun, &aside.mutex);
			aside.idle--;
		}
		run(job);
	}
	return NULL;
}

static bool start_thread(void)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int err;

	if (aside.threads == THREADS_MAX || pthread_attr_init(&attributes))
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	/* Signals belong to the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, &attributes, thread_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (!err)
		aside.threads++;
	return !err;
}

/* How many of the user's hang; SEED_ASIDE_HELD_MAX: no more is to be begun. */
static int held_of(const struct job *begun)
{
	int held = 0;

	for (const struct job *job = aside.jobs; job; job = job->next) {
		if (job->left && job->process == begun->process)
			return SEED_ASIDE_HELD_MAX;
		held += job->left && job->user == begun->user;
	}
	return held;
}

/* False: nobody would run it. A thread that is about to be idle is no promise, since what
 * it runs may hang. */
static bool begin(struct job *job)
{
	if (aside.idle <= aside.waiting && !start_thread())
		return false;
	job->next = aside.jobs;
	aside.jobs = job;
	aside.waiting++;
	pthread_cond_signal(&aside.begun);
	return true;
}

static struct timespec deadline_after(int wait_ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += wait_ms / 1000;
	at.tv_nsec += wait_ms % 1000 * 1000000L;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000L;
	}
	return at;
}

static int patience_ms(const struct job *job, int wait_ms)
{
	int64_t since_ms = seed_clock_now_ms() - RECENT_MS;
	int halved = 0;

	for (size_t i = 0; i < RECENT_MAX; i++)
		halved += aside.ran_out_ms[i] && aside.ran_out_ms[i] > since_ms;
	for (const struct job *older = job->next; older && halved < RECENT_MAX; older = older->next)
		halved += !older->left && older->waited_ms >= SLOW_MS;
	wait_ms >>= halved;
	return wait_ms > LEAST_MS ? wait_ms : LEAST_MS;
}

static int turn_ms(int patience)
{
	int turn = patience / 8;

	return turn < 1 ? 1 : turn > SLOW_MS ? SLOW_MS : turn;
}

/* What waits for a turn of the processor does not hang, as far as anybody knows. */
static bool seems_to_hang(struct job *job)
{
	const int64_t before_ns = job->used_ns;

	if (job->state != RUNS)
		return false;
	job->used_ns = nanoseconds(job->clock);
	return job->used_ns == before_ns || job->used_ns - job->begun_ns > WORK_MAX_MS * INT64_C(1000000);
}

/* Whether the job, which has been begun, is the caller's to free. */
static bool wait_for(struct job *job, int wait_ms)
{
	int patience, passed_ms = 0;

	while (job->state != DONE && passed_ms < wait_ms &&
	       job->waited_ms < (patience = patience_ms(job, wait_ms))) {
		const int turn = turn_ms(patience);
		const struct timespec end = deadline_after(turn);

		while (job->state != DONE && pthread_cond_timedwait(&aside.ended, &aside.mutex, &end) == 0)
			;
		passed_ms += turn;
		job->waited_ms += seems_to_hang(job) ? turn : 0;
	}
	job->left = job->state == RUNS;
	if (job->left)
		aside.ran_out_ms[aside.ran_out++ % RECENT_MAX] = seed_clock_now_ms();
	if (job->state == WAITS) {
		unlink_job(job);
		aside.waiting--;
	}
	return !job->left;
}

bool seed_aside(pid_t process, uid_t user, void (*work)(void *data), void *data, size_t size, int wait_ms)
{
	struct job *job = calloc(1, sizeof(*job) + size);
	bool mine = true, done;

	if (!job)
		return false;
	job->work = work;
	job->process = process;
	job->user = user;
	memcpy(job->data, data, size);
	pthread_once(&aside.once, set_up);
	pthread_mutex_lock(&aside.mutex);
	if (held_of(job) < SEED_ASIDE_HELD_MAX && begin(job))
		mine = wait_for(job, wait_ms);
	done = mine && job->state == DONE;
	pthread_mutex_unlock(&aside.mutex);
	if (done)
		memcpy(data, job->data, size);
	if (mine)
		free(job);
	return done;
}
