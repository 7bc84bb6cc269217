#include "fs/daemon.h"
#include "fs/handover.h"

#include <fcntl.h>
#include <unistd.h>

#define FIRST_FD 3 /* sd_listen_fds(3) */
#define FD_NAME "seedfs-mount"

static errint_t forget(void)
{
	return daemon_notify("FDSTOREREMOVE=1\nFDNAME=" FD_NAME "\n", -1);
}

int handover_take(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	bool is_ours = pid && count && names && strtol(pid, NULL, 10) == getpid() &&
		       strcmp(count, "1") == 0 && strcmp(names, FD_NAME) == 0;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!is_ours || fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	/* From here on it is ours alone, and a crash ends the connection: whoever waits gets
	 * an error, and not a service that does not know the request. */
	if (forget())
		fputs("seedfs: systemd keeps the mount's descriptor\n", stderr);
	return FIRST_FD;
}

errint_t handover_give(int fd, struct seed_error *error)
{
	/* A mount that no service has taken would be in the way. */
	errint_t err = forget();

	if (!err)
		err = daemon_notify("FDSTORE=1\nFDNAME=" FD_NAME "\n", fd);

	if (err)
		return seed_error_set(error, -err, "--hand-over: systemd does not accept the mount: %s; "
				      "use it only in ExecStartPre=+ of a unit with FileDescriptorStoreMax=1",
				      strerror(-err));
	return 0;
}
