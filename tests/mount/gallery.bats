#!/usr/bin/env bats
# `man seed`: index.html, the gallery.

load helper

# The page as a browser understands it, one thing a line: "image SRC",
# "link HREF", "name TEXT", "prompt TEXT"; SRC and HREF as they stand there,
# or with --open as the file's path, which must be there.
page() { # [--open]
	python3 - "$MNT" "$@" <<-'PYTHON'
		import html.parser, os, sys, urllib.parse
		mount, opens = sys.argv[1], "--open" in sys.argv
		def local(address):
		    base = "file://" + urllib.parse.quote(mount) + "/index.html"
		    parts = urllib.parse.urlsplit(urllib.parse.urljoin(base, address))
		    assert parts.scheme == "file" and not parts.query and not parts.fragment, address
		    path = urllib.parse.unquote(parts.path)
		    with open(path, "rb") as file:
		        file.read(1)
		    return os.path.relpath(path, mount)
		class Page(html.parser.HTMLParser):
		    kind, text = None, ""
		    def handle_starttag(self, tag, attrs):
		        attrs = dict(attrs)
		        assert tag not in ("link", "iframe", "object", "b"), tag
		        if tag == "script":
		            assert set(attrs) <= {"type", "id"}, attrs
		        assert not any(name.startswith("on") for name in attrs), attrs
		        for tags, key, kind in (("a", "href", "link"), ("img", "src", "image")):
		            if tag == tags:
		                print(kind, local(attrs[key]) if opens else attrs[key])
		        if tag == "img":
		            assert attrs["loading"] == "lazy"
		            print("alt", attrs["alt"])
		        kinds = {"h2": "name", "footer": "footer", "time": "time"}
		        kind = None if tag == "script" else kinds.get(tag) or {"prompt": "prompt"}.get(attrs.get("class"))
		        if kind:
		            self.kind, self.end, self.text = kind, tag, ""
		    def handle_data(self, data):
		        self.text += data
		    def handle_endtag(self, tag):
		        if self.kind and tag == self.end:
		            print(self.kind, self.text)
		            self.kind = None
		with open(mount + "/index.html", encoding="utf-8", newline="") as file:
		    Page().feed(file.read())
	PYTHON
}

# The page's data, which its script shows.
data() { # JQ-FILTER
	sed -n '/id="data">/,/<\/script>/p' "$MNT/index.html" | sed 's/.*id="data">//; s/<\/script>.*//' | jq -r "$1"
}

has_no_record_link() {
	fails grep -q '^link records/' <(page)
}

of() { # KIND: from standard input
	sed -n "s/^$1 //p"
}

# The page is at most a second old: images that came since appear by themselves.
shows() { # N: it shows so many images
	[ "$(page | of image | wc -l)" -eq "$1" ]
}

# Pictures of another program in the state directory: a large catalogue, quickly.
many_images() { # N
	mkdir -p "$STATE/images/many"
	python3 - "$STATE/images/many" "$1" <<-'PYTHON'
		import os, sys
		for i in range(int(sys.argv[2])):
		    path = f"{sys.argv[1]}/n{i:05}.png"
		    open(path, "w").close()
		    os.utime(path, (1700000000 + i, 1700000000 + i))
	PYTHON
}

@test "s1: index.html shows every verified image, and its links open" {
	mount_seed
	mkdir "$MNT/prompts/shot"
	for name in fox owl shot/sky; do write "$name" "picture of $name"; done
	wait_until shows 3
	same $'thumbs/shot/sky.jpg\nthumbs/owl.jpg\nthumbs/fox.jpg' "$(page --open | of image)"
	same $'images/shot/sky.png\nimages/owl.png\nimages/fox.png' "$(page --open | of link | grep ^images/)"
	same $'records/shot/sky.json\nrecords/owl.json\nrecords/fox.json' \
		"$(page --open | of link | grep ^records/)"
	same $'shot/sky\nowl\nfox' "$(page | of name)"
	same $'picture of shot/sky\npicture of owl\npicture of fox' "$(page | of prompt)"
	has "$(cat "$MNT/index.html")" "2048×1152"
	same "$(date -u -d "$(record fox .verified_at)" +'%F %H:%M UTC')" "$(page | of time | tail -n 1)"
}

@test "s1: index.html of an empty mount says how to begin" {
	mount_seed
	same "" "$(page | of image)"
	has "$(cat "$MNT/index.html")" prompts/fox
	same 444 "$(stat -c %a "$MNT/index.html")"
	has "$(ls "$MNT")" index.html
}

