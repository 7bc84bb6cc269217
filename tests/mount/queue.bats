#!/usr/bin/env bats
# `man seed`: queue, what it says to people; gallery.json, to the gallery.

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
	local small=$DIR/small

	need_root
	mkdir -m 700 "$small"
	mount -t tmpfs -o size=6m,mode=700 none "$small"
	mount_seed -o "state=$small"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received poll 1
	dd if=/dev/zero of="$small/filler" bs=64k status=none 2>/dev/null || true
	release
	wait_until in_queue fox 'waits for disk space'
	rm "$small/filler"
	wait_until is_verified fox
	stop_seedfs
	umount "$small"
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

# --- money -------------------------------------------------------------------------

@test "queue, metrics and gallery.json tell what was spent today, and by whom, over mounts" {
	local cost

	need_root
	chmod 755 "$DIR"
	mount_seed -o allow_other,umask=000,budget=10/day
	write fox "a fox"
	setpriv --reuid 4711 --clear-groups -- dd of="$MNT/prompts/owl" status=none <<<"an owl"
	has "$(queue)" "# today (UTC): 2 of 10 submissions, cost $(record fox '.cost * 2'); uid 0: 1; uid 4711: 1"
	has "$(<"$MNT/metrics")" $'\nseedfs_submissions_today 2\n'
	has "$(<"$MNT/metrics")" $'\nseedfs_submissions_today_by_uid{uid="4711"} 1\n'
	same "2 10 1" "$(jq -r '.today | "\(.submissions) \(.budget) \(.by_uid["4711"])"' "$MNT/gallery.json")"
	cost=$(record fox '.cost * 2')
	stop_seedfs
	same "cost $cost" "$(grep ^cost "$STATE/spent")"
	mount_seed -o budget=10/day
	has "$(queue)" "# today (UTC): 2 of 10 submissions"
	has "$(queue)" "; uid 0: 1; uid 4711: 1"
	write hare "a hare"
	has "$(queue)" "# today (UTC): 3 of 10 submissions"
	has "$(queue)" "; uid 0: 2; uid 4711: 1"
}

@test "the log says once when most of the budget is used" {
	mount_seed -o budget=5/day
	for i in 1 2 3; do write "n$i" "picture $i"; done
	has_not "$(<"$MNT/status")" "Budget:"
	write n4 "picture 4"
	has "$(<"$MNT/status")" "Budget: 4 of 5 submissions of this day (UTC) are used"
	write n5 "picture 5"
	same 1 "$(grep -c "Budget:" "$MNT/status")"
}

@test "dry_run submits nothing, tells the exact request, and draws" {
	start_seedfs -o "provider=kie,api_base=$API,state=$STATE,dry_run,budget=5/day,style=in oil" "$MNT"
	wait_mounted
	write fox "a fox"
	is_verified fox
	same 0 "$(count create)"
	has "$(status_texts fox)" "Dry run, not sent: POST $API/api/v1/jobs/createTask {"
	same "kie (dry run)" "$(record fox .provider)"
	same "a fox, in oil" "$(record fox .dry_run | sed 's/^[^{]*//' | jq -r .input.prompt)"
	has "$(queue)" "# today (UTC): 0 of 5 submissions"
	stop_seedfs
	# What was drawn is not what a real mount would have made.
	mount_seed -o reuse,style="in oil"
	write owl "a fox"
	same 1 "$(count create)"
	same "$(log_of create -c .body.input | jq -Sc .)" \
		"$(record fox .dry_run | sed 's/^[^{]*//' | jq -Sc .input)"
}
