// The unmodified @solana/web3.js 1.x against a Sealane node: airdrop, transfer, confirmation over the
// WebSocket, reading back, subscriptions, the counter program, an overdraft.
//
//   npm install && node web3js.mjs [path of the sealane-validator binary]
//
// Starts the binary (default: ../../target/release/sealane-validator) on a free port and stops it at the
// end. Exits non-zero at the first thing that is not as it should be.

import assert from "node:assert/strict";
import { run } from "./node.mjs";
import {
  Connection, Keypair, LAMPORTS_PER_SOL, PublicKey, SendTransactionError, SystemProgram, Transaction,
  TransactionInstruction, TransactionMessage, VersionedTransaction, sendAndConfirmTransaction,
} from "@solana/web3.js";

const COUNTER_ID = new PublicKey("SeaLaneCounter11111111111111111111111111111");
const CONFIRMATION_MS_MAX = 20;

const steps = [];
const step = (name, run) => steps.push([name, run]);

// The next value that `subscribe` hears, with the id of the subscription.
function next(subscribe) {
  let id;
  const value = new Promise((resolve) => { id = subscribe((value) => resolve(value)); });
  return { id, value };
}

const increment = (user, counter, amount) => {
  const data = Buffer.alloc(9);
  data[0] = 1;
  data.writeBigUInt64LE(amount, 1);
  return new TransactionInstruction({
    programId: COUNTER_ID,
    keys: [
      { pubkey: user, isSigner: true, isWritable: false },
      { pubkey: counter, isSigner: false, isWritable: true },
    ],
    data,
  });
};

const alice = Keypair.generate();
const bob = Keypair.generate();
const [counter] = PublicKey.findProgramAddressSync(
  [Buffer.from("counter"), alice.publicKey.toBuffer()], COUNTER_ID);

const transfer = (lamports, to = bob.publicKey) => new Transaction().add(
  SystemProgram.transfer({ fromPubkey: alice.publicKey, toPubkey: to, lamports }));

step("an airdrop arrives and is confirmed over the WebSocket", async (connection) => {
  const signature = await connection.requestAirdrop(alice.publicKey, 10 * LAMPORTS_PER_SOL);
  const latest = await connection.getLatestBlockhash();
  const confirmed = await connection.confirmTransaction({ signature, ...latest });
  assert.equal(confirmed.value.err, null);
  assert.equal(await connection.getBalance(alice.publicKey), 10 * LAMPORTS_PER_SOL);
});

step("a transfer is confirmed and read back", async (connection) => {
  const signature = await sendAndConfirmTransaction(connection, transfer(LAMPORTS_PER_SOL), [alice]);
  const back = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
  assert.equal(back.meta.err, null);
  assert.equal(back.meta.fee, 5_000);
  assert.deepEqual(back.meta.preBalances, [10 * LAMPORTS_PER_SOL, 0, 1]);
  assert.deepEqual(back.meta.postBalances, [9 * LAMPORTS_PER_SOL - 5_000, LAMPORTS_PER_SOL, 1]);
  assert.deepEqual(back.meta.logMessages, [
    "Program 11111111111111111111111111111111 invoke [1]",
    "Program 11111111111111111111111111111111 success",
  ]);
  assert.equal(back.transaction.signatures[0], signature);
  assert.equal(await connection.getBalance(bob.publicKey), LAMPORTS_PER_SOL);
  const { value } = await connection.getSignatureStatus(signature);
  assert.equal(value.err, null);
  assert.ok(["confirmed", "finalized"].includes(value.confirmationStatus));
});

step("a version 0 transaction is confirmed and read back", async (connection) => {
  const latest = await connection.getLatestBlockhash();
  const message = new TransactionMessage({
    payerKey: alice.publicKey,
    recentBlockhash: latest.blockhash,
    instructions: transfer(1_000_000).instructions,
  }).compileToV0Message();
  const transaction = new VersionedTransaction(message);
  transaction.sign([alice]);
  const signature = await connection.sendTransaction(transaction);
  await connection.confirmTransaction({ signature, ...latest });
  const back = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
  assert.equal(back.version, 0);
  await assert.rejects(connection.getTransaction(signature, {}), /-32015|version/);
});