@test "s2: while index.html is rendered, everything else is answered, with one thread, too" {
	local answered=0 pid

	stop_seedfs
	many_images 20000
	mount_seed -s
	stat "$MNT/index.html" >/dev/null &
	pid=$!
	# The log's size is asked for each time.
	while kill -0 "$pid" 2>/dev/null; do
		[ -s "$MNT/status" ] && answered=$((answered + 1))
	done
	wait "$pid"
	[ "$answered" -ge 10 ] || fail "answered meanwhile: $answered"
}

@test "s1: index.html escapes names and prompts" {
	names=("a b" 'say "hi"' "it's" 'a<b>c' 'no. #1' 'why?' '100% &amp; more' 'a+b;c=d:e'
		'http:x' 'Füchse 🦊' '&lt;' "%2e%2e")
	mount_seed
	for name in "${names[@]}"; do
		write "$name" "<script>alert('$name')</script> & \"quoted\" </p><b onclick=x>"
	done
	wait_until shows "${#names[@]}"
	page --open >"$DIR/page"
	same "$(printf 'thumbs/%s.jpg\n' "${names[@]}" | sort)" "$(of image <"$DIR/page" | sort)"
	same "$(printf '%s\n' "${names[@]}" | sort)" "$(of name <"$DIR/page" | sort)"
	same "$(printf '%s\n' "${names[@]}" | sort)" "$(of alt <"$DIR/page" | sort)"
	for name in "${names[@]}"; do
		of prompt <"$DIR/page" |
			grep -qxF "<script>alert('$name')</script> & \"quoted\" </p><b onclick=x>"
	done
	# Two scripts, none of a user's: the data and the page's own.
	same 2 "$(grep -c '<script' "$MNT/index.html")"
	# Addresses in ASCII, relative, without anything that a browser would cut.
	fails grep -qv '^thumbs/[A-Za-z0-9._~%/-]*$' <(page | of image)
}

@test "s1: a prompt is shown as one line, a long one its beginning" {
	mount_seed
	write fox "$(printf 'a fox\nin\tthe snow\x01!')"
	write long "$(printf 'ä%.0s' {1..3000})"
	wait_until shows 2
	same "a fox in the snow !" "$(page | of prompt | tail -n 1)"
	same "$(printf 'ä%.0s' {1..500})…" "$(page | of prompt | head -n 1)"
}

@test "s1: index.html has no external resources, and a policy that allows nothing but itself" {
	local policy

	mount_seed
	write fox "a fox"
	wait_until shows 1
	fails grep -qiE 'https?://|<link|@import|javascript:|<script src' "$MNT/index.html"
	policy=$(sed -n 's/.*Content-Security-Policy" content="\([^"]*\)".*/\1/p' "$MNT/index.html")
	has "$policy" "default-src 'none'"
	# Others' sums of the style and the script that stand there.
	python3 - "$MNT/index.html" "$policy" <<-'PYTHON'
		import base64, hashlib, re, sys
		page = open(sys.argv[1], encoding="utf-8", newline="").read()
		for tag, rule in (("style", "style-src"), ("script", "script-src")):
		    text, = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.S)
		    sum = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
		    assert f"{rule} 'sha256-{sum}'" in sys.argv[2], (tag, sum)
	PYTHON
}

@test "s1: the plain page shows nothing of what is pending or failed; its data does" {
	mount_seed
	faults '[{"on":"create","prompt":"bad","times":9,"do":{"fail":{"code":"500","msg":"no"}}},
		{"on":"create","prompt":"slow","do":{"hold_task":true}}]'
	fails write wolf "a bad secret wolf"
	write fox "a fox"
	background write owl "a slow owl"
	received poll 1 slow
	wait_until shows 1
	has_not "$(page)" wolf
	has_not "$(page)" owl
	same "generating a slow owl" "$(data '.entries[] | select(.name == "owl") | "\(.state) \(.prompt)"')"
	same "failed EIO" "$(data '.entries[] | select(.name == "wolf") | "\(.state) \(.error.errno)"')"
	release
	job_ends 0 "$JOB"
	wait_until shows 2
}

@test "s1: index.html follows a new prompt, a rename and a removal" {
	mount_seed
	write fox "a fox"
	wait_until shows 1
	write fox "another fox"
	wait_until grep -q "another fox" "$MNT/index.html"
	same 1 "$(page | of image | wc -l)"
	mv "$MNT/prompts/fox" "$MNT/prompts/reynard"
	wait_until grep -q images/reynard.png "$MNT/index.html"
	has_not "$(page --open)" fox.png
	rm "$MNT/images/reynard.png"
	wait_until shows 0
}

