/*
 * Makes one allocation or one system call of a running program fail: build/failing.so,
 * for LD_PRELOAD. tests/torture/torture.py turns it on.
 *
 * $FAILING_PAGE names a file of one struct page. The process whose pid stands in it
 * counts the calls of `kind` (or of that function `only`) and fails the one that is number
 * `at`, once. Workers load this, too, and only pass on: their pid is another.
 *
 * Calls that libfuse makes are passed on uncounted: a reply that is lost or a loop that
 * ends is between it and the kernel. So are read and write of what is neither a file nor
 * a socket (an eventfd does not fail).
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NOTHING, ALLOCATIONS, CALLS };

struct page {
	atomic_int pid, kind, at, count, failed;
	char what[44], only[32];
	uint64_t where; /* the caller, as an offset in the program, or 0 */
};

static struct page *page;
static int self;
static uintptr_t program, program_end, libfuse, libfuse_end;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static int note_object(struct dl_phdr_info *object, size_t size, void *argument)
{
	uintptr_t start = object->dlpi_addr, end = start;

	(void)size;
	(void)argument;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_LOAD &&
		    end < start + object->dlpi_phdr[i].p_vaddr + object->dlpi_phdr[i].p_memsz)
			end = start + object->dlpi_phdr[i].p_vaddr + object->dlpi_phdr[i].p_memsz;
	if (!*object->dlpi_name) {
		program = start;
		program_end = end;
	} else if (strstr(object->dlpi_name, "/libfuse3.")) {
		libfuse = start;
		libfuse_end = end;
	}
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAILING_PAGE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = MAP_FAILED;

	if (fd < 0)
		return;
	dl_iterate_phdr(note_object, NULL);
	self = getpid();
	mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		page = mapped;
}

static bool fails(enum kind kind, const char *what, const void *caller)
{
	uintptr_t from = (uintptr_t)caller;

	if (!page || page->kind != (int)kind || page->pid != self ||
	    (from >= libfuse && from < libfuse_end) ||
	    (*page->only && strcmp(page->only, what) != 0) || ++page->count != page->at)
		return false;
	snprintf(page->what, sizeof(page->what), "%s", what);
	page->where = from >= program && from < program_end ? from - program : 0;
	page->failed = 1;
	return true;
}

static bool refused(const char *what, const void *caller)
{
	if (!fails(ALLOCATIONS, what, caller))
		return false;
	errno = ENOMEM;
	return true;
}

#define HERE __builtin_return_address(0)

void *malloc(size_t size)
{
	return refused("malloc", HERE) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return refused("calloc", HERE) ? NULL : __libc_calloc(count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return refused("aligned_alloc", HERE) ? NULL : __libc_memalign(alignment, size);
}

void *realloc(void *block, size_t size)
{
	/* To make a block smaller needs none, and libc relies on that. */
	if ((!block || size > malloc_usable_size(block)) && refused("realloc", HERE))
		return NULL;
	return __libc_realloc(block, size);
}

static bool is_steady(int fd)
{
	struct stat st;
	int before = errno;
	bool steady = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode);

	errno = before;
	return steady;
}

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

/* One that says -1 and errno (or `bad`), unless `passes`. */
#define CALL(type, name, list, arguments, passes, code, bad)				\
	type name list;									\
	type name list									\
	{										\
		static type (*real) list;						\
											\
		if (!real)								\
			real = (type (*) list)next(#name);				\
		if (!(passes) && fails(CALLS, #name, HERE)) {				\
			errno = code;							\
			return bad;							\
		}									\
		return real arguments;							\
	}

CALL(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size), is_steady(fd), EIO, -1)
CALL(ssize_t, pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at), false, EIO, -1)
CALL(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size), is_steady(fd), ENOSPC, -1)
CALL(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at), false,
     ENOSPC, -1)
CALL(ssize_t, writev, (int fd, const struct iovec *from, int count), (fd, from, count), is_steady(fd),
     ENOSPC, -1)
