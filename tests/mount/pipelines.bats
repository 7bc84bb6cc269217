#!/usr/bin/env bats
# The examples for other languages and programs, each over a real mount.

load helper

need() { # PROGRAM…
	local program

	for program; do
		[ -n "$(type -P "$program")" ] || skip "no $program here"
	done
}

# Small pictures, drawn here: what is tried are the programs around them.
mount_sketch() {
	start_seedfs -o "provider=sketch,size=256x144,state=$STATE" "$MNT"
	wait_mounted
}

# One picture and one that the service refuses, by a program that gets MOUNT NAME
# PROMPT: the path on standard output, the reason on standard error.
succeeds_and_fails() { # REASON COMMAND…
	local reason=$1

	shift
	mount_seed
	same "$MNT/images/fox.png" "$("$@" "$MNT" fox "a fox" | cut -d' ' -f1)"
	is_verified fox
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	run "$@" "$MNT" owl "an owl"
	[ "$status" -ne 0 ]
	has "$output" "owl: $reason"
	same "1 1" "$(count submit fox) $(count submit owl)"
}

@test "python.py: a picture, and the reason where there is none" {
	need python3
	succeeds_and_fails "out of credits, or over the budget" "$ROOT/examples/python.py"
}

@test "perl.pl: a picture, and the reason where there is none" {
	need perl
	succeeds_and_fails "out of credits, or over the budget" perl "$ROOT/examples/perl.pl"
}

@test "node.js: a picture, and the reason where there is none" {
	need node
	succeeds_and_fails "EDQUOT: code 402: no credits" node "$ROOT/examples/node.js"
}

@test "ruby.rb: a picture, and the reason where there is none" {
	need ruby
	succeeds_and_fails "Disk quota exceeded" ruby "$ROOT/examples/ruby.rb"
}

@test "generate.c: a picture, and the reason where there is none" {
	need cc
	cc -Wall -Wextra -Werror -o "$DIR/generate" "$ROOT/examples/generate.c"
	succeeds_and_fails "Disk quota exceeded" "$DIR/generate"
}

board() { # ARGUMENT…
	make -s -C "$DIR/board" -f "$ROOT/examples/storyboard.mk" -j 8 MOUNT="$MNT" "$@"
}

@test "storyboard.mk: make -j makes the frames that are missing, and only those" {
	mkdir -p "$DIR/board/shots"
	for shot in 010 020 030 040; do echo "shot $shot" >"$DIR/board/shots/$shot.txt"; done
	mount_seed
	board
	same 4 "$(count submit)"
	cmp "$DIR/board/frames/030.png" "$MNT/images/board/030.png"
	board
	same 4 "$(count submit)"
	echo "shot 020, closer" >"$DIR/board/shots/020.txt"
	echo "shot 050" >"$DIR/board/shots/050.txt"
	faults '[{"on":"create","prompt":"shot 050","do":{"code":402,"msg":"no credits"}}]'
	run board -k
	[ "$status" -ne 0 ]
	has "$output" "Disk quota exceeded"
	fails test -e "$DIR/board/frames/050.png"
	cmp "$DIR/board/frames/020.png" "$MNT/images/board/020.png"
	same "1 1" "$(count submit "020, closer") $(count submit "shot 050")"
}

@test "storyboard.mk: a contact sheet by montage" {
	need montage
	mkdir -p "$DIR/board/shots"
	for shot in 010 020 030 040; do echo "shot $shot" >"$DIR/board/shots/$shot.txt"; done
	mount_sketch
	board sheet.jpg
	same "JPEG 1984" "$(identify -format '%m %w' "$DIR/board/sheet.jpg")"
}

@test "storyboard.mk: a film by ffmpeg" {
	need ffmpeg
	mkdir -p "$DIR/board/shots"
	for shot in 010 020; do echo "shot $shot" >"$DIR/board/shots/$shot.txt"; done
	mount_sketch
	board film.mp4
	same "256,144,4.000000" "$(ffprobe -v error -show_entries stream=width,height,duration -of csv=p=0 "$DIR/board/film.mp4")"
}

@test "parallel.sh: a hundred prompts, and again only those that failed" {
	need parallel
	seq 100 | awk '{ printf "shots/%03d\tshot %d of \"the fox\", it'"'"'s cold\n", $1, $1 }' >"$DIR/list"
	mount_sketch
	# A folder of that name is in the way of one of them.
	mkdir -p "$MNT/prompts/shots/050"
	run "$ROOT/examples/parallel.sh" "$MNT" "$DIR/list"
	[ "$status" -ne 0 ]
	same 99 "$(find "$MNT/images/shots" -name '*.png' | wc -l)"
	rmdir "$MNT/prompts/shots/050"
	"$ROOT/examples/parallel.sh" "$MNT" "$DIR/list"
	same 100 "$(find "$MNT/images/shots" -name '*.png' | wc -l)"
	same 100 "$(awk '$1 == "seedfs_submissions_total" { print $2 }' "$MNT/metrics")"
	same "shot 7 of \"the fox\", it's cold" "$(<"$MNT/prompts/shots/007")"
}

