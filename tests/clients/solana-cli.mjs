// The unmodified `solana` command line against a node: transfers, nonce accounts, lookup tables, what it reads of the chain,
// and the life of a program: dumped, deployed with --use-rpc, called, upgraded over QUIC, extended, handed on, closed.
// `command-lines.sh` builds the command line and runs this.
//
//   SOLANA=path/of/solana node solana-cli.mjs [path of the sealane-validator binary]

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Connection, Transaction, TransactionInstruction, sendAndConfirmTransaction } from "@solana/web3.js";
import { file, keypair, nextSlot, printed } from "./command-line.mjs";
import { run } from "./node.mjs";

const SOLANA = process.env.SOLANA ?? "solana";
const MEMO = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr";
const [id, bob, nonce, program, authority] = ["id", "bob", "nonce", "program", "authority"].map(keypair);
const elf = file("memo.so");

// What the command line prints.
function solana({ url }, ...words) {
  const general = ["--config", file("none.yml"), "--url", url, "--keypair", file("id.json"), "--commitment", "confirmed"];
  return printed(SOLANA, [...general, ...words]);
}

const steps = [];
const step = (name, run) => steps.push([name, run]);

step("version, epoch, height", async (node) => {
  assert.match(await solana(node, "cluster-version"), /^4\.2/);
  assert.match(await solana(node, "epoch-info"), /Epoch: 0/);
  assert.match(await solana(node, "block-height"), /^\d+/);
});

step("airdrop, balance, account", async (node) => {
  assert.match(await solana(node, "airdrop", "100"), /100 SOL/);
  assert.match(await solana(node, "balance"), /^100 SOL/);
  assert.match(await solana(node, "account", id.publicKey.toBase58()), /Owner: 11111111111111111111111111111111/);
});

step("transfer, confirm -v", async (node) => {
  const to = bob.publicKey.toBase58();
  const answer = await solana(node, "transfer", "--allow-unfunded-recipient", to, "1.5");
  const signature = answer.match(/Signature: (\S+)/)[1];
  assert.match(await solana(node, "balance", to), /^1\.5 SOL/);
  const told = await solana(node, "confirm", "-v", signature);
  assert.match(told, /Status: Ok/);
  assert.match(told, /Program 11111111111111111111111111111111 success/);
  assert.match(await solana(node, "transaction-history", to), new RegExp(signature));
});

step("an overdraft is refused and says why", async (node) => {
  const overdraft = solana(node, "transfer", bob.publicKey.toBase58(), "1000000");
  await assert.rejects(overdraft, /insufficient funds/);
});

step("a nonce account: made, shown, advanced, emptied", async (node) => {
  await solana(node, "create-nonce-account", file("nonce.json"), "1");
  const address = nonce.publicKey.toBase58();
  const first = await solana(node, "nonce", address);
  await nextSlot(node);
  await solana(node, "new-nonce", address);
  assert.notEqual(await solana(node, "nonce", address), first);
  await nextSlot(node);
  await solana(node, "withdraw-from-nonce-account", address, bob.publicKey.toBase58(), "1");
});

step("a program that is on board is dumped", async (node) => {
  await solana(node, "program", "dump", MEMO, elf);
  assert.equal(readFileSync(elf).subarray(1, 4).toString(), "ELF");
});

// A program that was deployed or upgraded runs from the next slot on.
async function say(node, words) {
  await nextSlot(node);
  const instruction = new TransactionInstruction({ programId: program.publicKey, keys: [], data: Buffer.from(words) });
  const sent = sendAndConfirmTransaction(node.connection, new Transaction().add(instruction), [id]);
  const transaction = await node.connection.getTransaction(await sent, { maxSupportedTransactionVersion: 0 });
  assert.ok(transaction.meta.logMessages.some((line) => line.includes(words)), transaction.meta.logMessages);
}

