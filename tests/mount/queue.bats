#!/usr/bin/env bats
# CONTRACT section 1: queue, what it says to people; gallery.json, to the gallery.

load helper

queue() {
	cat "$MNT/queue"
}

in_queue() { # NAME PATTERN
	queue | grep -q "^$1 .*$2"
}

running() { # NAME JQ-FILTER
	jq -r --arg name "$1" ".running[] | select(.name == \$name) | $2" "$MNT/gallery.json"
}

# The column at which each line's state begins, as a terminal shows it.
state_columns() {
	queue | python3 -c '
import re, sys, unicodedata
for line in sys.stdin:
    found = re.search(r" (state|generating|queued) ", line)
    if found:
        print(sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
                  for c in line[:found.start(1)]))'
}

@test "s1: queue's columns are aligned for names of any width" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	for name in fox 富士山の朝焼け 여우 "🦊🌲" "Füchse" $'e\xcc\x81tude'; do
		background write "$name" "a picture of $name"
		received create "${#JOBS[@]}"
	done
	wait_until test "$(state_columns | wc -l)" -eq 7
	same 25 "$(state_columns | sort -u)"
	LC_ALL=C.UTF-8
	has "$(queue)" 富士山の朝焼け
	release
}

@test "s1: queue says that nothing is running, and its sums" {
	mount_seed
	has "$(queue)" "# nothing is running"
	has "$(queue)" "# 0 generating, 0 queued, 0 waiting callers"
	same "[]" "$(jq -c .running "$MNT/gallery.json")"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	wait_until in_queue fox generating
	has_not "$(queue)" "nothing is running"
	has "$(queue)" "# 1 generating, 0 queued, 1 waiting callers"
	same "generating 1" "$(running fox '"\(.state) \(.attempt)"')"
	release
}

@test "s1: queue tells the time left once others have told how long it takes" {
	mount_seed
	faults '[{"on":"create","prompt":"slow","do":{"hold_task":true}}]'
	background write owl "a slow owl"
	wait_until in_queue owl generating
	# Nobody knows yet.
	has "$(queue | grep ^owl)" " - ["
	same null "$(running owl .left_s)"
	release
	job_ends 0 "$JOB"
	background write fox "a slow fox"
	wait_until in_queue fox ' 0:0[0-9]  *0:0[0-9] \['
	release
}

@test "s1: queue says why something waits: jobs, rate" {
	mount_seed -o jobs=1,rate=2/1000
	faults '[{"on":"create","prompt":"slow","do":{"hold_task":true}}]'
	background write fox "a slow fox"
	wait_until in_queue fox generating
	background write owl "an owl"
	wait_until in_queue owl 'waits for one of 1 jobs'
	same "waits for one of 1 jobs" "$(running owl .why)"
	release
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	background write hare "a hare"
	wait_until in_queue hare 'waits for the rate (2 in 1000 s), in [0-9]* s'
}

@test "s1: queue says why something waits: the service, and until when" {
	mount_seed
	faults '[{"on":"create","times":99,"do":{"status":429,"retry_after":"200"}}]'
	background write fox "a fox"
	wait_until in_queue fox 'waits: .*; next try in [0-9]* s'
	has "$(running fox .why)" "next try in"
}

@test "s1: queue says why something waits: disk space" {
	need_root
	STATE=$DIR/small
	mkdir -m 700 "$STATE"
	mount -t tmpfs -o size=6m,mode=700 none "$STATE"
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received poll 1
	dd if=/dev/zero of="$STATE/filler" bs=64k status=none 2>/dev/null || true
	release
	wait_until in_queue fox 'waits for disk space'
	rm "$STATE/filler"
	wait_until is_verified fox
	stop_seedfs
	umount "$STATE"
}

@test "s1: gallery.json says which names have changed, and goes on counting over mounts" {
	local before

	mount_seed
	before=$(jq .changes "$MNT/gallery.json")
	write fox "a fox"
	mv "$MNT/prompts/fox" "$MNT/prompts/owl"
	same '["fox","owl"]' "$(jq -c --argjson since "$before" '[.changed[] | select(.[0] > $since)[1]] | unique' "$MNT/gallery.json")"
	same true "$(jq ".since <= $before" "$MNT/gallery.json")"
	same "$(stat -c %s "$MNT/gallery.json")" "$(wc -c <"$MNT/gallery.json")"
	mkdir "$MNT/prompts/a"
	write a/b "a bear"
	before=$(jq .changes "$MNT/gallery.json")
	mv "$MNT/prompts/a" "$MNT/prompts/c"
	# Who knew what was before reads everything.
	same true "$(jq ".since > $before" "$MNT/gallery.json")"
	before=$(jq .changes "$MNT/gallery.json")
	stop_seedfs
	mount_seed
	same true "$(jq ".changes > $before and .since > $before" "$MNT/gallery.json")"
	stop_seedfs
	mount_seed -o ro
	same "[]" "$(jq -c .running "$MNT/gallery.json")"
}
