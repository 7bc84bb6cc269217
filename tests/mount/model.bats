#!/usr/bin/env bats
# `man seed` as a whole: random operations against a model.

load helper

export LIMIT=600 BATS_TEST_TIMEOUT=600

# MODEL_OPERATIONS=5000 is what a release is tried with; a check does fewer.
@test "s1-s6: random operations leave the tree that the contract says" {
	need_root
	config '{"image":"png-1024x576"}'
	faults '[{"on":"generate","prompt":"no credits","do":{"code":402,"msg":"no credits"}}]'
	export PROVIDER=kie-image
	run python3 "$HERE/model.py" "$SEEDFS" "$(usual_options)" "$MNT" "${MODEL_OPERATIONS:-250}" \
		"${MODEL_SEED:-$RANDOM}"
	echo "$output"
	[ "$status" -eq 0 ]
}