@test "s1: index.html has its true size, and cp, tar and mmap read it whole" {
	mount_seed
	for name in fox owl; do write "$name" "picture of $name"; done
	wait_until shows 2
	same "$(wc -c <"$MNT/index.html")" "$(stat -c %s "$MNT/index.html")"
	same "$(wc -c < <(cat "$MNT/index.html"))" "$(stat -c %s "$MNT/index.html")"
	cp "$MNT/index.html" "$DIR/page.html"
	cmp "$MNT/index.html" "$DIR/page.html"
	tar -C "$MNT" -cf - index.html | tar -C "$DIR" -xf -
	cmp "$MNT/index.html" "$DIR/index.html"
	tail -c 8 "$MNT/index.html" | grep -qx '</html>'
	dd if="$MNT/index.html" of="$DIR/pieces.html" bs=7 status=none
	cmp "$MNT/index.html" "$DIR/pieces.html"
	python3 -c 'import mmap, sys
file = open(sys.argv[1], "rb")
data = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
assert bytes(data) == open(sys.argv[2], "rb").read()' "$MNT/index.html" "$DIR/page.html"
}

@test "s1: an open index.html stays what it was; the file's time tells a change" {
	mount_seed
	write fox "a fox"
	wait_until shows 1
	time=$(stat -c %.Y "$MNT/index.html")
	cp "$MNT/index.html" "$DIR/before.html"
	exec 5<"$MNT/index.html"
	write owl "an owl"
	wait_until shows 2
	cmp "$DIR/before.html" - <&5
	exec 5<&-
	[ "$time" != "$(stat -c %.Y "$MNT/index.html")" ]
}

@test "s1: the same images are the same index.html, and its time stays" {
	mount_seed
	write fox "a fox"
	wait_until shows 1
	cp "$MNT/index.html" "$DIR/before.html"
	time=$(stat -c %.Y "$MNT/index.html")
	sleep 1.1 # the page is made again; nothing tells when
	same "$time" "$(stat -c %.Y "$MNT/index.html")"
	cmp "$MNT/index.html" "$DIR/before.html"
}

@test "s1: reading index.html generates nothing and fetches nothing" {
	mount_seed
	write fox "a fox"
	wait_until shows 1
	page --open >/dev/null
	cat "$MNT/index.html" >/dev/null
	same 1 "$(count submit)"
	same 1 "$(count image)"
	same 1 "$(files prompts)"
}

@test "s1: index.html cannot be written" {
	need_root # others are stopped by the mode before
	mount_seed
	same "open EROFS" "$(python3 "$FS" write "$MNT/index.html" text)"
	fails rm "$MNT/index.html"
	fails truncate -s 0 "$MNT/index.html"
}

@test "s1: an image whose record was removed is shown without a prompt" {
	mount_seed
	write fox "a fox"
	rm "$MNT/records/fox.json"
	wait_until shows 1
	wait_until has_no_record_link
	same thumbs/fox.jpg "$(page --open | of image)"
	same "" "$(page | of prompt)"
}

@test "s1: index.html shows the newest 500 and says that there are more" {
	many_images 1501
	mount_seed
	same 500 "$(page | of image | wc -l)"
	same many/n01500 "$(page | of name | head -n 1)"
	same many/n01001 "$(page | of name | tail -n 1)"
	has "$(page | of footer)" "500 newest of 1501"
	many_images 500
	stop_seedfs
	rm "$STATE"/images/many/n0[0-9][0-9][0-9][0-9].png
	many_images 500
	mount_seed
	same 500 "$(page | of image | wc -l)"
	same "" "$(page | of footer)"
}

@test "s1: index.html looks at 20,000 files at most, and says so" {
	many_images 20010
	mount_seed
	same 500 "$(page | of image | wc -l)"
	has "$(page | of footer)" "looks at 20000 files"
	same "$(stat -c %s "$MNT/index.html")" "$(wc -c < <(cat "$MNT/index.html"))"
}

@test "s1: index.html looks 16 levels deep, the depth of the longest NAME" {
	deep=a/b/c/d/e/f/g/h/i/j/k/l/m/n/o
	mount_seed
	mkdir -p "$MNT/prompts/$deep"
	write "$deep/fox" "a deep fox"
	wait_until shows 1
	same "thumbs/$deep/fox.jpg" "$(page --open | of image)"
	same "" "$(page | of footer)"
	stop_seedfs
	mkdir -p "$STATE/images/$deep/p"
	: >"$STATE/images/$deep/p/owl.png"
	mount_seed
	wait_until grep -q "There is more" "$MNT/index.html"
	shows 1
}

@test "s1: many readers of index.html while images come" {
	mount_seed
	for _ in 1 2 3 4; do
		background python3 -c 'import sys
for _ in range(200):
    text = open(sys.argv[1]).read()
    assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n")' "$MNT/index.html"
	done
	for name in one two three four; do write "$name" "picture $name"; done
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	wait_until shows 4
}
