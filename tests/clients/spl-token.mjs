// The unmodified @solana/spl-token against the real Token, Token-2022 and Associated Token Account programs, and
// lookup tables with @solana/web3.js.
//
//   npm install && node spl-token.mjs [path of the sealane-validator binary]

import assert from "node:assert/strict";
import { run } from "./node.mjs";
import {
  AddressLookupTableProgram, Connection, Keypair, LAMPORTS_PER_SOL, PublicKey, SystemProgram, Transaction,
  TransactionInstruction, TransactionMessage, VersionedTransaction, sendAndConfirmTransaction,
} from "@solana/web3.js";
import {
  TOKEN_2022_PROGRAM_ID, TOKEN_PROGRAM_ID, approve, burn, closeAccount, createMint, freezeAccount, getAccount,
  getMint, getOrCreateAssociatedTokenAccount, mintTo, revoke, thawAccount, transfer, transferChecked,
} from "@solana/spl-token";

const MEMO_ID = new PublicKey("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
const steps = [];
const step = (name, run) => steps.push([name, run]);

const alice = Keypair.generate();
const bob = Keypair.generate();
const delegate = Keypair.generate();

step("an airdrop", async (connection) => {
  const signature = await connection.requestAirdrop(alice.publicKey, 100 * LAMPORTS_PER_SOL);
  await connection.confirmTransaction({ signature, ...await connection.getLatestBlockhash() });
});

for (const [name, program] of [["Token", TOKEN_PROGRAM_ID], ["Token-2022", TOKEN_2022_PROGRAM_ID]]) {
  step(`${name}: mint, accounts, transfer, approve, burn, freeze, close`, async (connection) => {
    const confirm = [undefined, undefined, program];
    const mint = await createMint(
      connection, alice, alice.publicKey, alice.publicKey, 6, Keypair.generate(), undefined, program);
    const account = (owner) => getOrCreateAssociatedTokenAccount(
      connection, alice, mint, owner, false, undefined, undefined, program);
    const [mine, yours] = [await account(alice.publicKey), await account(bob.publicKey)];
    await mintTo(connection, alice, mint, mine.address, alice, 1_000_000n, [], ...confirm.slice(1));
    const amount = async ({ address }) => (await getAccount(connection, address, undefined, program)).amount;
    assert.equal((await getMint(connection, mint, undefined, program)).supply, 1_000_000n);
    await transfer(connection, alice, mine.address, yours.address, alice, 250_000n, [], ...confirm.slice(1));
    assert.deepEqual([await amount(mine), await amount(yours)], [750_000n, 250_000n]);
    await approve(
      connection, alice, mine.address, delegate.publicKey, alice, 100_000n, [], ...confirm.slice(1));
    await transferChecked(
      connection, alice, mine.address, mint, yours.address, delegate, 60_000n, 6, [], ...confirm.slice(1));
    assert.deepEqual([await amount(mine), await amount(yours)], [690_000n, 310_000n]);
    await revoke(connection, alice, mine.address, alice, [], ...confirm.slice(1));
    await assert.rejects(
      transfer(connection, alice, mine.address, yours.address, delegate, 1n, [], ...confirm.slice(1)),
      /custom program error: 0x4/);
    await burn(connection, alice, mine.address, mint, alice, 90_000n, [], ...confirm.slice(1));
    assert.equal((await getMint(connection, mint, undefined, program)).supply, 910_000n);
    await freezeAccount(connection, alice, yours.address, mint, alice, [], ...confirm.slice(1));
    await assert.rejects(
      transfer(connection, alice, mine.address, yours.address, alice, 1n, [], ...confirm.slice(1)),
      /custom program error: 0x11/);
    await thawAccount(connection, alice, yours.address, mint, alice, [], ...confirm.slice(1));
    await transfer(connection, alice, mine.address, yours.address, alice, 600_000n, [], ...confirm.slice(1));
    await closeAccount(connection, alice, mine.address, alice.publicKey, alice, [], ...confirm.slice(1));
    assert.equal(await connection.getAccountInfo(mine.address), null);
    assert.equal(await amount(yours), 910_000n);
    const owned = await connection.getProgramAccounts(program, {
      filters: [{ memcmp: { offset: 0, bytes: mint.toBase58() } }],
    });
    assert.deepEqual(owned.map(({ pubkey }) => pubkey.toBase58()), [yours.address.toBase58()]);
  });
}

step("a memo is in the logs", async (connection) => {
  const memo = new TransactionInstruction({ programId: MEMO_ID, keys: [], data: Buffer.from("hello") });
  const signature = await sendAndConfirmTransaction(connection, new Transaction().add(memo), [alice]);
  const { meta } = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
  assert.match(meta.logMessages.join("\n"), /Program log: Memo \(len 5\): "hello"/);
});

step("a lookup table is created, extended, and used by a version 0 transaction", async (connection) => {
  const recentSlot = await connection.getSlot();
  const [create, table] = AddressLookupTableProgram.createLookupTable({
    authority: alice.publicKey, payer: alice.publicKey, recentSlot,
  });
  const friends = Array.from({ length: 20 }, () => Keypair.generate().publicKey);
  const extend = AddressLookupTableProgram.extendLookupTable({
    lookupTable: table, authority: alice.publicKey, payer: alice.publicKey, addresses: friends,
  });
  await sendAndConfirmTransaction(connection, new Transaction().add(create, extend), [alice]);
  const { value: found } = await connection.getAddressLookupTable(table);
  assert.deepEqual(found.state.addresses.map(String), friends.map(String));
  // Addresses can be looked up from the slot after that of their addition on.
  while (await connection.getSlot() <= found.state.lastExtendedSlot) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const latest = await connection.getLatestBlockhash();
  const message = new TransactionMessage({
    payerKey: alice.publicKey,
    recentBlockhash: latest.blockhash,
    instructions: friends.map((toPubkey) =>
      SystemProgram.transfer({ fromPubkey: alice.publicKey, toPubkey, lamports: 1_000_000 })),
  }).compileToV0Message([found]);
  assert.equal(message.staticAccountKeys.length, 2);
  const transaction = new VersionedTransaction(message);
  transaction.sign([alice]);
  const signature = await connection.sendTransaction(transaction);
  const confirmed = await connection.confirmTransaction({ signature, ...latest });
  assert.equal(confirmed.value.err, null);
  assert.equal(await connection.getBalance(friends[19]), 1_000_000);
});

await run(steps, (url) => new Connection(url, "confirmed"));
