// A Sealane node as a process, and steps that are run against it one after the other: what the clients' scripts
// share.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const BINARY = process.argv[2]
  ?? fileURLToPath(new URL("../../target/release/sealane-validator", import.meta.url));

// Two neighbouring ports that nobody uses: HTTP and, one above, WebSocket.
async function freePort() {
  for (let tries = 0; tries < 50; tries++) {
    const first = createServer().listen(0, "127.0.0.1");
    await once(first, "listening");
    const { port } = first.address();
    first.close();
    const second = createServer();
    const free = await new Promise((resolve) => {
      second.once("error", () => resolve(false));
      second.listen(port + 1, "127.0.0.1", () => resolve(true));
    });
    second.close();
    if (free) return port;
  }
  throw new Error("no two free ports");
}

async function startNode(port) {
  const started = performance.now();
  const node = spawn(BINARY, ["--rpc-port", String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  node.stdout.on("data", (data) => { output += data; });
  node.on("error", (error) => { throw error; });
  const request = { jsonrpc: "2.0", id: 1, method: "getVersion", params: [] };
  for (;;) {
    assert.equal(node.exitCode, null, `the node ended early: ${output}`);
    const answer = await fetch(`http://127.0.0.1:${port}`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request),
    }).catch(() => null);
    if (answer?.ok) break;
    assert.ok(performance.now() - started < 10_000, "the node answers within ten seconds");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { node, startMs: performance.now() - started, output: () => output };
}

// Starts a node, runs the steps with what `connect` makes of its addresses, stops it, and ends the process:
// with 0 if all went well.
export async function run(steps, connect) {
  const port = await freePort();
  const { node, startMs, output } = await startNode(port);
  const connection = connect(`http://127.0.0.1:${port}`, `ws://127.0.0.1:${port + 1}`);
  console.log(`the node answered ${startMs.toFixed(0)} ms after its start`);
  let passed = 0;
  let failed = 0;
  try {
    for (const [name, run] of steps) {
      try {
        await run(connection);
        passed += 1;
        console.log(`ok ${name}`);
      } catch (error) {
        failed += 1;
        console.error(`FAILED ${name}\n`, error);
      }
    }
  } finally {
    const ended = once(node, "exit");
    node.kill("SIGINT");
    const [code, signal] = await ended;
    console.log(`the node stopped with ${signal ?? code}`);
    if (code !== 0) {
      failed += 1;
      console.error(output());
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