step("lookup tables: made, filled, shown, frozen", async (node) => {
  const made = await solana(node, "address-lookup-table", "create");
  const table = made.match(/Lookup Table Address: (\S+)/)[1];
  await solana(node, "address-lookup-table", "extend", table, "--addresses", bob.publicKey.toBase58());
  const shown = await solana(node, "address-lookup-table", "get", table);
  assert.match(shown, new RegExp(bob.publicKey.toBase58()));
  await solana(node, "address-lookup-table", "freeze", table, "--bypass-warning");
});

step("supply, blocks, leaders, the network", async (node) => {
  assert.match(await solana(node, "supply"), /Total: \d+/);
  assert.match(await solana(node, "largest-accounts"), /SOL/);
  const { slot } = (await node.connection.getSignaturesForAddress(id.publicKey))[0];
  await nextSlot(node);
  assert.match(await solana(node, "block", String(slot)), /Blockhash: /);
  assert.match(await solana(node, "block-time", String(slot)), /Date: /);
  assert.match(await solana(node, "block-production"), /Identity/);
  assert.match(await solana(node, "slot"), /^\d+/);
  assert.match(await solana(node, "gossip"), /Nodes: 1/);
  await solana(node, "leader-schedule", "--no-address-labels");
  await solana(node, "validators");
  await solana(node, "inflation");
  assert.match(await solana(node, "rent", "100"), /SOL/);
  assert.match(await solana(node, "transaction-history", id.publicKey.toBase58()), /transactions found/);
  assert.match(await solana(node, "genesis-hash"), /^\w+/);
  assert.match(await solana(node, "transaction-count"), /^\d+/);
});

step("logs are heard of", async (node) => {
  const heard = spawn(SOLANA, ["--url", node.url, "logs"]);
  let output = "";
  heard.stdout.on("data", (data) => { output += data; });
  const deadline = performance.now() + 20_000;
  while (!output.includes("11111111111111111111111111111111 success")) {
    assert.ok(performance.now() < deadline, `it heard: ${output}`);
    await solana(node, "transfer", bob.publicKey.toBase58(), "0.001", "--allow-unfunded-recipient");
    await nextSlot(node);
  }
  heard.kill();
});

step("deploy --use-rpc, show, call", async (node) => {
  const answer = await solana(node, "program", "deploy", "--use-rpc", "--program-id", file("program.json"), elf);
  assert.match(answer, new RegExp(`Program Id: ${program.publicKey}`));
  const shown = await solana(node, "program", "show", program.publicKey.toBase58());
  assert.match(shown, new RegExp(`Authority: ${id.publicKey}`));
  await say(node, "deployed");
});

step("upgrade, extend, hand on, call", async (node) => {
  const address = program.publicKey.toBase58();
  // Without --use-rpc the file goes to the node over QUIC.
  await solana(node, "program", "deploy", "--program-id", file("program.json"), elf);
  await nextSlot(node);
  await solana(node, "program", "extend", address, "20000");
  await solana(node, "program", "set-upgrade-authority", address, "--new-upgrade-authority", file("authority.json"));
  const shown = await solana(node, "program", "show", address);
  assert.match(shown, new RegExp(`Authority: ${authority.publicKey}`));
  await say(node, "upgraded");
});

step("a buffer: written, shown, closed", async (node) => {
  const answer = await solana(node, "program", "write-buffer", "--use-rpc", elf);
  const buffer = answer.match(/Buffer: (\S+)/)[1];
  assert.match(await solana(node, "program", "show", "--buffers"), new RegExp(buffer));
  await solana(node, "program", "close", buffer);
});

step("close: the program is gone", async (node) => {
  const address = program.publicKey.toBase58();
  await solana(node, "program", "close", address, "--authority", file("authority.json"), "--bypass-warning");
  await assert.rejects(solana(node, "program", "show", address), /closed/);
  await assert.rejects(say(node, "closed"));
});

await run(steps, (url) => ({ url, connection: new Connection(url, "confirmed") }));
