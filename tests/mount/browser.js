#!/usr/bin/env node
// A headless Chromium for tests: opens a page and does what it is told, over the
// browser's own pipe (--remote-debugging-pipe), without a library.
//
//     browser.js PROFILE URL STEP…
//
// PROFILE: an empty directory. Steps, in order: eval=EXPRESSION prints its value,
// wait=EXPRESSION until it is true, key=KEY, type=TEXT, click=SELECTOR, shot=FILE
// (.png, .jpg), goto=URL, and before the page: size=WIDTHxHEIGHT, dark, noscript, phone.
// What the page says on its console as an error or violates of its policy is
// printed as "console: …". Exit status 1 if a step fails.
"use strict";
const {spawn} = require("child_process");
const fs = require("fs");
const [profile, url, ...steps] = process.argv.slice(2);
const program = process.env.CHROMIUM || "/usr/bin/chromium";
const LIMIT_MS = 20000;

const browser = spawn(program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
	"--disable-features=Translate,OptimizationHints,MediaRouter", "--no-proxy-server", "--hide-scrollbars", "--force-color-profile=srgb",
	`--user-data-dir=${profile}`, "--remote-debugging-pipe", "about:blank"],
	{stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], env: {...process.env, HOME: profile}});
const waiting = new Map();
let number = 0, session, rest = "";

browser.stdio[4].setEncoding("utf8");
browser.stdio[4].on("data", data => {
	const messages = (rest + data).split("\0");
	rest = messages.pop();
	for (const text of messages) {
		const message = JSON.parse(text);
		if (message.id) {
			const {resolve, reject} = waiting.get(message.id);
			waiting.delete(message.id);
			if (message.error) reject(new Error(message.error.message));
			else resolve(message.result);
		} else if (message.method === "Log.entryAdded" && message.params.entry.level === "error" &&
			message.params.entry.source !== "network") { // a 404 is an answer
			console.log(`console: ${message.params.entry.text} ${message.params.entry.url || ""}`);
		} else if (message.method === "Runtime.exceptionThrown") {
			const details = message.params.exceptionDetails;
			console.log(`console: ${details.exception ? details.exception.description : details.text}`);
		}
	}
});

function send(method, params = {}) {
	return new Promise((resolve, reject) => {
		waiting.set(++number, {resolve, reject});
		browser.stdio[3].write(JSON.stringify({id: number, method, params, sessionId: session}) + "\0");
	});
}

async function evaluate(expression) {
	const {result, exceptionDetails} = await send("Runtime.evaluate", {expression, returnByValue: true, awaitPromise: true});
	if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception.description}`);
	return result.value;
}

async function until(expression) {
	const end = Date.now() + LIMIT_MS;
	while (!await evaluate(expression)) {
		if (Date.now() > end) throw new Error(`never true: ${expression}`);
		await new Promise(resolve => setTimeout(resolve, 30));
	}
}

async function go(address) {
	await send("Page.navigate", {url: address});
	await until("document.readyState === 'complete' && location.href !== 'about:blank'");
}

async function press(key) {
	const codes = {ArrowLeft: 37, ArrowRight: 39, Escape: 27, Enter: 13, Tab: 9, Home: 36, End: 35};
	const event = {key, code: key, windowsVirtualKeyCode: codes[key] || key.charCodeAt(0)};
	if (key === "Enter") event.text = "\r";
	if (key.length === 1) event.text = key;
	await send("Input.dispatchKeyEvent", {type: "keyDown", ...event});
	await send("Input.dispatchKeyEvent", {type: "keyUp", ...event});
}

const before = {
	size: async value => {
		const [width, height] = value.split("x").map(Number);
		await send("Emulation.setDeviceMetricsOverride", {width, height, deviceScaleFactor: 1, mobile: false});
	},
	phone: () => send("Emulation.setDeviceMetricsOverride", {width: 390, height: 844, deviceScaleFactor: 2, mobile: true}),
	dark: () => send("Emulation.setEmulatedMedia", {features: [{name: "prefers-color-scheme", value: "dark"}]}),
	noscript: () => send("Emulation.setScriptExecutionDisabled", {value: true}),
};
const during = {
	eval: async value => { const result = await evaluate(value); console.log(typeof result === "string" ? result : JSON.stringify(result)); },
	wait: until,
	key: press,
	goto: go,
	type: value => send("Input.insertText", {text: value}),
	click: async value => {
		if (!await evaluate(`(element => element && (element.click(), true))(document.querySelector(${JSON.stringify(value)}))`))
			throw new Error(`no ${value}`);
	},
	shot: async value => {
		const format = /\.jpg$/.test(value) ? {format: "jpeg", quality: 82} : {format: "png"};
		fs.writeFileSync(value, Buffer.from((await send("Page.captureScreenshot", format)).data, "base64"));
	},
};

async function main() {
	const {targetInfos} = await send("Target.getTargets");
	const page = targetInfos.find(target => target.type === "page");
	session = (await send("Target.attachToTarget", {targetId: page.targetId, flatten: true})).sessionId;
	await send("Page.enable");
	await send("Log.enable");
	await send("Runtime.enable");
	for (const kind of ["before", "during"]) {
		if (kind === "during") await go(url);
		for (const step of steps) {
			const at = step.indexOf("="), name = at < 0 ? step : step.slice(0, at), value = step.slice(at + 1);
			if (!(name in before) && !(name in during)) throw new Error(`unknown step: ${step}`);
			const action = {before, during}[kind][name];
			if (action) await action(value);
		}
	}
}

main().catch(error => { console.log(`browser: ${error.message}`); process.exitCode = 1; })
	.finally(() => { browser.on("exit", () => process.exit()); send("Browser.close").catch(() => {}); setTimeout(() => browser.kill("SIGKILL"), 5000).unref(); });
