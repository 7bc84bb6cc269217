#include "lib/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* PF_EXITING of linux/sched.h, as field 9 of /proc/PID/stat shows it. */
#define FLAG_EXITING 0x4

static bool read_proc(pid_t tid, const char *file, char *text, size_t size)
{
	char path[64];
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

bool seed_process_was_killed(pid_t tid)
{
	unsigned flags = 0;
	char text[4096];
	char *at, *last;

	if (tid <= 0 || !read_proc(tid, "status", text, sizeof(text)))
		return false;
	/* An exit gives the memory back before it closes descriptors. */
	if (strstr(text, "\nVmSize:") || !read_proc(tid, "stat", text, sizeof(text)))
		return false;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	if (!at || sscanf(at, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		return false;
	last = strrchr(text, ' '); /* field 52, the exit code: status in wait(2)'s form */
	return (flags & FLAG_EXITING) && last && (strtol(last + 1, NULL, 10) & 0x7f) != 0;
}

bool seed_process_is_in_exec(pid_t tid)
{
	char text[4096];

	if (tid <= 0 || !read_proc(tid, "status", text, sizeof(text)))
		return false;
	/* The new memory is there when descriptors are closed, the program not
	 * yet. Every program that runs has code. */
	return strstr(text, "\nVmExe:") && field(text, "\nVmExe:", 10) == 0;
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
	char text[256];
	long number;

	if (tid <= 0 || !read_proc(tid, "syscall", text, sizeof(text)) ||
	    text[0] < '0' || text[0] > '9')
		return false;
	number = strtol(text, NULL, 10);
	for (size_t i = 0; i < SEED_ARRAY_LEN(renames); i++)
		if (renames[i] == number)
			return true;
	return false;
}