step("an account subscription hears a transfer to it", async (connection) => {
  const heard = next((tell) => connection.onAccountChange(bob.publicKey, (account, context) =>
    tell({ account, context })));
  // The subscription is set up in the background; a transfer tells when it is there.
  const before = await connection.getBalance(bob.publicKey);
  let settled = false;
  heard.value.then(() => { settled = true; });
  for (let tries = 0; tries < 20 && !settled; tries++) {
    await sendAndConfirmTransaction(connection, transfer(1_000 + tries), [alice]);
  }
  const { account, context } = await heard.value;
  assert.ok(account.lamports > before);
  assert.ok(context.slot >= 0);
  await connection.removeAccountChangeListener(heard.id);
});

step("the counter is created and counts, and its logs are heard", async (connection) => {
  const create = new TransactionInstruction({
    programId: COUNTER_ID,
    keys: [
      { pubkey: alice.publicKey, isSigner: true, isWritable: true },
      { pubkey: counter, isSigner: false, isWritable: true },
      { pubkey: SystemProgram.programId, isSigner: false, isWritable: false },
    ],
    data: Buffer.from([0]),
  });
  await sendAndConfirmTransaction(connection, new Transaction().add(create), [alice]);
  const heard = next((tell) => connection.onLogs(COUNTER_ID, (logs) => tell(logs)));
  let settled = false;
  heard.value.then(() => { settled = true; });
  let count = 0n;
  while (!settled && count < 1_000n) {
    count += 5n;
    const five = new Transaction().add(increment(alice.publicKey, counter, 5n));
    await sendAndConfirmTransaction(connection, five, [alice]);
  }
  const logs = await heard.value;
  assert.equal(logs.err, null);
  assert.match(logs.logs.join("\n"), /Program log: count: \d+/);
  await connection.removeOnLogsListener(heard.id);
  const account = await connection.getAccountInfo(counter);
  assert.ok(account.owner.equals(COUNTER_ID));
  assert.equal(account.data.length, 40);
  assert.equal(account.data.readBigUInt64LE(32), count);
  const owned = await connection.getProgramAccounts(COUNTER_ID, {
    filters: [{ dataSize: 40 }, { memcmp: { offset: 0, bytes: alice.publicKey.toBase58() } }],
  });
  assert.deepEqual(owned.map(({ pubkey }) => pubkey.toBase58()), [counter.toBase58()]);
});

step("a simulation tells logs and units and changes nothing", async (connection) => {
  const before = await connection.getAccountInfo(counter);
  const simulated = await connection.simulateTransaction(
    new Transaction().add(increment(alice.publicKey, counter, 7n)), [alice]);
  assert.equal(simulated.value.err, null);
  assert.match(simulated.value.logs.join("\n"), /count: /);
  assert.ok(simulated.value.unitsConsumed > 0);
  const after = await connection.getAccountInfo(counter);
  assert.deepEqual(after.data, before.data);
});

step("an overdraft is refused in preflight with the System program's error", async (connection) => {
  const before = await connection.getBalance(alice.publicKey);
  const far = transfer(1_000 * LAMPORTS_PER_SOL);
  await assert.rejects(connection.sendTransaction(far, [alice]), (error) => {
    assert.ok(error instanceof SendTransactionError);
    assert.match(error.message, /custom program error: 0x1/);
    assert.ok(error.logs.some((line) => /insufficient lamports/.test(line)), error.logs.join("\n"));
    return true;
  });
  assert.equal(await connection.getBalance(alice.publicKey), before, "preflight charges nothing");
  const signature = await connection.sendTransaction(far, [alice], { skipPreflight: true });
  const expected = { InstructionError: [0, { Custom: 1 }] };
  // Either way that web3.js tells of a failed transaction: by its value, or by throwing its error.
  const error = await connection.confirmTransaction(signature)
    .then((confirmed) => confirmed.value.err, (error) => error);
  assert.deepEqual(error, expected);
  const { value: status } = await connection.getSignatureStatus(signature);
  assert.deepEqual(status.err, expected);
  assert.equal(await connection.getBalance(alice.publicKey), before - 5_000, "the fee is charged");
});

