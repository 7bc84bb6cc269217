/*
 * Processes that hold up whoever looks at them in /proc, with a page of an image that has
 * to be read first:  held MOUNT PID epoll|folder
 * PID, the daemon, stands still meanwhile. Ends when all of it has been answered.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 14 /* more than libfuse has threads */

static const char *mount;
static int epoll, start[2], ready[2];
static size_t image_bytes, page;

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static pid_t begin(void)
{
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static const struct timespec pause_time = { .tv_nsec = 10000000 };

static int has_stopped(const char *tasks, const char *tid)
{
	char path[512], text[512] = "";
	const char *state;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/stat", tasks, tid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 1;
	close(fd);
	state = strrchr(text, ')');
	return !state || state[2] == 'T';
}

/* With all of its threads: none may answer any more. */
static void stop(pid_t pid)
{
	const struct dirent *task;
	char path[64];
	DIR *tasks;
	int left;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	check(!kill(pid, SIGSTOP), "stop");
	do {
		nanosleep(&pause_time, NULL);
		tasks = opendir(path);
		check(tasks != NULL, path);
		for (left = 0; (task = readdir(tasks)) != NULL;)
			left += task->d_name[0] != '.' && !has_stopped(path, task->d_name);
		closedir(tasks);
	} while (left);
}

/* Until it sleeps in the kernel. */
static void wait_for(pid_t pid)
{
	char path[64], text[64];
	int fd, n;

	do {
		nanosleep(&pause_time, NULL);
		snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
		fd = open(path, O_RDONLY);
		n = (int)read(fd, text, sizeof(text));
		close(fd);
	} while (n <= 1 || strncmp(text, "anon_pipe", 9) == 0);
}

/* What it closes is a text that is refused: it costs nothing. */
static pid_t writer(int number)
{
	pid_t pid = begin();
	char path[512], byte;
	int fd;

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/prompts/held%d", mount, number);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	check(fd >= 0 && write(fd, " ", 1) == 1 && write(ready[1], "", 1) == 1, path);
	check(read(start[0], &byte, 1) == 1, "start");
	close(fd);
	_exit(0);
}

/* A page that is nowhere but in the image. */
static char *far_page(int image)
{
	char *at;

	posix_fadvise(image, 0, 0, POSIX_FADV_DONTNEED);
	at = mmap(NULL, image_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, image, 0);
	check(at != MAP_FAILED, "mmap");
	return at + image_bytes / 2 / page * page;
}

static void hold_epoll(char *to)
{
	pid_t pid = begin();

	if (!pid) {
		epoll_wait(epoll, (struct epoll_event *)(void *)to, 1, 0);
		_exit(0);
	}
	wait_for(pid);
}

/* Of the two, the second lets no further look-up pass the first. */
static void hold_folder(char *to, pid_t of)
{
	char path[64];
	pid_t pid;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", of);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	check(fd >= 0, path);
	if (!(pid = begin())) {
		syscall(SYS_getdents64, fd, to, page);
		_exit(0);
	}
	close(fd);
	wait_for(pid);
	if (!(pid = begin())) {
		snprintf(path, sizeof(path), "/proc/%d/x", of);
		mkdir(path, 0700);
		_exit(0);
	}
	wait_for(pid);
}

int main(int argc, char **argv)
{
	struct epoll_event in = { .events = EPOLLIN };
	pid_t daemon, writers[WRITERS];
	char path[512], byte, *to;
	struct stat st;
	int image;

	check(argc == 4, "arguments");
	mount = argv[1];
	daemon = (pid_t)strtol(argv[2], NULL, 10);
	page = (size_t)sysconf(_SC_PAGESIZE);
	snprintf(path, sizeof(path), "%s/images/fox.png", mount);
	image = open(path, O_RDONLY);
	check(image >= 0 && !fstat(image, &st) && !pipe(start) && !pipe(ready), path);
	image_bytes = (size_t)st.st_size;
	epoll = epoll_create1(0);
	check(!epoll_ctl(epoll, EPOLL_CTL_ADD, eventfd(1, 0), &in), "epoll");
	for (int i = 0; i < WRITERS; i++)
		writers[i] = writer(i);
	for (int i = 0; i < WRITERS; i++)
		check(read(ready[0], &byte, 1) == 1, "ready");
	to = far_page(image);
	stop(daemon);
	/* Their requests come before the page's. */
	check(write(start[1], "..............", WRITERS) == WRITERS, "start");
	for (int i = 0; i < WRITERS; i++)
		wait_for(writers[i]);
	if (!strcmp(argv[3], "epoll"))
		hold_epoll(to);
	for (int i = 0; strcmp(argv[3], "epoll") && i < WRITERS; i++)
		hold_folder(to, writers[i]);
	kill(daemon, SIGCONT);
	while (wait(NULL) > 0)
		;
	return 0;
}
