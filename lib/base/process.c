#include "lib/base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/aside.h"

/* PF_… of linux/sched.h, as field 9 of /proc/PID/stat shows them. */
#define FLAG_EXITING 0x4
#define FLAG_SIGNALED 0x400

/* A look takes microseconds. One that takes so long is held up, or the machine is: then an
 * answer that is wrong costs a picture, and waiting costs little. */
#define WAIT_MS 1000
/* The engine's thread does more than this, and will ask again. */
#define SIGNALS_WAIT_MS 500

#define DESCRIPTORS_MAX 256
/* Processor time for the descriptors of one process, some fifty times what is usual. What
 * fdinfo says of an epoll with many items, or of a file with many locks, takes milliseconds. */
#define LOOK_MAX_MS 50

/* One question, which a thread of lib/base/aside.h answers. */
struct look {
	pid_t tid;
	uint64_t inode_number;
	bool writing;
	int answer;
};

static int ask(struct seed_process process, void (*question)(void *look), struct look look,
	       int unknown, int wait_ms)
{
	look.tid = process.tid;
	if (process.tid <= 0 ||
	    !seed_aside(process.tid, process.uid, question, &look, sizeof(look), wait_ms))
		return unknown;
	return look.answer;
}

static int open_proc(pid_t tid, const char *file)
{
	char path[NAME_MAX + 64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)tid, file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* For files that have a known most. The kernel gives such a one in one piece. */
static bool read_proc(pid_t tid, const char *file, char *text, size_t size)
{
	int fd = open_proc(tid, file);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* ---- status ---- */

enum field { TGID, VM_SIZE, VM_EXE, THREADS, PENDING, SHARED_PENDING, BLOCKED, IGNORED, CAUGHT, FIELDS };

static const struct {
	const char *name;
	int base;
} fields[FIELDS] = {
	[TGID] = { "Tgid:", 10 },
	[VM_SIZE] = { "VmSize:", 10 },
	[VM_EXE] = { "VmExe:", 10 },
	[THREADS] = { "Threads:", 10 },
	[PENDING] = { "SigPnd:", 16 },
	[SHARED_PENDING] = { "ShdPnd:", 16 },
	[BLOCKED] = { "SigBlk:", 16 },
	[IGNORED] = { "SigIgn:", 16 },
	[CAUGHT] = { "SigCgt:", 16 },
};

struct status {
	uint64_t values[FIELDS]; /* 0 where it is missing */
	bool has[FIELDS];
	char line[64]; /* its beginning: no field that counts is longer */
	size_t len;
};

static void end_line(struct status *status)
{
	status->line[status->len] = '\0';
	status->len = 0;
	for (size_t i = 0; i < FIELDS; i++) {
		const size_t len = strlen(fields[i].name);

		if (strncmp(status->line, fields[i].name, len) != 0)
			continue;
		status->values[i] = strtoull(status->line + len, NULL, fields[i].base);
		status->has[i] = true;
	}
}

static void add_text(struct status *status, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			end_line(status);
		else if (status->len < sizeof(status->line) - 1)
			status->line[status->len++] = text[i];
	}
}

/* 0, or -errno: without a process, -ENOENT or -ESRCH. A process has up to 65,536 groups, which
 * are one line of 700,000 bytes, so the file is read in pieces. Memory (Vm…) stands between the
 * groups and the signals: where the last signals are, a field that is missing does not exist. */
static errint_t read_status(pid_t tid, struct status *status)
{
	char text[4096];
	int fd = open_proc(tid, "status"), err;
	ssize_t n;

	memset(status, 0, sizeof(*status));
	if (fd < 0)
		return -errno;
	while ((n = read(fd, text, sizeof(text))) > 0)
		add_text(status, text, (size_t)n);
	err = n < 0 ? -errno : 0;
	close(fd);
	return !err && !status->has[CAUGHT] ? -EIO : err;
}

static void look_for_process(void *context)
{
	struct look *look = context;
	struct status status;
	errint_t err = read_status(look->tid, &status);

	if (err == -EMFILE || err == -ENFILE)
		look->answer = 0;
	else
		look->answer = err ? look->tid : (pid_t)status.values[TGID];
}

pid_t seed_process_of(struct seed_process process)
{
	return ask(process, look_for_process, (struct look){ 0 }, process.tid, WAIT_MS);
}

static uint64_t bit(int signal_number)
{
	return (uint64_t)1 << (signal_number - 1);
}

static bool has_ending_signal(const struct status *status)
{
	/* Signals whose default action is to do nothing, to stop or to go on. */
	const uint64_t harmless = bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGCONT) |
				  bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);
	const uint64_t asks_to_end = bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP) | bit(SIGQUIT);
	uint64_t pending = status->values[PENDING] | status->values[SHARED_PENDING];

	if (pending & bit(SIGKILL))
		return true;
	pending &= ~status->values[BLOCKED] & ~status->values[IGNORED];
	return (pending & asks_to_end) || (pending & ~status->values[CAUGHT] & ~harmless);
}

