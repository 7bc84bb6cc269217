/* CRC-32 as PNG uses it (polynomial 0xedb88320). Pure; any thread. */
#ifndef SEED_CRC_H
#define SEED_CRC_H

#include "lib/base/base.h"

/* Continues `crc` (0 to begin) over `data`. */
uint32_t seed_crc32(uint32_t crc, const void *data, size_t len);

#endif
