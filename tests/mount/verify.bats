#!/usr/bin/env bats
# `man seed`: "Verify". Each kind of picture that a service may hand out
# (tests/upstream/picture.h), and what becomes of it.

load helper

# Generates fox with such a picture; the service's own file is $DIR/source.
make_of() { # KIND [mount arguments]
	mount_seed "${@:2}"
	config "{\"image\":\"$1\"}"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 1 "$(count submit)"
	curl -sS --noproxy '*' -o "$DIR/source" "$(record fox .image_url)"
}

source_is() { # FORMAT WIDTH HEIGHT FIT
	same "$*" "$(record fox '.source | [.format, .width, .height, .fit] | map(tostring) | join(" ")')"
	same "$(wc -c <"$DIR/source")" "$(record fox .source.bytes)"
	same "$(sha256sum <"$DIR/source" | cut -d' ' -f1)" "$(record fox .source.sha256)"
}

same_pixels() { # FILE [part]: the image has the pixels of (a part of) that file
	same "$(pixels "$@")" "$(pixels "$MNT/images/fox.png")"
}

# EBADMSG after the retry, nothing shown, and the mount lives on.
not_valid() { # KIND [mount arguments]
	mount_seed "${@:2}"
	config "{\"image\":\"$1\"}"
	same "close EBADMSG" "$(try_write fox "a fox")"
	same EBADMSG "$(try_open images/fox.png)"
	same EBADMSG "$(record fox .error.errno)"
	same "" "$(ls "$MNT/images")"
	same 2 "$(count submit)"
	config '{"image":"png"}'
	write owl "an owl"
	is_verified owl
}

@test "s3: a PNG that is right keeps its pixel data byte for byte" {
	make_of png
	source_is png 2048 1152 none
	same "$(python3 "$FS" png "$DIR/source" idat)" "$(python3 "$FS" png "$MNT/images/fox.png" idat)"
	same_pixels "$DIR/source"
}

@test "s3: a JPEG becomes a PNG of its pixels" {
	make_of jpeg
	source_is jpeg 2048 1152 none
	same_pixels "$DIR/source"
}

@test "s3: a WebP becomes a PNG of its pixels" {
	make_of webp
	source_is webp 2048 1152 none
	same_pixels "$DIR/source"
}

@test "s3: formats are told by content: a JPEG named .png" {
	make_of jpeg_as-png
	has "$(record fox .image_url)" .png
	source_is jpeg 2048 1152 none
	same_pixels "$DIR/source"
}

@test "s3: formats are told by content: a WebP named .png" {
	make_of webp_as-png
	source_is webp 2048 1152 none
	same_pixels "$DIR/source"
}

@test "s3: a smaller picture is scaled up" {
	make_of png-1024x576
	source_is png 1024 576 up
	[ "$(psnr "$MNT/images/fox.png" "$DIR/source")" -ge 30 ]
}

@test "s3: a larger picture is scaled down" {
	make_of png-4096x2304
	source_is png 4096 2304 down
	[ "$(psnr "$MNT/images/fox.png" "$DIR/source")" -ge 35 ]
}

@test "s3: another shape is cropped centrally to 16:9" {
	make_of png-2048x2048
	source_is png 2048 2048 crop
	same_pixels "$DIR/source" 0 448 2048 1152
}

@test "s3: a square JPEG is cropped centrally to 16:9" {
	make_of jpeg-2048x2048
	source_is jpeg 2048 2048 crop
	same_pixels "$DIR/source" 0 448 2048 1152
}

@test "s3: a wide picture is cropped at its sides" {
	make_of png-3072x1152
	source_is png 3072 1152 crop
	same_pixels "$DIR/source" 512 0 2048 1152
}

@test "s3: a large square is cropped and scaled down" {
	make_of jpeg-4096x4096
	source_is jpeg 4096 4096 crop+down
}

@test "s3: a portrait is cropped and scaled up" {
	make_of jpeg-1152x2048
	source_is jpeg 1152 2048 crop+up
}

@test "s3: alpha, grey and 16 bits become 8-bit RGB" {
	mount_seed
	write fox "a fox"
	for kind in png_rgba png_16; do
		config "{\"image\":\"$kind\"}"
		# The same seed is the same scene: compare with the plain picture.
		write "$kind" "a fox in $kind"
		is_verified "$kind"
		curl -sS --noproxy '*' -o "$DIR/plain" "$(record "$kind" .image_url | sed "s/$kind/png/")"
		same "$(pixels "$DIR/plain")" "$(pixels "$MNT/images/$kind.png")"
	done
	config '{"image":"png_grey"}'
	write grey "a grey fox"
	is_verified grey
}

