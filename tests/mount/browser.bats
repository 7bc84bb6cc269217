#!/usr/bin/env bats
# The gallery as a browser shows it: index.html with gallery.json.

load helper

more_setup() {
	[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || skip "no Chromium here"
	mkdir "$DIR/profile"
}

# Its processes end by themselves, some of them a moment after the first.
browser_ended() {
	! grep -qsF "$DIR/profile" /proc/[0-9]*/cmdline
}

more_teardown() {
	stop_process "${HTTP_PID:-}"
	wait_until browser_ended
}

# Through Python's server, as on a desk: $WEB.
serve() {
	python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$MNT" 3>&- 4>&- </dev/null >"$DIR/http" 2>&1 &
	HTTP_PID=$!
	wait_until grep -q 'port [0-9]' "$DIR/http"
	WEB=http://127.0.0.1:$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$DIR/http")
}

browser() { # URL STEP…
	node "$HERE/browser.js" "$DIR/profile" "$@"
}

LOADED="wait=[...document.querySelectorAll('.card img')].every(i => i.complete && i.naturalWidth === 480)"
NAMES="eval=[...document.querySelectorAll('.card h2')].map(e => e.textContent).join()"

@test "index.html in a browser: cards, filter, folders, lightbox, keyboard" {
	mount_seed
	mkdir "$MNT/prompts/shot"
	write fox "a red fox"
	write fox "a red fox at night"
	write shot/sky "a wide sky"
	write owl "an owl"
	serve
	browser "$WEB/index.html" size=1000x700 "$LOADED" \
		'eval=document.title' "$NAMES" 'eval=document.querySelector("header p").textContent' \
		'eval=document.querySelector("input[type=search]").blur()' key=/ type='fox NIGHT' \
		'wait=document.querySelectorAll(".card").length === 1' "$NAMES" \
		key=Escape 'eval=(f => { f.value = ""; f.oninput(); })(document.querySelector("input[type=search]"))' \
		'wait=document.querySelectorAll(".card").length === 3' \
		'click=fieldset input[type=checkbox]' "eval=[...document.querySelectorAll('h2.folder')].map(e => e.textContent).join()" \
		'click=fieldset input[type=checkbox]' \
		'eval=document.querySelector(".card .open").focus()' key=Enter 'wait=document.querySelector("dialog").open' \
		'eval=location.hash' key=ArrowRight 'eval=location.hash' key=ArrowRight key=ArrowRight 'eval=location.hash' \
		'wait=document.querySelector(".stage img").naturalWidth === 2048' \
		'eval=document.querySelector(".side .text").textContent' \
		'eval=[...document.querySelectorAll(".side nav a")].map(e => e.getAttribute("href")).join()' \
		'eval=[...document.querySelectorAll(".side dt")].map(e => e.textContent).join()' \
		'click=.versions button:last-child' 'wait=/history/.test(document.querySelector(".stage img").src) && document.querySelector(".stage img").naturalWidth === 2048' \
		key=Escape 'wait=!document.querySelector("dialog").open' 'wait=document.activeElement.getAttribute("href") === "images/fox.png"' \
		>"$DIR/said" || fail "$(<"$DIR/said")"
	cat >"$DIR/wanted" <<-'EOF'
		mnt
		owl,shot/sky,fox
		3 images
		null
		fox
		null
		(top),shot
		null
		#owl
		#shot%2Fsky
		#fox
		a red fox at night
		images/fox.png,images/fox.png,records/fox.json
		Size,Source,Verified,Took,Model,Provider,Steps,Guidance scale,Quality,Cost
	EOF
	diff <(sed 's/^undefined$/null/' "$DIR/wanted") <(sed 's/^undefined$/null/' "$DIR/said")
}

@test "index.html in a browser follows: running, failed, new, renamed and removed" {
	mount_seed
	faults '[{"on":"create","prompt":"bad","times":9,"do":{"fail":{"code":"500","msg":"no luck today"}}},
		{"on":"create","prompt":"slow","do":{"hold_task":true}}]'
	write fox "a fox"
	serve
	background browser "$WEB/index.html" "$LOADED" "$NAMES" \
		'wait=document.querySelector(".card.running")' 'eval=document.querySelector(".running h2").textContent' \
		'wait=/generating/.test(document.querySelector(".running .blank").textContent)' \
		'wait=document.querySelector(".card.failed")' 'eval=document.querySelector(".failed .blank").textContent' \
		'wait=document.querySelectorAll(".card.image").length === 2' 'eval=document.querySelectorAll(".card.running").length' \
		"wait=/reynard/.test(document.querySelector('.cards').textContent)" \
		'wait=document.querySelectorAll(".card.image").length === 1' "$NAMES" \
		"eval=performance.getEntriesByType('resource').filter(e => /index.html/.test(e.name)).length"
	wait_until grep -q fox "$JOB_OUT"
	background write owl "a slow owl"
	wait_until grep -qx owl "${JOBS[0]:+$DIR/job.0}"
	fails write wolf "a bad wolf"
	wait_until grep -q luck "$DIR/job.0"
	release
	wait_until grep -qx 0 "$DIR/job.0"
	mv "$MNT/prompts/fox" "$MNT/prompts/reynard"
	WAIT=30 wait_until grep -q 'GET /records/reynard' "$DIR/http"
	rm "$MNT/prompts/owl" "$MNT/images/owl.png"
	job_ends 0 "${JOBS[0]}"
	same "$(printf 'fox\nowl\nEIO%s\n0\nwolf,reynard\n0' "$(record wolf .error.message)")" "$(<"$DIR/job.0")"
	same 4 "$(count create)" # the wolf was tried twice
}

@test "index.html in a browser shows what users wrote as text" {
	evil='<img src=x onerror="window.owned=1">'
	mount_seed
	write "a'b\"<i>" "$evil</script><script>window.owned=1</script>"
	write "x & y?#%41" "\${window.owned=1} </title>"
	serve
	browser "$WEB/index.html" "$LOADED" 'click=.card .open' 'wait=document.querySelector("dialog").open' key=ArrowRight \
		'wait=document.querySelector(".stage img").naturalWidth === 2048' \
		'eval=String(window.owned)' 'eval=document.querySelector(".side .text").textContent' >"$DIR/said"
	same "undefined"$'\n'"$evil</script><script>window.owned=1</script>" "$(<"$DIR/said")"
}

@test "index.html in a browser: from file://, without scripts, and empty" {
	mount_seed
	browser "file://$MNT/index.html" 'wait=document.querySelector(".empty")' \
		'eval=document.querySelector(".empty code").textContent' >"$DIR/said"
	same 'echo "a red fox in deep snow" > prompts/fox' "$(<"$DIR/said")"
	write fox "a fox"
	same fox "$(browser "file://$MNT/index.html" "$LOADED" "$NAMES")"
	# Of the page without scripts, what stands there: a script that asks runs all the same.
	same "fox 1" "$(browser "file://$MNT/index.html" noscript "$LOADED" \
		"eval=document.querySelector('.card h2').textContent + ' ' + document.querySelectorAll('a[href=\"images/fox.png\"]').length")"
}
