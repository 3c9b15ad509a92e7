// The unmodified @solana/kit with its program clients: durable nonces, lookup tables, subscriptions, errors.
//
//   npm install && node kit.mjs [path of the sealane-validator binary]

import assert from "node:assert/strict";
import { run } from "./node.mjs";
import {
  address, airdropFactory, appendTransactionMessageInstructions,
  compressTransactionMessageUsingAddressLookupTables, createSolanaRpc, createSolanaRpcSubscriptions,
  createTransactionMessage, generateKeyPairSigner,
  getSignatureFromTransaction, isSolanaError, lamports, pipe, sendAndConfirmDurableNonceTransactionFactory,
  sendAndConfirmTransactionFactory, setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash, setTransactionMessageLifetimeUsingDurableNonce,
  signTransactionMessageWithSigners, SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
} from "@solana/kit";
import {
  fetchNonce, getCreateAccountInstruction, getInitializeNonceAccountInstruction, getNonceSize,
  getTransferSolInstruction, SYSTEM_PROGRAM_ADDRESS,
} from "@solana-program/system";
import {
  fetchAddressLookupTable, findAddressLookupTablePda, getCreateLookupTableInstructionAsync,
  getExtendLookupTableInstruction,
} from "@solana-program/address-lookup-table";

const steps = [];
const step = (name, run) => steps.push([name, run]);
const payer = await generateKeyPairSigner();

async function message({ rpc }, instructions, version = 0) {
  const { value: latest } = await rpc.getLatestBlockhash().send();
  return pipe(
    createTransactionMessage({ version }),
    (it) => setTransactionMessageFeePayerSigner(payer, it),
    (it) => setTransactionMessageLifetimeUsingBlockhash(latest, it),
    (it) => appendTransactionMessageInstructions(instructions, it),
  );
}

async function send(client, instructions, change = (it) => it) {
  const unsigned = change(await message(client, instructions));
  const transaction = await signTransactionMessageWithSigners(unsigned);
  await sendAndConfirmTransactionFactory(client)(transaction, { commitment: "confirmed" });
  return getSignatureFromTransaction(transaction);
}

// What happened in a slot counts for some things from the next one on.
async function nextSlot({ rpc }) {
  const processed = () => rpc.getSlot({ commitment: "processed" }).send();
  const slot = await processed();
  while (await processed() < slot + 2n) await new Promise((resolve) => setTimeout(resolve, 50));
}

const transfer = (destination, amount) =>
  getTransferSolInstruction({ source: payer, destination, amount: lamports(amount) });

step("an airdrop", async (client) => {
  await airdropFactory(client)({
    commitment: "confirmed", recipientAddress: payer.address, lamports: lamports(10_000_000_000n),
  });
});

step("a transfer of each version, and what it says of itself", async (client) => {
  const { address: to } = await generateKeyPairSigner();
  const signature = await send(client, [transfer(to, 1_000_000n)]);
  const legacy = await message(client, [transfer(to, 5n)], "legacy");
  const transaction = await signTransactionMessageWithSigners(legacy);
  await sendAndConfirmTransactionFactory(client)(transaction, { commitment: "finalized" });
  const { value: balance } = await client.rpc.getBalance(to).send();
  assert.equal(balance, 1_000_005n);
  const found = await client.rpc
    .getTransaction(signature, { encoding: "jsonParsed", maxSupportedTransactionVersion: 0 }).send();
  assert.equal(found.version, 0);
  assert.equal(found.transaction.message.instructions[0].parsed.type, "transfer");
});

step("an overdraft fails in the preflight, with its reason", async (client) => {
  const { address: to } = await generateKeyPairSigner();
  await assert.rejects(send(client, [transfer(to, 1n << 62n)]), (error) =>
    isSolanaError(error, SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE)
    && error.context.logs.some((line) => line.includes("insufficient lamports")));
});