CALL(int, fsync, (int fd), (fd), false, EIO, -1)
CALL(int, fdatasync, (int fd), (fd), false, EIO, -1)
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), false, ENOSPC, -1)
CALL(int, fstat64, (int fd, struct stat64 *to), (fd, to), false, EIO, -1)
CALL(int, fstatat64, (int fd, const char *path, struct stat64 *to, int flags), (fd, path, to, flags), false,
     EIO, -1)
CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), false, EIO, -1)
CALL(int, renameat2, (int a, const char *from, int b, const char *to, unsigned int flags),
     (a, from, b, to, flags), false, EIO, -1)
CALL(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags),
     false, EIO, -1)
CALL(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), false, EIO, -1)
CALL(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), false, ENOSPC, -1)
CALL(int, utimensat, (int fd, const char *path, const struct timespec times[2], int flags),
     (fd, path, times, flags), false, EIO, -1)
CALL(int, futimens, (int fd, const struct timespec times[2]), (fd, times), false, EIO, -1)
CALL(int, dup, (int fd), (fd), false, EMFILE, -1)
CALL(int, memfd_create, (const char *name, unsigned int flags), (name, flags), false, EMFILE, -1)
CALL(int, eventfd, (unsigned int value, int flags), (value, flags), false, EMFILE, -1)
CALL(int, pipe2, (int fds[2], int flags), (fds, flags), false, EMFILE, -1)
CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol), false, EMFILE, -1)
CALL(int, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds),
     false, EMFILE, -1)
CALL(int, getsockopt, (int fd, int level, int option, void *to, socklen_t *size),
     (fd, level, option, to, size), false, ENOBUFS, -1)
CALL(int, setsockopt, (int fd, int level, int option, const void *from, socklen_t size),
     (fd, level, option, from, size), false, ENOBUFS, -1)
CALL(int, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size), false, ENETUNREACH,
     -1)
CALL(ssize_t, send, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags), false,
     ECONNRESET, -1)
CALL(ssize_t, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags), false, ECONNRESET, -1)
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *from, int flags), (fd, from, flags), false, ENOBUFS, -1)
CALL(ssize_t, recvmsg, (int fd, struct msghdr *to, int flags), (fd, to, flags), false, ENOMEM, -1)
CALL(int, poll, (struct pollfd *fds, nfds_t count, int ms), (fds, count, ms), false, ENOMEM, -1)
CALL(DIR *, opendir, (const char *path), (path), false, EMFILE, NULL)
CALL(DIR *, fdopendir, (int fd), (fd), false, ENOMEM, NULL)
CALL(void *, mmap64, (void *at, size_t size, int protection, int flags, int fd, off64_t offset),
     (at, size, protection, flags, fd, offset), false, ENOMEM, MAP_FAILED)

/* These say the error itself. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument)
{
	static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (!real)
		real = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
			next("pthread_create");
	return fails(CALLS, "pthread_create", HERE) ? EAGAIN : real(thread, attr, run, argument);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attr, char *const argv[], char *const env[])
{
	static int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[], char *const[]);

	if (!real)
		real = (int (*)(pid_t *, const char *, const posix_spawn_file_actions_t *,
				const posix_spawnattr_t *, char *const[], char *const[]))
			next("posix_spawn");
	return fails(CALLS, "posix_spawn", HERE) ? EAGAIN : real(pid, path, actions, attr, argv, env);
}

/* These take a mode where a file may be made. */
#define OPEN(name, list, arguments)							\
	int name list;									\
	int name list									\
	{										\
		static int (*real) list;						\
		va_list more;								\
		mode_t mode = 0;							\
											\
		if (!real)								\
			real = (int (*) list)next(#name);				\
		if (flags & (O_CREAT | O_TMPFILE)) {					\
			va_start(more, flags);						\
			mode = va_arg(more, mode_t);					\
			va_end(more);							\
		}									\
		if (fails(CALLS, #name, HERE)) {					\
			errno = EMFILE;							\
			return -1;							\
		}									\
		return real arguments;							\
	}

OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat64, (int fd, const char *path, int flags, ...), (fd, path, flags, mode))