step("blocks and the signatures of an address are read back", async (connection) => {
  const signature = await sendAndConfirmTransaction(connection, transfer(5_000), [alice]);
  const options = { maxSupportedTransactionVersion: 0 };
  const { slot, blockTime } = await connection.getTransaction(signature, options);
  while (await connection.getSlot() < slot) await new Promise((resolve) => setTimeout(resolve, 20));
  const block = await connection.getBlock(slot, options);
  assert.ok(block.transactions.some(({ transaction }) => transaction.signatures[0] === signature));
  assert.equal(block.blockTime, blockTime);
  assert.equal(await connection.getBlockTime(slot), blockTime);
  const parent = await connection.getBlock(slot - 1, { ...options, transactionDetails: "none" });
  assert.equal(parent.blockhash, block.previousBlockhash);
  const accounts = await connection.getBlock(slot, { ...options, transactionDetails: "accounts" });
  assert.equal(accounts.transactions.length, block.transactions.length);
  const parsed = await connection.getParsedBlock(slot, options);
  assert.equal(parsed.transactions.length, block.transactions.length);
  const { signatures } = await connection.getBlockSignatures(slot);
  assert.deepEqual(signatures, block.transactions.map(({ transaction }) => transaction.signatures[0]));
  assert.deepEqual(await connection.getBlocks(slot - 1, slot), [slot - 1, slot]);
  assert.equal(await connection.getFirstAvailableBlock(), 0);
  assert.equal(await connection.getMinimumLedgerSlot(), 0);
  await assert.rejects(connection.getBlock(slot + 1_000_000, options), /not available/);

  const newest = await connection.getSignaturesForAddress(alice.publicKey, { limit: 3 });
  assert.equal(newest.length, 3);
  assert.equal(newest[0].signature, signature);
  assert.equal(newest[0].err, null);
  const older = await connection.getSignaturesForAddress(
    alice.publicKey, { before: signature, until: newest[2].signature });
  assert.deepEqual(older.map((found) => found.signature), [newest[1].signature]);
});

step("the small questions have answers", async (connection) => {
  const epoch = await connection.getEpochInfo();
  assert.ok(epoch.slotsInEpoch > 0 && epoch.absoluteSlot >= 0);
  assert.equal(await connection.getMinimumBalanceForRentExemption(0), 890_880);
  assert.match(await connection.getGenesisHash(), /^[1-9A-HJ-NP-Za-km-z]{32,44}$/);
  const { blockhash } = await connection.getLatestBlockhash();
  assert.equal((await connection.isBlockhashValid(blockhash)).value, true);
  const nobody = new PublicKey(new Uint8Array(32).fill(3)).toBase58();
  assert.equal((await connection.isBlockhashValid(nobody)).value, false);
  const fee = await connection.getFeeForMessage(
    new TransactionMessage({
      payerKey: alice.publicKey, recentBlockhash: blockhash, instructions: transfer(1).instructions,
    }).compileToV0Message());
  assert.equal(fee.value, 5_000);
  const many = await connection.getMultipleAccountsInfo([alice.publicKey, Keypair.generate().publicKey]);
  assert.deepEqual(many.map((account) => account !== null), [true, false]);
  const slots = next((tell) => connection.onSlotChange(tell));
  const { slot, parent } = await slots.value;
  assert.equal(parent, slot - 1);
  await connection.removeSlotChangeListener(slots.id);
  assert.ok(await connection.getBlockHeight() <= await connection.getSlot());
});

step(`one transfer on an idle node is confirmed in under ${CONFIRMATION_MS_MAX} ms`, async (connection) => {
  const times = [];
  for (let n = 0; n < 41; n++) {
    const latest = await connection.getLatestBlockhash();
    const transaction = transfer(10_000 + n);
    transaction.recentBlockhash = latest.blockhash;
    transaction.feePayer = alice.publicKey;
    transaction.sign(alice);
    const bytes = transaction.serialize();
    const started = performance.now();
    const signature = await connection.sendRawTransaction(bytes);
    await connection.confirmTransaction({ signature, ...latest });
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1];
  console.log(`    median ${median.toFixed(2)} ms, worst of 41 ${times.at(-1).toFixed(2)} ms`);
  assert.ok(median < CONFIRMATION_MS_MAX, `median ${median} ms`);
});

await run(steps, (url) => new Connection(url, "confirmed"));
