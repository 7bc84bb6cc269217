#!/usr/bin/env bats
# What the compiler and the linker were told, seen in the program; and that each
# sanitizer of this build is alive.

load helper

is_sanitized() { nm -D "$SEEDFS" | grep -qE '__[at]san_init'; }

@test "the program is built hardened" {
	local headers dynamic

	! is_sanitized || skip "a sanitizer has a build of its own"
	headers=$(readelf -hlW "$SEEDFS")
	dynamic=$(readelf -dW "$SEEDFS")
	has "$headers" "DYN (Position-Independent Executable file)"
	has "$headers" GNU_RELRO
	has "$dynamic" BIND_NOW
	fails grep -E 'GNU_STACK.* E |GNU_STACK.*RWE' <<<"$headers"
	fails grep -E 'LOAD .*RWE' <<<"$headers"
	has "$(nm -D "$SEEDFS")" __stack_chk_fail
	fails grep -E 'RPATH|RUNPATH|TEXTREL' <<<"$dynamic"
	# FORTIFY: the checked functions are called.
	has "$(nm -D "$SEEDFS")" __snprintf_chk
	# A frame of more than a page is probed page by page.
	[ "$(uname -m)" = x86_64 ] || return 0
	objdump -d --no-show-raw-insn "$SEEDFS" >"$DIR/code"
	# shellcheck disable=SC2016 # assembler's
	grep -qE 'or[bwlq]? +\$0x0,.*\(%rsp\)' "$DIR/code"
	# The file's own mark (IBT) also needs a libc with it, which Debian 12 has not.
	has "$(grep -A 1 '<main>:' "$DIR/code")" endbr64
}

@test "each sanitizer that this build has sees its fault" {
	local canary symbols

	canary=$(dirname "$SEEDFS")/tests/canary
	symbols=$(nm -D "$SEEDFS")
	[ -x "$canary" ] || skip "needs make unit-programs"
	is_sanitized || skip "no sanitizer"
	if [[ $symbols = *__asan_init* ]]; then
		run "$canary" heap
		has "$output" heap-use-after-free
		run env ASAN_OPTIONS=detect_leaks=1 "$canary" leak
		has "$output" "detected memory leaks"
	fi
	if [[ $symbols = *__ubsan* ]]; then
		run "$canary" overflow
		has "$output" "signed integer overflow"
	fi
	if [[ $symbols = *__tsan_init* ]]; then
		run "$canary" race
		has "$output" "data race"
	fi
}
