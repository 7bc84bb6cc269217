#include "lib/net/unpack.h"

#define ZLIB_CONST
#include <zlib.h>

#define PIECE_BYTES 16384
#define GZIP_FIRST_BYTE 0x1f
/* The largest window, and either format, as its beginning says. */
#define WINDOW_BITS (MAX_WBITS + 32)

struct seed_unpack {
	z_stream stream;
	size_t consumed;     /* of data that comes again */
	size_t piece_bytes;  /* unpacked, and not taken yet */
	bool may_be_bare, is_bare; /* without a beginning and a sum */
	bool begun, ended;
	unsigned char piece[PIECE_BYTES];
};

errint_t seed_unpack_new(struct seed_unpack **out, bool may_be_bare)
{
	struct seed_unpack *unpack = calloc(1, sizeof(*unpack));

	if (!unpack)
		return -ENOMEM;
	if (inflateInit2(&unpack->stream, WINDOW_BITS) != Z_OK) {
		free(unpack);
		return -ENOMEM;
	}
	unpack->may_be_bare = may_be_bare;
	*out = unpack;
	return 0;
}

void seed_unpack_free(struct seed_unpack *unpack)
{
	if (!unpack)
		return;
	inflateEnd(&unpack->stream);
	free(unpack);
}

/* Some servers' "deflate" is the bare format. The first byte tells: zlib's names the method in its lower
 * half, and as a block's beginning that would be one that is not compressed, with a bit set that is
 * none; gzip's would be a block of a type that does not exist. */
static errint_t begin(struct seed_unpack *unpack)
{
	const unsigned first = unpack->stream.avail_in ? *unpack->stream.next_in : 0;

	if (unpack->begun || !unpack->stream.avail_in)
		return 0;
	unpack->begun = true;
	unpack->is_bare = unpack->may_be_bare && first != GZIP_FIRST_BYTE && (first & 0x0f) != Z_DEFLATED;
	return unpack->is_bare && inflateReset2(&unpack->stream, -MAX_WBITS) != Z_OK ? -ENOMEM : 0;
}

/* Another member of a gzip file begins. */
static bool begins_again(const struct seed_unpack *unpack)
{
	return unpack->ended && !unpack->is_bare && unpack->stream.avail_in > 0 &&
	       *unpack->stream.next_in == GZIP_FIRST_BYTE;
}

/* The next piece; none where there is too little for one. */
static errint_t unpack_piece(struct seed_unpack *unpack)
{
	int result;

	unpack->stream.next_out = unpack->piece;
	unpack->stream.avail_out = PIECE_BYTES;
	result = inflate(&unpack->stream, Z_NO_FLUSH);
	unpack->ended = result == Z_STREAM_END;
	unpack->piece_bytes = PIECE_BYTES - unpack->stream.avail_out;
	if (result == Z_MEM_ERROR)
		return -ENOMEM;
	return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? 0 : -EBADMSG;
}

errint_t seed_unpack_more(struct seed_unpack *unpack, const void *data, size_t len, seed_unpack_take_fn *take,
			  void *context)
{
	unpack->stream.next_in = (const Bytef *)data + unpack->consumed;
	unpack->stream.avail_in = (uInt)(len - unpack->consumed);
	do {
		errint_t err = begin(unpack);

		if (!unpack->piece_bytes && begins_again(unpack))
			unpack->ended = inflateReset(&unpack->stream) != Z_OK;
		if (!err && !unpack->piece_bytes && !unpack->ended)
			err = unpack_piece(unpack);
		if (!err && unpack->piece_bytes)
			err = take(context, unpack->piece, unpack->piece_bytes);
		if (err) {
			unpack->consumed = len - unpack->stream.avail_in;
			return err;
		}
		unpack->piece_bytes = 0;
	} while (begins_again(unpack) ||
		 (!unpack->ended && (unpack->stream.avail_in > 0 || unpack->stream.avail_out == 0)));
	unpack->consumed = 0;
	return 0;
}

bool seed_unpack_is_whole(const struct seed_unpack *unpack)
{
	return unpack->ended;
}
