// The unmodified @coral-xyz/anchor: its provider and a program client, as the tests of an Anchor project use them.
//
//   npm install && node anchor.mjs [path of the sealane-validator binary]

import assert from "node:assert/strict";
import anchor from "@coral-xyz/anchor";
import { run } from "./node.mjs";

const { AnchorProvider, BN, Native, Wallet, web3 } = anchor;
const { Keypair, SystemProgram, Transaction } = web3;

const steps = [];
const step = (name, run) => steps.push([name, run]);
const payer = Keypair.generate();

step("an airdrop", async ({ connection }) => {
  const signature = await connection.requestAirdrop(payer.publicKey, 10_000_000_000);
  const latest = await connection.getLatestBlockhash();
  await connection.confirmTransaction({ signature, ...latest }, "confirmed");
});

step("a method of a program client", async ({ connection, program }) => {
  const to = Keypair.generate().publicKey;
  await program.methods
    .transfer(new BN(2_000_000))
    .accounts({ from: payer.publicKey, to })
    .rpc();
  assert.equal(await connection.getBalance(to), 2_000_000);
});

step("an account is made and found by its program client", async ({ connection, program }) => {
  const account = Keypair.generate();
  const lamports = await connection.getMinimumBalanceForRentExemption(16);
  await program.methods
    .createAccount(new BN(lamports), new BN(16), SystemProgram.programId)
    .accounts({ from: payer.publicKey, to: account.publicKey })
    .signers([account])
    .rpc();
  const made = await connection.getAccountInfo(account.publicKey);
  assert.equal(made.data.length, 16);
});

step("a simulation, and one that fails with its logs", async ({ provider }) => {
  const transfer = (lamports) => new Transaction().add(SystemProgram.transfer({
    fromPubkey: payer.publicKey, toPubkey: Keypair.generate().publicKey, lamports,
  }));
  const simulated = await provider.simulate(transfer(1_000_000));
  assert.ok(simulated.logs.some((line) => line.includes("success")), simulated.logs);
  await assert.rejects(
    provider.sendAndConfirm(transfer(2 ** 50)),
    (error) => error.logs.some((line) => line.includes("insufficient lamports")),
  );
});

step("several transactions at once", async ({ connection, provider }) => {
  const to = Keypair.generate().publicKey;
  const transfers = [1_000_000, 7, 11].map((lamports) => ({
    tx: new Transaction().add(SystemProgram.transfer({
      fromPubkey: payer.publicKey, toPubkey: to, lamports,
    })),
  }));
  await provider.sendAll(transfers);
  assert.equal(await connection.getBalance(to), 1_000_018);
});

await run(steps, (url, wsEndpoint) => {
  const connection = new web3.Connection(url, { commitment: "confirmed", wsEndpoint });
  const provider = new AnchorProvider(connection, new Wallet(payer), { commitment: "confirmed" });
  return { connection, provider, program: Native.system(provider) };
});
