/* Memory for secrets: locked where the system allows it, in no core file, cleared when
 * freed. Any thread; does not block. */
#ifndef SEED_SECRET_H
#define SEED_SECRET_H

#include "lib/base/base.h"

/* Zeroed, whole pages. NULL without memory. */
void *seed_secret_new(size_t bytes);
void seed_secret_free(void *secret, size_t bytes); /* NULL is allowed */

#endif
