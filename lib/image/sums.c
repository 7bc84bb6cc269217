#include "lib/image/sums.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

enum {
	DOWN_SHIFT = SEED_WEIGHT_BITS - SEED_SAMPLE_BITS,
	ALONG_SHIFT = SEED_WEIGHT_BITS + SEED_SAMPLE_BITS,
	/* What sums begin with, so that they are rounded. */
	DOWN_HALF = 1 << (DOWN_SHIFT - 1),
	ALONG_HALF = 1 << (ALONG_SHIFT - 1),
	/* From a column, and from a pair of rows, to the next. */
	COLUMN = SEED_LANES * 2,
	ROW = SEED_PIECE * 2,
};

_Static_assert(SEED_PIECE % SEED_LANES == 0, "pieces are whole steps");

static inline void sum_plain(const int16_t *from, size_t stride, const int16_t *weights,
			     uint32_t pairs, int32_t half, int32_t sums[SEED_LANES])
{
	for (size_t i = 0; i < SEED_LANES; i++)
		sums[i] = half;
	for (size_t k = 0; k < pairs; k++, from += stride)
		for (size_t i = 0; i < SEED_LANES; i++)
			sums[i] += from[i * 2] * weights[k * 2] +
				   from[i * 2 + 1] * weights[k * 2 + 1];
}

static void down_plain(const int16_t *rows, const int16_t *weights, uint32_t pairs, int16_t *to)
{
	for (size_t at = 0; at < SEED_PIECE; at += SEED_LANES) {
		int32_t sums[SEED_LANES];

		sum_plain(rows + at * 2, ROW, weights, pairs, DOWN_HALF, sums);
		for (size_t i = 0; i < SEED_LANES; i++)
			to[at + i] = (int16_t)(sums[i] >> DOWN_SHIFT);
	}
}

static void along_plain(const int16_t *columns, uint32_t first, const struct seed_taps *taps,
			uint32_t x, uint32_t count, uint8_t *to)
{
	for (uint32_t end = x + count; x < end; x++, to += SEED_LANES) {
		int32_t sums[SEED_LANES];

		sum_plain(columns + (size_t)(taps->starts[x] - first) * COLUMN, COLUMN,
			  seed_taps_weights(taps, x), taps->pairs, ALONG_HALF, sums);
		for (size_t i = 0; i < SEED_LANES; i++) {
			int32_t value = sums[i] >> ALONG_SHIFT;

			value = value < 0 ? 0 : value;
			to[i] = (uint8_t)(value > 255 ? 255 : value);
		}
	}
}

static const struct seed_sums plain = {"plain", down_plain, along_plain};

#ifdef __x86_64__

#define AVX2 __attribute__((target("avx2")))

/* Vectors that SEED_LANES sums fill. */
enum { SSE2_VECTORS = SEED_LANES / 4, AVX2_VECTORS = SEED_LANES / 8 };

static inline int load_pair(const int16_t *weights)
{
	int pair;

	memcpy(&pair, weights, sizeof(pair));
	return pair;
}

static inline void sum_sse2(const int16_t *from, size_t stride, const int16_t *weights,
			    uint32_t pairs, int32_t half, __m128i sums[SSE2_VECTORS])
{
	for (size_t i = 0; i < SSE2_VECTORS; i++)
		sums[i] = _mm_set1_epi32(half);
	for (size_t k = 0; k < pairs; k++, from += stride) {
		const __m128i weight = _mm_set1_epi32(load_pair(weights + k * 2));

		for (size_t i = 0; i < SSE2_VECTORS; i++) {
			__m128i samples = _mm_loadu_si128((const void *)(from + i * 8));

			sums[i] = _mm_add_epi32(sums[i], _mm_madd_epi16(samples, weight));
		}
	}
}

static void down_sse2(const int16_t *rows, const int16_t *weights, uint32_t pairs, int16_t *to)
{
	for (size_t at = 0; at < SEED_PIECE; at += SEED_LANES) {
		__m128i sums[SSE2_VECTORS];

		sum_sse2(rows + at * 2, ROW, weights, pairs, DOWN_HALF, sums);
		for (size_t i = 0; i < SSE2_VECTORS; i += 2)
			_mm_storeu_si128((void *)(to + at + i * 4),
					 _mm_packs_epi32(_mm_srai_epi32(sums[i], DOWN_SHIFT),
							 _mm_srai_epi32(sums[i + 1], DOWN_SHIFT)));
	}
}

