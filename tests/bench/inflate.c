/*
 * The worst stream for our inflate: blocks of one shape after the other, their
 * shape at random, then changed as long as that makes it worse, compared with
 * zlib over the same bytes. Prints what each climb ends with, the worst last;
 * the status is 1 where that is more than three times zlib's time.
 *
 *     bench-inflate [SECONDS [SEED]]
 */
#include "lib/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "lib/image/inflate.h"

enum {
	STREAM_BYTES = 512 * 1024,
	PIECE_BYTES = 64 * 1024,
	KINDS_MAX = 3,
	BOUND = 3, /* times zlib */
};

enum kind { STORED, FIXED, DYNAMIC };
/* Of a dynamic block's codes. */
enum shape { TWO, FLAT, STAIRS, FULL, SHAPES };
enum symbol { SHORT_LITERAL, LONG_LITERAL, SHORT_MATCH, LONG_MATCH, SYMBOLS };

/* A block, or several that take turns. */
struct block {
	enum kind kind;
	enum shape shape;
	enum symbol symbol;
	unsigned count;
};

struct plan {
	struct block blocks[KINDS_MAX];
	unsigned used;
};

/* ---- writing ---- */

struct writer {
	uint8_t *data;
	size_t len, size;
	uint64_t bits;
	unsigned held;
};

static void put(struct writer *w, unsigned value, unsigned count)
{
	w->bits |= (uint64_t)value << w->held;
	w->held += count;
	for (; w->held >= 8; w->held -= 8, w->bits >>= 8)
		w->data[w->len++] = (uint8_t)w->bits;
}

struct table {
	uint8_t lens[320];
	uint16_t codes[320];
};

static void assign(struct table *t, unsigned from, unsigned count)
{
	unsigned counts[16] = {0}, next[16] = {0}, code = 0;

	for (unsigned i = 0; i < count; i++)
		counts[t->lens[from + i]]++;
	counts[0] = 0;
	for (unsigned len = 1; len < 16; len++)
		next[len] = code = (code + counts[len - 1]) << 1;
	for (unsigned i = 0; i < count; i++) {
		unsigned len = t->lens[from + i], forward = len ? next[len]++ : 0, back = 0;

		for (unsigned bit = 0; bit < len; bit++)
			back |= (forward >> bit & 1) << (len - 1 - bit);
		t->codes[from + i] = (uint16_t)back;
	}
}

/* A complete code of `count` symbols of these, as even as there is. */
static void even(struct table *t, unsigned from, const unsigned *symbols, unsigned count)
{
	unsigned len = 1, shorter;

	while (1U << len < count)
		len++;
	shorter = (1U << len) - count;
	for (unsigned i = 0; i < count; i++)
		t->lens[from + symbols[i]] = (uint8_t)(i < shorter ? len - 1 : len);
}

static void put_symbol(struct writer *w, const struct table *t, unsigned symbol)
{
	put(w, t->codes[symbol], t->lens[symbol]);
}

/* 3.2.7: runs, then their code, then both. */
static void put_lengths(struct writer *w, const uint8_t *lens, unsigned count)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	unsigned symbols[320], extra[320], n = 0, used[19], used_count = 0, last = 0;
	struct table t = {{0}, {0}};

	for (unsigned i = 0, run; i < count; i += run) {
		for (run = 1; i + run < count && lens[i + run] == lens[i]; run++)
			continue;
		if (!lens[i] && run >= 3) {
			run = run < 138 ? run : 138;
			symbols[n] = run < 11 ? 17 : 18;
			extra[n++] = run < 11 ? run - 3 : run - 11;
		} else if (i && lens[i] == lens[i - 1] && run >= 3) {
			run = run < 6 ? run : 6;
			symbols[n] = 16;
			extra[n++] = run - 3;
		} else {
			run = 1;
			symbols[n++] = lens[i];
		}
	}
	for (unsigned s = 0; s < 19; s++) {
		bool found = false;

		for (unsigned i = 0; i < n; i++)
			found = found || symbols[i] == s;
		if (found)
			used[used_count++] = s;
	}
	if (used_count == 1)
		used[used_count++] = used[0] ? 0 : 1;
	even(&t, 0, used, used_count);
	assign(&t, 0, 19);
	for (unsigned i = 0; i < 19; i++)
		if (t.lens[order[i]])
			last = i;
	last = last < 3 ? 3 : last;
	put(w, last - 3, 4);
	for (unsigned i = 0; i <= last; i++)
		put(w, t.lens[order[i]], 3);
	for (unsigned i = 0; i < n; i++) {
		put_symbol(w, &t, symbols[i]);
		if (symbols[i] >= 16)
			put(w, extra[i], symbols[i] == 16 ? 2 : symbols[i] == 17 ? 3 : 7);
	}
}