static void look_at_signals(void *context)
{
	struct look *look = context;
	struct status status;
	errint_t err = read_status(look->tid, &status);

	look->answer = err == -ENOENT || err == -ESRCH || (!err && has_ending_signal(&status));
}

bool seed_process_is_ending(struct seed_process process)
{
	return process.tid <= 0 ||
	       ask(process, look_at_signals, (struct look){ 0 }, false, SIGNALS_WAIT_MS);
}

static void look_at_exec(void *context)
{
	struct look *look = context;
	struct status status;

	/* When execve() closes descriptors, the process has its new memory, but no program
	 * in it yet. A program that runs always has code. */
	look->answer = !read_status(look->tid, &status) && status.has[VM_EXE] &&
		       status.values[VM_EXE] == 0;
}

bool seed_process_is_in_exec(struct seed_process process)
{
	return ask(process, look_at_exec, (struct look){ 0 }, false, WAIT_MS);
}

/* ---- exit ---- */

/* The kernel shows the exit code only to those who may trace the process; others see 0. */
static bool may_look(pid_t tid)
{
	char path[64], target[8];

	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)tid);
	return readlink(path, target, sizeof(target)) >= 0 || errno != EACCES;
}

static bool was_killed(pid_t tid)
{
	struct status status;
	unsigned flags = 0;
	char text[4096]; /* 52 numbers and a name of 64 bytes */
	char *at, *last;

	/* An exit gives the memory back before it closes descriptors. */
	if (read_status(tid, &status) || status.has[VM_SIZE] ||
	    !read_proc(tid, "stat", text, sizeof(text)))
		return false;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	last = strrchr(text, ' '); /* field 52, the exit code: status in wait(2)'s form */
	if (!at || !last || sscanf(at, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1 ||
	    !(flags & FLAG_EXITING))
		return false;
	if (may_look(tid))
		return (strtol(last + 1, NULL, 10) & 0x7f) != 0;
	/* The flag is also set where one thread of several calls exit(). */
	return (flags & FLAG_SIGNALED) && (status.values[THREADS] == 1 || status.values[SHARED_PENDING] != 0);
}

static void look_at_exit(void *context)
{
	struct look *look = context;

	look->answer = was_killed(look->tid);
}

bool seed_process_was_killed(struct seed_process process)
{
	return ask(process, look_at_exit, (struct look){ 0 }, false, WAIT_MS);
}

/* ---- descriptors ---- */

static uint64_t field(const char *text, const char *name, int base)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* Reads the lines "flags:" (octal) and "ino:" of one descriptor. They are among the first. */
static bool is_open_at(const struct look *look, const char *descriptor)
{
	char file[NAME_MAX + sizeof("fdinfo/")], text[512];

	snprintf(file, sizeof(file), "fdinfo/%s", descriptor);
	return read_proc(look->tid, file, text, sizeof(text)) &&
	       field(text, "\nino:\t", 10) == look->inode_number &&
	       (!look->writing || (field(text, "\nflags:\t", 8) & O_ACCMODE) != O_RDONLY);
}

static int64_t processor_ms(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return used.tv_sec * (int64_t)1000 + used.tv_nsec / 1000000;
}

/* 1: it has the file open. 0: it does not. -1: not all descriptors could be looked at. */
static int look_through(const struct look *look, DIR *folder)
{
	const int64_t end_ms = processor_ms() + LOOK_MAX_MS;
	const struct dirent *entry;

	for (int left = DESCRIPTORS_MAX; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		if (left-- == 0 || processor_ms() > end_ms)
			return -1;
		if (is_open_at(look, entry->d_name))
			return 1;
	}
	return 0;
}

static void look_for_file(void *context)
{
	struct look *look = context;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%ld/fdinfo", (long)look->tid);
	folder = opendir(path);
	look->answer = folder ? look_through(look, folder) : -1;
	if (folder)
		closedir(folder);
}

bool seed_process_holds(struct seed_process process, uint64_t inode_number)
{
	const struct look look = { .inode_number = inode_number, .writing = true };

	return ask(process, look_for_file, look, -1, WAIT_MS) == 1;
}

int seed_process_has_open(struct seed_process process, uint64_t inode_number)
{
	const struct look look = { .inode_number = inode_number };

	return ask(process, look_for_file, look, -1, WAIT_MS);
}

/* ---- system calls ---- */

/* The number and arguments of the thread's system call. False: it is in none, or cannot be
 * seen. Reads `syscall`. */
static bool read_syscall(pid_t tid, long *number, unsigned long arguments[4])
{
	char text[256];

	return read_proc(tid, "syscall", text, sizeof(text)) &&
	       sscanf(text, "%ld %lx %lx %lx %lx", number, &arguments[0], &arguments[1],
		      &arguments[2], &arguments[3]) == 5;
}

static bool is_renaming(pid_t tid)
{
	static const long renames[] = {
#ifdef SYS_rename
		SYS_rename,
#endif
#ifdef SYS_renameat
		SYS_renameat,
#endif
		SYS_renameat2,
	};
	unsigned long arguments[4];
	long number;

	if (!read_syscall(tid, &number, arguments))
		return false;
	for (size_t i = 0; i < SEED_ARRAY_LEN(renames); i++)
		if (renames[i] == number)
			return true;
	return false;
}

static void look_for_rename(void *context)
{
	struct look *look = context;

	look->answer = is_renaming(look->tid);
}

bool seed_process_is_renaming(struct seed_process process)
{
	return ask(process, look_for_rename, (struct look){ 0 }, false, WAIT_MS);
}

static bool asks_by_name(pid_t tid)
{
	static const long by_name[] = {
#ifdef SYS_stat
		SYS_stat, SYS_lstat, SYS_open, SYS_access,
#endif
		SYS_openat, SYS_openat2, SYS_faccessat, SYS_faccessat2, SYS_getxattr, SYS_lgetxattr,
		SYS_listxattr, SYS_llistxattr,
	};
	unsigned long arguments[4];
	long number;

	if (!read_syscall(tid, &number, arguments))
		return false;
	/* fstat(3) is one of these two with an empty name. */
	if (number == SYS_newfstatat)
		return !(arguments[3] & AT_EMPTY_PATH);
	if (number == SYS_statx)
		return !(arguments[2] & AT_EMPTY_PATH);
	for (size_t i = 0; i < SEED_ARRAY_LEN(by_name); i++)
		if (by_name[i] == number)
			return true;
	return false;
}

static void look_for_name(void *context)
{
	struct look *look = context;

	look->answer = asks_by_name(look->tid);
}

bool seed_process_asks_by_name(struct seed_process process)
{
	return ask(process, look_for_name, (struct look){ 0 }, false, WAIT_MS);
}
