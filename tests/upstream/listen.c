/*
 * The ports: the API's, the image host's, and one for the tests' own requests
 * (control.c), which never goes down. All of them answer everything.
 *
 * libmicrohttpd cannot stop listening and begin again, so the sockets are ours
 * and it gets what they accept. A door that is down refuses connections as a
 * host does whose service has stopped; what was connected is broken off.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/upstream/server.h"

struct door {
	const char *name;
	unsigned int port;
	int holder;       /* bound, never listening: nobody else gets the port */
	int fd;           /* listening; -1: down */
	bool down;        /* what it is to be, … */
	int64_t until_ms; /* … and until when; 0: until told */
	pthread_t thread;
};

static struct door doors[DOORS] = {
	[DOOR_API] = { .name = "api", .holder = -1, .fd = -1 },
	[DOOR_IMAGES] = { .name = "images", .holder = -1, .fd = -1 },
	[DOOR_CONTROL] = { .name = "control", .holder = -1, .fd = -1 },
};

static struct in_addr address;
static struct MHD_Daemon *server;

/* Sockets of clients. */
struct client {
	int fd;
	struct client *next;
};
static struct client *clients;

static int bind_socket(unsigned int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = address,
				  .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in))) {
		perror("upstream: cannot listen");
		exit(1);
	}
	return fd;
}

static unsigned int port_of(int fd)
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);

	return getsockname(fd, (struct sockaddr *)&in, &len) ? 0 : ntohs(in.sin_port);
}

static void door_open(struct door *door)
{
	door->fd = bind_socket(door->port);
	if (listen(door->fd, 4096)) {
		perror("upstream: cannot listen");
		exit(1);
	}
}

static void door_close(struct door *door)
{
	close(door->fd);
	door->fd = -1;
	for (const struct client *client = clients; client; client = client->next)
		if (port_of(client->fd) == door->port)
			shutdown(client->fd, SHUT_RDWR);
}

/* Makes it what it is to be; the caller holds the lock. */
static void door_settle(struct door *door)
{
	if (door->down && door->until_ms && now_ms() >= door->until_ms)
		door->down = false;
	if (door->down != (door->fd < 0)) {
		if (door->down)
			door_close(door);
		else
			door_open(door);
		server_changed();
	}
}

/* Accepts until there is nobody. */
static void take_clients(struct door *door)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int fd;

	while ((fd = accept4(door->fd, (struct sockaddr *)&in, &len,
			     SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		MHD_add_connection(server, fd, (struct sockaddr *)&in, len);
		len = sizeof(in);
	}
}

static void *door_main(void *context)
{
	struct door *door = context;

	while (!server_stopping()) {
		struct pollfd entry = { .events = POLLIN };

		server_lock();
		door_settle(door);
		entry.fd = door->fd;
		server_unlock();
		if (poll(&entry, 1, 10) > 0)
			take_clients(door);
	}
	return NULL;
}

void listen_bind(const char *text)
{
	if (inet_pton(AF_INET, text, &address) != 1) {
		fprintf(stderr, "upstream: no address: %s\n", text);
		exit(1);
	}
	for (struct door *door = doors; door < doors + DOORS; door++) {
		door->holder = bind_socket(0);
		door->port = port_of(door->holder);
		door_open(door);
	}
}

unsigned int listen_port(enum door_id id)
{
	return doors[id].port;
}

bool listen_down(const char *name, bool down, long ms)
{
	struct door *door = doors;

	while (door < doors + DOOR_CONTROL && strcmp(door->name, name) != 0)
		door++;
	if (door == doors + DOOR_CONTROL)
		return false;
	server_lock();
	door->down = down;
	door->until_ms = ms ? now_ms() + ms : 0;
	while (door->down != (door->fd < 0) && !server_stopping())
		server_wait(10);
	server_unlock();
	return true;
}

static void forget_client(int fd)
{
	struct client **at = &clients, *client;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	client = *at;
	if (!client)
		return;
	*at = client->next;
	free(client);
}

void listen_notify(void *context, struct MHD_Connection *connection, void **state,
		   enum MHD_ConnectionNotificationCode code)
{
	int fd = http_socket(connection);
	struct client *client;

	(void)context;
	(void)state;
	server_lock();
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		client = xalloc(sizeof(*client));
		client->fd = fd;
		client->next = clients;
		clients = client;
	} else {
		forget_client(fd);
	}
	server_unlock();
}

void listen_start(struct MHD_Daemon *daemon)
{
	server = daemon;
	for (struct door *door = doors; door < doors + DOORS; door++)
		if (pthread_create(&door->thread, NULL, door_main, door)) {
			fputs("upstream: cannot start\n", stderr);
			exit(1);
		}
}

void listen_stop(void)
{
	for (struct door *door = doors; door < doors + DOORS; door++) {
		pthread_join(door->thread, NULL);
		if (door->fd >= 0)
			close(door->fd);
		close(door->holder);
	}
}
