/* Going into the background, and telling those who wait for the mount. */
#ifndef SEED_FS_DAEMON_H
#define SEED_FS_DAEMON_H

#include "lib/base/base.h"

/* Makes sure that descriptors 0 to 2 are open, so that no other file gets these numbers. */
void daemon_open_standard(void);

/* Before any thread. Forks; the parent waits for daemon_ready() and exits with 0,
 * or with the child's status if that ends first. Errors of the child thus reach
 * the terminal and the exit status. Returns in the child (or -errno). */
errint_t daemon_start(void) SEED_MUST_CHECK;

/* Sends `text`, and a descriptor with it if that is not -1, to the service manager
 * (sd_notify(3)). -ENOENT: there is none. */
errint_t daemon_notify(const char *text, int fd) SEED_MUST_CHECK;

/* The mount is there: releases the parent, tells systemd, lets go of the
 * terminal (not in the foreground). */
void daemon_ready(bool foreground);

#endif
