/* The one thing read from EXIF: which way up the picture is. Pure. */
#ifndef SEED_EXIF_H
#define SEED_EXIF_H

#include "lib/base/base.h"

/* Orientation (1 to 8) in the data of a JPEG APP1 segment, a PNG's eXIf chunk or a
 * WebP's EXIF chunk, which may lack the name before it; 1 if there is none or the data
 * is damaged. */
int seed_exif_orientation(const uint8_t *data, size_t len);

#endif
