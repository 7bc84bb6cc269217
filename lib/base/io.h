/* All of it, whatever the calls of the system return at once. */
#ifndef SEED_IO_H
#define SEED_IO_H

#include "lib/base/base.h"

/* Where the descriptor stands. -errno. */
errint_t seed_io_write(int fd, const void *data, size_t len) SEED_MUST_CHECK;

/* Up to `size` bytes of a file's beginning, fewer where it ends; -errno. The
 * descriptor stays where it stands. */
ssize_t seed_io_read(int fd, void *data, size_t size) SEED_MUST_CHECK;

#endif