static unsigned symbol_of(enum symbol symbol)
{
	return symbol == SHORT_LITERAL ? 0 : symbol == LONG_LITERAL ? 200 : symbol == SHORT_MATCH ? 257 : 285;
}

static void make_lens(const struct block *b, struct table *t)
{
	static const uint8_t stairs[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15};
	unsigned wanted = symbol_of(b->symbol), all[286], n = 0;

	memset(t, 0, sizeof(*t));
	if (b->kind == FIXED) {
		for (unsigned i = 0; i < 288; i++)
			t->lens[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
		memset(t->lens + 288, 5, 30);
		return;
	}
	t->lens[288] = t->lens[289] = 1;
	if (b->shape == FLAT || b->shape == FULL) {
		for (unsigned i = 0; i < 286; i++)
			if (b->shape == FULL || i % 8 == 0 || i == 256 || i == wanted)
				all[n++] = i;
		even(t, 0, all, n);
		if (b->shape == FULL) {
			for (unsigned i = 0; i < 30; i++)
				all[i] = i;
			even(t, 288, all, 30);
		}
	} else if (b->shape == STAIRS) {
		/* The wanted one is the longest, or nearly. */
		for (unsigned i = 0; i < 13; i++)
			t->lens[1 + i * 3] = stairs[i];
		t->lens[256] = 14;
		t->lens[wanted] = 15;
		t->lens[100] = 15;
	} else {
		t->lens[256] = t->lens[wanted] = 1;
	}
}

static void put_block(struct writer *w, const struct block *b, bool last)
{
	unsigned literals = 286, distances = 2, wanted = symbol_of(b->symbol);
	uint8_t lens[320];
	struct table t;

	put(w, last, 1);
	put(w, b->kind, 2);
	if (b->kind == STORED) {
		unsigned len = b->count & 0xffff;

		put(w, 0, w->held % 8 ? 8 - w->held % 8 : 0);
		put(w, len, 16);
		put(w, len ^ 0xffff, 16);
		for (unsigned i = 0; i < len; i++)
			put(w, i & 255, 8);
		return;
	}
	make_lens(b, &t);
	assign(&t, 0, 288);
	assign(&t, 288, 30);
	if (b->kind == DYNAMIC) {
		while (literals > 257 && !t.lens[literals - 1])
			literals--;
		if (b->shape == FULL)
			distances = 30;
		put(w, literals - 257, 5);
		put(w, distances - 1, 5);
		memcpy(lens, t.lens, literals);
		memcpy(lens + literals, t.lens + 288, distances);
		put_lengths(w, lens, literals + distances);
	}
	for (unsigned i = 0; i < b->count; i++) {
		put_symbol(w, &t, wanted);
		if (wanted > 256)
			put_symbol(w, &t, 288);
	}
	put_symbol(w, &t, 256);
}

/* Streams of zlib that begin with a byte, so that matches have something to copy. */
static size_t write_stream(const struct plan *plan, uint8_t *data)
{
	const struct block first = {.kind = STORED, .count = 1}, end = {.kind = FIXED};
	struct writer w = {.data = data};

	put(&w, 0x78, 8);
	put(&w, 0x01, 8);
	put_block(&w, &first, false);
	for (unsigned i = 0; w.len < STREAM_BYTES; i++)
		put_block(&w, &plan->blocks[i % plan->used], false);
	put_block(&w, &end, true);
	put(&w, 0, 7);
	put(&w, 0, 16); /* no sum */
	put(&w, 0, 16);
	return w.len;
}

/* ---- measuring ---- */

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct rest {
	const uint8_t *data;
	size_t len;
};

static size_t read_rest(void *context, uint8_t *to, size_t size)
{
	struct rest *rest = context;
	size_t len = rest->len < size ? rest->len : size;

	memcpy(to, rest->data, len);
	rest->data += len;
	rest->len -= len;
	return len;
}

static double zlib_ms(const uint8_t *data, size_t len, size_t *out_len)
{
	static uint8_t out[PIECE_BYTES];
	double start = now_ms();
	z_stream z = {0};
	int code;

	if (inflateInit(&z) != Z_OK)
		exit(1);
	z.next_in = (uint8_t *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	do {
		z.next_out = out;
		z.avail_out = sizeof(out);
		code = inflate(&z, Z_NO_FLUSH);
	} while (code == Z_OK);
	/* All but the sum, which is not written. */
	if (code != Z_DATA_ERROR || strcmp(z.msg, "incorrect data check") != 0) {
		fprintf(stderr, "not a stream: %s\n", z.msg);
		exit(1);
	}
	*out_len = z.total_out;
	inflateEnd(&z);
	return now_ms() - start;
}

static double our_ms(const uint8_t *data, size_t len, size_t out_len)
{
	struct rest rest = {data, len};
	double start = now_ms();
	struct seed_inflate *z = seed_inflate_new(read_rest, &rest, PIECE_BYTES);

	for (size_t done = 0, part; z && done < out_len; done += part) {
		part = out_len - done < PIECE_BYTES ? out_len - done : PIECE_BYTES;
		if (!seed_inflate_next(z, part)) {
			fprintf(stderr, "ours ends early\n");
			exit(1);
		}
	}
	if (!z || seed_inflate_end(z))
		exit(1);
	seed_inflate_free(z);
	return now_ms() - start;
}

/* The least of some tries each: what is not the machine's doing. */
static double ratio_of(const struct plan *plan, uint8_t *data)
{
	size_t len = write_stream(plan, data), out_len = 0;
	double ours = 1e9, theirs = 1e9;

	for (int i = 0; i < 3; i++) {
		double ms = zlib_ms(data, len, &out_len);

		theirs = ms < theirs ? ms : theirs;
		ms = our_ms(data, len, out_len);
		ours = ms < ours ? ms : ours;
	}
	return ours / theirs;
}

/* ---- searching ---- */

static unsigned below(unsigned bound)
{
	return (unsigned)rand() % bound;
}

static void draw_block(struct block *b)
{
	b->kind = (enum kind)below(3);
	b->shape = (enum shape)below(SHAPES);
	b->symbol = (enum symbol)below(SYMBOLS);
	b->count = below(1U << below(13));
}

static void change(struct plan *plan)
{
	struct block *b = &plan->blocks[below(plan->used)];

	switch (below(5)) {
	case 0:
		draw_block(b);
		break;
	case 1:
		b->count += 1 + below(64);
		break;
	case 2:
		b->count -= b->count ? 1 + below(b->count) : 0;
		break;
	case 3:
		b->symbol = (enum symbol)below(SYMBOLS);
		break;
	default:
		plan->used = 1 + below(KINDS_MAX);
		break;
	}
}

static void show(const struct plan *plan, double ratio)
{
	static const char *const kinds[] = {"stored", "fixed", "dynamic"};
	static const char *const shapes[] = {"two", "flat", "stairs", "full"};
	static const char *const symbols[] = {"short literal", "long literal", "short match", "long match"};

	printf("%.2f:", ratio);
	for (unsigned i = 0; i < plan->used; i++)
		printf(" %s/%s %ux %s;", kinds[plan->blocks[i].kind], shapes[plan->blocks[i].shape],
		       plan->blocks[i].count, symbols[plan->blocks[i].symbol]);
	putchar('\n');
	fflush(stdout);
}

int main(int argc, char **argv)
{
	double end = now_ms() + 1e3 * (argc > 1 ? strtod(argv[1], NULL) : 60), worst = 0;
	uint8_t *data = malloc(STREAM_BYTES + 1024 * 1024);
	struct plan worst_plan = {.used = 1};

	srand(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1);
	while (data && now_ms() < end) {
		struct plan plan = {.used = 1 + below(KINDS_MAX)};
		double ratio;

		for (int i = 0; i < KINDS_MAX; i++)
			draw_block(&plan.blocks[i]);
		ratio = ratio_of(&plan, data);
		for (int failures = 0; failures < 12 && now_ms() < end;) {
			struct plan next = plan;
			double other;

			change(&next);
			other = ratio_of(&next, data);
			failures = other > ratio ? 0 : failures + 1;
			if (other > ratio) {
				ratio = other;
				plan = next;
			}
		}
		if (ratio > worst) {
			worst = ratio;
			worst_plan = plan;
			show(&plan, ratio);
		}
	}
	free(data);
	printf("worst ");
	show(&worst_plan, worst);
	return worst > BOUND;
}
