/* The services' own clients, asked of our test service: what they cannot read of it
 * is a mistake of it. Prints a line for each: name, what it got.
 *
 *     node clients.mjs URL-OF-THE-TEST-SERVICE
 */
import { createFalClient } from "@fal-ai/client";
import OpenAI from "openai";
import Replicate from "replicate";

const base = process.argv[2];
const key = "test-key";

async function openai() {
	const client = new OpenAI({ apiKey: key, baseURL: `${base}/openai/v1`, maxRetries: 0 });
	const made = await client.images.generate({ model: "gpt-image-2", prompt: "a fox", size: "2048x1152" });

	console.log("openai", Buffer.from(made.data[0].b64_json, "base64").subarray(1, 4).toString());
	try {
		await client.images.generate({ model: "dall-e-3", prompt: "a fox" });
	} catch (error) {
		console.log("openai refuses", error.constructor.name, error.status, error.code);
	}
}

async function replicate() {
	const client = new Replicate({ auth: key, baseUrl: `${base}/replicate`, useFileOutput: false });
	const output = await client.run("bytedance/seedream-4", {
		input: { prompt: "a fox", size: "2K" }, wait: { mode: "poll", interval: 20 } });

	console.log("replicate", Array.isArray(output), new URL(output[0]).protocol);
	const task = await client.predictions.create({ model: "bytedance/seedream-4", input: { prompt: "an owl" } });
	const ended = await client.predictions.cancel(task.id);

	console.log("replicate cancels", ended.status);
}

/* The client knows its hosts; a fetch of ours leads it to the test service. */
async function fal() {
	const client = createFalClient({ credentials: key, fetch: (url, options) => fetch(
		String(url).replace("https://queue.fal.run", `${base}/fal`), options) });
	const id = "fal-ai/bytedance/seedream/v4/text-to-image";
	const { request_id } = await client.queue.submit(id, { input: {
		prompt: "a fox", image_size: { width: 2048, height: 1152 } } });
	let status;

	do {
		status = await client.queue.status(id, { requestId: request_id });
	} while (status.status !== "COMPLETED");
	const result = await client.queue.result(id, { requestId: request_id });

	console.log("fal", new URL(result.data.images[0].url).protocol);
	try {
		await client.queue.submit(id, { input: { prompt: "a fox", steps: 3 } });
	} catch (error) {
		console.log("fal refuses", error.name, error.status);
	}
}

await openai();
await replicate();
await fal();
