#include "fs/daemon.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_pipe = -1; /* the child's end */

void daemon_open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int parent_status(int fd, pid_t child)
{
	char byte;
	int status;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	/* Closed without an answer: the child has said why and is ending. */
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

errint_t daemon_start(void)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child > 0) {
		close(ends[1]);
		_exit(parent_status(ends[0], child));
	}
	close(ends[0]);
	ready_pipe = ends[1];
	return 0;
}

/* The protocol is a datagram; libsystemd would be a dependency for thirty lines. */
errint_t daemon_notify(const char *text, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };
	struct msghdr message = { .msg_name = &address, .msg_iov = &part, .msg_iovlen = 1 };
	size_t len = path ? strlen(path) : 0;
	errint_t err = 0;
	int peer;

	if (len == 0 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -ENOENT;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (fd >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
	}
	peer = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (peer < 0)
		return -errno;
	if (sendmsg(peer, &message, MSG_NOSIGNAL) < 0)
		err = -errno;
	close(peer);
	return err;
}

static void tell_systemd(void)
{
	errint_t err = daemon_notify("READY=1\n", -1);

	if (err && err != -ENOENT)
		fprintf(stderr, "seedfs: cannot tell systemd at %s: %s\n", getenv("NOTIFY_SOCKET"),
			strerror(-err));
}

void daemon_ready(bool foreground)
{
	int null;

	tell_systemd();
	if (foreground)
		return;
	/* Not before the mount: until then an automount lets in only its own process
	 * group, of which mount(8) is a member. */
	if (setsid() < 0)
		fprintf(stderr, "seedfs: setsid: %s\n", strerror(errno));
	if (chdir("/") < 0)
		fprintf(stderr, "seedfs: chdir /: %s\n", strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		for (int fd = 0; fd <= 2; fd++)
			dup2(null, fd);
		close(null);
	}
	if (ready_pipe >= 0) {
		ssize_t n = write(ready_pipe, "", 1);

		SEED_UNUSED(n); /* the parent may have been killed */
		close(ready_pipe);
		ready_pipe = -1;
	}
}
