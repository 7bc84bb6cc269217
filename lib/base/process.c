#include "lib/base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* PF_… of linux/sched.h, as field 9 of /proc/PID/stat shows them. */
#define FLAG_EXITING 0x4
#define FLAG_SIGNALED 0x400

#define DESCRIPTORS_MAX 256

static bool read_proc(pid_t tid, const char *file, char *text, size_t size)
{
	char path[NAME_MAX + 64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)tid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

static uint64_t field(const char *text, const char *name, int base)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

pid_t seed_process_of(pid_t tid)
{
	char text[4096];

	if (tid <= 0 || !read_proc(tid, "status", text, sizeof(text)))
		return tid;
	return (pid_t)field(text, "\nTgid:\t", 10);
}

static uint64_t bit(int signal_number)
{
	return (uint64_t)1 << (signal_number - 1);
}

bool seed_process_is_ending(pid_t tid)
{
	/* Signals whose default action is to do nothing, to stop or to go on. */
	const uint64_t harmless = bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGCONT) |
				  bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);
	const uint64_t asks_to_end = bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP) | bit(SIGQUIT);
	uint64_t pending, caught, ignored, blocked;
	char text[4096];

	if (tid <= 0 || !read_proc(tid, "status", text, sizeof(text)))
		return true;
	pending = field(text, "\nSigPnd:\t", 16) | field(text, "\nShdPnd:\t", 16);
	blocked = field(text, "\nSigBlk:\t", 16);
	ignored = field(text, "\nSigIgn:\t", 16);
	caught = field(text, "\nSigCgt:\t", 16);
	if (pending & bit(SIGKILL))
		return true;
	pending &= ~blocked & ~ignored;
	return (pending & asks_to_end) || (pending & ~caught & ~harmless);
}

/* The kernel shows the exit code only to those who may trace the process; others see 0. */
static bool may_look(pid_t tid)
{
	char path[64], target[8];

	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)tid);
	return readlink(path, target, sizeof(target)) >= 0 || errno != EACCES;
}

bool seed_process_was_killed(pid_t tid)
{
	unsigned flags = 0;
	char status[4096], text[4096];
	char *at, *last;

	if (tid <= 0 || !read_proc(tid, "status", status, sizeof(status)))
		return false;
	/* An exit gives the memory back before it closes descriptors. */
	if (strstr(status, "\nVmSize:") || !read_proc(tid, "stat", text, sizeof(text)))
		return false;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	last = strrchr(text, ' '); /* field 52, the exit code: status in wait(2)'s form */
	if (!at || !last || sscanf(at, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1 ||
	    !(flags & FLAG_EXITING))
		return false;
	if (may_look(tid))
		return (strtol(last + 1, NULL, 10) & 0x7f) != 0;
	/* The flag is also set where one thread of several calls exit(). */
	return (flags & FLAG_SIGNALED) &&
	       (field(status, "\nThreads:\t", 10) == 1 || field(status, "\nShdPnd:\t", 16) != 0);
}

/* Reads the lines "flags:" (octal) and "ino:" of one descriptor. */
static bool is_open_at(pid_t tid, const char *descriptor, uint64_t inode_number, bool writing)
{
	char file[NAME_MAX + sizeof("fdinfo/")], text[512];

	snprintf(file, sizeof(file), "fdinfo/%s", descriptor);
	return read_proc(tid, file, text, sizeof(text)) &&
	       field(text, "\nino:\t", 10) == inode_number &&
	       (!writing || (field(text, "\nflags:\t", 8) & O_ACCMODE) != O_RDONLY);
}

/* 1: it has the file open. 0: it does not. -1: not all descriptors could be looked at. */
static int look_for(pid_t tid, uint64_t inode_number, bool writing)
{
	const struct dirent *entry;
	int looked_at = 0;
	bool found = false;
	char path[64];
	DIR *folder;

	if (tid <= 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%ld/fdinfo", (long)tid);
	folder = opendir(path);
	if (!folder)
		return -1;
	while (!found && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (looked_at++ == DESCRIPTORS_MAX)
			break;
		found = is_open_at(tid, entry->d_name, inode_number, writing);
	}
	closedir(folder);
	return found ? 1 : looked_at > DESCRIPTORS_MAX ? -1 : 0;
}

bool seed_process_holds(pid_t tid, uint64_t inode_number)
{
	return look_for(tid, inode_number, true) == 1;
}

int seed_process_has_open(pid_t tid, uint64_t inode_number)
{
	return look_for(tid, inode_number, false);
}

bool seed_process_is_in_exec(pid_t tid)
{
	char text[4096];

	if (tid <= 0 || !read_proc(tid, "status", text, sizeof(text)))
		return false;
	/* When execve() closes descriptors, the process has its new memory, but no program
	 * in it yet. A program that runs always has code. */
	return strstr(text, "\nVmExe:") && field(text, "\nVmExe:", 10) == 0;
}

/* The number and arguments of the thread's system call. False: it is in none, or cannot be
 * seen. Reads `syscall`. */
static bool read_syscall(pid_t tid, long *number, unsigned long arguments[4])
{
	char text[256];

	return tid > 0 && read_proc(tid, "syscall", text, sizeof(text)) &&
	       sscanf(text, "%ld %lx %lx %lx %lx", number, &arguments[0], &arguments[1],
		      &arguments[2], &arguments[3]) == 5;
}

bool seed_process_is_renaming(pid_t tid)
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

bool seed_process_asks_by_name(pid_t tid)
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
