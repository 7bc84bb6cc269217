/*
 * WebP to pixels through libwebp. The RIFF container has no checksum, so only
 * its sizes can be checked: they must add up. Bytes after its end are
 * ignored.
 */
#include <webp/decode.h>
#include <webp/demux.h>

#include "lib/image/colour.h"
#include "lib/image/decode.h"
#include "lib/image/exif.h"

static uint32_t load_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static errint_t check_chunks(const uint8_t *data, size_t len, struct seed_error *error)
{
	size_t offset = 12;

	while (offset < len) {
		size_t size;

		if (len - offset < 8)
			return seed_image_invalid(error, "WebP chunk is cut off at offset %zu", offset);
		size = load_le32(data + offset + 4);
		size += size & 1;
		if (size > len - offset - 8)
			return seed_image_invalid(error, "WebP chunk at offset %zu is cut off", offset);
		offset += 8 + size;
	}
	return 0;
}

/* Sets *len to the container's own length. */
static errint_t check_container(const uint8_t *data, size_t *len, struct seed_error *error)
{
	size_t riff = (size_t)load_le32(data + 4) + 8;

	if (*len < riff)
		return seed_image_invalid(error, "WebP is cut off after %zu of %zu bytes", *len, riff);
	*len = riff;
	return check_chunks(data, riff, error);
}

/* Before anything is allocated for the size that the header claims. */
static errint_t check_features(const uint8_t *data, size_t len, WebPBitstreamFeatures *features,
			       struct seed_decoded *decoded, struct seed_error *error)
{
	if (WebPGetFeatures(data, len, features) != VP8_STATUS_OK)
		return seed_image_invalid(error, "WebP header is damaged");
	decoded->pixels.width = (uint32_t)features->width;
	decoded->pixels.height = (uint32_t)features->height;
	return seed_pixels_check_size((uint64_t)features->width, (uint64_t)features->height, error);
}

/* The one frame of an animation is a still picture if it fills the canvas. */
static bool take_frame(const WebPDemuxer *demux, const WebPBitstreamFeatures *features,
		       WebPData *picture)
{
	WebPIterator frame;
	bool whole = WebPDemuxGetFrame(demux, 1, &frame) && !frame.x_offset && !frame.y_offset &&
		     frame.width == features->width && frame.height == features->height;

	if (whole)
		*picture = frame.fragment; /* lies in the container's bytes */
	WebPDemuxReleaseIterator(&frame);
	return whole;
}

/* The decoder's input, and what applies to its pixels. All of it is in the container's
 * bytes; profile and EXIF may be empty. */
struct parts {
	WebPData picture, profile, exif;
};

static WebPData find_chunk(const WebPDemuxer *demux, const char *name)
{
	WebPData data = {0};
	WebPChunkIterator chunk;

	if (WebPDemuxGetChunk(demux, name, 1, &chunk))
		data = chunk.chunk;
	WebPDemuxReleaseChunkIterator(&chunk);
	return data;
}

/* The demuxer checks what the decoder skips: one picture, complete. */
static errint_t check_frames(const uint8_t *data, size_t len, WebPBitstreamFeatures *features,
			     struct parts *parts, struct seed_error *error)
{
	const WebPData whole = {.bytes = data, .size = len};
	WebPDemuxState state;
	WebPDemuxer *demux = WebPDemuxPartial(&whole, &state);
	int width = features->width, height = features->height;
	uint32_t frames = 0;
	bool still = true;

	*parts = (struct parts){.picture = whole};
	if (demux && state == WEBP_DEMUX_DONE) {
		frames = WebPDemuxGetI(demux, WEBP_FF_FRAME_COUNT);
		parts->profile = find_chunk(demux, "ICCP");
		parts->exif = find_chunk(demux, "EXIF");
	}
	if (frames == 1 && features->has_animation)
		still = take_frame(demux, features, &parts->picture) &&
			WebPGetFeatures(parts->picture.bytes, parts->picture.size, features) == VP8_STATUS_OK &&
			features->width == width && features->height == height;
	WebPDemuxDelete(demux);
	if (frames > 1 || !still)
		return seed_image_invalid(error, "WebP is animated");
	return frames ? 0 : seed_image_invalid(error, "WebP container is damaged");
}

static errint_t find_colour(const WebPData *profile, bool alpha, struct seed_colour **colour,
			    struct seed_error *error)
{
	const struct seed_colour_tags tags = {.icc = profile->bytes, .icc_len = profile->size};

	return seed_colour_new(&tags, alpha ? SEED_SAMPLES_RGBA : SEED_SAMPLES_RGB, colour, error);
}

static errint_t decode_opaque(const uint8_t *data, size_t len, const struct seed_colour *colour,
			      struct seed_pixels *pixels, struct seed_error *error)
{
	size_t stride = seed_pixels_stride_bytes(pixels);

	if (!WebPDecodeRGBInto(data, len, pixels->data, stride * pixels->height, (int)stride))
		return seed_image_invalid(error, "WebP pixels are damaged");
	if (colour)
		seed_colour_convert(colour, pixels->data, pixels->data,
				    (size_t)pixels->width * pixels->height);
	return 0;
}

/* Premultiplied values are the picture on black. If colours are converted, alpha is applied
 * afterwards. */
static errint_t decode_alpha(const uint8_t *data, size_t len, const struct seed_colour *colour,
			     struct seed_pixels *pixels, struct seed_error *error)
{
	size_t count = (size_t)pixels->width * pixels->height;
	WebPDecoderConfig config;
	errint_t err = 0;

	if (!WebPInitDecoderConfig(&config))
		return seed_error_set(error, EIO, "libwebp is of another version");
	config.output.colorspace = colour ? MODE_RGBA : MODE_rgbA;
	if (WebPDecode(data, len, &config) != VP8_STATUS_OK) {
		err = seed_image_invalid(error, "WebP pixels are damaged");
		goto out;
	}
	if (colour)
		seed_colour_convert(colour, config.output.u.RGBA.rgba, pixels->data, count);
	for (size_t i = 0; !colour && i < count; i++)
		memcpy(pixels->data + i * 3, config.output.u.RGBA.rgba + i * 4, 3);
out:
	WebPFreeDecBuffer(&config.output);
	return err;
}

errint_t seed_decode_webp(const uint8_t *data, size_t len, struct seed_decoded *decoded,
			  struct seed_error *error)
{
	struct seed_pixels *pixels = &decoded->pixels;
	struct seed_colour *colour = NULL;
	WebPBitstreamFeatures features;
	struct parts parts;
	errint_t err;

	decoded->format = "webp";
	err = check_container(data, &len, error);
	if (!err)
		err = check_features(data, len, &features, decoded, error);
	if (!err)
		err = check_frames(data, len, &features, &parts, error);
	if (!err)
		err = find_colour(&parts.profile, features.has_alpha, &colour, error);
	if (!err)
		err = seed_pixels_alloc(pixels, pixels->width, pixels->height, error);
	if (!err)
		err = features.has_alpha
			      ? decode_alpha(parts.picture.bytes, parts.picture.size, colour, pixels, error)
			      : decode_opaque(parts.picture.bytes, parts.picture.size, colour, pixels, error);
	seed_colour_free(colour);
	if (err)
		return err;
	return seed_pixels_orient(pixels, seed_exif_orientation(parts.exif.bytes, parts.exif.size), error);
}
