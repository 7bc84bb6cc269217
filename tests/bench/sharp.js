// sharp, warm: as tests/bench/vips.c. With a path as second argument, once.
const fs = require("fs");
const sharp = require("sharp");

sharp.concurrency(1);
sharp.cache(false);

async function make(path, to) {
	if (path.includes("-right."))
		return sharp(path).raw().toBuffer();
	return sharp(path).resize(2048, 1152, { kernel: "lanczos3", fit: "cover" })
		.png({ compressionLevel: 1, adaptiveFiltering: true }).toFile(to);
}

async function main(to) {
	for await (const path of require("readline").createInterface({ input: process.stdin })) {
		const start = process.hrtime.bigint();

		await make(path, to);
		const ms = Number(process.hrtime.bigint() - start) / 1e6;

		console.log(`${ms.toFixed(3)} ${fs.existsSync(to) ? fs.statSync(to).size : 0} 0`);
	}
}

if (process.argv[3])
	make(process.argv[3], process.argv[2] + "/sharp.png");
else
	main(process.argv[2] + "/sharp.png");
