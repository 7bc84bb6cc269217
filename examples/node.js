#!/usr/bin/env node
// Generates images from Node.
//
//     examples/node.js MOUNT NAME "a prompt" [NAME "a prompt"]…
//
// Each wait occupies a thread of Node's pool of file operations, four by
// default: set UV_THREADPOOL_SIZE to wait for more at once.
'use strict';
const fs = require('node:fs/promises');
const path = require('node:path');

// Resolves to the path of the verified image; rejects with the error of close().
// Node knows no name for EDQUOT, ENOKEY and EKEYREJECTED ("Unknown system error
// -122"): error.errno has the number, and the record has name and reason.
async function generate(mount, name, prompt) {
  const file = await fs.open(path.join(mount, 'prompts', name), 'w');
  try {
    await file.writeFile(prompt);
  } finally {
    await file.close();
  }
  return path.join(mount, 'images', `${name}.png`);
}

async function reason(mount, name, error) {
  try {
    const record = JSON.parse(await fs.readFile(path.join(mount, 'records', `${name}.json`)));
    return `${record.error.errno}: ${record.error.message}`;
  } catch {
    return error.message; // nothing was committed
  }
}

async function main([mount, ...pairs]) {
  if (!mount || pairs.length < 2 || pairs.length % 2) {
    console.error('usage: node.js MOUNT NAME PROMPT [NAME PROMPT]…');
    return 2;
  }
  const jobs = [];
  for (let i = 0; i < pairs.length; i += 2)
    jobs.push(generate(mount, pairs[i], pairs[i + 1]));
  const results = await Promise.allSettled(jobs);
  let status = 0;
  for (const [i, result] of results.entries()) {
    const name = pairs[2 * i];
    if (result.status === 'fulfilled') {
      console.log(result.value);
    } else {
      console.error(`${name}: ${await reason(mount, name, result.reason)}`);
      status = 1;
    }
  }
  return status;
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
