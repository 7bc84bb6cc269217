#!/usr/bin/env bats
# `man seed`: the log.
# shellcheck disable=SC2016 # commands for other shells

load helper

TIME='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z'

# The texts in this order, other lines between them.
in_order() { # FILE TEXT…
	local file=$1 line=0 found text

	shift
	for text in "$@"; do
		found=$(awk -v from="$line" -v text="$text" \
			'NR > from && index($0, text) { print NR; exit }' "$file")
		[ -n "$found" ] || fail "not there after line $line: $text" "$(cat "$file")" || return 1
		line=$found
	done
}

@test "s4: these texts stand in every successful run, in this order" {
	mount_seed
	write fox "a fox"
	status_texts fox >"$DIR/texts"
	in_order "$DIR/texts" \
		"🖼️ [SYNC IMAGE] Model: $MODEL | Resolution: 2048x1152" \
		"🧠 [SYNC IMAGE] Sending request …" \
		"🧠 [SYNC IMAGE] Response status: 200" \
		"🖼️ [SYNC IMAGE] Image verified at 2048x1152" \
		"🖼️ [SYNC IMAGE] Image generated at: $API/files/" \
		"✅ [SYNC IMAGE] "
	same 1 "$(grep -c '✅' "$DIR/texts")"
	has_not "$(cat "$DIR/texts")" "❌"
	has_not "$(cat "$DIR/texts")" "🔄"
}

@test "s4: the same texts stand in a run of kie-image" {
	PROVIDER=kie-image mount_seed
	write fox "a fox"
	status_texts fox >"$DIR/texts"
	in_order "$DIR/texts" \
		"🖼️ [SYNC IMAGE] Model: $MODEL | Resolution: 2048x1152" \
		"🧠 [SYNC IMAGE] Sending request …" \
		"🧠 [SYNC IMAGE] Response status: 200" \
		"🖼️ [SYNC IMAGE] Image verified at 2048x1152" \
		"🖼️ [SYNC IMAGE] Image generated at: $API/files/" \
		"✅ [SYNC IMAGE] "
}

@test "s4: a run that retried says so, with the parameters" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"status":500}}]'
	write fox "a fox"
	status_texts fox >"$DIR/texts"
	in_order "$DIR/texts" \
		"🧠 [SYNC IMAGE] Sending request …" \
		"🧠 [SYNC IMAGE] Response status: 500" \
		"🔄 [SYNC IMAGE] Retrying once with adjusted parameters (steps: 25, cfg_scale: 7)" \
		"🧠 [SYNC IMAGE] Sending request …" \
		"🧠 [SYNC IMAGE] Response status: 200" \
		"🖼️ [SYNC IMAGE] Image verified at 2048x1152" \
		"✅ [SYNC IMAGE] "
}

@test "s4: a run that failed says so, with the cause" {
	mount_seed
	faults '[{"on":"create","do":{"fail":{"code":"500","msg":"out of paint"}}}]'
	fails write fox "a fox"
	status_texts fox >"$DIR/texts"
	in_order "$DIR/texts" "🔄 [SYNC IMAGE] " "❌ [SYNC IMAGE] "
	has "$(tail -n 1 "$DIR/texts")" "out of paint"
	has_not "$(cat "$DIR/texts")" "✅"
}

@test "s4: one event a line: TIME NAME TEXT" {
	mount_seed
	write fox "a fox"
	faults '[{"on":"create","do":{"fail":{"code":"500","msg":"two\nlines\tand\u001b[31m more"}}}]'
	fails write wolf $'a wolf\nof two lines'
	same "" "$(grep -vE "^$TIME [^ ]+ [^[:cntrl:]]+\$" "$MNT/status" || true)"
	same "" "$(LC_ALL=C grep -P '[\x00-\x08\x0b-\x1f\x7f]' "$MNT/status" || true)"
	same "" "$(awk '$2 != "fox" && $2 != "wolf" && $2 != "-"' "$MNT/status")"
}

@test "s4: the times do not go back" {
	mount_seed
	for name in one two three; do write "$name" "picture $name"; done
	sort -c <(cut -d' ' -f1 "$MNT/status")
}

@test "s4: spaces and other odd bytes in NAME are octal escapes" {
	mount_seed
	write 'a fox\in #snow' "a fox"
	has "$(cat "$MNT/status")" ' a\040fox\134in\040\043snow ✅ [SYNC IMAGE] '
	write "Füchse" "foxes"
	has "$(cat "$MNT/status")" ' Füchse ✅ [SYNC IMAGE] '
}

@test "s4: tail -f works" {
	mount_seed
	write before "a picture"
	background tail -n 0 -f "$MNT/status"
	tail_out=$JOB_OUT
	# tail shows what came after it looked first: write until it shows something.
	n=0
	wait_until eval 'n=$((n + 1)); write "fox$n" "a fox" && grep -q "✅" "$tail_out"'
	has "$(cat "$tail_out")" "Image verified at 2048x1152"
}

@test "s4: status has the size and the time of what it holds" {
	mount_seed
	write fox "a fox"
	same "$(wc -c <"$MNT/status")" "$(stat -c %s "$MNT/status")"
	last=$(tail -n 1 "$MNT/status" | cut -d' ' -f1)
	age=$(($(stat -c %Y "$MNT/status") - $(date -d "$last" +%s)))
	[ "${age#-}" -le 1 ]
}

