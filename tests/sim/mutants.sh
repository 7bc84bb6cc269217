#!/usr/bin/env bash
# Is the adversary mean enough? Takes one mend after the other out of a copy of
# the engine and lets the simulation run: it must find each. Not part of make
# check: each mutant is a build of its own (make mutants). ONLY_LOOK=1 builds nothing: it
# says which of them take nothing out any more. ONLY=REGEX: those whose names match.
# shellcheck disable=SC2016 # the expressions are Perl's
set -u
cd "$(dirname "$0")/../.." || exit 1
RUNS=${RUNS:-100000}
FARM_RUNS=${FARM_RUNS:-6000}
LIMIT=${LIMIT:-900} # seconds for one
WORK=$(mktemp -d "${TMPDIR:-/tmp}/seedfs-mutants.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
missed=0 count=0
mkdir "$WORK/tree"
cp -r Makefile lib fs tests docs "$WORK/tree"

tried() { # NAME FILE EXPRESSION PROGRAM [ARGUMENT…]
	local name=$1 file=$2 expression=$3 program=$4 out status=0

	shift 4
	perl -0pi -e "$expression" "$WORK/tree/$file"
	if cmp -s "$file" "$WORK/tree/$file"; then
		echo "not ok $count - $name: nothing was taken out of $file"
	elif [[ -n ${ONLY_LOOK:-} ]]; then
		return
	elif ! make -s -C "$WORK/tree" -j"$(nproc)" BUILD="$WORK/build" \
		"$WORK/build/tests/unit/$program" >"$WORK/make" 2>&1; then
		echo "not ok $count - $name: does not build"
		tail -n 5 "$WORK/make"
	else
		out=$(timeout "$LIMIT" "$WORK/build/tests/unit/$program" "$@" 2>&1) || status=$?
		if [ "$status" -eq 0 ]; then
			echo "not ok $count - $name: not found by $program $*"
		elif [ "$status" -eq 124 ]; then
			echo "not ok $count - $name: not found by $program $* in $LIMIT s"
		else
			echo "ok $count - $name: $(grep -m1 -o 'seed [0-9]*: .*' <<<"$out" || echo "an assertion")"
			return
		fi
	fi
	missed=$((missed + 1))
}

# NAME FILE PERL-EXPRESSION PROGRAM [ARGUMENT…]: the expression must change the file.
try() {
	[[ $1 =~ ${ONLY:-} ]] || return 0
	count=$((count + 1))
	tried "$@"
	cp "$2" "$WORK/tree/$2" # what comes next is built without it
}

# What the store does is found by its fault test, what the engine does by the simulation.
mutant() { # NAME FILE EXPRESSION [PROGRAM]
	if [[ ${4:-simulate} == simulate ]]; then
		try "$1" "$2" "$3" simulate --runs "$RUNS"
	else
		try "$1" "$2" "$3" "$4"
	fi
}

# And what hosts of a farm do to each other, by the simulation of one.
farm_mutant() { # NAME FILE EXPRESSION [PROGRAM]
	if [[ ${4:-simulate} == simulate ]]; then
		try "farm: $1" "$2" "$3" simulate --hosts 3 --runs "$FARM_RUNS"
	else
		try "farm: $1" "$2" "$3" "$4"
	fi
}

mutant "superseded before the newer text is durable" lib/engine/commit.c \
	's/(\trequest_attach\(generation, request\);\n\tmachine_start)/\tif (older)\n\t\tmachine_deliver(older, \&(struct event){ .kind = EVENT_SUPERSEDED, .by = "x" });\n$1/'
mutant "an older one's steps do not wait for the newer one's beginning" lib/engine/disk_steps.c \
	's/return newest != generation && !generation_has_begun\(newest\) && !is_at_store\(newest\);/return !newest || (false \&\& is_at_store(newest));/'
mutant "a clock that was set makes a task a day old" lib/engine/attempts.c \
	's/(now >= generation->give_up_ms);/$1 || true;/'
mutant "an answer's bytes are lost with the memory for its row" lib/engine/disk_steps.c \
	's/\tif \(step == STEP_KEEP\) \{/\tif (!job->err && step == STEP_KEEP) {/'
mutant "a broken poll is a failed attempt" lib/engine/failure.c \
	's/(_UNSURE\] = \{\n.*?\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/s'
mutant "a URL that is dead for a moment is a failed attempt" lib/engine/failure.c \
	's/(_GONE\] = \{\n.*?\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/s'
mutant "a lack of memory is a failed attempt" lib/engine/failure.c \
	's/(_LOCAL\] = \{\n.*?\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/s'
mutant "what was not sent is a failed attempt" lib/engine/failure.c \
	's/(_NOT_SENT\] = \{\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/'
mutant "429 is a failed attempt" lib/engine/failure.c \
	's/(_BUSY\] = \{\n\t\t\{ )SEED_VERDICT_AGAIN/$1SEED_VERDICT_RETRY/'
mutant "nothing could be asked, and it is submitted again" lib/engine/failure.c \
	's/(_UNSURE\] = \{\n.*?\n\t\t\{ SEED_VERDICT_AGAIN, )SEED_VERDICT_KEEP/$1SEED_VERDICT_RETRY/s'
# Not here: that an answer is too old to be late on. With three names everyone's turn to ask
# comes; tests/mount/poll.bats has two hundred.
mutant "what is known of the service's address ends with the program" lib/engine/exchange.c \
	's/ && !generation->record.private_service//'
mutant "Retry-After of a day holds everybody" lib/engine/queue.c \
	's/if \(block->hold_until_ms > generation->ask_until_ms\)/if (false)/'
# Not here: that the late row inherits where the retry's failure was stored and the stop came before its
# mark; tests/mount/late.bats makes that state.
mutant "over a restart a late task and its retry are strangers" lib/engine/resume.c \
	's/if \(g->link_same && !g->late && attempt_of\(&g->record, attempt\)\)/if (false)/'
# Not here: that what waits behind an outage has a deadline of its own. With three
# names the one that asks ends soon enough for the others.
mutant "the same text is paid for again" lib/engine/commit.c \
	's/if \(older && generation_makes\(older, request->text\)\)/if (false \&\& generation_makes(older, request->text))/'
mutant "a submission that was cut off is repeated after a restart" lib/engine/rows.c \
	's/(static enum phase fail_unsure.*?)return generation_fail\(generation, &error\);/$1return PHASE_BEGIN;/s'
mutant "a late task has no row of its own before the retry" lib/engine/attempts.c \
	's/disk_step\(late, STEP_MARK\);\n\treturn PHASE_SPLIT;/return attempt_split(generation, 0);/'
# Nor: that a mark which found no disk is written again, and that what only a later row
# implies is marked. Both are found at the next start, too: by the order of the ids and by
# the row of the catalogue.
mutant "a task id that found no disk is forgotten" lib/engine/submit.c \
	's/\t\tgeneration_mark_again\(generation, event->err\);\n//'
mutant "a failed removal cancels" lib/engine/changes.c \
	's/if \(change->err \|\| is_elsewhere\(change, g\)\)\n\t\t\tstay\(g\);\n\t\telse\n\t\t\tgo\(g\);/go(g);/'
mutant "a failed rename supersedes" lib/engine/changes.c \
	's/(static void move_ended.*?)(\tif \(change->err\)\n\t\treturn;\n)(\tif \(!change->folder\)\n\t\tsupersede_target\(engine, change\);\n)/$1$3$2/s'
mutant "the budget keeps what was none" lib/engine/budget.c \
	's/engine->spent.count--;/engine->spent.count -= 0;/'
mutant "a finished row is written again" lib/engine/disk_steps.c \
	's/if \(event.step == STEP_FINISH && !event.err && generation->step_next != STEP_DROP\)/if (false)/'
mutant "a timer is forgotten" lib/engine/attempts.c \
	's/\t\ttimers_touch\(late\);\n//'
mutant "whose turn it is does not hear of it" lib/engine/adoptions.c \
	's/\tattempt_wake\(next\);\n//'
mutant "a callback's image that is not used keeps its turn" lib/engine/machine.c \
	's/(if \(!machine_phases\[phase\].adopts)(\)\n\t\tadoption_end)/$1 \&\& phase != PHASE_QUEUED$2/'
mutant "a move that the table does not have" lib/engine/verify.c \
	's/(\t\treturn verified\(generation, picture\);)/\t\t(void)verified(generation, picture);\n\treturn PHASE_GONE;/'

mutant "a removal that was cut off is forgotten" lib/engine/rows.c \
	's/if \(generation->record.state == SEED_STATE_CANCELLED\)/if (false)/'
mutant "the row goes before the prompt is durable" lib/store/checkpoint.c \
	's/err = seed_files_sync_file\(store->areas\[SEED_AREA_PROMPTS\], entry->name\);/err = 0;/' store_faults
mutant "the row goes before the folders are durable" lib/store/checkpoint.c \
	's/err = sync_folders\(store, list, i\);/err = 0;/' store_faults
mutant "a text begins while the last one waits for a checkpoint" lib/store/entry.c \
	's/errint_t err = seed_store_settle_name\(store, record->name\);/errint_t err = 0;/' store_faults
mutant "a rename does not wait for a checkpoint" lib/store/move.c \
	's/seed_store_settle_name\(store, NULL\)/seed_store_settle(store)/' store_faults

# Not here: that a row is taken only when its lease is over, and that a copy's lease is none. Who
# takes it has looked at that before, and who has a copy asks for it by its token.
farm_mutant "a row is written without its lease" lib/share/entry.c \
	's/return row && !row->token\[0\] && strcmp\(row->host, change->host\) == 0 && row->lease == change->lease;/return row != NULL;/'
farm_mutant "an image is taken only under its lease" lib/share/entry.c \
	's/(\telse if \(!found && seed_share_went_to\(entry, row->id, change->lease\)\)\n\t\treturn -ESTALE;)/\telse if (!has_lease(found, change))\n\t\treturn -ESTALE;\n$1/'
farm_mutant "a copy that was taken is sent" lib/engine/shared_steps.c \
	's/if \(!row->copy\)\n\t\treturn;/if (true)\n\t\treturn;/'
farm_mutant "a text is begun beside the last" lib/share/entry.c \
	's/\tshare_supersede_rows\(entry, NULL\);\n(\terr = share_retire_current)/$1/'
farm_mutant "the image before a new text is not kept" lib/share/entry.c \
	's/\terr = share_retire_current\(entry\);\n\tif \(err\)\n\t\treturn err;\n\t\(void\)seed_share_prune/\t(void)seed_share_prune/'
farm_mutant "a rename does not end what runs at its target" lib/share/users.c \
	's/\tshare_supersede_rows\(entry, from\);\n//'
farm_mutant "a rename loses what came to its source meanwhile" lib/share/share.c \
	's/if \(op->entry.serial != op->from.serial && !op->entry.gone\)/if (false)/'
farm_mutant "a source that has changed is not joined again" lib/engine/shared_changes.c \
	's/(if \(result->err == -EAGAIN\) \{[^\n]*\n)\t\trename_next/$1\t\tchange->next_name++;\n\t\trename_next/'
farm_mutant "a beginning whose answer was lost is made again" lib/share/share.c \
	's/\{ do_begin, REPEAT_NEVER/{ do_begin, REPEAT_ALWAYS/'
farm_mutant "a removal whose answer was lost is made again" lib/share/share.c \
	's/\{ do_remove_version, REPEAT_NEVER/{ do_remove_version, REPEAT_ALWAYS/'
farm_mutant "whoever wrote last wrote it" lib/share/entry.c \
	's/return strcmp\(entry->writers\[entry->writer_count - 1 - back\], writer\) == 0 \? SEED_SHARE_WROTE :\n\t\tSEED_SHARE_NEVER;/return SEED_SHARE_WROTE;/'
farm_mutant "hosts go by their own clocks" lib/share/store_clock.c \
	's/(int64_t seed_store_clock_ms\([^\n]*\n\{\n)/$1\tif (clock)\n\t\treturn seed_clock_wall_ms();\n/'
farm_mutant "what lost its lease is sent" lib/engine/shared_steps.c \
	's/job->err = job->step == STEP_ANNOUNCE \|\| job->step == STEP_RENEW \? -ESTALE : 0;/job->err = 0;/'
farm_mutant "what the store did not take is sent" lib/engine/shared_steps.c \
	's/\} else if \(job->step == STEP_ANNOUNCE\) \{\n\t\tfailed/} else if (false) {\n\t\tfailed/'
farm_mutant "an image is named before it is there" lib/engine/shared_steps.c \
	's/if \(job->step == STEP_FINISH && is_verified\(job\) && !generation->reuse_name\)/if (false)/'
farm_mutant "a beginning whose end is not known is begun again later" lib/engine/shared_steps.c \
	's/generation->tried = result->tried;/generation->tried.serial = 0;/'
farm_mutant "a submission that another host cut off is repeated" lib/engine/rows.c \
	's/(static enum phase fail_unsure.*?)return generation_fail\(generation, &error\);/$1return PHASE_BEGIN;/s'
farm_mutant "a task that only the journal knows is left to another host" lib/engine/follow.c \
	's/return has_task\(generation\) \? go_on_beside\(generation\) : PHASE_FOLLOW;/return PHASE_FOLLOW;/'
farm_mutant "a picture is sent before the journal has it" lib/engine/shared_steps.c \
	's/committed \? read_picture : commit_picture/committed ? commit_picture : read_picture/'
farm_mutant "a text joins a row whose generation is here" lib/engine/shared_steps.c \
	's/\t\treturn -EBUSY;/\t\t(void)0;/'
farm_mutant "a generation does not go along with its row" lib/engine/shared_changes.c \
	's/(shared_change_follow\([^\n]*\n\{\n)/$1\tif (change)\n\t\treturn;\n/'
farm_mutant "nobody is told of what is in flight" lib/engine/hints.c \
	's/if \(flight_key\(id, name, &key\) \|\| put\(shared, key.data, name, id, on_told\)\)\n\t\ttell_generation\(shared, id, name, -EHOSTUNREACH\);/tell_generation(shared, id, name, flight_key(id, name, \&key) \&\& !put ? -ENOMEM : 0);/'
farm_mutant "what is sent is not told before" lib/engine/shared_steps.c \
	's/if \(job->step == STEP_ANNOUNCE && verb == SEED_SHARE_UPDATE && !generation->told\)/if (false)/'
farm_mutant "nobody looks for what a dead host had" lib/engine/scan.c \
	's/\t\t\tlook_at\(engine, answer->listing->keys\[i\]\);/\t\t\t(void)look_at;/'
farm_mutant "a hint of what is over stays" lib/engine/scan.c \
	's/if \(watch->landed\)/if (false)/'
farm_mutant "a row of a dead host is only shown" lib/engine/refresh.c \
	's/if \(row->until_s < now_s \|\| /if (/'
farm_mutant "a charge whose answer was lost is made again" lib/share/farmer.c \
	's/case SEED_S3_UNSURE: \/\* the next round looks at it \*\/\n/case SEED_S3_UNSURE:\n\t\tdid_not_happen(farmer, false);\n\t\tagain(farmer, 0);\n\t\tbreak;\n/'
farm_mutant "a charge is not waited for" lib/share/farmer.c \
	's/if \(farmer->config.budget <= 0 && farmer->has_read/if (farmer->has_read/'
farm_mutant "the farm's budget is not looked at" lib/share/farm.c \
	's/\(budget > 0 && farm->spent.count >= budget\) \|\| //'
farm_mutant "what was looked at is not shown" lib/engine/refresh.c \
	's/\|\|\n\t    has_etag\(engine, refresh->name, refresh->etag\)\)/|| true)/'
farm_mutant "a row that is being taken over is dropped" lib/engine/ends.c \
	's/if \(generation->phase == PHASE_TAKE\)/if (false)/'
farm_mutant "a look amid a rename is believed" lib/engine/changes.c \
	's/\t\tlook_again\(engine, change\);/\t\t(void)look_again;/'
farm_mutant "pictures that take each other's places overwrite" lib/store/mirror.c \
	's/if \(wanted_by\(m, slot\)\) \{/if (false) {/' mirror
farm_mutant "a version's row comes after its picture" lib/store/mirror.c \
	's/if \(!err && !slot->row_right\)\n\t\terr = put_row\(m, slot, slot->want_row \? slot->want : NULL\);\n//' mirror
mutant "a picture that was downloaded is not counted" lib/engine/fetch.c \
	's/\tgeneration->room = seed_net_keep_room\(answer\);\n//'
mutant "a picture of an answer is not counted" lib/engine/answers.c \
	's/\tgeneration->room = seed_net_keep_room\(answer\);\n//'
mutant "a picture is held while another is asked for" lib/engine/machine.c \
	's/if \(!machine_phases\[phase\].picture\)/if (phase == PHASE_FINISH)/'
mutant "what a picture takes is not given back" lib/engine/generation.c \
	's/\t\tseed_net_cancel\(generation->engine->net, generation->room\);/\t\t(void)0;/'
mutant "a lack while copies are looked for is taken for none" lib/engine/begin.c \
	's/if \(reuse_is_lack\(event->err\)\)/if (false)/'
mutant "what is being made for another name is not waited for" lib/engine/begin.c \
	's/if \(!maker \|\| generation->waits_no_more\)/if (maker || !maker)/'
mutant "what is kept for another name is not waited for" lib/engine/begin.c \
	's/if \(maker->shelved && maker->record.state == SEED_STATE_FAILED\) \{/if (maker->shelved) {\n\t\treturn PHASE_QUEUED;/'
mutant "who waits for an image is not told that it is there" lib/engine/generation.c \
	's/(generation_wake_same\([^\n]*\n\{\n)/$1\tif (ended)\n\t\treturn;\n/'
mutant "those that queue together are sent together" lib/engine/submit.c \
	's/return comes_after_all\(generation\) \?/return comes_after_all(generation) \&\& !generation \?/'
mutant "a lack of memory is taken for a question that there is not" lib/engine/exchange.c \
	's/if \(!err \|\| err == -ENOMEM\)/if (!err)/'
mutant "an image that may be reused is not noted" lib/engine/disk_steps.c \
	's/if \(is_copied\)\n\t\terr = seed_store_reuse_note[^\n]*\n/if (false)\n\t\terr = 0;\n/; s/if \(!err && is_copied\)/if (false)/'
mutant "it is noted once it is there" lib/engine/disk_steps.c \
	's/if \(is_copied\)\n\t\terr = seed_store_reuse_note[^\n]*\n/if (false)\n\t\terr = 0;\n/'
mutant "its note does not last" lib/engine/disk_steps.c \
	's/job->record.name, reuse_key, durable\)/job->record.name, reuse_key, false)/'
mutant "a renamed image is not noted" lib/engine/changes.c \
	's/seed_store_reuse_follow\(engine->store, change->name, change->to, change->folder, reuse_key,\n\s*engine->config.reuse\);/0;/'
farm_mutant "more jobs than all hosts may have" lib/share/farm.c \
	's/if \(slots > free_slots\)\n/if (false)\n/' farm

echo "1..$count"
[ "$missed" -eq 0 ]
