#!/usr/bin/env bash
# Is the adversary mean enough? Takes one mend after the other out of a copy of
# the engine and lets the simulation run: it must find each. Not part of make
# check: each mutant is a build of its own (make mutants).
# shellcheck disable=SC2016 # the expressions are Perl's
set -u
cd "$(dirname "$0")/../.." || exit 1
RUNS=${RUNS:-100000}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/seedfs-mutants.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
missed=0 count=0

# NAME FILE PERL-EXPRESSION [PROGRAM]: the expression must change the file. What the store
# does is found by its fault test, what the engine does by the simulation.
mutant() {
	local name=$1 file=$2 expression=$3 program=${4:-simulate} runs=() out

	[ "$program" != simulate ] || runs=(--runs "$RUNS")

	[[ $name =~ ${ONLY:-} ]] || return 0
	count=$((count + 1))
	rm -rf "$WORK/tree"
	mkdir "$WORK/tree"
	cp -r Makefile lib fs tests docs "$WORK/tree"
	perl -0pi -e "$expression" "$WORK/tree/$file"
	if cmp -s "$file" "$WORK/tree/$file"; then
		echo "not ok $count - $name: nothing was taken out of $file"
		missed=$((missed + 1))
		return
	fi
	if ! make -s -C "$WORK/tree" -j"$(nproc)" BUILD="$WORK/build" \
		"$WORK/build/tests/unit/$program" >"$WORK/make" 2>&1; then
		echo "not ok $count - $name: does not build"
		tail -n 5 "$WORK/make"
		missed=$((missed + 1))
	elif out=$(timeout 600 "$WORK/build/tests/unit/$program" "${runs[@]}" 2>&1); then
		echo "not ok $count - $name: not found in $RUNS runs"
		missed=$((missed + 1))
	else
		echo "ok $count - $name: $(grep -m1 -o 'seed [0-9]*: .*' <<<"$out" || echo "an assertion")"
	fi
}

mutant "superseded before the newer text is durable" lib/engine/commit.c \
	's/(\tif \(engine->config.reuse\)\n\t\treuse_find)/\tif (older)\n\t\tmachine_deliver(older, \&(struct event){ .kind = EVENT_SUPERSEDED, .by = "x" });\n$1/'
mutant "an older one's steps do not wait for the newer one's beginning" lib/engine/disk_steps.c \
	's/return newest != generation && !generation_has_begun\(newest\);/return false;/'
mutant "a broken poll is a failed attempt" lib/engine/failure.c \
	's/("unsure", \{\n.*?\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/s'
mutant "a URL that is dead for a moment is a failed attempt" lib/engine/failure.c \
	's/("gone", \{\n.*?\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/s'
mutant "a lack of memory is a failed attempt" lib/engine/failure.c \
	's/("local", \{\n.*?\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/s'
mutant "what was not sent is a failed attempt" lib/engine/failure.c \
	's/("not sent", \{\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/'
mutant "429 is a failed attempt" lib/engine/failure.c \
	's/("busy", \{\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/'
mutant "nothing could be asked, and it is submitted again" lib/engine/failure.c \
	's/("unsure", \{\n.*?\n\t\t\{ SEED_VERDICT_AGAIN, )SEED_VERDICT_KEEP/$1SEED_VERDICT_RETRY/s'
# Not here: that an answer is too old to be late on. With three names everyone's turn to ask
# comes; tests/mount/poll.bats has two hundred.
mutant "what is known of the service's address ends with the program" lib/engine/exchange.c \
	's/ && !generation->record.private_service//'
mutant "Retry-After of a day holds everybody" lib/engine/queue.c \
	's/if \(engine->hold_until_ms > generation->ask_until_ms\)/if (false)/'
# Not here: that what waits behind an outage has a deadline of its own. With three
# names the one that asks ends soon enough for the others.
mutant "the same text is paid for again" lib/engine/commit.c \
	's/if \(older && is_generating\(older, request->text\)\)/if (false \&\& is_generating(older, request->text))/'
mutant "a submission that was cut off is repeated after a restart" lib/engine/resume.c \
	's/return generation_fail\(generation, &error\);/return PHASE_BEGIN;/'
mutant "a late task has no row of its own before the retry" lib/engine/attempts.c \
	's/disk_step\(late, STEP_MARK\);\n\treturn PHASE_SPLIT;/return attempt_split(generation, 0);/'
# Nor: that a mark which found no disk is written again, and that what only a later row
# implies is marked. Both are found at the next start, too: by the order of the ids and by
# the row of the catalogue.
mutant "a task id that found no disk is forgotten" lib/engine/submit.c \
	's/\t\tgeneration_mark_again\(generation\);\n//'
mutant "a failed removal cancels" lib/engine/changes.c \
	's/if \(change->err\)\n\t\t\tdisk_step_resume\(g\);\n\t\telse\n\t\t\tgo\(g\);/go(g);/'
mutant "a failed rename supersedes" lib/engine/changes.c \
	's/if \(!change->err\) \{\n\t\tif \(!change->folder\)\n\t\t\tsupersede_target\(engine, change\);/if (!change->folder)\n\t\tsupersede_target(engine, change);\n\tif (!change->err) {/'
mutant "the budget keeps what was none" lib/engine/budget.c \
	's/engine->spent.count--;/engine->spent.count -= 0;/'
mutant "a finished row is written again" lib/engine/disk_steps.c \
	's/if \(step == STEP_FINISH && !err && generation->step_next != STEP_DROP\)/if (false)/'
mutant "a timer is forgotten" lib/engine/attempts.c \
	's/\t\ttimers_touch\(late\);\n//'
mutant "a move that the table does not have" lib/engine/verify.c \
	's/(\t\treturn verified\(generation, picture\);)/\t\t(void)verified(generation, picture);\n\treturn PHASE_GONE;/'

mutant "a removal that was cut off is forgotten" lib/engine/resume.c \
	's/if \(generation->record.state == SEED_STATE_CANCELLED\)/if (false)/'
mutant "the row goes before the prompt is durable" lib/store/checkpoint.c \
	's/err = seed_files_sync_file\(store->areas\[SEED_AREA_PROMPTS\], entry->name\);/err = 0;/' store_faults
mutant "the row goes before the folders are durable" lib/store/checkpoint.c \
	's/err = sync_folders\(store, list, i\);/err = 0;/' store_faults
mutant "a text begins while the last one waits for a checkpoint" lib/store/entry.c \
	's/errint_t err = seed_store_settle_name\(store, record->name\);/errint_t err = 0;/' store_faults
mutant "a rename does not wait for a checkpoint" lib/store/move.c \
	's/seed_store_settle_name\(store, NULL\)/seed_store_settle(store)/' store_faults

echo "1..$count"
[ "$missed" -eq 0 ]
