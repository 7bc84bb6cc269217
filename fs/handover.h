/*
 * A mount that another process of ours has made, for a service that systemd puts
 * into a mount namespace of its own: nobody outside sees what is mounted in there.
 * So `seedfs --hand-over` mounts outside of it (ExecStartPre=+), gives the
 * device's descriptor to systemd's store for this service, and ends. The service
 * gets it at its start (LISTEN_FDS), takes it out of the store, and needs neither
 * /dev/fuse nor the right to mount. The unit unmounts (ExecStopPost=+).
 *
 * Until the service answers, whoever looks at the mount point waits. So nothing here
 * or before the session's start may look at it.
 */
#ifndef SEED_FS_HANDOVER_H
#define SEED_FS_HANDOVER_H

#include "lib/base/error.h"

/* The device of the mount that was handed over to this process, or -1. Reads and
 * clears the environment: once, before any thread. */
int handover_take(void);

/* Gives it to systemd. */
errint_t handover_give(int fd, struct seed_error *error) SEED_MUST_CHECK;

#endif
