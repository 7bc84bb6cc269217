/*
 * What root's mount may still do once its state directory and its log are open.
 * Every capability but these is given up, and removed from the bounding set, so that no
 * program that it starts gets it back:
 *
 *   CAP_SYS_ADMIN        to mount and unmount; and for a worker's namespaces
 *   CAP_SYS_PTRACE       to see which descriptors and signals a writer has, of other
 *                        users under allow_other
 *   CAP_DAC_READ_SEARCH  for a key file or a mount point below another user's folder
 *   CAP_SETUID, CAP_SETGID, CAP_SETPCAP   for a worker to become another user
 *   CAP_KILL             to end a worker, which then is that user's
 *
 * Nothing changes for a user without capabilities.
 */
#ifndef SEED_FS_PRIVILEGES_H
#define SEED_FS_PRIVILEGES_H

#include "lib/base/base.h"

/* Before any thread: each has its own. -errno: some are left. */
errint_t privileges_drop(void) SEED_MUST_CHECK;

#endif