@test "s4: the log is kept across mounts" {
	mount_seed
	write fox "a fox"
	before=$(cat "$MNT/status")
	stop_seedfs
	mount_seed
	has "$(cat "$MNT/status")" "$before"
	write owl "an owl"
	has "$(cat "$MNT/status")" "$before"
	has "$(status_texts owl)" "✅"
	kill_seedfs
	mount_seed
	has "$(cat "$MNT/status")" "$before"
	has "$(status_texts owl)" "✅"
}

@test "s4: with -f the log also goes to standard error" {
	mount_seed
	write fox "a fox"
	has "$(cat "$DIR/err")" "🖼️ [SYNC IMAGE] Image verified at 2048x1152"
}

@test "s4: log_size bounds the log; the older half goes first" {
	mount_seed -o log_size=8192
	config '{"image":"png-1024x576"}'
	for n in $(seq 30); do
		same ok "$(try_write "fox$n" "fox number $n")"
		[ "$(stat -c %s "$MNT/status")" -le 8192 ]
	done
	[ "$(stat -c %s "$MNT/status")" -ge 1024 ]
	has "$(tail -n 1 "$MNT/status")" " fox30 ✅"
	has_not "$(cat "$MNT/status")" " fox1 "
	same "" "$(grep -vE "^$TIME [^ ]+ " "$MNT/status" || true)"
	[ "$(stat -c %s "$STATE/log/status")" -le 8192 ]
}

@test "s4: the key appears nowhere" {
	mount_seed
	faults '[{"on":"create","prompt":"fox","do":{"code":401,"msg":"the key %KEY% is not known"}},
		{"on":"create","prompt":"wolf","do":{"fail":{"code":"500","msg":"no more for %KEY%"}}},
		{"on":"create","prompt":"bear","do":{"status":500,"body":"Authorization: Bearer %KEY%"}}]'
	fails write fox "a fox"
	fails write wolf "a wolf"
	fails write bear "a bear"
	write owl "an owl"
	has "$(api /_log)" '"auth":"ok"'
	same "" "$(grep -rlF -- "$KEY" "$MNT/status" "$MNT/records" "$STATE" "$DIR/err" || true)"
	has_not "$(tr '\0' ' ' <"/proc/$SEED_PID/cmdline")" "$KEY"
	has_not "$(cat /proc/self/mounts)" "$KEY"
}

@test "s4: nor by the hand of an image host that knows it" {
	KEY=test-5e9d21c4
	echo "$KEY" >"$DIR/key"
	mount_seed
	faults "[{\"on\":\"image\",\"prompt\":\"fox\",\"times\":9,\"do\":{\"body\":\"$KEY\"}},
		{\"on\":\"image\",\"prompt\":\"owl\",\"times\":9,\"do\":{\"body\":\"<b>for $KEY</b>\"}},
		{\"on\":\"image\",\"prompt\":\"hare\",\"times\":9,\"do\":{\"body\":\"<html>\\n<b>$KEY\"}}]"
	fails write fox "a fox"
	has "$(record fox .error.message)" "neither PNG, JPEG nor WebP"
	# What is cut off behind it leaves a part of it.
	fails write owl "an owl"
	has "$(record owl .error.message)" 'nor WebP (starts with "<b>for **'
	fails write hare "a hare"
	has "$(record hare .error.message)" 'nor WebP (starts with "<html>")'
	same "" "$(grep -rlF -- "${KEY:0:6}" "$MNT/status" "$MNT/records" "$STATE/log" "$STATE/records" "$DIR/err" || true)"
}

@test "s4: nor one that was replaced, where an image host knows it" {
	local old=test-5e9d21c4

	KEY=$old
	echo "$KEY" >"$DIR/key"
	mount_seed
	write bear "a bear"
	echo test-key-three >"$DIR/key"
	kill -HUP "$SEED_PID"
	wait_until grep -q "Key read again" "$MNT/status"
	faults "[{\"on\":\"image\",\"prompt\":\"fox\",\"times\":9,\"do\":{\"body\":\"$old\"}},
		{\"on\":\"image\",\"prompt\":\"owl\",\"times\":9,\"do\":{\"body\":\"<b>for $old</b>\"}}]"
	fails write fox "a fox"
	has "$(record fox .error.message)" 'nor WebP (starts with "*************")'
	fails write owl "an owl"
	has "$(record owl .error.message)" 'nor WebP (starts with "<b>for *********")'
	same "" "$(grep -rlF -- "${old:0:6}" "$MNT/status" "$MNT/records" "$STATE/log" "$STATE/records" "$DIR/err" || true)"
}

@test "s4: a signed URL's query never appears in the log" {
	mount_seed
	faults '[{"on":"create","do":{"query":"X-Amz-Signature=topsecret&Expires=9"}}]'
	write fox "a fox"
	has "$(log_of image -c .query)" topsecret
	has_not "$(cat "$MNT/status" "$DIR/err")" topsecret
	has "$(status_texts fox)" "Image generated at: $API/files/"
}

@test "s4: nor does it appear when the download fails" {
	mount_seed -o timeout=2
	faults '[{"on":"create","do":{"query":"X-Amz-Signature=topsecret"}},
		{"on":"image","do":{"status":500,"body":"%BASE%/x?X-Amz-Signature=topsecret"}}]'
	fails write fox "a fox"
	faults '[{"on":"create","do":{"fail":{"code":"500","msg":"cannot read http://h/a.png?X-Amz-Signature=topsecret now"}}}]'
	fails write wolf "a wolf"
	has_not "$(cat "$MNT/status" "$DIR/err")" topsecret
}