@test "s3: the result is an 8-bit RGB PNG with sRGB and what it was made from as text" {
	make_of jpeg
	has "$(python3 "$FS" png "$MNT/images/fox.png" chunks)" sRGB
	texts=$(python3 "$FS" png "$MNT/images/fox.png" texts)
	has "$texts" "a fox"
	has "$texts" "$MODEL"
	has "$texts" "$(record fox .task_id)"
	has "$texts" 30
	has_not "$texts" "$KEY"
}

@test "s3: a PNG that is right gets sRGB and the texts, too" {
	make_of png
	has "$(python3 "$FS" png "$MNT/images/fox.png" chunks)" sRGB
	has "$(python3 "$FS" png "$MNT/images/fox.png" texts)" "a fox"
}

@test "s3: nometadata leaves the texts out" {
	make_of jpeg -o nometadata
	same "" "$(python3 "$FS" png "$MNT/images/fox.png" texts)"
	has_not "$(grep -a -o 'a fox' "$MNT/images/fox.png" || true)" "a fox"
	has "$(python3 "$FS" png "$MNT/images/fox.png" chunks)" sRGB
}

@test "s3: prompts beyond Latin-1 stand in the texts as written" {
	mount_seed
	write fox "ein Füchslein 🦊 im Schnee, 雪"
	has "$(python3 "$FS" png "$MNT/images/fox.png" texts)" "ein Füchslein 🦊 im Schnee, 雪"
}

@test "s3: the same picture gives the same bytes" {
	mount_seed -o nometadata
	config '{"image":"jpeg-1024x576"}'
	faults '[{"on":"create","do":{"url":"%BASE%/files/jpeg-1024x576/same.jpg"}}]'
	write one "the first"
	write two "the second"
	cmp "$MNT/images/one.png" "$MNT/images/two.png"
}

@test "s3: a 360x360 thumbnail is never valid" {
	not_valid png-360x360
}

@test "s3: a 360x360 thumbnail is not valid whatever max_upscale is" {
	not_valid jpeg-360x360 -o max_upscale=8
}

@test "s3: smaller than half the size is not valid" {
	not_valid png-1022x575
}

@test "s3: max_upscale moves that bound" {
	make_of png-800x450 -o max_upscale=3
	source_is png 800 450 up
}

@test "s3: max_upscale=1 allows no scaling up" {
	not_valid png-2046x1151 -o max_upscale=1
}

@test "s3: a picture of one single colour is not valid (PNG)" {
	not_valid png_flat
}

@test "s3: a picture of one single colour is not valid (JPEG)" {
	not_valid jpeg_flat
}

@test "s3: a picture of one single colour is not valid (WebP)" {
	not_valid webp_flat
}

@test "s3: a truncated PNG is not valid" {
	not_valid png_cut
}

@test "s3: a truncated JPEG is not valid" {
	not_valid jpeg_cut
}

@test "s3: a truncated WebP is not valid" {
	not_valid webp_cut
}

@test "s3: a PNG with a wrong CRC is not valid" {
	not_valid png_crc
}

@test "s3: a PNG with a wrong zlib checksum is not valid" {
	not_valid png_adler
}

@test "s3: a PNG without its end is not valid" {
	not_valid png_noend
}

@test "s3: a PNG whose rows end early is not valid" {
	not_valid png_short
}

@test "s3: an animated PNG is not valid" {
	not_valid png_apng
}

@test "s3: an animated WebP is not valid" {
	not_valid webp_animated
}

@test "s3: a header of 30000x30000 is not valid" {
	not_valid bomb
}

@test "s3: an HTML page is not valid" {
	not_valid html
}

@test "s3: an empty file is not valid" {
	not_valid empty
}

@test "s3: a body that never ends is not valid, and is not read for ever" {
	mount_seed -o timeout=20
	config '{"image":"endless"}'
	has "$(try_write fox "a fox")" close
	same failed "$(record fox .state)"
	same 2 "$(count submit)"
	# What it was allowed to fill is given back.
	[ "$(awk '/VmRSS/ { print $2 }' "/proc/$SEED_PID/status")" -le $((600 * 1024)) ]
}

@test "s3: a download that stops early is not valid" {
	mount_seed -o timeout=2
	faults '[{"on":"image","do":{"cut":200000}}]'
	has "$(try_write fox "a fox")" close
	same failed "$(record fox .state)"
	same "" "$(ls "$MNT/images")"
}

@test "s3: a download of another length than it said is not valid" {
	mount_seed -o timeout=2
	faults '[{"on":"image","do":{"length":200000}}]'
	has "$(try_write fox "a fox")" close
	faults '[{"on":"image","do":{"length":99999999}}]'
	has "$(try_write owl "an owl")" close
	same failed "$(record owl .state)"
	same "" "$(ls "$MNT/images")"
}
