#include "lib/worker/cage.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The workers' own user and group, in the half of all numbers that no distribution and no
 * tool gives to anybody (systemd's "Users, Groups, UIDs and GIDs"): whoever has the same
 * user may stop and end a process. They own no file, and no name is looked up. */
#define WORKERS 0x80005eedU
/* nobody and nogroup, on every distribution that matters: for a user namespace that does
 * not have the others. */
#define NOBODY 65534
/* As many as a set of capabilities has bits. */
#define CAPABILITIES_MAX 64

/* ---- privileges ---- */

/* Best effort: the sets are emptied afterwards, and no_new_privs keeps what is
 * left of the bounding set from mattering. */
static void drop_bounds(void)
{
	for (unsigned long i = 0; i < CAPABILITIES_MAX; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capset, &head, none) == 0;
}

static bool become(uid_t id)
{
	return setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0;
}

static bool leave_root(void)
{
	if (geteuid())
		return true;
	return setgroups(0, NULL) == 0 && (become(WORKERS) || become(NOBODY));
}

static bool drop_privileges(void)
{
	bool dropped;

	drop_bounds();
	dropped = leave_root();
	dropped = drop_capabilities() && dropped;
	/* A daemon that is killed takes its workers along. A change of user clears
	 * this, and sets the next as a file of the system says. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	return dropped;
}

/* ---- limits ---- */

static const struct {
	int resource;
	rlim_t most;
} limits[] = {
	{RLIMIT_AS, SEED_WORKER_MEMORY_MAX_BYTES},
	{RLIMIT_FSIZE, SEED_WORKER_FILE_MAX_BYTES},
	{RLIMIT_NOFILE, SEED_WORKER_DESCRIPTORS_MAX},
	{RLIMIT_NPROC, 0},
	{RLIMIT_CORE, 0},
};

static void set_limits(void)
{
	for (size_t i = 0; i < SEED_ARRAY_LEN(limits); i++) {
		const struct rlimit limit = {limits[i].most, limits[i].most};

		/* Sanitizers map terabytes, and start a process to search for leaks. */
		if (SEED_CAGE_SANITIZED &&
		    (limits[i].resource == RLIMIT_AS || limits[i].resource == RLIMIT_NPROC))
			continue;
		/* A lower limit that is in force already stays. */
		setrlimit((__rlimit_resource_t)limits[i].resource, &limit);
	}
}

void seed_cage_limit_time(void)
{
	struct rusage used;
	struct rlimit limit;

	if (getrusage(RUSAGE_SELF, &used) || getrlimit(RLIMIT_CPU, &limit))
		return;
	/* It counts from the process's beginning. */
	limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			 SEED_WORKER_CPU_SECONDS + 1;
	setrlimit(RLIMIT_CPU, &limit);
}

/* Open since before the cage was closed; -1: it is not. */
static int size_fd = -1;

/* Of the address space; 0: not known. */
static size_t size_bytes(void)
{
	char text[64];
	ssize_t len = size_fd < 0 ? -1 : pread(size_fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return 0;
	text[len] = '\0';
	return (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

bool seed_cage_is_limit(void)
{
	const size_t spare = 64 * 1024, most = SEED_WORKER_MEMORY_MAX_BYTES, size = size_bytes();
	void *rest;

	if (!size)
		return false;
	if (size + spare >= most)
		return true;
	rest = mmap(NULL, most - size - spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (rest == MAP_FAILED)
		return false;
	munmap(rest, most - size - spare);
	return true;
}

/* ---- Landlock ---- */

/* The kernel's structure, by the version of its interface. What is handled and
 * not allowed by a rule is forbidden, and there is no rule. (linux/landlock.h
 * may be older than the kernel.) */
struct landlock_rules {
	uint64_t files, network, scopes;
};

static long landlock_version(void)
{
#ifdef SYS_landlock_create_ruleset
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1U);
#else
	return 0;
#endif
}

static bool use_landlock(void)
{
#ifdef SYS_landlock_create_ruleset
	static const struct landlock_version {
		int version;
		unsigned files, network, scopes; /* bits */
		size_t size;
	} versions[] = {
		{6, 16, 2, 2, 24}, {5, 16, 2, 0, 16}, {4, 15, 2, 0, 16},
		{3, 15, 0, 0, 8},  {2, 14, 0, 0, 8},  {1, 13, 0, 0, 8},
	};
	long version = landlock_version();

	for (size_t i = 0; i < SEED_ARRAY_LEN(versions); i++) {
		const struct landlock_version *known = &versions[i];
		const struct landlock_rules rules = {(UINT64_C(1) << known->files) - 1,
						     (UINT64_C(1) << known->network) - 1,
						     (UINT64_C(1) << known->scopes) - 1};
		long fd, result;

		if (version < known->version)
			continue;
		fd = syscall(SYS_landlock_create_ruleset, &rules, known->size, 0);
		if (fd < 0)
			return false;
		result = syscall(SYS_landlock_restrict_self, fd, 0);
		close((int)fd);
		return result == 0;
	}
#endif
	return false;
}

/* Before privileges go; without any, a user namespace lends them. */
static bool use_namespaces(void)
{
	return unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0 ||
	       unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0;
}

/* ---- seccomp ---- */

static const int allowed[] = {
	/* jobs, their bytes, their results, answers */
	SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(lseek),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pwritev),
	SCMP_SYS(pwritev2), SCMP_SYS(ftruncate), SCMP_SYS(fsync), SCMP_SYS(close),
	/* memory; mmap and mprotect stand below */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* limits of processor time, and what libc makes for itself */
	SCMP_SYS(getrusage), SCMP_SYS(futex), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Calls that libraries may try, at the latest after an error: they fail. */
static const int denied[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

/* Calls that no library has a reason for. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(clone),
	SCMP_SYS(clone3), SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect),
	SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal), SCMP_SYS(kill), SCMP_SYS(tkill),
	SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(mount),
	SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(perf_event_open),
	SCMP_SYS(io_uring_setup), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(kexec_load), SCMP_SYS(reboot),
	SCMP_SYS(setuid), SCMP_SYS(setresuid), SCMP_SYS(setreuid), SCMP_SYS(capset),
};

/* Calls that this processor's kernel does not have are left out. */
static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (calls[i] >= 0 && seccomp_rule_add(filter, action, calls[i], 0))
			return false;
	return true;
}

/* Calls whose arguments decide. */
static bool add_conditional(scmp_filter_ctx filter)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();

	return !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	       !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
	       /* its own limit of processor time, nobody's else */
	       !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				 SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A1(SCMP_CMP_EQ, RLIMIT_CPU, 0)) &&
	       /* abort() */
	       !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				 SCMP_A0(SCMP_CMP_EQ, self, 0));
}

static bool use_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	bool used;

	if (!filter)
		return false;
	/* The mitigation against speculation is for scripts of others in the same process;
	 * it is not needed here. Fails where it is not known. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	used = !seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) &&
	       add_all(filter, SCMP_ACT_ALLOW, allowed, SEED_ARRAY_LEN(allowed)) &&
	       add_all(filter, SCMP_ACT_ERRNO(EACCES), denied, SEED_ARRAY_LEN(denied)) &&
	       add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, SEED_ARRAY_LEN(deadly)) &&
	       add_conditional(filter) && !seccomp_load(filter);
	seccomp_release(filter);
	return used;
}

/* ---- the cage ---- */

unsigned seed_cage_enter(void)
{
	unsigned walls = 0;

	if (SEED_CAGE_SANITIZED) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		set_limits();
		return SEED_WALL_SANITIZER;
	}
	size_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (landlock_version() <= 0 && use_namespaces())
		walls |= SEED_WALL_NAMESPACES;
	if (drop_privileges())
		walls |= SEED_WALL_PRIVILEGES;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (use_landlock())
		walls |= SEED_WALL_LANDLOCK;
	set_limits();
	if (use_seccomp())
		walls |= SEED_WALL_SECCOMP;
	return walls;
}

errint_t seed_cage_try(unsigned *walls)
{
	pid_t pid = fork(), ended;
	int status;

	if (!pid)
		_exit((int)seed_cage_enter());
	if (pid < 0)
		return -errno;
	do {
		ended = waitpid(pid, &status, 0);
	} while (ended < 0 && errno == EINTR);
	*walls = ended == pid && WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 0;
	return 0;
}

/* ---- in words ---- */

static void add_word(char *text, const char *word)
{
	size_t len = strlen(text);

	snprintf(text + len, SEED_CAGE_TEXT_BYTES - len, "%s%s", len ? ", " : "", word);
}

void seed_cage_describe(unsigned walls, char *text)
{
	text[0] = '\0';
	add_word(text, "limits");
	if (walls & SEED_WALL_PRIVILEGES)
		add_word(text, "no privileges");
	if (walls & SEED_WALL_SECCOMP)
		add_word(text, "seccomp");
	if (walls & SEED_WALL_LANDLOCK)
		add_word(text, "Landlock");
	if (walls & SEED_WALL_NAMESPACES)
		add_word(text, "namespaces");
	if (walls & SEED_WALL_SANITIZER)
		add_word(text, "a sanitizer");
}

void seed_cage_missing(unsigned walls, char *text)
{
	text[0] = '\0';
	if (walls & SEED_WALL_SANITIZER)
		return;
	if (!(walls & SEED_WALL_PRIVILEGES))
		add_word(text, "another user without capabilities");
	if (!(walls & SEED_WALL_SECCOMP))
		add_word(text, "seccomp");
	if (!(walls & (SEED_WALL_LANDLOCK | SEED_WALL_NAMESPACES)))
		add_word(text, "Landlock or namespaces");
}