static void along_sse2(const int16_t *columns, uint32_t first, const struct seed_taps *taps,
		       uint32_t x, uint32_t count, uint8_t *to)
{
	for (uint32_t end = x + count; x < end; x++, to += SEED_LANES) {
		__m128i sums[SSE2_VECTORS];

		sum_sse2(columns + (size_t)(taps->starts[x] - first) * COLUMN, COLUMN,
			 seed_taps_weights(taps, x), taps->pairs, ALONG_HALF, sums);
		for (size_t i = 0; i < SSE2_VECTORS; i++)
			sums[i] = _mm_srai_epi32(sums[i], ALONG_SHIFT);
		for (size_t i = 0; i < SSE2_VECTORS; i += 4)
			_mm_storeu_si128((void *)(to + i * 4),
					 _mm_packus_epi16(_mm_packs_epi32(sums[i], sums[i + 1]),
							  _mm_packs_epi32(sums[i + 2], sums[i + 3])));
	}
}

static const struct seed_sums sse2 = {"sse2", down_sse2, along_sse2};

AVX2 static inline void sum_avx2(const int16_t *from, size_t stride, const int16_t *weights,
				 uint32_t pairs, int32_t half, __m256i sums[AVX2_VECTORS])
{
	for (size_t i = 0; i < AVX2_VECTORS; i++)
		sums[i] = _mm256_set1_epi32(half);
	for (size_t k = 0; k < pairs; k++, from += stride) {
		const __m256i weight = _mm256_set1_epi32(load_pair(weights + k * 2));

		for (size_t i = 0; i < AVX2_VECTORS; i++) {
			__m256i samples = _mm256_loadu_si256((const void *)(from + i * 16));

			sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(samples, weight));
		}
	}
}

/* AVX2 packs each half by itself; what is taken from two vectors must be brought
 * back into order. */
AVX2 static void down_avx2(const int16_t *rows, const int16_t *weights, uint32_t pairs, int16_t *to)
{
	for (size_t at = 0; at < SEED_PIECE; at += SEED_LANES) {
		__m256i sums[AVX2_VECTORS];

		sum_avx2(rows + at * 2, ROW, weights, pairs, DOWN_HALF, sums);
		for (size_t i = 0; i < AVX2_VECTORS; i += 2) {
			__m256i both = _mm256_packs_epi32(_mm256_srai_epi32(sums[i], DOWN_SHIFT),
							  _mm256_srai_epi32(sums[i + 1], DOWN_SHIFT));

			_mm256_storeu_si256((void *)(to + at + i * 8),
					    _mm256_permute4x64_epi64(both, _MM_SHUFFLE(3, 1, 2, 0)));
		}
	}
}

AVX2 static void along_avx2(const int16_t *columns, uint32_t first, const struct seed_taps *taps,
			    uint32_t x, uint32_t count, uint8_t *to)
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);

	for (uint32_t end = x + count; x < end; x++, to += SEED_LANES) {
		__m256i sums[AVX2_VECTORS], bytes;

		sum_avx2(columns + (size_t)(taps->starts[x] - first) * COLUMN, COLUMN,
			 seed_taps_weights(taps, x), taps->pairs, ALONG_HALF, sums);
		for (size_t i = 0; i < AVX2_VECTORS; i++)
			sums[i] = _mm256_srai_epi32(sums[i], ALONG_SHIFT);
		bytes = _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]),
					    _mm256_packs_epi32(sums[2], sums[3]));
		_mm256_storeu_si256((void *)to, _mm256_permutevar8x32_epi32(bytes, order));
	}
}

static const struct seed_sums avx2 = {"avx2", down_avx2, along_avx2};

const struct seed_sums *seed_sums(uint32_t i)
{
	static const struct seed_sums *const ways[] = {&avx2, &sse2, &plain};

	i += !__builtin_cpu_supports("avx2");
	return i < SEED_ARRAY_LEN(ways) ? ways[i] : NULL;
}

#else

const struct seed_sums *seed_sums(uint32_t i)
{
	return i ? NULL : &plain;
}

#endif
