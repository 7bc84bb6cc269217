#!/usr/bin/env bats
# `man seed`: "with sRGB (a picture in another colour space is converted)"
# and "the source's own text chunks are kept". The pictures are made by ImageMagick,
# with profiles of Debian; it converts them, too, and says whether ours are the same.
# pngcheck and exiftool read the results.

load helper

ICC=/usr/share/color/icc

more_setup() {
	for tool in convert pngcheck exiftool; do
		[ -n "$(type -P "$tool")" ] || skip "no $tool here"
	done
	[ -e "$ICC/compatibleWithAdobeRGB1998.icc" ] || skip "no profiles (icc-profiles-free)"
	mkdir "$DIR/images"
	# Smooth everywhere, every hue, dark and light: what JPEG does to it is the same
	# for both.
	convert -size 2048x1152 gradient:red-blue \( -size 2048x1152 -define gradient:angle=90 \
		gradient:black-white \) -compose Overlay -composite -depth 8 PNG24:"$DIR/plain.png"
}

# The service's next picture is that file of $DIR/images.
serve() { # NAME
	faults "[{\"on\":\"create\",\"do\":{\"url\":\"%BASE%/files/local/$1\"}}]"
	write "$1" "a picture: $1"
	is_verified "$1"
	pngcheck -q "$MNT/images/$1.png"
	same "2048x1152 8-bit RGB whole" "$(python3 "$FS" png "$MNT/images/$1.png" summary)"
	has "$(python3 "$FS" png "$MNT/images/$1.png" chunks)" sRGB
}

in_space() { # PROFILE TO [convert arguments]
	convert "$DIR/plain.png" -profile "$ICC/sRGB.icc" -intent perceptual -black-point-compensation \
		-profile "$ICC/$1" "${@:3}" "$DIR/images/$2"
}

# Levels between the image and what ImageMagick makes of the source.
levels_from_judge() { # NAME
	convert "$DIR/images/$1" -intent perceptual -black-point-compensation -profile "$ICC/sRGB.icc" \
		-background black -alpha remove -strip PNG24:"$DIR/judged.png"
	levels "$MNT/images/$1.png" "$DIR/judged.png"
}

levels() { # FILE FILE: the largest difference of a sample
	convert "$1" "$2" -compose difference -composite -format '%[fx:round(maxima*255)]' info:
}

are_converted() { # NAME…
	for name; do
		serve "$name"
		[ "$(levels_from_judge "$name")" -le 2 ] || fail "$name: $(levels_from_judge "$name")"
		# It was another picture before.
		convert "$DIR/images/$name" -background black -alpha remove -strip PNG24:"$DIR/before.png"
		[ "$(levels "$MNT/images/$name.png" "$DIR/before.png")" -ge 5 ] || fail "$name: as it was"
	done
}

@test "s3: a profile of RGB is converted: PNG, JPEG, WebP" {
	mount_seed
	in_space compatibleWithAdobeRGB1998.icc a.png
	in_space compatibleWithAdobeRGB1998.icc a.jpg -quality 95
	in_space compatibleWithAdobeRGB1998.icc a.webp -define webp:lossless=true -define webp:method=0
	are_converted a.png a.jpg a.webp
}

@test "s3: a profile of RGB is converted: 16 bits, alpha, palette" {
	mount_seed
	in_space LStar-RGB.icc wide.png -depth 16
	in_space LStar-RGB.icc alpha.png \( -size 2048x1152 gradient: \) -alpha off \
		-compose CopyOpacity -composite -define png:color-type=6
	in_space compatibleWithAdobeRGB1998.icc palette.png -colors 200 -define png:color-type=3
	are_converted wide.png alpha.png palette.png
}

@test "s3: a profile of grey or of inks is converted" {
	mount_seed
	convert "$DIR/plain.png" -colorspace Gray -profile "$ICC/Gray-CIE_L.icc" "$DIR/images/grey.png"
	serve grey.png
	[ "$(levels_from_judge grey.png)" -le 2 ]
	[ -e "$ICC/ghostscript/default_cmyk.icc" ] || return 0
	in_space ghostscript/default_cmyk.icc inks.jpg -quality 100
	serve inks.jpg
	[ "$(levels_from_judge inks.jpg)" -le 2 ]
}

@test "s3: sRGB in a profile keeps the pixel data byte for byte" {
	mount_seed
	convert "$DIR/plain.png" -profile "$ICC/sRGB.icc" "$DIR/images/a.png"
	has "$(python3 "$FS" png "$DIR/images/a.png" chunks)" iCCP
	serve a.png
	same "$(python3 "$FS" png "$DIR/images/a.png" idat)" "$(python3 "$FS" png "$MNT/images/a.png.png" idat)"
	has_not "$(python3 "$FS" png "$MNT/images/a.png.png" chunks)" iCCP
}

@test "s3: the source's texts are kept, and prompt is ours" {
	mount_seed
	convert "$DIR/plain.png" -set parameters 'Steps: 30, Sampler: Euler' -set workflow '{"nodes": []}' \
		-set prompt '{"3": {}}' "$DIR/images/a.png"
	has "$(python3 "$FS" png "$DIR/images/a.png" texts)" 'workflow={"nodes": []}'
	serve a.png
	texts=$(python3 "$FS" png "$MNT/images/a.png.png" texts)
	has "$texts" 'parameters=Steps: 30, Sampler: Euler'
	has "$texts" 'workflow={"nodes": []}'
	has "$texts" 'source:prompt={"3": {}}'
	has "$texts" "prompt=a picture: a.png"
	has "$texts" "seedfs:parameters=steps: 30"
	same 1 "$(grep -c '^prompt=' <<<"$texts")"
	same 'Steps: 30, Sampler: Euler' "$(exiftool -s3 -PNG:Parameters "$MNT/images/a.png.png")"
}

@test "s3: nometadata drops the source's texts, too" {
	mount_seed -o nometadata
	convert "$DIR/plain.png" -set parameters 'Steps: 30' "$DIR/images/a.png"
	serve a.png
	same "" "$(python3 "$FS" png "$MNT/images/a.png.png" texts)"
}