step("a transaction lives on a durable nonce", async (client) => {
  const nonce = await generateKeyPairSigner();
  const space = BigInt(getNonceSize());
  const rent = await client.rpc.getMinimumBalanceForRentExemption(space).send();
  await send(client, [
    getCreateAccountInstruction({
      payer, newAccount: nonce, lamports: rent, space, programAddress: SYSTEM_PROGRAM_ADDRESS,
    }),
    getInitializeNonceAccountInstruction({ nonceAccount: nonce.address, nonceAuthority: payer.address }),
  ]);
  // In the slot in which it was made a nonce cannot be used yet.
  await nextSlot(client);
  const { data } = await fetchNonce(client.rpc, nonce.address);
  const { address: to } = await generateKeyPairSigner();
  const unsigned = pipe(
    createTransactionMessage({ version: 0 }),
    (it) => setTransactionMessageFeePayerSigner(payer, it),
    (it) => setTransactionMessageLifetimeUsingDurableNonce({
      nonce: data.blockhash, nonceAccountAddress: nonce.address, nonceAuthorityAddress: payer.address,
    }, it),
    (it) => appendTransactionMessageInstructions([transfer(to, 1_000_000n)], it),
  );
  const transaction = await signTransactionMessageWithSigners(unsigned);
  await sendAndConfirmDurableNonceTransactionFactory(client)(transaction, { commitment: "confirmed" });
  const { data: after } = await fetchNonce(client.rpc, nonce.address);
  assert.notEqual(after.blockhash, data.blockhash);
});

step("a lookup table is made, filled and used", async (client) => {
  const recentSlot = await client.rpc.getSlot({ commitment: "finalized" }).send();
  const [table] = await findAddressLookupTablePda({ authority: payer.address, recentSlot });
  const { address: to } = await generateKeyPairSigner();
  await send(client, [
    await getCreateLookupTableInstructionAsync({ authority: payer, payer, recentSlot }),
    getExtendLookupTableInstruction({ address: table, authority: payer, payer, addresses: [to] }),
  ]);
  const { data } = await fetchAddressLookupTable(client.rpc, table);
  assert.deepEqual(data.addresses, [to]);
  // Its addresses count from the next slot on.
  await nextSlot(client);
  const signature = await send(client, [transfer(to, 1_000_000n)], (it) =>
    compressTransactionMessageUsingAddressLookupTables(it, { [table]: data.addresses }));
  const found = await client.rpc
    .getTransaction(signature, { encoding: "json", maxSupportedTransactionVersion: 0 }).send();
  assert.deepEqual(found.meta.loadedAddresses.writable, [to]);
});

step("accounts, signatures, logs, slots and blocks are heard of", async (client) => {
  const abort = new AbortController();
  const options = { abortSignal: abort.signal };
  const { address: to } = await generateKeyPairSigner();
  const subscriptions = client.rpcSubscriptions;
  const accounts = await subscriptions.accountNotifications(to, { encoding: "base64" }).subscribe(options);
  const logs = await subscriptions.logsNotifications({ mentions: [to] }).subscribe(options);
  const slots = await subscriptions.slotNotifications().subscribe(options);
  const roots = await subscriptions.rootNotifications().subscribe(options);
  const next = async (notifications) => {
    for await (const notification of notifications) return notification;
  };
  // An iterator hears only what comes after it was first asked.
  const heard = [accounts, logs, slots, roots].map(next);
  const signature = await send(client, [transfer(to, 1_000_000n)]);
  const [account, log, slot, root] = await Promise.all(heard);
  assert.equal(account.value.lamports, 1_000_000n);
  assert.equal(log.value.signature, signature);
  assert.equal(typeof slot.slot, "bigint");
  assert.equal(typeof root, "bigint");
  abort.abort();
});

step("what wallets and explorers read", async ({ rpc }) => {
  const wrapped = address("So11111111111111111111111111111111111111112");
  const mint = await rpc.getAccountInfo(wrapped, { encoding: "jsonParsed" }).send();
  assert.equal(mint.value.data.parsed.info.decimals, 9);
  const zstd = await rpc.getAccountInfo(wrapped, { encoding: "base64+zstd" }).send();
  assert.equal(zstd.value.data[1], "base64+zstd");
  const [node] = await rpc.getClusterNodes().send();
  assert.ok(node.tpuQuic);
  assert.equal(await rpc.getHealth().send(), "ok");
  await rpc.getRecentPrioritizationFees([payer.address]).send();
  await rpc.getRecentPerformanceSamples(3).send();
  const { value: supply } = await rpc.getSupply().send();
  assert.ok(supply.total > 0n);
  const epoch = await rpc.getEpochInfo().send();
  assert.equal(epoch.slotsInEpoch, 432_000n);
});

await run(steps, (url, wsUrl) => ({
  rpc: createSolanaRpc(url), rpcSubscriptions: createSolanaRpcSubscriptions(wsUrl),
}));
