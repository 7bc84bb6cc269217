/*
 * What the kernel says about the process behind a request. It is read from /proc
 * in a few microseconds, on any thread. Ids are those of FUSE requests: a thread's
 * id, or 0 for a process of a pid namespace that we cannot see.
 *
 * The caller holds a request of that process, and the process waits for the reply.
 * So nothing here may wait for the process. execve() closes what is open with
 * O_CLOEXEC while it holds a lock, and waits there for the reply to a FLUSH.
 * `stat`, `syscall`, `wchan`, `environ`, `io`, `stack`, `maps` and (Linux 6.18) what a link of
 * `fd` leads to wait for that lock. `cmdline` and `environ` are read from its memory, which may
 * be a page of an image that must come from us. These wait for nothing that an
 * honest process does: `status`, `fdinfo`, `comm`, `mountinfo`, `statm` and `limits`. Each
 * function says what it reads.
 *
 * A process that means harm can hold up any of them: `fdinfo` of an epoll takes a lock that
 * epoll_wait() holds, and a look-up in /proc/PID one that getdents() holds, while they
 * write to a page that must be read first, from an image or another mount. So all is read
 * on a thread of its own (lib/base/aside.h). Who cannot be looked at in a second, or in less while
 * others are held up, is not, as long as that lasts, and what is asked is not known.
 */
#ifndef SEED_PROCESS_H
#define SEED_PROCESS_H

#include "lib/base/base.h"

/* Who made a request. */
struct seed_process {
	pid_t tid; /* 0: out of sight */
	uid_t uid;
};

/* The process (thread group) of a thread; `tid` itself where that is not known. 0 for one that
 * is out of sight, and where this program lacks descriptors for the look. Reads `status`: in any
 * request. */
pid_t seed_process_of(struct seed_process process);

/* Whether a pending signal ends the program or asks it to end: KILL; INT, TERM,
 * HUP and QUIT unless ignored; any other whose default action is fatal and that
 * has no handler. True for a process that is gone or out of sight (0). False where that
 * is not known: ask again. Waits for half a second at most. Reads `status`: in any
 * request. */
bool seed_process_is_ending(struct seed_process process);

/* Whether the process is in exit() because a signal killed it: it closes its
 * descriptors then, and can look at no result. Reads `status` first, and `stat`
 * only of a process without memory, which is past any execve(): in any request. */
bool seed_process_was_killed(struct seed_process process);

/* Whether the process has another descriptor, open for writing, of the file with
 * this st_ino. The number is unique on the machine, so the device is not compared. At
 * most 256 descriptors are looked at, and for 50 ms of processor time. False beyond
 * that, and without the right to look (another user's process). A descriptor that is
 * being closed does not count, and in an exit none does. Reads the links of `fd`, and
 * `fdinfo` of what may be a file, some microseconds for each: in any request. */
bool seed_process_holds(struct seed_process process, uint64_t inode_number);

/* Whether the process has this file open: 1 or 0, and -1 where that cannot be said
 * (more than 256 descriptors, another user's process). Reads as the above: in any
 * request. */
int seed_process_has_open(struct seed_process process, uint64_t inode_number);

/* Whether the process is in execve(), which closes descriptors and looks at no
 * result. Reads `status`: in any request. */
bool seed_process_is_in_exec(struct seed_process process);

/* Whether the thread is in a rename(2) or a similar call. False where that
 * cannot be seen (another user's process, a restricted ptrace). Reads `syscall`:
 * only in LOOKUP, which execve() sends before it takes the lock. */
bool seed_process_is_renaming(struct seed_process process);

/* Whether the thread is in a stat(2), open(2), access(2) or getxattr(2) of a name, and of
 * no descriptor. False where that cannot be seen. Reads `syscall`: in GETATTR of what is
 * no program only. */
bool seed_process_asks_by_name(struct seed_process process);

#endif
