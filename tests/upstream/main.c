/*
 * upstream: a test image service on loopback ports of its own.
 *
 *     upstream --port-file FILE [--log FILE] [--images DIR] [--duration-ms N]
 *              [--bind ADDRESS]
 *     upstream pixels FILE [X Y WIDTH HEIGHT]
 *     upstream compare FILE FILE
 *
 * It takes any free ports (listen.c), writes the numbers to FILE.images,
 * FILE.control and, once it accepts, FILE (the API's), and ends on SIGTERM or
 * with the process that started it.
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "tests/upstream/fault.h"
#include "tests/upstream/journal.h"
#include "tests/upstream/picture.h"
#include "tests/upstream/server.h"
#include "tests/upstream/task.h"

struct config config = { .duration_ms = 50, .image = "png" };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static volatile bool stopping;

void server_lock(void)
{
	pthread_mutex_lock(&lock);
}

void server_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void server_changed(void)
{
	pthread_cond_broadcast(&changed);
}

void server_wait(int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	if (!stopping)
		pthread_cond_timedwait(&changed, &lock, &until);
}

bool server_stopping(void)
{
	return stopping;
}

void server_stop(void)
{
	server_lock();
	stopping = true;
	server_changed();
	server_unlock();
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

static _Noreturn void out_of_memory(void)
{
	fputs("upstream: out of memory\n", stderr);
	exit(1);
}

void *xalloc(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		out_of_memory();
	return memory;
}

char *xstrdup(const char *text)
{
	size_t size = strlen(text ? text : "") + 1;

	return memcpy(xalloc(size), text ? text : "", size);
}

char *xprintf(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		out_of_memory();
	return text;
}

/* Whoever waits for the file never reads half of it. */
static bool write_port(const char *path, unsigned int port)
{
	char *part = xprintf("%s.part", path);
	FILE *file = fopen(part, "we");
	bool ok = file && fprintf(file, "%u\n", port) > 0;

	ok = file && !fclose(file) && ok && !rename(part, path);
	if (!ok)
		perror(path);
	free(part);
	return ok;
}

/* The ports' files; the API's last, since that one is waited for. */
static bool write_ports(const char *path)
{
	char *images = xprintf("%s.images", path), *control = xprintf("%s.control", path);
	bool ok = write_port(images, listen_port(DOOR_IMAGES)) &&
		  write_port(control, listen_port(DOOR_CONTROL)) &&
		  write_port(path, listen_port(DOOR_API));

	free(images);
	free(control);
	return ok;
}

static bool serve(const char *port_file, const sigset_t *ends)
{
	struct MHD_Daemon *daemon;
	int signal;

	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
				  MHD_USE_POLL | MHD_USE_NO_LISTEN_SOCKET,
				  0, NULL, NULL, http_handle, NULL,
				  MHD_OPTION_NOTIFY_COMPLETED, http_completed, NULL,
				  MHD_OPTION_NOTIFY_CONNECTION, listen_notify, NULL,
				  MHD_OPTION_CONNECTION_LIMIT, 20000U,
				  MHD_OPTION_THREAD_STACK_SIZE, (size_t)512 * 1024,
				  MHD_OPTION_END);
	if (!daemon) {
		fputs("upstream: cannot start\n", stderr);
		return false;
	}
	listen_start(daemon);
	if (write_ports(port_file))
		sigwait(ends, &signal);
	server_stop();
	listen_stop();
	MHD_stop_daemon(daemon);
	server_lock();
	journal_clear();
	fault_clear();
	task_clear();
	server_unlock();
	picture_clear();
	return true;
}

static int usage(void)
{
	fputs("usage: upstream --port-file FILE [--log FILE] [--images DIR] [--duration-ms N]"
	      " [--bind ADDRESS]\n", stderr);
	return 2;
}

static void prepare(sigset_t *ends)
{
	pthread_condattr_t attr;

	/* The test that started us may be killed: never outlive it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(ends);
	sigaddset(ends, SIGTERM);
	sigaddset(ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, ends, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	pthread_condattr_destroy(&attr);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port-file", required_argument, NULL, 'p' },
		{ "log", required_argument, NULL, 'l' },
		{ "images", required_argument, NULL, 'i' },
		{ "duration-ms", required_argument, NULL, 'd' },
		{ "bind", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	const char *port_file = NULL, *log = NULL, *address = "127.0.0.1";
	sigset_t ends;
	int option;

	if (argc > 1 && argv[1][0] != '-')
		return measure_main(argc - 1, argv + 1);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			port_file = optarg;
		else if (option == 'l')
			log = optarg;
		else if (option == 'i')
			config.images = optarg;
		else if (option == 'd')
			config.duration_ms = strtol(optarg, NULL, 10);
		else if (option == 'b')
			address = optarg;
		else
			return usage();
	}
	if (!port_file || optind != argc)
		return usage();
	prepare(&ends);
	journal_open(log);
	listen_bind(address);
	return serve(port_file, &ends) ? 0 : 1;
}
