/*
 * Huffman codes as deflate wants them (RFC 1951, 3.2.2): canonical, of limited
 * length, and complete. Pure.
 */
#ifndef SEED_HUFFMAN_H
#define SEED_HUFFMAN_H

#include "lib/base/base.h"

/* Deflate's largest alphabet: literals and lengths. */
enum { SEED_HUFFMAN_MAX_SYMBOLS = 288 };

/* A code as it goes into the stream, its first bit lowest. */
struct seed_huffman_code {
	uint16_t bits;
	uint16_t len; /* 0: not used */
};

/* The best code for `counts`, no code longer than max_len (15 at most), which
 * must have room for all symbols that are used. One symbol alone gets one bit,
 * which is the only incomplete code that deflate allows; none, no code. */
void seed_huffman_build(const uint32_t *counts, size_t symbols, unsigned max_len,
			struct seed_huffman_code *codes);

#endif
