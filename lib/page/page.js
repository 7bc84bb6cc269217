"use strict";
// The gallery of a mount. Its entries stand in the page (#data) with the keys of
// records/NAME.json; over HTTP it follows gallery.json. What users wrote reaches the
// page as text only (textContent, setAttribute).
(() => {
const PAGE = 60; // cards added at a time
const FOLLOW_MS = 2000, FOLLOW_IDLE_MS = 10000;
const FULL_WIDTH = {s: "9.5rem", m: "18rem", l: "30rem"}, PHONE_WIDTH = {s: "6.5rem", m: "10rem", l: "100%"};
const first = JSON.parse(document.getElementById("data").textContent);
const followed = /^https?:$/.test(location.protocol);
const entries = new Map(); // by name
let running = new Map();   // of gallery.json, by name
let changes = first.changes, today = null, fails = 0;
let shown = [], added = 0, cards = new Map(), current = null, version = null;

// ---- small things ----

function make(tag, attributes = {}, ...children) {
	const element = document.createElement(tag);
	for (const [key, value] of Object.entries(attributes)) {
		if (value === false || value === null || value === undefined) continue;
		if (key in {onclick: 0, oninput: 0, onchange: 0, onkeydown: 0, onclose: 0, onerror: 0}) element[key] = value;
		else element.setAttribute(key, value === true ? "" : value);
	}
	element.append(...children.filter(child => child !== null && child !== undefined && child !== ""));
	return element;
}
const path = name => name.split("/").map(encodeURIComponent).join("/");
const pictureOf = name => `images/${path(name)}.png`;
// Another image under the same name is another address to a browser's cache.
const stamp = entry => followed ? `?${timeOf(entry)}` : "";
const thumbOf = entry => (first.thumbs ? `thumbs/${path(entry.name)}.jpg` : pictureOf(entry.name)) + stamp(entry);
const versionPicture = (name, file) => `history/${path(name)}/${encodeURIComponent(file)}`;
const versionThumb = (name, file) =>
	first.thumbs ? `thumbs/${path(name)}/${encodeURIComponent(file.replace(/\.png$/, ".jpg"))}` : versionPicture(name, file);
const folderOf = name => name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : "";
const timeOf = entry => Date.parse(entry.verified_at || entry.created_at || 0) || 0;
const isRunning = entry => running.has(entry.name) || entry.state === "queued" || entry.state === "generating";
const kindOf = entry => isRunning(entry) ? "running" : entry.state === "failed" ? "failed" : "image";
const plural = (count, word) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;
const isPhone = matchMedia("(max-width: 34rem)");

function when(ms) {
	return new Date(ms).toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"});
}

function lasting(seconds) {
	if (seconds < 90) return `${Math.round(seconds)} s`;
	return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function stored(key, value) {
	try {
		if (value !== undefined) localStorage.setItem(`seedfs.${key}`, value);
		return localStorage.getItem(`seedfs.${key}`);
	} catch { return null; }
}

// Of a prompt that runs: what gallery.json says, else what its row said.
function progressOf(entry) {
	const live = running.get(entry.name) || {state: entry.state, progress: entry.progress || 0};
	const parts = [];
	if (live.queue_position !== undefined) parts.push(`position ${live.queue_position}`);
	else if (live.progress > 0) parts.push(`${live.estimated ? "about " : ""}${Math.round(live.progress * 100)} %`);
	if (live.left_s !== undefined) parts.push(`${lasting(live.left_s)} left`);
	else if (live.elapsed_s !== undefined) parts.push(`for ${lasting(live.elapsed_s)}`);
	return {state: live.state || "generating", progress: live.progress, why: live.why || "", text: parts.join(", ")};
}

function reasonOf(entry) {
	const error = entry.error || {};
	return {name: error.errno || "failed", text: error.message || "No reason was recorded; see status."};
}

function factsOf(entry) {
	const facts = [];
	const add = (name, value) => { if (value !== undefined && value !== null && value !== "") facts.push([name, value]); };
	const p = entry.parameters || {};
	if (kindOf(entry) === "image") {
		if (entry.image) add("Size", `${entry.image.width}×${entry.image.height}, ${(entry.image.bytes / 1e6).toFixed(1)} MB`);
		if (entry.source) add("Source", `${entry.source.width}×${entry.source.height}`);
		add("Verified", when(timeOf(entry)));
		if (entry.verified_at && entry.created_at)
			add("Took", lasting((Date.parse(entry.verified_at) - Date.parse(entry.created_at)) / 1000));
	} else {
		add("Written", when(timeOf(entry)));
	}
	add("Model", entry.model);
	add("Provider", entry.provider);
	if (entry.provider === "sketch") return facts; // has no use for the others
	add("Steps", p.steps || undefined);
	add("Guidance scale", p.cfg_scale || undefined);
	add("Quality", p.quality);
	add("Seed", p.seed);
	add("Style", p.style);
	add("Negative", p.negative_prompt);
	add("Cost", entry.cost);
	return facts;
}

// ---- cards ----

function blank(entry, big) {
	if (kindOf(entry) === "failed") {
		const reason = reasonOf(entry);
		return make("div", {class: big ? "blank bad" : "blank"}, make("strong", {}, reason.name), make("span", {}, reason.text));
	}
	const now = progressOf(entry);
	return make("div", {class: "blank"},
		make("progress", {max: "1", value: now.progress > 0 ? String(now.progress) : null, "aria-label": `Progress of ${entry.name}`}),
		make("strong", {}, now.state + (now.text ? `: ${now.text}` : "")), now.why ? make("span", {}, now.why) : null);
}

// A thumbnail that cannot be had: the image itself.
function imageOf(thumb, full, alt, lazy) {
	const image = make("img", {src: thumb, alt, loading: lazy ? "lazy" : null, decoding: "async", width: "480", height: "270"});
	image.onerror = () => { image.onerror = null; if (thumb !== full) image.src = full; };
	return image;
}

function card(entry) {
	const kind = kindOf(entry);
	const facts = make("p", {class: "facts"}, make("time", {datetime: new Date(timeOf(entry)).toISOString()}, when(timeOf(entry))));
	if (kind === "image" && entry.image) facts.append(make("span", {}, `${entry.image.width}×${entry.image.height}`));
	if (entry.versions && entry.versions.length)
		facts.append(make("span", {}, plural(entry.versions.length + (kind === "image" ? 1 : 0), "version")));
	if (entry.cost !== undefined) facts.append(make("span", {}, `cost ${entry.cost}`));
	const link = make("a", {class: "open", href: kind === "image" ? pictureOf(entry.name) : `records/${path(entry.name)}.json`,
		"aria-label": `${entry.name}, ${kind === "image" ? "image" : kind}`},
		kind === "image" ? imageOf(thumbOf(entry), pictureOf(entry.name) + stamp(entry), "", true) : blank(entry));
	link.onclick = event => {
		if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
		event.preventDefault();
		open(entry.name);
	};
	return make("li", {class: `card ${kind}`}, link, make("div", {class: "about"},
		make("h2", {dir: "auto"}, entry.name),
		entry.prompt ? make("p", {class: "prompt", dir: "auto", title: entry.prompt}, entry.prompt) : null, facts));
}

// ---- the page ----

const list = make("ul", {class: "cards", "aria-label": "Images"});
const counts = make("p"), live = make("p", {class: "live", role: "status"}), said = make("p", {class: "hidden", role: "status"});
const filter = make("input", {type: "search", placeholder: "Filter by name, prompt, model  ( / )", "aria-label": "Filter", autocomplete: "off", spellcheck: "false"});
const end = make("div");
const foot = make("footer");
const empty = make("div", {class: "empty", hidden: true});

function radios(name, label, values, initial, changed) {
	const set = make("fieldset", {}, make("legend", {class: "hidden"}, label));
	for (const [value, text] of values)
		set.append(make("label", {title: `${label}: ${text}`}, make("input", {type: "radio", name, value, checked: value === initial,
			onchange: event => changed(event.target.value)}), text));
	return set;
}

let size = stored("size") in FULL_WIDTH ? stored("size") : "m", kind = "all", grouped = stored("grouped") === "yes";

function resize() {
	document.documentElement.style.setProperty("--width", (isPhone.matches ? PHONE_WIDTH : FULL_WIDTH)[size]);
	list.classList.toggle("size-s", size === "s");
}

function build() {
	const group = make("label", {}, make("input", {type: "checkbox", class: "none", checked: grouped,
		onchange: event => { grouped = event.target.checked; stored("grouped", grouped ? "yes" : "no"); show(); }}), "Folders");
	document.title = first.title;
	document.body.append(
		make("header", {}, make("h1", {dir: "auto"}, first.title), counts, live),
		make("div", {class: "tools", role: "search"}, filter,
			radios("kind", "Show", [["all", "All"], ["image", "Images"], ["running", "Running"], ["failed", "Failed"]], kind,
				value => { kind = value; show(); }),
			radios("size", "Size", [["s", "S"], ["m", "M"], ["l", "L"]], size,
				value => { size = value; stored("size", size); resize(); }),
			make("fieldset", {}, make("legend", {class: "hidden"}, "Grouping"), group)),
		make("main", {}, list, empty), end, foot, said, dialog);
	filter.oninput = () => { clearTimeout(filter.timer); filter.timer = setTimeout(show, 80); };
	isPhone.onchange = resize;
	resize();
	new IntersectionObserver(seen => { if (seen.some(entry => entry.isIntersecting)) more(); }, {rootMargin: "1200px"}).observe(end);
	document.addEventListener("keydown", event => {
		const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type === "search";
		if (event.key === "/" && !typing && !dialog.open) { event.preventDefault(); filter.focus(); filter.select(); }
		else if (event.key === "Escape" && typing && !filter.value) filter.blur();
	});
}

function matches(entry, words) {
	if (kind !== "all" && kindOf(entry) !== kind) return false;
	if (!words.length) return true;
	const text = `${entry.name}\n${entry.prompt || ""}\n${entry.model || ""}\n${entry.provider || ""}`.toLowerCase();
	return words.every(word => text.includes(word));
}

function order(a, b) {
	if (grouped && folderOf(a.name) !== folderOf(b.name)) return folderOf(a.name) < folderOf(b.name) ? -1 : 1;
	const by = isRunning(b) - isRunning(a) || timeOf(b) - timeOf(a);
	return by || (a.name < b.name ? -1 : 1);
}

// Which entries are shown, from their first card on.
function show() {
	const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
	shown = [...entries.values()].filter(entry => matches(entry, words)).sort(order);
	list.replaceChildren();
	cards = new Map();
	added = 0;
	count();
	empty.hidden = shown.length > 0;
	if (!shown.length) {
		if (entries.size) empty.replaceChildren(make("p", {}, "Nothing matches."));
		else empty.replaceChildren(make("p", {}, "None yet. This makes the first one:"), make("br"),
			make("code", {}, 'echo "a red fox in deep snow" > prompts/fox'));
	}
	more();
}

function more() {
	const until = Math.min(added + PAGE, shown.length), all = document.createDocumentFragment();
	for (; added < until; added++) {
		const entry = shown[added], folder = folderOf(entry.name);
		if (grouped && (!added || folderOf(shown[added - 1].name) !== folder))
			all.append(make("li", {class: "group"}, make("h2", {class: "folder"}, folder || "(top)")));
		cards.set(entry.name, card(entry));
		all.append(cards.get(entry.name));
	}
	list.append(all);
	if (added < shown.length && end.getBoundingClientRect().top < innerHeight + 1200) requestAnimationFrame(more);
}

function count() {
	let images = 0, run = 0, failed = 0;
	for (const entry of entries.values()) {
		const is = kindOf(entry);
		if (is === "image") images++; else if (is === "running") run++; else failed++;
	}
	const parts = [plural(Math.max(images, first.images > entries.size ? first.images : 0), "image")];
	if (run) parts.push(`${run} running`);
	if (failed) parts.push(`${failed} failed`);
	counts.textContent = parts.join(" · ");
	const more = first.images > images && first.images > entries.size;
	foot.replaceChildren();
	if (first.cut || more)
		foot.append(make("p", {}, `The ${images.toLocaleString()} newest are shown; all are under `, make("a", {href: "images/"}, "images"), "."));
}

// One entry's card anew, where it stands; false: it is not shown yet, or its place changes.
function redraw(name) {
	const old = cards.get(name), entry = entries.get(name);
	if (!old || !entry) return false;
	const focused = old.contains(document.activeElement), fresh = card(entry);
	old.replaceWith(fresh);
	cards.set(name, fresh);
	if (focused) fresh.querySelector("a").focus();
	if (dialog.open && current === name) fill();
	return true;
}

// ---- the lightbox ----

const view = make("div", {class: "view"}), side = make("div", {class: "side"});
const previous = make("button", {class: "step previous", "aria-label": "Previous (left arrow)", onclick: () => step(-1)}, "‹");
const next = make("button", {class: "step next", "aria-label": "Next (right arrow)", onclick: () => step(1)}, "›");
const stage = make("div", {class: "stage"}, view, previous, next);
const dialog = make("dialog", {"aria-label": "Image", onclose: closed}, stage, side,
	make("button", {class: "close", "aria-label": "Close (Escape)", onclick: () => dialog.close()}, "×"));
document.addEventListener("keydown", event => {
	if (!dialog.open || event.altKey || event.ctrlKey || event.metaKey) return;
	if (event.key === "ArrowLeft") step(-1);
	else if (event.key === "ArrowRight") step(1);
	else if (event.key === "Home") step(-Infinity);
	else if (event.key === "End") step(Infinity);
	else return;
	event.preventDefault();
});

function hash(name) {
	try { history.replaceState(null, "", name ? `#${encodeURIComponent(name)}` : location.pathname + location.search); } catch { /* file:// */ }
}

function open(name) {
	current = name;
	version = null;
	fill();
	if (!dialog.open) dialog.showModal();
	hash(name);
	fetchWhole(name);
}

function closed() {
	hash("");
	const at = cards.get(current);
	view.replaceChildren();
	if (at) at.querySelector("a").focus();
	current = null;
}

function step(by) {
	const at = shown.findIndex(entry => entry.name === current);
	const to = Math.max(0, Math.min(shown.length - 1, at + by));
	if (at < 0 || to === at) return;
	while (added <= to && added < shown.length) more();
	open(shown[to].name);
}

// A long prompt stands whole in the record only.
async function fetchWhole(name) {
	const entry = entries.get(name);
	if (!followed || !entry || !entry.cut) return;
	const record = await fetchJson(`records/${path(name)}.json`);
	if (!record || !entries.has(name)) return;
	entries.set(name, {...entry, ...record, cut: false});
	if (current === name) fill();
}

function fill() {
	const entry = entries.get(current);
	if (!entry) { dialog.close(); return; }
	const at = shown.findIndex(other => other.name === current), isImage = kindOf(entry) === "image" || version;
	const full = version ? versionPicture(entry.name, version) : pictureOf(entry.name);
	const source = version ? full : full + stamp(entry);
	const focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
	if (isImage) {
		const old = view.querySelector("img");
		if (!old || old.getAttribute("src") !== source) {
			const image = make("img", {src: source, alt: entry.prompt || entry.name});
			// At once, until the whole picture is there.
			image.style.backgroundImage = `url("${version ? versionThumb(entry.name, version) : thumbOf(entry)}")`;
			image.onload = () => { image.style.backgroundImage = "none"; };
			view.replaceChildren(image);
		}
	} else {
		view.replaceChildren(blank(entry, true));
	}
	// Not disabled: that would take the focus away.
	previous.setAttribute("aria-disabled", String(at <= 0));
	next.setAttribute("aria-disabled", String(at < 0 || at >= shown.length - 1));
	const facts = make("dl");
	for (const [name, value] of version ? [["Version", version.replace(".png", "")]] : factsOf(entry))
		facts.append(make("dt", {}, name), make("dd", {}, String(value)));
	const copy = make("button", {class: "copy", "data-key": "copy", onclick: () => copyText(entry.prompt, copy)}, "Copy the prompt");
	side.replaceChildren(...[make("h2", {dir: "auto"}, entry.name),
		entry.prompt && !version ? make("p", {class: "text", dir: "auto", tabindex: "0"}, entry.prompt + (entry.cut ? "…" : "")) : null,
		entry.prompt && !version ? copy : null,
		!isImage && kindOf(entry) === "failed" ? make("p", {}, `${reasonOf(entry).name}: ${reasonOf(entry).text}`) : null,
		facts, versions(entry),
		make("nav", {"aria-label": "Files"}, isImage ? make("a", {href: full}, "PNG") : null,
			isImage ? make("a", {href: full, download: `${entry.name.split("/").pop()}${version ? `-${version}` : ".png"}`}, "Download") : null,
			version || entry.bare ? null : make("a", {href: `records/${path(entry.name)}.json`}, "Record"))].filter(Boolean));
	dialog.setAttribute("aria-label", `${entry.name}, ${at + 1} of ${shown.length}`);
	said.textContent = dialog.open ? `${entry.name}, ${at + 1} of ${shown.length}` : "";
	const again = focus && [...side.querySelectorAll("[data-key]")].find(element => element.dataset.key === focus);
	if (again) again.focus();
}

function versions(entry) {
	const all = (entry.versions || []).slice().reverse();
	if (!all.length) return null;
	const button = (file, label, thumb, full) => make("button", {"aria-pressed": String(version === file), "data-key": label,
		"aria-label": label, title: label, onclick: () => { version = file; fill(); }}, imageOf(thumb, full, "", true));
	const strip = make("div", {class: "versions", role: "group", "aria-label": "Versions"});
	if (kindOf(entry) === "image") strip.append(button(null, "Current", thumbOf(entry), pictureOf(entry.name) + stamp(entry)));
	for (const file of all)
		strip.append(button(file, `Version ${file.replace(".png", "")}`, versionThumb(entry.name, file), versionPicture(entry.name, file)));
	return strip;
}

async function copyText(text, button) {
	let done = false;
	try { await navigator.clipboard.writeText(text); done = true; } catch {
		// Not over plain HTTP: as browsers did it before.
		const area = make("textarea", {});
		area.value = text;
		dialog.append(area);
		area.select();
		try { done = document.execCommand("copy"); } catch { /* says so */ }
		area.remove();
	}
	button.textContent = done ? "Copied" : "Cannot copy here";
	button.focus();
	setTimeout(() => { button.textContent = "Copy the prompt"; }, 1500);
}

// ---- following ----

async function fetchJson(address) {
	const answer = await fetch(address, {cache: "no-store"});
	if (answer.status === 404 || answer.status === 403) return null;
	if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
	return answer.json();
}

function take(data) {
	entries.clear();
	for (const entry of data.entries) entries.set(entry.name, entry);
	Object.assign(first, {images: data.images, cut: data.cut});
}

// Everything, where gallery.json does not reach back so far.
async function reload() {
	const answer = await fetch("index.html", {cache: "no-store"});
	const page = new DOMParser().parseFromString(await answer.text(), "text/html");
	const data = JSON.parse(page.getElementById("data").textContent);
	take(data);
	changes = data.changes;
	show();
}

async function refetch(names) {
	let moved = false;
	for (let i = 0; i < names.length; i += 8)
		await Promise.all(names.slice(i, i + 8).map(async name => {
			const record = await fetchJson(`records/${path(name)}.json`);
			const old = entries.get(name);
			const gone = !record || record.state === "cancelled" ||
				(record.state === "verified" && !(await fetch(pictureOf(name), {method: "HEAD", cache: "no-store"})).ok);
			if (gone) entries.delete(name);
			else entries.set(name, tidy(record));
			if (old && old.state === "verified") first.images--;
			if (!gone && record.state === "verified") first.images++;
			moved = true;
		}));
	if (moved) rearrange();
}

// What a row has and the page's data leaves out.
function tidy(record) {
	for (const key of ["source", "image", "error", "model", "cost"]) if (record[key] === null) delete record[key];
	return record;
}

// The list in its new order, without losing place and focus.
function rearrange() {
	const top = scrollY, reach = added, name = document.activeElement && [...cards].find(([, card]) => card.contains(document.activeElement));
	show();
	while (added < reach && added < shown.length) more();
	scrollTo(0, top);
	if (name && cards.has(name[0]) && !dialog.open) cards.get(name[0]).querySelector("a").focus({preventScroll: true});
	if (dialog.open && current) fill();
}

function tellToday() {
	const parts = [];
	if (today && today.submissions !== undefined) {
		parts.push(`today: ${today.submissions}${today.budget ? ` of ${today.budget}` : ""} submitted`);
		if (today.cost) parts.push(`cost ${today.cost}`);
	}
	live.textContent = fails > 1 ? "Not connected; trying again" : parts.join(", ");
	live.style.color = fails > 1 || (today && today.budget && today.submissions >= .8 * today.budget) ? "var(--bad)" : "";
}

async function follow() {
	const now = await fetchJson("gallery.json");
	if (!now) return;
	const before = running;
	running = new Map(now.running.map(one => [one.name, one]));
	today = now.today || null;
	if (now.changes !== undefined && now.changes !== changes) {
		if (changes < now.since || changes > now.changes) await reload();
		else await refetch([...new Set(now.changed.filter(([number]) => number > changes).map(([, name]) => name))]);
		changes = Math.max(changes, now.changes);
	}
	for (const name of new Set([...before.keys(), ...running.keys()]))
		if (JSON.stringify(before.get(name)) !== JSON.stringify(running.get(name))) redraw(name);
	count();
}

async function keepFollowing() {
	if (!document.hidden) {
		try { await follow(); fails = 0; } catch { fails++; }
		tellToday();
	}
	setTimeout(keepFollowing, fails > 1 || !running.size ? Math.min(FOLLOW_IDLE_MS, FOLLOW_MS * (fails + 1)) : FOLLOW_MS);
}

build();
take(first);
show();
if (location.hash.length > 1) {
	let name = "";
	try { name = decodeURIComponent(location.hash.slice(1)); } catch { /* no name */ }
	if (entries.has(name)) open(name);
}
document.documentElement.dataset.ready = "yes";
if (followed) keepFollowing();
})();
