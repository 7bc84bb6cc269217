#include "lib/worker/wire.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/text.h"

/* The memfd's beginning; behind it the prompt, then each text's keyword and
 * text, all NUL-terminated. */
struct job_head {
	uint32_t bytes; /* of the whole */
	uint32_t width, height;
	uint32_t text_count;
	double max_upscale;
	bool thumbnail, draw, no_upscale, has_prompt;
};

/* A job's packet is its id, with these descriptors in this order; a drawing has no source. */
enum { FD_JOB, FD_DEST, FD_SOURCE, FD_COUNT };

static errint_t format_job(const struct seed_image_job *job, struct seed_buf *buf)
{
	struct job_head head;
	errint_t err;

	memset(&head, 0, sizeof(head));
	head.width = job->width;
	head.height = job->height;
	head.text_count = (uint32_t)job->text_count;
	head.max_upscale = job->max_upscale;
	head.thumbnail = job->thumbnail;
	head.draw = job->draw;
	head.no_upscale = job->no_upscale;
	head.has_prompt = job->prompt != NULL;
	if (job->text_count > SEED_WIRE_TEXTS_MAX)
		return -EFBIG;
	err = seed_buf_add(buf, &head, sizeof(head));
	if (!err && job->prompt)
		err = seed_buf_add(buf, job->prompt, strlen(job->prompt) + 1);
	for (size_t i = 0; !err && i < job->text_count; i++) {
		const struct seed_image_text *text = &job->texts[i];

		err = seed_buf_add(buf, text->keyword, strlen(text->keyword) + 1);
		if (!err)
			err = seed_buf_add(buf, text->text, strlen(text->text) + 1);
	}
	if (err)
		return err;
	head.bytes = (uint32_t)buf->len_bytes;
	memcpy(buf->data, &head, sizeof(head));
	return 0;
}

int seed_wire_pack_job(const struct seed_image_job *job)
{
	struct seed_buf buf;
	int fd = -1;
	errint_t err;

	seed_buf_init(&buf, SEED_WIRE_JOB_MAX_BYTES);
	err = format_job(job, &buf);
	if (err)
		goto out;
	fd = memfd_create("seedfs-job", MFD_CLOEXEC);
	err = fd < 0 ? -errno : seed_io_write(fd, buf.data, buf.len_bytes);
	if (!err)
		err = seed_wire_read_only(&fd);
	else if (fd >= 0)
		close(fd);
out:
	seed_buf_release(&buf);
	return err ? err : fd;
}

errint_t seed_wire_read_only(int *fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(*fd)];
	errint_t err;
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	err = again < 0 ? -errno : 0;
	close(*fd);
	*fd = again;
	return err;
}

/* The string at *at, which moves behind it; NULL if none ends in time. */
static const char *take_string(const char **at, const char *end)
{
	const char *text = *at;
	const char *nul = memchr(text, '\0', (size_t)(end - text));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return text;
}

static errint_t parse_job(const char *data, size_t len, struct seed_image_text *texts,
			  struct seed_image_job *job)
{
	const char *at = data + sizeof(struct job_head), *end = data + len;
	struct job_head head;

	memcpy(&head, data, sizeof(head));
	if (head.bytes != len || head.text_count > SEED_WIRE_TEXTS_MAX)
		return -EBADMSG;
	*job = (struct seed_image_job){
		.thumbnail = head.thumbnail, .draw = head.draw, .no_upscale = head.no_upscale, .width = head.width,
		.height = head.height, .max_upscale = head.max_upscale, .texts = texts,
		.text_count = head.text_count,
	};
	if (head.has_prompt) {
		job->prompt = take_string(&at, end);
		if (!job->prompt)
			return -EBADMSG;
	}
	for (uint32_t i = 0; i < head.text_count; i++) {
		texts[i].keyword = take_string(&at, end);
		texts[i].text = texts[i].keyword ? take_string(&at, end) : NULL;
		if (!texts[i].text)
			return -EBADMSG;
	}
	return at == end ? 0 : -EBADMSG;
}

errint_t seed_wire_unpack_job(int fd, struct seed_image_job *job, void **memory)
{
	const size_t texts_bytes = SEED_WIRE_TEXTS_MAX * sizeof(struct seed_image_text);
	off_t size = lseek(fd, 0, SEEK_END);
	char *data;
	size_t len;

	*memory = NULL;
	if (size < 0)
		return -EIO;
	if (size < (off_t)sizeof(struct job_head) || size > SEED_WIRE_JOB_MAX_BYTES)
		return -EBADMSG;
	len = (size_t)size;
	*memory = malloc(texts_bytes + len);
	if (!*memory)
		return -ENOMEM;
	data = (char *)*memory + texts_bytes;
	if (pread(fd, data, len, 0) != (ssize_t)len)
		return -EIO;
	return parse_job(data, len, *memory, job);
}

errint_t seed_wire_send_job(int socket_fd, uint64_t id, int job_fd, int dest_fd, int source_fd)
{
	const int fds[FD_COUNT] = {[FD_JOB] = job_fd, [FD_DEST] = dest_fd, [FD_SOURCE] = source_fd};
	size_t fds_bytes = sizeof(int) * (source_fd >= 0 ? FD_COUNT : FD_SOURCE);
	struct iovec iov = {.iov_base = &id, .iov_len = sizeof(id)};
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(fds_bytes),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(fds_bytes);
	memcpy(CMSG_DATA(rights), fds, fds_bytes);
	if (sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

/* How many descriptors came; they are in `fds`. */
static size_t take_rights(struct msghdr *message, int fds[FD_COUNT])
{
	struct cmsghdr *rights = CMSG_FIRSTHDR(message);
	size_t bytes;

	if (!rights || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
		return 0;
	bytes = rights->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(rights), bytes);
	return bytes / sizeof(int);
}

errint_t seed_wire_receive_job(int socket_fd, uint64_t *id, int *job_fd, int *dest_fd,
			       int *source_fd)
{
	int fds[FD_COUNT] = {-1, -1, -1};
	struct iovec iov = {.iov_base = id, .iov_len = sizeof(*id)};
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t len;

	do {
		len = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	if (!len)
		return -EPIPE;
	if (len != sizeof(*id) || take_rights(&message, fds) < FD_SOURCE)
		return -EBADMSG;
	*job_fd = fds[FD_JOB];
	*dest_fd = fds[FD_DEST];
	*source_fd = fds[FD_SOURCE];
	return 0;
}

static void check_text(char *text, size_t size)
{
	text[size - 1] = '\0';
	seed_text_one_line(text, strlen(text));
}

void seed_wire_check_result(struct seed_image_result *result)
{
	check_text(result->error.message, sizeof(result->error.message));
	check_text(result->source.format, sizeof(result->source.format));
	check_text(result->source.fit, sizeof(result->source.fit));
	check_text(result->source.sha256, sizeof(result->source.sha256));
	check_text(result->image.sha256, sizeof(result->image.sha256));
	result->error.http_status = 0;
	result->local = false;
	if (result->error.code && result->error.code != ENOSPC && result->error.code != EBADMSG &&
	    result->error.code != ENOMEM)
		result->error.code = EIO;
}