post() { # PATH BODY: the status of the answer
	curl -sS --noproxy '*' -o /dev/null -w '%{http_code}' --data-binary "$2" "http://127.0.0.1:$PORT$1"
}

# A port that was free a moment ago.
free_port() {
	python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

@test "webhook.py: a body becomes an image; who does not know the secret is refused" {
	need python3
	mount_seed
	PORT=$(free_port)
	background "$ROOT/examples/webhook.py" "$MNT" s3cret "$PORT"
	wait_until post / ''
	same 200 "$(post /s3cret/track42 "{\"image_url\":\"$API/files/png/cover.png\"}")"
	wait_until is_verified track42
	same "0 400 404 404 404" "$(count submit) $(post /s3cret/x 'no json') $(post /other/x '{}') $(post /x '{}') \
$(post /s3cret/../s3cret/a/x '{}')"
}

serve_nginx() {
	PORT=$(free_port)
	{
		echo "daemon off; master_process off; pid $DIR/nginx.pid; error_log $DIR/nginx.err; events {}"
		echo "http { include /etc/nginx/mime.types; access_log off; sendfile on;"
		for path in client_body proxy fastcgi uwsgi scgi; do echo "${path}_temp_path $DIR/nginx.$path;"; done
		sed "s|/mnt/seed|$MNT|; s|127.0.0.1:8080|127.0.0.1:$PORT|" "$ROOT/examples/nginx.conf"
		echo "}"
	} >"$DIR/nginx.conf"
	background nginx -c "$DIR/nginx.conf" -e "$DIR/nginx.err"
	wait_until get / -o /dev/null
}

get() { # PATH [curl's further arguments]
	curl -sS --noproxy '*' --max-time 40 "http://127.0.0.1:$PORT$1" "${@:2}"
}

code() { # PATH [curl's further arguments]
	get "$1" -o /dev/null -w '%{http_code}' "${@:2}"
}

@test "nginx.conf: gallery, images, thumbs and metrics are served whole, and nothing else" {
	need nginx
	mount_seed
	write fox "a fox"
	wait_until has_thumb fox
	serve_nginx
	get / -o "$DIR/got"
	has "$(<"$DIR/got")" "images/fox.png"
	has "$(get / -o /dev/null -w '%{content_type}')" text/html
	for path in images/fox.png thumbs/fox.jpg records/fox.json; do
		get "/$path" -o "$DIR/got"
		cmp "$DIR/got" "$MNT/$path"
	done
	has "$(get /metrics)" "seedfs_verified_total 1"
	has "$(get /queue)" "nothing is running"
	same 304 "$(code /images/fox.png --header "If-None-Match: $(get /images/fox.png -I | sed -n 's/^ETag: //p' | tr -d '\r')")"
	same "404 404 404 405" "$(code /prompts/fox) $(code /status) $(code /callbacks/) $(code /images/fox.png --data x)"
}

@test "nginx.conf: a picture that is being generated holds up nothing" {
	need nginx
	mount_seed
	serve_nginx
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received accepted 1
	same "503 200" "$(code /images/fox.png) $(code /gallery.json)"
	release
	wait_until is_verified fox
	same "200 404" "$(code /images/fox.png) $(code /images/owl.png)"
}

@test "grafana.json: each series that it draws stands in metrics" {
	mount_sketch
	write fox "a fox"
	jq -r '.panels[].targets[].expr' "$ROOT/examples/grafana.json" | grep -o 'seedfs_[a-z_]*' | sort -u >"$DIR/drawn"
	[ "$(wc -l <"$DIR/drawn")" -ge 15 ]
	sed -n 's/^# TYPE \([^ ]*\) histogram/\1_bucket/p; s/^# TYPE \([^ ]*\) .*/\1/p' "$MNT/metrics" | sort -u >"$DIR/there"
	same "" "$(comm -23 "$DIR/drawn" "$DIR/there")"
}

@test "blender.py: a picture on a plane, packed into the file" {
	need blender
	mount_sketch
	blender --background --factory-startup --python-exit-code 1 --python "$ROOT/examples/blender.py" -- \
		"$MNT" sky "an evening sky" "$DIR/sky.blend"
	cat >"$DIR/look.py" <<-'PYTHON'
		import bpy
		image = bpy.data.images["sky"]
		plane = bpy.data.objects["Plane"]
		print("found", image.packed_file is not None, tuple(image.size), round(plane.scale.x, 3))
	PYTHON
	has "$(blender --background "$DIR/sky.blend" --python "$DIR/look.py")" "found True (256, 144) 1.778"
}
